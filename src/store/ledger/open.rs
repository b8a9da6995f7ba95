//! Opening: the journal, which is what counts, healed from sled where it is damaged; the heads of
//! all streams; and then the thread that does everything else (log.md rules 6, 9, 18). Apart
//! because it happens once. It deletes nothing.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use crate::store::StoreError;
use crate::store::caches::Repaired;
use crate::store::journal::{FrameKind, Journal};
use crate::store::record::{Link, Position};
use crate::store::sled::{SledCopy, sled_folder};

use super::applier;
use super::checkpoint;
use super::convert::{link_of, of_journal};
use super::files::refuse_unready;
use super::heads::Heads;
use super::heal::{confirms, heal, healed_frames, notes_of, salvage};
use super::modes::keep_private;
use super::options::LedgerOptions;
use super::scan::JournalScan;
use super::shared::{CopyState, Distrusted, Ending, Recent, Shared, Told, guard};
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
    /// Through which position the indexed copy was complete as it was found, before it was given
    /// what it lacked; `None` where it could not be opened, or not within `open_wait`.
    pub copy_found_at: Option<Position>,
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
    refuse_unready(&options.disk, dir)?;
    let private = keep_private(dir)?;
    let (journal, recovery) = Journal::open(dir, options.journal()).map_err(of_journal)?;
    let mut opening = Opening {
        dir,
        sled_cache_bytes: options.sled_cache_bytes,
        journal,
        copy: None,
        repairs: Vec::new(),
        notes: private.into_iter().chain(notes_of(&recovery)).collect(),
    };
    if let Some(damage) = recovery.damage.first() {
        opening.heal(&damage.to_string())?;
    }
    let (head, heads) = match opening.heads() {
        // Damage in a closed segment is met only by reading it.
        Err(StoreError::Corrupt { problem, .. }) => {
            opening.heal(&problem)?;
            opening.heads()?
        }
        other => other?,
    };
    let Opening {
        journal,
        copy,
        mut repairs,
        notes,
        ..
    } = opening;
    let (keeper, reader) = (journal.head_keeper(), journal.reader());
    let shared = Arc::new(Shared {
        dir: dir.to_path_buf(),
        log_id: journal.log_id(),
        scan: Mutex::new(Some(Arc::new(JournalScan::new(reader)))),
        opened_at: journal.end(),
        was_clean: recovery.was_clean,
        writer: Mutex::new(Some(journal)),
        recent: Mutex::new(nothing_since(head, heads)),
        work: Condvar::new(),
        copy: Mutex::new(CopyState::Opening),
        copy_found_at: OnceLock::new(),
        opened: Condvar::new(),
        stopped: OnceLock::new(),
        repairs: Mutex::new(Vec::new()),
        distrusted: Distrusted::default(),
        scrub: Mutex::default(),
        lost: Told::default(),
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
        copy_found_at: shared.copy_found_at.get().copied(),
        repairs,
        notes,
    };
    Ok((shared, applier, report))
}

/// A journal that is open, and not yet a ledger.
struct Opening<'a> {
    dir: &'a Path,
    sled_cache_bytes: u64,
    journal: Journal,
    /// Opened early when the journal needs it.
    copy: Option<SledCopy>,
    repairs: Vec<Repaired>,
    notes: Vec<String>,
}

