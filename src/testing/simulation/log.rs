//! The simulated store: a log that outlives the engines that crash on it, and appends that wait
//! until they are told what becomes of them. Apart because it plays the disk; it never decides
//! when to fail.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::store::{Appended, Commit, EventStore, MemoryStore, StoreError};
use crate::testing::front::{Front, Fronted};

/// What becomes of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is durable, and says so.
    Done,
    /// It fails, and nothing of it is there after a restart.
    Lost,
    /// It fails, and yet is there after a restart: the sync failed, not the write.
    Kept,
    /// The disk is full: refused before anything was written.
    Full,
}

/// One engine's handle on the log.
pub(super) type SimulatedStore = Fronted<Simulated>;

/// What stands before it.
#[derive(Debug)]
pub(super) struct Simulated {
    log: Arc<MemoryStore>,
    turn: Mutex<Turn>,
    moved: Condvar,
}

#[derive(Debug, Default)]
struct Turn {
    /// Appends wait for their fate; otherwise they are done at once.
    held: bool,
    waiting: bool,
    fate: Option<Fate>,
    /// Why nothing more reaches the log: an append failed, or the process is gone.
    ended: Option<&'static str>,
}

impl Simulated {
    pub(super) fn new(log: Arc<MemoryStore>) -> Self {
        Self {
            log,
            turn: Mutex::default(),
            moved: Condvar::new(),
        }
    }

    /// Lets the next append wait.
    pub(super) fn hold(&self) {
        self.turn().held = true;
    }

    /// Whether an append waits.
    pub(super) fn is_waiting(&self) -> bool {
        self.turn().waiting
    }

    /// Decides over the append that waits, or over the next one.
    pub(super) fn release(&self, fate: Fate) {
        let mut turn = self.turn();
        turn.held = false;
        turn.fate = Some(fate);
        self.moved.notify_all();
    }

    /// The process dies. An append that waits has the given fate, unseen by anybody.
    pub(super) fn die(&self, fate: Fate) {
        let mut turn = self.turn();
        turn.ended = Some("the process is gone");
        if turn.waiting {
            turn.fate = Some(fate);
            self.moved.notify_all();
            drop(self.until(turn, |turn| turn.waiting));
        }
    }

    fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn until<'a>(
        &self,
        turn: MutexGuard<'a, Turn>,
        not: impl Fn(&Turn) -> bool,
    ) -> MutexGuard<'a, Turn> {
        let done = self.moved.wait_while(turn, |turn| not(turn));
        done.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Front for Simulated {
    fn log(&self) -> &dyn EventStore {
        &*self.log
    }

    fn append(&self, commit: &Commit) -> Result<Appended, StoreError> {
        let mut turn = self.turn();
        if let Some(cause) = turn.ended {
            let cause = cause.to_owned();
            return Err(StoreError::Poisoned { cause });
        }
        if turn.held && turn.fate.is_none() {
            turn.waiting = true;
            turn = self.until(turn, |turn| turn.fate.is_none());
        }
        let fate = turn.fate.take().unwrap_or(Fate::Done);
        let done = match fate {
            Fate::Done => self.log.append(commit),
            Fate::Lost => Err(failed()),
            Fate::Kept => self.log.append(commit).and(Err(failed())),
            Fate::Full => Err(StoreError::Full {
                path: "simulated".to_owned(),
                free_bytes: 0,
                reserve_bytes: 1,
            }),
        };
        if matches!(fate, Fate::Lost | Fate::Kept) {
            turn.ended = Some("an append failed");
        }
        turn.waiting = false;
        self.moved.notify_all();
        done
    }

    fn close(&self) -> Result<(), StoreError> {
        // The log itself stays: the next engine opens it.
        self.turn().ended = Some("it was closed");
        Ok(())
    }
}

fn failed() -> StoreError {
    StoreError::Io {
        path: "simulated".to_owned(),
        operation: "fdatasync",
        source: Arc::new(std::io::Error::other("as the simulation wills")),
    }
}
