//! Reads a journal without a lock: of this process, of a running server, or a preserved copy;
//! apart so that a reader cannot write by accident: it holds no file that is open for writing
//! (log.md rule 11). It never hides a hole: what it cannot read it names.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::journal::chain::{ChainScan, Gap, Step};
use crate::store::journal::disk::Disk;
use crate::store::journal::error::{Damage, JournalError};
use crate::store::journal::footer::RoomFilter;
use crate::store::journal::frame::{Frame, FrameKind, Hash, Link};
use crate::store::journal::layout::{FOOTER_BYTES, Place};
use crate::store::journal::segment::Segment;
use crate::store::journal::shared::Shared;
use crate::store::journal::survey::{Scope, Survey, survey};

/// A read-only view of a journal.
#[derive(Clone)]
pub struct JournalReader {
    origin: Origin,
}

#[derive(Clone)]
enum Origin {
    /// This process writes the journal.
    Live(Arc<Shared>),
    /// Another one does, or nobody.
    Files {
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        log_id: [u8; 16],
    },
    /// There is no journal.
    Nothing,
}

/// Where a journal ends, as far as it can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReaderEnd {
    /// The last position, 0 when there is none.
    pub position: u64,
    /// Chain hash there.
    pub hash: Hash,
    /// Whether the last process closed the ledger.
    pub was_clean: bool,
    /// Positions of a last commit that nothing confirms yet: a server is writing, or was stopped.
    /// It is intact; whether anyone was answered cannot be told.
    pub unsealed: Option<(u64, u64)>,
    /// Bytes behind the end that are no frame: being written, unacknowledged, or damaged.
    pub unfinished: Option<Place>,
    /// Holes, and an end that lies before what HEAD knows.
    pub damage: Vec<Damage>,
}

impl JournalReader {
    /// Opens the journal below `dir` for reading; writes nothing and takes no lock.
    ///
    /// # Errors
    /// `HeadUnusable`, `OtherLog`, `OtherHistory`, `Io`.
    pub fn open(disk: Arc<dyn Disk>, dir: &Path) -> Result<Self, JournalError> {
        let found = look(&disk, dir)?;
        let dir = dir.to_path_buf();
        let origin = found.map_or(Origin::Nothing, |survey| Origin::Files {
            disk,
            dir,
            log_id: survey.head.log_id,
        });
        Ok(Self { origin })
    }

    pub(crate) fn live(shared: Arc<Shared>) -> Self {
        Self {
            origin: Origin::Live(shared),
        }
    }

    /// Asks the system to forget what it has read of the journal, so that the next read is the
    /// medium's.
    pub fn forget_cache(&self) {
        if let Origin::Live(shared) = &self.origin {
            for segment in &shared.live().segments {
                segment.drop_cache();
            }
        }
    }

    /// The log; `None` when there is none.
    pub fn log_id(&self) -> Option<[u8; 16]> {
        match &self.origin {
            Origin::Live(shared) => Some(shared.log_id),
            Origin::Files { log_id, .. } => Some(*log_id),
            Origin::Nothing => None,
        }
    }

    /// Where the journal ends now.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn end(&self) -> Result<ReaderEnd, JournalError> {
        match &self.origin {
            Origin::Nothing => Ok(end_at(Link::GENESIS)),
            Origin::Live(shared) => Ok(end_at(shared.live().link)),
            Origin::Files { disk, dir, .. } => Ok(look(disk, dir)?
                .as_ref()
                .map_or_else(|| end_at(Link::GENESIS), end_of)),
        }
    }

    /// The frames from the one that contains `position` on, in order, up to what is durable or,
    /// in another process, up to the last intact one. A hole is one `Damaged`, then it goes on
    /// behind it; an end before what HEAD knows is one, too.
    ///
    /// # Errors
    /// `Io`, `HeadUnusable`, `OtherLog`, `OtherHistory`.
    pub fn frames_from(&self, position: u64) -> Result<Frames, JournalError> {
        self.frames_of(position, &[])
    }

    /// As [`Self::frames_from`], but closed segments in which none of `rooms` (by hash) occurs
    /// are skipped; frames of other rooms still come. No rooms: nothing is skipped.
    ///
    /// # Errors
    /// As [`Self::frames_from`].
    pub fn frames_of(&self, position: u64, rooms: &[u64]) -> Result<Frames, JournalError> {
        let (log_id, segments, durable_end, head, suspects) = match &self.origin {
            Origin::Nothing => return Ok(Frames::nothing()),
            Origin::Live(shared) => {
                let live = shared.live().clone();
                (
                    shared.log_id,
                    live.segments,
                    Some(live.end),
                    None,
                    Some(Arc::clone(shared)),
                )
            }
            Origin::Files { disk, dir, log_id } => {
                let Some(survey) = look(disk, dir)? else {
                    return Ok(Frames::nothing());
                };
                let waits = survey.waits_for();
                let head = waits.map(|gap| gap.damage());
                (*log_id, survey.segments, None, head, None)
            }
        };
        let (start, at, left) = start_of(&segments, log_id, position)?;
        let mut wanted = Vec::new();
        for segment in segments.into_iter().skip(start) {
            if may_contain(&segment, log_id, rooms)? {
                wanted.push(segment);
            }
        }
        let skips = !rooms.is_empty();
        let scan = ChainScan::new(log_id, wanted, left, at, durable_end).skipping(skips);
        Ok(Frames {
            scan: Some(scan),
            position,
            behind_head: head,
            hole: None,
            suspects,
        })
    }

    /// The chain at the end of every closed segment, by its footer: a sample of the history to
    /// compare another copy with.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn closed_ends(&self) -> Result<Vec<Link>, JournalError> {
        let (log_id, segments) = match &self.origin {
            Origin::Nothing => return Ok(Vec::new()),
            Origin::Live(shared) => (shared.log_id, shared.live().segments.clone()),
            Origin::Files { disk, dir, log_id } => {
                let segments = look(disk, dir)?.map(|survey| survey.segments);
                (*log_id, segments.unwrap_or_default())
            }
        };
        let mut ends = Vec::new();
        for segment in segments {
            ends.extend(segment.footer(log_id)?.good().map(|footer| footer.link));
        }
        Ok(ends)
    }

    /// The commit that contains `position`; `None` behind the end.
    ///
    /// # Errors
    /// `Damaged` when it cannot be read; as [`Self::frames_from`].
    pub fn frame_containing(&self, position: u64) -> Result<Option<Frame>, JournalError> {
        self.frames_from(position)?.next().transpose()
    }
}

