//! Facts of a room and of its sessions. Apart because a room outlives every session, and nothing
//! of one session leaks into the next.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::event::Before;
use crate::domain::id::{Id, SessionNumber};
use crate::domain::permission::Permission;
use crate::domain::personal::Personal;
use crate::domain::time::Timestamp;

/// What happens when an identity joins that has a live connection already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DuplicatePolicy {
    /// The newcomer replaces it.
    Replace,
    /// Both stay.
    Allow,
}

/// The effective settings of a room or a session: every value said, nothing left to default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomConfig {
    /// A session that nobody ever joined ends after this long.
    pub empty_timeout_s: u32,
    /// A session ends this long after the last one who counts left.
    pub departure_timeout_s: u32,
    /// A connection that never became active is closed after this long.
    pub activation_timeout_s: u32,
    /// How many may be inside who count; 0 for no bound.
    pub max_participants: u32,
    /// Whether an admin may unmute somebody else's track.
    pub enable_remote_unmute: bool,
    /// One connection an identity, or several.
    pub duplicate_identity: DuplicatePolicy,
    /// No joins before this moment.
    pub not_before: Option<Timestamp>,
    /// No joins from this moment on.
    pub expires_at: Option<Timestamp>,
    /// Whether everybody is closed at `expires_at`.
    pub eject_at_expiry: bool,
    /// Every connection is closed this long after it opened.
    pub eject_after_s: Option<u32>,
    /// No joins at all.
    pub disabled: bool,
    /// What a join gets whose credential says nothing; the server's default when absent.
    pub default_permission: Option<Permission>,
    /// Settings that only one dialect knows, under that dialect's names.
    pub properties: BTreeMap<String, String>,
}

/// The room exists from now on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomCreated {
    /// Its id in this generation.
    pub room_id: Id,
    /// How often a room of this name was made.
    pub generation: u32,
    /// Other names it answers to.
    pub aliases: Vec<String>,
    /// Its settings.
    pub config: Arc<RoomConfig>,
    /// Its metadata.
    pub metadata: Personal<String>,
    /// Whether somebody asked for it, rather than a join that needed it.
    pub explicit: bool,
}

/// The settings changed, of the room, of its open session, or of both: a session may have settings
/// of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomConfigChanged {
    /// The room's, where they changed.
    pub room: Option<ConfigChange>,
    /// The open session's, where they changed.
    pub session: Option<ConfigChange>,
}

/// Settings that changed: the whole values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigChange {
    /// What they were, for the reader.
    pub before: Arc<RoomConfig>,
    /// What they are from now on.
    pub after: Arc<RoomConfig>,
}

/// The metadata changed, of the room, of its open session, or of both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomMetadataChanged {
    /// The new value.
    pub metadata: Personal<String>,
    /// What the room's was, where the room keeps the new one.
    pub room: Option<Before>,
    /// What the open session showed, where it shows the new one.
    pub session: Option<Before>,
}

/// The room is gone; its history stays, and so does its name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomDeleted {}

/// What opened a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpenedBy {
    /// An admin's call.
    Create,
    /// The first join.
    Join,
}

/// A run of the room began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionOpened {
    /// Its id.
    pub session_id: Id,
    /// Its number.
    pub number: SessionNumber,
    /// What opened it.
    pub by: OpenedBy,
    /// Its effective settings: the room's with the opener's over them.
    pub config: Arc<RoomConfig>,
    /// Metadata for this run alone; the room's when absent.
    pub metadata: Option<Personal<String>>,
}

/// An admin asked for the end of the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEndRequested {}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// An admin asked for it.
    Requested,
    /// The room was deleted.
    RoomDeleted,
    /// Nobody ever came.
    Empty,
    /// The last one who counts had left.
    Departed,
    /// The room reached its expiry.
    Expired,
    /// The server stopped for good.
    ServerShutdown,
}

/// A run of the room is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionEnded {
    /// Why.
    pub reason: EndReason,
    /// When the timer that ended it was due.
    pub due_at: Option<Timestamp>,
}

/// The data that everybody in the session shares changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionDataChanged {
    /// The whole new value: JSON text.
    pub data: Personal<String>,
    /// What it was before.
    pub before: Before,
}
