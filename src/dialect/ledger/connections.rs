//! Reports of what happens to a connection and its tracks. Apart from joins, which are admitted:
//! these only tell what is so already.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Map, Value, json};

use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::joins::profile;
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::Ledger;
use crate::dialect::ledger::write::{Asked, Named, Need, Write, answer};
use crate::domain::command::PublishTrack;
use crate::domain::event::{ActivityItem, TrackShape};
use crate::domain::state::track_sid;
use crate::domain::{Alias, Command, Event, Personal, Timestamp};
use crate::engine::Receipt;

type Connection = Named<(String, String)>;
type Track = Named<(String, String, String)>;

/// `POST /rooms/{room}/connections/{connection}/activate`
pub(super) async fn activate(
    State(ledger): State<Ledger>,
    Named((room, connection)): Connection,
    asked: Asked,
) -> Result<Response, Problem> {
    let report = |_: &mut Fields| Ok(Command::Activate(connection));
    told(&ledger, asked, &room, "activate", report).await
}

/// `POST /rooms/{room}/connections/{connection}/interrupt`
pub(super) async fn interrupt(
    State(ledger): State<Ledger>,
    Named((room, connection)): Connection,
    asked: Asked,
) -> Result<Response, Problem> {
    let report = |_: &mut Fields| Ok(Command::Interrupt(connection));
    told(&ledger, asked, &room, "interrupt", report).await
}

/// `POST /rooms/{room}/connections/{connection}/resume`
pub(super) async fn resume(
    State(ledger): State<Ledger>,
    Named((room, connection)): Connection,
    asked: Asked,
) -> Result<Response, Problem> {
    let report = |_: &mut Fields| Ok(Command::Resume(connection));
    told(&ledger, asked, &room, "resume", report).await
}

/// `POST /rooms/{room}/connections/{connection}/leave`
pub(super) async fn leave(
    State(ledger): State<Ledger>,
    Named((room, connection)): Connection,
    asked: Asked,
) -> Result<Response, Problem> {
    let report = |fields: &mut Fields| {
        let reason = fields.parsed("reason", reason)?;
        Ok(Command::Leave {
            connection,
            reason: Some(reason.unwrap_or_else(|| REASON_DEFAULT.to_owned())),
        })
    };
    told(&ledger, asked, &room, "leave", report).await
}

/// `PATCH /rooms/{room}/connections/{connection}`
pub(super) async fn patch(
    State(ledger): State<Ledger>,
    Named((room, connection)): Connection,
    asked: Asked,
) -> Result<Response, Problem> {
    let report = |fields: &mut Fields| {
        let profile = profile(fields)?;
        Ok(Command::UpdateOwnProfile {
            connection,
            profile,
        })
    };
    told(&ledger, asked, &room, "update_own_profile", report).await
}

/// `POST /rooms/{room}/connections/{connection}/tracks`
pub(super) async fn publish(
    State(ledger): State<Ledger>,
    Named((room, connection)): Connection,
    asked: Asked,
) -> Result<Response, Problem> {
    let write = Write::begin(&ledger, asked, &room, Need::Report)?;
    let report = |fields: &mut Fields| {
        let shape = shape(fields)?;
        let track = PublishTrack {
            connection,
            alias: fields.parsed("sid", Alias::new)?,
            kind: fields.required("type")?,
            source: fields.required("source")?,
            name: fields.optional("name")?.unwrap_or_default(),
            muted: fields.optional("muted")?.unwrap_or_default(),
            shape: shape.unwrap_or_default(),
        };
        Ok((Command::PublishTrack(track), occurred_at(fields)?))
    };
    let receipt = report_of(&write, "publish_track", report).await?;
    let sid = receipt.records.iter().find_map(|record| {
        let Event::TrackPublished(track) = &record.event.event else {
            return None;
        };
        let own = track.alias.as_ref().map(|alias| alias.as_str().to_owned());
        Some(own.unwrap_or_else(|| track_sid(track.kind, track.source, track.track_id)))
    });
    let body = json!({ "sid": sid, "position": receipt.position });
    Ok(answer(StatusCode::CREATED, &receipt, body))
}

/// `PATCH /rooms/{room}/connections/{connection}/tracks/{sid}`
pub(super) async fn update_track(
    State(ledger): State<Ledger>,
    Named((room, connection, track)): Track,
    asked: Asked,
) -> Result<Response, Problem> {
    let report = |fields: &mut Fields| {
        Ok(Command::UpdateTrack {
            connection,
            track,
            muted: fields.optional("muted")?,
            name: fields.optional("name")?,
            shape: shape(fields)?,
        })
    };
    told(&ledger, asked, &room, "update_track", report).await
}

/// `DELETE /rooms/{room}/connections/{connection}/tracks/{sid}`
pub(super) async fn unpublish(
    State(ledger): State<Ledger>,
    Named((room, connection, track)): Track,
    asked: Asked,
) -> Result<Response, Problem> {
    let report = |_: &mut Fields| Ok(Command::UnpublishTrack { connection, track });
    told(&ledger, asked, &room, "unpublish_track", report).await
}

/// `POST /rooms/{room}/activity`
pub(super) async fn activity(
    State(ledger): State<Ledger>,
    Named(room): Named<String>,
    asked: Asked,
) -> Result<Response, Problem> {
    let write = Write::begin(&ledger, asked, &room, Need::Report)?;
    let report = |fields: &mut Fields| {
        let items = fields.objects("items")?.into_iter().map(item);
        let items = items.collect::<Result<_, _>>()?;
        Ok((Command::ReportActivity { items }, None))
    };
    let receipt = report_of(&write, "report_activity", report).await?;
    let body = json!({ "position": receipt.position });
    Ok(answer(StatusCode::ACCEPTED, &receipt, body))
}

/// A report whose answer is only where it stands.
async fn told(
    ledger: &Ledger,
    asked: Asked,
    room: &str,
    call: &'static str,
    read: impl FnOnce(&mut Fields) -> Result<Command, Wrong>,
) -> Result<Response, Problem> {
    let write = Write::begin(ledger, asked, room, Need::Report)?;
    let read = |fields: &mut Fields| Ok((read(fields)?, occurred_at(fields)?));
    let receipt = report_of(&write, call, read).await?;
    let body = json!({ "position": receipt.position });
    Ok(answer(StatusCode::OK, &receipt, body))
}

async fn report_of(
    write: &Write,
    call: &'static str,
    read: impl FnOnce(&mut Fields) -> Result<(Command, Option<Timestamp>), Wrong>,
) -> Result<Receipt, Problem> {
    let (command, occurred_at) = write.read(call, read).await?;
    let mut request = write.request(command);
    request.occurred_at = occurred_at;
    write.execute(request).await
}

fn occurred_at(fields: &mut Fields) -> Result<Option<Timestamp>, Wrong> {
    fields.optional("occurred_at")
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

fn item(fields: Fields) -> Result<(ActivityItem, Option<String>), Wrong> {
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

fn reason(text: &str) -> Result<String, &'static str> {
    let is_name = |letter: char| letter.is_ascii_uppercase() || letter == '_';
    if text.is_empty() || text.len() > REASON_BYTES_MAX || !text.chars().all(is_name) {
        return Err("has to be the name of a reason, such as CLIENT_INITIATED");
    }
    Ok(text.to_owned())
}

/// The commonest of LiveKit's `DisconnectReason`.
const REASON_DEFAULT: &str = "CLIENT_INITIATED";

/// Twice the longest name of LiveKit's `DisconnectReason`.
const REASON_BYTES_MAX: usize = 64;
