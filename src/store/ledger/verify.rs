//! What `roomledger verify` checks of the bytes: every position, version, checksum, chain link and
//! payload of the journal, HEAD and the checkpoint, and on request the indexed copy, frame by
//! frame. Apart because it trusts nothing that an open trusts. It repairs nothing; that the refold
//! equals the snapshots is its caller's part, who is given every commit.

use std::path::Path;
use std::sync::Arc;

use crate::store::StoreError;
use crate::store::caches::LogCopy;
use crate::store::journal::{
    Disk, Finding, Frame, FrameKind, FrameSource as _, JournalReader, Link as ChainEnd, RealDisk,
    check,
};
use crate::store::record::{Link, Position, StoredCommit};
use crate::store::sled::{CopyError, SledCopy, SledSource, sled_folder};
use crate::store::stream::streams_of;

use super::checkpoint;
use super::convert::{commit_of, link_of, of_copy, of_journal};
use super::files::refuse_unready;
use super::heads::Heads;
use super::heal::confirms;

/// What was checked, and what is wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// Segments of the journal.
    pub segments: u64,
    /// Commits.
    pub commits: u64,
    /// Events.
    pub events: u64,
    /// Frames of the indexed copy that were compared; 0 when it was not asked for.
    pub sled_frames: u64,
    /// Where the journal ends.
    pub head: Option<Link>,
    /// What was lost from both copies and accepted: first and last position.
    pub lost: Vec<(Position, Position)>,
    /// What is wrong, in the order of positions.
    pub problems: Vec<Problem>,
    /// What is as it may be, but worth knowing.
    pub notes: Vec<String>,
}

/// What a check of the bytes meets, in order.
#[derive(Clone, Copy, Debug)]
pub enum Met<'a> {
    /// A commit.
    Commit(&'a StoredCommit),
    /// What was lost from both copies, and accepted.
    Loss {
        /// The first lost position.
        from: Position,
        /// The last; before the first when only a seal was lost.
        to: Position,
    },
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", copy.as_str())]
pub struct Problem {
    /// The copy.
    pub copy: LogCopy,
    /// The first position concerned; `None` when it concerns none.
    pub from: Option<Position>,
    /// The last position concerned, where it is known.
    pub to: Option<Position>,
    /// What, and where.
    pub what: String,
}

/// Checks the ledger below `dir`, handing every commit to `each`. With `with_sled` the indexed
/// copy is compared too: for a stopped ledger, whose LOCK is taken meanwhile, since opening sled
/// writes.
///
/// # Errors
/// `Refused` when there is nothing to check, or what is there cannot be trusted at all; `Locked`;
/// `Io`. Everything else is in the report.
pub fn verify(
    dir: &Path,
    with_sled: bool,
    each: &mut dyn FnMut(Met<'_>),
) -> Result<VerifyReport, StoreError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    refuse_unready(&disk, dir)?;
    let reader = JournalReader::open(Arc::clone(&disk), dir).map_err(of_journal)?;
    let Some(log_id) = reader.log_id() else {
        return Err(StoreError::Refused {
            path: dir.display().to_string(),
            problem: "there is no ledger here".to_owned(),
        });
    };
    let lock = with_sled.then(|| lock(dir)).transpose()?;
    let mut walk = Walk {
        report: VerifyReport::default(),
        heads: Heads::default(),
        after_hole: false,
        end: ChainEnd::GENESIS,
        copy: None,
        each,
    };
    if lock.is_some() {
        walk.open_copy(dir, log_id)?;
    }
    let counts = check(&disk, dir, streams_of, &mut |finding| walk.meet(finding));
    let counts = counts.map_err(of_journal)?;
    walk.finish_copy();
    let mut report = walk.report;
    (report.segments, report.commits) = (counts.segments, counts.commits);
    if let Some(saved) = checkpoint::load(dir, log_id, &mut report.notes) {
        for (what, link) in [("heads", saved.heads_link), ("state", saved.state.link)] {
            if link != Link::START && !confirms(&reader, link) {
                let position = link.position;
                let end = report.head.unwrap_or(Link::START).position;
                report.notes.push(if position > end {
                    format!(
                        "the checkpoint's {what} are not of this journal: ignored; the journal \
                         ends at position {end} and lacks positions {} to {position}, unless an \
                         older copy of the ledger was put back on purpose",
                        end.next()
                    )
                } else {
                    format!(
                        "the checkpoint's {what} at position {position} are not of this journal: \
                         ignored"
                    )
                });
            }
        }
    }
    Ok(report)
}

/// A walk over the journal, with the copy beside it.
struct Walk<'a> {
    report: VerifyReport,
    heads: Heads,
    after_hole: bool,
    /// Where the last frame ended.
    end: ChainEnd,
    copy: Option<SledCopy>,
    each: &'a mut dyn FnMut(Met<'_>),
}

