//! Moments as the command line reads and shows them: the grammar of `replay::position` in the
//! reader's zone. Apart from the grammar, which knows neither flags nor words for people.

use std::io::{self, Write};

use crate::cli::failure::{Exit, Failure};
use crate::cli::zone::TimeFormat;
use crate::replay::position::{Frame, Pos, PosRange, PositionError, Span};

/// Reads a moment; against a session, `start+5m` and `end-30s` become instants.
///
/// # Errors
/// `Usage`, with what the grammar says.
pub fn read(text: &str, times: &TimeFormat, session: Option<Span>) -> Result<Pos, Failure> {
    let written = in_frame(times, session, |frame| Pos::parse(text, frame))?;
    Ok(session.map_or(written, |session| written.anchored(session)))
}

/// Reads the ends of a range in the same way.
///
/// # Errors
/// As [`read`].
pub fn range(
    since: Option<&str>,
    until: Option<&str>,
    times: &TimeFormat,
    session: Option<Span>,
) -> Result<PosRange, Failure> {
    let written = in_frame(times, session, |frame| PosRange::of(since, until, frame))?;
    let anchored = |at: Pos| session.map_or(at, |session| at.anchored(session));
    Ok(PosRange {
        from: written.from.map(anchored),
        to: written.to.map(anchored),
    })
}

/// Tells which event and instant a moment came to, so that an ambiguous time is noticed.
///
/// # Errors
/// Those of the stream.
pub fn announce(err: &mut dyn Write, position: u64, moment: &str) -> io::Result<()> {
    writeln!(err, "at #{position}, {moment}")
}

fn in_frame<T>(times: &TimeFormat, session: Option<Span>, read: impl FnOnce(&Frame<'_>) -> T) -> T {
    let offset_s_at = |at_s| times.zone.offset_s_at(at_s);
    read(&Frame {
        now_us: times.now_us,
        session,
        offset_s_at: &offset_s_at,
    })
}

impl From<PositionError> for Failure {
    fn from(error: PositionError) -> Self {
        Failure::new(Exit::Usage, error.to_string())
    }
}
