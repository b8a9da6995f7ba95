//! The report that somebody joined. Apart because it is the one report that is admitted or refused,
//! and the one that may carry a vendor's token.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::dialect::auth::token::{self, TokenError};
use crate::dialect::join_token::join_of;
use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::Ledger;
use crate::dialect::ledger::write::{Asked, Named, Need, Write, answer};
use crate::domain::command::{ConfigPatch, Join, ProfileUpdate};
use crate::domain::event::{ConnectionKind, Credential};
use crate::domain::{Alias, Command, Event, Identity, Rejection, RoomName, Timestamp};
use crate::engine::Receipt;
use crate::replay::view::PermissionPatchView;

/// `POST /rooms/{room}/joins`
pub(super) async fn join(
    State(ledger): State<Ledger>,
    Named(room): Named<String>,
    asked: Asked,
) -> Result<Response, Problem> {
    let write = Write::begin(&ledger, asked, &room, Need::Report)?;
    let asked = write.read(CALL, read).await?;
    let (join, objection) = match asked.token {
        None => (asked.join, None),
        Some(token) => match of_token(&ledger, &token, asked.join) {
            Ok((granted, join)) => {
                let elsewhere = granted != *write.room();
                (join, elsewhere.then(|| not_here(&write, &granted)))
            }
            Err(problem) => {
                let problem = Problem::new(StatusCode::FORBIDDEN, "bad-token", problem);
                return Err(write.unread(CALL, problem).await);
            }
        },
    };
    let mut request = write.request(Command::Join(join));
    request.occurred_at = asked.occurred_at;
    request.objection = objection;
    let receipt = write.execute(request).await?;
    let joined = joined(&receipt).unwrap_or_default();
    Ok(answer(StatusCode::CREATED, &receipt, joined))
}

struct AskedJoin {
    token: Option<String>,
    /// All that the body says itself.
    join: Join,
    occurred_at: Option<Timestamp>,
}

fn read(fields: &mut Fields) -> Result<AskedJoin, Wrong> {
    let token: Option<String> = fields.optional("token")?;
    let mut join = Join {
        identity: None,
        alias: fields.parsed("connection", Alias::new)?,
        active: fields.optional("active")?.unwrap_or(true),
        kind: ConnectionKind::Standard,
        profile: ProfileUpdate::default(),
        permission: None,
        credential: Credential::default(),
        reporter: fields.optional("reporter")?,
        eject_at: fields.optional("eject_at")?,
        config: ConfigPatch::default(),
        room_metadata: None,
        moved_from: None,
    };
    let occurred_at = fields.optional("occurred_at")?;
    if token.is_none() {
        join.identity = Some(fields.required_parsed("identity", Identity::new)?);
        join.kind = fields.optional("kind")?.unwrap_or(ConnectionKind::Standard);
        join.profile = profile(fields)?;
        let permission: Option<PermissionPatchView> = fields.optional("permission")?;
        let update = permission.map(|permission| permission.to_update());
        join.permission = update
            .transpose()
            .map_err(|error| fields.wrong("permission.receive.by_participant", error))?;
        join.credential = Credential {
            kind: "none".to_owned(),
            issued_at: fields.optional("issued_at")?,
            ..Credential::default()
        };
    }
    Ok(AskedJoin {
        token,
        join,
        occurred_at,
    })
}

/// Name, metadata and attributes, of which `null` drops one.
pub(super) fn profile(fields: &mut Fields) -> Result<ProfileUpdate, Wrong> {
    Ok(ProfileUpdate {
        name: fields.optional("name")?,
        metadata: fields.optional("metadata")?,
        attributes: fields.optional("attributes")?.unwrap_or_default(),
    })
}

/// What the token grants, with what the body says. A token whose time is over is read all the same:
/// admission refuses it, with a record of who came with it.
fn of_token(ledger: &Ledger, text: &str, said: Join) -> Result<(RoomName, Join), String> {
    let claims = match token::verify(&ledger.keys, text, ledger.now_s()) {
        Err(TokenError::Expired { expires_at_s, .. }) => {
            token::verify(&ledger.keys, text, expires_at_s.saturating_sub(1))
        }
        verified => verified,
    };
    let claims = claims.map_err(|error| error.to_string())?;
    let (room, granted) = join_of(&claims).map_err(|error| error.to_string())?;
    let join = Join {
        alias: said.alias,
        active: said.active,
        reporter: said.reporter,
        eject_at: said.eject_at,
        ..granted
    };
    Ok((room, join))
}

fn not_here(write: &Write, granted: &RoomName) -> Rejection {
    Rejection::NotGranted {
        room: write.room().to_string(),
        key_id: write.caller().claims.key_id.clone(),
        call: format!("{CALL} (its join token is for room {granted:?})"),
    }
}

/// Who joined, by the event and the room right after it.
fn joined(receipt: &Receipt) -> Option<Value> {
    let opened = receipt.records.iter().find_map(|record| {
        let Event::ConnectionOpened(opened) = &record.event.event else {
            return None;
        };
        Some(opened)
    })?;
    let room = receipt.room.as_ref()?;
    let connection = room.connection(opened.number)?;
    let mut body = json!({
        "room": room.name.as_str(),
        "session": room.session.as_ref()?.sid(),
        "participant": opened.participant,
        "identity": room.person(opened.participant)?.identity.as_str(),
        "connection": connection.name_id(),
        "sid": connection.sid(),
        "position": receipt.position,
    });
    let replaced = opened.replaces.and_then(|old| room.connection(old));
    if let (Some(replaced), Some(members)) = (replaced, body.as_object_mut()) {
        members.insert("replaced".to_owned(), replaced.name_id().into());
    }
    Some(body)
}

const CALL: &str = "join";