impl Walk<'_> {
    fn meet(&mut self, finding: Finding) {
        match finding {
            Finding::Frame(frame) => self.frame(&frame),
            Finding::Damage(damage) | Finding::BehindHead(damage) => {
                let to = damage.last_position.map(Position);
                let from = Position(damage.first_position);
                self.problem(LogCopy::Journal, Some(from), to, damage.to_string());
                self.after_hole = true;
            }
            Finding::Unfinished(place) => self.report.notes.push(format!(
                "segment {} has bytes from {} on that are no frame: being written, \
                 unacknowledged, or damaged",
                place.segment, place.offset
            )),
            Finding::Header(path) => self.file(&path, "has a bad header"),
            Finding::Footer(path) => self.file(&path, "has a bad footer"),
            Finding::Length(path) => {
                self.file(&path, "has not the length its header says");
            }
            Finding::Stray(path) => self.file(&path, "is no part of the journal"),
        }
    }

    fn frame(&mut self, frame: &Frame) {
        self.end = frame.link();
        self.compare(frame);
        if frame.kind() == FrameKind::Seal {
            return;
        }
        let (from, to) = (
            Position(frame.first_position()),
            Position(frame.last_position()),
        );
        self.report.head = Some(link_of(frame.link()));
        if frame.kind() == FrameKind::Loss {
            // It takes the missing versions into account, and cannot fail here.
            let _ = self.heads.replay(frame);
            self.report.lost.push((from, to));
            return (self.each)(Met::Loss { from, to });
        }
        let commit = match commit_of(frame) {
            Ok(commit) => commit,
            Err(error) => {
                return self.problem(LogCopy::Journal, Some(from), Some(to), error.to_string());
            }
        };
        let count = commit.commit.count();
        self.report.events += u64::try_from(count).unwrap_or(u64::MAX);
        if u64::try_from(count).ok() != Some(to.0 + 1 - from.0) {
            let what = format!("a commit of {count} records stands at positions {from}..={to}");
            self.problem(LogCopy::Journal, Some(from), Some(to), what);
        }
        if let Err(error) = self.heads.replay(frame) {
            // Behind a hole versions are missing, too: that was told with the hole.
            if !self.after_hole {
                self.problem(LogCopy::Journal, Some(from), Some(to), error.to_string());
            }
            self.heads.jump(frame);
        }
        (self.each)(Met::Commit(&commit));
    }

    fn compare(&mut self, frame: &Frame) {
        let Some(copy) = &self.copy else { return };
        let end = frame.link();
        if end.next_position > copy.mark().next_position {
            return;
        }
        self.report.sled_frames += 1;
        let found = SledSource::new(copy).frames_at(frame.first_position());
        let is_behind = end.next_position == copy.mark().next_position;
        let is_seal = frame.kind() == FrameKind::Seal;
        if found.iter().any(|bytes| bytes == frame.bytes()) || (is_behind && is_seal) {
            return;
        }
        let (from, to) = (
            Position(frame.first_position()),
            Position(frame.last_position()),
        );
        let what = if found.is_empty() {
            format!("the frame of positions {from}..={to} is missing or does not hash")
        } else {
            format!("the frame of positions {from}..={to} differs from the journal's")
        };
        self.problem(LogCopy::Sled, Some(from), Some(to), what);
    }

    fn open_copy(&mut self, dir: &Path, log_id: [u8; 16]) -> Result<(), StoreError> {
        if !sled_folder(dir).exists() {
            let what = "db/ is not there; the next open builds it from the journal".to_owned();
            self.problem(LogCopy::Sled, None, None, what);
            return Ok(());
        }
        match SledCopy::open(dir, log_id, CACHE_BYTES) {
            Ok(copy) => self.copy = Some(copy),
            Err(error @ CopyError::Io(_)) => return Err(of_copy(dir, &error)),
            Err(error @ CopyError::OtherLog { .. }) => {
                let way =
                    "an open refuses it: `roomledger repair` says how to choose one of the two";
                self.problem(LogCopy::Sled, None, None, format!("{error}; {way}"));
            }
            Err(error) => {
                let what = format!("{error}; the next open decides what to do");
                self.problem(LogCopy::Sled, None, None, what);
            }
        }
        Ok(())
    }

    fn finish_copy(&mut self) {
        let Some(copy) = self.copy.take() else { return };
        let (here, there) = (
            self.report.head.unwrap_or(Link::START),
            copy.mark().position(),
        );
        if there < here.position.0 {
            let behind = format!("db/ is complete through position {there}: the next open goes on");
            self.report.notes.push(behind);
        }
        if there > here.position.0 {
            let way = if copy.ends_at(&self.end).unwrap_or_default() {
                "it continues the journal: `roomledger repair --continue-from db` keeps it"
            } else {
                "`roomledger repair` says how to choose one of the two"
            };
            let what =
                format!("it goes on to position {there}, where the journal has nothing; {way}");
            let from = Some(here.position.next());
            self.problem(LogCopy::Sled, from, Some(Position(there)), what);
        }
    }

    fn file(&mut self, path: &Path, what: &str) {
        let what = format!(
            "{} {what}; `roomledger repair` puts it right",
            path.display()
        );
        self.problem(LogCopy::Journal, None, None, what);
    }

    fn problem(
        &mut self,
        copy: LogCopy,
        from: Option<Position>,
        to: Option<Position>,
        what: String,
    ) {
        self.report.problems.push(Problem {
            copy,
            from,
            to,
            what,
        });
    }
}

/// The ledger's LOCK, as a server would take it.
fn lock(dir: &Path) -> Result<Box<dyn std::any::Any + Send + Sync>, StoreError> {
    let path = dir.join("LOCK");
    let note = format!("pid {} (verify)\n", std::process::id());
    match RealDisk.lock(&path, &note) {
        Ok(Ok(lock)) => Ok(lock),
        Ok(Err(owner)) => Err(StoreError::Locked {
            path: dir.display().to_string(),
            owner,
        }),
        Err(error) => Err(StoreError::Io {
            path: path.display().to_string(),
            operation: "lock",
            source: Arc::new(error),
        }),
    }
}

/// Everything is read once: a cache would not be hit.
const CACHE_BYTES: u64 = 16 << 20;
