//! Opening: the journal first, which is what counts; then sled, checked against it, healed from
//! it, or healing it (log.md rules 9, 10, 16, 18, 19). Apart because here alone both copies are
//! judged. Nothing is deleted: what is not believed is moved aside.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use crate::store::StoreError;
use crate::store::caches::{LogCopy, Repaired};
use crate::store::journal::{
    Frame, FrameKind, Journal, JournalError, JournalReader, Link as ChainEnd, Recovery, Repair,
    RepairKind, short_hex,
};
use crate::store::record::{Link, Position};
use crate::store::sled::{self, CopyError, SledCopy, SledSource};

use super::applier;
use super::checkpoint;
use super::convert::{link_of, of_copy, of_journal};
use super::heads::Heads;
use super::options::LedgerOptions;
use super::scan::JournalScan;
use super::shared::{CopyState, Ending, Recent, Shared, guard};
use super::tail::Tail;

/// What an open found and did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenReport {
    /// The log.
    pub log_id: [u8; 16],
    /// Whether the log was begun by this open.
    pub is_new: bool,
    /// Whether it had been closed in order.
    pub was_clean: bool,
    /// Whether the machine has not been started anew since.
    pub same_boot: bool,
    /// The end of the log.
    pub head: Link,
    /// What was put right. The engine records each as `history_repaired`; what is learned after
    /// the open comes from `Caches::take_repairs`.
    pub repairs: Vec<Repaired>,
    /// What a person should know: bytes kept aside, small repairs.
    pub notes: Vec<String>,
}

/// Opens the ledger below `dir`, and starts its applier.
pub(crate) fn open(
    dir: &Path,
    options: LedgerOptions,
) -> Result<(Arc<Shared>, JoinHandle<()>, OpenReport), StoreError> {
    let (mut journal, recovery) = Journal::open(dir, options.journal()).map_err(of_journal)?;
    let mut notes = notes_of(&recovery);
    let mut repairs = Vec::new();
    let mut copy = None;
    if !recovery.damage.is_empty() {
        let opened = SledCopy::open(dir, journal.log_id(), options.sled_cache_bytes);
        let opened = opened.map_err(|error| both_damaged(&recovery, &error))?;
        let healed = journal
            .heal(&SledSource::new(&opened))
            .map_err(of_journal)?;
        still_whole(&healed)?;
        notes.extend(notes_of(&healed));
        repairs.extend(healed.repairs.iter().filter_map(healed_frames));
        copy = Some(opened);
    }
    let reader = journal.reader();
    let head = last_commit(&reader, journal.end())?;
    let heads = load_heads(dir, &journal, &reader)?;
    let keeper = journal.head_keeper();
    let shared = Arc::new(Shared {
        dir: dir.to_path_buf(),
        log_id: journal.log_id(),
        scan: Mutex::new(Some(Arc::new(JournalScan::new(reader)))),
        opened_at: journal.end(),
        writer: Mutex::new(Some(journal)),
        recent: Mutex::new(Recent {
            head,
            heads,
            tail: Tail::default(),
            applier_sleeps: false,
            ending: Ending::Open,
        }),
        work: Condvar::new(),
        copy: Mutex::new(CopyState::Opening),
        opened: Condvar::new(),
        stopped: OnceLock::new(),
        repairs: Mutex::new(Vec::new()),
        distrusted: AtomicBool::new(false),
        options,
    });
    let applier = applier::start(Arc::clone(&shared), keeper, copy)?;
    wait_a_little(&shared);
    if let Some(error) = shared.stopped.get() {
        let _ = applier.join();
        return Err(error.clone());
    }
    repairs.extend(shared.take_repairs());
    let report = OpenReport {
        log_id: shared.log_id,
        is_new: recovery.is_new,
        was_clean: recovery.was_clean,
        same_boot: recovery.same_boot,
        head,
        repairs,
        notes,
    };
    Ok((shared, applier, report))
}

/// The copy, checked against the journal and caught up with it; `None` when the ledger was closed
/// meanwhile. Runs in the applier.
pub(crate) fn copy_of(
    shared: &Shared,
    opened: Option<SledCopy>,
) -> Result<Option<SledCopy>, StoreError> {
    let opened = match opened {
        Some(copy) => Ok(copy),
        None => open_copy(shared),
    };
    let checked = opened.and_then(|copy| compare(shared, &copy).map(|()| copy));
    let copy = match checked {
        Ok(copy) => copy,
        Err(Verdict::Rebuild(why)) => start_over(shared, &why)?,
        Err(Verdict::Refuse(error)) => return Err(error),
    };
    catch_up(shared, &copy).map(|whole| whole.then_some(copy))
}

/// What to do about a copy that is not as it should be.
enum Verdict {
    /// Throw it away and build it anew.
    Rebuild(CopyError),
    /// Nothing: a person has to decide.
    Refuse(StoreError),
}

