//! The report that somebody joined. Apart because it is the one report that is admitted or refused,
//! and the one that may carry a vendor's token.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;

use crate::dialect::auth::limits::KeyRight;
use crate::dialect::join_token::{Granted, granted};
use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::openapi::{Answer, Body, Operation};
use crate::dialect::ledger::permission_body::AskedPermission;
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::profile::profile;
use crate::dialect::ledger::state::{Ledger, State};
use crate::dialect::ledger::write::{Asked, Named, Need, Write, answer};
use crate::domain::command::{ConfigPatch, Join, ProfileUpdate};
use crate::domain::event::{ConnectionKind, Credential};
use crate::domain::{Alias, Command, Event, Identity, ParticipantNumber, Rejection, Timestamp};
use crate::engine::Receipt;
use crate::store::Position;

/// `POST /rooms/{room}/joins`
pub(super) async fn join(
    State(ledger): State<Ledger>,
    Named(room): Named<String>,
    asked: Asked,
) -> Result<Response, Problem> {
    let write = Write::begin(&ledger, asked, &room, Need::Report).await?;
    let asked = write.read(CALL, read).await?;
    write.require(&Command::Join(asked.join.clone())).await?;
    let (join, objection) = match asked.token {
        None => (asked.join, None),
        Some(token) => match of_token(&ledger, &token, asked.join) {
            Ok(granted) => {
                let objection = objection(&write, &ledger, &granted).await?;
                (granted.join, objection)
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
    let joined = joined(&receipt).ok_or_else(|| {
        let detail = "the join is recorded, but its connection is not in the room";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", detail)
    })?;
    Ok(answer(StatusCode::CREATED, &receipt, &joined))
}

/// Who joined.
#[derive(Debug, Serialize, JsonSchema)]
struct Joined {
    room: String,
    session: String,
    /// Their number in the room.
    participant: ParticipantNumber,
    identity: String,
    /// The id that answers use: the caller's own, else the sid.
    connection: String,
    sid: String,
    /// The connection of the same identity that this one took the place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced: Option<String>,
    position: Position,
}

pub(super) const JOIN: Operation = Operation::report(
    "join",
    "Somebody joins; makes the room if it is not there.",
    || {
        vec![
            Body {
                name: "token",
                read: |fields| read(fields).map(drop),
                example: r#"{"token":"eyJ...","connection":"c1"}"#,
            },
            Body {
                name: "identity",
                read: |fields| read(fields).map(drop),
                example: r#"{"identity":"alice","name":"Alice"}"#,
            },
        ]
    },
    Answer::of::<Joined>(201),
);

struct AskedJoin {
    token: Option<String>,
    /// All that the body says itself.
    join: Join,
    occurred_at: Option<Timestamp>,
}

fn read(fields: &mut Fields) -> Result<AskedJoin, Wrong> {
    let token: Option<String> = if fields.has("token") {
        Some(fields.required("token")?)
    } else {
        // Both forms may say identity and name, so this one says that null is no token.
        let _null: Option<()> = fields.optional("token")?;
        None
    };
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
        eject_after_s: None,
        config: ConfigPatch::default(),
        room_metadata: None,
        unheeded: BTreeMap::new(),
        moved_from: None,
    };
    let occurred_at = fields.optional("occurred_at")?;
    if token.is_some() {
        // Where the token leaves these open.
        join.identity = fields.parsed("identity", Identity::new)?;
        join.profile.name = fields.optional("name")?;
    } else {
        join.identity = Some(fields.required_parsed("identity", Identity::new)?);
        join.kind = fields.optional("kind")?.unwrap_or(ConnectionKind::Standard);
        join.profile = profile(fields)?;
        let permission: Option<AskedPermission> = fields.optional("permission")?;
        let update = permission.map(|AskedPermission(permission)| permission.to_update());
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

/// What the token grants, with what the body says: of two moments to go, the earlier.
fn of_token(ledger: &Ledger, text: &str, said: Join) -> Result<Granted, String> {
    let granted = granted(
        &ledger.keys.ring(),
        text,
        said.identity.as_ref(),
        ledger.now_s(),
    )?;
    let join = granted.join;
    let ejected = [said.eject_at, join.eject_at].into_iter().flatten();
    let join = Join {
        alias: said.alias,
        active: said.active,
        reporter: said.reporter,
        eject_at: ejected.min(),
        profile: ProfileUpdate {
            name: join.profile.name.or(said.profile.name),
            ..join.profile
        },
        ..join
    };
    Ok(Granted { join, ..granted })
}

/// What the room has against a token: it is for another one, or those who may come are listed.
async fn objection(
    write: &Write,
    ledger: &Ledger,
    granted: &Granted,
) -> Result<Option<Rejection>, Problem> {
    if let Some(room) = &granted.room
        && !is_here(write, ledger, room).await?
    {
        return Ok(Some(not_granted(
            write,
            &format!("its join token is for room {room:?}"),
        )));
    }
    let room = Some(write.room().as_str());
    if !granted.limits.grants(&[KeyRight::Join], room) {
        let why = "the key of its join token is for no joins, or not for this room";
        return Ok(Some(not_granted(write, why)));
    }
    let Some(setting) = granted.listed_in else {
        return Ok(None);
    };
    let room = ledger.engine.room(write.room()).await?;
    let config = room.as_ref().and_then(|room| room.config());
    let listed = config.and_then(|config| config.properties.get(setting));
    let listed: Vec<String> = listed
        .and_then(|listed| serde_json::from_str(listed).ok())
        .unwrap_or_default();
    let identity = granted.join.identity.as_ref().map_or("", Identity::as_str);
    let is_out = !listed.is_empty() && !listed.iter().any(|one| one == identity);
    Ok(is_out.then(|| not_granted(write, &format!("{setting} of the room lists others"))))
}

/// Whether the room that a token is for, by any of its ids, is the one of the report.
async fn is_here(write: &Write, ledger: &Ledger, granted: &str) -> Result<bool, Problem> {
    if granted == write.room().as_str() {
        return Ok(true);
    }
    let granted = granted.to_owned();
    let named = ledger
        .catalogue
        .answer(move |all| all.room(&granted).map(|it| it.name.clone()));
    Ok(named.await?.as_ref() == Some(write.room()))
}

fn not_granted(write: &Write, why: &str) -> Rejection {
    Rejection::NotGranted {
        room: write.room().to_string(),
        key_id: write.caller().claims.key_id.clone(),
        call: format!("{CALL} ({why})"),
    }
}

/// Who joined, by the event and the room right after it.
fn joined(receipt: &Receipt) -> Option<Joined> {
    let opened = receipt.records.iter().find_map(|record| {
        let Event::ConnectionOpened(opened) = &record.event.event else {
            return None;
        };
        Some(opened)
    })?;
    let room = receipt.room.as_ref()?;
    let connection = room.connection(opened.number)?;
    let replaced = opened.replaces.and_then(|old| room.connection(old));
    Some(Joined {
        room: room.name.to_string(),
        session: room.session.as_ref()?.sid(),
        participant: opened.participant,
        identity: room.person(opened.participant)?.identity.to_string(),
        connection: connection.name_id(),
        sid: connection.sid(),
        replaced: replaced.map(|replaced| replaced.name_id()),
        position: receipt.position,
    })
}

const CALL: &str = "join";
