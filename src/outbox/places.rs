//! Where a receiver stands, shared by the task that reads the log and those that tell of rooms.
//! Apart because they meet here under one lock: a room is either in the list, with a task that will
//! tell of it, or there is nothing to tell of it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cursor::{Cursor, Place};
use crate::domain::{Digest, RoomName, Version};
use crate::store::Position;

/// The cursor as it is now, and whether it was saved.
pub(crate) struct Places(Mutex<State>);

struct State {
    cursor: Cursor,
    changed: bool,
}

impl Places {
    pub(crate) fn new(cursor: Cursor) -> Self {
        Self(Mutex::new(State {
            cursor,
            changed: false,
        }))
    }

    /// Notes that the log was read up to here, and what it said there, if that is to be told.
    /// `true`: the room needs a task.
    pub(crate) fn read(
        &self,
        through: Position,
        chain: Digest,
        told: Option<(&RoomName, Version)>,
    ) -> bool {
        let mut state = self.lock();
        state.changed = true;
        state.cursor.through = through;
        state.cursor.chain = Some(chain);
        let Some((room, version)) = told else {
            return false;
        };
        if let Some(place) = state.cursor.lanes.get_mut(room) {
            place.until = version;
            return false;
        }
        let place = Place {
            after: Version(version.0.saturating_sub(1)),
            done: 0,
            until: version,
        };
        state.cursor.lanes.insert(room.clone(), place);
        true
    }

    /// Where that room stands; `None` when there is nothing to tell of it.
    pub(crate) fn of(&self, room: &RoomName) -> Option<Place> {
        self.lock().cursor.lanes.get(room).copied()
    }

    /// Notes how far a room was told. `true`: that was all, and its task may end.
    pub(crate) fn told(&self, room: &RoomName, after: Version, done: u32) -> bool {
        let mut state = self.lock();
        state.changed = true;
        let Some(place) = state.cursor.lanes.get_mut(room) else {
            return true;
        };
        (place.after, place.done) = (after, done);
        let is_all = after >= place.until;
        if is_all {
            state.cursor.lanes.remove(room);
        }
        is_all
    }

    /// The cursor, if it changed since this was last asked.
    pub(crate) fn take_changed(&self) -> Option<Cursor> {
        let mut state = self.lock();
        std::mem::take(&mut state.changed).then(|| state.cursor.clone())
    }

    /// Asks for another save: the last one failed.
    pub(crate) fn unsaved(&self) {
        self.lock().changed = true;
    }

    pub(crate) fn through(&self) -> Position {
        self.lock().cursor.through
    }

    pub(crate) fn rooms(&self) -> Vec<RoomName> {
        self.lock().cursor.lanes.keys().cloned().collect()
    }

    pub(crate) fn waiting(&self) -> usize {
        self.lock().cursor.lanes.len()
    }

    pub(crate) fn now(&self) -> Cursor {
        self.lock().cursor.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing here panics half way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
