//! JSON of shared session data and of attributes, values kept as they were written.
//! Apart because it is all that the rules know of JSON. It never parses a number.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Top-level keys of `new` over those of `old`, without those to delete.
///
/// # Errors
/// What is wrong, in the parser's words, when either is neither an object nor `null`.
pub(super) fn merge_shallow(
    old: &str,
    new: &str,
    delete_keys: &[String],
) -> Result<String, String> {
    let mut merged = top_level(old)?;
    merged.extend(top_level(new)?);
    for key in delete_keys {
        merged.remove(key);
    }
    serde_json::to_string(&merged).map_err(|error| error.to_string())
}

/// Attributes as a JSON object, keys in order: what their digest is taken of.
pub(super) fn attributes(attributes: &BTreeMap<String, String>) -> String {
    serde_json::to_string(attributes).unwrap_or_default()
}

fn top_level(json: &str) -> Result<BTreeMap<String, Box<RawValue>>, String> {
    if json == "null" {
        return Ok(BTreeMap::new());
    }
    serde_json::from_str(json).map_err(|error| error.to_string())
}
