//! One run of a room, as it is now. Apart because all of it ends with the run.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use rpds::{RedBlackTreeMapSync, RedBlackTreeSetSync, VectorSync};

use super::connection::{Connection, Text};
use super::settings::SettingsSet;
use crate::domain::event::{EndReason, OpenedBy, RoomConfig};
use crate::domain::id::{ConnectionNumber, Id, SessionNumber, TrackNumber, Version};
use crate::domain::time::Timestamp;

/// One run of a room, open or ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: Id,
    /// Its number.
    pub number: SessionNumber,
    /// When it opened.
    pub opened_at: Timestamp,
    /// When the reporter of the join that opened it says that it was.
    pub opened_reported_at: Option<Timestamp>,
    /// The event that opened it.
    pub opened: Version,
    /// What opened it.
    pub by: OpenedBy,
    /// Its effective settings.
    pub config: Arc<RoomConfig>,
    /// The events that set them.
    pub config_set: SettingsSet,
    /// Metadata of this run alone; the room's when absent.
    pub metadata: Option<Text>,
    /// The data that everybody shares: JSON text.
    pub data: Option<Text>,
    /// How it ended; `None` while it is open.
    pub ended: Option<Ended>,
    /// The number of the first connection in `connections`.
    pub first_connection: ConnectionNumber,
    /// Every connection of this run, in order, closed ones too.
    pub connections: VectorSync<Arc<Connection>>,
    /// The minted ids' short keys (see [`Id::short_key`]).
    pub by_short_id: RedBlackTreeMapSync<u128, ConnectionNumber>,
    /// Whose the open tracks are, by their minted ids' short keys.
    pub track_owners: RedBlackTreeMapSync<u128, ConnectionNumber>,
    /// The events that unpublished tracks of this run, by the minted ids' short keys.
    pub gone_tracks: RedBlackTreeMapSync<u128, Version>,
    /// The open tracks that an admin had single connections receive, or not, each with its
    /// connection.
    pub subscribers: RedBlackTreeSetSync<(TrackNumber, ConnectionNumber)>,
    /// The open connections.
    pub live: RedBlackTreeSetSync<ConnectionNumber>,
    /// How many of them count: all but dependents.
    pub counted: u32,
    /// How many of those that count have published or may have: LiveKit's publishers.
    pub publishers: u32,
    /// Whether one who counts ever joined.
    pub joined_ever: bool,
    /// When one who counts left last.
    pub last_left_at: Option<Timestamp>,
    /// When timers of single connections are due, with whose.
    pub deadlines: RedBlackTreeSetSync<(Timestamp, ConnectionNumber)>,
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// When.
    pub at: Timestamp,
    /// Why.
    pub reason: EndReason,
    /// The event.
    pub version: Version,
}

impl Session {
    /// Whether it goes on.
    pub const fn is_open(&self) -> bool {
        self.ended.is_none()
    }

    /// The connection of that number, if it is of this run.
    pub fn connection(&self, number: ConnectionNumber) -> Option<&Arc<Connection>> {
        self.index(number)
            .and_then(|index| self.connections.get(index))
    }

    /// The open connections, oldest first.
    pub fn live(&self) -> impl Iterator<Item = &Arc<Connection>> {
        self.live
            .iter()
            .filter_map(|number| self.connection(*number))
    }

    /// When the session ends unless somebody who counts comes: `None` while one is inside.
    pub fn idle_deadline(&self) -> Option<Timestamp> {
        if self.counted > 0 || !self.is_open() {
            return None;
        }
        Some(match self.last_left_at {
            Some(left) if self.joined_ever => left.plus_seconds(self.config.departure_timeout_s),
            _ => self.opened_at.plus_seconds(self.config.empty_timeout_s),
        })
    }

    pub(in crate::domain) fn index(&self, number: ConnectionNumber) -> Option<usize> {
        number
            .0
            .checked_sub(self.first_connection.0)
            .map(|index| index as usize)
    }
}
