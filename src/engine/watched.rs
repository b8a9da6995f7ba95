//! The log as a caller's work sees it, for as long as the caller waits. Apart because every fold
//! reads the log in bounded batches: a read that is refused ends any of them, and none has to know
//! of callers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::clock::Clock;
use crate::domain::{RoomName, Version};
use crate::store::{
    Appended, Caches, Commit, Commits, EventStore, Link, Linked, Position, Record, Sought,
    StoreError,
};

/// How long work may go on: until its caller is gone, or its time is over.
pub(crate) struct Patience {
    gone: Arc<AtomicBool>,
    clock: Arc<dyn Clock>,
    until: Duration,
    late: AtomicBool,
}

impl Patience {
    /// From now on, for so long.
    pub(crate) fn new(gone: Arc<AtomicBool>, clock: Arc<dyn Clock>, longest: Duration) -> Self {
        Self {
            until: clock.monotonic().saturating_add(longest),
            gone,
            clock,
            late: AtomicBool::new(false),
        }
    }

    /// Whether work was ended because its time was over.
    pub(crate) fn is_late(&self) -> bool {
        self.late.load(Ordering::Relaxed)
    }

    /// Refuses to go on.
    fn check(&self) -> Result<(), StoreError> {
        if self.clock.monotonic() > self.until {
            self.late.store(true, Ordering::Relaxed);
        }
        if self.is_late() || self.gone.load(Ordering::Relaxed) {
            // Nobody hears it: the caller is gone, or told of the time.
            return Err(StoreError::Closed);
        }
        Ok(())
    }
}

/// A log that can be read as long as the patience lasts.
pub(crate) struct Watched<'a> {
    pub(crate) store: &'a dyn EventStore,
    pub(crate) patience: &'a Patience,
}

impl EventStore for Watched<'_> {
    fn append(&self, commit: &Commit) -> Result<Appended, StoreError> {
        self.store.append(commit)
    }

    fn read_room(
        &self,
        room: Option<&RoomName>,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.patience.check()?;
        self.store.read_room(room, after, limit)
    }

    fn read_all(&self, after: Position, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.patience.check()?;
        self.store.read_all(after, limit)
    }

    fn read_linked(&self, after: Position, limit: usize) -> Result<Linked, StoreError> {
        self.patience.check()?;
        self.store.read_linked(after, limit)
    }

    fn read_commits(&self, after: Position) -> Result<Commits<'_>, StoreError> {
        self.patience.check()?;
        self.store.read_commits(after)
    }

    fn head(&self) -> Link {
        self.store.head()
    }

    fn room_head(&self, room: Option<&RoomName>) -> Result<Version, StoreError> {
        self.patience.check()?;
        self.store.room_head(room)
    }

    fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<RoomName>, StoreError> {
        self.patience.check()?;
        self.store.rooms(after, limit)
    }

    fn commit_of(&self, position: Position) -> Result<Link, StoreError> {
        self.patience.check()?;
        self.store.commit_of(position)
    }

    fn find(
        &self,
        room: Option<&RoomName>,
        sought: &BTreeSet<Sought>,
    ) -> Result<Option<BTreeSet<Version>>, StoreError> {
        self.patience.check()?;
        self.store.find(room, sought)
    }

    fn caches(&self) -> Option<&dyn Caches> {
        self.store.caches()
    }

    fn close(&self) -> Result<(), StoreError> {
        self.store.close()
    }
}
