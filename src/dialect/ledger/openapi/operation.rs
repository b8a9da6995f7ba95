//! What one call takes and answers, as functions that tell it. Apart so that each stands beside
//! its handler; it is a table and does nothing.

use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::query::Query;

/// One call as the document tells it.
#[derive(Clone, Copy)]
pub(in crate::dialect::ledger) struct Operation {
    pub(super) id: &'static str,
    pub(super) summary: &'static str,
    pub(super) group: Group,
    pub(super) query: Option<ReadQuery>,
    pub(super) bodies: Bodies,
    pub(super) answer: Answer,
    /// Statuses of problems beside those of the group.
    pub(super) errors: &'static [u16],
}

/// What calls have in common: who may make them, what can go wrong with them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::dialect::ledger) enum Group {
    /// For everybody.
    Open,
    /// Reports of what happens.
    Reports,
    /// What admins do.
    Commands,
    /// Reading.
    Reading,
}

/// One form of a body: the function that reads it, and one that it reads.
#[derive(Clone, Copy)]
pub(in crate::dialect::ledger) struct Body {
    /// The name of the form, where there are several.
    pub(in crate::dialect::ledger) name: &'static str,
    pub(in crate::dialect::ledger) read: fn(&mut Fields) -> Result<(), Wrong>,
    /// JSON with every object and list that the reader looks into.
    pub(in crate::dialect::ledger) example: &'static str,
}

/// What is answered when nothing is wrong.
#[derive(Clone, Copy)]
pub(in crate::dialect::ledger) struct Answer {
    pub(super) status: u16,
    pub(super) content_type: &'static str,
    pub(super) schema: fn(&mut SchemaGenerator) -> Schema,
}

/// The forms that a body may have.
pub(in crate::dialect::ledger) type Bodies = fn() -> Vec<Body>;

/// Reads a query.
pub(in crate::dialect::ledger) type ReadQuery = fn(&mut Query) -> Result<(), Problem>;

impl Answer {
    /// JSON of that type.
    pub(in crate::dialect::ledger) const fn of<T: JsonSchema>(status: u16) -> Self {
        Self {
            status,
            content_type: "application/json",
            schema: SchemaGenerator::subschema_for::<T>,
        }
    }

    /// Text of another kind.
    pub(in crate::dialect::ledger) const fn text(content_type: &'static str) -> Self {
        Self {
            status: 200,
            content_type,
            schema: SchemaGenerator::subschema_for::<String>,
        }
    }
}

impl Operation {
    pub(in crate::dialect::ledger) const fn open(
        id: &'static str,
        summary: &'static str,
        answer: Answer,
    ) -> Self {
        Self::new(Group::Open, id, summary, answer)
    }

    pub(in crate::dialect::ledger) const fn report(
        id: &'static str,
        summary: &'static str,
        bodies: Bodies,
        answer: Answer,
    ) -> Self {
        Self {
            bodies,
            ..Self::new(Group::Reports, id, summary, answer)
        }
    }

    pub(in crate::dialect::ledger) const fn command(
        id: &'static str,
        summary: &'static str,
        bodies: Bodies,
        answer: Answer,
    ) -> Self {
        Self {
            bodies,
            ..Self::new(Group::Commands, id, summary, answer)
        }
    }

    pub(in crate::dialect::ledger) const fn read(
        id: &'static str,
        summary: &'static str,
        query: ReadQuery,
        answer: Answer,
    ) -> Self {
        Self {
            query: Some(query),
            ..Self::new(Group::Reading, id, summary, answer)
        }
    }

    /// Adds statuses of problems.
    pub(in crate::dialect::ledger) const fn or(self, errors: &'static [u16]) -> Self {
        Self { errors, ..self }
    }

    const fn new(group: Group, id: &'static str, summary: &'static str, answer: Answer) -> Self {
        Self {
            id,
            summary,
            group,
            query: None,
            bodies: Vec::new,
            answer,
            errors: &[],
        }
    }
}
