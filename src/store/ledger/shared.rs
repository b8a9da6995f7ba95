//! What the ledger's handle, its readers and its applier share. Apart because they meet here and
//! nowhere else. Locks are taken in the order of the fields, and none is held across a read of the
//! disk but the writer's own.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::store::StoreError;
use crate::store::caches::{LogCopy, Repaired, Scrubbed};
use crate::store::journal::{Journal, Link as ChainEnd};
use crate::store::record::{Link, Position};
use crate::store::sled::{CopyError, SledCopy};

use super::heads::Heads;
use super::options::LedgerOptions;
use super::scan::JournalScan;
use super::tail::Tail;

/// The shared part of an open ledger.
pub(crate) struct Shared {
    pub(crate) dir: PathBuf,
    pub(crate) options: LedgerOptions,
    pub(crate) log_id: [u8; 16],
    /// `None` once closed. Whoever appends holds it until the frame is in the tail.
    pub(crate) writer: Mutex<Option<Journal>>,
    pub(crate) recent: Mutex<Recent>,
    /// Tells the applier, when it sleeps.
    pub(crate) work: Condvar,
    pub(crate) copy: Mutex<CopyState>,
    /// Where the indexed copy ended when it was opened.
    pub(crate) copy_found_at: OnceLock<Position>,
    /// Tells that `copy` changed.
    pub(crate) opened: Condvar,
    /// `None` once closed: whoever reads the journal holds its LOCK.
    pub(crate) scan: Mutex<Option<Arc<JournalScan>>>,
    /// Where the journal ended when it was opened: the applier fetches everything up to here from
    /// it, and everything behind from the tail.
    pub(crate) opened_at: ChainEnd,
    /// Whether the last process closed it: then the indexed copy had everything.
    pub(crate) was_clean: bool,
    /// Why nothing more is acknowledged.
    pub(crate) stopped: OnceLock<StoreError>,
    pub(crate) repairs: Mutex<Vec<Repaired>>,
    /// What was told of the indexed copy already.
    pub(crate) distrusted: Distrusted,
    /// What the scrub has read and found.
    pub(crate) scrub: Mutex<Scrubbed>,
    /// Holes that the scrub has told of.
    pub(crate) lost: Told,
}

/// What changes with every commit, seen as a whole or not at all.
pub(crate) struct Recent {
    pub(crate) head: Link,
    pub(crate) heads: Heads,
    pub(crate) tail: Tail,
    pub(crate) applier_sleeps: bool,
    pub(crate) ending: Ending,
}

/// What was told of the indexed copy, each thing once and each for itself: the system's refusal
/// to read it says nothing of its bytes, and must not hide what does.
#[derive(Default)]
pub(crate) struct Distrusted {
    refused: AtomicBool,
    bad: AtomicBool,
    condemned: AtomicBool,
}

/// Positions that were told of, each once.
#[derive(Default)]
pub(crate) struct Told(Mutex<BTreeSet<Position>>);

impl Told {
    /// Whether it was told.
    pub(crate) fn has(&self, position: Position) -> bool {
        guard(&self.0).contains(&position)
    }

    /// Whether it was not told before.
    pub(crate) fn insert(&self, position: Position) -> bool {
        guard(&self.0).insert(position)
    }
}

/// How the applier is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Not yet.
    Open,
    /// When the tail is empty.
    Drain,
    /// At once.
    Abandon,
}

/// The indexed copy.
pub(crate) enum CopyState {
    /// It is being opened, or catches up.
    Opening,
    /// It serves everything before the tail.
    Ready(Arc<SledCopy>),
    /// There is none until the next open; the journal answers.
    Gone,
}

