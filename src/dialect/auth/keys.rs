//! API keys and their secrets, from LiveKit's keys file. Apart, so that a secret has one type which
//! cannot be printed; it never opens the file (its mode is checked where it is read).

use std::collections::BTreeMap;
use std::fmt;

use thiserror::Error;

use crate::domain::Digest;

/// The shared secret of an API key. It has no `Display`, and its `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps the text of a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The bytes that key the HMAC; for signing and verifying alone.
    pub(in crate::dialect::auth) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(hidden)")
    }
}

/// Whether secrets shorter than [`SECRET_CHARS_MIN`] are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortSecrets {
    /// `serve --dev`: LiveKit's own tools expect the secret `secret`.
    Allow,
    /// Everywhere else.
    Refuse,
}

/// The API keys that a server trusts, by key id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRing(BTreeMap<String, Secret>);

impl KeyRing {
    /// Reads the lines `key: secret` of a LiveKit keys file. Blank lines, comments (`#` at the
    /// start of a line or after a blank) and a pair of quotes around either side are allowed.
    ///
    /// # Errors
    /// [`KeyError`], by line number and key id; never with the text of the line.
    pub fn parse(text: &str, short: ShortSecrets) -> Result<Self, KeyError> {
        let mut keys = BTreeMap::new();
        for (index, raw) in text.lines().enumerate() {
            let line = index.saturating_add(1);
            let content = without_comment(raw).trim();
            if content.is_empty() {
                continue;
            }
            let (id, secret) = content.split_once(':').ok_or(KeyError::Line { line })?;
            let (id, secret) = (unquoted(id.trim()), unquoted(secret.trim()));
            check(id, secret, short, line)?;
            if keys.insert(id.to_owned(), Secret::new(secret)).is_some() {
                return Err(KeyError::Twice {
                    line,
                    key_id: id.to_owned(),
                });
            }
        }
        if keys.is_empty() {
            Err(KeyError::None)
        } else {
            Ok(Self(keys))
        }
    }

    /// One key, as the environment gives it.
    ///
    /// # Errors
    /// As [`KeyRing::parse`], of line 1.
    pub fn single(id: &str, secret: &str, short: ShortSecrets) -> Result<Self, KeyError> {
        check(id, secret, short, 1)?;
        Ok(Self(BTreeMap::from([(id.to_owned(), Secret::new(secret))])))
    }

    /// The pair `devkey` and `secret`, which LiveKit's tools use by default. Whoever uses it must
    /// listen on loopback only.
    pub fn dev() -> Self {
        Self(BTreeMap::from([(
            String::from("devkey"),
            Secret::new("secret"),
        )]))
    }

    /// The secret of a key, if the key is known.
    pub fn secret(&self, key_id: &str) -> Option<&Secret> {
        self.0.get(key_id)
    }

    /// The key that a secret belongs to, where the secret itself is shown as an API key. Digests
    /// are compared, and of every key: the time taken does not tell how much of a guess was right.
    pub fn key_of_secret(&self, shown: &str) -> Option<&str> {
        let shown = Digest::of(shown.as_bytes());
        let mut found = None;
        for (id, secret) in &self.0 {
            if Digest::of(secret.as_bytes()) == shown {
                found = Some(id.as_str());
            }
        }
        found
    }

    /// The ids of all keys, in order of their text; fit for logs.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

fn check(id: &str, secret: &str, short: ShortSecrets, line: usize) -> Result<(), KeyError> {
    if id.is_empty() || secret.is_empty() || id.chars().any(char::is_control) {
        return Err(KeyError::Line { line });
    }
    let chars = secret.chars().count();
    if chars < SECRET_CHARS_MIN && short == ShortSecrets::Refuse {
        return Err(KeyError::Short {
            line,
            key_id: id.to_owned(),
            chars,
        });
    }
    Ok(())
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.find(" #")
        .and_then(|at| line.get(..at))
        .unwrap_or(line)
}

fn unquoted(text: &str) -> &str {
    ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .unwrap_or(text)
}

/// Why a keys file was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// The line is not of the form `key: secret`.
    #[error("line {line} of the keys is not \"key: secret\"; write one pair on each line")]
    Line {
        /// Counted from 1.
        line: usize,
    },
    /// The secret is so short that it can be guessed offline from any token signed with it.
    #[error(
        "the secret of key {key_id:?} (line {line}) has {chars} characters, fewer than \
         {SECRET_CHARS_MIN}; make one with `openssl rand -base64 36`, or use --dev on loopback"
    )]
    Short {
        /// Counted from 1.
        line: usize,
        /// The key whose secret it is.
        key_id: String,
        /// How long the secret is.
        chars: usize,
    },
    /// A key id stands there twice.
    #[error("key {key_id:?} stands a second time on line {line} of the keys; keep one of them")]
    Twice {
        /// Counted from 1: the second of the two.
        line: usize,
        /// The key.
        key_id: String,
    },
    /// There is no key at all.
    #[error("there is no key in the keys; write at least one line \"key: secret\"")]
    None,
}

/// Secrets shorter than this are refused: what HS256 asks for (RFC 7518, section 3.2: 256 bits).
pub const SECRET_CHARS_MIN: usize = 32;
