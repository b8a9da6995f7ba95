//! Sled judged: opened, compared with the journal, thrown away or caught up with it (log.md rules
//! 9, 10, 16, 18, 19). Apart from opening the journal, which waits for none of this. Nothing is
//! deleted: what is not believed is moved aside.

use crate::store::StoreError;
use crate::store::caches::{LogCopy, Repaired};
use crate::store::journal::{
    Frame, Journal, JournalError, JournalReader, Link as ChainEnd, Recovery, short_hex,
};
use crate::store::record::Position;
use crate::store::sled::{CopyError, SledCopy, move_sled_aside, sled_folder};

use super::beside::{goes_on, parted, two_logs};
use super::convert::{of_copy, of_journal};
use super::heal::{heal, healed_frames, salvage};
use super::shared::{Ending, Shared};

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
    if let Ok(copy) = &opened {
        // It is opened once.
        let _ = shared.copy_found_at.set(Position(copy.mark().position()));
    }
    let checked = opened.and_then(|copy| compare_healing(shared, &copy).map(|()| copy));
    let copy = match checked {
        Ok(copy) => {
            name_what_it_lost(shared, &copy);
            copy
        }
        Err(Verdict::Rebuild(why)) => start_over(shared, &why)?,
        Err(Verdict::Refuse(error)) => return Err(error),
    };
    let caught_up = match catch_up(shared, &copy) {
        // Damage that no check of the journal has met yet, where this copy has nothing yet.
        Err(StoreError::Corrupt { .. }) => {
            mend(shared, |journal| salvage(journal, &shared.dir, false))?;
            catch_up(shared, &copy)
        }
        other => other,
    };
    caught_up.map(|whole| whole.then_some(copy))
}

/// Heals the journal, and notes what was healed.
fn mend(
    shared: &Shared,
    heal: impl FnOnce(&mut Journal) -> Result<Recovery, StoreError>,
) -> Result<(), StoreError> {
    let healed = match shared.writer().as_mut() {
        Some(journal) => heal(journal)?,
        None => return Err(StoreError::Closed),
    };
    let repairs = healed.repairs.iter().filter_map(healed_frames);
    repairs.for_each(|repair| shared.note(repair));
    Ok(())
}

/// sled may lose its end, or all, without a word; after a close in order, that shows.
fn name_what_it_lost(shared: &Shared, copy: &SledCopy) {
    let (mark, end) = (copy.mark(), shared.opened_at);
    if !shared.was_clean || mark == end {
        return;
    }
    shared.note(Repaired {
        from: Position(mark.next_position.min(end.position())),
        to: Position(end.position()),
        copy: LogCopy::Sled,
        restored: true,
        problem: format!(
            "it was closed complete, and ends at position {} now",
            mark.position()
        ),
    });
}

/// What to do about a copy that is not as it should be.
enum Verdict {
    /// Throw it away and build it anew.
    Rebuild(CopyError),
    /// Nothing: a person has to decide.
    Refuse(StoreError),
}

fn open_copy(shared: &Shared) -> Result<SledCopy, Verdict> {
    let db = sled_folder(&shared.dir);
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
    Verdict::Refuse(if let CopyError::OtherLog { expected, actual } = &error {
        two_logs(&shared.dir, expected, actual)
    } else {
        of_copy(&shared.dir, &error)
    })
}

/// Moves the copy aside and begins an empty one.
fn start_over(shared: &Shared, why: &CopyError) -> Result<SledCopy, StoreError> {
    let refused = |error: CopyError| of_copy(&shared.dir, &error);
    let aside = move_sled_aside(&shared.dir).map_err(refused)?;
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

/// As [`compare`]; where the journal is damaged just there, the copy heals it first.
fn compare_healing(shared: &Shared, copy: &SledCopy) -> Result<(), Verdict> {
    match compare(shared, copy) {
        Err(Verdict::Refuse(StoreError::Corrupt { .. })) => {}
        other => return other,
    }
    mend(shared, |journal| heal(journal, copy)).map_err(Verdict::Refuse)?;
    compare(shared, copy)
}

/// Whether the copy tells the journal's history: at its watermark, and after an unclean stop at
/// the end of every closed segment too.
fn compare(shared: &Shared, copy: &SledCopy) -> Result<(), Verdict> {
    let mark = copy.mark();
    if mark == ChainEnd::GENESIS {
        return Ok(());
    }
    let end = shared.opened_at;
    if mark.next_position > end.next_position {
        let continues = copy.ends_at(&end).map_err(|error| judge(shared, error))?;
        return Err(Verdict::Refuse(if continues {
            goes_on(&shared.dir, &mark, &end)
        } else {
            let journal = format!("ends at position {}", end.position());
            parted(&shared.dir, &mark, &journal)
        }));
    }
    let scan = shared.scan().map_err(Verdict::Refuse)?;
    let theirs = ends_at(scan.reader(), mark.position());
    let theirs = theirs.map_err(|error| Verdict::Refuse(of_journal(error)))?;
    if !theirs.contains(&mark) {
        let theirs = theirs.first().map(|end| short_hex(&end.hash));
        let journal = format!("has chain {} there", theirs.unwrap_or_default());
        return Err(Verdict::Refuse(parted(&shared.dir, &mark, &journal)));
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

/// What is gathered before it is applied while catching up.
const CATCH_UP_BYTES: usize = 2 << 20;
