//! Which room's timer is due next. Apart because timers are decided by the domain: here is only
//! when to ask it. It never fires anything by itself.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{RoomName, Timestamp};

/// One deadline for each room that has one.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_due: BTreeSet<(Timestamp, RoomName)>,
    due: BTreeMap<RoomName, Timestamp>,
}

impl Timers {
    /// Sets or clears the room's deadline.
    pub(crate) fn set(&mut self, room: &RoomName, due: Option<Timestamp>) {
        if self.due.get(room).copied() == due {
            return;
        }
        if let Some(before) = self.due.remove(room) {
            self.by_due.remove(&(before, room.clone()));
        }
        if let Some(due) = due {
            self.by_due.insert((due, room.clone()));
            self.due.insert(room.clone(), due);
        }
    }

    /// The first deadline.
    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.by_due.first().map(|(due, _)| *due)
    }

    /// Takes out up to `limit` rooms that are due, in the order of their deadlines. Each comes back
    /// by [`Timers::set`] once it has been written; one whose timer came to nothing does not, so
    /// that it cannot be asked in a circle.
    pub(crate) fn take_due(&mut self, now: Timestamp, limit: usize) -> Vec<RoomName> {
        let mut rooms = Vec::new();
        while rooms.len() < limit && self.next().is_some_and(|due| due <= now) {
            if let Some((_, room)) = self.by_due.pop_first() {
                self.due.remove(&room);
                rooms.push(room);
            }
        }
        rooms
    }
}
