//! Rooms as they were, folded from the log. Apart because every caller that finds a room missing
//! from memory comes here: writer, reader and repeat alike. It never writes.

use std::sync::Arc;

use tracing::debug_span;

use super::call::At;
use crate::domain::{Reference, Room, RoomName, Version, evolve};
use crate::store::{EventStore, Position, Record, StoreError};

/// The room as of a moment; version 0 when nothing had happened there.
pub(crate) fn room_at(
    store: &dyn EventStore,
    name: &RoomName,
    at: At,
) -> Result<Arc<Room>, StoreError> {
    let span = debug_span!("fold", room = name.as_str(), seq = tracing::field::Empty);
    let _entered = span.enter();
    let mut room = Room::new(name.clone());
    loop {
        let page = store.read_room(Some(name), room.version, PAGE)?;
        let full = page.len() == PAGE;
        for record in page {
            if !covers(at, &record) {
                span.record("seq", room.version.0);
                return Ok(Arc::new(room));
            }
            let recorded_at = record.command.recorded_at;
            evolve(&mut room, record.version, recorded_at, &record.event);
        }
        if !full {
            span.record("seq", room.version.0);
            return Ok(Arc::new(room));
        }
    }
}

/// The room's version right after a position, found by halving.
pub(crate) fn version_at(
    store: &dyn EventStore,
    name: &RoomName,
    position: Position,
) -> Result<Version, StoreError> {
    let mut known = 0;
    let mut beyond = store.room_head(Some(name))?.0 + 1;
    while beyond - known > 1 {
        let middle = known + (beyond - known) / 2;
        let found = store.read_room(Some(name), Version(middle - 1), 1)?;
        if found
            .first()
            .is_some_and(|record| record.position <= position)
        {
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

fn covers(at: At, record: &Record) -> bool {
    match at {
        At::Head => true,
        At::Position(position) => record.position <= position,
        At::Version(version) => record.version <= version,
        At::Time(time) => record.command.recorded_at <= time,
    }
}

/// Records folded at a time: bounds the memory of a fold, whatever the length of the history.
const PAGE: usize = 1_024;
