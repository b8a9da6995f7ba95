//! The body of the fuzz target of tokens: any bytes as a token, and as what a token says.
//!
//! Apart from [`super::fuzz`], since nothing is asked of a server here; under the feature `testing`
//! for the same reason.

use serde_json::Value;

use crate::dialect::auth::keys::KeyRing;
use crate::dialect::auth::token::{mint, sign, verify};
use crate::dialect::join_token::granted;

/// Shows bytes as a token of each vendor; then, where they are a JSON object, signs it and shows
/// that. Nothing panics, what is believed is not believed with another signature or other claims,
/// and LiveKit's grants are minted as they were read.
///
/// # Panics
/// When it does not hold: that is the finding.
pub fn tokens(bytes: &[u8]) {
    let keys = KeyRing::dev();
    show(&keys, &String::from_utf8_lossy(bytes));
    let Ok(Value::Object(claims)) = serde_json::from_slice(bytes) else {
        return;
    };
    let Some(secret) = keys.secret(KEY) else {
        return;
    };
    for key_claim in ["iss", "apikey"] {
        let mut named = claims.clone();
        named.insert(key_claim.to_owned(), Value::from(KEY));
        show_signed(&keys, sign(named, secret).ok());
    }
    show_signed(&keys, sign(claims, secret).ok());
}

fn show_signed(keys: &KeyRing, token: Option<String>) {
    let Some(token) = token else {
        return;
    };
    show(keys, &token);
    let (Ok(read), Some(secret)) = (verify(keys, &token, NOW_S), keys.secret(KEY)) else {
        return;
    };
    let again = mint(&read.grants, KEY, secret, NOW_S, TTL_S);
    let again = again.and_then(|token| verify(keys, &token, NOW_S));
    let again = again.map(|claims| claims.grants);
    assert_eq!(again.as_ref(), Ok(&read.grants), "{token}");
}

/// Shows a token, and what somebody made of it.
fn show(keys: &KeyRing, token: &str) {
    let is_believed = |token: &str| {
        let joins = granted(keys, token, None, NOW_S).is_ok();
        joins || verify(keys, token, NOW_S).is_ok()
    };
    if !is_believed(token) {
        return;
    }
    let parts: Vec<&str> = token.split('.').collect();
    assert_eq!(parts.len(), 3, "{token} is believed");
    let [header, payload, signature] = parts.as_slice() else {
        return;
    };
    let none = "eyJhbGciOiJub25lIn0";
    let forged = [
        format!("{header}.{payload}."),
        format!(
            "{header}.{payload}.{}",
            signature.chars().rev().collect::<String>()
        ),
        format!("{header}.{payload}{payload}.{signature}"),
        format!("{none}.{payload}.{signature}"),
        format!("{none}.{payload}."),
    ];
    for forged in forged.iter().filter(|forged| *forged != token) {
        assert!(!is_believed(forged), "{forged} is believed");
    }
}

const KEY: &str = "devkey";
/// A day in 2027.
const NOW_S: i64 = 1_800_000_000;
const TTL_S: i64 = 600;
