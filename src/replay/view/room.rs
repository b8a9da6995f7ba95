//! A room as our own API shows it, at one version of its history.
//!
//! Apart because scripts are written against it. The top level of a participant shows the newest
//! connection; those who left are there with `live: false`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::event::{
    CloseCause, ConnectionKind, Credential, EndReason, OpenedBy, TrackKind,
};
use crate::domain::state::{Connection, ConnectionState, Person, Session, Track};
use crate::domain::{Digest, Identity, ParticipantNumber, Room, Source, Timestamp};
use crate::replay::names::Names;
use crate::replay::view::config::ConfigView;
use crate::replay::view::permission::PermissionView;
use crate::replay::view::resolve::Resolver;

/// A room in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSummary {
    /// Its name.
    pub room: String,
    /// The open session, or the latest that ended.
    pub session: Option<String>,
    /// Whether a session is open.
    pub live: bool,
    /// How many are inside who count.
    pub participants: u32,
    /// How many connections are open, dependents included.
    pub connections: usize,
    /// How many of those who count publish or may.
    pub publishers: u32,
    /// When it was made; `None` once it is deleted.
    pub created_at: Option<Timestamp>,
    /// When its last event was recorded.
    pub recorded_at: Timestamp,
    /// How often a room of this name was made.
    pub generation: u32,
    /// Its last version.
    pub version: u64,
}

/// A room with all that is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoomView {
    /// Its name.
    pub room: String,
    /// Its last version.
    pub version: u64,
    /// The place of its last event in the whole log; 0 when nothing ever happened in it.
    pub position: u64,
    /// When its last event was recorded.
    pub recorded_at: Timestamp,
    /// How often a room of this name was made.
    pub generation: u32,
    /// When it was made; `None` once it is deleted.
    pub created_at: Option<Timestamp>,
    /// The open session, or the latest that ended.
    pub session: Option<String>,
    /// Whether a session is open.
    pub live: bool,
    /// How many are inside.
    pub counts: CountsView,
    /// Its settings in force; `None` once it is deleted.
    pub config: Option<ConfigView>,
    /// Its metadata in force.
    pub metadata: String,
    /// When the session began.
    pub session_start: Option<Timestamp>,
    /// What opened the session.
    pub session_by: Option<OpenedBy>,
    /// When the session ended.
    pub session_end: Option<Timestamp>,
    /// Why the session ended.
    pub session_end_reason: Option<EndReason>,
    /// The data that everybody in the session shares.
    pub session_data: Option<Value>,
    /// Everybody of the session, by number.
    pub participants: Vec<ParticipantView>,
    /// Who is kept out.
    pub bans: Vec<BanView>,
    /// Whose earlier tokens are refused.
    pub revocations: Vec<RevocationView>,
    /// Other names that the room answers to.
    pub aliases: Vec<String>,
}

/// How many are inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountsView {
    /// Connections that count.
    pub participants: u32,
    /// Open connections, dependents included.
    pub connections: usize,
    /// Connections that count and publish or may.
    pub publishers: u32,
}

/// Somebody in a session, present or gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParticipantView {
    /// Who.
    pub identity: String,
    /// Their number in the room.
    pub participant: u32,
    /// Whether a connection of theirs is open.
    pub live: bool,
    /// The name shown, of the newest connection, as all down to `tracks`.
    pub name: String,
    /// Free text of the application.
    pub metadata: String,
    /// Keys and values of the application.
    pub attributes: BTreeMap<String, String>,
    /// What they may do; `None` for somebody who never joined this session.
    pub permission: Option<PermissionView>,
    /// Their open tracks.
    pub tracks: Vec<TrackView>,
    /// Their connections in the session, newest first.
    pub connections: Vec<ConnectionView>,
    /// Their presence in the session, oldest first.
    pub timelog: Vec<StintView>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ConnectionView {
    /// The id that answers use: the caller's own, else the sid.
    pub connection: String,
    /// LiveKit's form of the id.
    pub sid: String,
    /// Whether it is open.
    pub live: bool,
    /// How far it has come.
    pub state: ConnectionState,
    /// What is at the other end.
    pub kind: ConnectionKind,
    /// The name shown.
    pub name: String,
    /// Free text of the application.
    pub metadata: String,
    /// Keys and values of the application.
    pub attributes: BTreeMap<String, String>,
    /// What it may do.
    pub permission: PermissionView,
    /// The position of the event that gave it that permission.
    pub permission_set: Option<u64>,
    /// Its open tracks, oldest first.
    pub tracks: Vec<TrackView>,
    /// When it opened.
    pub start: Timestamp,
    /// The position of the event that opened it.
    pub opened: Option<u64>,
    /// When media first flowed.
    pub activated_at: Option<Timestamp>,
    /// When it closed.
    pub end: Option<Timestamp>,
    /// How it closed.
    pub closed: Option<ClosedView>,
    /// What it joined with.
    pub credential: CredentialView,
    /// The media server that reported it.
    pub reporter: Option<String>,
    /// When a timer closes it.
    pub eject_at: Option<Timestamp>,
    /// Where it was moved from.
    pub moved_from: Option<MovedFromView>,
}

