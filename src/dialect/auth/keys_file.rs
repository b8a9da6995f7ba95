//! The keys file: lines `key: secret`, as the media server's own file has them, and blocks that
//! narrow a key. Apart from the keys themselves; it never opens the file, and no error repeats a
//! line, which may hold a secret.
//!
//! ```text
//! devkey: a-secret-of-32-characters-or-more
//! support:
//!   secret: another-secret-of-32-characters
//!   dialects: livekit, ledger
//!   rooms: town-*, lobby
//!   rights: admin, audit
//!   token_life_max: 1h
//!   bearer: off
//!   webhooks: off
//!   on_behalf_of: allowed
//! ```
//!
//! Both are YAML, of which a subset is read: plain or quoted scalars, lists in one line.

use std::str::FromStr;

use thiserror::Error;

use crate::dialect::auth::limits::{Bearer, KeyLimits, KeyRight, RoomPattern, WebhookUse};
use crate::dialect::auth::secret::Secret;
use crate::domain::Digest;

/// Whether secrets shorter than [`SECRET_CHARS_MIN`] are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShortSecrets {
    /// `serve --dev`: LiveKit's own tools expect the secret `secret`.
    Allow,
    /// Everywhere else.
    Refuse,
}

/// One key of a file.
pub(in crate::dialect::auth) struct Entry {
    /// The line on which it begins, counted from 1.
    pub(in crate::dialect::auth) line: usize,
    pub(in crate::dialect::auth) id: String,
    pub(in crate::dialect::auth) secret: Secret,
    pub(in crate::dialect::auth) limits: KeyLimits,
}

/// Reads the keys of a file, in its order. Blank lines, comments (`#` at the start of a line or
/// after a blank) and a pair of quotes around either side are allowed.
pub(in crate::dialect::auth) fn read(
    text: &str,
    short: ShortSecrets,
) -> Result<Vec<Entry>, KeyError> {
    let mut entries = Vec::new();
    let mut open: Option<Block> = None;
    for (index, raw) in text.lines().enumerate() {
        let line = index.saturating_add(1);
        let content = without_comment(raw);
        if content.trim().is_empty() {
            continue;
        }
        let (name, value) = content
            .trim()
            .split_once(':')
            .ok_or(KeyError::Line { line })?;
        let (name, value) = (unquoted(name.trim()), value.trim());
        let is_inside = content.starts_with([' ', '\t']);
        if let Some(block) = open.as_mut().filter(|_| is_inside) {
            block.take(line, name, value)?;
            continue;
        }
        if let Some(block) = open.take() {
            entries.push(block.close(short)?);
        }
        check_id(name, line)?;
        if value.is_empty() {
            open = Some(Block::new(line, name));
        } else {
            entries.push(entry(name, unquoted(value), short, line)?);
        }
    }
    if let Some(block) = open {
        entries.push(block.close(short)?);
    }
    Ok(entries)
}

/// One key without limits.
pub(in crate::dialect::auth) fn entry(
    id: &str,
    secret: &str,
    short: ShortSecrets,
    line: usize,
) -> Result<Entry, KeyError> {
    check_id(id, line)?;
    check_secret(id, secret, short, line)?;
    Ok(Entry {
        line,
        id: id.to_owned(),
        secret: Secret::new(secret),
        limits: KeyLimits::default(),
    })
}

/// A key whose indented lines are being read.
struct Block {
    line: usize,
    id: String,
    secret: Option<(usize, String)>,
    limits: KeyLimits,
    given: Vec<&'static str>,
}

impl Block {
    fn new(line: usize, id: &str) -> Self {
        Self {
            line,
            id: id.to_owned(),
            secret: None,
            limits: KeyLimits::default(),
            given: Vec::new(),
        }
    }

    fn take(&mut self, line: usize, name: &str, value: &str) -> Result<(), KeyError> {
        let key_id = self.id.clone();
        let wrong = |problem: &str| KeyError::Option {
            line,
            key_id: key_id.clone(),
            problem: problem.to_owned(),
        };
        let known = OPTIONS.iter().find(|known| **known == name);
        let Some(name) = known else {
            return Err(wrong(&format!("is none of {}", OPTIONS.join(", "))));
        };
        if self.given.contains(name) {
            return Err(wrong(&format!("gives {name} a second time")));
        }
        // An empty value is no "everything": a forgotten variable must close, not open.
        if value.is_empty() {
            return Err(wrong(&format!("leaves {name} empty: leave the line out")));
        }
        let read = self.set(name, value, line);
        read.map_err(|problem| wrong(&format!("{name} {problem}")))?;
        self.given.push(name);
        Ok(())
    }

