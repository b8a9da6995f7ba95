//! Which tokens of API keys are believed no more: a fold over the system stream. Apart from the
//! revocations of a room, which concern its people; it never sees a token or the id of one.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::event::Event;
use super::time::Timestamp;

/// The revoked tokens, by the id of their key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiRevocations(BTreeMap<String, RevokedTokens>);

/// The revoked tokens of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedTokens {
    before: Option<Timestamp>,
    tags: BTreeSet<Digest>,
}

impl ApiRevocations {
    /// Those of a key, where there are any.
    pub fn of_key(&self, key_id: &str) -> Option<&RevokedTokens> {
        self.0.get(key_id)
    }

    /// How many tokens are revoked one by one.
    pub fn count(&self) -> usize {
        self.0.values().map(|revoked| revoked.tags.len()).sum()
    }

    /// Folds an event in; whether it changed anything.
    pub fn apply(&mut self, event: &Event) -> bool {
        if let Event::ApiTokensRevoked(it) = event {
            let revoked = self.0.entry(it.key.clone()).or_default();
            let is_later = it.before > revoked.before;
            if is_later {
                revoked.before = it.before;
            }
            it.tag.is_some_and(|tag| revoked.tags.insert(tag)) || is_later
        } else if let Event::ApiTokenRevocationLifted(it) = event {
            let Some(tag) = it.tag else {
                return self.0.remove(&it.key).is_some();
            };
            let Some(revoked) = self.0.get_mut(&it.key) else {
                return false;
            };
            let is_lifted = revoked.tags.remove(&tag);
            if *revoked == RevokedTokens::default() {
                self.0.remove(&it.key);
            }
            is_lifted
        } else {
            false
        }
    }
}

impl RevokedTokens {
    /// Whether a token is among them, by the tag of its id and the moment it was issued. One that
    /// does not say when it was issued may be older than any moment.
    pub fn has(&self, tag: Option<Digest>, issued: Option<Timestamp>) -> bool {
        let is_older = |before| issued.is_none_or(|issued| issued < before);
        self.before.is_some_and(is_older) || tag.is_some_and(|tag| self.tags.contains(&tag))
    }
}
