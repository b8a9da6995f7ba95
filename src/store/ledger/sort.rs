//! Sorts the files of a stopped ledger before its journal is opened: what is of the wrong kind, or
//! of another log, goes aside; HEAD is written anew where it is missing, bad or of something else;
//! and where no frame of the journal is left, the journal is built from db/. Apart because no open
//! may do this by itself (log.md rules 6 and 10). It deletes nothing.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::Path;

use crate::store::StoreError;
use crate::store::caches::{LogCopy, Repaired};
use crate::store::journal::{
    Disk, HeadFound, JournalError, Link as ChainEnd, SegmentFound, has_frames, head_found,
    is_one_history, rebuild, segments_found, set_aside, write_head_anew,
};
use crate::store::record::Position;
use crate::store::sled::{SledCopy, move_sled_aside, sled_folder};

use super::beside::two_logs;
use super::checkpoint;
use super::convert::{of_copy, of_journal};
use super::files::misfits;
use super::losses::losses_of_copy;
use super::options::LedgerOptions;
use super::report::{RepairOptions, RepairReport};

/// What a part of a repair works on.
pub(crate) struct Work<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) options: &'a LedgerOptions,
    pub(crate) how: RepairOptions,
    pub(crate) report: &'a mut RepairReport,
}

type LogId = [u8; 16];

