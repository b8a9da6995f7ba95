//! What events of rooms and sessions say. Apart because they name nobody.

use serde_json::{Map, Value, json};

use super::json::{object, put};
use crate::domain::event::{
    RoomConfigChanged, RoomCreated, RoomMetadataChanged, SessionDataChanged, SessionEnded,
    SessionOpened,
};
use crate::domain::state::session_sid;
use crate::domain::{Personal, Version};
use crate::replay::view::config::ConfigView;
use crate::replay::view::resolve::{Resolver, json_of};

pub(super) fn created(it: &RoomCreated, resolver: &Resolver<'_>) -> Map<String, Value> {
    object(json!({
        "room_id": it.room_id.uuid().to_string(),
        "generation": it.generation,
        "aliases": it.aliases,
        "config": ConfigView::of(&it.config, resolver),
        "metadata": it.metadata.as_str(),
        "explicit": it.explicit,
    }))
}

pub(super) fn config_changed(
    it: &RoomConfigChanged,
    resolver: &Resolver<'_>,
) -> Map<String, Value> {
    let view = |config| ConfigView::of(config, resolver);
    let mut data = object(json!({
        "before": view(&it.before),
        "after": it.room.as_ref().or(it.session.as_ref()).map(|config| view(config)),
        "applies_to": applies_to(it.room.is_some(), it.session.is_some()),
    }));
    let own = it.session.as_ref().filter(|_| it.room != it.session);
    put(&mut data, "session", own.map(|config| json!(view(config))));
    data
}

pub(super) fn metadata_changed(
    it: &RoomMetadataChanged,
    resolver: &Resolver<'_>,
) -> Map<String, Value> {
    object(json!({
        "metadata": {
            "after": it.metadata.as_str(),
            "before": resolver.before(&it.before),
        },
        "applies_to": applies_to(it.room, it.session),
    }))
}

pub(super) fn session_opened(it: &SessionOpened, resolver: &Resolver<'_>) -> Map<String, Value> {
    let mut data = object(json!({
        "session": session_sid(it.session_id),
        "number": it.number,
        "by": it.by,
        "config": ConfigView::of(&it.config, resolver),
    }));
    let metadata = it.metadata.as_ref();
    put(&mut data, "metadata", metadata.map(Personal::as_str));
    data
}

pub(super) fn session_ended(
    it: &SessionEnded,
    at: Version,
    resolver: &Resolver<'_>,
) -> Map<String, Value> {
    let mut data = object(json!({ "reason": it.reason }));
    put(&mut data, "session", resolver.session(at));
    put(&mut data, "due_at", it.due_at.map(|due| json!(due)));
    data
}

pub(super) fn session_data_changed(
    it: &SessionDataChanged,
    resolver: &Resolver<'_>,
) -> Map<String, Value> {
    object(json!({
        "data": {
            "after": json_of(it.data.as_str()),
            "before": resolver.before(&it.before),
        },
    }))
}

fn applies_to(room: bool, session: bool) -> Vec<&'static str> {
    let both = [("room", room), ("session", session)];
    both.into_iter()
        .filter_map(|(name, applies)| applies.then_some(name))
        .collect()
}
