//! Heals holes with frames of the other copy, apart because it is the only code that overwrites
//! frames; it never uses bytes that do not link to both neighbours (log.md rule 10).
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::store::journal::aside;
use crate::store::journal::chain::Gap;
use crate::store::journal::error::JournalError;
use crate::store::journal::frame::{Frame, FrameKind, Link};
use crate::store::journal::handle::Journal;
use crate::store::journal::layout::{Layout, Place};
use crate::store::journal::recover::{self, Recovery, Repair, RepairKind};
use crate::store::journal::scan::read_frame;
use crate::store::journal::segment::Segment;
use crate::store::journal::shared::Shared;
use crate::store::journal::survey::{Survey, survey};

/// The other copy, asked when a frame of this one is damaged.
pub trait FrameSource {
    /// The verbatim bytes of every frame whose first position is `first_position`: a commit, and
    /// the seal before it if there was one; in any order, none when it has none. Nothing is
    /// believed: each must be intact and link up.
    fn frames_at(&self, first_position: u64) -> Vec<Vec<u8>>;
}

/// What became of one hole.
pub(crate) enum Mended {
    /// It was filled.
    Healed(Repair),
    /// Read afresh, nothing is wrong there.
    Gone,
    /// The other copy does not have what belongs there.
    Lacking,
    /// It is not enough to look at the hole: [`Journal::heal`].
    Wider,
}

impl Journal {
    /// Heals what is damaged from `source`, after a fresh read past the cache, with the bad bytes
    /// kept aside; starts the writer if the end was waiting for this. `Recovery::damage` has what
    /// could not be healed.
    ///
    /// # Errors
    /// `Io`, which poisons if it was a write or sync; `Poisoned`; and what a look at the journal
    /// can say at open.
    pub fn heal(&mut self, source: &dyn FrameSource) -> Result<Recovery, JournalError> {
        self.shared.sound()?;
        let healed = self.heal_all(source, false);
        healed.map_err(|error| self.poisoned(error))
    }

    /// What cannot be read leaves what is written as it was.
    pub(crate) fn poisoned(&self, error: JournalError) -> JournalError {
        let is_change = matches!(
            &error,
            JournalError::Io {
                action: "write" | "sync" | "create",
                ..
            }
        );
        if is_change {
            return self.shared.poison(error);
        }
        error
    }

    /// As [`Self::heal`], after every byte was read, whatever the footers vouch for.
    ///
    /// # Errors
    /// As [`Self::heal`].
    pub fn heal_all_of_it(&mut self, source: &dyn FrameSource) -> Result<Recovery, JournalError> {
        // Nothing behind a suspect is vouched for.
        self.shared.suspects().insert(1);
        self.heal(source)
    }

    /// As [`Self::heal_all_of_it`], and where `source` lacks a part of what belongs into a hole,
    /// too, with all that it has before that part: for a repair that gives up the rest.
    ///
    /// # Errors
    /// As [`Self::heal`].
    pub fn heal_before_loss(&mut self, source: &dyn FrameSource) -> Result<Recovery, JournalError> {
        self.shared.suspects().insert(1);
        let healed = self.heal_all(source, true);
        healed.map_err(|error| self.poisoned(error))
    }

    fn heal_all(
        &mut self,
        source: &dyn FrameSource,
        gives_up: bool,
    ) -> Result<Recovery, JournalError> {
        let (mut repairs, mut healed) = (Vec::new(), BTreeSet::new());
        let survey = loop {
            for segment in &self.shared.live().segments {
                segment.drop_cache();
            }
            let survey = self.look_again()?;
            match self.heal_first(&survey, (source, gives_up), &mut healed)? {
                Some(repair) => {
                    repairs.push(repair);
                    // Frames that had shifted are where they were: the end may be elsewhere now,
                    // and nobody may append before it is known.
                    self.writer = None;
                }
                None => break survey,
            }
        };
        let mut recovery = recover::report(&self.shared, &survey);
        recovery.repairs = repairs;
        self.damage.clone_from(&recovery.damage);
        self.take_over(survey, &mut recovery)?;
        self.shared.suspects().clear();
        Ok(recovery)
    }

