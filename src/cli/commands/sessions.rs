//! `roomledger sessions`. Apart, as every command is.

use crate::cli::args::SessionsArgs;
use crate::cli::commands::asking::Asking;
use crate::cli::failure::Failure;
use crate::cli::output::{Printer, Row};
use crate::cli::terminal::Terminal;
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
    let length = end.map(|end| format_duration(end.micros().abs_diff(start.micros())));
    let reason = session.end_reason.map(|reason| asking.record(&reason));
    Row {
        name: session.session.clone(),
        cells: vec![
            session.session.clone(),
            asking.times.show(start.micros()),
            end.map(|end| asking.times.show(end.micros()))
                .unwrap_or_default(),
            length.unwrap_or_default(),
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

const COLUMNS: &[&str] = &[
    "SESSION", "START", "END", "LENGTH", "ENDED AS", "PEOPLE", "OPENED", "ENDED",
];