impl Shared {
    pub(crate) fn recent(&self) -> MutexGuard<'_, Recent> {
        guard(&self.recent)
    }

    pub(crate) fn writer(&self) -> MutexGuard<'_, Option<Journal>> {
        guard(&self.writer)
    }

    /// The journal, to be read.
    ///
    /// # Errors
    /// `Closed`.
    pub(crate) fn scan(&self) -> Result<Arc<JournalScan>, StoreError> {
        guard(&self.scan).clone().ok_or(StoreError::Closed)
    }

    /// Stops acknowledging anything; the first reason stays.
    pub(crate) fn stop(&self, error: StoreError) {
        tracing::error!(%error, "the ledger stopped");
        // Later failures follow from the first one, which alone tells the cause.
        let _ = self.stopped.set(error);
    }

    /// # Errors
    /// `Poisoned` once the ledger was stopped.
    pub(crate) fn sound(&self) -> Result<(), StoreError> {
        match self.stopped.get() {
            None => Ok(()),
            Some(error) => Err(StoreError::Poisoned {
                cause: error.to_string(),
            }),
        }
    }

    /// Whether the reserve is untouched. Where it is not, the indexed copy lags, and readers find
    /// what it lacks in memory: it is a copy, and may not use up what the journal's end needs
    /// (log.md rule 14).
    pub(crate) fn has_room(&self) -> bool {
        let reserve_bytes = self.options.reserve_bytes;
        let free = || self.options.disk.free_bytes(&self.dir);
        reserve_bytes == 0 || free().is_ok_and(|free_bytes| free_bytes >= reserve_bytes)
    }

    pub(crate) fn set_copy(&self, state: CopyState) {
        *guard(&self.copy) = state;
        self.opened.notify_all();
    }

    /// The indexed copy if it serves; `None` when the journal has to answer.
    ///
    /// # Errors
    /// `Opening` when it is still not there after the options' `read_wait`.
    pub(crate) fn copy(&self) -> Result<Option<Arc<SledCopy>>, StoreError> {
        let wait = self.options.read_wait;
        let state = guard(&self.copy);
        let opening = |state: &mut CopyState| matches!(state, CopyState::Opening);
        let waited = self.opened.wait_timeout_while(state, wait, opening);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match &*state {
            CopyState::Opening => Err(StoreError::Opening),
            CopyState::Ready(copy) => Ok(Some(Arc::clone(copy))),
            CopyState::Gone => Ok(None),
        }
    }

    /// The indexed copy if it serves now.
    pub(crate) fn copy_now(&self) -> Option<Arc<SledCopy>> {
        match &*guard(&self.copy) {
            CopyState::Ready(copy) => Some(Arc::clone(copy)),
            CopyState::Opening | CopyState::Gone => None,
        }
    }

    /// Notes what was bad, for the engine to record.
    pub(crate) fn note(&self, repaired: Repaired) {
        tracing::warn!(
            copy = repaired.copy.as_str(),
            from = repaired.from.0,
            to = repaired.to.0,
            restored = repaired.restored,
            problem = %repaired.problem,
            "a copy of the log was bad"
        );
        guard(&self.repairs).push(repaired);
    }

    pub(crate) fn scrubbed(&self, change: impl FnOnce(&mut Scrubbed)) {
        change(&mut guard(&self.scrub));
    }

    pub(crate) fn take_repairs(&self) -> Vec<Repaired> {
        std::mem::take(&mut *guard(&self.repairs))
    }

    /// The indexed copy could not be read, or gave something bad: it is answered around, and where
    /// it is itself at fault rebuilt at the next open (log.md rules 19 and 20). Each told once.
    pub(crate) fn distrust(&self, copy: &SledCopy, from: u64, to: u64, why: &CopyError) {
        let told = &self.distrusted;
        if !why.calls_for_rebuild() {
            if !told.refused.swap(true, Ordering::Relaxed) {
                tracing::warn!(error = %why, "the indexed copy cannot be read, the journal is");
            }
            return;
        }
        if !told.condemned.load(Ordering::Relaxed) {
            match copy.condemn(why) {
                Ok(()) => told.condemned.store(true, Ordering::Relaxed),
                // Tried again with the next thing that is bad.
                Err(error) => {
                    tracing::warn!(%error, "the indexed copy could not be marked for a rebuild");
                }
            }
        }
        if !told.bad.swap(true, Ordering::Relaxed) {
            self.note(Repaired {
                from: Position(from),
                to: Position(to),
                copy: LogCopy::Sled,
                restored: false,
                problem: why.to_string(),
            });
        }
    }
}

/// Each value behind a lock of ours is replaced whole, or grows by whole frames.
pub(crate) fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
