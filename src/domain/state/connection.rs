//! One live presence, as it is now. Apart because profile, permission and tracks are its own.

use std::collections::BTreeMap;
use std::sync::Arc;

use rpds::RedBlackTreeMapSync;
use serde::{Deserialize, Serialize};

use crate::domain::event::{
    CloseCause, ConnectionKind, Credential, MovedFrom, TrackKind, TrackShape,
};
use crate::domain::id::{Alias, ConnectionNumber, Id, ParticipantNumber, TrackNumber, Version};
use crate::domain::permission::{Permission, Source};
use crate::domain::time::Timestamp;

/// A text with the event that set it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// The value.
    pub value: Arc<str>,
    /// The event that set it.
    pub set: Version,
}

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConnectionState {
    /// Joined; no media yet.
    Joining,
    /// Media flows.
    Active,
    /// The transport broke; the stint goes on.
    Interrupted,
    /// Gone.
    Closed,
}

/// One connection of one participant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Connection {
    /// Its number.
    pub number: ConnectionNumber,
    /// Its minted id.
    pub id: Id,
    /// The caller's own id.
    pub alias: Option<Alias>,
    /// Whose.
    pub participant: ParticipantNumber,
    /// Their connection before this one, perhaps of an earlier session.
    pub previous: Option<ConnectionNumber>,
    /// What is at the other end.
    pub kind: ConnectionKind,
    /// How far it has come.
    pub state: ConnectionState,
    /// Whether media ever flowed.
    pub was_active: bool,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When its reporter says that it opened.
    pub opened_reported_at: Option<Timestamp>,
    /// The event that opened it.
    pub opened: Version,
    /// When media first flowed.
    pub activated_at: Option<Timestamp>,
    /// When its reporter says that media first flowed.
    pub activated_reported_at: Option<Timestamp>,
    /// Since when the transport is broken; `None` while it is whole.
    pub interrupted: Option<Interruption>,
    /// How it closed; `None` while open.
    pub closed: Option<Closed>,
    /// The name shown.
    pub name: Text,
    /// Free text of the application.
    pub metadata: Text,
    /// Keys and values of the application.
    pub attributes: Arc<BTreeMap<String, String>>,
    /// The event that changed the attributes last.
    pub attributes_set: Version,
    /// The event that set each of them, by key.
    pub attribute_versions: Arc<BTreeMap<String, Version>>,
    /// What it may do.
    pub permission: Arc<Permission>,
    /// The event that set the permission.
    pub permission_set: Version,
    /// Its open tracks, oldest first.
    pub tracks: Vec<Arc<Track>>,
    /// Whether it published or was given the right to since it joined (LiveKit's `is_publisher`).
    pub is_publisher: bool,
    /// Open tracks that an admin had it receive, or no longer receive; none of a closed connection.
    pub subscriptions: RedBlackTreeMapSync<TrackNumber, bool>,
    /// What it joined with.
    pub credential: Arc<Credential>,
    /// The media server that reported it.
    pub reporter: Option<Arc<str>>,
    /// When a timer closes it.
    pub eject_at: Option<Timestamp>,
    /// When it is closed unless it became active.
    pub activate_by: Option<Timestamp>,
    /// Where it was moved from.
    pub moved_from: Option<MovedFrom>,
    /// How often something visible changed (LiveKit's `version`).
    pub changes: u32,
}

/// Since when the transport of a connection is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interruption {
    /// When it was recorded.
    pub at: Timestamp,
    /// When its reporter says that it happened.
    pub reported_at: Option<Timestamp>,
}

/// How a connection closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When.
    pub at: Timestamp,
    /// When its reporter says that it closed.
    pub reported_at: Option<Timestamp>,
    /// The event that closed it.
    pub version: Version,
    /// The event that brought the closing about: the request, where there was one.
    pub because: Version,
    /// Why.
    pub cause: CloseCause,
    /// The reason in the reporter's words.
    pub reported_reason: Option<Arc<str>>,
    /// Whether a leave was reported after a removal.
    pub confirmed: bool,
}

/// One open track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Track {
    /// Its number.
    pub number: TrackNumber,
    /// Its minted id.
    pub id: Id,
    /// The caller's own id.
    pub alias: Option<Alias>,
    /// What it carries.
    pub kind: TrackKind,
    /// Where it comes from.
    pub source: Source,
    /// Its name.
    pub name: Arc<str>,
    /// Whether it is muted.
    pub muted: bool,
    /// Its form.
    pub shape: TrackShape,
    /// When it was published.
    pub published_at: Timestamp,
    /// When its reporter says that it was published.
    pub published_reported_at: Option<Timestamp>,
    /// The event that published it.
    pub published: Version,
}

impl Connection {
    /// About how many bytes its texts and its permission take as they are shown, at most.
    pub fn weight(&self) -> usize {
        let attributes = self.attributes.iter();
        let attributes: usize = attributes.map(|(key, value)| key.len() + value.len()).sum();
        let texts = self.name.value.len() + self.metadata.value.len();
        attributes + texts + self.permission.weight()
    }

    /// Whether it goes on.
    pub const fn is_live(&self) -> bool {
        self.closed.is_none()
    }

    /// Whether it neither counts nor keeps a room open.
    pub fn is_dependent(&self) -> bool {
        matches!(self.kind, ConnectionKind::Agent | ConnectionKind::Egress)
            || self.permission.agent
            || self.permission.recorder
    }

    /// When the next timer of this connection is due.
    pub fn deadline(&self) -> Option<Timestamp> {
        let activate_by = self.activate_by.filter(|_| !self.was_active);
        [activate_by, self.eject_at].into_iter().flatten().min()
    }
}
