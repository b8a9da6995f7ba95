//! Leads the chain over a hole that neither copy can fill, once an operator accepted it: apart
//! because nothing else ever gives up a frame. What stood there is kept aside, and a frame that
//! says so stands in its place; no position is given out again (log.md rule 10).
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::audit::chain;
use crate::store::journal::aside;
use crate::store::journal::chain::{ChainScan, Gap, Step};
use crate::store::journal::error::JournalError;
use crate::store::journal::footer::Sum;
use crate::store::journal::frame::{Frame, FrameHeader, FrameKind, LOSS_BYTES_MIN, Link, MAGIC};
use crate::store::journal::handle::Journal;
use crate::store::journal::layout::{FRAMES_OFFSET, Layout, Place};
use crate::store::journal::recover;
use crate::store::journal::scan::{left_of, read_frame};
use crate::store::journal::segment::Segment;
use crate::store::journal::survey::{Survey, survey};

/// A hole that is one no longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bridged {
    /// First lost position; the next one when only a seal was lost.
    pub first_position: u64,
    /// Last lost position; less than the first when only a seal was lost.
    pub last_position: u64,
    /// Where the frame stands that says so.
    pub at: Place,
}

/// A hole, and where the first intact frame behind it stands.
struct Hole {
    gap: Gap,
    next: Option<Place>,
}

impl Journal {
    /// Leads the chain over every hole, with what stood there kept aside. The journal is to be
    /// dropped afterwards and opened anew. Whoever calls this has tried every copy before.
    ///
    /// # Errors
    /// `Damaged` where there is no room for a frame that says so; `Io`; what a look at the journal
    /// can say at open.
    pub fn accept_losses(&mut self) -> Result<Vec<Bridged>, JournalError> {
        let mut bridged: Vec<Bridged> = Vec::new();
        loop {
            let survey = self.look_at_all()?;
            let Some(hole) = self.first_hole(&survey)? else {
                return Ok(bridged);
            };
            let work = Bridge {
                journal: self,
                survey: &survey,
                epoch: survey.head.epoch,
            };
            let done = work.over(&hole)?;
            if bridged.contains(&done) {
                return Err(JournalError::Damaged(hole.gap.damage()));
            }
            bridged.push(done);
        }
    }

    fn look_at_all(&self) -> Result<Survey, JournalError> {
        let everything = BTreeSet::from([1]);
        let (dir, options) = (&self.shared.dir, &self.options);
        survey(&recover::scope(dir, options, &everything, None))?.ok_or_else(|| {
            JournalError::HeadUnusable {
                path: super::head::path(dir),
                dir: dir.clone(),
                why: "has gone".to_owned(),
            }
        })
    }

    fn first_hole(&self, survey: &Survey) -> Result<Option<Hole>, JournalError> {
        let (start, link) = (Place::start_of(1), Link::GENESIS);
        let segments = survey.segments.clone();
        let mut scan = ChainScan::new(self.shared.log_id, segments, link, start, None);
        while let Some(step) = scan.step()? {
            if let Step::Gap(gap) = step {
                let next = match scan.step()? {
                    Some(Step::Frame(frame, place)) => {
                        (gap.right == Some(left_of(&frame))).then_some(place)
                    }
                    _ => None,
                };
                return Ok(Some(Hole { gap, next }));
            }
        }
        let tail = survey.waits_for();
        Ok(tail.map(|gap| Hole { gap, next: None }))
    }
}

struct Bridge<'a> {
    journal: &'a Journal,
    survey: &'a Survey,
    epoch: u64,
}

