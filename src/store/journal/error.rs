//! What can go wrong in the journal: one enum, apart so that every file of the journal and the
//! store above can name it; it never decides what is damage, it only says it.
use std::io;
use std::path::{Path, PathBuf};

use crate::store::journal::frame::Fault;

/// Why the journal could not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The operating system refused; at a write or sync the journal is poisoned by it.
    #[error("cannot {action} {}: {message}", path.display())]
    Io {
        /// What was tried, as a verb ("write", "sync").
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's kind, so that callers can tell a full disk.
        kind: io::ErrorKind,
        /// The system's words.
        message: String,
    },
    /// Another process writes this ledger.
    #[error("{} is locked by {holder}; stop it, or read beside it without a lock", path.display())]
    Locked {
        /// The LOCK file.
        path: PathBuf,
        /// What the holder wrote into it: pid and boot id.
        holder: String,
    },
    /// The LOCK file that was locked is no longer the one at its path.
    #[error("{} was replaced while it was being locked; start again", path.display())]
    LockReplaced {
        /// The LOCK file.
        path: PathBuf,
    },
    /// There are frames, but nothing says up to where they must be good.
    #[error(
        "{} {why}, but the journal holds frames; after a look at both, run \
         `roomledger repair --data {}`", path.display(), dir.display()
    )]
    HeadUnusable {
        /// The HEAD file.
        path: PathBuf,
        /// The data directory.
        dir: PathBuf,
        /// "is missing", or what is wrong with it.
        why: String,
    },
    /// A file belongs to another log.
    #[error(
        "{} belongs to log {actual}, expected log {expected}; put the right file back, or run \
         `roomledger repair --data {}`, which says how it goes on without it",
        path.display(), dir.display()
    )]
    OtherLog {
        /// The file.
        path: PathBuf,
        /// The data directory.
        dir: PathBuf,
        /// The log id of HEAD, hexadecimal.
        expected: String,
        /// The log id in the file, hexadecimal.
        actual: String,
    },
    /// A file was written by a format or with a size this build does not read.
    #[error("{} has {what} {actual}, expected {expected}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What differs ("format", "segment size").
        what: &'static str,
        /// What this build or these options read.
        expected: u64,
        /// What the file says.
        actual: u64,
    },
    /// The journal is intact, but HEAD tells of another history.
    #[error(
        "two histories: HEAD has hash {head} at position {position}, the journal has {journal}; \
         one of them was restored from elsewhere: put HEAD and journal/ of one history together, \
         or run `roomledger repair --data {}`, which writes HEAD anew for the journal",
        dir.display()
    )]
    OtherHistory {
        /// The data directory.
        dir: PathBuf,
        /// The position both speak of.
        position: u64,
        /// First 8 hexadecimal digits of HEAD's chain hash.
        head: String,
        /// First 8 hexadecimal digits of the journal's chain hash there.
        journal: String,
    },
    /// A backup that is to be added to was taken of another log, or of another history of this one.
    #[error(
        "{} is the backup of {actual}, not of {expected}; name another directory",
        path.display()
    )]
    OtherBackup {
        /// The directory of the backup.
        path: PathBuf,
        /// What it was taken of.
        actual: String,
        /// What was to be added.
        expected: String,
    },
    /// Frames that were sealed, or known to HEAD, are damaged or gone.
    #[error("{0}")]
    Damaged(Damage),
    /// An earlier write or sync failed; nothing more is written by this process.
    #[error(
        "the journal stopped after a failure ({first}); restart, then repeat what was unanswered"
    )]
    Poisoned {
        /// The failure that stopped it.
        first: String,
    },
    /// Free space is below the reserve; nothing was written.
    #[error(
        "{free_bytes} bytes free at {}, the reserve is {reserve_bytes}; make room",
        path.display()
    )]
    NearlyFull {
        /// The data directory.
        path: PathBuf,
        /// What the file system still has.
        free_bytes: u64,
        /// What must stay free, with what the other copy still has to write.
        reserve_bytes: u64,
    },
    /// Nobody can tell how much is free; nothing was written.
    #[error("the free space at {} cannot be told ({message}); repeat", path.display())]
    Unmeasured {
        /// The data directory.
        path: PathBuf,
        /// The system's own words.
        message: String,
    },
    /// A frame would be larger than is ever read back.
    #[error("a frame of {actual_bytes} bytes is over the limit of {max_bytes}; split the commit")]
    TooLarge {
        /// The frame as it would be, header included.
        actual_bytes: u64,
        /// The limit of the options.
        max_bytes: u64,
    },
    /// The caller's position is not the next one, or a commit of nothing.
    #[error("a commit of {count} records at position {actual} cannot follow; next is {expected}")]
    OutOfOrder {
        /// The next free position.
        expected: u64,
        /// The position given.
        actual: u64,
        /// The number of records given.
        count: u32,
    },
    /// The options contradict themselves.
    #[error("journal options: {0}")]
    Options(String),
}

impl JournalError {
    /// The error of a system call on `path`.
    pub(crate) fn io(action: &'static str, path: &Path, error: &io::Error) -> Self {
        let (path, message) = (path.to_path_buf(), error.to_string());
        Self::Io {
            action,
            path,
            kind: error.kind(),
            message,
        }
    }
}

/// A place where frames are damaged or gone.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "journal segment {segment} is damaged at byte {offset}: {fault}; positions {} are missing \
     from it until they are healed from the other copy",
    positions(self)
)]
pub struct Damage {
    /// Ordinal of the segment where the damage starts.
    pub segment: u64,
    /// Byte offset in that segment.
    pub offset: u64,
    /// First position that cannot be read.
    pub first_position: u64,
    /// Last position that cannot be read; `None` when the frames after it are gone as well and
    /// HEAD does not tell.
    pub last_position: Option<u64>,
    /// What is wrong at that byte.
    pub fault: Fault,
}

fn positions(damage: &Damage) -> String {
    match damage.last_position {
        Some(last) if last < damage.first_position => "none".to_owned(),
        Some(last) => format!("{}..={last}", damage.first_position),
        None => format!("from {} on", damage.first_position),
    }
}
