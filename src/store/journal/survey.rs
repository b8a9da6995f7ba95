//! Looks at a whole journal and says what it is worth, apart because the writer's open, a reader
//! and a check must come to the same judgement; it never writes and never locks.
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use crate::store::journal::chain::{ChainScan, Gap, Step};
use crate::store::journal::disk::Disk;
use crate::store::journal::error::{Damage, JournalError};
use crate::store::journal::footer::{FooterState, Sum};
use crate::store::journal::frame::{Fault, Frame, Hash, Link, hex, short_hex};
use crate::store::journal::head::{self, Head, HeadState};
use crate::store::journal::layout::{FRAMES_OFFSET, Layout, Place};
use crate::store::journal::scan::{holds_a_frame, left_of, read_frame};
use crate::store::journal::segment::{self, Segment};

/// What to look at.
pub(crate) struct Scope<'a> {
    pub(crate) disk: &'a Arc<dyn Disk>,
    pub(crate) dir: &'a Path,
    /// The rooms of a payload, for the footers that have to be written.
    pub(crate) rooms_of: fn(&[u8]) -> Vec<u64>,
    /// Segments that a reader found damaged: they are read whole.
    pub(crate) suspects: &'a BTreeSet<u64>,
    /// The end of what is durable, when the journal is being written by this process.
    pub(crate) durable_end: Option<Place>,
}

impl<'a> Scope<'a> {
    /// What a reader looks at: no footers to be written, nobody suspected.
    pub(crate) fn reading(disk: &'a Arc<dyn Disk>, dir: &'a Path) -> Self {
        Self {
            disk,
            dir,
            rooms_of: |_| Vec::new(),
            suspects: &NOBODY,
            durable_end: None,
        }
    }
}

/// What a journal is worth.
pub(crate) struct Survey {
    pub(crate) head: Head,
    /// The segments with frames.
    pub(crate) segments: Vec<Arc<Segment>>,
    /// Files behind them that hold something, but no frame: no part of the journal.
    pub(crate) strays: Vec<Arc<Segment>>,
    /// Holes with intact frames behind them.
    pub(crate) gaps: Vec<Gap>,
    /// The last frame, and where it starts.
    pub(crate) last: Option<(Frame, Place)>,
    /// Where the next frame goes, and what it has to continue.
    pub(crate) end: Place,
    pub(crate) left: Link,
    /// What the segments that were read hold.
    pub(crate) sums: BTreeMap<u64, Sum>,
    pub(crate) tail: Tail,
}

/// What stands behind the last good frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tail {
    /// Nothing.
    Clean,
    /// Bytes of an unsealed frame: unacknowledged or damaged, which cannot be told (rule 3).
    Unsealed(Gap),
    /// Less than HEAD knows of: damage (rule 6).
    Damaged(Gap),
}

impl Survey {
    /// The hole that keeps commands waiting.
    pub(crate) fn waits_for(&self) -> Option<Gap> {
        match self.tail {
            Tail::Damaged(gap) => Some(gap),
            Tail::Clean | Tail::Unsealed(_) => None,
        }
    }

    /// Everything that only the other copy can heal.
    pub(crate) fn damage(&self) -> Vec<Damage> {
        self.gaps
            .iter()
            .chain(self.waits_for().as_ref())
            .map(Gap::damage)
            .collect()
    }
}

/// Looks at the journal below `scope.dir`; `None` when none was ever begun there.
///
/// # Errors
/// `Io`; `HeadUnusable` when HEAD is missing or bad beside frames (rule 6); `OtherLog` when a
/// segment belongs to another log; `OtherHistory` when HEAD and an intact journal differ.
pub(crate) fn survey(scope: &Scope<'_>) -> Result<Option<Survey>, JournalError> {
    // HEAD first: beside a running writer the frames it knows are then in what is listed.
    survey_with(scope, Head::read(scope.disk.as_ref(), scope.dir)?)
}

