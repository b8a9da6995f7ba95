//! The grammar in which people name a moment of a log: `#412`, `14:03`, `10m ago`, `A..B`.
//! Apart, because the command line and the HTTP API read the same words. Never reads a clock, a
//! log or a time zone: what a word is relative to comes in by [`Frame`].
//!
//! The end of a range includes all of what is written: `2026-11-22` is the whole day in the
//! reader's zone, `14:03` the whole minute, `14:03:20` the whole second. An instant with an offset
//! (`2026-11-22T14:03:00Z`) or with a fraction of a second is exact.

use std::fmt;

use chrono::{DateTime, Days};

use crate::domain::Timestamp;
pub use crate::replay::calendar::Span;
use crate::replay::calendar::{Clock, Near, Reading, Unclear};

/// A moment of a log, as named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pos {
    /// After the event at this position; 0 is before the first.
    Position(u64),
    /// The newest event, or the one `back` positions before it.
    Head {
        /// How many positions before the newest.
        back: u64,
    },
    /// After every event recorded at or before this instant, in microseconds since 1970, UTC.
    Time(i64),
    /// So many microseconds after the session's start.
    StartPlus(u64),
    /// So many microseconds before the session's end.
    EndMinus(u64),
}

/// Two moments, either of which may be left open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PosRange {
    /// Where it begins; none is the beginning of the log.
    pub from: Option<Pos>,
    /// Where it ends; none is the newest event.
    pub to: Option<Pos>,
}

/// What a written moment is relative to.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// The present, in microseconds since 1970, UTC.
    pub now_us: i64,
    /// The session that is looked at: a bare time of day falls into it, or near it.
    pub session: Option<Span>,
    /// Seconds east of UTC in the reader's zone, at an instant in seconds since 1970.
    pub offset_s_at: &'a dyn Fn(i64) -> i32,
}

/// Why a text names no moment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PositionError {
    /// It has no form of the grammar.
    #[error(
        "'{text}' names no moment; write #412, 2026-11-22T14:03:00Z, 2026-11-22, 14:03, \
         10m ago, start+5m, end-30s, @ or @-3"
    )]
    Unknown {
        /// What was written.
        text: String,
    },
    /// It is longer than any moment can be written.
    #[error("a moment of {bytes} bytes is no moment; at most {TEXT_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Its form is right, its number is too large.
    #[error("'{text}' is out of range; positions fit 64 bits, years go from 0 to 9999")]
    OutOfRange {
        /// What was written.
        text: String,
    },
    /// A duration in it has no known unit, or no number.
    #[error("'{text}' is no duration; write whole numbers with us, ms, s, m, h, d or w: 1h30m")]
    Duration {
        /// The part that should be a duration.
        text: String,
    },
    /// It is a time of day that the session has on several days.
    #[error(
        "'{text}' names no day, and the session has it on several, from {first} to {last}; \
         write the day too: '{last} {text}'"
    )]
    SeveralDays {
        /// What was written.
        text: String,
        /// The first of the days, as `2026-11-22`.
        first: String,
        /// The last of them.
        last: String,
    },
    /// It is relative to a session where there is none.
    #[error("'{written}' needs a session, and the room has had none; write #412 or a time")]
    NoSession {
        /// What was written.
        written: Pos,
    },
    /// Two moments were asked for, one was written.
    #[error("'{text}' is no range; write two moments with .. between them: #400..#412")]
    Range {
        /// What was written.
        text: String,
    },
}

impl Pos {
    /// Reads one moment.
    ///
    /// In a query string a bare `+` arrives as a space; `start 5m` and an offset after a space
    /// are read as if the plus were there.
    ///
    /// # Errors
    /// [`PositionError`], by what is wrong with the text; never `Range` nor `NoSession`.
    pub fn parse(text: &str, frame: &Frame<'_>) -> Result<Self, PositionError> {
        Self::read(text, frame, Side::First)
    }

    /// Reads one moment as the end of a range: all of the day, minute or second that is written.
    ///
    /// # Errors
    /// As [`Pos::parse`].
    pub fn parse_until(text: &str, frame: &Frame<'_>) -> Result<Self, PositionError> {
        Self::read(text, frame, Side::Last(Near::Past))
    }

    fn read(text: &str, frame: &Frame<'_>, side: Side) -> Result<Self, PositionError> {
        let text = text.trim();
        if text.len() > TEXT_BYTES_MAX {
            return Err(PositionError::TooLong { bytes: text.len() });
        }
        if let Some(digits) = text.strip_prefix('#') {
            return number(digits, text).map(Pos::Position);
        }
        if text.starts_with(|first: char| first.is_ascii_digit())
            && text.bytes().all(|byte| byte.is_ascii_digit())
        {
            return number(text, text).map(Pos::Position);
        }
        if let Some(rest) = text.strip_prefix('@') {
            return match rest.strip_prefix('-') {
                Some(digits) => number(digits, text).map(|back| Pos::Head { back }),
                None if rest.is_empty() => Ok(Pos::Head { back: 0 }),
                None => Err(unknown(text)),
            };
        }
        if let Some(rest) = text.strip_prefix("start") {
            return offset(rest, &['+', ' '], text).map(Pos::StartPlus);
        }
        if let Some(rest) = text.strip_prefix("end") {
            return offset(rest, &['-'], text).map(Pos::EndMinus);
        }
        let before_now = text.strip_prefix('-').or_else(|| text.strip_suffix(" ago"));
        if let Some(duration) = before_now {
            return ago(parse_duration(duration)?, text, frame).map(Pos::Time);
        }
        calendar(text, frame, side).map(Pos::Time)
    }