    /// Heals the first hole that can be healed: frames behind it may stand where the bytes before
    /// them were lost, so that their place is known only when it is filled. `healed` has the
    /// places where this was done, once each, so that it ends; bytes that are nothing, and frames
    /// that are missing behind them, are two.
    fn heal_first(
        &self,
        survey: &Survey,
        (source, gives_up): (&dyn FrameSource, bool),
        healed: &mut BTreeSet<(Place, bool)>,
    ) -> Result<Option<Repair>, JournalError> {
        let work = Healer {
            shared: &self.shared,
            segments: &survey.segments,
            head: Some(survey.head.link),
            source,
            gives_up,
            layout: self.layout(),
        };
        for gap in survey.gaps.iter().chain(survey.waits_for().as_ref()) {
            let key = (gap.at, gap.right == Some(gap.left));
            if !healed.contains(&key)
                && let Mended::Healed(repair) = work.heal(gap)?
            {
                healed.insert(key);
                return Ok(Some(repair));
            }
        }
        Ok(None)
    }

    fn look_again(&self) -> Result<Survey, JournalError> {
        let suspects: BTreeSet<u64> = self.shared.suspects().clone();
        let durable_end = self.writer.is_some().then(|| self.shared.live().end);
        let dir = &self.shared.dir;
        let found = survey(&recover::scope(dir, &self.options, &suspects, durable_end))?;
        found.ok_or_else(|| JournalError::HeadUnusable {
            path: super::head::path(dir),
            dir: dir.clone(),
            why: "has gone".to_owned(),
        })
    }

    /// Goes on with what is there now.
    fn take_over(
        &mut self,
        mut survey: Survey,
        recovery: &mut Recovery,
    ) -> Result<(), JournalError> {
        let Some(writer) = &mut self.writer else {
            if survey.waits_for().is_none() {
                let writer = recover::finish(&self.shared, &self.options, survey, recovery)?;
                self.writer = Some(writer);
            }
            return Ok(());
        };
        recover::write_footers(&self.shared, &survey, recovery)?;
        let last = survey.segments.last().map_or(0, |segment| segment.ordinal);
        if let Some(sum) = survey.sums.remove(&last) {
            writer.replace_sum(last, sum);
        }
        let mut live = self.shared.live();
        let newer = live
            .segments
            .iter()
            .filter(|segment| segment.ordinal > last)
            .cloned();
        survey.segments.extend(newer);
        live.segments = survey.segments;
        Ok(())
    }

    pub(crate) fn layout(&self) -> Layout {
        Layout {
            segment_bytes: self.options.segment_bytes,
        }
    }
}

/// Fills holes of `segments`.
pub(crate) struct Healer<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) segments: &'a [Arc<Segment>],
    /// What HEAD knows; `None` where only `segments` are healed, and nothing beside them.
    pub(crate) head: Option<Link>,
    pub(crate) source: &'a dyn FrameSource,
    /// Whether frames are taken that link to the left only: what follows them is given up.
    pub(crate) gives_up: bool,
    pub(crate) layout: Layout,
}

/// Bytes of one segment that healed frames cover.
struct Range {
    segment: u64,
    from: u64,
    to: u64,
}

/// What the other copy has for a hole.
enum Found {
    Row(Row),
    Lacking,
    /// Frames that go on beyond the segments that may be healed.
    Wider,
}

/// A row of frames that links to both neighbours.
struct Row {
    at: Place,
    left: Link,
    right: Link,
    ranges: Vec<Range>,
}

