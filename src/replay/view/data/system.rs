//! What events of the ledger itself say. Apart because they belong to no room.

use serde_json::{Map, Value, json};

use super::json::{object, put};
use crate::domain::Personal;
use crate::domain::event::{
    ClockHeld, ClockReleased, DefaultsChanged, EngineStarted, RefusalsSuppressed,
};
use crate::replay::view::config::ConfigView;
use crate::replay::view::resolve::Resolver;

pub(super) fn engine_started(it: &EngineStarted) -> Map<String, Value> {
    object(json!({
        "software": it.software,
        "ruleset": it.ruleset,
        "config_digest": it.config_digest,
        "key_ids": it.key_ids,
        "clean": it.clean,
    }))
}

pub(super) fn clock_held(it: &ClockHeld) -> Map<String, Value> {
    object(json!({ "wall": it.wall, "held_at": it.held_at }))
}

pub(super) fn clock_released(it: &ClockReleased) -> Map<String, Value> {
    object(json!({ "by_operator": it.by_operator }))
}

pub(super) fn defaults_changed(
    it: &DefaultsChanged,
    resolver: &Resolver<'_>,
) -> Map<String, Value> {
    object(json!({ "config": ConfigView::of(&it.config, resolver) }))
}

pub(super) fn refusals_suppressed(it: &RefusalsSuppressed) -> Map<String, Value> {
    let mut data = object(json!({
        "actor": it.actor,
        "count": it.count,
        "from": it.from,
        "to": it.to,
    }));
    let on_behalf_of = it.on_behalf_of.as_ref();
    put(
        &mut data,
        "on_behalf_of",
        on_behalf_of.map(Personal::as_str),
    );
    data
}

/// A stretch of positions of one copy of the log.
pub(super) fn stretch(from: u64, to: u64, copy: &str) -> Map<String, Value> {
    object(json!({ "from": from, "to": to, "copy": copy }))
}