/// Frames in order; see [`JournalReader::frames_from`].
pub struct Frames {
    scan: Option<ChainScan>,
    position: u64,
    behind_head: Option<Damage>,
    hole: Option<Gap>,
    /// Where damage is reported to the writer of this process, which heals it (rule 20).
    suspects: Option<Arc<Shared>>,
}

impl Frames {
    /// The hole of the last `Damaged`, for the writer of this process.
    pub(crate) fn hole(&self) -> Option<Gap> {
        self.hole
    }

    fn nothing() -> Self {
        Self {
            scan: None,
            position: 1,
            behind_head: None,
            hole: None,
            suspects: None,
        }
    }

    fn damaged(&mut self, gap: &Gap) -> JournalError {
        self.hole = Some(*gap);
        if let Some(shared) = &self.suspects {
            shared.suspects().extend([gap.at.segment, gap.seen.segment]);
        }
        JournalError::Damaged(gap.damage())
    }

    /// The last word: whether something is missing at the end.
    fn finish(&mut self, tail: Option<&Gap>) -> Option<Result<Frame, JournalError>> {
        self.scan = None;
        let live = self.suspects.is_some();
        let missing = tail.filter(|_| live).map(|gap| self.damaged(gap));
        missing
            .or(self.behind_head.take().map(JournalError::Damaged))
            .map(Err)
    }
}

impl Iterator for Frames {
    type Item = Result<Frame, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.scan.as_mut()?.step() {
                Err(error) => {
                    self.scan = None;
                    return Some(Err(error));
                }
                Ok(Some(Step::Frame(frame, _))) => {
                    if frame.link().next_position > self.position {
                        return Some(Ok(frame));
                    }
                }
                Ok(Some(Step::Gap(gap))) => {
                    let behind = |right: Link| right.next_position > self.position;
                    if gap.right.is_none_or(behind) {
                        return Some(Err(self.damaged(&gap)));
                    }
                }
                Ok(Some(Step::Tail(gap))) => return self.finish(Some(&gap)),
                Ok(Some(Step::End { .. }) | None) => return self.finish(None),
            }
        }
    }
}

/// What a reader sees of the files.
fn look(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Option<Survey>, JournalError> {
    survey(&Scope::reading(disk, dir))
}

fn end_at(link: Link) -> ReaderEnd {
    ReaderEnd {
        position: link.position(),
        hash: link.hash,
        was_clean: false,
        unsealed: None,
        unfinished: None,
        damage: Vec::new(),
    }
}

fn end_of(survey: &Survey) -> ReaderEnd {
    use crate::store::journal::survey::Tail;
    let commit = survey.last.as_ref().map(|(frame, _)| frame);
    let commit = commit.filter(|frame| frame.kind() == FrameKind::Commit);
    ReaderEnd {
        was_clean: survey.head.clean,
        unsealed: commit.map(|frame| (frame.first_position(), frame.last_position())),
        unfinished: match survey.tail {
            Tail::Unsealed(gap) => Some(gap.seen),
            Tail::Clean | Tail::Damaged(_) => None,
        },
        damage: survey.damage(),
        ..end_at(survey.left)
    }
}

/// The segment in which to start for `position`, and the chain before it: the last one known to
/// begin at or before it, behind one whose footer vouches for the link.
fn start_of(
    segments: &[Arc<Segment>],
    log_id: [u8; 16],
    position: u64,
) -> Result<(usize, Place, Link), JournalError> {
    let mut start = (0, Place::start_of(1), Link::GENESIS);
    for (index, segment) in segments.iter().enumerate() {
        let Some(footer) = segment.footer(log_id)?.good() else {
            break;
        };
        let ordinal = segment.ordinal;
        if footer.link.next_position > position || ordinal != index as u64 + 1 {
            break;
        }
        start = (
            index + 1,
            Place {
                segment: ordinal,
                offset: footer.end_offset,
            },
            footer.link,
        );
    }
    Ok(start)
}

fn may_contain(segment: &Segment, log_id: [u8; 16], rooms: &[u64]) -> Result<bool, JournalError> {
    if rooms.is_empty() {
        return Ok(true);
    }
    let Some(footer) = segment.footer(log_id)?.good() else {
        return Ok(true);
    };
    let length = usize::try_from(segment.layout.filter_bytes()).unwrap_or(0);
    let mut bytes = vec![0; length];
    let offset = segment.layout.footer_offset() + FOOTER_BYTES as u64;
    segment.read(&mut bytes, offset)?;
    let filter = RoomFilter::from_bytes(bytes, footer.filter_crc);
    Ok(filter.is_none_or(|filter| rooms.iter().any(|room| filter.may_contain(*room))))
}
