//! The rooms with an open session, one after the other. Apart because there may be a hundred
//! thousand of them, and whoever lists them slowly must not hold them all.

use std::collections::VecDeque;
use std::sync::Arc;

use super::Engine;
use crate::domain::{Room, RoomName};

/// Rooms with an open session, by name, each as it is when its turn comes; a room that is open
/// all the time is among them exactly once.
#[derive(Clone, Debug)]
pub struct LiveRooms {
    engine: Engine,
    after: Option<RoomName>,
    at_hand: VecDeque<Arc<Room>>,
    is_over: bool,
}

impl Engine {
    /// Every room with an open session after a name, in order. A few are held at a time.
    pub fn live_rooms_after(&self, after: Option<RoomName>) -> LiveRooms {
        LiveRooms {
            engine: self.clone(),
            after,
            at_hand: VecDeque::new(),
            is_over: false,
        }
    }
}

impl Iterator for LiveRooms {
    type Item = Arc<Room>;

    fn next(&mut self) -> Option<Arc<Room>> {
        if self.at_hand.is_empty() && !self.is_over {
            let rooms = &self.engine.shared.rooms;
            self.at_hand = rooms.live_after(self.after.as_ref(), AT_HAND_MAX).into();
            self.is_over = self.at_hand.len() < AT_HAND_MAX;
            self.after = self.at_hand.back().map(|room| room.name.clone());
        }
        self.at_hand.pop_front()
    }
}

/// Rooms fetched at once: finding the next ones takes a look at every part of the map.
const AT_HAND_MAX: usize = 256;
