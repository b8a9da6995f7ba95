//! Heals one hole of closed segments beside a running writer, apart because commands wait for it:
//! it reads what is around the hole, never the journal. Where that is not enough, it says so.
use crate::store::journal::chain::Gap;
use crate::store::journal::error::JournalError;
use crate::store::journal::handle::Journal;
use crate::store::journal::heal::{FrameSource, Healer, Mended};
use crate::store::journal::layout::Place;

impl Journal {
    /// Heals one hole in closed segments that a reader of this process has met, after a fresh read
    /// of these alone: nobody but a healing writes to them, so that what was found on both sides of
    /// the hole still stands, and commands wait no longer than the hole is long.
    ///
    /// # Errors
    /// `Io`, which poisons if it was a write or sync; `Poisoned`.
    pub(crate) fn heal_hole(
        &mut self,
        gap: &Gap,
        source: &dyn FrameSource,
    ) -> Result<Mended, JournalError> {
        self.shared.sound()?;
        let mended = self.heal_closed(gap, source);
        mended.map_err(|error| self.poisoned(error))
    }

    fn heal_closed(&mut self, gap: &Gap, source: &dyn FrameSource) -> Result<Mended, JournalError> {
        let (segments, active) = {
            let live = self.shared.live();
            (live.segments.clone(), live.end.segment)
        };
        // What the hole is in, and what stands behind it.
        let around = gap.at.segment..=gap.seen.segment + 1;
        let mut closed = Vec::new();
        for segment in segments {
            let is_here = around.contains(&segment.ordinal) && segment.ordinal < active;
            if is_here && segment.size()? == segment.layout.segment_bytes {
                segment.drop_cache();
                closed.push(segment);
            }
        }
        let work = Healer {
            shared: &self.shared,
            segments: &closed,
            head: None,
            source,
            gives_up: false,
            layout: self.layout(),
        };
        let is_here = |place: Place| work.segment(place.segment).is_some();
        let ends = gap.right.is_some() && is_here(gap.at) && is_here(gap.seen);
        if !ends || self.writer.is_none() {
            return Ok(Mended::Wider);
        }
        let mended = if work.is_gone(gap)? {
            Mended::Gone
        } else {
            work.heal(gap)?
        };
        if let Mended::Gone | Mended::Healed(_) = mended {
            for segment in &closed {
                segment.drop_cache();
            }
            // Whoever met the hole reads on from before it, and suspects them again if need be.
            let mut suspects = self.shared.suspects();
            suspects.remove(&gap.at.segment);
            suspects.remove(&gap.seen.segment);
            let first = gap.left.next_position;
            self.damage.retain(|damage| damage.first_position != first);
        }
        Ok(mended)
    }
}
