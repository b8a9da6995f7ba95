//! Where and when an event stands: what the fold may know beside its payload.
//! Apart so that every fold can name it without knowing who calls it.

use crate::domain::id::Version;
use crate::domain::time::Timestamp;

/// The place of the event that is being folded in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) version: Version,
    /// The event that brought it about; itself where none did.
    pub(super) because: Version,
    /// When it was recorded.
    pub(super) at: Timestamp,
    /// When it really happened, as reported.
    pub(super) reported_at: Option<Timestamp>,
}
