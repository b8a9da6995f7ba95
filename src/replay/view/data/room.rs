//! What events of rooms and sessions say. Apart because they name nobody.

use serde::Serialize;
use serde_json::Value;

use crate::domain::event::{
    Before, EndReason, OpenedBy, RoomConfigChanged, RoomCreated, RoomMetadataChanged,
    SessionDataChanged, SessionEnded, SessionOpened,
};
use crate::domain::state::session_sid;
use crate::domain::{Personal, Timestamp, Version};
use crate::replay::view::config::ConfigView;
use crate::replay::view::refer::BeforeReference;
use crate::replay::view::resolve::{Resolver, json_of};

/// A room was made.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Created<'a> {
    /// Its id, as a UUID.
    room_id: String,
    /// How often a room of this name was made.
    generation: u32,
    /// Other names it answers to.
    aliases: &'a [String],
    /// Its settings.
    config: ConfigView,
    /// Its metadata.
    metadata: &'a str,
    /// Whether somebody asked for it, rather than a join that needed it.
    explicit: bool,
}

pub(super) fn created<'a>(it: &'a RoomCreated, resolver: &Resolver<'_>) -> Created<'a> {
    Created {
        room_id: it.room_id.uuid().to_string(),
        generation: it.generation,
        aliases: &it.aliases,
        config: ConfigView::of(&it.config, resolver),
        metadata: it.metadata.as_str(),
        explicit: it.explicit,
    }
}

/// Settings changed: the whole new values.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct ConfigChanged {
    before: ConfigView,
    after: Option<ConfigView>,
    applies_to: Vec<&'static str>,
    /// The open session's, where they differ from the room's.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<ConfigView>,
}

pub(super) fn config_changed(it: &RoomConfigChanged, resolver: &Resolver<'_>) -> ConfigChanged {
    let view = |config| ConfigView::of(config, resolver);
    let own = it.session.as_ref().filter(|_| it.room != it.session);
    ConfigChanged {
        before: view(&it.before),
        after: it
            .room
            .as_ref()
            .or(it.session.as_ref())
            .map(|config| view(config)),
        applies_to: applies_to(it.room.is_some(), it.session.is_some()),
        session: own.map(|config| view(config)),
    }
}

/// A text or other value that changed.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "ValueChange"))]
struct Change {
    after: Value,
    before: BeforeReference,
}

impl Change {
    fn new(after: Value, before: &Before, resolver: &Resolver<'_>) -> Self {
        Self {
            after,
            before: resolver.before(before),
        }
    }
}

/// Metadata changed.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct MetadataChanged {
    metadata: Change,
    applies_to: Vec<&'static str>,
}

pub(super) fn metadata_changed(
    it: &RoomMetadataChanged,
    resolver: &Resolver<'_>,
) -> MetadataChanged {
    MetadataChanged {
        metadata: Change::new(it.metadata.as_str().into(), &it.before, resolver),
        applies_to: applies_to(it.room, it.session),
    }
}

/// A run of the room began.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Opened<'a> {
    /// Its id.
    session: String,
    /// Its number in the room.
    number: u32,
    by: OpenedBy,
    /// Its effective settings.
    config: ConfigView,
    /// Metadata for this run alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a str>,
}

pub(super) fn session_opened<'a>(it: &'a SessionOpened, resolver: &Resolver<'_>) -> Opened<'a> {
    Opened {
        session: session_sid(it.session_id),
        number: it.number.0,
        by: it.by,
        config: ConfigView::of(&it.config, resolver),
        metadata: it.metadata.as_ref().map(Personal::as_str),
    }
}

/// A run of the room is over.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Ended {
    reason: EndReason,
    /// Its id.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// When the timer that ended it was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
}

pub(super) fn session_ended(it: &SessionEnded, at: Version, resolver: &Resolver<'_>) -> Ended {
    Ended {
        reason: it.reason,
        session: resolver.session(at),
        due_at: it.due_at,
    }
}

/// The data that everybody in the session shares changed.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct DataChanged {
    data: Change,
}

pub(super) fn session_data_changed(
    it: &SessionDataChanged,
    resolver: &Resolver<'_>,
) -> DataChanged {
    DataChanged {
        data: Change::new(json_of(it.data.as_str()), &it.before, resolver),
    }
}

fn applies_to(room: bool, session: bool) -> Vec<&'static str> {
    let both = [("room", room), ("session", session)];
    both.into_iter()
        .filter_map(|(name, applies)| applies.then_some(name))
        .collect()
}
