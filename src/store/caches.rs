//! What an engine keeps beside its log so that it opens and looks back faster.
//!
//! Apart from the log's contract because nothing here is true by itself: every value carries the
//! fingerprint of the reducer and the link of the chain that it was folded from, and is ignored
//! and folded again when either differs (log.md rule 22). A store that keeps nothing is complete.

use super::StoreError;
use super::record::{Link, Position};
use crate::domain::{Digest, RoomName, Version};

/// Folded state at one position: opaque bytes and where they belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedCheckpoint {
    /// The end of the commit up to which was folded.
    pub link: Link,
    /// What the engine saved.
    pub bytes: Vec<u8>,
}

/// One room's folded state: opaque bytes and where they belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SavedSnapshot {
    /// The version of the room up to which was folded.
    pub version: Version,
    /// The end of the commit that holds this version.
    pub link: Link,
    /// What the engine saved.
    pub bytes: Vec<u8>,
}

/// A place for caches. Each method does nothing by default.
pub trait Caches: Send + Sync {
    /// How many positions the indexed copy has not taken in yet; `None` where none serves.
    fn copy_behind(&self) -> Option<u64> {
        None
    }

    /// Keeps a checkpoint in the place of the last one, durably. `link` is the end of a commit.
    ///
    /// # Errors
    /// `Io`; the last one stands then.
    fn save_checkpoint(
        &self,
        link: Link,
        fingerprint: &Digest,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let _ = (link, fingerprint, bytes);
        Ok(())
    }

    /// The checkpoint, if there is one of this reducer and of this log's own history.
    ///
    /// # Errors
    /// `Io`; one that is damaged is as if not there.
    fn load_checkpoint(&self, fingerprint: &Digest) -> Result<Option<SavedCheckpoint>, StoreError> {
        let _ = fingerprint;
        Ok(None)
    }

    /// Keeps a room's snapshot. `link` is the end of the commit that holds `version`.
    ///
    /// # Errors
    /// `Opening` while there is no place for it yet; `Io`.
    fn put_snapshot(
        &self,
        room: &RoomName,
        version: Version,
        link: Link,
        fingerprint: &Digest,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let _ = (room, version, link, fingerprint, bytes);
        Ok(())
    }

    /// The last snapshot of a room at or before a version, of this reducer and of this log's own
    /// history; `None` when there is none, or none can be reached now.
    fn snapshot_at_or_before(
        &self,
        room: &RoomName,
        version: Version,
        fingerprint: &Digest,
    ) -> Option<SavedSnapshot> {
        let _ = (room, version, fingerprint);
        None
    }

    /// What was put right, or found wrong, since the last call: each once. The engine records a
    /// `history_repaired` for what was put right.
    fn take_repairs(&self) -> Vec<Repaired> {
        Vec::new()
    }

    /// What the background scrub has read and found since the open.
    fn scrubbed(&self) -> Scrubbed {
        Scrubbed::default()
    }
}

/// Counters of the background scrub, since the open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrubbed {
    /// How often everything was read.
    pub passes: u64,
    /// Frames that were read and compared.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The last position that was read.
    pub position: Position,
    /// Stretches of the journal that were healed.
    pub healed: u64,
    /// Stretches that no copy has.
    pub unhealed: u64,
    /// Frames that the indexed copy lacks or has otherwise; it is rebuilt at the next open.
    pub sled_faults: u64,
}

/// One of the two copies of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogCopy {
    /// The journal.
    Journal,
    /// The indexed copy.
    Sled,
}

impl LogCopy {
    /// The name in the log and in messages.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Journal => "journal",
            Self::Sled => "sled",
        }
    }
}

/// A stretch of one copy that was bad, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repaired {
    /// The first position; 0 in an empty log.
    pub from: Position,
    /// The last position.
    pub to: Position,
    /// The copy that was bad.
    pub copy: LogCopy,
    /// Whether it was restored from the other copy. If not, it was answered from the other copy,
    /// and is restored at the next open.
    pub restored: bool,
    /// What was wrong, and where the bad bytes are kept.
    pub problem: String,
}