/// As [`survey`], with what stands, or is to stand, in HEAD.
pub(crate) fn survey_with(
    scope: &Scope<'_>,
    head: HeadState,
) -> Result<Option<Survey>, JournalError> {
    let mut segments = segment::list(scope.disk, scope.dir)?;
    without_empty(&mut segments)?;
    let dir = || scope.dir.to_path_buf();
    let unusable = |why| {
        let (path, dir) = (head::path(scope.dir), dir());
        Err(JournalError::HeadUnusable { path, dir, why })
    };
    let head = match head {
        HeadState::Good(head) => head,
        HeadState::Missing if segments.is_empty() => return Ok(None),
        HeadState::Missing => return unusable("is missing".to_owned()),
        HeadState::Bad(why) => return unusable(why),
    };
    let strays = without_strays(&mut segments, &head)?;
    for segment in &segments {
        if let Some(actual) = segment.log_id.filter(|actual| *actual != head.log_id) {
            let (expected, actual) = (hex(&head.log_id), hex(&actual));
            return Err(JournalError::OtherLog {
                path: segment.path.clone(),
                dir: dir(),
                expected,
                actual,
            });
        }
    }
    let survey = walk(scope, head, segments)?;
    Ok(Some(Survey { strays, ..survey }))
}

/// Leaves out the segments at the end that hold nothing: they are prepared, or never were.
fn without_empty(segments: &mut Vec<Arc<Segment>>) -> Result<(), JournalError> {
    while let Some(last) = segments.last()
        && !last.has_content()?
    {
        segments.pop();
    }
    Ok(())
}

/// Leaves out the files at the end that are no part of the journal, and gives them. HEAD is written
/// before the first frame of each segment, so that a file more than one segment behind HEAD's has
/// frames of its own, behind an older HEAD, or was put there by nobody of ours. The next one after
/// HEAD's may be what a running writer has just begun.
fn without_strays(
    segments: &mut Vec<Arc<Segment>>,
    head: &Head,
) -> Result<Vec<Arc<Segment>>, JournalError> {
    let mut strays = Vec::new();
    while let Some(last) = segments.last()
        && last.ordinal > head.segment.saturating_add(1)
        && !holds_a_frame(last, head.log_id)?
    {
        strays.extend(segments.pop());
        without_empty(segments)?;
    }
    Ok(strays)
}

/// Reads the chain from where footers no longer vouch for it.
fn walk(
    scope: &Scope<'_>,
    head: Head,
    segments: Vec<Arc<Segment>>,
) -> Result<Survey, JournalError> {
    let (skipped, at, left) = vouched(&segments, &head, scope.suspects)?;
    let unread: Vec<_> = segments.iter().skip(skipped).map(Arc::clone).collect();
    let layouts: BTreeMap<_, _> = unread.iter().map(|s| (s.ordinal, s.layout)).collect();
    let mut scan = ChainScan::new(head.log_id, unread, left, at, scope.durable_end);
    let mut found = Found {
        head_seen: left == head.link,
        ..Found::default()
    };
    let (end, left, rest) = loop {
        match scan.step()? {
            Some(Step::Frame(frame, place)) => {
                let layout = layouts.get(&place.segment).copied();
                found.frame(frame, place, layout, &head, scope.rooms_of);
            }
            Some(Step::Gap(gap)) => found.gap(gap),
            Some(Step::End { at, left }) => break (at, left, None),
            Some(Step::Tail(gap)) => break (gap.seen, gap.left, Some(gap)),
            None => break (at, left, None),
        }
    };
    let last_ordinal = segments.last().map_or(0, |segment| segment.ordinal);
    let tail = match rest {
        _ if !found.head_seen && !covered(&found.gaps, &head) => {
            let (seen, before, fault) = (end, None, Fault::Missing);
            let here = Gap {
                at: end,
                seen,
                left,
                before,
                right: None,
                rest: false,
                fault,
            };
            let gap = rest.unwrap_or(here);
            behind_head(scope.dir, &head, &gap, found.at_head)?;
            Tail::Damaged(Gap {
                right: Some(head.link),
                ..gap
            })
        }
        None => Tail::Clean,
        Some(gap) if gap.seen.segment < last_ordinal => Tail::Damaged(gap),
        Some(gap) => Tail::Unsealed(gap),
    };
    let Found {
        gaps, last, sums, ..
    } = found;
    Ok(Survey {
        head,
        segments,
        strays: Vec::new(),
        gaps,
        last,
        end,
        left,
        sums,
        tail,
    })
}

