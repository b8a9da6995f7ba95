//! The numbers that a record names, held against those that its room has given out. Apart because
//! every fold of records looks at them first: a few bytes of a log name four billion.

use crate::domain::event::GivenOut;
use crate::store::{Record, StoreError};

/// Checks what a record names by ranges.
///
/// # Errors
/// `Corrupt`, in the words of a record that does not decode.
pub(super) fn check_numbers(record: &Record, given: GivenOut) -> Result<(), StoreError> {
    let event = &record.event.event;
    let checked = event.check_numbers(given);
    checked.map_err(|problem| StoreError::Corrupt {
        position: record.position,
        problem: format!("{} does not decode: {problem}", event.kind().as_str()),
    })
}