    /// Whether it is relative to a session.
    pub const fn needs_session(self) -> bool {
        matches!(self, Pos::StartPlus(_) | Pos::EndMinus(_))
    }

    /// Whether the moment that a text names depends on the session that is looked at: it is
    /// relative to one, or a time of day without a day.
    pub fn is_of_session(text: &str) -> bool {
        let text = text.trim();
        let is_relative = text.starts_with("start") || text.starts_with("end");
        is_relative || matches!(Reading::parse(text), Some(Reading::TimeOfDay(..)))
    }

    /// The same moment with `start+...` and `end-...` resolved against a session that has an end:
    /// [`Span::until_now`] gives one to what still runs.
    #[must_use]
    pub fn anchored(self, session: Span) -> Self {
        match self {
            Pos::StartPlus(after_us) => nearest(session.start_us.saturating_add_unsigned(after_us)),
            Pos::EndMinus(before_us) => nearest(session.end_us.saturating_sub_unsigned(before_us)),
            Pos::Position(_) | Pos::Head { .. } | Pos::Time(_) => self,
        }
    }
}

impl fmt::Display for Pos {
    /// The canonical form: it needs no frame to be read, and reads back as the same moment.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Pos::Position(position) => write!(out, "#{position}"),
            Pos::Head { back: 0 } => out.write_str("@"),
            Pos::Head { back } => write!(out, "@-{back}"),
            Pos::Time(at_us) => out.write_str(&format_instant(at_us)),
            Pos::StartPlus(after_us) => write!(out, "start+{}", format_duration(after_us)),
            Pos::EndMinus(before_us) => write!(out, "end-{}", format_duration(before_us)),
        }
    }
}

impl PosRange {
    /// Reads `A..B`, `A..` or `..B`.
    ///
    /// # Errors
    /// `Range` when there are no two dots; else as [`Pos::parse`] for the side that is wrong.
    pub fn parse(text: &str, frame: &Frame<'_>) -> Result<Self, PositionError> {
        let (from, to) = text.split_once("..").ok_or_else(|| PositionError::Range {
            text: text.chars().take(TEXT_BYTES_MAX).collect(),
        })?;
        let side = |side| Some(str::trim(side)).filter(|side| !side.is_empty());
        Self::of(side(from), side(to), frame)
    }

    /// Reads both ends, either of which may be left open. Without a session, a time of day is the
    /// last one that has passed, and as the end of a range the first one after its beginning.
    ///
    /// # Errors
    /// As [`Pos::parse`] for the side that is wrong.
    pub fn of(
        from: Option<&str>,
        to: Option<&str>,
        frame: &Frame<'_>,
    ) -> Result<Self, PositionError> {
        let from = from.map(|text| Pos::parse(text, frame)).transpose()?;
        let near = match from {
            Some(Pos::Time(from_us)) => Near::From(from_us),
            Some(_) | None => Near::Past,
        };
        let to = to.map(|text| Pos::read(text, frame, Side::Last(near)));
        Ok(PosRange {
            from,
            to: to.transpose()?,
        })
    }
}

impl fmt::Display for PosRange {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(from) = self.from {
            write!(out, "{from}")?;
        }
        out.write_str("..")?;
        match self.to {
            Some(to) => write!(out, "{to}"),
            None => Ok(()),
        }
    }
}

impl Frame<'_> {
    /// Everything is UTC, and no session is looked at: the frame of the HTTP API.
    pub fn utc(now_us: i64) -> Self {
        Frame {
            now_us,
            session: None,
            offset_s_at: &|_| 0,
        }
    }

    fn clock(&self) -> Clock<'_> {
        Clock {
            now_us: self.now_us,
            offset_s_at: self.offset_s_at,
        }
    }
}

/// Reads a duration such as `1h30m`, `90s` or `10 minutes`, in microseconds.
///
/// # Errors
/// `Duration`, with the text.
pub fn parse_duration(text: &str) -> Result<u64, PositionError> {
    let wrong = || PositionError::Duration {
        text: text.trim().to_owned(),
    };
    let mut rest = text.trim();
    let mut total_us = 0_u64;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (digits, after) = split_while(rest, |letter| letter.is_ascii_digit());
        let (unit, after) = split_while(after.trim_start(), char::is_alphabetic);
        let count: u64 = digits.parse().map_err(|_| wrong())?;
        let unit_us = UNITS
            .iter()
            .find(|(names, _)| names.contains(&unit))
            .map(|(_, unit_us)| *unit_us)
            .ok_or_else(wrong)?;
        total_us = count
            .checked_mul(unit_us)
            .and_then(|part_us| total_us.checked_add(part_us))
            .ok_or_else(wrong)?;
        rest = after.trim_start();
    }
    Ok(total_us)
}

