//! A moment as the ledger knows it, apart so that no other file converts between time types.
//!
//! It never reads a clock: every moment is handed in.

use std::fmt;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// Microseconds since 1970-01-01T00:00:00Z, within the UTC years 0 to 9999.
///
/// Stored as the number, shown as RFC 3339 UTC with microseconds. RFC 3339 writes no other years:
/// what lay outside them could be stored and shown, and then read by nobody.
///
/// ```
/// use roomledger::domain::Timestamp;
/// let at = Timestamp::parse("2026-11-22T14:03:00Z").unwrap();
/// assert_eq!(at.to_string(), "2026-11-22T14:03:00.000000Z");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first moment: the start of 1970.
    pub const EPOCH: Self = Self(0);

    /// From microseconds since the start of 1970; the nearest moment where it can't be written.
    pub const fn from_micros(micros: i64) -> Self {
        if micros < FIRST_MICROS {
            Self(FIRST_MICROS)
        } else if micros > LAST_MICROS {
            Self(LAST_MICROS)
        } else {
            Self(micros)
        }
    }

    /// From whole milliseconds since the start of 1970; as [`Timestamp::from_micros`].
    pub const fn from_millis(millis: i64) -> Self {
        Self::from_micros(millis.saturating_mul(1_000))
    }

    /// From whole seconds since the start of 1970; as [`Timestamp::from_micros`].
    pub const fn from_seconds(seconds: i64) -> Self {
        Self::from_micros(seconds.saturating_mul(1_000_000))
    }

    /// From microseconds since the start of 1970; `None` outside of the UTC years 0 to 9999.
    pub const fn checked(micros: i64) -> Option<Self> {
        let at = Self::from_micros(micros);
        if at.0 == micros { Some(at) } else { None }
    }

    /// Reads RFC 3339 with any offset; `None` when it is something else, or when its offset leads
    /// out of the UTC years 0 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        let at = DateTime::parse_from_rfc3339(text).ok()?;
        Self::checked(at.timestamp_micros())
    }

    /// Microseconds since the start of 1970.
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Whole milliseconds since the start of 1970.
    pub const fn millis(self) -> i64 {
        self.0.div_euclid(1_000)
    }

    /// Whole seconds since the start of 1970.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This moment `seconds` later; the end of the year 9999 where that lies beyond.
    #[must_use]
    pub const fn plus_seconds(self, seconds: u32) -> Self {
        Self::from_micros(self.0.saturating_add(seconds as i64 * 1_000_000))
    }

    /// As a calendar moment; `None` outside of chrono's range (about 262,000 years either way),
    /// which only bytes can say that something else wrote.
    pub fn to_chrono(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp_micros(self.0)
    }
}

impl fmt::Display for Timestamp {
    /// What reads back: also of stored bytes that say something else, the nearest moment.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match Self::from_micros(self.0).to_chrono() {
            Some(at) => f.write_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true)),
            None => write!(f, "{}us", self.0),
        }
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(at: DateTime<Utc>) -> Self {
        Self::from_micros(at.timestamp_micros())
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
            Self::parse(&text)
                .ok_or_else(|| D::Error::custom(format!("{text:?} is not an RFC 3339 time")))
        } else {
            i64::deserialize(deserializer).map(Self)
        }
    }
}

/// 0000-01-01T00:00:00Z.
const FIRST_MICROS: i64 = -62_167_219_200_000_000;
/// The last microsecond of the year 9999.
const LAST_MICROS: i64 = 253_402_300_799_999_999;
