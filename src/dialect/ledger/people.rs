//! Who was in a room at a moment, who could do something, and who had been removed.
//! Apart from the folded room, because these are read from its history too.

use std::borrow::Cow;

use axum::http::HeaderMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::dialect::ledger::moments::no_room;
use crate::dialect::ledger::openapi::{Answer, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::query::Query;
use crate::dialect::ledger::rendered::Rendered;
use crate::dialect::ledger::rooms::{Limit, asked_more, at};
use crate::dialect::ledger::state::{Ledger, State};
use crate::dialect::ledger::write::Named;
use crate::domain::Version;
use crate::replay::{Ability, Moment, PresencePage, Present, RemovalPage, removals};

/// `GET /rooms/{room}/present`
pub(super) async fn present(
    State(ledger): State<Ledger>,
    headers: HeaderMap,
    Named(room): Named<String>,
    query: Query,
) -> Result<Rendered, Problem> {
    let asked = asked_more(&ledger, &headers, &room, query, |query| {
        Ok((can(query)?, page(query)?))
    });
    let (room, moment, (ability, Page { cursor, limit })) = asked.await?;
    let found = ledger.folded(&room, moment, move |room, names, _| {
        Some(Present::of(room, names, ability, cursor, limit))
    });
    let found = found.await?.ok_or_else(|| no_room(&room))?;
    let page = ledger
        .engine
        .read(move |store| Ok(Rendered::of(&found.complete(store)?)));
    Ok(page.await?)
}

/// `GET /rooms/{room}/removals`
pub(super) async fn removed(
    State(ledger): State<Ledger>,
    headers: HeaderMap,
    Named(room): Named<String>,
    query: Query,
) -> Result<Rendered, Problem> {
    let (room, moment, Page { cursor, limit }) =
        asked_more(&ledger, &headers, &room, query, page).await?;
    let name = room.clone();
    let version = ledger.engine.version_at(&name, moment).await?;
    if version == Version(0) {
        return Err(no_room(&room));
    }
    let moment = Moment::Version(version);
    let found = ledger.engine.read(move |store| {
        let page = removals(store, &name, moment, cursor, limit)?;
        Ok(Rendered::of(&page))
    });
    Ok(found.await?)
}

pub(super) const PRESENT: Operation = Operation::read(
    "present",
    "Who was in a room, or could do something there, and since when.",
    |query| {
        at(query)?;
        can(query)?;
        page(query).map(drop)
    },
    Answer::of::<PresencePage>(200),
)
.or(&[404]);
pub(super) const REMOVED: Operation = Operation::read(
    "removals",
    "Who had been removed in any session of a room, by whom and why.",
    |query| {
        at(query)?;
        page(query).map(drop)
    },
    Answer::of::<RemovalPage>(200),
)
.or(&[404]);

/// Which part of a list.
struct Page {
    cursor: Option<u32>,
    limit: usize,
}

fn page(query: &mut Query) -> Result<Page, Problem> {
    let limit = query.parsed("limit", Limit::<PEOPLE_MAX>::parse)?;
    Ok(Page {
        cursor: query.parsed("cursor", str::parse::<u32>)?,
        limit: limit.map_or(PEOPLE_DEFAULT, |Limit(limit)| limit),
    })
}

fn can(query: &mut Query) -> Result<Option<Ability>, Problem> {
    let can = query.parsed("can", |text| Ability::parse(text).map(Can));
    Ok(can?.map(|Can(ability)| ability))
}

/// A right that is asked about.
struct Can(Ability);

impl JsonSchema for Can {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Ability")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "`publish`, `publish:SOURCE` or `data`.",
            "type": "string",
            "pattern": "^(publish(:[a-z_]+)?|data)$",
        })
    }
}

const PEOPLE_DEFAULT: usize = 1_000;
/// One of them takes about 300 bytes as JSON, so a page has about 3 MB. Names and reasons at their
/// bounds take ten times as much, and more than an answer may have: then a smaller limit is asked
/// for.
const PEOPLE_MAX: usize = 10_000;