impl Healer<'_> {
    /// Fills one hole.
    pub(crate) fn heal(&self, gap: &Gap) -> Result<Mended, JournalError> {
        if is_rest(gap) {
            let cleared = self.clear_rest(gap)?;
            return Ok(cleared.map_or(Mended::Lacking, Mended::Healed));
        }
        let mut without = Mended::Lacking;
        let starts = [Some((gap.at, gap.left)), gap.before];
        for (at, left) in starts.into_iter().flatten() {
            let row = match self.find(at, left)? {
                Found::Row(row) => row,
                Found::Lacking => continue,
                Found::Wider => {
                    without = Mended::Wider;
                    continue;
                }
            };
            self.put(&row)?;
            let kind = RepairKind::Frames {
                first_position: row.left.next_position,
                last_position: row.right.position(),
                fault: gap.fault,
            };
            let bytes = row.ranges.iter().map(|range| range.to - range.from).sum();
            if let Some(first) = row.ranges.first() {
                let at = Place {
                    segment: first.segment,
                    offset: first.from,
                };
                return Ok(Mended::Healed(Repair { kind, at, bytes }));
            }
        }
        Ok(without)
    }

    /// Whether what was missing is there.
    pub(crate) fn is_gone(&self, gap: &Gap) -> Result<bool, JournalError> {
        let place = if is_rest(gap) { gap.seen } else { gap.at };
        let Some(segment) = self.segment(place.segment) else {
            return Ok(false);
        };
        if is_rest(gap) {
            let end = segment.layout.footer_offset();
            return Ok(segment.content_end(place.offset, end)?.is_none());
        }
        let frame = read_frame(segment, self.shared.log_id, place.offset)?;
        Ok(frame.is_ok_and(|frame| frame.follows(&gap.left)))
    }

    /// Where the chain goes on unbroken behind a segment, what stands after its frames is nothing.
    fn clear_rest(&self, gap: &Gap) -> Result<Option<Repair>, JournalError> {
        let Some(segment) = self.segment(gap.seen.segment) else {
            return Ok(None);
        };
        let to = segment.layout.footer_offset();
        let kept = recover::clear(self.shared, segment, gap.seen.offset, to)?;
        let (kind, at) = (RepairKind::Rest, gap.seen);
        Ok(kept.map(|kept| Repair {
            kind,
            at,
            bytes: kept.bytes,
        }))
    }

    /// Follows the other copy from `left` until its frames meet something intact here. Frames are
    /// fetched twice, here and to be written, so that a long hole needs no memory.
    fn find(&self, at: Place, left: Link) -> Result<Found, JournalError> {
        let mut walk = Walk {
            source: self.source,
            log_id: self.shared.log_id,
            link: left,
            at,
        };
        let mut ranges: Vec<Range> = Vec::new();
        let mut differs = false;
        let mut after_seal = false;
        while let Some((frame, place)) = walk.next(after_seal) {
            after_seal = frame.kind() == FrameKind::Seal;
            if self.head.is_none() && self.segment(place.segment).is_none() {
                return Ok(Found::Wider);
            }
            let (from, to) = (place.offset, place.offset + frame.len());
            if to > self.layout_of(place.segment).footer_offset() {
                return Ok(Found::Lacking);
            }
            differs |= !self.has(&frame, place)?;
            match ranges
                .last_mut()
                .filter(|range| range.segment == place.segment)
            {
                Some(range) => range.to = to,
                None => ranges.push(Range {
                    segment: place.segment,
                    from,
                    to,
                }),
            }
            if self.confirms(walk.at, &walk.link)? {
                let row = Row {
                    at,
                    left,
                    right: walk.link,
                    ranges,
                };
                return Ok(if differs {
                    Found::Row(row)
                } else {
                    Found::Lacking
                });
            }
        }
        let is_start = self.gives_up && differs;
        Ok(if is_start {
            Found::Row(Row {
                at,
                left,
                right: walk.link,
                ranges,
            })
        } else {
            Found::Lacking
        })
    }

    fn put(&self, row: &Row) -> Result<(), JournalError> {
        let (disk, dir, log_id) = (&self.shared.disk, &self.shared.dir, self.shared.log_id);
        let mut segments = Vec::new();
        for range in &row.ranges {
            let segment = match self.segment(range.segment) {
                Some(segment) => Arc::clone(segment),
                None => Arc::new(Segment::prepare(
                    disk,
                    dir,
                    range.segment,
                    log_id,
                    self.layout,
                )?),
            };
            aside::keep(disk.as_ref(), dir, &segment, range.from, range.to)?;
            segments.push(segment);
        }
        let mut walk = Walk {
            source: self.source,
            log_id,
            link: row.left,
            at: row.at,
        };
        let mut after_seal = false;
        while walk.link != row.right {
            let Some((frame, place)) = walk.next(after_seal) else {
                break;
            };
            after_seal = frame.kind() == FrameKind::Seal;
            if let Some(segment) = segments.iter().find(|s| s.ordinal == place.segment) {
                segment.write(frame.bytes(), place.offset)?;
            }
        }
        segments.iter().try_for_each(|segment| segment.settle())
    }

    /// Whether what follows `link` at `at` is intact and says so: the next frame, the footer, or
    /// HEAD.
    fn confirms(&self, at: Place, link: &Link) -> Result<bool, JournalError> {
        if self.head == Some(*link) {
            return Ok(true);
        }
        let log_id = self.shared.log_id;
        let follows = |segment: &Segment, offset| {
            let frame = read_frame(segment, log_id, offset)?;
            Ok::<_, JournalError>(frame.is_ok_and(|frame| frame.follows(link)))
        };
        if let Some(segment) = self.segment(at.segment) {
            if let Some(footer) = segment.footer(log_id)?.good()
                && footer.link == *link
                && footer.end_offset == at.offset
            {
                return Ok(true);
            }
            if follows(segment, at.offset)? {
                return Ok(true);
            }
        }
        let next = self
            .segments
            .iter()
            .find(|segment| segment.ordinal > at.segment);
        next.map_or(Ok(false), |next| {
            follows(next, Place::start_of(next.ordinal).offset)
        })
    }

    fn has(&self, frame: &Frame, place: Place) -> Result<bool, JournalError> {
        let Some(segment) = self.segment(place.segment) else {
            return Ok(false);
        };
        let found = read_frame(segment, self.shared.log_id, place.offset)?;
        Ok(found.is_ok_and(|found| found.bytes() == frame.bytes()))
    }

    pub(crate) fn segment(&self, ordinal: u64) -> Option<&Arc<Segment>> {
        self.segments
            .iter()
            .find(|segment| segment.ordinal == ordinal)
    }

    fn layout_of(&self, ordinal: u64) -> Layout {
        self.segment(ordinal)
            .map_or(self.layout, |segment| segment.layout)
    }
}

