//! Days and times of day, as the reader's clock and calendar show them.
//!
//! Apart from the grammar of moments, because only this file knows that a day has no fixed length
//! and that a time of day belongs to no day by itself. It reads no clock and no time zone: both
//! come in.

use chrono::{DateTime, Days, NaiveDate, NaiveDateTime, NaiveTime};

/// From when to when, in microseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first instant.
    pub start_us: i64,
    /// The last instant; [`Span::OPEN_US`] of what still runs.
    pub end_us: i64,
}

impl Span {
    /// The end of what still runs: later than any present.
    pub const OPEN_US: i64 = i64::MAX;

    /// The same span, ended by the present where it still runs.
    #[must_use]
    pub fn until_now(self, now_us: i64) -> Self {
        if self.end_us != Self::OPEN_US {
            return self;
        }
        Self {
            end_us: now_us.max(self.start_us),
            ..self
        }
    }
}

/// A moment as it stands on a wall: a date, a time, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reading {
    /// A whole day.
    Day(NaiveDate),
    /// A time of a named day, and how long what was written lasts.
    Wall(NaiveDateTime, Length),
    /// A time of no named day.
    TimeOfDay(NaiveTime, Length),
}

/// How long a written time lasts: `14:03` is a minute, `14:03:20` a second, `14:03:20.5` an
/// instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Length {
    Minute,
    Second,
    Instant,
}

/// Why a reading is no instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unclear {
    /// It lies beyond the calendar.
    OutOfRange,
    /// The session has this time of day on several days.
    SeveralDays { first: NaiveDate, last: NaiveDate },
}

/// The reader's clock.
#[derive(Clone, Copy)]
pub(super) struct Clock<'a> {
    /// The present, in microseconds since 1970, UTC.
    pub(super) now_us: i64,
    /// Seconds east of UTC, at an instant in seconds since 1970.
    pub(super) offset_s_at: &'a dyn Fn(i64) -> i32,
}

/// What a time of day without a day is near to.
#[derive(Clone, Copy)]
pub(super) enum Near {
    /// It happened in a session, or shortly before or after it.
    Session(Span),
    /// It is the last one that has passed.
    Past,
    /// It is the first one that ends at this instant or later.
    From(i64),
}

impl Reading {
    /// Reads `14:03`, `2026-11-22`, `2026-11-22 14:03:05.25` or the same with a `T`; `None` for
    /// any other text.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let length = Length::of(text);
        let time = first_match(&["%H:%M", "%H:%M:%S%.f"], |form| {
            NaiveTime::parse_from_str(text, form)
        });
        if let Some(time) = time {
            return Some(Self::TimeOfDay(time, length));
        }
        first_match(WALL_FORMS, |form| NaiveDateTime::parse_from_str(text, form))
            .map(|wall| Self::Wall(wall, length))
            .or_else(|| text.parse().ok().map(Self::Day))
    }

    /// The first instant of what was written.
    ///
    /// # Errors
    /// [`Unclear`].
    pub(super) fn first_us(self, clock: &Clock<'_>, near: Near) -> Result<i64, Unclear> {
        match self {
            Self::Day(day) => Ok(clock.instants_us(day.and_time(NaiveTime::MIN)).first_us),
            Self::Wall(wall, _) => Ok(clock.instants_us(wall).first_us),
            Self::TimeOfDay(time, length) => {
                let found = clock.time_of_day_us(time, length, near)?;
                Ok(found.first_us)
            }
        }
    }

    /// The last instant of what was written: of the whole day, minute or second, and of the later
    /// one where a change of clocks repeats it.
    ///
    /// # Errors
    /// [`Unclear`].
    pub(super) fn last_us(self, clock: &Clock<'_>, near: Near) -> Result<i64, Unclear> {
        match self {
            Self::Day(day) => {
                let next = day.checked_add_days(ONE_DAY).ok_or(Unclear::OutOfRange)?;
                let midnight = clock.instants_us(next.and_time(NaiveTime::MIN));
                Ok(midnight.first_us - 1)
            }
            Self::Wall(wall, length) => Ok(length.last_us(clock.instants_us(wall).last_us)),
            Self::TimeOfDay(time, length) => {
                let found = clock.time_of_day_us(time, length, near)?;
                Ok(length.last_us(found.last_us))
            }
        }
    }
}

impl Length {
    fn of(text: &str) -> Self {
        match text.matches(':').count() {
            _ if text.contains('.') => Self::Instant,
            1 => Self::Minute,
            _ => Self::Second,
        }
    }

    const fn last_us(self, first_us: i64) -> i64 {
        let length_us = match self {
            Self::Minute => 60 * US_PER_S,
            Self::Second => US_PER_S,
            Self::Instant => 1,
        };
        first_us.saturating_add(length_us - 1)
    }
}

