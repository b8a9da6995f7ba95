//! The grammar in which people name a moment of a log: `#412`, `14:03`, `10m ago`, `A..B`.
//! Apart, because the command line and the HTTP API read the same words. Never reads a clock, a
//! log or a time zone: what a word is relative to comes in by [`Frame`].

use std::fmt;

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime};

use crate::domain::Timestamp;

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
    /// The session that is looked at: a bare time of day falls on its day.
    pub session: Option<Span>,
    /// Seconds east of UTC in the reader's zone, at an instant in seconds since 1970.
    pub offset_s_at: &'a dyn Fn(i64) -> i32,
}

/// From when to when, in microseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first instant.
    pub start_us: i64,
    /// The last instant; of what still runs, the present.
    pub end_us: i64,
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
        calendar(text, frame).map(Pos::Time)
    }

    /// Whether it is relative to a session.
    pub const fn needs_session(self) -> bool {
        matches!(self, Pos::StartPlus(_) | Pos::EndMinus(_))
    }

    /// The same moment with `start+...` and `end-...` resolved against a session.
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
        let side = |side: &str| match side.trim() {
            "" => Ok(None),
            written => Pos::parse(written, frame).map(Some),
        };
        Ok(PosRange {
            from: side(from)?,
            to: side(to)?,
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

    /// The instant of a wall clock reading in the reader's zone.
    ///
    /// The offset is taken at the instant found with the offset before it, so that both sides of
    /// a change of clocks come out right; in the hour that a change skips or repeats, one of the
    /// two readings is as good as the other.
    fn instant_us(&self, wall: NaiveDateTime) -> i64 {
        let as_utc = wall.and_utc();
        let offset_s = |at_s: i64| i64::from((self.offset_s_at)(at_s));
        let guess_s = as_utc.timestamp() - offset_s(as_utc.timestamp());
        as_utc.timestamp_micros() - offset_s(guess_s) * US_PER_S
    }

    /// The calendar day of an instant in the reader's zone.
    fn day(&self, at_us: i64) -> Option<NaiveDate> {
        let offset_s = (self.offset_s_at)(at_us.div_euclid(US_PER_S));
        let wall_us = at_us.checked_add(i64::from(offset_s) * US_PER_S)?;
        Some(DateTime::from_timestamp_micros(wall_us)?.date_naive())
    }

    /// A time of day: on the day the session began, or on the next when only that lies inside
    /// the session; without a session, today.
    fn time_of_day_us(&self, time: NaiveTime) -> Option<i64> {
        let first_us = self.session.map_or(self.now_us, |session| session.start_us);
        let day = self.day(first_us)?;
        let on_first_us = self.instant_us(day.and_time(time));
        let on_next_us = self.instant_us(day.checked_add_days(Days::new(1))?.and_time(time));
        match self.session {
            Some(session) if on_first_us < session.start_us && on_next_us <= session.end_us => {
                Some(on_next_us)
            }
            Some(_) | None => Some(on_first_us),
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

fn calendar(text: &str, frame: &Frame<'_>) -> Result<i64, PositionError> {
    let out_of_range = || PositionError::OutOfRange {
        text: text.to_owned(),
    };
    let days_ago = match text {
        "now" => return Ok(frame.now_us),
        "today" => Some(0),
        "yesterday" => Some(1),
        _ => None,
    };
    if let Some(days_ago) = days_ago {
        let today = frame.day(frame.now_us).ok_or_else(out_of_range)?;
        let day = today
            .checked_sub_days(Days::new(days_ago))
            .ok_or_else(out_of_range)?;
        return Ok(frame.instant_us(day.and_time(NaiveTime::MIN)));
    }
    if let Some(time) = first_match(&["%H:%M", "%H:%M:%S%.f"], |form| {
        NaiveTime::parse_from_str(text, form)
    }) {
        return frame.time_of_day_us(time).ok_or_else(out_of_range);
    }
    let instant = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&plus_restored(text)));
    if let Ok(instant) = instant {
        return in_years(instant.timestamp_micros()).ok_or_else(out_of_range);
    }
    let wall = first_match(WALL_FORMS, |form| NaiveDateTime::parse_from_str(text, form))
        .or_else(|| Some(text.parse::<NaiveDate>().ok()?.and_time(NaiveTime::MIN)))
        .ok_or_else(|| unknown(text))?;
    in_years(frame.instant_us(wall)).ok_or_else(out_of_range)
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

fn first_match<T, E>(forms: &[&str], parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
    forms.iter().find_map(|form| parse(form).ok())
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

const US_PER_S: i64 = 1_000_000;
const DAY_US: u64 = 86_400_000_000;

const WALL_FORMS: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
];

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
