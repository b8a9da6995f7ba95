//! A room as our own API shows it, at one version of its history.
//!
//! Apart because scripts are written against it. The top level of a participant shows the newest
//! connection; those who left are there with `live: false`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::event::{EndReason, OpenedBy};
use crate::domain::state::Session;
use crate::domain::{Room, Timestamp};
use crate::replay::names::Names;
use crate::replay::view::config::ConfigView;
use crate::replay::view::person::{ParticipantView, participant, people};
use crate::replay::view::resolve::{Resolver, json_of};

/// A room in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "RoomSummary")
)]
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
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Room")
)]
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
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Counts")
)]
pub struct CountsView {
    /// Connections that count.
    pub participants: u32,
    /// Open connections, dependents included.
    pub connections: usize,
    /// Connections that count and publish or may.
    pub publishers: u32,
}

/// A ban that stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Ban")
)]
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
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Revocation")
)]
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
    /// Shows a room at the moment of its last event, with its directory read on to the room's
    /// version at least.
    pub fn of(room: &Room, names: &Names) -> Self {
        Self::at(room, names, room.recorded_at)
    }

    /// The same at a later moment, up to which nothing more was recorded in the room: what has a
    /// time of its own may be over by then.
    pub fn at(room: &Room, names: &Names, now: Timestamp) -> Self {
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
            bans: bans(room, &resolver, now.max(room.recorded_at)),
            revocations: revocations(room, &resolver),
            aliases: room
                .life
                .as_ref()
                .map(|life| life.aliases.clone())
                .unwrap_or_default(),
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

fn bans(room: &Room, resolver: &Resolver<'_>, now: Timestamp) -> Vec<BanView> {
    let banned = people(room).filter_map(|(_, person)| Some((person, person.ban?)));
    banned
        .filter(|(_, ban)| ban.until.is_none_or(|until| until > now))
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
