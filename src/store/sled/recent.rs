//! The blocks that were read last, decoded. Apart because rooms that are written in turn share
//! their blocks: to read one of them after another would hash each block once for each room. It
//! holds what was checked when it was read, and looks at no disk.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::journal::Frame;

/// Decoded blocks, the last used first, up to a bound in bytes; cheap to ask.
#[derive(Default)]
pub(super) struct RecentBlocks(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// By the first position of the block.
    blocks: BTreeMap<u64, Block>,
    /// The first positions, by last use.
    by_use: BTreeMap<u64, u64>,
    uses: u64,
    bytes: usize,
}

struct Block {
    frames: Arc<[Frame]>,
    used: u64,
}

impl RecentBlocks {
    /// The block that holds a position, if it is at hand. A position is never written twice, so
    /// that it is the one that the copy has.
    pub(super) fn holding(&self, position: u64) -> Option<Arc<[Frame]>> {
        let mut kept = self.lock();
        kept.uses += 1;
        let uses = kept.uses;
        let (&first, block) = kept.blocks.range_mut(..=position).next_back()?;
        let last = block.frames.last()?;
        if last.last_position() < position {
            return None;
        }
        let before = std::mem::replace(&mut block.used, uses);
        let frames = Arc::clone(&block.frames);
        kept.by_use.remove(&before);
        kept.by_use.insert(uses, first);
        Some(frames)
    }

    /// Keeps a block in place of those that were not used for the longest time.
    pub(super) fn keep(&self, frames: &Arc<[Frame]>) {
        let Some(first) = frames.first().map(Frame::first_position) else {
            return;
        };
        let bytes = bytes_of(frames);
        if bytes > BYTES_MAX / 2 {
            return;
        }
        let mut kept = self.lock();
        kept.uses += 1;
        let used = kept.uses;
        kept.forget(first);
        let frames = Arc::clone(frames);
        kept.blocks.insert(first, Block { frames, used });
        kept.by_use.insert(used, first);
        kept.bytes += bytes;
        while kept.bytes > BYTES_MAX {
            let Some((_, oldest)) = kept.by_use.pop_first() else {
                break;
            };
            kept.forget(oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // What is behind the lock is right even where a change of it was cut short: at worst a
        // block is counted and gone.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, first: u64) {
        if let Some(gone) = self.blocks.remove(&first) {
            self.by_use.remove(&gone.used);
            self.bytes = self.bytes.saturating_sub(bytes_of(&gone.frames));
        }
    }
}

fn bytes_of(frames: &[Frame]) -> usize {
    let each = frames.iter().map(|frame| frame.bytes().len());
    size_of_val(frames) + each.sum::<usize>()
}

/// Some two hundred blocks: as many events of each room as rooms written in turn are read back
/// for, at a quarter of what sled itself keeps in memory.
const BYTES_MAX: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{BYTES_MAX, Frame, RecentBlocks, bytes_of};
    use crate::store::journal::{FrameHeader, FrameKind};

    fn block(first_position: u64, count: u32, payload_bytes: usize) -> Arc<[Frame]> {
        let header = FrameHeader {
            kind: FrameKind::Commit,
            log_id: [1; 16],
            segment: 1,
            epoch: 1,
            first_position,
            count,
            payload_bytes: u32::try_from(payload_bytes).expect("small"),
            previous: [0; 32],
        };
        let payload = vec![0_u8; payload_bytes];
        Arc::from([Frame::encode(&mut Vec::new(), header, &[&payload])])
    }

    #[test]
    fn a_block_answers_for_its_own_positions_alone() {
        let recent = RecentBlocks::default();
        let (one, other) = (block(11, 5, 100), block(31, 5, 100));
        recent.keep(&one);
        recent.keep(&other);
        for position in 1..=50 {
            let expected = match position {
                11..=15 => Some(&one),
                31..=35 => Some(&other),
                _ => None,
            };
            assert_eq!(recent.holding(position).as_ref(), expected, "{position}");
        }
    }

    /// Against a list in the order of use.
    #[test]
    fn the_blocks_that_were_used_last_stay_within_the_bound() {
        let recent = RecentBlocks::default();
        let payload_bytes = 1 << 20;
        let mut naive: Vec<u64> = Vec::new();
        let one_bytes = bytes_of(&block(1, 1, payload_bytes));
        for step in 0..200_u64 {
            let first = 1 + (step * step * 7 + step) % 40;
            let is_here = recent.holding(first).is_some();
            assert_eq!(is_here, naive.contains(&first), "step {step}");
            if !is_here {
                recent.keep(&block(first, 1, payload_bytes));
            }
            naive.retain(|kept| *kept != first);
            naive.push(first);
            while naive.len() * one_bytes > BYTES_MAX {
                naive.remove(0);
            }
        }
    }
}
