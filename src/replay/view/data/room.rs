//! What events of rooms and sessions say. Apart because they name nobody.

use serde::Serialize;
use serde_json::Value;

use crate::domain::event::{
    Before, ConfigChange, EndReason, OpenedBy, RoomConfigChanged, RoomCreated, RoomMetadataChanged,
    SessionDataChanged, SessionEnded, SessionOpened,
};
use crate::domain::state::session_sid;
use crate::domain::{Personal, Timestamp, Version};
use crate::replay::former::Field;
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

/// Settings changed: the whole values.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct ConfigChanged {
    /// What was in force: the open session's where they changed, else the room's.
    before: Option<ConfigView>,
    /// What is in force from now on.
    after: Option<ConfigView>,
    applies_to: Vec<&'static str>,
    /// The room's, where both changed and they are not the open session's.
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<ConfigBeforeAfter>,
    /// The open session's, beside `room`.
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<ConfigBeforeAfter>,
}

/// Settings that changed.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "ConfigChange"))]
struct ConfigBeforeAfter {
    before: ConfigView,
    after: ConfigView,
}

pub(super) fn config_changed(it: &RoomConfigChanged, resolver: &Resolver<'_>) -> ConfigChanged {
    let both = |change: &ConfigChange| ConfigBeforeAfter {
        before: ConfigView::of(&change.before, resolver),
        after: ConfigView::of(&change.after, resolver),
    };
    let are_apart = it.room.is_some() && it.session.is_some() && it.room != it.session;
    let in_force = it.session.as_ref().or(it.room.as_ref()).map(both);
    let (before, after) = in_force.map(|it| (it.before, it.after)).unzip();
    ConfigChanged {
        before,
        after,
        applies_to: applies_to(it.room.is_some(), it.session.is_some()),
        room: it.room.as_ref().filter(|_| are_apart).map(both),
        session: it.session.as_ref().filter(|_| are_apart).map(both),
    }
}

/// A text or other value that changed.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "ValueChange"))]
struct Change {
    after: Value,
    before: Option<BeforeReference>,
}

/// Metadata changed.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct MetadataChanged {
    /// What is shown, and what was: the open session's where it changed, else the room's.
    metadata: Change,
    applies_to: Vec<&'static str>,
    /// What the room's was, where both changed and it is not what the open session showed.
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<BeforeReference>,
}

pub(super) fn metadata_changed(
    it: &RoomMetadataChanged,
    resolver: &Resolver<'_>,
) -> MetadataChanged {
    let before = |before: &Before| resolver.before(before, &Field::RoomMetadata);
    let are_apart = it.session.is_some() && it.room != it.session;
    MetadataChanged {
        metadata: Change {
            after: it.metadata.as_str().into(),
            before: it.session.as_ref().or(it.room.as_ref()).map(before),
        },
        applies_to: applies_to(it.room.is_some(), it.session.is_some()),
        room: it.room.as_ref().filter(|_| are_apart).map(before),
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
        data: Change {
            after: json_of(it.data.as_str()),
            before: Some(resolver.before(&it.before, &Field::SessionData)),
        },
    }
}

fn applies_to(room: bool, session: bool) -> Vec<&'static str> {
    let both = [("room", room), ("session", session)];
    both.into_iter()
        .filter_map(|(name, applies)| applies.then_some(name))
        .collect()
}