fn open_copy(shared: &Shared) -> Result<SledCopy, Verdict> {
    let db = sled::folder(&shared.dir);
    if !db.exists() && shared.opened_at != ChainEnd::GENESIS {
        return Err(Verdict::Rebuild(CopyError::Damaged(
            "db/ is not there".to_owned(),
        )));
    }
    let opened = SledCopy::open(&shared.dir, shared.log_id, shared.options.sled_cache_bytes);
    opened.map_err(|error| judge(shared, error))
}

fn judge(shared: &Shared, error: CopyError) -> Verdict {
    if error.calls_for_rebuild() {
        return Verdict::Rebuild(error);
    }
    Verdict::Refuse(of_copy(&shared.dir, &error))
}

/// Moves the copy aside and begins an empty one.
fn start_over(shared: &Shared, why: &CopyError) -> Result<SledCopy, StoreError> {
    let refused = |error: CopyError| of_copy(&shared.dir, &error);
    let aside = sled::move_aside(&shared.dir).map_err(refused)?;
    let copy = SledCopy::open(&shared.dir, shared.log_id, shared.options.sled_cache_bytes);
    let copy = copy.map_err(refused)?;
    let kept = aside.map(|path| format!("; it is kept in {}", path.display()));
    shared.note(Repaired {
        from: Position(shared.opened_at.position().min(1)),
        to: Position(shared.opened_at.position()),
        copy: LogCopy::Sled,
        restored: true,
        problem: format!("{why}{}", kept.unwrap_or_default()),
    });
    Ok(copy)
}

/// Whether the copy tells the journal's history: at its watermark, and after an unclean stop at
/// the end of every closed segment too.
fn compare(shared: &Shared, copy: &SledCopy) -> Result<(), Verdict> {
    let mark = copy.mark();
    if mark == ChainEnd::GENESIS {
        return Ok(());
    }
    if mark.next_position > shared.opened_at.next_position {
        return Err(Verdict::Refuse(other_history(shared, &mark, None)));
    }
    let scan = shared.scan().map_err(Verdict::Refuse)?;
    let theirs = ends_at(scan.reader(), mark.position());
    let theirs = theirs.map_err(|error| Verdict::Refuse(of_journal(error)))?;
    if !theirs.contains(&mark) {
        let theirs = theirs.first().map(|end| end.hash);
        return Err(Verdict::Refuse(other_history(shared, &mark, theirs)));
    }
    let ends = scan.reader().closed_ends();
    for end in ends.map_err(|error| Verdict::Refuse(of_journal(error)))? {
        let covered = end.next_position <= mark.next_position;
        if covered && !copy.ends_at(&end).map_err(|error| judge(shared, error))? {
            let what = format!("the commit at position {} differs", end.position());
            return Err(Verdict::Rebuild(CopyError::Damaged(what)));
        }
    }
    Ok(())
}

/// The chain after the commit that ends at `position`, and after the seal behind it.
fn ends_at(reader: &JournalReader, position: u64) -> Result<Vec<ChainEnd>, JournalError> {
    let mut ends = Vec::new();
    for frame in reader.frames_from(position)?.take(2) {
        let frame = frame?;
        if frame.last_position() == position {
            ends.push(frame.link());
        }
    }
    Ok(ends)
}

/// Gives the copy everything up to where the journal was opened; `false` when the ledger is being
/// closed meanwhile: the rest is for the next open.
fn catch_up(shared: &Shared, copy: &SledCopy) -> Result<bool, StoreError> {
    let mark = copy.mark();
    let mut known = mark != ChainEnd::GENESIS;
    let mut bytes = 0;
    let mut frames: Vec<Frame> = Vec::new();
    let mut last = mark;
    if mark == shared.opened_at {
        return Ok(true);
    }
    let scan = shared.scan()?;
    let source = scan.reader().frames_from(mark.position());
    for frame in source.map_err(of_journal)? {
        let frame = frame.map_err(of_journal)?;
        if known {
            // The commit that holds the watermark, and its seal where the watermark has it.
            known = frame.link() != mark;
            continue;
        }
        last = frame.link();
        bytes += frame.bytes().len();
        frames.push(frame);
        if bytes >= CATCH_UP_BYTES || last == shared.opened_at {
            apply(shared, copy, &frames)?;
            frames.clear();
            bytes = 0;
            if shared.recent().ending != Ending::Open {
                copy.sync().map_err(|error| of_copy(&shared.dir, &error))?;
                return Ok(false);
            }
        }
        if last == shared.opened_at {
            return Ok(true);
        }
    }
    let position = Position(last.next_position);
    Err(StoreError::Missing { position })
}

fn apply(shared: &Shared, copy: &SledCopy, frames: &[Frame]) -> Result<(), StoreError> {
    copy.apply(frames).map_err(|error| {
        shared.distrust(copy, 0, copy.mark().position(), &error);
        of_copy(&shared.dir, &error)
    })
}

