//! API keys: their secrets and what each is narrowed to, by key id. Apart from the file that they
//! come from.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::dialect::auth::hs256;
use crate::dialect::auth::keys_file::{Entry, entry, read};
use crate::dialect::auth::limits::{Bearer, KeyLimits, WebhookUse};
use crate::domain::{ApiRevocations, Digest, RevokedTokens};

pub use crate::dialect::auth::keys_file::{KeyError, SECRET_CHARS_MIN, ShortSecrets};
pub use crate::dialect::auth::secret::Secret;

/// The API keys that a server trusts, by key id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRing {
    keys: Arc<BTreeMap<String, Key>>,
    revoked: Arc<ApiRevocations>,
}

/// An API key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// What signs its tokens.
    pub secret: Secret,
    /// What it is narrowed to.
    pub limits: Arc<KeyLimits>,
}

impl Key {
    /// The id of a token of this key as the log holds it: a tag that only the secret makes of it.
    pub fn token_tag(&self, jti: &str) -> Option<Digest> {
        hs256::tag(&self.secret, TOKEN_ID, jti)
    }
}

impl KeyRing {
    /// Reads a keys file: lines `key: secret`, as LiveKit's has them, and blocks that narrow a key
    /// (docs/keys.md).
    ///
    /// # Errors
    /// [`KeyError`], by line number and key id; never with the text of the line.
    pub fn parse(text: &str, short: ShortSecrets) -> Result<Self, KeyError> {
        Self::of(read(text, short)?)
    }

    /// One key, as the environment gives it.
    ///
    /// # Errors
    /// As [`KeyRing::parse`], of line 1.
    pub fn single(id: &str, secret: &str, short: ShortSecrets) -> Result<Self, KeyError> {
        Self::of(vec![entry(id, secret, short, 1)?])
    }

    /// The pair `devkey` and `secret`, which LiveKit's tools use by default. Whoever uses it must
    /// listen on loopback only.
    pub fn dev() -> Self {
        let key = Key {
            secret: Secret::new("secret"),
            limits: Arc::default(),
        };
        Self::new(BTreeMap::from([(String::from("devkey"), key)]))
    }

    fn of(entries: Vec<Entry>) -> Result<Self, KeyError> {
        let mut keys: BTreeMap<String, Key> = BTreeMap::new();
        let mut shown: BTreeMap<Digest, String> = BTreeMap::new();
        for entry in entries {
            let Entry {
                line,
                id,
                secret,
                limits,
            } = entry;
            let own = match limits.bearer {
                Bearer::Own(digest) => Some(digest),
                Bearer::Secret | Bearer::Off => None,
            };
            for digest in [Some(Digest::of(secret.as_bytes())), own]
                .into_iter()
                .flatten()
            {
                if let Some(other) = shown.insert(digest, id.clone()).filter(|it| *it != id) {
                    let key_id = id;
                    return Err(KeyError::Shared {
                        line,
                        key_id,
                        other,
                    });
                }
            }
            let key = Key {
                secret,
                limits: Arc::new(limits),
            };
            if keys.insert(id.clone(), key).is_some() {
                return Err(KeyError::Twice { line, key_id: id });
            }
        }
        if keys.is_empty() {
            Err(KeyError::None)
        } else {
            Ok(Self::new(keys))
        }
    }

    fn new(keys: BTreeMap<String, Key>) -> Self {
        Self {
            keys: Arc::new(keys),
            revoked: Arc::default(),
        }
    }

    /// The same keys, where these tokens are revoked.
    #[must_use]
    pub fn without(self, revoked: Arc<ApiRevocations>) -> Self {
        Self { revoked, ..self }
    }

    /// The tokens of a key that are revoked, where there are any.
    pub fn revoked(&self, key_id: &str) -> Option<&RevokedTokens> {
        self.revoked.of_key(key_id)
    }

    /// What differs from earlier keys: the ids that were added, removed and changed.
    pub fn differences(&self, earlier: &Self) -> [Vec<String>; 3] {
        let lacking = |these: &Self, those: &Self| {
            let ids = these.keys.keys().filter(|id| !those.keys.contains_key(*id));
            ids.cloned().collect()
        };
        let both = self.keys.iter().filter(|(id, key)| {
            let before = earlier.keys.get(*id);
            before.is_some_and(|before| before != *key)
        });
        let changed = both.map(|(id, _)| id.clone()).collect();
        [lacking(self, earlier), lacking(earlier, self), changed]
    }

    /// A key, if it is known.
    pub fn key(&self, key_id: &str) -> Option<&Key> {
        self.keys.get(key_id)
    }

    /// The secret of a key, if the key is known.
    pub fn secret(&self, key_id: &str) -> Option<&Secret> {
        self.key(key_id).map(|key| &key.secret)
    }

    /// The key that a text is shown for as an API key by itself: its secret, or a text of its own.
    /// Digests are compared, and of every key: the time taken does not tell how much of a guess was
    /// right.
    pub fn key_of_bearer(&self, shown: &str) -> Option<(&str, &Key)> {
        let shown = Digest::of(shown.as_bytes());
        let mut found = None;
        for (id, key) in &*self.keys {
            let secret = Digest::of(key.secret.as_bytes());
            let is_it = match key.limits.bearer {
                Bearer::Secret => secret == shown,
                Bearer::Own(own) => own == shown,
                Bearer::Off => false,
            };
            if is_it && key.limits.webhooks != WebhookUse::Only {
                found = Some((id.as_str(), key));
            }
        }
        found
    }

    /// The key that signs webhooks: of that id, else the first that may; `None` without one.
    pub fn signer(&self, key_id: Option<&str>) -> Option<&str> {
        let may = |key: &Key| key.limits.webhooks != WebhookUse::Off;
        let mut found = self.keys.iter().filter(|(_, key)| may(key));
        let own = |key: &Key| key.limits.webhooks == WebhookUse::Only;
        let id = match key_id {
            Some(key_id) => found.find(|(id, _)| *id == key_id)?.0,
            None => match found.clone().find(|(_, key)| own(key)) {
                Some((id, _)) => id,
                None => found.next()?.0,
            },
        };
        Some(id)
    }

    /// The ids of all keys, in order of their text; fit for logs.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }
}

/// What tags of token ids are for.
const TOKEN_ID: &str = "roomledger/jti/1";
