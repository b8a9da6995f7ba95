//! What an API key is narrowed to: which interfaces, rooms and rights, how long its tokens last,
//! and what else it is good for. Apart, since a token's own grants say nothing of it: what a token
//! may is what both allow. It never looks at a clock.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::domain::Digest;

/// What a key is narrowed to; everything, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyLimits {
    /// The dialects in which it is known; `None` = all.
    pub dialects: Option<BTreeSet<String>>,
    /// The rooms that it reaches; `None` = all.
    pub rooms: Option<Vec<RoomPattern>>,
    /// What its tokens may grant at most; `None` = everything.
    pub rights: Option<BTreeSet<KeyRight>>,
    /// The longest life of its tokens, in seconds; `None` = any.
    pub token_life_max_s: Option<i64>,
    /// Whether it is shown as an API key by itself, where a dialect wants that.
    pub bearer: Bearer,
    /// Whether it signs webhooks.
    pub webhooks: WebhookUse,
    /// Whether callers that its tokens name may speak for somebody else.
    pub may_speak_for_others: bool,
}

impl KeyLimits {
    /// Whether it is known in that dialect.
    pub fn admits(&self, dialect: &str) -> bool {
        let dialects = self.dialects.as_ref();
        dialects.is_none_or(|all| all.contains(dialect))
    }

    /// Whether it has one of these rights in the room, or in all rooms (`None`).
    pub fn grants(&self, any_of: &[KeyRight], room: Option<&str>) -> bool {
        let rights = self.rights.as_ref();
        rights.is_none_or(|own| any_of.iter().any(|right| own.contains(right)))
            && self.reaches(room)
    }

    /// A name for each line of its rooms that it reaches; none where it reaches all.
    pub fn examples(&self) -> impl Iterator<Item = &str> {
        let patterns = self.rooms.iter().flatten();
        patterns.map(|pattern| match pattern {
            RoomPattern::Exact(name) | RoomPattern::Prefix(name) => name.as_str(),
        })
    }

    fn reaches(&self, room: Option<&str>) -> bool {
        let Some(patterns) = &self.rooms else {
            return true;
        };
        room.is_some_and(|room| patterns.iter().any(|pattern| pattern.matches(room)))
    }
}

/// A right that a key may have, as `roomledger token` names the grants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyRight {
    /// Let people join.
    Join,
    /// Everything in a room but making it and ending it.
    Admin,
    /// Make and delete rooms.
    Create,
    /// List rooms.
    List,
    /// Report what happens.
    Report,
    /// Read the history.
    Audit,
}

impl KeyRight {
    /// Each with its name in the keys file.
    pub const ALL: &'static [(&'static str, Self)] = &[
        ("join", Self::Join),
        ("admin", Self::Admin),
        ("create", Self::Create),
        ("list", Self::List),
        ("report", Self::Report),
        ("audit", Self::Audit),
    ];
}

/// One room, or all whose names begin alike.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoomPattern {
    /// The room of this name.
    Exact(String),
    /// Rooms whose names begin so; written with `*` at the end.
    Prefix(String),
}

impl RoomPattern {
    fn matches(&self, room: &str) -> bool {
        match self {
            Self::Exact(name) => name == room,
            Self::Prefix(prefix) => room.starts_with(prefix.as_str()),
        }
    }
}

impl FromStr for RoomPattern {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, is_prefix) = match text.strip_suffix('*') {
            Some(prefix) => (prefix, true),
            None => (text, false),
        };
        if text.is_empty() || name.contains('*') {
            return Err("has to list rooms; `*` stands at the end of a name alone");
        }
        let name = name.to_owned();
        Ok(if is_prefix {
            Self::Prefix(name)
        } else {
            Self::Exact(name)
        })
    }
}

/// What is shown as an API key where a dialect has no tokens for its calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bearer {
    /// The secret that signs the key's tokens.
    #[default]
    Secret,
    /// A text of its own, which is kept as its SHA-256.
    Own(Digest),
    /// Nothing.
    Off,
}

/// Whether a key signs webhooks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WebhookUse {
    /// It may, where it is chosen.
    #[default]
    On,
    /// It never does.
    Off,
    /// It does nothing else: no token of it is believed.
    Only,
}
