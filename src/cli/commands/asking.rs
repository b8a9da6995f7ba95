//! What all read commands have in common: the source, the zone, the form, and how a room at a
//! moment is found or missed. Apart, so that every command misses in the same words.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;

use crate::cli::commands::near::nearest;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Format;
use crate::cli::position;
use crate::cli::read::{Reader, RoomsQuery, each_room};
use crate::cli::sanitize;
use crate::cli::zone::TimeFormat;
use crate::domain::{RoomName, Timestamp};
use crate::replay::EventQuery;
use crate::replay::position::{Pos, PositionError, Span};
use crate::replay::view::RoomView;

/// One question to a log.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// The log.
    pub reader: &'a dyn Reader,
    /// How moments are read and shown.
    pub times: &'a TimeFormat,
    /// How the answer is written.
    pub format: Format,
}

impl Asking<'_> {
    /// A room at a moment, or now; tells on `err` which moment that came to.
    ///
    /// # Errors
    /// `NotFound`, with the nearest names for a room that is none, and with the ends of its
    /// history for a moment outside of it; `Usage` for what names none, also for one relative to
    /// a session of a room that had none.
    pub fn room(
        &self,
        room: &str,
        at: Option<&str>,
        err: &mut dyn Write,
    ) -> Result<RoomView, Failure> {
        let now = self.found(room, self.reader.room(room, None));
        let Some(text) = at else {
            return now;
        };
        let now = match now {
            // What it is now is not known behind a loss; what it was may be.
            Err(failure) if failure.exit == Exit::Damaged => None,
            now => Some(now?),
        };
        let session = now.as_ref().and_then(|now| self.span_of(now));
        let written = position::read(text, self.times, session)?;
        if let Some(now) = &now {
            if written.needs_session() {
                return Err(PositionError::NoSession { written }.into());
            }
            self.reached(written, now.recorded_at.micros())?;
        }
        let then = match self.reader.room(room, Some(written)) {
            Err(failure) if failure.exit == Exit::NotFound => {
                return Err(self.too_early(room, text));
            }
            then => then?,
        };
        let moment = self.times.show(then.recorded_at.micros());
        position::announce(err, then.position, &moment)?;
        Ok(then)
    }

    /// What was found in a room, or `NotFound` with the names that it may have meant.
    ///
    /// # Errors
    /// Those of `found`.
    pub fn found<T>(&self, room: &str, found: Result<T, Failure>) -> Result<T, Failure> {
        match found {
            Err(failure) if failure.exit == Exit::NotFound => Err(self.no_room(room)),
            found => found,
        }
    }

    /// Says that there is no such room.
    pub fn no_room(&self, room: &str) -> Failure {
        let mut names = Vec::new();
        let listed = each_room(self.reader, RoomsQuery::default(), &mut |summary| {
            names.push(summary.room);
            Ok(())
        });
        let failure = Failure::new(Exit::NotFound, format!("no room '{room}'"));
        if listed.is_err() {
            return failure;
        }
        let place = self.reader.place();
        let near = nearest(room, names.iter().map(String::as_str));
        match (near.is_empty(), names.is_empty()) {
            (false, _) => failure.hint(format!("did you mean {}?", near.join(", "))),
            (true, true) => failure.because(format!("no room was ever used in {place}")),
            (true, false) => failure
                .because(format!("{place} has {} others", names.len()))
                .hint("'roomledger rooms' lists them"),
        }
    }

    /// From when to when a room's latest session ran; up to the present, while it is open.
    ///
    /// # Errors
    /// As [`Asking::found`].
    pub fn span(&self, room: &str) -> Result<Option<Span>, Failure> {
        Ok(self.span_of(&self.found(room, self.reader.room(room, None))?))
    }

    /// Refuses a position that the log has not reached.
    ///
    /// # Errors
    /// `NotFound`, with the last position.
    pub fn reached_position(&self, position: u64, head: u64) -> Result<(), Failure> {
        if position <= head {
            return Ok(());
        }
        let last = format!("the last event is #{head}");
        let failure = Failure::new(Exit::NotFound, format!("no #{position} yet"));
        Err(failure.because(last).hint("@ is the newest event"))
    }

    /// A view as the API writes it.
    pub fn record(&self, view: &impl Serialize) -> Value {
        // Views hold no map with keys that are no text, which is all that could fail.
        serde_json::to_value(view).unwrap_or_default()
    }

    /// Tells what there is nothing of, where an empty answer alone would leave doubts.
    ///
    /// # Errors
    /// Those of the stream.
    pub fn note(&self, err: &mut dyn Write, nothing: &str) -> io::Result<()> {
        writeln!(err, "{}", sanitize::visible(nothing))
    }

    /// Refuses a moment that lies behind the end of the log.
    fn reached(&self, at: Pos, last_us: i64) -> Result<(), Failure> {
        match at {
            Pos::Position(position) => self.reached_position(position, self.reader.head()?),
            Pos::Time(at_us) if at_us > last_us.max(self.times.now_us) => {
                let moment = self.times.show(at_us);
                let last = format!("the last event is of {}", self.times.show(last_us));
                let failure = Failure::new(Exit::NotFound, format!("{moment} is yet to come"));
                Err(failure.because(last).hint("@ is the newest event"))
            }
            Pos::Time(_) | Pos::Head { .. } | Pos::StartPlus(_) | Pos::EndMinus(_) => Ok(()),
        }
    }

    fn too_early(&self, room: &str, at: &str) -> Failure {
        let failure = Failure::new(
            Exit::NotFound,
            format!("nothing had happened in room '{room}' at {at}"),
        );
        let first = EventQuery {
            room: RoomName::new(room).ok(),
            limit: 1,
            ..EventQuery::default()
        };
        let first = self.reader.page(&first).unwrap_or_default().events;
        match first.first() {
            Some(event) => failure.because(format!(
                "its first event is #{}, {}",
                event.position,
                self.times.show(event.recorded_at.micros())
            )),
            None => failure,
        }
    }

    fn span_of(&self, room: &RoomView) -> Option<Span> {
        let end_us = room.session_end.map(Timestamp::micros);
        let span = Span {
            start_us: room.session_start?.micros(),
            end_us: end_us.unwrap_or(Span::OPEN_US),
        };
        Some(span.until_now(self.times.now_us.max(room.recorded_at.micros())))
    }
}
