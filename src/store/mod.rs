//! The log: append-only, whole commits, each all or nothing.
//!
//! Apart so that decisions know no disk and disks know no rules. One blocking, object-safe trait
//! with a numbered contract; the memory store is its reference, the ledger on disk (a journal that
//! is synced before anyone is answered, and sled as the indexed copy) its real one. Nothing here
//! decides, and nothing here is async.

mod caches;
mod codec;
mod error;
#[cfg(feature = "sled")]
pub mod journal;
#[cfg(feature = "sled")]
pub mod ledger;
mod memory;
#[cfg(feature = "sled")]
mod private;
mod record;
#[cfg(feature = "sled")]
mod sled;
mod sought;
#[cfg(feature = "sled")]
mod stream;

pub use caches::{Caches, LogCopy, Repaired, SavedCheckpoint, SavedSnapshot, Scrubbed};
pub use codec::{
    CodecError, RecordPlace, decode_cache, decode_commands, decode_commit, encode_cache,
    encode_commit, places,
};
pub use error::StoreError;
pub use memory::MemoryStore;
#[cfg(feature = "sled")]
pub use private::make_all_private;
pub use record::{
    CommandHeader, CommandRecord, Commit, Link, NewRecord, Outcome, Position, Record, RequestKey,
    RequestRecord, StoredCommit,
};
pub use sought::Sought;

use std::collections::BTreeSet;

use crate::domain::{RoomName, Version};

/// An append-only log of commits.
///
/// # Contract
/// `testing::store_contract` checks each line on any store.
///
/// 1. Positions are dense from 1 in the order of appends; versions are dense from 1 in each stream.
///    A commit without a record appends nothing, and answers the head.
/// 2. A commit is all or nothing: a reader sees every record of it or none.
/// 3. When `append` returns `Ok`, the commit survives whatever the store promises to survive.
/// 4. A commit whose records do not continue their streams exactly is refused with
///    [`StoreError::Conflict`], and nothing of it is kept.
/// 5. What was read once is read again, byte for byte the same, for ever.
/// 6. `read_room` gives one stream in the order of versions, `read_all` all in the order of
///    positions, both without gap; a missing or damaged record is an error that names its
///    position, never a skipped row. An answer may be shorter than `limit`; only an empty one is
///    the end. `read_commits` gives the same records, in their commits.
/// 7. After a failed write every later `append` answers [`StoreError::Poisoned`]; reads go on.
/// 8. `close` makes all durable, lets go of the files, and may be called twice; later appends
///    answer [`StoreError::Closed`], and so may reads.
/// 9. All methods may be called from several threads; appends come from one.
pub trait EventStore: Send + Sync {
    /// Appends one commit and returns once it is durable.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when a record does not continue its stream, `TooLarge` when the
    /// commit does not fit a frame, `Full` when free space is below the reserve, `Unmeasured`
    /// when nobody can tell, `Poisoned`, `Closed`, or `Io`, after which the store is poisoned.
    fn append(&self, commit: &Commit) -> Result<Appended, StoreError>;

    /// Up to `limit` records of one stream (`None` for the system stream) after a version.
    ///
    /// # Errors
    /// `Corrupt` or `Missing` names the first position that cannot be read; `Opening` while
    /// history is not ready yet.
    fn read_room(
        &self,
        room: Option<&RoomName>,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError>;

    /// Up to `limit` records of all streams after a position.
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    fn read_all(&self, after: Position, limit: usize) -> Result<Vec<Record>, StoreError>;

    /// As [`EventStore::read_all`], each record with its commit. A store that meets the commit on
    /// the way to the record anyway does better than this, which looks for each.
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    fn read_linked(&self, after: Position, limit: usize) -> Result<Linked, StoreError> {
        let mut found: Linked = Vec::new();
        for record in self.read_all(after, limit)? {
            let known = found.last().map(|(_, link)| *link);
            let link = match known.filter(|link| record.position <= link.position) {
                Some(link) => link,
                None => self.commit_of(record.position)?,
            };
            found.push((record, link));
        }
        Ok(found)
    }

    /// The commits after the one that holds a position, in order, with the outcomes of commands
    /// that left no event: what an open folds. Each step may fail as [`EventStore::read_room`].
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    fn read_commits(&self, after: Position) -> Result<Commits<'_>, StoreError>;

    /// The last durable position and the chain hash after the commit that holds it.
    fn head(&self) -> Link;

    /// The last version of a stream; 0 when nothing ever happened in it.
    ///
    /// # Errors
    /// `Opening` while it is not known yet.
    fn room_head(&self, room: Option<&RoomName>) -> Result<Version, StoreError>;

    /// Up to `limit` room names after `after`, in order.
    ///
    /// # Errors
    /// `Opening` while they are not known yet.
    fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<RoomName>, StoreError>;

    /// The commit that holds a position: its last position and the chain hash there.
    ///
    /// # Errors
    /// `Missing` when there is no such position.
    fn commit_of(&self, position: Position) -> Result<Link, StoreError>;

    /// The versions of a stream at which the sought events can stand, the real one of each among
    /// them if there is one; of session changes also some before it. `None` where only a read of
    /// the stream tells. Nothing is sought to ask for just that.
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    fn find(
        &self,
        room: Option<&RoomName>,
        sought: &BTreeSet<Sought>,
    ) -> Result<Option<BTreeSet<Version>>, StoreError> {
        let _ = (room, sought);
        Ok(None)
    }

    /// Where caches can be kept beside the log; `None` where opening and looking back need none.
    fn caches(&self) -> Option<&dyn Caches> {
        None
    }

    /// Makes all durable and lets go of the files.
    ///
    /// # Errors
    /// `Io` when the last sync fails.
    fn close(&self) -> Result<(), StoreError>;
}

/// Records, each with its commit: the last position of that and the chain hash there.
pub type Linked = Vec<(Record, Link)>;

/// Commits in order; after an error there is nothing more.
pub type Commits<'a> = Box<dyn Iterator<Item = Result<StoredCommit, StoreError>> + Send + 'a>;

/// What an append came to; [`Commit::into_records`] gives the records as a reader will see them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The position of the commit's first record.
    pub first: Position,
    /// The position of its last record, and the chain hash after it.
    pub link: Link,
}
