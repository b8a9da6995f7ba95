//! Reports of what happens to a connection and its tracks. Apart from joins, which are admitted:
//! these only tell what is so already.

use std::borrow::Cow;

use axum::http::StatusCode;
use axum::response::Response;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::openapi::{Answer, Body, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::profile::profile;
use crate::dialect::ledger::state::{Ledger, State};
use crate::dialect::ledger::write::{Asked, Named, Need, Write, answer};
use crate::domain::command::PublishTrack;
use crate::domain::event::{ActivityItem, TrackShape};
use crate::domain::state::track_sid;
use crate::domain::{Alias, Command, Event, Personal, Timestamp};
use crate::engine::Receipt;
use crate::store::Position;

type Connection = Named<(String, String)>;
type Track = Named<(String, String, String)>;

/// `POST /rooms/{room}/connections/{connection}/activate`
pub(super) async fn activate(
    State(ledger): State<Ledger>,
    Named((room, connection)): Connection,
    asked: Asked,
) -> Result<Response, Problem> {
    let command = |()| Command::Activate(connection);
    told(&ledger, asked, &room, "activate", (nothing, command)).await
}

/// `POST /rooms/{room}/connections/{connection}/interrupt`
pub(super) async fn interrupt(
    State(ledger): State<Ledger>,
    Named((room, connection)): Connection,
    asked: Asked,
) -> Result<Response, Problem> {
    let command = |()| Command::Interrupt(connection);
    told(&ledger, asked, &room, "interrupt", (nothing, command)).await
}

/// `POST /rooms/{room}/connections/{connection}/resume`
pub(super) async fn resume(
    State(ledger): State<Ledger>,
    Named((room, connection)): Connection,
    asked: Asked,
) -> Result<Response, Problem> {
    let command = |()| Command::Resume(connection);
    told(&ledger, asked, &room, "resume", (nothing, command)).await
}

/// `POST /rooms/{room}/connections/{connection}/leave`
pub(super) async fn leave(
    State(ledger): State<Ledger>,
    Named((room, connection)): Connection,
    asked: Asked,
) -> Result<Response, Problem> {
    let command = |Reason(reason)| Command::Leave {
        connection,
        reason: Some(reason),
    };
    told(&ledger, asked, &room, "leave", (leaving, command)).await
}

/// `PATCH /rooms/{room}/connections/{connection}`
pub(super) async fn patch(
    State(ledger): State<Ledger>,
    Named((room, connection)): Connection,
    asked: Asked,
) -> Result<Response, Problem> {
    let command = |profile| Command::UpdateOwnProfile {
        connection,
        profile,
    };
    told(
        &ledger,
        asked,
        &room,
        "update_own_profile",
        (profile, command),
    )
    .await
}

/// `POST /rooms/{room}/connections/{connection}/tracks`
pub(super) async fn publish(
    State(ledger): State<Ledger>,
    Named((room, connection)): Connection,
    asked: Asked,
) -> Result<Response, Problem> {
    let write = Write::begin(&ledger, asked, &room, Need::Report).await?;
    let command = |track| {
        Command::PublishTrack(PublishTrack {
            connection,
            ..track
        })
    };
    let receipt = report_of(&write, "publish_track", (published, command)).await?;
    let sid = receipt.records.iter().find_map(|record| {
        let Event::TrackPublished(track) = &record.event.event else {
            return None;
        };
        let own = track.alias.as_ref().map(|alias| alias.as_str().to_owned());
        Some(own.unwrap_or_else(|| track_sid(track.kind, track.source, track.track_id)))
    });
    let body = Published {
        sid,
        position: receipt.position,
    };
    Ok(answer(StatusCode::CREATED, &receipt, &body))
}

/// `PATCH /rooms/{room}/connections/{connection}/tracks/{sid}`
pub(super) async fn update_track(
    State(ledger): State<Ledger>,
    Named((room, connection, track)): Track,
    asked: Asked,
) -> Result<Response, Problem> {
    let command = |(muted, name, shape)| Command::UpdateTrack {
        connection,
        track,
        muted,
        name,
        shape,
    };
    told(&ledger, asked, &room, "update_track", (updated, command)).await
}

/// `DELETE /rooms/{room}/connections/{connection}/tracks/{sid}`
pub(super) async fn unpublish(
    State(ledger): State<Ledger>,
    Named((room, connection, track)): Track,
    asked: Asked,
) -> Result<Response, Problem> {
    let command = |()| Command::UnpublishTrack { connection, track };
    told(&ledger, asked, &room, "unpublish_track", (nothing, command)).await
}

/// `POST /rooms/{room}/activity`
pub(super) async fn activity(
    State(ledger): State<Ledger>,
    Named(room): Named<String>,
    asked: Asked,
) -> Result<Response, Problem> {
    let write = Write::begin(&ledger, asked, &room, Need::Report).await?;
    let items = write.read("report_activity", items).await?;
    let request = write.request(Command::ReportActivity { items });
    let receipt = write.execute(request).await?;
    let body = Told {
        position: receipt.position,
    };
    Ok(answer(StatusCode::ACCEPTED, &receipt, &body))
}

/// A report whose answer is only where it stands.
async fn told<T>(
    ledger: &Ledger,
    asked: Asked,
    room: &str,
    call: &'static str,
    report: (Read<T>, impl FnOnce(T) -> Command),
) -> Result<Response, Problem> {
    let write = Write::begin(ledger, asked, room, Need::Report).await?;
    let receipt = report_of(&write, call, report).await?;
    let body = Told {
        position: receipt.position,
    };
    Ok(answer(StatusCode::OK, &receipt, &body))
}

async fn report_of<T>(
    write: &Write,
    call: &'static str,
    (read, command): (Read<T>, impl FnOnce(T) -> Command),
) -> Result<Receipt, Problem> {
    let read = |fields: &mut Fields| timed(fields, read);
    let (said, occurred_at) = write.read(call, read).await?;
    let mut request = write.request(command(said));
    request.occurred_at = occurred_at;
    write.execute(request).await
}

/// Reads the body of a report but for the time.
type Read<T> = fn(&mut Fields) -> Result<T, Wrong>;

/// Where a report stands.
#[derive(Debug, Serialize, JsonSchema)]
struct Told {
    position: Position,
}

/// A track that was published.
#[derive(Debug, Serialize, JsonSchema)]
struct Published {
    /// The id that answers use: the caller's own, else ours.
    sid: Option<String>,
    position: Position,
}

pub(super) const ACTIVATE: Operation = Operation::report(
    "activate",
    "Media flows on the connection.",
    || vec![TIMED],
    Answer::of::<Told>(200),
);
pub(super) const INTERRUPT: Operation = Operation::report(
    "interrupt",
    "The transport of the connection broke.",
    || vec![TIMED],
    Answer::of::<Told>(200),
);
pub(super) const RESUME: Operation = Operation::report(
    "resume",
    "The transport of the connection came back.",
    || vec![TIMED],
    Answer::of::<Told>(200),
);
pub(super) const LEAVE: Operation = Operation::report(
    "leave",
    "The connection is gone.",
    || {
        vec![Body {
            name: "leave",
            read: |fields| timed(fields, leaving).map(drop),
            example: r#"{"reason":"CLIENT_INITIATED"}"#,
        }]
    },
    Answer::of::<Told>(200),
);
pub(super) const PATCH: Operation = Operation::report(
    "update_own_profile",
    "The participant changed its own name, metadata or attributes.",
    || {
        vec![Body {
            name: "profile",
            read: |fields| timed(fields, profile).map(drop),
            example: r#"{"name":"Alice","attributes":{"hand":"up"}}"#,
        }]
    },
    Answer::of::<Told>(200),
);
pub(super) const PUBLISH: Operation = Operation::report(
    "publish_track",
    "A track was published.",
    || {
        vec![Body {
            name: "track",
            read: |fields| timed(fields, published).map(drop),
            example: r#"{"type":"audio","source":"microphone"}"#,
        }]
    },
    Answer::of::<Published>(201),
);
pub(super) const UPDATE_TRACK: Operation = Operation::report(
    "update_track",
    "The participant muted, unmuted or changed its own track.",
    || {
        vec![Body {
            name: "track",
            read: |fields| timed(fields, updated).map(drop),
            example: r#"{"muted":true}"#,
        }]
    },
    Answer::of::<Told>(200),
);
pub(super) const UNPUBLISH: Operation = Operation::report(
    "unpublish_track",
    "A track ended.",
    || vec![TIMED],
    Answer::of::<Told>(200),
);
pub(super) const ACTIVITY: Operation = Operation::report(
    "report_activity",
    "Speaking, quality and the like, many at once.",
    || {
        vec![Body {
            name: "activity",
            read: |fields| items(fields).map(drop),
            example: r#"{"items":[{"kind":"speaking","level":7}]}"#,
        }]
    },
    Answer::of::<Told>(202),
);

/// A report that tells no more than when.
const TIMED: Body = Body {
    name: "timed",
    read: |fields| timed(fields, nothing).map(drop),
    example: r#"{"occurred_at":"2026-11-22T14:03:00Z"}"#,
};

fn timed<T>(fields: &mut Fields, read: Read<T>) -> Result<(T, Option<Timestamp>), Wrong> {
    Ok((read(fields)?, occurred_at(fields)?))
}

fn occurred_at(fields: &mut Fields) -> Result<Option<Timestamp>, Wrong> {
    fields.optional("occurred_at")
}

#[expect(clippy::unnecessary_wraps, reason = "one reader among others")]
const fn nothing(_: &mut Fields) -> Result<(), Wrong> {
    Ok(())
}

fn leaving(fields: &mut Fields) -> Result<Reason, Wrong> {
    let reason = fields.parsed("reason", Reason::parse)?;
    Ok(reason.unwrap_or_else(|| Reason(REASON_DEFAULT.to_owned())))
}

/// All of it but for whose it is.
fn published(fields: &mut Fields) -> Result<PublishTrack, Wrong> {
    let shape = shape(fields)?;
    Ok(PublishTrack {
        connection: String::new(),
        alias: fields.parsed("sid", Alias::new)?,
        kind: fields.required("type")?,
        source: fields.required("source")?,
        name: fields.optional("name")?.unwrap_or_default(),
        muted: fields.optional("muted")?.unwrap_or_default(),
        shape: shape.unwrap_or_default(),
    })
}

type TrackUpdate = (Option<bool>, Option<String>, Option<TrackShape>);

fn updated(fields: &mut Fields) -> Result<TrackUpdate, Wrong> {
    let (muted, name) = (fields.optional("muted")?, fields.optional("name")?);
    Ok((muted, name, shape(fields)?))
}

type Item = (ActivityItem, Option<String>);

fn items(fields: &mut Fields) -> Result<Vec<Item>, Wrong> {
    fields.objects("items")?.into_iter().map(item).collect()
}

fn shape(fields: &mut Fields) -> Result<Option<TrackShape>, Wrong> {
    let mime_type: Option<String> = fields.optional("mime_type")?;
    let width: Option<u32> = fields.optional("width")?;
    let height: Option<u32> = fields.optional("height")?;
    let is_said = mime_type.is_some() || width.is_some() || height.is_some();
    Ok(is_said.then(|| TrackShape {
        mime_type: mime_type.unwrap_or_default(),
        width: width.unwrap_or_default(),
        height: height.unwrap_or_default(),
    }))
}

fn item(fields: Fields) -> Result<Item, Wrong> {
    let mut fields = fields;
    let kind = fields.required("kind")?;
    let connection = fields.optional("connection")?;
    let occurred_at = occurred_at(&mut fields)?;
    let rest: Map<String, Value> = fields.rest();
    let item = ActivityItem {
        kind,
        connection: None,
        occurred_at,
        detail: Personal::new(Value::Object(rest).to_string()),
    };
    Ok((item, connection))
}

/// The name of a reason.
struct Reason(String);

impl Reason {
    fn parse(text: &str) -> Result<Self, &'static str> {
        let is_name = |letter: char| letter.is_ascii_uppercase() || letter == '_';
        if text.is_empty() || text.len() > REASON_BYTES_MAX || !text.chars().all(is_name) {
            return Err("has to be the name of a reason, such as CLIENT_INITIATED");
        }
        Ok(Self(text.to_owned()))
    }
}

impl JsonSchema for Reason {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Reason")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[A-Z_]+$",
            "maxLength": REASON_BYTES_MAX,
        })
    }
}

/// The commonest of LiveKit's `DisconnectReason`.
const REASON_DEFAULT: &str = "CLIENT_INITIATED";

/// Twice the longest name of LiveKit's `DisconnectReason`.
const REASON_BYTES_MAX: usize = 64;
