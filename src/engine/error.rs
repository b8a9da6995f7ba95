//! Why the engine gave no answer. Apart from refusals, which are answers, and `Clone`, since one
//! failed commit answers many callers.

use crate::store::StoreError;

/// Why a call has no receipt.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The queue is full; nothing was decided. HTTP 429.
    #[error("{what}: {waiting_max} are waiting already, nothing was recorded: try again shortly")]
    Overloaded {
        /// Which queue.
        what: &'static str,
        /// How many fit.
        waiting_max: usize,
    },
    /// The store could not read, or would not write; nothing was recorded.
    #[error(transparent)]
    Store(StoreError),
    /// The request id belongs to another request. HTTP 409.
    #[error("request id {request_id:?} was used for another request: take a new one")]
    RequestIdReused {
        /// The id.
        request_id: String,
    },
    /// A write or sync failed: nothing is acknowledged any more. HTTP 503.
    #[error("outcome unknown, repeat with the same request id after a restart: {cause}")]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// The rules broke on this command; nothing of it was recorded, and others go on.
    #[error("deciding {command} of room {room:?} broke, nothing was recorded: report this")]
    Broken {
        /// The command's name.
        command: &'static str,
        /// The room.
        room: String,
    },
    /// A read took longer than any may. HTTP 503.
    #[error("reading took too long: ask for less, such as a shorter range or a page")]
    TooSlow,
    /// The engine is shut down, or shutting down. HTTP 503.
    #[error("the engine is shut down")]
    Closed,
    /// History is not ready yet. HTTP 503 with Retry-After.
    #[error("history is still being opened: try again in a moment")]
    Opening,
    /// The operating system gave no thread or no entropy.
    #[error("cannot start the engine: {problem}")]
    Start {
        /// Its own words.
        problem: String,
    },
}

impl From<StoreError> for EngineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Opening => Self::Opening,
            StoreError::Closed => Self::Closed,
            StoreError::Poisoned { cause } => Self::Poisoned { cause },
            StoreError::Conflict { .. }
            | StoreError::Corrupt { .. }
            | StoreError::Missing { .. }
            | StoreError::Incomplete { .. }
            | StoreError::TooLarge { .. }
            | StoreError::Full { .. }
            | StoreError::Unmeasured { .. }
            | StoreError::Locked { .. }
            | StoreError::Refused { .. }
            | StoreError::Behind { .. }
            | StoreError::Io { .. } => Self::Store(error),
        }
    }
}