/// The end of the last commit: a seal changes the chain, but not what a commit is known by.
fn last_commit(reader: &JournalReader, end: ChainEnd) -> Result<Link, StoreError> {
    if end.position() == 0 {
        return Ok(Link::START);
    }
    let frame = reader
        .frame_containing(end.position())
        .map_err(of_journal)?;
    Ok(frame.map_or_else(|| link_of(end), |frame| link_of(frame.link())))
}

/// The heads of the checkpoint, where the journal confirms it, and what came after.
fn load_heads(dir: &Path, journal: &Journal, reader: &JournalReader) -> Result<Heads, StoreError> {
    let saved = checkpoint::load(dir, journal.log_id())?;
    let confirmed = saved.and_then(|saved| {
        let at = saved.heads_link;
        confirms(reader, at).then_some((saved.heads, at.position.0))
    });
    let (mut heads, from) = confirmed.unwrap_or_default();
    if from == journal.end().position() {
        return Ok(heads);
    }
    for frame in reader
        .frames_from(from.saturating_add(1))
        .map_err(of_journal)?
    {
        heads.replay(&frame.map_err(of_journal)?)?;
    }
    Ok(heads)
}

/// Whether a commit of the journal ends with this link.
pub(crate) fn confirms(reader: &JournalReader, link: Link) -> bool {
    let frame = reader.frame_containing(link.position.0);
    let frame = frame.ok().flatten();
    frame.is_some_and(|frame| frame.kind() == FrameKind::Commit && link_of(frame.link()) == link)
}

fn wait_a_little(shared: &Shared) {
    let opening = |state: &mut CopyState| matches!(state, CopyState::Opening);
    let state = guard(&shared.copy);
    let waited = shared
        .opened
        .wait_timeout_while(state, shared.options.open_wait, opening);
    drop(waited.unwrap_or_else(PoisonError::into_inner));
}

/// # Errors
/// `Corrupt`, when something is bad that the other copy does not have either.
pub(crate) fn still_whole(healed: &Recovery) -> Result<(), StoreError> {
    match healed.damage.first() {
        None => Ok(()),
        Some(damage) => Err(StoreError::Corrupt {
            position: Position(damage.first_position),
            problem: format!("{damage}; db/ does not have them either"),
        }),
    }
}

fn both_damaged(recovery: &Recovery, error: &CopyError) -> StoreError {
    let first = recovery.damage.first();
    StoreError::Corrupt {
        position: Position(first.map_or(0, |damage| damage.first_position)),
        problem: format!(
            "{}; and db/ cannot be opened: {error}",
            first.map(ToString::to_string).unwrap_or_default()
        ),
    }
}

fn other_history(shared: &Shared, mark: &ChainEnd, theirs: Option<[u8; 32]>) -> StoreError {
    let position = mark.position();
    let journal = theirs.map_or_else(
        || format!("ends at position {}", shared.opened_at.position()),
        |hash| format!("has chain {} there", short_hex(&hash)),
    );
    StoreError::Refused {
        path: shared.dir.display().to_string(),
        problem: format!(
            "two histories: db/ has chain {} at position {position}, journal/ {journal}; one of \
             them was restored from elsewhere. To go on with the journal, move db/ away; to go on \
             with db/, put back the journal/ and HEAD that belong to it",
            short_hex(&mark.hash)
        ),
    }
}

/// The repair of frames as the engine records it; bytes beside frames hold no history.
pub(crate) fn healed_frames(repair: &Repair) -> Option<Repaired> {
    match repair.kind {
        RepairKind::Frames {
            first_position,
            last_position,
            fault,
        } => Some(Repaired {
            from: Position(first_position),
            to: Position(last_position.max(first_position)),
            copy: LogCopy::Journal,
            restored: true,
            problem: format!(
                "segment {} at byte {}: {fault}; the bad bytes are kept in aside/",
                repair.at.segment, repair.at.offset
            ),
        }),
        RepairKind::Rest | RepairKind::Header | RepairKind::Footer => None,
    }
}

fn notes_of(recovery: &Recovery) -> Vec<String> {
    let tail = recovery.tail_aside.iter().map(|aside| {
        format!(
            "the last {} bytes of segment {} were unacknowledged or damaged, which cannot be told; \
             they are kept in {}",
            aside.bytes,
            aside.segment,
            aside.path.display()
        )
    });
    let files = recovery
        .repairs
        .iter()
        .filter_map(|repair| match repair.kind {
            RepairKind::Rest => Some("rest"),
            RepairKind::Header => Some("header"),
            RepairKind::Footer => Some("footer"),
            RepairKind::Frames { .. } => None,
        });
    let files = files.map(|part| format!("a segment's {part} was written anew"));
    tail.chain(files).collect()
}

/// What is gathered before it is applied while catching up.
const CATCH_UP_BYTES: usize = 2 << 20;
