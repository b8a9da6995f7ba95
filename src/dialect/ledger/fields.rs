//! A JSON object read member by member, so that a wrong one is named and an unknown one refused.
//!
//! Apart because a body that is read loosely does something else than was meant. It knows no
//! command.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What is wrong with a body, with where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{problem}")]
pub(super) struct Wrong {
    place: String,
    problem: String,
}

/// The members that were not read yet.
pub(super) struct Fields {
    /// The path of the object, with a dot behind; empty at the top.
    path: String,
    members: Map<String, Value>,
    known: Vec<&'static str>,
}

impl Fields {
    /// Reads a body; nothing at all is an object without members.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Wrong> {
        if body.is_empty() {
            return Ok(Self::of(String::new(), Map::new()));
        }
        let wrong = |problem: String| Wrong {
            place: "the body ".to_owned(),
            problem,
        };
        match serde_json::from_slice(body) {
            Ok(Value::Object(members)) => Ok(Self::of(String::new(), members)),
            Ok(other) => Err(wrong(format!(
                "has to be a JSON object, not {}",
                name_of(&other)
            ))),
            Err(error) => Err(wrong(format!("is no JSON: {error}"))),
        }
    }

    const fn of(path: String, members: Map<String, Value>) -> Self {
        Self {
            path,
            members,
            known: Vec::new(),
        }
    }

    /// A member that may be absent; `null` is absent.
    pub(super) fn optional<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<T>, Wrong> {
        self.clearable(name).map(Option::flatten)
    }

    /// A member that may be absent, or `null` to clear what it stands for.
    #[expect(
        clippy::option_option,
        reason = "absent, cleared and given are three things"
    )]
    pub(super) fn clearable<T: DeserializeOwned>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Option<T>>, Wrong> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Null) => Ok(Some(None)),
            Some(value) => {
                let read = serde_json::from_value(value);
                read.map(|read| Some(Some(read)))
                    .map_err(|error| self.wrong(name, error))
            }
        }
    }

    /// A member that has to be there.
    pub(super) fn required<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, Wrong> {
        self.optional(name)?
            .ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// A text with a form of its own, if it is there.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Wrong> {
        let text: Option<String> = self.optional(name)?;
        let read = text.as_deref().map(parse).transpose();
        read.map_err(|error| self.wrong(name, error))
    }

    /// A text with a form of its own, which has to be there.
    pub(super) fn required_parsed<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Wrong> {
        self.parsed(name, parse)?
            .ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// An object, if it is there, to be read and finished by itself.
    pub(super) fn object(&mut self, name: &'static str) -> Result<Option<Self>, Wrong> {
        let members = self.optional::<Map<String, Value>>(name)?;
        let path = format!("{}{name}.", self.path);
        Ok(members.map(|members| Self::of(path, members)))
    }

    /// A list of objects, which has to be there, each to be read and finished by itself.
    pub(super) fn objects(&mut self, name: &'static str) -> Result<Vec<Self>, Wrong> {
        let items: Vec<Map<String, Value>> = self.required(name)?;
        let path = &self.path;
        let read = items.into_iter().enumerate();
        Ok(read
            .map(|(index, members)| Self::of(format!("{path}{name}[{index}]."), members))
            .collect())
    }

    /// All that was not read, where any member is allowed.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.members
    }

    /// Refuses what was not read.
    pub(super) fn finish(self) -> Result<(), Wrong> {
        let Some(unknown) = self.members.keys().next() else {
            return Ok(());
        };
        let known = self.known.join(", ");
        let shown: String = unknown.chars().take(ECHO_CHARS_MAX).collect();
        Err(self.wrong(&shown, format!("is unknown here: known are {known}")))
    }

    /// Something wrong with one of its members.
    pub(super) fn wrong(&self, name: &str, problem: impl Display) -> Wrong {
        Wrong {
            place: format!("`{}{name}` ", self.path),
            problem: problem.to_string(),
        }
    }

    fn take(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.members.remove(name)
    }
}

const fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// Longer words of a caller are cut before they are repeated.
const ECHO_CHARS_MAX: usize = 64;