impl Opening<'_> {
    /// # Errors
    /// `Corrupt` when the indexed copy cannot help; what is bad in the journal stays as it is.
    fn heal(&mut self, damage: &str) -> Result<(), StoreError> {
        let opened = match self.copy.take() {
            Some(copy) => Ok(copy),
            None => self.open_copy(damage),
        };
        let (healed, copy) = match opened {
            Ok(copy) => (heal(&mut self.journal, &copy), Some(copy)),
            Err(error) => (Err(error), None),
        };
        let healed = match healed {
            // Copies that were given up may have what this one lacks.
            Err(StoreError::Corrupt { .. }) => {
                salvage(&mut self.journal, self.dir, copy.is_none())?
            }
            other => other?,
        };
        self.notes.extend(notes_of(&healed));
        let frames = healed.repairs.iter().filter_map(healed_frames);
        self.repairs.extend(frames);
        self.copy = copy;
        Ok(())
    }

    fn open_copy(&self, damage: &str) -> Result<SledCopy, StoreError> {
        let first = self.journal.damage().first();
        let position = Position(first.map_or(0, |damage| damage.first_position));
        let unable = |why: &dyn std::fmt::Display| StoreError::Corrupt {
            position,
            problem: format!("{damage}; and db/ cannot heal it: {why}"),
        };
        if !sled_folder(self.dir).exists() {
            return Err(unable(&"it is not there"));
        }
        let copy = SledCopy::open(self.dir, self.journal.log_id(), self.sled_cache_bytes);
        copy.map_err(|error| unable(&error))
    }

    /// The end of the last commit (a seal changes the chain, but not what a commit is known by),
    /// and the heads of the checkpoint, where the journal confirms it, with what came after.
    fn heads(&mut self) -> Result<(Link, Heads), StoreError> {
        let (reader, end) = (self.journal.reader(), self.journal.end().position());
        let saved = checkpoint::load(self.dir, self.journal.log_id(), &mut self.notes);
        let confirmed = saved.and_then(|saved| {
            let at = saved.heads_link;
            if at.position.0 > end {
                self.notes.push(format!(
                    "the log ends at position {end}, and the checkpoint knows more: positions {} \
                     to {} are lost, unless an older copy of the ledger was put back on purpose",
                    end + 1,
                    at.position
                ));
            }
            confirms(&reader, at).then_some((saved.heads, at))
        });
        let (mut heads, mut head) = confirmed.unwrap_or((Heads::default(), Link::START));
        if head.position.0 == end {
            return Ok((head, heads));
        }
        let frames = reader.frames_from(head.position.next().0);
        for frame in frames.map_err(of_journal)? {
            let frame = frame.map_err(of_journal)?;
            heads.replay(&frame)?;
            if frame.kind() != FrameKind::Seal {
                head = link_of(frame.link());
            }
        }
        Ok((head, heads))
    }
}

/// What changes with every commit, before the first one.
fn nothing_since(head: Link, heads: Heads) -> Recent {
    Recent {
        head,
        heads,
        tail: Tail::default(),
        applier_sleeps: false,
        ending: Ending::Open,
    }
}

fn wait_a_little(shared: &Shared) {
    let opening = |state: &mut CopyState| matches!(state, CopyState::Opening);
    let state = guard(&shared.copy);
    let waited = shared
        .opened
        .wait_timeout_while(state, shared.options.open_wait, opening);
    drop(waited.unwrap_or_else(PoisonError::into_inner));
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ending, LedgerOptions, open, sled_folder};
    use crate::store::sled::CopyError;

    /// What a full table of files answers cannot be had from sled on order: it keeps its own open.
    #[test]
    fn a_copy_that_could_not_be_read_once_is_condemned_when_it_is_bad() {
        let dir = tempfile::tempdir().expect("a directory");
        let options = LedgerOptions {
            reserve_bytes: 0,
            read_wait: Duration::from_secs(600),
            ..LedgerOptions::new(7, [3; 16], "a boot".to_owned())
        };
        let (shared, applier, report) = open(dir.path(), options).expect("opens");
        assert_eq!(report.repairs, []);
        let copy = shared.copy().expect("in time").expect("a copy");
        let is_condemned = || sled_folder(dir.path()).join("CONDEMNED").exists();
        let tell = |why: CopyError| {
            shared.distrust(&copy, 1, 2, &why);
            let notes: Vec<_> = shared.take_repairs();
            notes
                .into_iter()
                .map(|note| note.problem)
                .collect::<Vec<_>>()
        };
        let refused = || CopyError::Io("too many open files".to_owned());
        assert_eq!(tell(refused()), [""; 0], "no copy was bad");
        assert!(!is_condemned());
        assert_eq!(tell(CopyError::Damaged("a hash".to_owned())), ["a hash"]);
        assert!(is_condemned());
        // Told once.
        assert_eq!(tell(refused()), [""; 0]);
        assert_eq!(tell(CopyError::Panicked("again".to_owned())), [""; 0]);
        shared.recent().ending = Ending::Abandon;
        shared.work.notify_all();
        applier.join().expect("ends");
    }
}
