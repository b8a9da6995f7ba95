//! `roomledger rooms`. Apart, as every command is.

use crate::cli::args::RoomsArgs;
use crate::cli::commands::asking::Asking;
use crate::cli::failure::Failure;
use crate::cli::output::{Printer, Row};
use crate::cli::read::{RoomsQuery, each_room};
use crate::cli::terminal::Terminal;
use crate::replay::view::RoomSummary;

/// Lists the rooms.
///
/// # Errors
/// As [`crate::cli::read::Reader::rooms`].
pub fn rooms(
    args: &RoomsArgs,
    asking: &Asking<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let query = RoomsQuery {
        prefix: args.prefix.clone(),
        live: args.live,
        cursor: None,
    };
    let mut printer = Printer::new(terminal.out, asking.format, COLUMNS);
    let mut is_empty = true;
    each_room(asking.reader, query, &mut |room| {
        is_empty = false;
        Ok(printer.row(&row(&room, asking))?)
    })?;
    printer.finish()?;
    if is_empty {
        let which = match (args.live, &args.prefix) {
            (true, None) => "no room has an open session".to_owned(),
            (false, None) => "no room was ever used".to_owned(),
            (true, Some(prefix)) => format!("no room with an open session begins with '{prefix}'"),
            (false, Some(prefix)) => format!("no room begins with '{prefix}'"),
        };
        asking.note(
            terminal.err,
            &format!("{which} in {}", asking.reader.place()),
        )?;
    }
    Ok(())
}

fn row(room: &RoomSummary, asking: &Asking<'_>) -> Row {
    Row {
        name: room.room.clone(),
        cells: vec![
            room.room.clone(),
            if room.live { "open" } else { "closed" }.to_owned(),
            room.participants.to_string(),
            room.session.clone().unwrap_or_default(),
            asking.times.show(room.recorded_at.micros()),
            room.version.to_string(),
        ],
        record: asking.record(room),
    }
}

const COLUMNS: &[&str] = &[
    "ROOM",
    "SESSION",
    "PARTICIPANTS",
    "SID",
    "LAST EVENT",
    "VERSION",
];
