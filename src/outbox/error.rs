//! Why a receiver cannot be told. Apart from failed attempts, which are no errors: they are tried
//! again. It never shows the path of an address, which may hold a secret.

use std::sync::Arc;

use crate::store::Position;

/// Why there is no outbox.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutboxError {
    /// The address is none that can be posted to.
    #[error("receiver {receiver}: {problem}")]
    Address {
        /// The address without its path.
        receiver: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The cursor does not say any more where the receiver stands.
    #[error(
        "{path}: the cursor of {receiver} {problem}, so it is not known what was told; start once \
         with a position to go on from (0 tells all again, {head} is the log's end), and the file \
         is kept aside"
    )]
    Cursor {
        /// The file.
        path: String,
        /// Whose, without its path.
        receiver: String,
        /// What is wrong.
        problem: String,
        /// The log's last position.
        head: Position,
    },
    /// The cursor cannot be read or written.
    #[error("{path}: {operation} failed: {source}")]
    Io {
        /// The file.
        path: String,
        /// What was tried.
        operation: &'static str,
        /// The system's words.
        source: Arc<std::io::Error>,
    },
}
