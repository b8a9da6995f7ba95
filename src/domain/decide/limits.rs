//! Checks of sizes and counts. Apart so that every limit is refused in the same words.

use std::collections::BTreeMap;

use crate::domain::command::ProfileUpdate;
use crate::domain::limits::{
    ATTRIBUTES_BYTES_MAX, METADATA_BYTES_MAX, NOTE_BYTES_MAX, PARTICIPANT_NAME_BYTES_MAX,
};
use crate::domain::rejection::Rejection;

/// A value must not be larger than its limit.
pub(super) fn bytes(what: &'static str, bytes: usize, bytes_max: usize) -> Result<(), Rejection> {
    if bytes > bytes_max {
        return Err(Rejection::TooLarge {
            what,
            bytes,
            bytes_max,
        });
    }
    Ok(())
}

/// There must not be more than fit.
pub(super) fn count(what: &'static str, count: usize, count_max: usize) -> Result<(), Rejection> {
    if count > count_max {
        return Err(Rejection::TooMany {
            what,
            count,
            count_max,
        });
    }
    Ok(())
}

/// Metadata of a room or a participant.
pub(super) fn metadata(text: &str) -> Result<(), Rejection> {
    bytes("metadata", text.len(), METADATA_BYTES_MAX)
}

/// A note, a topic, a track's name.
pub(super) fn note(what: &'static str, text: &str) -> Result<(), Rejection> {
    bytes(what, text.len(), NOTE_BYTES_MAX)
}

/// Name, metadata and attributes of a request: attributes count as LiveKit counts them, keys and
/// values of the request's own map.
pub(super) fn profile(update: &ProfileUpdate) -> Result<(), Rejection> {
    if let Some(name) = &update.name {
        bytes("name", name.len(), PARTICIPANT_NAME_BYTES_MAX)?;
    }
    if let Some(text) = &update.metadata {
        metadata(text)?;
    }
    bytes(
        "attributes",
        attribute_bytes(&update.attributes),
        ATTRIBUTES_BYTES_MAX,
    )
}

fn attribute_bytes(attributes: &BTreeMap<String, Option<String>>) -> usize {
    attributes
        .iter()
        .map(|(key, value)| key.len() + value.as_ref().map_or(0, String::len))
        .sum()
}
