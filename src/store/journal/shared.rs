//! What the journal's handles share: where it is durable, what HEAD says, and whether it is
//! poisoned; apart because the writer, the applier and readers meet here; it never writes a frame.
use std::any::Any;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::store::journal::disk::Disk;
use crate::store::journal::error::JournalError;
use crate::store::journal::frame::{Frame, FrameKind, Link};
use crate::store::journal::head::Head;
use crate::store::journal::layout::Place;
use crate::store::journal::segment::Segment;

/// The shared part of an open journal.
pub(crate) struct Shared {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) log_id: [u8; 16],
    pub(crate) epoch: u64,
    pub(crate) boot_id: String,
    /// Kept for as long as any handle lives (log.md: every thread shares the handle).
    pub(crate) _lock: Box<dyn Any + Send + Sync>,
    poison: OnceLock<String>,
    head: Mutex<HeadSlot>,
    live: Mutex<Live>,
    suspects: Mutex<BTreeSet<u64>>,
}

/// What is durable, and in which files.
#[derive(Clone)]
pub(crate) struct Live {
    pub(crate) segments: Vec<Arc<Segment>>,
    pub(crate) end: Place,
    pub(crate) link: Link,
    pub(crate) sealed: bool,
}

struct HeadSlot {
    link: Link,
    written_at_ms: Option<u64>,
}

impl Shared {
    pub(crate) fn new(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        head: &Head,
        lock: Box<dyn Any + Send + Sync>,
        live: Live,
    ) -> Self {
        Self {
            disk,
            dir,
            log_id: head.log_id,
            epoch: head.epoch,
            boot_id: head.boot_id.clone(),
            _lock: lock,
            poison: OnceLock::new(),
            head: Mutex::new(HeadSlot {
                link: head.link,
                written_at_ms: None,
            }),
            live: Mutex::new(live),
            suspects: Mutex::default(),
        }
    }

    pub(crate) fn live(&self) -> MutexGuard<'_, Live> {
        guard(&self.live)
    }

    pub(crate) fn suspects(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        guard(&self.suspects)
    }

    /// Refuses once a write or sync has failed (log.md rule 14).
    pub(crate) fn sound(&self) -> Result<(), JournalError> {
        match self.poison.get() {
            None => Ok(()),
            Some(first) => Err(JournalError::Poisoned {
                first: first.clone(),
            }),
        }
    }

    /// Remembers the first failure; hands the error on.
    pub(crate) fn poison(&self, error: JournalError) -> JournalError {
        // Later failures follow from the first one, which alone tells the cause.
        let _ = self.poison.set(error.to_string());
        error
    }

    /// Writes HEAD at the durable end.
    ///
    /// # Errors
    /// `Poisoned`; `Io`, which poisons.
    pub(crate) fn write_head(&self, clean: bool) -> Result<(), JournalError> {
        self.write_head_into(&mut guard(&self.head), clean)
    }

    /// Whether HEAD knows `frame`, so that sled may be given it (log.md rule 6); if not, and the
    /// last step is long enough ago, HEAD is written.
    ///
    /// # Errors
    /// `Poisoned`; `Io`, which poisons.
    pub(crate) fn admit(&self, frame: &Frame, now_ms: u64) -> Result<bool, JournalError> {
        let mut slot = guard(&self.head);
        if knows(&slot.link, frame) {
            return Ok(true);
        }
        let due = |at: u64| now_ms.saturating_sub(at) >= HEAD_STEP_MS;
        if !slot.written_at_ms.is_none_or(due) {
            return Ok(false);
        }
        self.write_head_into(&mut slot, false)?;
        slot.written_at_ms = Some(now_ms);
        Ok(knows(&slot.link, frame))
    }

    fn write_head_into(&self, slot: &mut HeadSlot, clean: bool) -> Result<(), JournalError> {
        self.sound()?;
        let (link, segment) = {
            let live = self.live();
            (live.link, live.end.segment)
        };
        let (log_id, epoch, boot_id) = (self.log_id, self.epoch, self.boot_id.clone());
        let head = Head {
            log_id,
            epoch,
            boot_id,
            clean,
            segment,
            link,
        };
        head.write(self.disk.as_ref(), &self.dir)
            .map_err(|error| self.poison(error))?;
        slot.link = link;
        Ok(())
    }
}

/// Whether a HEAD at `head` lies at or behind the end of `frame`.
fn knows(head: &Link, frame: &Frame) -> bool {
    let end = frame.link();
    let same_place = end.next_position == head.next_position;
    end.next_position < head.next_position
        || (same_place && (frame.kind() != FrameKind::Seal || end.hash == head.hash))
}

/// A panic elsewhere leaves these values whole: each is replaced in one step.
fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Steps of HEAD while sled is applied: two renames and syncs of a small file in 50 ms are not
/// felt, and 50 ms of commits are soon compared.
const HEAD_STEP_MS: u64 = 50;
