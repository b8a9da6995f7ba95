//! Checks of sizes and counts. Apart so that every limit is refused in the same words.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::command::{ConfigPatch, ProfileUpdate};
use crate::domain::event::RoomConfig;
use crate::domain::limits::{
    ATTRIBUTES_BYTES_MAX, METADATA_BYTES_MAX, NOTE_BYTES_MAX, PARTICIPANT_NAME_BYTES_MAX,
};
use crate::domain::rejection::Rejection;

/// A value must not be larger than its limit.
pub(super) fn bytes(what: &'static str, bytes: usize, bytes_max: usize) -> Result<(), Rejection> {
    if bytes > bytes_max {
        return Err(Rejection::TooLarge {
            what: what.into(),
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
            what: what.into(),
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

/// Settings that one dialect knows, with those that stay: else they would grow by each change.
pub(super) fn properties(
    patch: &ConfigPatch,
    before: Option<&Arc<RoomConfig>>,
) -> Result<(), Rejection> {
    let given = &patch.properties;
    let before = before.into_iter().flat_map(|config| &config.properties);
    let kept = before.filter(|(key, _)| !given.contains_key(*key));
    let sizes = given
        .iter()
        .chain(kept)
        .map(|(key, value)| key.len() + value.len());
    bytes("properties", sizes.sum(), METADATA_BYTES_MAX)
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

/// Attributes with those that stay: else they would grow by each change.
pub(super) fn merged(
    given: &BTreeMap<String, Option<String>>,
    before: &BTreeMap<String, String>,
) -> Result<(), Rejection> {
    let kept = before.iter().filter(|(key, _)| !given.contains_key(*key));
    let kept: usize = kept.map(|(key, value)| key.len() + value.len()).sum();
    let given: usize = given
        .iter()
        .filter_map(|(key, value)| Some(key.len() + value.as_ref()?.len()))
        .sum();
    // Who takes some away, of too many, is not refused.
    if given == 0 {
        return Ok(());
    }
    bytes("all attributes", kept + given, METADATA_BYTES_MAX)
}

fn attribute_bytes(attributes: &BTreeMap<String, Option<String>>) -> usize {
    attributes
        .iter()
        .map(|(key, value)| key.len() + value.as_ref().map_or(0, String::len))
        .sum()
}
