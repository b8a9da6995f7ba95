//! Folding one event into a room: total, it never fails and never decides.

use super::event::NewEvent;
use super::id::Version;
use super::state::Room;
use super::time::Timestamp;

/// Folds the event of that version, recorded at that time, into the room.
pub fn evolve(room: &mut Room, version: Version, recorded_at: Timestamp, _event: &NewEvent) {
    room.version = version;
    room.recorded_at = recorded_at;
}
