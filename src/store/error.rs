//! What can go wrong with a log. Apart and `Clone`, since one failed commit answers many callers.

use std::sync::Arc;

use super::record::Position;
use crate::domain::Version;

/// Why the log did not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A record does not continue its stream: somebody else wrote to it.
    #[error("stream {room:?} is at version {actual}, the commit continues {expected}")]
    Conflict {
        /// The stream; empty for the system stream.
        room: String,
        /// What the commit continues.
        expected: Version,
        /// Where the stream is.
        actual: Version,
    },
    /// A record does not decode, or a frame does not match its checksum or its neighbours.
    #[error("the log is damaged at position {position}: {problem}; run `roomledger verify`")]
    Corrupt {
        /// The first position that cannot be trusted.
        position: Position,
        /// What does not fit.
        problem: String,
    },
    /// There is no such position, and there should be.
    #[error("position {position} is missing from the log; run `roomledger verify`")]
    Missing {
        /// The position.
        position: Position,
    },
    /// Events of a room were lost from every copy, and an operator accepted it: what it came to
    /// after them is not known.
    #[error(
        "room {room:?} has lost its events from version {from} on, up to position {position}: its \
         state from there on is not known; its events are in the log"
    )]
    Incomplete {
        /// The room.
        room: String,
        /// The first lost version.
        from: Version,
        /// The position of the first event behind the loss.
        position: Position,
    },
    /// A commit is larger than a frame may be.
    #[error("a commit of {bytes} bytes does not fit a frame of at most {bytes_max}")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// The disk is nearly full; nothing was written.
    #[error("{path}: {free_bytes} bytes are free, {reserve_bytes} are kept in reserve: make room")]
    Full {
        /// The data directory.
        path: String,
        /// What is free.
        free_bytes: u64,
        /// What must stay free, with what the indexed copy still has to write.
        reserve_bytes: u64,
    },
    /// Nobody can tell how much is free; nothing was written.
    #[error("{path}: the free space cannot be told ({problem}), nothing was written: try again")]
    Unmeasured {
        /// The data directory.
        path: String,
        /// The system's own words.
        problem: String,
    },
    /// Another process has the data directory.
    #[error("{path} is in use by {owner}: use --server, or read it with a reading command")]
    Locked {
        /// The data directory.
        path: String,
        /// Who has it, as its LOCK says.
        owner: String,
    },
    /// The directory cannot be opened as a log.
    #[error("{path}: {problem}")]
    Refused {
        /// The file or directory.
        path: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A write or sync failed earlier; nothing more is acknowledged.
    #[error("the log was stopped by a failed write ({cause}): restart, and repeat what was unsure")]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// The log was closed.
    #[error("the log is closed")]
    Closed,
    /// History is not ready yet.
    #[error("history is still being opened: try again in a moment")]
    Opening,
    /// The indexed copy lags too far behind; nothing was written.
    #[error("the indexed copy is {bytes} bytes behind, at most {bytes_max}: try again in a moment")]
    Behind {
        /// How far.
        bytes: u64,
        /// The bound.
        bytes_max: u64,
    },
    /// The operating system failed.
    #[error("{path}: {operation} failed: {source}")]
    Io {
        /// The file.
        path: String,
        /// What was tried.
        operation: &'static str,
        /// Its own words.
        source: Arc<std::io::Error>,
    },
}
