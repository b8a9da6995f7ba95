//! The journal's words in the store's. Apart because the journal knows neither commits nor
//! `StoreError`. It never hides which position is concerned.

use std::io;
use std::sync::Arc;

use crate::domain::Digest;
use crate::store::StoreError;
use crate::store::codec::{CodecError, decode_commands};
use crate::store::journal::{Frame, JournalError, Link as ChainEnd};
use crate::store::record::{Link, Position, StoredCommit};
use crate::store::sled::CopyError;

/// The link after a commit.
pub(crate) fn link_of(end: ChainEnd) -> Link {
    Link {
        position: Position(end.position()),
        chain: Digest(end.hash),
    }
}

/// The commit of a frame.
pub(crate) fn commit_of(frame: &Frame) -> Result<StoredCommit, StoreError> {
    let first = Position(frame.first_position());
    let commit = decode_commands(frame.payload()).map_err(corrupt_at(first))?;
    Ok(StoredCommit {
        first,
        link: link_of(frame.link()),
        commit,
    })
}

pub(crate) fn corrupt_at(position: Position) -> impl Fn(CodecError) -> StoreError {
    move |error| StoreError::Corrupt {
        position,
        problem: error.to_string(),
    }
}

/// A failure of the journal, as the store tells it.
pub(crate) fn of_journal(error: JournalError) -> StoreError {
    let refused = |path: &std::path::Path, error: &JournalError| StoreError::Refused {
        path: path.display().to_string(),
        problem: error.to_string(),
    };
    match error {
        JournalError::Io {
            action,
            path,
            kind,
            message,
        } => StoreError::Io {
            path: path.display().to_string(),
            operation: action,
            source: Arc::new(io::Error::new(kind, message)),
        },
        JournalError::Locked { path, holder } => StoreError::Locked {
            path: path.parent().unwrap_or(&path).display().to_string(),
            owner: holder,
        },
        JournalError::NearlyFull {
            path,
            free_bytes,
            reserve_bytes,
        } => StoreError::Full {
            path: path.display().to_string(),
            free_bytes,
            reserve_bytes,
        },
        JournalError::Unmeasured { path, message } => StoreError::Unmeasured {
            path: path.display().to_string(),
            problem: message,
        },
        JournalError::TooLarge {
            actual_bytes,
            max_bytes,
        } => StoreError::TooLarge {
            bytes: usize::try_from(actual_bytes).unwrap_or(usize::MAX),
            bytes_max: usize::try_from(max_bytes).unwrap_or(usize::MAX),
        },
        JournalError::Poisoned { first } => StoreError::Poisoned { cause: first },
        JournalError::Damaged(damage) => StoreError::Corrupt {
            position: Position(damage.first_position),
            problem: damage.to_string(),
        },
        JournalError::LockReplaced { ref path }
        | JournalError::HeadUnusable { ref path, .. }
        | JournalError::OtherLog { ref path, .. }
        | JournalError::OtherBackup { ref path, .. }
        | JournalError::Format { ref path, .. } => refused(path, &error),
        JournalError::OtherHistory { .. }
        | JournalError::OutOfOrder { .. }
        | JournalError::Options(_) => refused("journal".as_ref(), &error),
    }
}

/// A failure of the indexed copy that nothing can be answered around.
pub(crate) fn of_copy(data: &std::path::Path, error: &CopyError) -> StoreError {
    StoreError::Refused {
        path: crate::store::sled::sled_folder(data).display().to_string(),
        problem: error.to_string(),
    }
}