    fn set(&mut self, name: &str, value: &str, line: usize) -> Result<(), &'static str> {
        let limits = &mut self.limits;
        match name {
            "secret" => self.secret = Some((line, unquoted(value).to_owned())),
            "dialects" => {
                let named = list(value)?.into_iter().map(|one| match one {
                    known if DIALECTS.contains(&known) => Ok(known.to_owned()),
                    _ => Err("has to list some of livekit, daily, videosdk, ledger"),
                });
                limits.dialects = Some(named.collect::<Result<_, _>>()?);
            }
            "rooms" => {
                let rooms = list(value)?.into_iter().map(RoomPattern::from_str);
                limits.rooms = Some(rooms.collect::<Result<_, _>>()?);
            }
            "rights" => {
                let named = list(value)?.into_iter().map(|one| {
                    let known = KeyRight::ALL.iter().find(|(name, _)| *name == one);
                    known.map(|(_, right)| *right).ok_or(RIGHTS_EXPECTED)
                });
                limits.rights = Some(named.collect::<Result<_, _>>()?);
            }
            "token_life_max" => limits.token_life_max_s = Some(seconds(unquoted(value))?),
            "bearer" => limits.bearer = bearer(unquoted(value))?,
            "webhooks" => {
                limits.webhooks = match unquoted(value) {
                    "on" => WebhookUse::On,
                    "off" => WebhookUse::Off,
                    "only" => WebhookUse::Only,
                    _ => return Err("has to be on, off or only"),
                }
            }
            _ => {
                limits.may_speak_for_others = match unquoted(value) {
                    "allowed" => true,
                    "refused" => false,
                    _ => return Err("has to be allowed or refused"),
                }
            }
        }
        Ok(())
    }

    fn close(self, short: ShortSecrets) -> Result<Entry, KeyError> {
        let Some((line, secret)) = self.secret else {
            return Err(if self.given.is_empty() {
                KeyError::Line { line: self.line }
            } else {
                KeyError::Option {
                    line: self.line,
                    key_id: self.id,
                    problem: "has no secret".to_owned(),
                }
            });
        };
        check_secret(&self.id, &secret, short, line)?;
        Ok(Entry {
            line: self.line,
            id: self.id,
            secret: Secret::new(secret),
            limits: self.limits,
        })
    }
}

fn check_id(id: &str, line: usize) -> Result<(), KeyError> {
    if id.is_empty() || id.chars().any(char::is_control) {
        return Err(KeyError::Line { line });
    }
    Ok(())
}

fn check_secret(id: &str, secret: &str, short: ShortSecrets, line: usize) -> Result<(), KeyError> {
    if secret.is_empty() {
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

/// The items of `a, b` or `[a, b]`; at least one.
fn list(value: &str) -> Result<Vec<&str>, &'static str> {
    let inside = value
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    let items = inside.unwrap_or(value).split(',');
    let items: Vec<&str> = items.map(|item| unquoted(item.trim())).collect();
    if items.iter().any(|item| item.is_empty()) {
        return Err("has an empty item: leave the line out for all");
    }
    Ok(items)
}

/// A duration such as `90s`, `15m`, `6h` or `2d`.
fn seconds(text: &str) -> Result<i64, &'static str> {
    let expected = "has to be a duration such as 90s, 15m, 6h or 2d, up to ten years";
    let units = [("s", 1), ("m", 60), ("h", 3_600), ("d", 86_400)];
    let found = units
        .into_iter()
        .find_map(|(unit, each)| Some((text.strip_suffix(unit)?, each)));
    let (number, each) = found.ok_or(expected)?;
    let number: u32 = number.parse().map_err(|_| expected)?;
    let seconds = i64::from(number) * each;
    if (1..=LIFE_S_MAX).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(expected)
    }
}

fn bearer(text: &str) -> Result<Bearer, &'static str> {
    let expected = "has to be secret, off, or sha256: with 64 hexadecimal digits";
    match text {
        "secret" => Ok(Bearer::Secret),
        "off" => Ok(Bearer::Off),
        _ => {
            let digits = text.strip_prefix("sha256:").ok_or(expected)?.trim();
            Digest::from_hex(digits).map(Bearer::Own).ok_or(expected)
        }
    }
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
    /// A line that narrows a key cannot be read.
    #[error("line {line} of the keys, in the block of key {key_id:?}, {problem}")]
    Option {
        /// Counted from 1.
        line: usize,
        /// The key whose block it is.
        key_id: String,
        /// What is wrong; never the text of the line.
        problem: String,
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
    /// Two keys have one secret, so that what one signed passes for the other's.
    #[error(
        "key {key_id:?} on line {line} of the keys has the secret of key {other:?}; make each its \
         own, with `openssl rand -base64 36`"
    )]
    Shared {
        /// Counted from 1: the second of the two.
        line: usize,
        /// The second key.
        key_id: String,
        /// The first.
        other: String,
    },
    /// There is no key at all.
    #[error("there is no key in the keys; write at least one line \"key: secret\"")]
    None,
}

/// Secrets shorter than this are refused: what HS256 asks for (RFC 7518, section 3.2: 256 bits).
pub const SECRET_CHARS_MIN: usize = 32;

/// The lines that a block may have.
const OPTIONS: &[&str] = &[
    "secret",
    "dialects",
    "rooms",
    "rights",
    "token_life_max",
    "bearer",
    "webhooks",
    "on_behalf_of",
];
/// How events name the interfaces, which a key may be kept to.
const DIALECTS: &[&str] = &["livekit", "daily", "videosdk", "ledger"];
const RIGHTS_EXPECTED: &str = "has to list some of join, admin, create, list, report, audit";
/// Nobody means a token to last longer.
const LIFE_S_MAX: i64 = 10 * 366 * 86_400;
