//! The calls that came through this dialect, as the log knows them. Apart from the events they
//! made, which our own API shows; what is not in the log is `null` here, and never made up.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::dialect::daily::asked::{Answer, Asked, UNREAD};
use crate::dialect::daily::call::Call;
use crate::dialect::daily::call::DIALECT;
use crate::dialect::daily::error::{Error, kind_of};
use crate::dialect::daily::page::OLDEST;
use crate::dialect::daily::rooms::{self, DOMAIN_ID};
use crate::dialect::javascript;
use crate::domain::event::CommandRefused;
use crate::domain::{Code, Event, Personal};
use crate::store::{Position, Record};

/// `GET /logs/api`
///
/// # Errors
/// 400 that names what is wrong.
pub(super) async fn list(asked: &Asked) -> Result<Answer, Error> {
    let mut query = asked.query()?;
    let limit = query.parsed("limit", limit)?.unwrap_or(LIMIT_DEFAULT);
    let older_than = query.parsed("starting_after", id)?;
    let newer_than = query.parsed("ending_before", end)?;
    let source = query.parsed("source", source)?;
    let url = query.filter("url")?;
    query.finish()?;
    if older_than.is_some() && newer_than.is_some() {
        let info = "give `starting_after` or `ending_before`, not both";
        return Err(Error::invalid(info));
    }
    // What receivers of webhooks answered is not in the log.
    if source == Some(Source::Webhook) {
        return Ok(Answer::read(Value::Array(Vec::new())));
    }
    let is_wanted = |row: &Row| url.as_ref().is_none_or(|url| *url == row.url);
    let rows = match newer_than {
        Some(id) => newer(asked, id, limit, is_wanted).await?,
        None => older(asked, older_than, limit, is_wanted).await?,
    };
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        shown.push(row.shown(asked).await?);
    }
    Ok(Answer::read(Value::Array(shown)))
}

/// One call, by its first event.
struct Row {
    method: String,
    url: String,
    first: Record,
}

impl Row {
    /// The call as Daily shows it.
    async fn shown(self, asked: &Asked) -> Result<Value, Error> {
        let refused = self.refused(asked).await?;
        let status = refused.as_ref().map_or(StatusCode::OK, Error::status);
        let provenance = &self.first.command.provenance;
        Ok(json!({
            "id": self.first.position.0.to_string(),
            "userId": provenance.actor.key,
            "domainId": DOMAIN_ID,
            "source": "api",
            "ip": provenance.source_ip.as_ref().map(Personal::as_str),
            "method": self.method,
            "url": self.url,
            "status": status.as_u16(),
            "createdAt": javascript::iso(self.first.command.recorded_at),
            "request": null,
            "response": refused.map(|error| error.body()),
        }))
    }

    /// The error that it was answered with, if it was: all refusals are on record but that of a
    /// deletion which came too late, and deletes all the same.
    async fn refused(&self, asked: &Asked) -> Result<Option<Error>, Error> {
        let call = &self.first.command.provenance.via.call;
        if let Event::CommandRefused(no) = &self.first.event.event {
            return Ok(Some(refusal(no, call)));
        }
        match &self.first.room {
            Some(room) if *call == Call::DeleteRoom.name() => {
                rooms::was_over(asked, room, &self.first).await
            }
            Some(_) | None => Ok(None),
        }
    }
}

/// The latest calls before a position, newest first.
async fn older(
    asked: &Asked,
    before: Option<Position>,
    limit: usize,
    is_wanted: impl Fn(&Row) -> bool,
) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let mut high = before.map_or(asked.daily.engine.head(), just_before);
    let mut looked_at = 0;
    while high > Position(0) && rows.len() < limit && looked_at < LOOKED_AT_MAX {
        let low = Position(high.0.saturating_sub(BATCH));
        let mut records = asked.daily.engine.records(low, BATCH_RECORDS).await?;
        records.retain(|record| record.position <= high);
        let found = records.into_iter().rev().filter_map(row);
        rows.extend(found.filter(&is_wanted));
        looked_at += BATCH;
        high = low;
    }
    rows.truncate(limit);
    Ok(rows)
}

