//! Walks the chain across segments, so that one hole is one gap however many files it spans;
//! apart from the scan of one segment, and like it it never writes.
use std::collections::VecDeque;
use std::sync::Arc;

use crate::store::journal::error::{Damage, JournalError};
use crate::store::journal::footer::FooterState;
use crate::store::journal::frame::{Fault, Frame, Link};
use crate::store::journal::layout::Place;
use crate::store::journal::scan::{SegmentScan, SegmentStep, left_of};
use crate::store::journal::segment::Segment;

/// A hole in the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gap {
    /// Where the last frame before the hole ends.
    pub(crate) at: Place,
    /// Where the fault was met: `at`, or the start of a later segment.
    pub(crate) seen: Place,
    /// The chain before the hole.
    pub(crate) left: Link,
    /// Where the last frame before the hole starts, and the chain before it: nothing confirms
    /// that frame, so it may be the bad one.
    pub(crate) before: Option<(Place, Link)>,
    /// The chain behind it; `None` when nothing intact follows.
    pub(crate) right: Option<Link>,
    /// Whether nothing intact follows in the segment where the fault was met.
    pub(crate) rest: bool,
    pub(crate) fault: Fault,
}

impl Gap {
    /// How the hole is told to people.
    pub(crate) fn damage(&self) -> Damage {
        Damage {
            segment: self.seen.segment,
            offset: self.seen.offset,
            first_position: self.left.next_position,
            last_position: self.right.map(|right| right.position()),
            fault: self.fault,
        }
    }
}

/// What a walk along the chain meets next.
pub(crate) enum Step {
    /// A frame that follows the one before it, or the first one behind a gap.
    Frame(Frame, Place),
    /// A hole with something intact behind it.
    Gap(Gap),
    /// The end, with nothing but zeros behind it.
    End { at: Place, left: Link },
    /// The end, with bytes behind it that are no frame; nothing intact follows.
    Tail(Gap),
}

/// A walk along the chain.
pub(crate) struct ChainScan {
    log_id: [u8; 16],
    /// Every segment of the walk, for a second look.
    all: Vec<Arc<Segment>>,
    segments: VecDeque<Arc<Segment>>,
    durable_end: Option<Place>,
    current: Option<(Arc<Segment>, SegmentScan)>,
    /// Where the chain stands, and what it is there.
    at: Place,
    left: Link,
    before: Option<(Place, Link)>,
    /// Where the walk stands.
    here: Place,
    /// A hole whose other side has not been found yet.
    open: Option<Gap>,
    queued: Option<Step>,
    /// The hole that is being looked at again begins here.
    again: Option<Place>,
    skips: bool,
    done: bool,
}

impl ChainScan {
    /// A walk over `segments` (by ordinal), the first of which starts with `left`; with a
    /// `durable_end` it ends exactly there.
    pub(crate) fn new(
        log_id: [u8; 16],
        segments: impl IntoIterator<Item = Arc<Segment>>,
        left: Link,
        at: Place,
        durable_end: Option<Place>,
    ) -> Self {
        let behind = |segment: &Arc<Segment>| {
            durable_end.is_none_or(|durable| segment.ordinal <= durable.segment)
        };
        let all: Vec<_> = segments.into_iter().filter(behind).collect();
        Self {
            log_id,
            segments: all.clone().into(),
            all,
            durable_end,
            current: None,
            at,
            left,
            before: None,
            here: at,
            open: None,
            queued: None,
            again: None,
            skips: false,
            done: false,
        }
    }

    /// Allows segments to be left out on purpose: each then starts a chain of its own, which its
    /// footer and its frames still confirm.
    pub(crate) fn skipping(mut self, skips: bool) -> Self {
        self.skips = skips;
        self
    }

