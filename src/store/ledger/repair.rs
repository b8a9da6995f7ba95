//! A stopped ledger put right, as far as one copy has what the other lost; and, when an operator
//! accepts it, led over what both have lost. Apart because no open may do this by itself (log.md
//! rules 6, 10, 19, 20). It deletes nothing: what it replaces is kept in `aside/`.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use crate::domain::RoomName;
use crate::store::StoreError;
use crate::store::caches::Repaired;
use crate::store::codec::places;
use crate::store::journal::{
    Damage, Disk, Frame, FrameKind, FrameSource as _, Journal, JournalError, Link as ChainEnd,
    has_head, head_fault, log_of_segments, write_head_anew,
};
use crate::store::record::Position;
use crate::store::sled::{CopyError, Salvage, SledCopy, SledSource, move_sled_aside, sled_folder};

use super::checkpoint;
use super::convert::{of_copy, of_journal};
use super::heal::{healed_frames, notes_of};
use super::options::LedgerOptions;

/// What a repair found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// What was put right from the other copy.
    pub repaired: Vec<Repaired>,
    /// What no copy has.
    pub lost: Vec<Lost>,
    /// What else was done, in words, with where the originals are kept.
    pub notes: Vec<String>,
}

/// A stretch that no copy has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first lost position.
    pub from: Position,
    /// The last one; before the first when only a seal was lost. `None` when nothing tells.
    pub to: Option<Position>,
    /// The rooms known to have lost events there, with the versions they lack: between two
    /// events, or behind the last one.
    pub rooms: Vec<LostVersions>,
    /// Whether the chain leads over it now.
    pub is_accepted: bool,
}

/// What one stream has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostVersions {
    /// The room; `None` for the system stream.
    pub room: Option<RoomName>,
    /// The first missing version.
    pub from: u64,
    /// The last one; `None` where it was the room's last.
    pub to: Option<u64>,
}

impl RepairReport {
    /// Whether the ledger can be opened as it is now.
    pub fn is_whole(&self) -> bool {
        self.lost.iter().all(|lost| lost.is_accepted)
    }
}

/// Heals the journal from every copy there is, moves a copy aside that differs from it (the next
/// open builds it anew), and with `accept_loss` leads the chain over what is left.
///
/// # Errors
/// `Locked`, `Refused` when the files belong to different histories or logs, `Io`; `Corrupt` where
/// there is no room to record a loss.
pub fn repair(
    dir: &Path,
    options: &LedgerOptions,
    accept_loss: bool,
) -> Result<RepairReport, StoreError> {
    let mut report = RepairReport::default();
    mend_head(dir, options, &mut report)?;
    let (mut journal, recovery) = Journal::open(dir, options.journal()).map_err(of_journal)?;
    report.notes.extend(notes_of(&recovery));
    let copy = match open_copy(dir, journal.log_id(), options) {
        Ok(copy) => copy,
        Err(error) if error.calls_for_rebuild() => {
            put_aside(dir, &error.to_string(), &mut report)?;
            None
        }
        Err(error) => return Err(of_copy(dir, &error)),
    };
    if let Some(copy) = &copy {
        let healed = journal.heal_all_of_it(&SledSource::new(copy));
        note(&healed.map_err(of_journal)?, &mut report);
    }
    if !journal.is_whole().map_err(of_journal)? {
        let salvage = Salvage::open(dir, journal.log_id(), false);
        let salvage = salvage.map_err(|error| of_copy(dir, &error))?;
        let healed = journal.heal_all_of_it(&salvage).map_err(of_journal)?;
        note(&healed, &mut report);
    }
    report.lost = losses(dir, &journal)?;
    if report.is_whole() {
        compare(dir, &journal, copy, &mut report)?;
        for segment in journal.trim().map_err(of_journal)? {
            report.notes.push(format!(
                "segment {segment} was longer than it may be: what stood behind it is in aside/"
            ));
        }
        return Ok(report);
    }
    if accept_loss {
        drop(copy);
        journal.accept_losses().map_err(of_journal)?;
        put_aside(dir, "it lacks what the journal was led over", &mut report)?;
        drop(journal);
        let (journal, recovery) = Journal::open(dir, options.journal()).map_err(of_journal)?;
        report.notes.extend(notes_of(&recovery));
        report.lost = losses(dir, &journal)?;
    }
    Ok(report)
}

fn note(healed: &crate::store::journal::Recovery, report: &mut RepairReport) {
    report.notes.extend(notes_of(healed));
    let frames = healed.repairs.iter().filter_map(healed_frames);
    report.repaired.extend(frames);
}

