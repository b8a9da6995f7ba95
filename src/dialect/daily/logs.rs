//! The calls that came through this dialect, as the log knows them. Apart from the events they
//! made, which our own API shows; what is not in the log is `null` here, and never made up.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::dialect::daily::asked::{Answer, Asked, DIALECT};
use crate::dialect::daily::error::{Error, Kind, kind_of};
use crate::dialect::daily::rooms::DOMAIN_ID;
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
    let newer_than = query.parsed("ending_before", id)?;
    let source = query.parsed("source", source)?;
    let url = query.text("url")?;
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
    Ok(Answer::read(
        rows.into_iter().map(|row| row.shown).collect(),
    ))
}

/// One call, as Daily shows it.
struct Row {
    url: String,
    shown: Value,
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
    let mut refused = None;
    while high > Position(0) && rows.len() < limit && looked_at < LOOKED_AT_MAX {
        let low = Position(high.0.saturating_sub(BATCH));
        let mut records = asked.daily.engine.records(low, BATCH_RECORDS).await?;
        records.retain(|record| record.position <= high);
        for record in records.iter().rev() {
            // A refusal is the last event of its command.
            if let Event::CommandRefused(no) = &record.event.event {
                refused = Some(no.clone());
            }
            if record.position == record.command_first {
                let row = row(record, refused.take());
                rows.extend(row.filter(&is_wanted));
            }
        }
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
    let mut rows: Vec<Row> = Vec::new();
    let mut low = after;
    let mut looked_at = 0;
    // The first event of a command whose last one was not read yet.
    let mut begun: Option<(Record, Option<CommandRefused>)> = None;
    loop {
        let records = asked.daily.engine.records(low, BATCH_RECORDS).await?;
        let Some(last) = records.last() else {
            break;
        };
        low = last.position;
        for record in records {
            if record.position == record.command_first {
                let done = begun.take().and_then(|(first, no)| row(&first, no));
                rows.extend(done.filter(&is_wanted));
                // The call at the end itself is not asked for.
                begun = (record.position > after).then(|| (record.clone(), None));
            }
            if let (Event::CommandRefused(no), Some((_, refused))) =
                (&record.event.event, &mut begun)
            {
                *refused = Some(no.clone());
            }
        }
        looked_at += BATCH;
        if rows.len() >= limit || looked_at >= LOOKED_AT_MAX {
            break;
        }
    }
    let done = begun.and_then(|(first, no)| row(&first, no));
    rows.extend(done.filter(is_wanted));
    rows.truncate(limit);
    rows.reverse();
    Ok(rows)
}

/// The call that a command came with, by its first event; `None` for other dialects' calls.
fn row(first: &Record, refused: Option<CommandRefused>) -> Option<Row> {
    let provenance = &first.command.provenance;
    if provenance.via.dialect != DIALECT {
        return None;
    }
    let (method, path) = provenance.via.call.split_once(' ')?;
    // A refusal where there is no room stands in no room's history.
    let path = match &first.room {
        Some(room) => path.replace(":name", room.as_str()),
        None => path.to_owned(),
    };
    let url = format!("{VERSION}{path}");
    let no = refused.map(|no| {
        let code = no.codes.first().and_then(|code| Code::from_slug(code));
        let (status, kind) = kind_of(code.unwrap_or(Code::Invalid));
        // What could not be read is refused in the name of its call.
        let unread = format!("{}: ", provenance.via.call);
        let info = no.detail.as_str();
        let info = info.strip_prefix(&unread).unwrap_or(info).to_owned();
        (status, kind, info)
    });
    let status = no.as_ref().map_or(StatusCode::OK, |(status, ..)| *status);
    let response = no.map(|(_, kind, info): (_, Kind, _)| {
        json!({"error": kind.name(), "info": info}).to_string()
    });
    let ip = provenance.source_ip.as_ref().map(Personal::as_str);
    let shown = json!({
        "id": first.position.0.to_string(),
        "userId": provenance.actor.id,
        "domainId": DOMAIN_ID,
        "source": "api",
        "ip": ip,
        "method": method,
        "url": url,
        "status": status.as_u16(),
        "createdAt": javascript::iso(first.command.recorded_at),
        "request": null,
        "response": response,
    });
    Some(Row { url, shown })
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