impl Clock<'_> {
    /// The day that the calendar shows at an instant.
    pub(super) fn day(&self, at_us: i64) -> Option<NaiveDate> {
        let offset_s = (self.offset_s_at)(at_us.div_euclid(US_PER_S));
        let wall_us = at_us.checked_add(i64::from(offset_s) * US_PER_S)?;
        Some(DateTime::from_timestamp_micros(wall_us)?.date_naive())
    }

    /// When the clock shows this reading. Where a change of clocks skips it, that is the instant
    /// of the change: the first one that shows a later reading.
    fn instants_us(&self, wall: NaiveDateTime) -> Shown {
        let as_utc = wall.and_utc();
        let wall_s = as_utc.timestamp();
        let offset_s = |at_s: i64| i64::from((self.offset_s_at)(at_s));
        // No zone is a day away from UTC: these hold before and after a change near the reading.
        let before_s = offset_s(wall_s - S_PER_DAY);
        let after_s = offset_s(wall_s + S_PER_DAY);
        let early_s = wall_s - before_s.max(after_s);
        let late_s = wall_s - before_s.min(after_s);
        let shown = [early_s, late_s].map(|at_s| {
            let rest_us = i64::from(as_utc.timestamp_subsec_micros());
            let is_shown = at_s + offset_s(at_s) == wall_s;
            is_shown.then(|| at_s.saturating_mul(US_PER_S).saturating_add(rest_us))
        });
        let [early_us, late_us] = shown;
        if let (Some(first_us), Some(last_us)) = (early_us.or(late_us), late_us.or(early_us)) {
            return Shown { first_us, last_us };
        }
        let (mut low_s, mut high_s) = (early_s, late_s);
        while low_s < high_s {
            let middle_s = low_s + (high_s - low_s) / 2;
            if offset_s(middle_s) == before_s {
                low_s = middle_s + 1;
            } else {
                high_s = middle_s;
            }
        }
        Shown::once(low_s.saturating_mul(US_PER_S))
    }

    fn time_of_day_us(
        &self,
        time: NaiveTime,
        length: Length,
        near: Near,
    ) -> Result<Shown, Unclear> {
        let found = match near {
            Near::Session(session) => return self.in_session_us(time, session),
            Near::Past => {
                let on = self.around(time, self.now_us).into_iter();
                let mut on = on.flat_map(Shown::each);
                on.rfind(|at_us| *at_us <= self.now_us).map(Shown::once)
            }
            Near::From(from_us) => {
                let mut on = self.around(time, from_us).into_iter();
                on.find(|shown| length.last_us(shown.last_us) >= from_us)
            }
        };
        found.ok_or(Unclear::OutOfRange)
    }

    /// A time of day inside a session; else the one nearest to it, and of two at one distance the
    /// later.
    fn in_session_us(&self, time: NaiveTime, session: Span) -> Result<Shown, Unclear> {
        let Span { start_us, end_us } = session.until_now(self.now_us);
        let days = self.around(time, start_us).into_iter();
        let days = days.chain(self.around(time, end_us));
        let mut found: Vec<i64> = days.flat_map(Shown::each).collect();
        found.sort_unstable();
        found.dedup();
        let mut inside = found.iter().filter(|at| (start_us..=end_us).contains(at));
        if let Some(&first_us) = inside.next() {
            let last_us = inside.next_back().copied().unwrap_or(first_us);
            return match (self.day(first_us), self.day(last_us)) {
                (Some(first), Some(last)) if first < last => {
                    Err(Unclear::SeveralDays { first, last })
                }
                _ => Ok(Shown { first_us, last_us }),
            };
        }
        let distance_us = |at_us: i64| at_us.abs_diff(at_us.clamp(start_us, end_us));
        let later_first = found.into_iter().rev();
        let nearest = later_first.min_by_key(|at_us| distance_us(*at_us));
        nearest.map(Shown::once).ok_or(Unclear::OutOfRange)
    }

    /// The time of day on the day of an instant, the day before and the day after, in order.
    fn around(&self, time: NaiveTime, at_us: i64) -> Vec<Shown> {
        let Some(day) = self.day(at_us) else {
            return Vec::new();
        };
        let days = [
            day.checked_sub_days(ONE_DAY),
            Some(day),
            day.checked_add_days(ONE_DAY),
        ];
        let days = days.into_iter().flatten();
        days.map(|day| self.instants_us(day.and_time(time)))
            .collect()
    }
}

/// When the clock shows a reading: at one instant, or at two, where a change of clocks repeats it.
#[derive(Clone, Copy)]
struct Shown {
    first_us: i64,
    last_us: i64,
}

impl Shown {
    const fn once(at_us: i64) -> Self {
        Self {
            first_us: at_us,
            last_us: at_us,
        }
    }

    fn each(self) -> [i64; 2] {
        [self.first_us, self.last_us]
    }
}

fn first_match<T, E>(forms: &[&str], parse: impl Fn(&str) -> Result<T, E>) -> Option<T> {
    forms.iter().find_map(|form| parse(form).ok())
}

const US_PER_S: i64 = 1_000_000;
const S_PER_DAY: i64 = 86_400;
const ONE_DAY: Days = Days::new(1);

const WALL_FORMS: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%d %H:%M",
];
