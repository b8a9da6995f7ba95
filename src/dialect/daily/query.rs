//! A query string read name by name, strictly: a misspelt filter would else widen the answer. Apart
//! because every list has one; it never reads a body.

use std::fmt::Display;

use axum::extract::Query as Pairs;
use axum::http::Uri;

use crate::dialect::daily::error::Error;

/// The parameters that were not read yet.
pub(super) struct Query {
    pairs: Vec<(String, String)>,
    known: Vec<&'static str>,
}

impl Query {
    /// Takes a request's query apart.
    ///
    /// # Errors
    /// 400 when it is no query.
    pub(super) fn of(uri: &Uri) -> Result<Self, Error> {
        let pairs = Pairs::<Vec<(String, String)>>::try_from_uri(uri);
        let Pairs(pairs) = pairs.map_err(|error| Error::invalid(error.body_text()))?;
        Ok(Self {
            pairs,
            known: Vec::new(),
        })
    }

    /// What a list is narrowed by, or a place in it. Empty, it would leave the list as wide as
    /// without it, and would lead a reader of pages back to the first.
    ///
    /// # Errors
    /// 400 when it is empty, or given twice.
    pub(super) fn filter(&mut self, name: &'static str) -> Result<Option<String>, Error> {
        self.known.push(name);
        let (mut found, rest): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pairs)
            .into_iter()
            .partition(|(given, _)| given == name);
        self.pairs = rest;
        if found.len() > 1 {
            return Err(wrong(name, "is given twice"));
        }
        let value = found.pop().map(|(_, value)| value);
        if value.as_ref().is_some_and(String::is_empty) {
            return Err(wrong(name, "is empty: leave it out to ask without it"));
        }
        Ok(value)
    }

    /// A parameter with a form of its own.
    ///
    /// # Errors
    /// 400 when it has another, is empty, or is given twice.
    pub(super) fn parsed<T, E: Display>(
        &mut self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, Error> {
        let text = self.filter(name)?;
        let read = text.as_deref().map(parse).transpose();
        read.map_err(|error| wrong(name, error))
    }

    /// How many of a list are asked for: as many as there may be, unless it says less.
    ///
    /// # Errors
    /// 400 when it is no number from 1 to [`LIMIT_MAX`].
    pub(super) fn limit(&mut self) -> Result<usize, Error> {
        let limit = self.parsed("limit", |text| match text.parse() {
            Ok(limit @ 1..=LIMIT_MAX) => Ok(limit),
            Ok(_) | Err(_) => Err(format!("has to be a number from 1 to {LIMIT_MAX}")),
        });
        Ok(limit?.unwrap_or(LIMIT_MAX))
    }

    /// Refuses what was not read.
    ///
    /// # Errors
    /// 400 that names it.
    pub(super) fn finish(self) -> Result<(), Error> {
        let Some((unknown, _)) = self.pairs.first() else {
            return Ok(());
        };
        let known = match self.known.as_slice() {
            [] => "none".to_owned(),
            known => known.join(", "),
        };
        let shown: String = unknown.chars().take(ECHO_CHARS_MAX).collect();
        Err(wrong(&shown, format!("is unknown here: known are {known}")))
    }
}

fn wrong(name: &str, problem: impl Display) -> Error {
    Error::invalid(format!("the parameter `{name}` {problem}"))
}

/// Of a list, as many come at once at most, and unless asked otherwise (Daily's figure).
pub(super) const LIMIT_MAX: usize = 100;
/// Longer words of a caller are cut before they are repeated.
const ECHO_CHARS_MAX: usize = 64;
