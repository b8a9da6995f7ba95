//! The copy as the journal's source of frames when the journal heals itself. Apart because it is
//! the only way in which this copy is ever written back. Nothing it gives is believed by the
//! journal: each frame must link to both its neighbours.

use std::ops::Bound::{Excluded, Included};
use std::sync::{Mutex, PoisonError};

use super::block;
use super::copy::SledCopy;
use super::key::BlockKey;
use crate::store::journal::{Frame, FrameSource};

/// Frames of the copy by first position.
pub(crate) struct SledSource<'a> {
    copy: &'a SledCopy,
    /// The last block that was read: a long hole is asked for frame by frame.
    last: Mutex<Vec<Frame>>,
}

impl<'a> SledSource<'a> {
    pub(crate) fn new(copy: &'a SledCopy) -> Self {
        Self {
            copy,
            last: Mutex::default(),
        }
    }
}

impl FrameSource for SledSource<'_> {
    fn frames_at(&self, first_position: u64) -> Vec<Vec<u8>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let inside = |frames: &[Frame]| {
            let starts = frames.first().map(Frame::first_position);
            let ends = frames.last().map(|frame| frame.link().next_position);
            starts.is_some_and(|starts| starts < first_position)
                && ends.is_some_and(|ends| first_position < ends)
        };
        let mut found = Vec::new();
        let mut take = |frames: &[Frame]| {
            let wanted = frames
                .iter()
                .filter(|frame| frame.first_position() == first_position);
            found.extend(wanted.map(|frame| frame.bytes().to_vec()));
        };
        if inside(&last) {
            take(&last);
            return found;
        }
        // A block that starts with the commit, one that starts with the seal before it, and the
        // one before them, at whose end the seal may stand. One that cannot be read gives nothing.
        let (lowest, mut greatest) = BlockKey::up_to(first_position);
        for _ in 0..3 {
            let Ok(Some(frames)) = self.copy.block_in(&lowest, &greatest) else {
                break;
            };
            take(&frames);
            let Some(first) = frames.first() else { break };
            if first.first_position() < first_position {
                if inside(&frames) {
                    *last = frames;
                }
                break;
            }
            greatest = before(first);
        }
        found
    }
}

impl SledCopy {
    /// Every frame that can be read, in the order of positions: a block that cannot be read is
    /// passed over. Nothing here says that they follow each other.
    pub(crate) fn frames(&self) -> impl Iterator<Item = Frame> + '_ {
        let mut after = Vec::new();
        let blocks = std::iter::from_fn(move || {
            let (last, frames) = self.block_behind(&after)?;
            after = last;
            Some(frames)
        });
        blocks.flatten()
    }

    /// The first block behind a key, with its own last key; no frames where it cannot be read.
    fn block_behind(&self, after: &[u8]) -> Option<(Vec<u8>, Vec<Frame>)> {
        let (least, greatest) = BlockKey::up_to(u64::MAX);
        let from = if after.is_empty() {
            Included(least.to_vec())
        } else {
            Excluded(after.to_vec())
        };
        let range = (from, Included(greatest.to_vec()));
        let key = self
            .sled
            .call(|db| db.range(range).keys().next().transpose());
        let key = key.ok()??;
        let Some(found) = BlockKey::parse(&key) else {
            return Some((key.to_vec(), Vec::new()));
        };
        let (first, last) = (
            BlockKey { chunk: 0, ..found }.bytes().to_vec(),
            BlockKey {
                chunk: u16::MAX,
                ..found
            }
            .bytes()
            .to_vec(),
        );
        let range = first..=last.clone();
        let values = self
            .sled
            .call(|db| db.range(range).values().collect::<Result<Vec<_>, _>>());
        let values = values.unwrap_or_default();
        let frames = block::decode(found.first, values.iter().map(|value| &**value));
        Some((last, frames.unwrap_or_default()))
    }
}

/// The greatest key before the block that starts with `frame`.
fn before(frame: &Frame) -> [u8; 12] {
    let is_seal = frame.header().count == 0;
    let position = frame.first_position();
    if is_seal {
        return BlockKey::up_to(position.saturating_sub(1)).1;
    }
    BlockKey::up_to_seal(position).1
}
