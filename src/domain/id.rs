//! Names, ids and numbers, apart so that nothing unchecked ever reaches a decision.
//!
//! Outside strings become [`RoomName`], [`Identity`] or [`Alias`] once, at the edge; inside there
//! are 128-bit ids and dense numbers. Nothing here draws an id: entropy is handed in.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::limits::{ALIAS_BYTES_MAX, IDENTITY_BYTES_MAX, ROOM_NAME_BYTES_MAX};
use super::ranges::Number;

/// Why an outside string cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing was given.
    #[error("{what} is empty: give at least one character")]
    Empty {
        /// Which name.
        what: &'static str,
    },
    /// More bytes than the limit.
    #[error("{what} has {bytes} bytes of UTF-8, at most {bytes_max} are allowed")]
    TooLong {
        /// Which name.
        what: &'static str,
        /// How many bytes were given.
        bytes: usize,
        /// How many are allowed.
        bytes_max: usize,
    },
    /// A control character (C0, DEL or C1).
    #[error("{what} has the control character U+{character:04X} at byte {at}: remove it")]
    Control {
        /// Which name.
        what: &'static str,
        /// The code point.
        character: u32,
        /// Its offset in bytes.
        at: usize,
    },
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "Arc<str>", into = "Arc<str>")]
        pub struct $name(Arc<str>);

        impl $name {
            #[doc = concat!("Takes `text` as ", $what, ".")]
            ///
            /// # Errors
            /// [`NameError`] when it is empty, too long or holds a control character.
            pub fn new(text: &str) -> Result<Self, NameError> {
                check_name($what, text, $max).map(|()| Self(Arc::from(text)))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, shared.
            pub fn shared(&self) -> &Arc<str> {
                &self.0
            }
        }

        impl TryFrom<Arc<str>> for $name {
            type Error = NameError;
            fn try_from(text: Arc<str>) -> Result<Self, NameError> {
                check_name($what, &text, $max).map(|()| Self(text))
            }
        }

        impl From<$name> for Arc<str> {
            fn from(name: $name) -> Self {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }
    };
}

name!(
    /// The name of a room, 1 to 256 bytes, without control characters; for ever its stream.
    RoomName,
    "the room name",
    ROOM_NAME_BYTES_MAX
);
name!(
    /// Who somebody claims to be in a room, 1 to 256 bytes, without control characters.
    Identity,
    "the identity",
    IDENTITY_BYTES_MAX
);
name!(
    /// An id that a caller brings for a connection or a track, unique in its room for ever.
    Alias,
    "the id",
    ALIAS_BYTES_MAX
);

/// A 128-bit id, of which every vendor's form is a fixed function.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id(pub u128);

impl Id {
    /// The 12 characters (of 57) that stand behind `RM_`, `PA_` and `TR_`: 70 bits, read from the
    /// low end.
    pub fn short(self) -> String {
        let mut rest = self.0;
        let mut text = [b'2'; SHORT_CHARS];
        for place in text.iter_mut().rev() {
            let digit = usize::try_from(rest % SHORT_BASE).unwrap_or_default();
            *place = SHORT_ALPHABET.get(digit).copied().unwrap_or(b'2');
            rest /= SHORT_BASE;
        }
        text.iter().map(|&byte| char::from(byte)).collect()
    }

    /// What two ids with the same [`Id::short`] have in common: the index key of short forms.
    pub const fn short_key(self) -> u128 {
        self.0 % SHORT_MODULUS
    }

    /// The index key of a short form, or `None` when `text` is no such form.
    pub fn parse_short(text: &str) -> Option<u128> {
        if text.len() != SHORT_CHARS {
            return None;
        }
        text.bytes().try_fold(0_u128, |key, byte| {
            let digit = SHORT_ALPHABET.iter().position(|&known| known == byte)?;
            Some(key * SHORT_BASE + u128::try_from(digit).ok()?)
        })
    }

    /// The 24 hexadecimal digits of a session or participant as VideoSDK shows it: the low 96 bits.
    pub fn object_id(self) -> String {
        format!("{:024x}", self.object_key())
    }

    /// What two ids with the same [`Id::object_id`] have in common: the index key of that form.
    pub const fn object_key(self) -> u128 {
        self.0 & OBJECT_MASK
    }

