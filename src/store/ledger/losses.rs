//! What no copy has: the holes of a journal or of a copy, and the rooms that lack events there.
//! Apart from the repair that gives them up. It reads, and decides nothing.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::domain::RoomName;
use crate::store::StoreError;
use crate::store::codec::places;
use crate::store::journal::{Damage, Frame, FrameKind, Journal, JournalError, Link as ChainEnd};
use crate::store::record::Position;

use super::checkpoint;
use super::convert::of_journal;
use super::report::{Lost, LostVersions};

/// What the journal has lost: its holes, and what it was led over before.
///
/// # Errors
/// `Io`; what a look at the journal can say.
pub(crate) fn losses(
    dir: &Path,
    journal: &Journal,
    notes: &mut Vec<String>,
) -> Result<Vec<Lost>, StoreError> {
    let mut walk = Walk::default();
    for frame in journal.reader().frames_from(1).map_err(of_journal)? {
        match frame {
            Ok(frame) => walk.frame(&frame),
            Err(JournalError::Damaged(damage)) => walk.hole(&damage),
            Err(error) => return Err(of_journal(error)),
        }
    }
    // The end may wait for what is not there (rule 6).
    let damage = journal.damage().last();
    if let Some(damage) = damage.filter(|_| journal.waits()) {
        walk.hole(damage);
    }
    walk.known_of(dir, journal.log_id(), notes);
    Ok(walk.lost)
}

/// What the frames of a copy lack on the way to `end`.
pub(crate) fn losses_of_copy(
    dir: &Path,
    log_id: [u8; 16],
    frames: impl Iterator<Item = Frame>,
    end: ChainEnd,
) -> Vec<Lost> {
    let (mut walk, mut left) = (Walk::default(), ChainEnd::GENESIS);
    for frame in frames {
        if frame.first_position() < left.next_position {
            continue;
        }
        if !frame.follows(&left) {
            let to = frame.first_position().saturating_sub(1);
            walk.add(Position(left.next_position), Some(Position(to)), false);
        }
        walk.frame(&frame);
        left = frame.link();
    }
    if left != end {
        let (from, to) = (Position(left.next_position), Position(end.position()));
        walk.add(from, Some(to), false);
    }
    walk.known_of(dir, log_id, &mut Vec::new());
    walk.lost
}

/// A walk over the journal that sees which versions are missing behind which hole.
#[derive(Default)]
struct Walk {
    heads: BTreeMap<String, u64>,
    lost: Vec<Lost>,
}

impl Walk {
    fn hole(&mut self, damage: &Damage) {
        let to = damage.last_position.map(Position);
        self.add(Position(damage.first_position), to, false);
    }

    fn add(&mut self, from: Position, to: Option<Position>, is_accepted: bool) {
        if self.lost.last().is_none_or(|last| last.from != from) {
            self.lost.push(Lost {
                from,
                to,
                rooms: Vec::new(),
                is_accepted,
            });
        }
    }

    fn frame(&mut self, frame: &Frame) {
        match frame.kind() {
            FrameKind::Seal => {}
            FrameKind::Loss => {
                let (from, to) = (frame.first_position(), frame.last_position());
                self.add(Position(from), Some(Position(to)), true);
            }
            FrameKind::Commit => {
                for place in places(frame.payload()).unwrap_or_default() {
                    let head = self.heads.entry(place.room.to_owned()).or_default();
                    let expected = *head + 1;
                    *head = place.version.0;
                    if place.version.0 > expected {
                        self.missing(place.room, expected, Some(place.version.0 - 1));
                    }
                }
            }
        }
    }

    /// What the checkpoint says that each stream had come to.
    fn known_of(&mut self, dir: &Path, log_id: [u8; 16], notes: &mut Vec<String>) {
        let Some(saved) = checkpoint::load(dir, log_id, notes) else {
            return;
        };
        let mut after: Option<Arc<str>> = None;
        loop {
            let page = saved.heads.page(after.as_deref(), HEADS_PER_PAGE);
            let Some((last, _)) = page.last() else { return };
            after = Some(Arc::clone(last));
            for (name, version) in page {
                self.known(&name, version.0);
            }
        }
    }

    /// A version that a stream is known to have reached.
    fn known(&mut self, name: &str, version: u64) {
        let head = self.heads.get(name).copied().unwrap_or_default();
        if version > head {
            self.missing(name, head + 1, None);
        }
    }

    fn missing(&mut self, name: &str, from: u64, to: Option<u64>) {
        let room = RoomName::new(name).ok();
        if let Some(lost) = self.lost.last_mut() {
            lost.rooms.push(LostVersions { room, from, to });
        }
    }
}

const HEADS_PER_PAGE: usize = 1_024;
