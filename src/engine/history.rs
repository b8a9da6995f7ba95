//! Rooms as they were, folded from the log. Apart because every caller that finds a room missing
//! from memory comes here: writer, reader and repeat alike. It never writes.

use std::sync::Arc;

use tracing::debug_span;

use super::checkpoint::snapshot;
use crate::domain::{Reference, Room, RoomName, Version};
use crate::replay::{Moment, fold_on};
use crate::store::{EventStore, Position, StoreError};

/// The room as of a moment, from the nearest snapshot on; version 0 when nothing had happened
/// there.
pub(crate) fn room_at(
    store: &dyn EventStore,
    name: &RoomName,
    moment: Moment,
) -> Result<Arc<Room>, StoreError> {
    let new = Room::new(name.clone());
    let version = version_at(store, name, moment)?;
    if version == Version(0) {
        return Ok(Arc::new(new));
    }
    let span = debug_span!("fold", room = name.as_str(), seq = version.0);
    let _entered = span.enter();
    fold_to(store, new, version).map(Arc::new)
}

/// The state of a room at a version, folded on from an earlier state of it or from the nearest
/// snapshot, whichever is later.
pub(crate) fn fold_to(
    store: &dyn EventStore,
    from: Room,
    version: Version,
) -> Result<Room, StoreError> {
    let is_near = version.0.saturating_sub(from.version.0) <= NEAR_EVENTS;
    let caches = store.caches().filter(|_| !is_near);
    let later = caches
        .and_then(|caches| snapshot(caches, &from, version))
        .filter(|snapshot| snapshot.version > from.version);
    fold_on(store, later.unwrap_or(from), Moment::Version(version))
}

/// The room's version at a moment, found by halving.
pub(crate) fn version_at(
    store: &dyn EventStore,
    name: &RoomName,
    moment: Moment,
) -> Result<Version, StoreError> {
    let head = store.room_head(Some(name))?;
    if let Moment::Version(version) = moment {
        return Ok(version.min(head));
    }
    if moment == Moment::Head {
        return Ok(head);
    }
    let mut known = 0;
    let mut beyond = head.0 + 1;
    while beyond - known > 1 {
        let middle = known + (beyond - known) / 2;
        let found = store.read_room(Some(name), Version(middle - 1), 1)?;
        if found.first().is_some_and(|record| moment.includes(record)) {
            known = middle;
        } else {
            beyond = middle;
        }
    }
    Ok(Version(known))
}

/// Where the events stand that references of this room's events name.
pub(crate) fn positions(
    store: &dyn EventStore,
    room: &RoomName,
    references: &[Reference],
) -> Result<Vec<Position>, StoreError> {
    let mut found = Vec::new();
    for reference in references {
        let room = reference.room.as_ref().unwrap_or(room);
        let before = Version(reference.version.0.saturating_sub(1));
        let records = store.read_room(Some(room), before, 1)?;
        found.extend(records.first().map(|record| record.position));
    }
    Ok(found)
}

/// So many events are folded sooner than a snapshot is found and decoded.
const NEAR_EVENTS: u64 = 64;
