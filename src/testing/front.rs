//! A front before a log: what becomes of an append and of a close is the front's to say, and reads
//! go through, unless it refuses them. Apart so that whoever plays with writes does not spell the
//! reads out again. It never changes what is read.

use std::collections::BTreeSet;
use std::ops::Deref;

use crate::domain::{RoomName, Version};
use crate::store::{
    Appended, Caches, Commit, Commits, EventStore, Link, Linked, Position, Record, Sought,
    StoreError,
};

/// What stands before a log.
pub trait Front: Send + Sync {
    /// The log.
    fn log(&self) -> &dyn EventStore;
    /// What becomes of an append.
    ///
    /// # Errors
    /// As the front will have it.
    fn append(&self, commit: &Commit) -> Result<Appended, StoreError>;
    /// What becomes of a close.
    ///
    /// # Errors
    /// As the front will have it.
    fn close(&self) -> Result<(), StoreError>;
    /// Asked before each read of history.
    ///
    /// # Errors
    /// As the front will have it: what the read then says.
    fn reads_history(&self) -> Result<(), StoreError> {
        Ok(())
    }
    /// Told how many records a read of history gave.
    fn gave(&self, records: usize) {
        let _ = records;
    }
    /// Whether events are found by an index, where the log has one.
    fn finds(&self) -> bool {
        true
    }
    /// Told of each read of commits.
    fn reads_commits(&self, after: Position) {
        let _ = after;
    }
}

/// A log with a front before it.
#[derive(Debug, Default)]
pub struct Fronted<F>(pub F);

impl<F> Deref for Fronted<F> {
    type Target = F;

    fn deref(&self) -> &F {
        &self.0
    }
}

impl<F: Front> EventStore for Fronted<F> {
    fn append(&self, commit: &Commit) -> Result<Appended, StoreError> {
        self.0.append(commit)
    }

    fn read_room(
        &self,
        room: Option<&RoomName>,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        self.0.reads_history()?;
        let records = self.0.log().read_room(room, after, limit)?;
        self.0.gave(records.len());
        Ok(records)
    }

    fn read_all(&self, after: Position, limit: usize) -> Result<Vec<Record>, StoreError> {
        self.0.reads_history()?;
        let records = self.0.log().read_all(after, limit)?;
        self.0.gave(records.len());
        Ok(records)
    }

    fn read_linked(&self, after: Position, limit: usize) -> Result<Linked, StoreError> {
        self.0.reads_history()?;
        let records = self.0.log().read_linked(after, limit)?;
        self.0.gave(records.len());
        Ok(records)
    }

    fn read_commits(&self, after: Position) -> Result<Commits<'_>, StoreError> {
        self.0.reads_commits(after);
        self.0.log().read_commits(after)
    }

    fn head(&self) -> Link {
        self.0.log().head()
    }

    fn room_head(&self, room: Option<&RoomName>) -> Result<Version, StoreError> {
        self.0.log().room_head(room)
    }

    fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<RoomName>, StoreError> {
        self.0.log().rooms(after, limit)
    }

    fn commit_of(&self, position: Position) -> Result<Link, StoreError> {
        self.0.log().commit_of(position)
    }

    fn find(
        &self,
        room: Option<&RoomName>,
        sought: &BTreeSet<Sought>,
    ) -> Result<Option<BTreeSet<Version>>, StoreError> {
        if !self.0.finds() {
            return Ok(None);
        }
        self.0.reads_history()?;
        self.0.log().find(room, sought)
    }

    fn caches(&self) -> Option<&dyn Caches> {
        self.0.log().caches()
    }

    fn close(&self) -> Result<(), StoreError> {
        self.0.close()
    }
}
