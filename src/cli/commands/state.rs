//! `roomledger state`. Apart, as every command is.

use crate::cli::args::RoomAtArgs;
use crate::cli::commands::asking::Asking;
use crate::cli::commands::people;
use crate::cli::failure::Failure;
use crate::cli::output::{Format, Row, write_record};
use crate::cli::terminal::Terminal;
use crate::replay::view::RoomView;

/// Prints a room as it was at a moment; for people, with the list of who was in it.
///
/// # Errors
/// As [`Asking::room`].
pub fn state(
    args: &RoomAtArgs,
    asking: &Asking<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let room = asking.room(&args.room, args.at.at.as_deref(), terminal.err)?;
    write_record(terminal.out, asking.format, &row(&room, asking), COLUMNS)?;
    if asking.format == Format::Table && !room.participants.is_empty() {
        writeln!(terminal.out)?;
        people::list(&room, asking, terminal)?;
        people::tell_session(&room, asking, terminal)?;
    }
    Ok(())
}

fn row(room: &RoomView, asking: &Asking<'_>) -> Row {
    let show = |at: crate::domain::Timestamp| asking.times.show(at.micros());
    let bans: Vec<&str> = room.bans.iter().map(|ban| ban.identity.as_str()).collect();
    let revoked = room.revocations.iter();
    let revoked: Vec<&str> = revoked
        .map(|one| one.identity.as_deref().unwrap_or("everybody"))
        .collect();
    Row {
        name: room.room.clone(),
        cells: vec![
            room.room.clone(),
            format!("#{}, version {}", room.position, room.version),
            show(room.recorded_at),
            room.session.clone().unwrap_or_default(),
            room.session_start.map(show).unwrap_or_default(),
            room.session_end.map(show).unwrap_or_default(),
            format!(
                "{} ({} connections)",
                room.counts.participants, room.counts.connections
            ),
            room.metadata.clone(),
            bans.join(", "),
            revoked.join(", "),
        ],
        record: asking.record(room),
    }
}

const COLUMNS: &[&str] = &[
    "ROOM",
    "AS OF",
    "LAST EVENT",
    "SESSION",
    "BEGAN",
    "ENDED",
    "PRESENT",
    "METADATA",
    "BANNED",
    "TOKENS REVOKED",
];
