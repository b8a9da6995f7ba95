//! Who was there and who had been removed, as our own API shows them. Apart from the room,
//! since these are read from its history too.

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;
use crate::replay::view::actor::ActorView;

/// Somebody who was there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Presence")
)]
pub struct Presence {
    /// Who.
    pub identity: String,
    /// The name shown.
    pub name: String,
    /// The session.
    pub session: String,
    /// Their connection.
    pub connection: String,
    /// LiveKit's form of its id.
    pub sid: String,
    /// When the connection opened.
    pub joined_at: Timestamp,
    /// Since when they could do what was asked for without a break; the same as `joined_at` where
    /// nothing was.
    pub since: Timestamp,
    /// The position of the event that is the reason: who joined, or what gave the right.
    pub because: Option<u64>,
    /// Whether they had published a track of what was asked for, and it was not muted; `None` where
    /// no track was asked for.
    pub live: Option<bool>,
}

/// Some of those who were there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "PresencePage")
)]
pub struct PresencePage {
    /// By person, and the newest connection of each first.
    pub present: Vec<Presence>,
    /// Where the next page begins; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u32>,
}

/// Somebody who had been removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Removal")
)]
pub struct Removal {
    /// Who.
    pub identity: String,
    /// The name that was shown then.
    pub name: String,
    /// The session.
    pub session: String,
    /// The connection that was closed.
    pub connection: String,
    /// LiveKit's form of its id.
    pub sid: String,
    /// When.
    pub at: Timestamp,
    /// The position of the request.
    pub because: Option<u64>,
    /// Whose request it was.
    pub actor: Option<ActorView>,
    /// Why, in the caller's words.
    pub reason: Option<String>,
    /// Whether they came into the room again and are there.
    pub is_back: bool,
    /// Whether they are still there by another connection, which was open before.
    pub never_left: bool,
}

/// Some removals.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Removals")
)]
pub struct RemovalPage {
    /// Of the latest session first; within a session the oldest first.
    pub removals: Vec<Removal>,
    /// Where the next page begins; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u32>,
}
