//! `roomledger participants`, and the people in `state`. Apart, since both list them alike.

use crate::cli::args::RoomAtArgs;
use crate::cli::commands::asking::Asking;
use crate::cli::commands::permission::in_short;
use crate::cli::failure::Failure;
use crate::cli::output::{Format, Printer, Row};
use crate::cli::terminal::Terminal;
use crate::replay::view::{ParticipantView, RoomView, TrackView};

/// Lists the participants of a room's session at a moment, those who had left too.
///
/// # Errors
/// As [`Asking::room`].
pub fn participants(
    args: &RoomAtArgs,
    asking: &Asking<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let room = asking.room(&args.room, args.at.at.as_deref(), terminal.err)?;
    list(&room, asking, terminal)?;
    tell_session(&room, asking, terminal)?;
    if room.participants.is_empty() {
        let session = match &room.session {
            Some(session) => format!("nobody had joined session {session}"),
            None => "there was no session".to_owned(),
        };
        asking.note(terminal.err, &format!("{session} in room '{}'", args.room))?;
    }
    Ok(())
}

/// Writes the people of a room.
pub(super) fn list(
    room: &RoomView,
    asking: &Asking<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let mut printer = Printer::new(terminal.out, asking.format, COLUMNS);
    for person in &room.participants {
        printer.row(&row(person, asking))?;
    }
    Ok(printer.finish()?)
}

/// Tells which session was shown, where the room had others: who was in those alone is not listed.
pub(super) fn tell_session(
    room: &RoomView,
    asking: &Asking<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let Some(shown) = &room.session else {
        return Ok(());
    };
    let sessions = asking.reader.sessions(&room.room)?;
    let others = sessions.len().saturating_sub(1);
    if asking.format != Format::Table || others == 0 {
        return Ok(());
    }
    let name = &room.room;
    let note = format!(
        "these are the people of session {shown} alone; 'roomledger sessions {name}' lists all {} \
         sessions, and --at takes a moment of another",
        sessions.len()
    );
    Ok(asking.note(terminal.err, &note)?)
}

fn row(person: &ParticipantView, asking: &Asking<'_>) -> Row {
    let show = |at: crate::domain::Timestamp| asking.times.show(at.micros());
    let last = person.timelog.last();
    let left = last.and_then(|stint| stint.end).filter(|_| !person.live);
    let cause = last.and_then(|stint| stint.cause).filter(|_| !person.live);
    let tracks: Vec<String> = person.tracks.iter().map(track).collect();
    Row {
        name: person.identity.clone(),
        cells: vec![
            person.identity.clone(),
            person.name.clone(),
            if person.live { "present" } else { "gone" }.to_owned(),
            person.permission.as_ref().map(in_short).unwrap_or_default(),
            tracks.join(", "),
            person
                .timelog
                .first()
                .map(|stint| show(stint.start))
                .unwrap_or_default(),
            left.map(show).unwrap_or_default(),
            cause.map(|cause| format!("#{cause}")).unwrap_or_default(),
        ],
        record: asking.record(person),
    }
}

fn track(track: &TrackView) -> String {
    let muted = if track.muted { " (muted)" } else { "" };
    format!("{}{muted}", track.source.as_str())
}

const COLUMNS: &[&str] = &[
    "IDENTITY", "NAME", "PRESENCE", "MAY", "TRACKS", "JOINED", "LEFT", "BECAUSE",
];
