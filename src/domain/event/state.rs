//! Facts that change what connections show and may do, and the words they share: who, before.
//!
//! Apart because these are the admin actions that reviewers ask about first.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::id::{ConnectionNumber, ParticipantNumber, TrackNumber, Version};
use crate::domain::patch::PermissionPatch;
use crate::domain::permission::Permission;
use crate::domain::personal::Personal;
use crate::domain::ranges::Ranges;

/// Who was meant, as it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Selector {
    /// Every open connection not named by a key of its own.
    Everyone,
    /// Every live connection of one person.
    Participant(ParticipantNumber),
    /// One connection.
    Connection(ConnectionNumber),
    /// A rule or a report chose them; nobody named them.
    Chosen,
    /// Nobody that the room knows, as written.
    Unknown(Personal<String>),
}

/// Who was meant, and whom that came to at that version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// As asked.
    pub asked: Selector,
    /// As resolved.
    pub connections: Ranges<ConnectionNumber>,
}

impl Who {
    /// One connection, named by itself.
    pub fn connection(number: ConnectionNumber) -> Self {
        Self {
            asked: Selector::Connection(number),
            connections: Ranges::one(number),
        }
    }
}

/// Whose doing a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ByWhom {
    /// The participant's own.
    Itself,
    /// An admin's.
    Admin,
}

/// What a large value was: the event that set it, and its digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// The event that had set it; 0 when it was never set.
    pub version: Version,
    /// The SHA-256 of the old value.
    pub digest: Digest,
}

/// A new text with what it replaces, for one connection each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextChange {
    /// The new value.
    pub value: Personal<String>,
    /// What it was, by connection.
    pub before: Vec<(ConnectionNumber, Before)>,
}

/// What changed among attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributesChange {
    /// Keys with their new values.
    pub set: Personal<BTreeMap<String, String>>,
    /// Keys that are gone.
    pub removed: Personal<BTreeSet<String>>,
    /// What they were, by connection.
    pub before: Vec<(ConnectionNumber, AttributesBefore)>,
}

/// What the attributes of a connection were.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributesBefore {
    /// The event that changed any of them last, and the digest of all of them as JSON.
    pub all: Before,
    /// The events that had set the keys set or removed now; a key that was not there is absent.
    pub set: Personal<BTreeMap<String, Version>>,
}

/// Name, metadata or attributes changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileChanged {
    /// Whose.
    pub who: Who,
    /// The new name.
    pub name: Option<TextChange>,
    /// The new metadata.
    pub metadata: Option<TextChange>,
    /// What changed among the attributes.
    pub attributes: Option<AttributesChange>,
    /// Whose doing.
    pub by: ByWhom,
}

/// How a permission update treats what it does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpdateMode {
    /// What is absent stays.
    Patch,
    /// What is absent goes.
    Replace,
}

/// Connections whose permission changed in the same way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionGroup {
    /// What they could do.
    pub before: Arc<Permission>,
    /// What they can do.
    pub after: Arc<Permission>,
    /// Which connections.
    pub connections: Ranges<ConnectionNumber>,
}

impl PermissionGroup {
    /// About how many bytes both permissions take as they are shown, at most.
    pub fn weight(&self) -> usize {
        self.before.weight() + self.after.weight()
    }
}

/// What people may do changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionsChanged {
    /// Whom the request meant, one entry for each of its targets.
    pub who: Vec<Who>,
    /// How it treats what it does not say.
    pub mode: UpdateMode,
    /// What was asked, one for each entry of `who`; for the reader.
    pub request: Vec<PermissionPatch>,
    /// What came of it.
    pub groups: Vec<PermissionGroup>,
    /// Targets that the room does not know.
    pub unknown_targets: Vec<Personal<String>>,
}

/// What somebody receives was changed by an admin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionsChanged {
    /// Whose.
    pub who: Who,
    /// Which tracks.
    pub tracks: Ranges<TrackNumber>,
    /// Tracks that the room does not know, as written.
    pub unknown_tracks: Vec<Personal<String>>,
    /// Received from now on, or no longer.
    pub subscribe: bool,
    /// What an admin had said of these tracks before; nothing of a connection that is not named.
    pub before: Vec<SubscriptionsBefore>,
}

/// What an admin had said of tracks to connections that were told the same.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionsBefore {
    /// Which connections.
    pub connections: Ranges<ConnectionNumber>,
    /// The tracks that they were to receive.
    pub subscribed: Ranges<TrackNumber>,
    /// The tracks that they were not to receive.
    pub unsubscribed: Ranges<TrackNumber>,
}