/// Whether the chain goes on unbroken, and the hole is only bytes that are none.
fn is_rest(gap: &Gap) -> bool {
    gap.rest && gap.right == Some(gap.left)
}

/// A walk along the frames of the other copy.
struct Walk<'a> {
    source: &'a dyn FrameSource,
    log_id: [u8; 16],
    link: Link,
    /// Where the next frame goes, if it belongs to the same segment.
    at: Place,
}

impl Walk<'_> {
    /// The next frame that links up, and its place here.
    fn next(&mut self, after_seal: bool) -> Option<(Frame, Place)> {
        let candidates = self.source.frames_at(self.link.next_position);
        let frame = candidates.iter().find_map(|bytes| {
            let frame = Frame::decode(bytes).ok()?;
            let whole = frame.bytes().len() == bytes.len();
            let ours = frame.header().log_id == self.log_id && frame.follows(&self.link);
            let seal_of_seal = after_seal && frame.kind() == FrameKind::Seal;
            (whole && ours && !seal_of_seal).then_some(frame)
        })?;
        let segment = frame.header().segment;
        let place = match segment.cmp(&self.at.segment) {
            std::cmp::Ordering::Less => return None,
            std::cmp::Ordering::Equal => self.at,
            std::cmp::Ordering::Greater => Place::start_of(segment),
        };
        self.link = frame.link();
        self.at = Place {
            offset: place.offset + frame.len(),
            ..place
        };
        Some((frame, place))
    }
}
