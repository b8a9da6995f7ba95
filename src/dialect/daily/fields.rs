//! A JSON object read member by member, so that a wrong one is named and an unknown one refused.
//! Apart because a body that is read loosely does something else than was meant. It knows no call.

use std::fmt::Display;

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::dialect::json;

/// What is wrong with a body, with where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}{problem}")]
pub(super) struct Wrong {
    place: String,
    problem: String,
    pub(super) is_json: bool,
}

/// The members that were not read yet.
#[derive(Clone, Debug)]
pub(super) struct Fields {
    /// The path of the object, with a dot behind; empty at the top.
    path: String,
    members: Map<String, Value>,
    /// What was asked for.
    known: Vec<&'static str>,
}

impl Fields {
    /// Reads a body; nothing at all is an object without members.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Wrong> {
        if body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Self::of(String::new(), Map::new()));
        }
        let wrong = |problem: String, is_json| Wrong {
            place: "the body ".to_owned(),
            problem,
            is_json,
        };
        match json::value(body) {
            Ok(Value::Object(members)) => Ok(Self::of(String::new(), members)),
            Ok(_) => Err(wrong("has to be a JSON object".to_owned(), true)),
            Err(error) if error.is_data() => Err(wrong(format!("cannot be read: {error}"), true)),
            Err(error) => Err(wrong(format!("is no JSON: {error}"), false)),
        }
    }

    /// An object that stands at `path` (with a dot behind, or empty).
    pub(super) fn of(path: String, members: Map<String, Value>) -> Self {
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
        let value = self.value(name).filter(|value| !value.is_null());
        let read = value.map(serde_json::from_value).transpose();
        read.map_err(|error| self.wrong(name, error))
    }

    /// A member that has to be there.
    pub(super) fn required<T: DeserializeOwned>(&mut self, name: &'static str) -> Result<T, Wrong> {
        let value = self.optional(name)?;
        value.ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// An object, if it is there, to be read and finished by itself.
    pub(super) fn object(&mut self, name: &'static str) -> Result<Option<Self>, Wrong> {
        let members: Option<Map<String, Value>> = self.optional(name)?;
        let path = format!("{}{name}.", self.path);
        Ok(members.map(|members| Self::of(path, members)))
    }

    /// A member as it is, `null` too.
    pub(super) fn value(&mut self, name: &'static str) -> Option<Value> {
        self.known.push(name);
        self.members.remove(name)
    }

    /// Refuses what was not read.
    pub(super) fn finish(self) -> Result<(), Wrong> {
        let Some(unknown) = self.members.keys().next() else {
            return Ok(());
        };
        let shown: String = unknown.chars().take(ECHO_CHARS_MAX).collect();
        let problem = if self.known.len() > SHOWN_MAX {
            "is unknown here".to_owned()
        } else {
            format!("is unknown here: known are {}", self.known.join(", "))
        };
        Err(self.wrong(&shown, problem))
    }

    /// Something wrong with one of its members.
    pub(super) fn wrong(&self, name: &str, problem: impl Display) -> Wrong {
        Wrong {
            place: format!("`{}{name}` ", self.path),
            problem: problem.to_string(),
            is_json: true,
        }
    }
}

/// More names than these are no help, and would stand in the log with every refusal.
const SHOWN_MAX: usize = 12;
/// Longer words of a caller are cut before they are repeated.
const ECHO_CHARS_MAX: usize = 64;