    /// The next step; `None` after `End` and `Tail`.
    ///
    /// A hole is looked at twice: beside a running writer the first look may have met the end of a
    /// segment, and then the next segment with what was written meanwhile. What stands behind a
    /// hole was written after what belongs into it, so the second look sees that too.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn step(&mut self) -> Result<Option<Step>, JournalError> {
        loop {
            match self.walk()? {
                Some(Step::Gap(gap)) if self.again != Some(gap.at) => self.look_again(&gap),
                step => return Ok(step),
            }
        }
    }

    fn look_again(&mut self, gap: &Gap) {
        self.again = Some(gap.at);
        (self.queued, self.open, self.done) = (None, None, false);
        (self.at, self.here, self.left, self.before) = (gap.at, gap.at, gap.left, gap.before);
        let rest = self.all.iter().filter(|one| one.ordinal > gap.at.segment);
        self.segments = rest.cloned().collect();
        let here = self.all.iter().find(|one| one.ordinal == gap.at.segment);
        self.current = here.map(|segment| {
            let scan = self.scan(segment, true).resumed(gap.at.offset);
            (Arc::clone(segment), scan)
        });
    }

    fn scan(&self, segment: &Arc<Segment>, linked: bool) -> SegmentScan {
        let ends = |end: &Place| end.segment == segment.ordinal;
        let end = self.durable_end.filter(ends).map(|end| end.offset);
        SegmentScan::new(Arc::clone(segment), self.log_id, self.left, linked, end)
    }

    fn walk(&mut self) -> Result<Option<Step>, JournalError> {
        if let Some(step) = self.queued.take() {
            return Ok(Some(step));
        }
        while !self.done {
            let Some((segment, mut scan)) = self.current.take() else {
                if !self.enter_next() {
                    self.done = true;
                    return Ok(Some(self.finish()));
                }
                continue;
            };
            let step = scan.step()?;
            let ordinal = segment.ordinal;
            match step {
                Some(SegmentStep::Frame(frame, offset)) => {
                    self.current = Some((segment, scan));
                    return Ok(Some(self.frame(
                        frame,
                        Place {
                            segment: ordinal,
                            offset,
                        },
                    )));
                }
                Some(SegmentStep::Gap { from, right, fault }) => {
                    self.current = Some((segment, scan));
                    self.here = Place {
                        segment: ordinal,
                        offset: from,
                    };
                    let gap = self.gap(fault);
                    self.open = None;
                    self.left = right;
                    return Ok(Some(Step::Gap(Gap {
                        right: Some(right),
                        ..gap
                    })));
                }
                Some(SegmentStep::Rest { from, fault }) => {
                    self.here = Place {
                        segment: ordinal,
                        offset: from,
                    };
                    self.open = Some(Gap {
                        rest: true,
                        ..self.gap(fault)
                    });
                    if let Some(step) = self.leave(&segment)? {
                        return Ok(Some(step));
                    }
                }
                Some(SegmentStep::End { offset }) => {
                    self.here = Place {
                        segment: ordinal,
                        offset,
                    };
                    if let Some(step) = self.leave(&segment)? {
                        return Ok(Some(step));
                    }
                }
                None => {}
            }
        }
        Ok(None)
    }

    fn enter_next(&mut self) -> bool {
        let Some(segment) = self.segments.pop_front() else {
            return false;
        };
        let skipped = self.skips && segment.ordinal != self.here.segment + 1;
        let linked = self.open.is_none() && !skipped;
        let scan = self.scan(&segment, linked);
        self.current = Some((segment, scan));
        true
    }

    /// A frame closes the hole before it, if there is one.
    fn frame(&mut self, frame: Frame, place: Place) -> Step {
        let right = left_of(&frame);
        self.before = Some((place, right));
        self.left = frame.link();
        self.at = Place {
            offset: place.offset + frame.len(),
            ..place
        };
        self.here = self.at;
        let frame = Step::Frame(frame, place);
        match self.open.take() {
            None => frame,
            Some(gap) => {
                self.queued = Some(frame);
                Step::Gap(Gap {
                    right: Some(right),
                    ..gap
                })
            }
        }
    }

    /// At the end of a closed segment its footer tells how the chain goes on.
    fn leave(&mut self, segment: &Segment) -> Result<Option<Step>, JournalError> {
        let FooterState::Good(footer) = segment.footer(self.log_id)? else {
            return Ok(None);
        };
        if self.open.is_none() && self.left == footer.link {
            return Ok(None);
        }
        let gap = self.gap(Fault::Missing);
        self.open = None;
        self.left = footer.link;
        self.at = Place {
            segment: segment.ordinal,
            offset: footer.end_offset,
        };
        self.here = self.at;
        Ok(Some(Step::Gap(Gap {
            right: Some(footer.link),
            ..gap
        })))
    }

    fn finish(&mut self) -> Step {
        match self.open.take() {
            Some(gap) => Step::Tail(gap),
            None => Step::End {
                at: self.here,
                left: self.left,
            },
        }
    }

    /// The hole that is open, or one that starts here.
    fn gap(&self, fault: Fault) -> Gap {
        let (at, seen, left, before) = (self.at, self.here, self.left, self.before);
        self.open.unwrap_or(Gap {
            at,
            seen,
            left,
            before,
            right: None,
            rest: false,
            fault,
        })
    }
}