/// What a walk has gathered.
#[derive(Default)]
struct Found {
    head_seen: bool,
    /// The chain hash at HEAD's position, as the journal has it.
    at_head: Option<Hash>,
    gaps: Vec<Gap>,
    /// The segment in which a gap began that no frame has followed yet.
    hole: Option<u64>,
    last: Option<(Frame, Place)>,
    sums: BTreeMap<u64, Sum>,
}

impl Found {
    fn gap(&mut self, gap: Gap) {
        self.hole = Some(
            self.hole
                .map_or(gap.at.segment, |hole| hole.min(gap.at.segment)),
        );
        self.gaps.push(gap);
    }

    fn frame(
        &mut self,
        frame: Frame,
        place: Place,
        layout: Option<Layout>,
        head: &Head,
        rooms_of: fn(&[u8]) -> Vec<u64>,
    ) {
        self.head_seen |= frame.link() == head.link;
        if self.at_head.is_none() && frame.last_position() >= head.link.position() {
            self.at_head = Some(*frame.hash());
        }
        if let Some(layout) = layout {
            let sum = self.sums.entry(place.segment);
            let sum = sum.or_insert_with(|| Sum::new(left_of(&frame), layout));
            sum.add(&frame, place.offset, &rooms_of(frame.payload()));
        }
        if let Some(hole) = self.hole.take() {
            self.sums
                .range_mut(hole..)
                .for_each(|(_, sum)| sum.whole = false);
        }
        self.last = Some((frame, place));
    }
}

/// How many segments need not be read, since their footers and first frames link up and HEAD lies
/// behind them; and how the chain stands after them. The last one is always read.
fn vouched(
    segments: &[Arc<Segment>],
    head: &Head,
    suspects: &BTreeSet<u64>,
) -> Result<(usize, Place, Link), JournalError> {
    let (mut skipped, mut at, mut left) = (0, Place::start_of(1), Link::GENESIS);
    let all_but_last = segments.split_last().map_or(segments, |(_, rest)| rest);
    for (segment, ordinal) in all_but_last.iter().zip(1..) {
        if segment.ordinal != ordinal || ordinal >= head.segment || suspects.contains(&ordinal) {
            break;
        }
        let FooterState::Good(footer) = segment.footer(head.log_id)? else {
            break;
        };
        // A repair leaves nothing in a segment whose frames were all lost.
        let is_empty = footer.frames == 0 && footer.link == left;
        match read_frame(segment, head.log_id, FRAMES_OFFSET)? {
            Ok(frame) if frame.follows(&left) => {}
            Err(Fault::Missing) if is_empty => {}
            Ok(_) | Err(_) => break,
        }
        skipped += 1;
        left = footer.link;
        at = Place {
            segment: ordinal,
            offset: footer.end_offset,
        };
    }
    Ok((skipped, at, left))
}

/// Whether the frame HEAD knows lies in a hole, with intact frames behind it.
fn covered(gaps: &[Gap], head: &Head) -> bool {
    let position = head.link.next_position;
    gaps.iter().any(|gap| {
        let reaches = gap
            .right
            .is_some_and(|right| position <= right.next_position);
        gap.left.next_position <= position && reaches
    })
}

/// A journal that goes beyond HEAD without HEAD's frame is no damaged one, but another one.
fn behind_head(
    dir: &Path,
    head: &Head,
    end: &Gap,
    at_head: Option<Hash>,
) -> Result<(), JournalError> {
    if end.left.next_position <= head.link.next_position {
        return Ok(());
    }
    Err(JournalError::OtherHistory {
        dir: dir.to_path_buf(),
        position: head.link.position(),
        head: short_hex(&head.link.hash),
        journal: short_hex(&at_head.unwrap_or(end.left.hash)),
    })
}

static NOBODY: BTreeSet<u64> = BTreeSet::new();