/// The first calls after a position, newest first.
async fn newer(
    asked: &Asked,
    after: Position,
    limit: usize,
    is_wanted: impl Fn(&Row) -> bool,
) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let mut low = after;
    let mut looked_at = 0;
    while rows.len() < limit && looked_at < LOOKED_AT_MAX {
        let records = asked.daily.engine.records(low, BATCH_RECORDS).await?;
        let Some(last) = records.last() else {
            break;
        };
        low = last.position;
        rows.extend(records.into_iter().filter_map(row).filter(&is_wanted));
        looked_at += BATCH;
    }
    rows.truncate(limit);
    rows.reverse();
    Ok(rows)
}

/// The call that an event is the first of; `None` for any other event, and for other dialects'
/// calls. A refusal is one event, so that the first tells whether it was one.
fn row(first: Record) -> Option<Row> {
    let provenance = &first.command.provenance;
    if provenance.via.dialect != DIALECT || first.position != first.command_first {
        return None;
    }
    let (method, path) = provenance.via.call.split_once(' ')?;
    // A refusal where there is no room stands in no room's history.
    let named = if let Event::CommandRefused(no) = &first.event.event {
        no.room.as_ref()
    } else {
        None
    };
    let path = match first.room.as_ref().or(named) {
        Some(room) => path.replace(":name", room.as_str()),
        None => path.to_owned(),
    };
    Some(Row {
        method: method.to_owned(),
        url: format!("{VERSION}{path}"),
        first,
    })
}

/// What a refusal was answered with.
fn refusal(no: &CommandRefused, call: &str) -> Error {
    let code = no.codes.first().and_then(|code| Code::from_slug(code));
    let (status, kind) = kind_of(code.unwrap_or(Code::Invalid));
    let detail = no.reason.value().to_string();
    let detail = detail.as_str();
    let info = |what: &str| detail.strip_prefix(what)?.strip_prefix(": ");
    if no.command != call {
        return Error::new(status, kind, detail);
    }
    // What could not be read is refused in the name of its call.
    for (what, status, kind) in UNREAD {
        if let Some(info) = info(what) {
            return Error::new(*status, *kind, info);
        }
    }
    Error::new(status, kind, info(call).unwrap_or(detail))
}

/// Where calls come from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Api,
    Webhook,
}

fn source(text: &str) -> Result<Source, &'static str> {
    match text {
        "api" => Ok(Source::Api),
        "webhook" => Ok(Source::Webhook),
        _ => Err("has to be api or webhook"),
    }
}

/// A call is named by the position of its first event.
fn id(text: &str) -> Result<Position, &'static str> {
    let read = text.parse().map(Position);
    read.map_err(|_| "has to be the id of a log: a number")
}

/// What stands for the place behind the last call is before the first position.
fn end(text: &str) -> Result<Position, &'static str> {
    match text {
        OLDEST => Ok(Position(0)),
        text => id(text),
    }
}

fn limit(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(limit @ 1..=LIMIT_MAX) => Ok(limit),
        Ok(_) | Err(_) => Err(format!("has to be a number from 1 to {LIMIT_MAX}")),
    }
}

const fn just_before(position: Position) -> Position {
    Position(position.0.saturating_sub(1))
}

/// As Daily's own default.
const LIMIT_DEFAULT: usize = 20;
const LIMIT_MAX: usize = 100;
/// Records read at a time.
const BATCH_RECORDS: usize = 1_024;
const BATCH: u64 = BATCH_RECORDS as u64;
/// A list looks at no more records than these, so that a log of other dialects' calls alone
/// answers too: half a second of work.
const LOOKED_AT_MAX: u64 = 1 << 20;
/// What stands before a path in Daily's own logs.
const VERSION: &str = "/v1";
