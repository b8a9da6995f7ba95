//! What a room is now: the fold of its events, with structure shared between versions.
//!
//! Apart from the rules: nothing here decides. A clone costs a few pointers, so a published room
//! stays as it was while the next one is made. A room keeps its people for ever and its latest
//! session whole; earlier sessions live in the log alone.

mod connection;
mod lookup;
mod session;
mod settings;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use rpds::{RedBlackTreeMapSync, VectorSync};

pub use connection::{Closed, Connection, ConnectionState, Interruption, Text, Track};
pub use lookup::{connection_sid, session_key, session_sid, track_sid};
pub use session::{Ended, Session};
pub use settings::SettingsSet;

use super::event::{GivenOut, RoomConfig};
use super::id::{
    ConnectionNumber, Id, Identity, ParticipantNumber, RoomName, SessionNumber, TrackNumber,
    Version,
};
use super::time::Timestamp;

/// A room, as of one version of its history.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Room {
    /// Its name, for ever its stream.
    pub name: RoomName,
    /// The last event folded in; 0 for a room that nothing ever happened in.
    pub version: Version,
    /// The last event that changed the state.
    pub changed: Version,
    /// When the last event was recorded.
    pub recorded_at: Timestamp,
    /// The present generation; `None` before the first and after a deletion.
    pub life: Option<Life>,
    /// The event that deleted it, until it is made again.
    pub deleted: Option<Version>,
    /// How many generations there were.
    pub generation: u32,
    /// Everybody ever mentioned, by number.
    pub people: VectorSync<Person>,
    /// Their numbers by identity.
    pub by_identity: RedBlackTreeMapSync<Identity, ParticipantNumber>,
    /// Tokens of everybody issued before a moment are refused.
    pub revoked_all: Option<Revocation>,
    /// The open session, or the latest that ended.
    pub session: Option<Session>,
    /// The number that the next session gets.
    pub next_session: SessionNumber,
    /// The number that the next connection gets.
    pub next_connection: ConnectionNumber,
    /// The number that the next track gets.
    pub next_track: TrackNumber,
    /// Ids that callers brought, taken for ever.
    pub aliases: RedBlackTreeMapSync<Arc<str>, Taken>,
    /// Those of them that were moved to another room, with the person who has them there: they may
    /// come back with that person.
    pub moved_aliases: RedBlackTreeMapSync<Arc<str>, ParticipantNumber>,
}

/// One generation of a room, from its making to its deletion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Life {
    /// Its id.
    pub id: Id,
    /// When it was made.
    pub created_at: Timestamp,
    /// The event that made it.
    pub created: Version,
    /// Other names it answers to.
    pub aliases: Vec<String>,
    /// Its settings, which sessions start from.
    pub config: Arc<RoomConfig>,
    /// The events that set them.
    pub config_set: SettingsSet,
    /// Its metadata.
    pub metadata: Text,
    /// Whether somebody asked for it.
    pub explicit: bool,
}

/// Somebody that the room knows, present or not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub identity: Identity,
    /// Kept out.
    pub ban: Option<Ban>,
    /// Their tokens issued before a moment are refused.
    pub revoked: Option<Revocation>,
    /// Their newest connection, perhaps of an earlier session.
    pub newest: Option<ConnectionNumber>,
    /// Their live connections, oldest first.
    pub live: Vec<ConnectionNumber>,
    /// The event that closed one of their connections last, in whichever session.
    pub left: Option<Version>,
}

/// A ban that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ban {
    /// Until when; for good when absent.
    pub until: Option<Timestamp>,
    /// The event that set it.
    pub set: Version,
}

/// A revocation that stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revocation {
    /// Tokens issued before this moment are refused.
    pub before: Timestamp,
    /// The event that set it.
    pub set: Version,
}

/// An id that a caller brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// What it stands for.
    pub by: Aliased,
    /// The event that took it.
    pub since: Version,
    /// The event that closed the connection or unpublished the track.
    pub gone: Option<Version>,
}

/// What an id that a caller brought stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aliased {
    /// A connection.
    Connection(ConnectionNumber),
    /// A track, and whose it is.
    Track(TrackNumber, ConnectionNumber),
}

impl Room {
    /// A room that nothing ever happened in.
    pub fn new(name: RoomName) -> Self {
        Self {
            name,
            version: Version(0),
            changed: Version(0),
            recorded_at: Timestamp::EPOCH,
            life: None,
            deleted: None,
            generation: 0,
            people: VectorSync::new_sync(),
            by_identity: RedBlackTreeMapSync::new_sync(),
            revoked_all: None,
            session: None,
            next_session: SessionNumber(1),
            next_connection: ConnectionNumber(1),
            next_track: TrackNumber(1),
            aliases: RedBlackTreeMapSync::new_sync(),
            moved_aliases: RedBlackTreeMapSync::new_sync(),
        }
    }

    /// How many numbers were given out.
    pub fn given_out(&self) -> GivenOut {
        GivenOut {
            connections: self.next_connection.0.saturating_sub(1),
            tracks: self.next_track.0.saturating_sub(1),
        }
    }
}

/// The server's own settings: what a room gets that says nothing of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defaults {
    /// Settings of new rooms.
    pub config: RoomConfig,
}

impl Default for Defaults {
    /// LiveKit's defaults (`pkg/config/config.go`): 300 s empty, 20 s after the last departure, no
    /// bound on participants, no remote unmute, the newcomer replaces its double.
    fn default() -> Self {
        Self {
            config: RoomConfig {
                empty_timeout_s: 300,
                departure_timeout_s: 20,
                activation_timeout_s: super::limits::ACTIVATION_TIMEOUT_S,
                max_participants: 0,
                enable_remote_unmute: false,
                duplicate_identity: super::event::DuplicatePolicy::Replace,
                not_before: None,
                expires_at: None,
                eject_at_expiry: false,
                eject_after_s: None,
                disabled: false,
                default_permission: None,
                properties: BTreeMap::new(),
            },
        }
    }
}
