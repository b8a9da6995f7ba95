//! Rooms and sessions as they were, with the names that their views show. Apart from the fold,
//! which knows no snapshots: what is asked of the past costs the way from the nearest one, and not
//! the history before it.

use std::ops::DerefMut;

use super::history::{fold_to, room_at, version_at};
use crate::domain::{Room, RoomName, Timestamp, Version};
use crate::replay::{
    Moment, Names, NamesBook, Runs, SessionPage, as_of, instant_of, session_views, sessions_by,
};
use crate::store::{EventStore, StoreError};

/// Shows a room as of a moment, with the instant that it is shown at where the present is `now`;
/// `None` when nothing had happened in it. The book is taken once the room is folded.
///
/// # Errors
/// As [`EventStore::read_room`].
pub(crate) fn room<T, B: DerefMut<Target = NamesBook>>(
    store: &dyn EventStore,
    book: impl FnOnce() -> B,
    (name, moment, now): (&RoomName, Moment, Timestamp),
    show: impl Fn(&Room, &Names, Timestamp) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let room = room_at(store, name, moment)?;
    if room.version == Version(0) {
        return Ok(None);
    }
    let now = instant_of(store, moment, now)?;
    let last = command_end(store, &room)?;
    let mut book = book();
    let names = book.up_to(store, Some(name), last)?;
    if names.version() >= room.version {
        return Ok(show(&room, names, now));
    }
    // Behind a loss there are no names; this says from where on.
    let folded = as_of(store, name, moment)?;
    Ok(show(&folded.room, &folded.names, now))
}

/// A page of the sessions of a room up to a moment, oldest first.
///
/// # Errors
/// As [`EventStore::read_room`].
pub(crate) fn sessions<B: DerefMut<Target = NamesBook>>(
    store: &dyn EventStore,
    book: impl FnOnce() -> B,
    (name, moment, now): (&RoomName, Moment, Timestamp),
    runs: Runs,
) -> Result<SessionPage, StoreError> {
    let version = version_at(store, name, moment)?;
    let mut book = book();
    let names = book.up_to(store, Some(name), version)?;
    if names.version() >= version {
        let from = (Room::new(name.clone()), version);
        let now = instant_of(store, moment, now)?;
        return sessions_by(names, from, now, runs, |room, version| {
            fold_to(store, room, version)
        });
    }
    Ok(SessionPage::of(
        session_views(store, name, moment, now)?,
        runs,
    ))
}

/// The last version of the command that a room's last event belongs to: an event may point to a
/// later one of the same command.
fn command_end(store: &dyn EventStore, room: &Room) -> Result<Version, StoreError> {
    let before = Version(room.version.0.saturating_sub(1));
    let mut records = store.read_room(Some(&room.name), before, FEW)?;
    let command = records.first().map(|record| record.command_first);
    let mut last = room.version;
    loop {
        let read = records.len();
        records.retain(|record| Some(record.command_first) == command);
        let Some(end) = records.last() else {
            return Ok(last);
        };
        last = end.version;
        if records.len() < read {
            return Ok(last);
        }
        records = store.read_room(Some(&room.name), last, MANY)?;
    }
}

/// Most commands have fewer events.
const FEW: usize = 4;
/// Those of the others are read at a time.
const MANY: usize = 256;