    /// The index key of 24 hexadecimal digits, or `None` when `text` is no such form.
    pub fn parse_object_id(text: &str) -> Option<u128> {
        let is_form = text.len() == OBJECT_CHARS && text.bytes().all(is_lower_hex);
        is_form.then(|| u128::from_str_radix(text, 16).ok())?
    }

    /// The `xxxx-xxxx-xxxx` of a room as VideoSDK shows it: 62 bits in digits and small letters,
    /// read from the low end.
    pub fn meeting_code(self) -> String {
        let mut rest = self.meeting_key();
        let mut digits = [b'0'; CODE_CHARS];
        for place in digits.iter_mut().rev() {
            let digit = u32::try_from(rest % CODE_BASE).unwrap_or_default();
            *place = char::from_digit(digit, CODE_RADIX).map_or(b'0', |digit| digit as u8);
            rest /= CODE_BASE;
        }
        let groups = digits.chunks(CODE_GROUP_CHARS);
        let groups: Vec<String> = groups
            .map(|group| group.iter().map(|&byte| char::from(byte)).collect())
            .collect();
        groups.join("-")
    }

    /// What two ids with the same [`Id::meeting_code`] have in common: the index key of that form.
    pub const fn meeting_key(self) -> u128 {
        self.0 % CODE_MODULUS
    }

    /// The index key of an `xxxx-xxxx-xxxx`, or `None` when `text` is no such form.
    pub fn parse_meeting_code(text: &str) -> Option<u128> {
        let groups: Vec<&str> = text.split('-').collect();
        let is_form = groups.len() == CODE_CHARS / CODE_GROUP_CHARS
            && groups.iter().all(|group| group.len() == CODE_GROUP_CHARS);
        let mut digits = text.chars().filter(|&character| character != '-');
        is_form.then_some(())?;
        digits.try_fold(0_u128, |key, character| {
            let digit = character.to_digit(CODE_RADIX)?;
            (!character.is_ascii_uppercase()).then(|| key * CODE_BASE + u128::from(digit))
        })
    }

    /// As a UUID, the form Daily shows.
    pub const fn uuid(self) -> Uuid {
        Uuid::from_u128(self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.uuid(), f)
    }
}

macro_rules! number {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize,
            Deserialize,
        )]
        pub struct $name(pub u32);

        impl Number for $name {
            fn from_u32(number: u32) -> Self {
                Self(number)
            }

            fn as_u32(self) -> u32 {
                self.0
            }
        }

        impl $name {
            /// The place in a sequence whose first member is number 1.
            pub const fn index(self) -> usize {
                (self.0 as usize).wrapping_sub(1)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// A person's number in one room: dense, from 1, given at the first mention, never reused.
    ParticipantNumber
);
number!(
    /// A connection's number in one room: dense, from 1, over all sessions.
    ConnectionNumber
);
number!(
    /// A track's number in one room: dense, from 1, over all sessions.
    TrackNumber
);
number!(
    /// A session's number in one room: dense, from 1.
    SessionNumber
);

/// Place of an event in one room's history (or in the system stream): dense, from 1; 0 is before
/// the first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Version(pub u64);

impl Version {
    /// The version after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

const fn is_lower_hex(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

fn check_name(what: &'static str, text: &str, bytes_max: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty { what });
    }
    if text.len() > bytes_max {
        return Err(NameError::TooLong {
            what,
            bytes: text.len(),
            bytes_max,
        });
    }
    match text
        .char_indices()
        .find(|(_, character)| character.is_control())
    {
        Some((at, character)) => Err(NameError::Control {
            what,
            character: character.into(),
            at,
        }),
        None => Ok(()),
    }
}

/// LiveKit's alphabet (`utils/guid`): digits and letters without those that look alike.
const SHORT_ALPHABET: &[u8; 57] = b"23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const SHORT_BASE: u128 = 57;
const SHORT_CHARS: usize = 12;
const SHORT_MODULUS: u128 = SHORT_BASE.pow(12);
/// Of 12 bytes.
const OBJECT_CHARS: usize = 24;
const OBJECT_MASK: u128 = (1 << 96) - 1;
const CODE_RADIX: u32 = 36;
const CODE_BASE: u128 = 36;
const CODE_CHARS: usize = 12;
const CODE_GROUP_CHARS: usize = 4;
const CODE_MODULUS: u128 = CODE_BASE.pow(12);