/// How a connection closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedView {
    /// Why.
    pub cause: CloseCause,
    /// The position of the event that closed it.
    pub position: Option<u64>,
    /// The position of the event that brought that about: the request, where there was one.
    pub because: Option<u64>,
    /// The reason in the reporter's words.
    pub reported_reason: Option<String>,
    /// Whether a leave was reported after a removal.
    pub confirmed: bool,
}

/// Where a connection was moved from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MovedFromView {
    /// The room it left.
    pub room: String,
    /// Its number there.
    pub number: u32,
}

/// What somebody joined with: never the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialView {
    /// `none`, or the dialect whose token it was.
    pub kind: String,
    /// The key that signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// SHA-256 of the token as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_digest: Option<Digest>,
    /// Valid from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Issued at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// Valid until.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The token's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
}

/// One open track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackView {
    /// The id that answers use: the caller's own, else LiveKit's form.
    pub sid: String,
    /// Where it comes from.
    pub source: Source,
    /// What it carries.
    #[serde(rename = "type")]
    pub kind: TrackKind,
    /// Its name.
    pub name: String,
    /// Whether it is muted.
    pub muted: bool,
    /// The codec.
    pub mime_type: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// When it was published.
    pub start: Timestamp,
    /// The position of the event that published it.
    pub published: Option<u64>,
}

/// One interval of presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StintView {
    /// When it began.
    pub start: Timestamp,
    /// When it ended; `None` while it lasts.
    pub end: Option<Timestamp>,
    /// The position of the event that caused the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// The connection.
    pub connection: String,
}

/// A ban that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BanView {
    /// Who.
    pub identity: String,
    /// Until when; `None` for good.
    pub until: Option<Timestamp>,
    /// The position of the event that set it.
    pub position: Option<u64>,
}

/// A revocation that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevocationView {
    /// Whose tokens; `None` for everybody's.
    pub identity: Option<String>,
    /// Tokens issued before this moment are refused.
    pub before: Timestamp,
    /// The position of the event that set it.
    pub position: Option<u64>,
}

impl RoomSummary {
    /// What a list shows of a room.
    pub fn of(room: &Room) -> Self {
        let open = room.open_session();
        Self {
            room: room.name.to_string(),
            session: room.session.as_ref().map(Session::sid),
            live: open.is_some(),
            participants: open.map_or(0, |session| session.counted),
            connections: open.map_or(0, |session| session.live.size()),
            publishers: open.map_or(0, |session| session.publishers),
            created_at: room.life.as_ref().map(|life| life.created_at),
            recorded_at: room.recorded_at,
            generation: room.generation,
            version: room.version.0,
        }
    }
}

impl RoomView {
    /// Shows a room, with its directory read on to the room's version at least.
    pub fn of(room: &Room, names: &Names) -> Self {
        let resolver = Resolver::new(names, Some(&room.name));
        let session = room.session.as_ref();
        let ended = session.and_then(|session| session.ended);
        let data = session.and_then(|session| session.data.as_ref());
        let metadata = room.metadata().map(|text| text.value.to_string());
        let config = room.config();
        let summary = RoomSummary::of(room);
        Self {
            room: summary.room,
            version: summary.version,
            position: resolver.position(room.version).unwrap_or_default(),
            recorded_at: summary.recorded_at,
            generation: summary.generation,
            created_at: summary.created_at,
            session: summary.session,
            live: summary.live,
            counts: CountsView {
                participants: summary.participants,
                connections: summary.connections,
                publishers: summary.publishers,
            },
            config: config.map(|config| ConfigView::of(config, &resolver)),
            metadata: metadata.unwrap_or_default(),
            session_start: session.map(|session| session.opened_at),
            session_by: session.map(|session| session.by),
            session_end: ended.map(|ended| ended.at),
            session_end_reason: ended.map(|ended| ended.reason),
            session_data: data.map(|text| json_of(&text.value)),
            participants: participants(room, &resolver),
            bans: bans(room, &resolver),
            revocations: revocations(room, &resolver),
            aliases: room
                .life
                .as_ref()
                .map(|life| life.aliases.clone())
                .unwrap_or_default(),
        }
    }
}

impl ParticipantView {
    /// Shows one person of a room, also one who never joined its session; `None` when the room
    /// does not know them.
    pub fn of(room: &Room, identity: &Identity, names: &Names) -> Option<Self> {
        let (number, person) = room.person_by_identity(identity)?;
        let resolver = Resolver::new(names, Some(&room.name));
        Some(participant(room, number, person, &resolver))
    }
}

