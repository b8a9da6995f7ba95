//! `roomledger who`. Apart, as every command is; the answers themselves come from `replay`.

use crate::cli::args::WhoArgs;
use crate::cli::commands::asking::Asking;
use crate::cli::failure::Failure;
use crate::cli::output::{Printer, Row};
use crate::cli::terminal::Terminal;
use crate::domain::Timestamp;
use crate::replay::position::Pos;
use crate::replay::view::{ActorView, RoomView};
use crate::replay::{Ability, Presence, Removal};

/// Lists who could do something, was there, or had been removed at a moment.
///
/// # Errors
/// As [`Asking::room`]; with `--exit-code`, a plain "no" when there is nobody.
pub fn who(
    args: &WhoArgs,
    asking: &Asking<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let room = asking.room(&args.room, args.at.at.as_deref(), terminal.err)?;
    let at = Pos::Position(room.position);
    let (columns, rows) = if args.removed {
        let found = asking.reader.removals(&args.room, at)?;
        let rows = found.iter().map(|one| removal(one, asking));
        (REMOVED, rows.collect::<Vec<Row>>())
    } else {
        let found = asking.reader.present(&args.room, at, args.can)?;
        let could = args.can.is_some();
        let rows = found.iter().map(|one| presence(one, could, asking));
        (if could { ABLE } else { PRESENT }, rows.collect())
    };
    let mut printer = Printer::new(terminal.out, asking.format, columns);
    for row in &rows {
        printer.row(row)?;
    }
    printer.finish()?;
    if rows.is_empty() {
        asking.note(terminal.err, &nobody(args, &room))?;
        if args.exit_code {
            return Err(Failure::no());
        }
    }
    Ok(())
}

fn presence(one: &Presence, could: bool, asking: &Asking<'_>) -> Row {
    let show = |at: Timestamp| asking.times.show(at.micros());
    let because = position(one.because);
    let mut cells = vec![one.identity.clone(), one.name.clone()];
    if could {
        let live = one.live.map(yes_or_no).unwrap_or_default();
        cells.extend([
            show(one.since),
            because,
            show(one.joined_at),
            live.to_owned(),
        ]);
    } else {
        cells.extend([show(one.joined_at), because]);
    }
    cells.push(one.connection.clone());
    Row {
        name: one.identity.clone(),
        cells,
        record: asking.record(one),
    }
}

fn removal(one: &Removal, asking: &Asking<'_>) -> Row {
    let actor = one.actor.as_ref();
    let back = if one.never_left && !one.is_back {
        "never left"
    } else {
        yes_or_no(one.is_back)
    };
    Row {
        name: one.identity.clone(),
        cells: vec![
            one.identity.clone(),
            one.name.clone(),
            asking.times.show(one.at.micros()),
            actor.map(ActorView::name).unwrap_or_default(),
            one.reason.clone().unwrap_or_default(),
            position(one.because),
            back.to_owned(),
            one.session.clone(),
        ],
        record: asking.record(one),
    }
}

fn position(position: Option<u64>) -> String {
    position.map(|at| format!("#{at}")).unwrap_or_default()
}

const fn yes_or_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}

fn nobody(args: &WhoArgs, room: &RoomView) -> String {
    let name = &args.room;
    let what = match args.can {
        _ if args.removed => {
            return format!("nobody had been removed in any session of room '{name}'");
        }
        None => "was present".to_owned(),
        Some(Ability::Publish(None)) => "could publish".to_owned(),
        Some(Ability::Publish(Some(source))) => format!("could publish {}", source.as_str()),
        Some(Ability::SendData) => "could send data".to_owned(),
    };
    match &room.session {
        Some(session) => {
            let of = room.participants.len();
            format!("nobody {what}, of {of} participants of session {session} of room '{name}'")
        }
        None => format!("nobody {what}: room '{name}' had had no session"),
    }
}

const PRESENT: &[&str] = &["IDENTITY", "NAME", "JOINED", "BECAUSE", "CONNECTION"];
const ABLE: &[&str] = &[
    "IDENTITY",
    "NAME",
    "SINCE",
    "BECAUSE",
    "JOINED",
    "LIVE",
    "CONNECTION",
];
const REMOVED: &[&str] = &[
    "IDENTITY", "NAME", "AT", "BY", "WHY", "BECAUSE", "BACK", "SESSION",
];