/// Rule 6: HEAD missing or bad beside frames, which an open refuses.
fn mend_head(
    dir: &Path,
    options: &LedgerOptions,
    report: &mut RepairReport,
) -> Result<(), StoreError> {
    let disk = &options.disk;
    let has_copy = sled_folder(dir).exists();
    let why = match head_fault(disk, dir).map_err(of_journal)? {
        Some(why) => why,
        // Nothing is left but the copy: an open would begin a new log beside it.
        None if has_copy && !has_head(disk.as_ref(), dir).map_err(of_journal)? => {
            "is missing".to_owned()
        }
        None => return Ok(()),
    };
    let _lock = lock(disk.as_ref(), dir)?;
    let cache = options.sled_cache_bytes;
    let of_segments = log_of_segments(disk, dir).map_err(of_journal)?;
    let of_copy = has_copy.then(|| SledCopy::log_of(dir, cache).ok());
    let Some(log_id) = of_segments.or(of_copy.flatten()) else {
        return Err(StoreError::Refused {
            path: dir.display().to_string(),
            problem: format!("HEAD {why}, and neither journal/ nor db/ says which log this is"),
        });
    };
    let copy = has_copy.then(|| SledCopy::open(dir, log_id, cache).ok());
    let mark = copy.flatten().map_or(ChainEnd::GENESIS, |copy| copy.mark());
    let ids = (log_id, options.epoch, options.boot_id.clone());
    let head = write_head_anew(disk, dir, ids, mark, why).map_err(of_journal)?;
    let kept = head
        .kept
        .map(|path| format!("; the old one is kept in {}", path.display()));
    report.notes.push(format!(
        "HEAD {}: it was written anew, at position {}{}",
        head.why,
        head.link.position(),
        kept.unwrap_or_default()
    ));
    Ok(())
}

fn open_copy(
    dir: &Path,
    log_id: [u8; 16],
    options: &LedgerOptions,
) -> Result<Option<SledCopy>, CopyError> {
    let is_there = sled_folder(dir).exists();
    let open = || SledCopy::open(dir, log_id, options.sled_cache_bytes);
    is_there.then(open).transpose()
}

fn put_aside(dir: &Path, why: &str, report: &mut RepairReport) -> Result<(), StoreError> {
    let kept = move_sled_aside(dir).map_err(|error| of_copy(dir, &error))?;
    if let Some(kept) = kept {
        let kept = kept.display();
        report
            .notes
            .push(format!("db/: {why}; it is kept in {kept}, and built anew"));
    }
    Ok(())
}

/// Compares the copy with a whole journal, frame by frame.
fn compare(
    dir: &Path,
    journal: &Journal,
    copy: Option<SledCopy>,
    report: &mut RepairReport,
) -> Result<(), StoreError> {
    let Some(copy) = copy else { return Ok(()) };
    let mark = copy.mark();
    if mark.next_position > journal.end().next_position {
        // Two histories: the open says which is which.
        return Ok(());
    }
    let mut differs = None;
    for frame in journal.reader().frames_from(1).map_err(of_journal)? {
        let frame = frame.map_err(of_journal)?;
        let at_mark = frame.link().next_position >= mark.next_position;
        if frame.link().next_position > mark.next_position {
            break;
        }
        let found = SledSource::new(&copy).frames_at(frame.first_position());
        let is_there = found.iter().any(|bytes| bytes == frame.bytes());
        let may_lag = at_mark && frame.kind() == FrameKind::Seal;
        if !(is_there || may_lag) {
            differs = Some((frame.first_position(), frame.last_position()));
            break;
        }
    }
    drop(copy);
    match differs {
        None => Ok(()),
        Some((from, to)) => {
            let why = format!("its positions {from} to {to} are not what the journal has");
            put_aside(dir, &why, report)
        }
    }
}

/// What the journal has lost: its holes, and what it was led over before.
fn losses(dir: &Path, journal: &Journal) -> Result<Vec<Lost>, StoreError> {
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
    if let Some(saved) = checkpoint::load(dir, journal.log_id())? {
        let mut after: Option<Arc<str>> = None;
        loop {
            let page = saved.heads.page(after.as_deref(), HEADS_PER_PAGE);
            let Some((last, _)) = page.last() else { break };
            after = Some(Arc::clone(last));
            for (name, version) in page {
                walk.known(&name, version.0);
            }
        }
    }
    Ok(walk.lost)
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

/// The ledger's LOCK, while HEAD is written.
fn lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn Any + Send + Sync>, StoreError> {
    let path = dir.join("LOCK");
    let note = format!("pid {} (repair)\n", std::process::id());
    match disk.lock(&path, &note) {
        Ok(Ok(lock)) => Ok(lock),
        Ok(Err(owner)) => Err(StoreError::Locked {
            path: dir.display().to_string(),
            owner,
        }),
        Err(error) => Err(of_journal(JournalError::io("lock", &path, &error))),
    }
}

const HEADS_PER_PAGE: usize = 1_024;