impl Work<'_> {
    /// Leaves files of one log, with a HEAD for them. Where the report is not whole afterwards, the
    /// rest was left as it is.
    ///
    /// # Errors
    /// `Locked`; `Refused` where an operator has to choose, or nothing says which log this is;
    /// `Io`.
    pub(crate) fn sort(&mut self) -> Result<(), StoreError> {
        self.set_misfits_aside()?;
        let _lock = lock(self.disk(), self.dir)?;
        let Some(log_id) = self.one_log()? else {
            return Ok(());
        };
        let copy = sled_folder(self.dir).exists().then(|| {
            let opened = SledCopy::open(self.dir, log_id, self.options.sled_cache_bytes);
            opened.ok()
        });
        let copy = copy.flatten().filter(|it| it.mark() != ChainEnd::GENESIS);
        let disk = &self.options.disk;
        let has_frames = has_frames(disk, self.dir, log_id).map_err(of_journal)?;
        match copy {
            Some(copy) if !has_frames => {
                let end = self.known_end(log_id, copy.mark())?;
                self.build_from(&copy, log_id, end)
            }
            copy => self.mend_head(log_id, copy.as_ref()),
        }
    }

    /// Makes `copy` what counts from now on: the journal and HEAD go aside, and are built anew.
    /// `end` is what is known to have been the log's end: HEAD names it, so that what lies behind
    /// the copy's is told as lost. Where the copy lacks something, that is in the report, and
    /// nothing is done unless losses are accepted. The caller holds the LOCK.
    ///
    /// # Errors
    /// `Io`; `TooLarge` where frames do not fit the segments of the options.
    pub(crate) fn build_from(
        &mut self,
        copy: &SledCopy,
        log_id: LogId,
        end: ChainEnd,
    ) -> Result<(), StoreError> {
        let lost = losses_of_copy(self.dir, log_id, copy.frames(), copy.mark());
        if !lost.is_empty() && !self.how.accept_loss {
            self.report.lost = lost;
            return Ok(());
        }
        let disk = &self.options.disk;
        for (path, _) in segments_found(disk, self.dir).map_err(of_journal)? {
            self.keep(&path, "it is replaced by what db/ has")?;
        }
        self.keep(
            &self.dir.join("HEAD"),
            "it is written anew for what db/ has",
        )?;
        let journal = self.options.journal();
        let built = rebuild(self.dir, &journal, log_id, &mut copy.frames(), end);
        let built = built.map_err(of_journal)?;
        self.report.notes.push(format!(
            "journal/ and HEAD were built from db/, up to position {}",
            built.position()
        ));
        self.report.repaired.push(Repaired {
            from: Position(built.position().min(1)),
            to: Position(built.position()),
            copy: LogCopy::Journal,
            restored: true,
            problem: "no frame of it was left, or db/ was chosen: built from db/".to_owned(),
        });
        Ok(())
    }

    /// Writes HEAD anew at the end of `copy`, which goes on where the journal ends. The caller
    /// holds the LOCK.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn head_at(&mut self, mark: ChainEnd, log_id: LogId) -> Result<(), StoreError> {
        let why = "was older than db/".to_owned();
        self.write_head(log_id, &|_| Some(mark), why)
    }

    /// Whether HEAD knows of a history up to exactly this link.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn head_is_at(&self, mark: ChainEnd) -> Result<bool, StoreError> {
        let head = head_found(self.disk(), self.dir).map_err(of_journal)?;
        Ok(matches!(head, HeadFound::Good { link, .. } if link == mark))
    }

    /// Moves something aside and says so; nothing where it is not there.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn keep(&mut self, path: &Path, why: &str) -> Result<(), StoreError> {
        let kept = set_aside(self.disk(), self.dir, path).map_err(of_journal)?;
        if let Some(kept) = kept {
            let name = path.strip_prefix(self.dir).unwrap_or(path).display();
            let kept = kept.display();
            self.report
                .notes
                .push(format!("{name}: {why}; what stood there is kept in {kept}"));
        }
        Ok(())
    }

    /// Moves db/ aside; the next open builds it anew.
    ///
    /// # Errors
    /// `Refused`, when it cannot be moved.
    pub(crate) fn keep_copy(&mut self, why: &str) -> Result<(), StoreError> {
        let kept = move_sled_aside(self.dir).map_err(|error| of_copy(self.dir, &error))?;
        if let Some(kept) = kept {
            let kept = kept.display();
            self.report
                .notes
                .push(format!("db/: {why}; it is kept in {kept}, and built anew"));
        }
        Ok(())
    }

    /// The end of the log: of HEAD, where it lies behind what the copy has, else of the copy.
    fn known_end(&self, log_id: LogId, mark: ChainEnd) -> Result<ChainEnd, StoreError> {
        let head = head_found(self.disk(), self.dir).map_err(of_journal)?;
        Ok(match head {
            HeadFound::Good { log_id: of, link }
                if of == log_id && link.next_position > mark.next_position =>
            {
                link
            }
            HeadFound::Good { .. } | HeadFound::Unusable(_) => mark,
        })
    }

    fn disk(&self) -> &dyn Disk {
        self.options.disk.as_ref()
    }

    fn set_misfits_aside(&mut self) -> Result<(), StoreError> {
        for misfit in misfits(self.dir)? {
            let aside = self.dir.join("aside");
            let mut path = misfit.path;
            if path == aside {
                // It is in the way of the folder that it goes to.
                let moved = self.dir.join("aside-moved");
                let renamed = self.disk().rename(&path, &moved);
                let failed = |error| of_journal(JournalError::io("rename", &aside, &error));
                renamed.map_err(failed)?;
                path = moved;
            }
            self.keep(&path, &format!("it is {}", misfit.what))?;
        }
        Ok(())
    }

    /// The log that is gone on with, after everything of another one went aside; `None` where
    /// nothing of any log is here.
    fn one_log(&mut self) -> Result<Option<LogId>, StoreError> {
        let disk = &self.options.disk;
        let head = head_found(disk.as_ref(), self.dir).map_err(of_journal)?;
        let segments = segments_found(disk, self.dir).map_err(of_journal)?;
        let of_head = match &head {
            HeadFound::Good { log_id, .. } => Some(*log_id),
            HeadFound::Unusable(_) => None,
        };
        let of_copy = sled_folder(self.dir).exists().then(|| {
            let found = SledCopy::log_of(self.dir, self.options.sled_cache_bytes);
            found.ok()
        });
        let of_copy = of_copy.flatten();
        let of_journal = log_of(&segments, [of_copy, of_head]);
        let log_id = match (of_journal, of_copy) {
            (Some(ours), Some(theirs)) if ours != theirs => match self.how.continue_from {
                None => return Err(two_logs(self.dir, &hex(&ours), &hex(&theirs))),
                Some(LogCopy::Journal) => {
                    self.keep_copy(&format!("it belongs to log {}", hex(&theirs)))?;
                    Some(ours)
                }
                Some(LogCopy::Sled) => Some(theirs),
            },
            (ours, theirs) => ours.or(theirs).or(of_head),
        };
        let log_id = log_id.or_else(|| checkpoint::end_of(self.dir).map(|(log_id, _)| log_id));
        let Some(log_id) = log_id else {
            return self.nothing_known(&head, &segments);
        };
        for (path, of) in segments {
            if let Some(of) = of.filter(|of| *of != log_id) {
                self.keep(&path, &format!("it belongs to log {}", hex(&of)))?;
            }
        }
        if let HeadFound::Good { log_id: of, link } = head
            && of != log_id
        {
            let why = format!(
                "it belongs to log {}, and vouched for its positions 1 to {}",
                hex(&of),
                link.position()
            );
            self.keep(&self.dir.join("HEAD"), &why)?;
        }
        Ok(Some(log_id))
    }

    fn nothing_known(
        &self,
        head: &HeadFound,
        segments: &[SegmentFound],
    ) -> Result<Option<LogId>, StoreError> {
        let why = match head {
            HeadFound::Unusable(why) if !segments.is_empty() || why != "is missing" => why,
            HeadFound::Unusable(_) | HeadFound::Good { .. } => return Ok(None),
        };
        Err(StoreError::Refused {
            path: self.dir.display().to_string(),
            problem: format!(
                "HEAD {why}, and nothing in journal/, db/ or the checkpoint says which log this \
                 is: no event can be read from here. Put a backup back; to begin a new log, name \
                 another directory"
            ),
        })
    }

    /// Rule 6: HEAD missing or bad beside frames, which an open refuses, or of another history.
    fn mend_head(&mut self, log_id: LogId, copy: Option<&SledCopy>) -> Result<(), StoreError> {
        let disk = &self.options.disk;
        let why = match head_found(disk.as_ref(), self.dir).map_err(of_journal)? {
            HeadFound::Unusable(why) => why,
            HeadFound::Good { .. } => match is_one_history(disk, self.dir).map_err(of_journal)? {
                Ok(()) => return Ok(()),
                Err(why) => why,
            },
        };
        let has_frames = has_frames(disk, self.dir, log_id).map_err(of_journal)?;
        let saved = checkpoint::end_of(self.dir).filter(|(of, _)| *of == log_id && !has_frames);
        let beyond = |left: ChainEnd| {
            let copy = copy.filter(|copy| copy.mark().next_position > left.next_position);
            let goes_on = copy.filter(|copy| {
                left == ChainEnd::GENESIS || copy.ends_at(&left).unwrap_or_default()
            });
            let mark = goes_on.map(SledCopy::mark);
            mark.or_else(|| saved.map(|(_, end)| end))
        };
        self.write_head(log_id, &beyond, why)
    }

    fn write_head(
        &mut self,
        log_id: LogId,
        beyond: &dyn Fn(ChainEnd) -> Option<ChainEnd>,
        why: String,
    ) -> Result<(), StoreError> {
        let (disk, dir) = (&self.options.disk, self.dir);
        let ids = (log_id, self.options.epoch, self.options.boot_id.clone());
        let head = write_head_anew(disk, dir, ids, beyond, why).map_err(of_journal)?;
        let kept = head
            .kept
            .map(|path| format!("; the old one is kept in {}", path.display()));
        self.report.notes.push(format!(
            "HEAD {}: it was written anew, at position {}{}",
            head.why,
            head.link.position(),
            kept.unwrap_or_default()
        ));
        Ok(())
    }
}

/// The log whose segments these are: one that is known from elsewhere, else that of the most.
fn log_of(segments: &[SegmentFound], known: [Option<LogId>; 2]) -> Option<LogId> {
    let mut votes: BTreeMap<LogId, usize> = BTreeMap::new();
    for log_id in segments.iter().filter_map(|(_, log_id)| *log_id) {
        *votes.entry(log_id).or_default() += 1;
    }
    let is_there = |log_id: &LogId| votes.contains_key(log_id);
    let known = known.into_iter().flatten().find(is_there);
    let most = votes.iter().max_by_key(|(_, count)| **count);
    known.or(most.map(|(log_id, _)| *log_id))
}

/// The ledger's LOCK, while files are moved and HEAD is written.
pub(crate) fn lock(disk: &dyn Disk, dir: &Path) -> Result<Box<dyn Any + Send + Sync>, StoreError> {
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

fn hex(log_id: &LogId) -> String {
    format!("{:032x}", u128::from_be_bytes(*log_id))
}