/// Writes a duration so that [`parse_duration`] reads it back: `1d2h3m4s5ms6us`.
pub fn format_duration(duration_us: u64) -> String {
    let mut rest_us = duration_us;
    let mut parts = Vec::new();
    for (names, unit_us) in UNITS.iter().filter(|(_, unit_us)| *unit_us <= DAY_US) {
        let count = rest_us / unit_us;
        rest_us %= unit_us;
        if let (1.., Some(name)) = (count, names.first()) {
            parts.push(format!("{count}{name}"));
        }
    }
    if parts.is_empty() {
        parts.push("0s".to_owned());
    }
    parts.concat()
}

/// Writes an instant as RFC 3339 in UTC, with microseconds.
pub fn format_instant(at_us: i64) -> String {
    Timestamp::from_micros(at_us).to_string()
}

/// Which instant of what is written is meant.
#[derive(Clone, Copy)]
enum Side {
    /// The first.
    First,
    /// The last; a time of day that belongs to no session is looked for there.
    Last(Near),
}

fn calendar(text: &str, frame: &Frame<'_>, side: Side) -> Result<i64, PositionError> {
    let out_of_range = || PositionError::OutOfRange {
        text: text.to_owned(),
    };
    if text == "now" {
        return Ok(frame.now_us);
    }
    let instant = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&plus_restored(text)));
    if let Ok(instant) = instant {
        return in_years(instant.timestamp_micros()).ok_or_else(out_of_range);
    }
    let clock = frame.clock();
    let days_ago = |days: u64| {
        let today = clock.day(frame.now_us);
        let day = today.and_then(|today| today.checked_sub_days(Days::new(days)));
        day.map(Reading::Day).ok_or_else(out_of_range)
    };
    let reading = match text {
        "today" => days_ago(0)?,
        "yesterday" => days_ago(1)?,
        _ => Reading::parse(text).ok_or_else(|| unknown(text))?,
    };
    let near = |otherwise| frame.session.map_or(otherwise, Near::Session);
    let found = match side {
        Side::First => reading.first_us(&clock, near(Near::Past)),
        Side::Last(otherwise) => reading.last_us(&clock, near(otherwise)),
    };
    match found {
        Ok(at_us) => in_years(at_us).ok_or_else(out_of_range),
        Err(Unclear::OutOfRange) => Err(out_of_range()),
        Err(Unclear::SeveralDays { first, last }) => Err(PositionError::SeveralDays {
            text: text.to_owned(),
            first: first.to_string(),
            last: last.to_string(),
        }),
    }
}

/// RFC 3339 has years of four digits; beyond them the text would not read back.
fn in_years(at_us: i64) -> Option<i64> {
    Timestamp::checked(at_us).map(Timestamp::micros)
}

/// The instant, or the nearest one that can be written.
fn nearest(at_us: i64) -> Pos {
    Pos::Time(Timestamp::from_micros(at_us).micros())
}

fn ago(before_us: u64, text: &str, frame: &Frame<'_>) -> Result<i64, PositionError> {
    frame
        .now_us
        .checked_sub_unsigned(before_us)
        .and_then(in_years)
        .ok_or_else(|| PositionError::OutOfRange {
            text: text.to_owned(),
        })
}

fn offset(rest: &str, signs: &[char], text: &str) -> Result<u64, PositionError> {
    if rest.is_empty() {
        return Ok(0);
    }
    match rest.strip_prefix(signs) {
        Some(duration) => parse_duration(duration),
        None => Err(unknown(text)),
    }
}

fn number(digits: &str, text: &str) -> Result<u64, PositionError> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(unknown(text));
    }
    digits.parse().map_err(|_| PositionError::OutOfRange {
        text: text.to_owned(),
    })
}

fn plus_restored(text: &str) -> String {
    match text.rsplit_once(' ') {
        Some((instant, offset)) => format!("{instant}+{offset}"),
        None => text.to_owned(),
    }
}

fn split_while(text: &str, accept: impl Fn(char) -> bool) -> (&str, &str) {
    let end = text.find(|letter| !accept(letter)).unwrap_or(text.len());
    text.split_at(end)
}

fn unknown(text: &str) -> PositionError {
    PositionError::Unknown {
        text: text.to_owned(),
    }
}

/// The longest sensible moment is an RFC 3339 instant or a full duration; both are far shorter.
const TEXT_BYTES_MAX: usize = 64;

const DAY_US: u64 = 86_400_000_000;

/// Names of each unit, the canonical one first; longest unit first, for `format_duration`.
const UNITS: &[(&[&str], u64)] = &[
    (&["w", "week", "weeks"], 7 * DAY_US),
    (&["d", "day", "days"], DAY_US),
    (&["h", "hour", "hours"], 3_600_000_000),
    (&["m", "min", "mins", "minute", "minutes"], 60_000_000),
    (&["s", "sec", "secs", "second", "seconds"], 1_000_000),
    (&["ms", "millisecond", "milliseconds"], 1_000),
    (&["us", "microsecond", "microseconds"], 1),
];
