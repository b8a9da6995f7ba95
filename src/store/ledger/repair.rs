//! A stopped ledger put right, as far as one copy has what the other lost; and, when an operator
//! accepts it, led over what both have lost. Apart because no open may do this by itself (log.md
//! rules 6, 10, 19, 20). It deletes nothing: what it replaces is kept in `aside/`.

use std::path::Path;

use crate::store::StoreError;
use crate::store::caches::LogCopy;
use crate::store::journal::{Journal, Link as ChainEnd, Recovery};
use crate::store::sled::{CopyError, Salvage, SledCopy, SledSource, sled_folder};

use super::beside::{Beside, beside, goes_on, parted};
use super::convert::{of_copy, of_journal};
use super::heal::{healed_frames, notes_of};
use super::losses::losses;
use super::modes::keep_private;
use super::options::LedgerOptions;
use super::report::{RepairOptions, RepairReport};
use super::sort::{Work, lock};

/// Heals the journal from every copy there is, moves a copy aside that differs from it (the next
/// open builds it anew), and with `accept_loss` leads the chain over what is left. Where the two
/// copies tell different histories, `continue_from` chooses.
///
/// # Errors
/// `Locked`; `Refused` when the files belong to different histories or logs, and nothing was
/// chosen; `Io`; `Corrupt` where there is no room to record a loss.
pub fn repair(
    dir: &Path,
    options: &LedgerOptions,
    how: RepairOptions,
) -> Result<RepairReport, StoreError> {
    let mut report = RepairReport {
        notes: keep_private(dir)?,
        ..RepairReport::default()
    };
    let mut work = Work {
        dir,
        options,
        how,
        report: &mut report,
    };
    work.sort()?;
    // At most: HEAD is led to db/, then the journal is built from it, then both are alike.
    for _ in 0..LOOKS_MAX {
        if !work.report.is_whole() || work.mend()? == Mended::Done {
            break;
        }
        // Both are looked at like anything else; nothing is left to be chosen.
        work.how.continue_from = None;
    }
    Ok(report)
}

/// How a look at both copies ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mended {
    /// All was done.
    Done,
    /// One copy stands for both now, and has to be looked at again.
    Again,
}

impl Work<'_> {
    fn mend(&mut self) -> Result<Mended, StoreError> {
        let (dir, options) = (self.dir, self.options);
        let (mut journal, recovery) = Journal::open(dir, options.journal()).map_err(of_journal)?;
        self.report.notes.extend(notes_of(&recovery));
        let mut copy = self.open_copy(journal.log_id())?;
        if let Some(copy) = &copy {
            let healed = journal.heal_all_of_it(&SledSource::new(copy));
            self.note(&healed.map_err(of_journal)?);
        }
        let stands = match &copy {
            Some(copy) => beside(&journal, copy)?,
            None => Beside::Same,
        };
        if let (Some(found), Beside::GoesOn | Beside::Parted { .. }) = (&copy, stands) {
            let (mark, end) = (found.mark(), journal.end());
            match self.how.continue_from {
                // HEAD knows what db/ has, and the segments have no room for it: a stray or
                // damaged one stands where it belongs.
                None if stands == Beside::GoesOn && self.head_is_at(mark)? => {
                    let log_id = journal.log_id();
                    drop(journal);
                    let _lock = lock(options.disk.as_ref(), dir)?;
                    self.build_from(found, log_id, mark)?;
                    return Ok(Mended::Again);
                }
                None => return Err(dispute(dir, stands, &mark, &end)),
                Some(LogCopy::Journal) => {
                    copy = None;
                    self.keep_copy("the journal was chosen")?;
                }
                Some(LogCopy::Sled) => {
                    let log_id = journal.log_id();
                    drop(journal);
                    let _lock = lock(options.disk.as_ref(), dir)?;
                    if stands == Beside::GoesOn {
                        self.head_at(mark, log_id)?;
                    } else {
                        self.build_from(found, log_id, mark)?;
                    }
                    return Ok(Mended::Again);
                }
            }
        }
        self.salvage(&mut journal, copy.as_ref())?;
        self.report.lost = losses(dir, &journal, &mut self.report.notes)?;
        if self.report.is_whole() {
            if let (Some(copy), Beside::Damaged { from, to }) = (copy, stands) {
                drop(copy);
                let why = format!("its positions {from} to {to} are not what the journal has");
                self.keep_copy(&why)?;
            }
        } else if self.how.accept_loss {
            drop(copy);
            self.accept(journal)?;
        }
        Ok(Mended::Done)
    }

    /// Heals from copies that were given up, and, where losses are accepted, with what any copy has
    /// before the part that is lost.
    fn salvage(
        &mut self,
        journal: &mut Journal,
        copy: Option<&SledCopy>,
    ) -> Result<(), StoreError> {
        if journal.is_whole().map_err(of_journal)? {
            return Ok(());
        }
        let salvage = Salvage::open(self.dir, journal.log_id(), false);
        let salvage = salvage.map_err(|error| of_copy(self.dir, &error))?;
        let healed = journal.heal_all_of_it(&salvage).map_err(of_journal)?;
        self.note(&healed);
        if !self.how.accept_loss {
            return Ok(());
        }
        if let Some(copy) = copy {
            let healed = journal.heal_before_loss(&SledSource::new(copy));
            self.note(&healed.map_err(of_journal)?);
        }
        let healed = journal.heal_before_loss(&salvage).map_err(of_journal)?;
        self.note(&healed);
        Ok(())
    }

    fn accept(&mut self, mut journal: Journal) -> Result<(), StoreError> {
        let (dir, options) = (self.dir, self.options);
        journal.accept_losses().map_err(of_journal)?;
        self.keep_copy("it lacks what the journal was led over")?;
        drop(journal);
        let (journal, recovery) = Journal::open(dir, options.journal()).map_err(of_journal)?;
        self.report.notes.extend(notes_of(&recovery));
        // Notes of the checkpoint are there already.
        self.report.lost = losses(dir, &journal, &mut Vec::new())?;
        Ok(())
    }

    fn note(&mut self, healed: &Recovery) {
        self.report.notes.extend(notes_of(healed));
        let frames = healed.repairs.iter().filter_map(healed_frames);
        self.report.repaired.extend(frames);
    }

    /// The indexed copy; one that cannot be believed goes aside.
    fn open_copy(&mut self, log_id: [u8; 16]) -> Result<Option<SledCopy>, StoreError> {
        if !sled_folder(self.dir).exists() {
            return Ok(None);
        }
        match SledCopy::open(self.dir, log_id, self.options.sled_cache_bytes) {
            Ok(copy) => Ok(Some(copy)),
            Err(error) if error.calls_for_rebuild() => {
                self.keep_copy(&error.to_string())?;
                Ok(None)
            }
            Err(CopyError::OtherLog { actual, .. }) => {
                // The sorting asked, and nothing was known of it then.
                self.keep_copy(&format!("it belongs to log {actual}"))?;
                Ok(None)
            }
            Err(error) => Err(of_copy(self.dir, &error)),
        }
    }
}

/// How often both copies are looked at in one repair.
const LOOKS_MAX: usize = 3;

fn dispute(dir: &Path, stands: Beside, mark: &ChainEnd, end: &ChainEnd) -> StoreError {
    match stands {
        Beside::Parted { at } => {
            let journal = format!("has something else from position {at} on");
            parted(dir, mark, &journal)
        }
        Beside::Same | Beside::Damaged { .. } | Beside::GoesOn => goes_on(dir, mark, end),
    }
}
