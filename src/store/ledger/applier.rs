//! The second thread: gives sled what the journal has, seals what stays idle, and is watched
//! (log.md rules 3, 6, 16, 17). Apart because the writer must never wait for it. It never writes
//! to the journal but the seal.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::store::StoreError;
use crate::store::journal::HeadKeeper;
use crate::store::record::Link;
use crate::store::sled::SledCopy;

use super::convert::{of_copy, of_journal};
use super::judge;
use super::shared::{CopyState, Ending, Shared};

/// Starts the thread; `copy` when it had to be opened before.
///
/// # Errors
/// `Io` when no thread can be started.
pub(crate) fn start(
    shared: Arc<Shared>,
    keeper: HeadKeeper,
    copy: Option<SledCopy>,
) -> Result<JoinHandle<()>, StoreError> {
    let path = shared.dir.display().to_string();
    let named = thread::Builder::new().name("ledger-applier".to_owned());
    let started = named.spawn(move || {
        // The watchdog: however this ends, what it ends with is known to everybody.
        let outcome = catch_unwind(AssertUnwindSafe(|| work(&shared, &keeper, copy)));
        let error = match outcome {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error),
            Err(_) => Some(StoreError::Poisoned {
                cause: "the thread that applies to the indexed copy panicked".to_owned(),
            }),
        };
        if let Some(error) = error {
            shared.stop(error);
        }
        shared.set_copy(CopyState::Gone);
    });
    started.map_err(|error| StoreError::Io {
        path,
        operation: "start a thread for",
        source: Arc::new(error),
    })
}

fn work(shared: &Shared, keeper: &HeadKeeper, copy: Option<SledCopy>) -> Result<(), StoreError> {
    let Some(copy) = judge::copy_of(shared, copy)? else {
        return Ok(());
    };
    let copy = Arc::new(copy);
    shared.set_copy(CopyState::Ready(Arc::clone(&copy)));
    serve(shared, keeper, &copy)?;
    // Readers may hold it a moment longer; what they read is durable already.
    shared.set_copy(CopyState::Gone);
    copy.sync().map_err(|error| of_copy(&shared.dir, &error))
}

fn serve(shared: &Shared, keeper: &HeadKeeper, copy: &SledCopy) -> Result<(), StoreError> {
    let mut pace = Pace::default();
    loop {
        let (next, ending, head) = {
            let recent = shared.recent();
            (recent.tail.first(), recent.ending, recent.head)
        };
        if ending == Ending::Abandon || (next.is_none() && ending == Ending::Drain) {
            return Ok(());
        }
        let has_room = ending == Ending::Drain || shared.has_room();
        if let Some(next) = &next
            && has_room
            && keeper.admit(next, pace.now_ms).map_err(of_journal)?
        {
            apply(shared, keeper, copy, pace.now_ms)?;
            continue;
        }
        pace.wait(shared, head, next.is_none());
        if pace.idle_ms >= IDLE_MS && ending == Ending::Open {
            seal(shared, head)?;
            pace.sealed = Some(head);
        }
    }
}

/// Gives sled the frames that HEAD knows already (log.md rule 6).
fn apply(
    shared: &Shared,
    keeper: &HeadKeeper,
    copy: &SledCopy,
    now_ms: u64,
) -> Result<(), StoreError> {
    let mut frames = shared.recent().tail.front(APPLY_BYTES_MAX);
    for (count, frame) in frames.iter().enumerate() {
        if !keeper.admit(frame, now_ms).map_err(of_journal)? {
            frames.truncate(count);
            break;
        }
    }
    copy.apply(&frames).map_err(|error| {
        shared.distrust(copy, 0, copy.mark().position(), &error);
        of_copy(&shared.dir, &error)
    })?;
    shared.recent().tail.trim(frames.len());
    Ok(())
}

/// Seals the last commit when nothing followed it.
fn seal(shared: &Shared, idle_at: Link) -> Result<(), StoreError> {
    let mut writer = shared.writer();
    let Some(journal) = writer.as_mut() else {
        return Ok(());
    };
    if shared.recent().head != idle_at {
        return Ok(());
    }
    if let Some(frame) = journal.seal().map_err(of_journal)? {
        shared.recent().tail.push(frame, Vec::new());
    }
    Ok(())
}

/// Time as this thread knows it: what it waited through.
#[derive(Default)]
struct Pace {
    /// Runs no faster than the clock, so that HEAD is written no more often than it may be.
    now_ms: u64,
    /// How long the head has stood.
    idle_ms: u64,
    seen: Option<Link>,
    /// The head that was sealed last.
    sealed: Option<Link>,
}

impl Pace {
    fn wait(&mut self, shared: &Shared, head: Link, nothing_to_do: bool) {
        if self.seen != Some(head) {
            self.seen = Some(head);
            self.idle_ms = 0;
        }
        let is_sealed = self.sealed == Some(head) || head == Link::START;
        let wait_ms = match (nothing_to_do, is_sealed) {
            (true, true) => ASLEEP_MS,
            (true, false) => IDLE_MS,
            (false, _) => POLL_MS,
        };
        let mut recent = shared.recent();
        recent.applier_sleeps = nothing_to_do;
        let waited =
            shared
                .work
                .wait_timeout_while(recent, Duration::from_millis(wait_ms), |recent| {
                    let is_idle = !nothing_to_do || recent.tail.is_empty();
                    is_idle && recent.ending == Ending::Open
                });
        let (mut recent, outcome) = waited.unwrap_or_else(PoisonError::into_inner);
        recent.applier_sleeps = false;
        let is_draining = recent.ending == Ending::Drain;
        drop(recent);
        if outcome.timed_out() {
            self.now_ms += wait_ms;
            self.idle_ms = if is_sealed { 0 } else { self.idle_ms + wait_ms };
        } else if is_draining {
            // The last step of HEAD comes at once: nothing follows that it could wait for.
            self.now_ms += HEAD_STEP_MS;
        }
    }
}

/// One round: large enough for full blocks, small enough that the tail is trimmed soon.
const APPLY_BYTES_MAX: u64 = 2 << 20;
/// log.md rule 3: after this the last commit is sealed.
const IDLE_MS: u64 = 10;
/// While HEAD holds frames back.
const POLL_MS: u64 = 5;
/// While there is nothing to do at all; a commit wakes it.
const ASLEEP_MS: u64 = 1_000;
/// log.md rule 6: HEAD moves in steps of at most this while sled is fed.
const HEAD_STEP_MS: u64 = 50;
