//! How events refer to people, connections, tracks and earlier values. Apart because every kind of
//! event uses the same words for them; nothing here is resolved.

use serde::Serialize;

use crate::domain::event::TrackKind;
use crate::domain::{Digest, Source};

/// A connection in the three words that every event has for it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct ConnectionReference {
    /// Whose it is.
    pub(super) identity: String,
    /// The id that answers use: the caller's own, else the sid.
    pub(super) connection: String,
    /// LiveKit's form of the id.
    pub(super) sid: String,
}

/// A track as it was published.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct TrackReference {
    /// The id that answers use: the caller's own, else ours.
    pub(super) sid: String,
    /// Where it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<Source>,
    /// What it carries.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<TrackKind>,
    /// Its name, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
}

/// Whom an event is about, beside the list of connections.
#[derive(Clone, Debug, Default, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct WhoReference {
    /// The target as it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) asked: Option<String>,
    /// How many connections; a list of them may be shorter.
    pub(super) count: usize,
    /// Who, where it is one person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) identity: Option<String>,
    /// Which, where it is one connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) connection: Option<String>,
    /// LiveKit's form of its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sid: Option<String>,
}

/// Whom an event is about.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct TargetsReference {
    #[serde(flatten)]
    pub(super) who: WhoReference,
    /// The first thousand connections.
    pub(super) targets: Vec<ConnectionReference>,
}

/// What a value was before: who set it where, and its digest.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct BeforeReference {
    /// The position of the event that set it.
    pub(super) position: Option<u64>,
    /// The SHA-256 of it.
    pub(super) digest: Digest,
}

/// What a value of one connection was before.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct ConnectionBefore {
    #[serde(flatten)]
    pub(super) connection: ConnectionReference,
    #[serde(flatten)]
    pub(super) before: BeforeReference,
}
