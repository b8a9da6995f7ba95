//! The frames that sled does not serve yet, in memory. Apart because it is bounded, and because
//! both the writer and every reader meet here. It never forgets a frame before sled serves it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::domain::RoomName;
use crate::store::StoreError;
use crate::store::journal::Frame;
use crate::store::record::Commit;

use super::heads::{events_of, name_of};

/// Frames after the indexed copy's watermark, in order.
#[derive(Default)]
pub(crate) struct Tail {
    held: VecDeque<Held>,
    bytes: u64,
    /// By name of the stream: the version of its first record in a frame, and that frame's first
    /// position.
    streams: BTreeMap<Arc<str>, VecDeque<(u64, u64)>>,
}

/// A frame and the first version of each stream in it.
struct Held {
    frame: Frame,
    firsts: Firsts,
}

/// The first version of each stream in a commit, by name; the system stream is the empty one.
pub(crate) type Firsts = Vec<(Arc<str>, u64)>;

impl Tail {
    /// Refuses before anything is written when the bound is reached (log.md rule 17). A frame
    /// larger than the bound passes alone.
    pub(crate) fn admit(&self, frame_bytes: u64, bytes_max: u64) -> Result<(), StoreError> {
        let bytes = self.bytes.saturating_add(frame_bytes);
        if self.held.is_empty() || bytes <= bytes_max {
            return Ok(());
        }
        Err(StoreError::Behind {
            bytes: self.bytes,
            bytes_max,
        })
    }

    /// How much sled has yet to take.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes the frame after the last one, with its [`firsts_of`].
    pub(crate) fn push(&mut self, frame: Frame, firsts: Firsts) {
        self.bytes += bytes_of(&frame);
        for (stream, version) in &firsts {
            let places = self.streams.entry(Arc::clone(stream)).or_default();
            places.push_back((*version, frame.first_position()));
        }
        self.held.push_back(Held { frame, firsts });
    }

    /// Forgets the first `count` frames, which sled serves now.
    pub(crate) fn trim(&mut self, count: usize) {
        for Held { frame, firsts } in self.held.drain(..count.min(self.held.len())) {
            self.bytes = self.bytes.saturating_sub(bytes_of(&frame));
            for (stream, _) in firsts {
                if let Some(places) = self.streams.get_mut(&stream) {
                    places.pop_front();
                    if places.is_empty() {
                        self.streams.remove(&stream);
                    }
                }
            }
        }
    }

    /// The first position that sled does not serve yet.
    pub(crate) fn first_position(&self) -> Option<u64> {
        self.held.front().map(|held| held.frame.first_position())
    }

    /// Whether sled serves all.
    pub(crate) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// The first frame.
    pub(crate) fn first(&self) -> Option<Frame> {
        self.held.front().map(|held| held.frame.clone())
    }

    /// The first frames, up to `bytes_max` of them, at least one if there is one.
    pub(crate) fn front(&self, bytes_max: u64) -> Vec<Frame> {
        let mut bytes = 0;
        let fitting = self.held.iter().take_while(|held| {
            let is_first = bytes == 0;
            bytes += bytes_of(&held.frame);
            is_first || bytes <= bytes_max
        });
        fitting.map(|held| held.frame.clone()).collect()
    }

    /// The frames that hold the positions `first..=last`.
    pub(crate) fn frames_between(&self, first: u64, last: u64) -> TailFrames {
        let skip = self.index_of(first);
        let frames = self.held.iter().skip(skip).map(|held| &held.frame);
        TailFrames {
            starts: self.held.front().map(|held| held.frame.first_position()),
            frames: frames
                .take_while(|frame| frame.first_position() <= last)
                .cloned()
                .collect(),
        }
    }

    /// The frames that hold records of a stream from `version` on, up to `limit` frames.
    pub(crate) fn frames_of(&self, stream: &str, version: u64, limit: usize) -> TailFrames {
        let Some(places) = self.streams.get(stream) else {
            return TailFrames::default();
        };
        // The last place at or before the version holds it, if any does.
        let after = places.partition_point(|(first, _)| *first <= version);
        let wanted = places.iter().skip(after.saturating_sub(1)).take(limit);
        let frame = |position: u64| {
            let held = self.held.get(self.index_of(position))?;
            Some(held.frame.clone())
        };
        TailFrames {
            starts: places.front().map(|(version, _)| *version),
            frames: wanted
                .filter_map(|(_, position)| frame(*position))
                .collect(),
        }
    }

    /// Where the commit that holds `position` stands, if it is here.
    fn index_of(&self, position: u64) -> usize {
        self.held
            .partition_point(|held| held.frame.link().next_position <= position)
    }
}

/// What the tail has of what was asked for.
#[derive(Default)]
pub(crate) struct TailFrames {
    /// Where the tail begins, as a position or a version of the stream: everything from here on
    /// is in it. `None` when it has nothing at all.
    pub(crate) starts: Option<u64>,
    pub(crate) frames: Vec<Frame>,
}

/// The first version of each stream in a commit.
pub(crate) fn firsts_of(commit: &Commit) -> Firsts {
    let mut firsts: BTreeMap<&str, (Arc<str>, u64)> = BTreeMap::new();
    for record in events_of(commit) {
        let room = record.room.as_ref();
        let name = || room.map(RoomName::shared).cloned().unwrap_or_default();
        let first = firsts.entry(name_of(room));
        first.or_insert_with(|| (name(), record.version.0));
    }
    firsts.into_values().collect()
}

fn bytes_of(frame: &Frame) -> u64 {
    u64::try_from(frame.bytes().len()).unwrap_or(u64::MAX)
}
