//! What can go wrong in the sled copy: one enum, apart because it decides what a rebuild may
//! follow from (log.md rule 19). It is never shown without the store's own words around it.

/// Why the copy did not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CopyError {
    /// Bytes that sled or a hash of ours calls wrong.
    #[error("{0}")]
    Damaged(String),
    /// sled panicked; the panic was caught.
    #[error("sled panicked: {0}")]
    Panicked(String),
    /// An intact copy of another log.
    #[error("it is the copy of log {actual}, expected log {expected}")]
    OtherLog {
        /// The journal's log id, hexadecimal.
        expected: String,
        /// The copy's.
        actual: String,
    },
    /// The operating system refused: a full disk, no rights.
    #[error("{0}")]
    Io(String),
}

impl CopyError {
    /// Whether the copy itself is at fault. A refusal of the operating system is not: rebuilding
    /// on a full disk would only destroy what is there.
    pub(crate) const fn calls_for_rebuild(&self) -> bool {
        matches!(self, Self::Damaged(_) | Self::Panicked(_))
    }
}
