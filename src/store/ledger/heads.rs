//! The last version of every stream. Apart because it comes from the journal and the checkpoint
//! alone, never from sled: a hole shows by dense versions, a missing end does not (log.md rule
//! 18).

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::domain::{RoomName, Version};
use crate::store::StoreError;
use crate::store::codec::{RecordPlace, places};
use crate::store::journal::{Frame, FrameKind};
use crate::store::record::{Commit, NewRecord, Position};

use super::convert::corrupt_at;

/// The last version of every stream, by name; the system stream is the empty name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heads {
    by_name: BTreeMap<Arc<str>, Version>,
    /// Positions that were lost, and accepted, and that no stream's missing versions explain yet.
    lost: u64,
}

impl Heads {
    /// The last version of a stream, 0 when there is none.
    pub(crate) fn of(&self, room: Option<&RoomName>) -> Version {
        self.by_name.get(name_of(room)).copied().unwrap_or_default()
    }

    /// Whether a commit continues every stream it touches.
    ///
    /// # Errors
    /// `Conflict`, for the first record that does not.
    pub(crate) fn check(&self, commit: &Commit) -> Result<(), StoreError> {
        let mut ahead: BTreeMap<&str, Version> = BTreeMap::new();
        for record in events_of(commit) {
            let room = record.room.as_ref();
            let head = ahead.entry(name_of(room)).or_insert_with(|| self.of(room));
            if record.version != head.next() {
                return Err(StoreError::Conflict {
                    room: name_of(room).to_owned(),
                    expected: record.version,
                    actual: *head,
                });
            }
            *head = record.version;
        }
        Ok(())
    }

    /// Takes a commit that was checked.
    pub(crate) fn advance(&mut self, commit: &Commit) {
        for record in events_of(commit) {
            let room = record.room.as_ref();
            if let Some(head) = self.by_name.get_mut(name_of(room)) {
                *head = record.version;
            } else {
                let name = room.map(RoomName::shared).cloned().unwrap_or_default();
                self.by_name.insert(name, record.version);
            }
        }
    }

    /// Takes a frame of the log. What it tells may be known already, since a checkpoint's heads
    /// are gathered while commits come in; it may not be ahead.
    ///
    /// # Errors
    /// `Corrupt` when a stream has a hole before this frame that no accepted loss explains, or it
    /// does not decode.
    pub(crate) fn replay(&mut self, frame: &Frame) -> Result<(), StoreError> {
        match frame.kind() {
            FrameKind::Commit => {}
            FrameKind::Seal => return Ok(()),
            FrameKind::Loss => {
                self.lost += u64::from(frame.header().count);
                return Ok(());
            }
        }
        let first = Position(frame.first_position());
        for place in places(frame.payload()).map_err(corrupt_at(first))? {
            let RecordPlace { room, version, .. } = place;
            let head = self.by_name.get(room).copied().unwrap_or_default();
            let missing = version.0.saturating_sub(head.next().0);
            let Some(rest) = self.lost.checked_sub(missing) else {
                let problem = format!("stream {room:?} goes from version {head} to {version}");
                return Err(StoreError::Corrupt {
                    position: first,
                    problem,
                });
            };
            self.lost = rest;
            if version > head {
                self.set(room, version);
            }
        }
        Ok(())
    }

    /// Goes on from a frame whatever was missing before it, to check what follows.
    pub(crate) fn jump(&mut self, frame: &Frame) {
        for place in places(frame.payload()).unwrap_or_default() {
            self.set(place.room, place.version);
        }
    }

    /// Sets the head of one stream.
    pub(crate) fn set(&mut self, name: &str, version: Version) {
        match self.by_name.get_mut(name) {
            Some(head) => *head = version,
            None => {
                self.by_name.insert(Arc::from(name), version);
            }
        }
    }

    /// Up to `limit` streams after a name, in order; the system stream comes first.
    pub(crate) fn page(&self, after: Option<&str>, limit: usize) -> Vec<(Arc<str>, Version)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let range = self.by_name.range::<str, _>((from, Bound::Unbounded));
        let page = range.take(limit);
        page.map(|(name, version)| (Arc::clone(name), *version))
            .collect()
    }

    /// Up to `limit` room names after one, in order.
    pub(crate) fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Vec<RoomName> {
        // The empty name is the system stream, and before every room's.
        let page = self.page(Some(name_of(after)), limit);
        let names = page.into_iter().map(|(name, _)| RoomName::try_from(name));
        names.filter_map(Result::ok).collect()
    }
}

/// The name of a stream; empty for the system stream.
pub(crate) fn name_of(room: Option<&RoomName>) -> &str {
    room.map_or("", RoomName::as_str)
}

/// Every event of a commit, in order.
pub(crate) fn events_of(commit: &Commit) -> impl Iterator<Item = &NewRecord> {
    commit.commands.iter().flat_map(|command| &command.events)
}