impl CredentialView {
    pub(super) fn of(credential: &Credential) -> Self {
        Self {
            kind: credential.kind.clone(),
            key_id: credential.key_id.clone(),
            token_digest: credential.token_digest,
            not_before: credential.not_before,
            issued_at: credential.issued_at,
            expires_at: credential.expires_at,
            token_id: credential
                .token_id
                .as_ref()
                .map(|id| id.as_str().to_owned()),
        }
    }
}

fn participants(room: &Room, resolver: &Resolver<'_>) -> Vec<ParticipantView> {
    people(room)
        .filter(|(_, person)| {
            let newest = person.newest;
            newest.is_some_and(|newest| room.connection(newest).is_some())
        })
        .map(|(number, person)| participant(room, number, person, resolver))
        .collect()
}

fn participant(
    room: &Room,
    number: ParticipantNumber,
    person: &Person,
    resolver: &Resolver<'_>,
) -> ParticipantView {
    let connections: Vec<ConnectionView> = room
        .connections_of(person)
        .into_iter()
        .map(|one| connection(one, resolver))
        .collect();
    let timelog = room.connections_of(person);
    let newest = connections.first();
    ParticipantView {
        identity: person.identity.to_string(),
        participant: number.0,
        live: !person.live.is_empty(),
        name: newest.map(|one| one.name.clone()).unwrap_or_default(),
        metadata: newest.map(|one| one.metadata.clone()).unwrap_or_default(),
        attributes: newest.map(|one| one.attributes.clone()).unwrap_or_default(),
        permission: newest.map(|one| one.permission.clone()),
        tracks: newest.map(|one| one.tracks.clone()).unwrap_or_default(),
        timelog: timelog
            .into_iter()
            .rev()
            .map(|one| stint(one, resolver))
            .collect(),
        connections,
    }
}

fn connection(one: &Arc<Connection>, resolver: &Resolver<'_>) -> ConnectionView {
    let closed = one.closed.as_ref();
    ConnectionView {
        connection: one.name_id(),
        sid: one.sid(),
        live: one.is_live(),
        state: one.state,
        kind: one.kind,
        name: one.name.value.to_string(),
        metadata: one.metadata.value.to_string(),
        attributes: one.attributes.as_ref().clone(),
        permission: PermissionView::of(&one.permission, resolver),
        permission_set: resolver.position(one.permission_set),
        tracks: one
            .tracks
            .iter()
            .map(|track| track_view(track, resolver))
            .collect(),
        start: one.opened_at,
        opened: resolver.position(one.opened),
        activated_at: one.activated_at,
        end: closed.map(|closed| closed.at),
        closed: closed.map(|closed| ClosedView {
            cause: closed.cause,
            position: resolver.position(closed.version),
            because: resolver.position(closed.because),
            reported_reason: closed.reported_reason.as_ref().map(ToString::to_string),
            confirmed: closed.confirmed,
        }),
        credential: CredentialView::of(&one.credential),
        reporter: one.reporter.as_ref().map(ToString::to_string),
        eject_at: one.eject_at,
        moved_from: one.moved_from.as_ref().map(|from| MovedFromView {
            room: from.room.to_string(),
            number: from.connection.0,
        }),
    }
}

/// One interval of presence: that of one connection.
pub(super) fn stint(one: &Arc<Connection>, resolver: &Resolver<'_>) -> StintView {
    let closed = one.closed.as_ref();
    StintView {
        start: one.opened_at,
        end: closed.map(|closed| closed.at),
        cause: closed.and_then(|closed| resolver.position(closed.because)),
        connection: one.name_id(),
    }
}

fn track_view(track: &Track, resolver: &Resolver<'_>) -> TrackView {
    TrackView {
        sid: track.sid(),
        source: track.source,
        kind: track.kind,
        name: track.name.to_string(),
        muted: track.muted,
        mime_type: track.shape.mime_type.clone(),
        width: track.shape.width,
        height: track.shape.height,
        start: track.published_at,
        published: resolver.position(track.published),
    }
}

fn bans(room: &Room, resolver: &Resolver<'_>) -> Vec<BanView> {
    let banned = people(room).filter_map(|(_, person)| Some((person, person.ban?)));
    banned
        .map(|(person, ban)| BanView {
            identity: person.identity.to_string(),
            until: ban.until,
            position: resolver.position(ban.set),
        })
        .collect()
}

fn revocations(room: &Room, resolver: &Resolver<'_>) -> Vec<RevocationView> {
    let all = room.revoked_all.map(|revocation| (None, revocation));
    let single = people(room)
        .filter_map(|(_, person)| Some((Some(person.identity.to_string()), person.revoked?)));
    all.into_iter()
        .chain(single)
        .map(|(identity, revocation)| RevocationView {
            identity,
            before: revocation.before,
            position: resolver.position(revocation.set),
        })
        .collect()
}

/// Everybody that the room knows, with their numbers.
pub(super) fn people(room: &Room) -> impl Iterator<Item = (ParticipantNumber, &Person)> {
    (1_u32..).map(ParticipantNumber).zip(room.people.iter())
}

/// A JSON text as JSON; what is none stays text.
pub(super) fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}
