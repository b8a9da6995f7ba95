//! A query string read name by name, strictly: a misspelt filter would else widen the answer.
//! Apart because every reading call has one. What was asked for is remembered, so that the reader
//! of a query is also its description. It never reads a body.

use std::fmt::Display;

use axum::extract::{FromRequestParts, Query as Pairs};
use axum::http::Uri;
use axum::http::request::Parts;
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::dialect::ledger::problem::Problem;

/// The parameters that were not read yet.
#[derive(Default)]
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    known: Vec<Parameter>,
}

/// A parameter that was asked for.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) schema: fn(&mut SchemaGenerator) -> Schema,
}

impl Query {
    /// Takes the query of an address apart.
    ///
    /// # Errors
    /// 400 when it is no query.
    pub(super) fn of(uri: &Uri) -> Result<Self, Problem> {
        let read = Pairs::<Vec<(String, String)>>::try_from_uri(uri);
        let Pairs(pairs) = read.map_err(|error| Problem::malformed(error.body_text()))?;
        Ok(Self {
            pairs,
            known: Vec::new(),
        })
    }

    /// All that was asked for.
    pub(super) fn known(&self) -> &[Parameter] {
        &self.known
    }

    /// A parameter, at most once.
    pub(super) fn text(&mut self, name: &'static str) -> Result<Option<String>, Problem> {
        self.ask::<String>(name);
        self.once(name)
    }

    /// A parameter that may be repeated.
    pub(super) fn repeated<T: JsonSchema>(
        &mut self,
        name: &'static str,
    ) -> Result<Vec<String>, Problem> {
        self.ask::<Vec<T>>(name);
        self.take(name)
    }

    fn ask<T: JsonSchema>(&mut self, name: &'static str) {
        let schema = SchemaGenerator::subschema_for::<T>;
        self.known.push(Parameter { name, schema });
    }

    fn once(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let mut found = self.take(name)?;
        if found.len() > 1 {
            return Err(wrong(name, "is given twice"));
        }
        Ok(found.pop())
    }

    /// The values of a parameter. An empty one, such as a script's variable that was never set,
    /// would leave the answer as wide as without it.
    fn take(&mut self, name: &str) -> Result<Vec<String>, Problem> {
        let (found, rest) = std::mem::take(&mut self.pairs)
            .into_iter()
            .partition(|(given, _)| given == name);
        self.pairs = rest;
        let values = found.into_iter().map(|(_, value): (_, String)| value);
        let values: Vec<String> = values.collect();
        if values.iter().any(String::is_empty) {
            return Err(wrong(name, "is empty: leave it out to ask without it"));
        }
        Ok(values)
    }

    /// A parameter with a form of its own.
    pub(super) fn parsed<T: JsonSchema, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Problem> {
        self.ask::<T>(name);
        let text = self.once(name)?;
        let read = text.as_deref().map(parse).transpose();
        read.map_err(|error| wrong(name, error))
    }

    /// Refuses what was not read.
    pub(super) fn finish(self) -> Result<(), Problem> {
        match self.pairs.first() {
            None => Ok(()),
            Some((name, _)) => {
                let known: Vec<&str> = self.known.iter().map(|known| known.name).collect();
                let known = match known.as_slice() {
                    [] => "none".to_owned(),
                    known => known.join(", "),
                };
                let shown: String = name.chars().take(ECHO_CHARS_MAX).collect();
                Err(wrong(&shown, format!("is unknown here: known are {known}")))
            }
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Self::of(&parts.uri)
    }
}

fn wrong(name: &str, problem: impl Display) -> Problem {
    Problem::malformed(format!("the parameter `{name}` {problem}"))
}

/// Longer words of a caller are cut before they are repeated.
const ECHO_CHARS_MAX: usize = 64;
