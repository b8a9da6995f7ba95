//! A JSON object read member by member, so that a wrong one is named and an unknown one refused.
//!
//! Apart because a body that is read loosely does something else than was meant. What was asked for
//! is remembered, so that the reader of a body is also its description. It knows no command.

use std::cell::RefCell;
use std::fmt::Display;
use std::rc::Rc;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::dialect::json;

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
    known: Rc<RefCell<Known>>,
}

/// What the reader of an object asked for.
#[derive(Default)]
pub(super) struct Known {
    pub(super) members: Vec<Member>,
    /// Whether any other member is allowed.
    pub(super) open: bool,
}

/// A member that was asked for.
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) required: bool,
    pub(super) form: Form,
}

/// What a member may be.
pub(super) enum Form {
    /// A value of some type.
    Value(fn(&mut SchemaGenerator) -> Schema),
    /// An object that is read member by member.
    Object(Rc<RefCell<Known>>),
    /// A list of such objects.
    Objects(Rc<RefCell<Known>>),
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
        match json::value(body) {
            Ok(Value::Object(members)) => Ok(Self::of(String::new(), members)),
            Ok(other) => Err(wrong(format!(
                "has to be a JSON object, not {}",
                name_of(&other)
            ))),
            Err(error) if error.is_data() => Err(wrong(format!("cannot be read: {error}"))),
            Err(error) => Err(wrong(format!("is no JSON: {error}"))),
        }
    }

    fn of(path: String, members: Map<String, Value>) -> Self {
        Self {
            path,
            members,
            known: Rc::default(),
        }
    }

    /// All that is asked for, now and later.
    pub(super) fn known(&self) -> Rc<RefCell<Known>> {
        Rc::clone(&self.known)
    }

    /// Whether a member is there by which bodies of several forms differ; `null` is dropped.
    pub(super) fn has(&mut self, name: &str) -> bool {
        self.members
            .get(name)
            .is_some_and(Value::is_null)
            .then(|| self.members.remove(name));
        self.members.contains_key(name)
    }

    /// A member that may be absent; `null` is absent.
    pub(super) fn optional<T: DeserializeOwned + JsonSchema>(
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
    pub(super) fn clearable<T: DeserializeOwned + JsonSchema>(
        &mut self,
        name: &'static str,
    ) -> Result<Option<Option<T>>, Wrong> {
        self.ask::<Option<T>>(name, false);
        self.take(name)
    }

    /// A member that has to be there.
    pub(super) fn required<T: DeserializeOwned + JsonSchema>(
        &mut self,
        name: &'static str,
    ) -> Result<T, Wrong> {
        self.ask::<T>(name, true);
        let value = self.take(name)?.flatten();
        value.ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// A text with a form of its own, if it is there.
    pub(super) fn parsed<T: JsonSchema, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Wrong> {
        self.ask::<Option<T>>(name, false);
        self.written(name, parse)
    }

    /// A text with a form of its own, which has to be there.
    pub(super) fn required_parsed<T: JsonSchema, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, Wrong> {
        self.ask::<T>(name, true);
        self.written(name, parse)?
            .ok_or_else(|| self.wrong(name, "is missing"))
    }

    /// An object, if it is there, to be read and finished by itself.
    pub(super) fn object(&mut self, name: &'static str) -> Result<Option<Self>, Wrong> {
        let members: Option<Map<String, Value>> = self.take(name)?.flatten();
        let is_given = members.is_some();
        let path = format!("{}{name}.", self.path);
        let inside = Self::of(path, members.unwrap_or_default());
        self.ask_for(name, false, Form::Object(inside.known()));
        Ok(is_given.then_some(inside))
    }

    /// A list of objects, which has to be there, each to be read and finished by itself.
    pub(super) fn objects(&mut self, name: &'static str) -> Result<Vec<Self>, Wrong> {
        let items: Option<Vec<Map<String, Value>>> = self.take(name)?.flatten();
        let items = items.ok_or_else(|| self.wrong(name, "is missing"))?;
        let path = &self.path;
        let read = items.into_iter().enumerate();
        let items: Vec<Self> = read
            .map(|(index, members)| Self::of(format!("{path}{name}[{index}]."), members))
            .collect();
        let first = items.first().map(Self::known).unwrap_or_default();
        self.ask_for(name, true, Form::Objects(first));
        Ok(items)
    }

    /// All that was not read, where any member is allowed.
    pub(super) fn rest(self) -> Map<String, Value> {
        self.known.borrow_mut().open = true;
        self.members
    }

    /// Refuses what was not read.
    pub(super) fn finish(self) -> Result<(), Wrong> {
        let Some(unknown) = self.members.keys().next() else {
            return Ok(());
        };
        let known = self.known.borrow();
        let known: Vec<&str> = known.members.iter().map(|member| member.name).collect();
        let known = match known.as_slice() {
            [] => "none".to_owned(),
            known => known.join(", "),
        };
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

    fn ask<T: JsonSchema>(&self, name: &'static str, required: bool) {
        let schema = SchemaGenerator::subschema_for::<T>;
        self.ask_for(name, required, Form::Value(schema));
    }

    fn ask_for(&self, name: &'static str, required: bool, form: Form) {
        self.known.borrow_mut().members.push(Member {
            name,
            required,
            form,
        });
    }

    fn written<T, E: Display>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Wrong> {
        let text: Option<String> = self.take(name)?.flatten();
        let read = text.as_deref().map(parse).transpose();
        read.map_err(|error| self.wrong(name, error))
    }

    #[expect(
        clippy::option_option,
        reason = "absent, null and given are three things"
    )]
    fn take<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<Option<T>>, Wrong> {
        let value = self.members.remove(name);
        let read = value.map(serde_json::from_value).transpose();
        read.map_err(|error| self.wrong(name, error))
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
