//! How events refer to people, connections, tracks and earlier values. Apart because every kind of
//! event uses the same words for them; nothing here is resolved.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

use crate::domain::event::TrackKind;
use crate::domain::{ConnectionNumber, Digest, Source, TrackNumber};

/// A connection in the words that every event has for it.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct ConnectionReference {
    /// Whose it is.
    pub(super) identity: String,
    /// The id that answers use: the caller's own, else the sid.
    pub(super) connection: String,
    /// LiveKit's form of the id.
    pub(super) sid: String,
    /// Its number in the room.
    pub(super) number: ConnectionNumber,
}

/// A track as it was published.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct TrackReference {
    /// The id that answers use: the caller's own, else ours.
    pub(super) sid: String,
    /// Its number in the room.
    pub(super) number: TrackNumber,
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
    /// How many connections; a list of their names may be shorter.
    pub(super) count: usize,
    /// All of them, as pairs of a first and a last number.
    pub(super) numbers: Vec<(u32, u32)>,
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
    /// The first of the connections, by name; `numbers` has all of them.
    pub(super) targets: Vec<ConnectionReference>,
}

/// What a value was before: who set it where, its digest, and the value itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct BeforeReference {
    /// The position of the event that set it, where it stands whole.
    pub(super) position: Option<u64>,
    /// The SHA-256 of it.
    pub(super) digest: Digest,
    #[serde(flatten)]
    pub(super) value: FormerValue,
}

/// A value as it was.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct FormerValue {
    /// The whole value, where it is short.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<Value>,
    /// The beginning of a long value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) start: Option<String>,
    /// The size of a long value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<usize>,
}

/// What the attributes of one connection were.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct AttributesBeforeReference {
    #[serde(flatten)]
    pub(super) connection: ConnectionReference,
    /// The position of the event that changed any of them last.
    pub(super) position: Option<u64>,
    /// The SHA-256 of all of them, as JSON with keys in order.
    pub(super) digest: Digest,
    /// Those of the keys set or removed that were there.
    pub(super) keys: BTreeMap<String, AttributeBefore>,
}

/// What one attribute was.
#[derive(Clone, Debug, Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct AttributeBefore {
    /// The position of the event that set it, where it stands whole.
    pub(super) position: Option<u64>,
    #[serde(flatten)]
    pub(super) value: FormerValue,
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