impl Bridge<'_> {
    fn over(&self, hole: &Hole) -> Result<Bridged, JournalError> {
        let gap = &hole.gap;
        let right = match gap.right {
            Some(right) => right,
            None => self.guessed(gap)?,
        };
        if let Some(seal) = self.seal_between(hole, &right)? {
            let segment = self.segment(gap.at.segment)?;
            self.put(&segment, &seal, gap.at)?;
            return Ok(bridged(&seal, gap.at));
        }
        let last = self.survey.segments.last().map_or(1, |last| last.ordinal);
        let is_tail = hole.next.is_none() && self.survey.waits_for() == Some(*gap);
        let until = hole
            .next
            .map_or(if is_tail { last } else { gap.seen.segment }, |next| {
                next.segment
            });
        let (at, bytes) = self.place(gap, hole.next, until);
        for ordinal in gap.at.segment..=until {
            let keeps = hole.next.is_some_and(|next| next.segment == ordinal);
            let segment = self.segment(ordinal)?;
            if ordinal == gap.at.segment && !keeps {
                let footer = segment.layout.footer_offset();
                recover::clear(&self.journal.shared, &segment, gap.at.offset, footer)?;
            } else if ordinal > gap.at.segment && !keeps {
                let link = if ordinal <= at.segment {
                    gap.left
                } else {
                    right
                };
                let is_closed = !is_tail && ordinal != at.segment;
                self.empty(&segment, ordinal, is_closed.then_some(link))?;
            }
        }
        let segment = self.segment(at.segment)?;
        // Looked up once: a segment that is not there yet is made by being asked for.
        let first = if at.segment == gap.at.segment {
            Arc::clone(&segment)
        } else {
            self.segment(gap.at.segment)?
        };
        let ids = (self.journal.shared.log_id, at.segment, self.epoch);
        let fits = at.offset + bytes <= segment.layout.footer_offset();
        let frame = Frame::loss(ids, &gap.left, &right, bytes).filter(|_| fits);
        let frame = frame.ok_or_else(|| JournalError::Damaged(gap.damage()))?;
        self.put(&segment, &frame, at)?;
        // What a footer says of the frames is no longer so; the next open writes it anew.
        for changed in [first, segment] {
            let layout = changed.layout;
            let (from, to) = (layout.footer_offset(), layout.segment_bytes);
            recover::clear(&self.journal.shared, &changed, from, to)?;
        }
        Ok(bridged(&frame, at))
    }

    /// Writes a frame where others stood, which are kept aside.
    fn put(&self, segment: &Segment, frame: &Frame, at: Place) -> Result<(), JournalError> {
        let (disk, dir) = (&self.journal.shared.disk, &self.journal.shared.dir);
        aside::keep(
            disk.as_ref(),
            dir,
            segment,
            at.offset,
            at.offset + frame.len(),
        )?;
        segment.write(frame.bytes(), at.offset)?;
        segment.settle()
    }

    /// The seal that stood in a hole without a position, bit for bit: all but its epoch is known,
    /// that is its neighbours', and the hash behind the hole tells whether it is the right one.
    fn seal_between(&self, hole: &Hole, right: &Link) -> Result<Option<Frame>, JournalError> {
        let (gap, log_id) = (&hole.gap, self.journal.shared.log_id);
        if gap.left.next_position != right.next_position {
            return Ok(None);
        }
        let mut epochs = vec![self.epoch];
        let before = gap.before.map(|(place, _)| place);
        for place in [before, hole.next].into_iter().flatten() {
            let segment = self.segment(place.segment)?;
            let frame = read_frame(&segment, log_id, place.offset)?;
            epochs.extend(frame.ok().map(|frame| frame.header().epoch));
        }
        let seal = |epoch| {
            let header = FrameHeader {
                kind: FrameKind::Seal,
                log_id,
                segment: gap.at.segment,
                epoch,
                first_position: gap.left.next_position,
                count: 0,
                payload_bytes: 0,
                previous: gap.left.hash,
            };
            Frame::encode(&mut Vec::new(), header, &[])
        };
        let mut seals = epochs.into_iter().map(seal);
        Ok(seals.find(|seal| seal.link() == *right))
    }

    /// Where the frame goes, and its size: it fills what lies before an intact frame that does not
    /// begin its segment, so that nothing unread is left between them.
    fn place(&self, gap: &Gap, next: Option<Place>, until: u64) -> (Place, u64) {
        if let Some(next) = next {
            if next.segment == gap.at.segment {
                return (gap.at, next.offset.saturating_sub(gap.at.offset));
            }
            if next.offset > FRAMES_OFFSET {
                return (Place::start_of(next.segment), next.offset - FRAMES_OFFSET);
            }
        }
        let layout = self.layout_of(gap.at.segment);
        let fits = gap.at.offset + LOSS_BYTES_MIN <= layout.footer_offset();
        let later = Place::start_of((gap.at.segment + 1).min(until));
        (if fits { gap.at } else { later }, LOSS_BYTES_MIN)
    }

    /// What the chain would be after everything whose header can still be read, where nothing
    /// tells how it went on.
    fn guessed(&self, gap: &Gap) -> Result<Link, JournalError> {
        let mut next_position = gap.left.next_position;
        let segments = self.survey.segments.iter();
        for segment in segments.filter(|segment| segment.ordinal >= gap.at.segment) {
            // No more than there is: behind it only zeros would be read.
            let length = segment.layout.segment_bytes.min(segment.size()?);
            let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
            segment.read(&mut bytes, 0)?;
            let starts = bytes.windows(MAGIC.len()).enumerate();
            let found = starts.filter(|(_, window)| *window == MAGIC);
            for header in found.filter_map(|(at, _)| FrameHeader::decode(bytes.get(at..)?).ok()) {
                if header.log_id == self.survey.head.log_id && header.kind == FrameKind::Commit {
                    let end = header.first_position + u64::from(header.count);
                    next_position = next_position.max(end);
                }
            }
        }
        let lost = next_position.to_le_bytes();
        let hash = chain(&gap.left.hash, &[&b"lost"[..], &lost[..]]);
        Ok(Link {
            next_position,
            hash,
        })
    }

    /// A segment without frames, closed where the chain goes on behind it.
    fn empty(
        &self,
        segment: &Segment,
        ordinal: u64,
        link: Option<Link>,
    ) -> Result<(), JournalError> {
        let (shared, layout) = (&self.journal.shared, segment.layout);
        let disk = &shared.disk;
        aside::keep(disk.as_ref(), &shared.dir, segment, 0, layout.segment_bytes)?;
        let fresh = Segment::prepare(disk, &shared.dir, ordinal, shared.log_id, layout)?;
        if let Some(link) = link {
            let footer = Sum::new(link, layout).encode(shared.log_id, ordinal);
            fresh.write(&footer, layout.footer_offset())?;
            fresh.settle()?;
        }
        Ok(())
    }

    fn segment(&self, ordinal: u64) -> Result<Arc<Segment>, JournalError> {
        let mut segments = self.survey.segments.iter();
        if let Some(segment) = segments.find(|segment| segment.ordinal == ordinal) {
            return Ok(Arc::clone(segment));
        }
        let shared = &self.journal.shared;
        let (disk, layout) = (&shared.disk, self.layout_of(ordinal));
        Segment::prepare(disk, &shared.dir, ordinal, shared.log_id, layout).map(Arc::new)
    }

    fn layout_of(&self, ordinal: u64) -> Layout {
        let mut segments = self.survey.segments.iter();
        let found = segments.find(|segment| segment.ordinal == ordinal);
        found.map_or(
            Layout {
                segment_bytes: self.journal.options.segment_bytes,
            },
            |segment| segment.layout,
        )
    }
}

fn bridged(frame: &Frame, at: Place) -> Bridged {
    Bridged {
        first_position: frame.first_position(),
        last_position: frame.last_position(),
        at,
    }
}
