//! `roomledger sessions`. Apart, as every command is.

use crate::cli::args::SessionsArgs;
use crate::cli::commands::asking::Asking;
use crate::cli::failure::Failure;
use crate::cli::output::{Printer, Row};
use crate::cli::terminal::Terminal;
use crate::domain::Timestamp;
use crate::replay::position::format_duration;
use crate::replay::view::SessionView;

/// Lists the sessions of a room, oldest first.
///
/// # Errors
/// As [`Asking::found`].
pub fn sessions(
    args: &SessionsArgs,
    asking: &Asking<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let sessions = asking.found(&args.room, asking.reader.sessions(&args.room))?;
    let mut printer = Printer::new(terminal.out, asking.format, COLUMNS);
    for session in &sessions {
        printer.row(&row(session, asking))?;
    }
    printer.finish()?;
    if sessions.is_empty() {
        asking.note(
            terminal.err,
            &format!("room '{}' never had a session", args.room),
        )?;
    }
    Ok(())
}

fn row(session: &SessionView, asking: &Asking<'_>) -> Row {
    let (start, end) = (session.start, session.end);
    let length = match end {
        Some(end) => format_duration(end.micros().abs_diff(start.micros())),
        None => so_far(start, asking),
    };
    let reason = session.end_reason.map(|reason| asking.record(&reason));
    Row {
        name: session.session.clone(),
        cells: vec![
            session.session.clone(),
            asking.times.show(start.micros()),
            end.map(|end| asking.times.show(end.micros()))
                .unwrap_or_default(),
            length,
            reason
                .as_ref()
                .and_then(|reason| reason.as_str())
                .unwrap_or_default()
                .to_owned(),
            session.participants.len().to_string(),
            session
                .opened
                .map(|opened| format!("#{opened}"))
                .unwrap_or_default(),
            session
                .ended
                .map(|ended| format!("#{ended}"))
                .unwrap_or_default(),
        ],
        record: asking.record(session),
    }
}

/// How long an open session has run up to the present, in whole seconds.
fn so_far(start: Timestamp, asking: &Asking<'_>) -> String {
    let until_us = asking.times.now_us.max(start.micros());
    let seconds = until_us.abs_diff(start.micros()) / SECOND_US;
    format!("{} so far", format_duration(seconds * SECOND_US))
}

const SECOND_US: u64 = 1_000_000;

const COLUMNS: &[&str] = &[
    "SESSION", "START", "END", "LENGTH", "ENDED AS", "PEOPLE", "OPENED", "ENDED",
];
