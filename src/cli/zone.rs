//! The reader's time zone and how moments are shown in it. Apart, because reading `14:03` and
//! showing it must agree. Never changes what is stored or sent: that is UTC.

use chrono::{DateTime, FixedOffset, SecondsFormat};
use tz::TimeZone;

use crate::cli::failure::{Exit, Failure};
use crate::replay::position::{format_duration, format_instant};

/// A time zone: UTC, this machine's, a fixed offset, or one by its IANA name.
#[derive(Clone, Debug)]
pub struct Zone(Option<TimeZone>);

/// How moments are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum TimeStyle {
    /// RFC 3339 in UTC.
    Utc,
    /// RFC 3339 with the offset of --tz, or of this machine.
    Local,
    /// How long ago.
    Relative,
}

/// A zone and a style, together with the present.
#[derive(Clone, Debug)]
pub struct TimeFormat {
    /// In which zone times of day are read, and shown where the style is not UTC.
    pub zone: Zone,
    /// How moments are shown.
    pub style: TimeStyle,
    /// The present, in microseconds since 1970, UTC.
    pub now_us: i64,
}

impl Zone {
    /// Reads `utc`, `local`, `+02:00` or an IANA name such as `Europe/Berlin`.
    ///
    /// # Errors
    /// `Usage`, when it is none of these or this machine does not know the name.
    pub fn parse(name: &str) -> Result<Self, Failure> {
        let unknown = |cause: String| {
            Failure::new(Exit::Usage, format!("no time zone '{name}'"))
                .because(cause)
                .hint("write utc, local, an offset such as +02:00, or Europe/Berlin")
        };
        if name.eq_ignore_ascii_case("utc") || name == "Z" {
            return Ok(Zone(None));
        }
        if name.eq_ignore_ascii_case("local") {
            return Ok(Zone(of_this_machine()));
        }
        if let Ok(offset) = name.parse::<FixedOffset>() {
            let zone = TimeZone::fixed(offset.local_minus_utc());
            return zone
                .map(|zone| Zone(Some(zone)))
                .map_err(|error| unknown(error.to_string()));
        }
        let is_name = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name
                .chars()
                .all(|letter| letter.is_ascii_alphanumeric() || "/_+-".contains(letter));
        if !is_name {
            return Err(unknown("it has no form of a time zone".to_owned()));
        }
        // With the colon it is a name only, never a POSIX rule, where UTC+2 lies in the west.
        TimeZone::from_posix_tz(&format!(":{name}"))
            .map(|zone| Zone(Some(zone)))
            .map_err(|_| unknown("this machine's zone database has no such name".to_owned()))
    }

    /// Seconds east of UTC at an instant in seconds since 1970.
    pub fn offset_s_at(&self, at_s: i64) -> i32 {
        self.0
            .as_ref()
            .and_then(|zone| zone.find_local_time_type(at_s).ok())
            .map_or(0, tz::LocalTimeType::ut_offset)
    }
}

impl TimeFormat {
    /// What `--time` and `--tz` ask for: without `--time`, moments are shown in the zone that is
    /// named, and in UTC where none is.
    ///
    /// # Errors
    /// As [`Zone::parse`].
    pub fn new(style: Option<TimeStyle>, zone: Option<&str>, now_us: i64) -> Result<Self, Failure> {
        let default_zone = match style {
            Some(TimeStyle::Local) => "local",
            Some(TimeStyle::Utc | TimeStyle::Relative) | None => "utc",
        };
        Ok(TimeFormat {
            zone: Zone::parse(zone.unwrap_or(default_zone))?,
            style: style.unwrap_or(TimeStyle::Local),
            now_us,
        })
    }

    /// Shows an instant in microseconds since 1970, UTC.
    pub fn show(&self, at_us: i64) -> String {
        match self.style {
            TimeStyle::Utc => format_instant(at_us),
            TimeStyle::Local => self
                .show_in_zone(at_us)
                .unwrap_or_else(|| format_instant(at_us)),
            TimeStyle::Relative => {
                let ms = self.now_us.abs_diff(at_us) / US_PER_MS * US_PER_MS;
                let suffix = if at_us <= self.now_us { "ago" } else { "ahead" };
                format!("{} {suffix}", format_duration(ms))
            }
        }
    }

    /// Shows an instant of the API, in RFC 3339; what is none is left as it is.
    pub fn show_text(&self, instant: &str) -> String {
        match DateTime::parse_from_rfc3339(instant) {
            Ok(at) => self.show(at.timestamp_micros()),
            Err(_) => instant.to_owned(),
        }
    }

    fn show_in_zone(&self, at_us: i64) -> Option<String> {
        let at = DateTime::from_timestamp_micros(at_us)?;
        let offset = FixedOffset::east_opt(self.zone.offset_s_at(at.timestamp()))?;
        let wall = at.with_timezone(&offset);
        Some(wall.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

/// As libc has it: the variable TZ where it is set, else /etc/localtime, else UTC.
fn of_this_machine() -> Option<TimeZone> {
    match std::env::var("TZ") {
        Ok(name) if !name.is_empty() => TimeZone::from_posix_tz(&name).ok(),
        Ok(_) | Err(_) => TimeZone::local().ok(),
    }
}

const US_PER_MS: u64 = 1_000;
