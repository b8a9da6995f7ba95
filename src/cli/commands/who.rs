//! `roomledger who`. Apart, as every command is; the answers themselves come from `replay`.

use crate::cli::args::{Right, WhoArgs};
use crate::cli::commands::asking::Asking;
use crate::cli::failure::Failure;
use crate::cli::output::{Printer, Row};
use crate::cli::terminal::Terminal;
use crate::replay::view::{EventView, RoomView};
use crate::replay::{Ability, Presence, Removal, able, present, removed};

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
    let found = match &args.can {
        _ if args.removed => list_removed(&removed(&room), asking, terminal)?,
        None => list_present(&present(&room), asking, terminal)?,
        Some(right) => list_present(&able(&room, ability(right)), asking, terminal)?,
    };
    if found == 0 {
        asking.note(terminal.err, &nobody(args, &room))?;
        if args.exit_code {
            return Err(Failure::no());
        }
    }
    Ok(())
}

fn list_present(
    found: &[Presence],
    asking: &Asking<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<usize, Failure> {
    let mut printer = Printer::new(terminal.out, asking.format, PRESENT);
    for one in found {
        printer.row(&Row {
            name: one.identity.clone(),
            cells: vec![
                one.identity.clone(),
                one.name.clone(),
                asking.times.show(one.since.micros()),
                one.because
                    .map(|because| format!("#{because}"))
                    .unwrap_or_default(),
                one.connection.clone(),
            ],
            record: asking.record(one),
        })?;
    }
    printer.finish()?;
    Ok(found.len())
}

fn list_removed(
    found: &[Removal],
    asking: &Asking<'_>,
    terminal: &mut Terminal<'_>,
) -> Result<usize, Failure> {
    let mut printer = Printer::new(terminal.out, asking.format, REMOVED);
    for one in found {
        let request = one
            .because
            .map(|because| asking.reader.event(because))
            .transpose()?;
        let request = request.map(|detail| detail.event);
        printer.row(&removal(one, request.as_ref(), asking))?;
    }
    printer.finish()?;
    Ok(found.len())
}

fn removal(one: &Removal, request: Option<&EventView>, asking: &Asking<'_>) -> Row {
    let reason = request.and_then(|request| request.reason.clone());
    let mut record = asking.record(one);
    if let (Some(fields), Some(request)) = (record.as_object_mut(), request) {
        fields.insert("actor".to_owned(), asking.record(&request.actor));
        fields.insert("reason".to_owned(), reason.clone().into());
    }
    Row {
        name: one.identity.clone(),
        cells: vec![
            one.identity.clone(),
            one.name.clone(),
            asking.times.show(one.at.micros()),
            request
                .map(|request| request.actor.name())
                .unwrap_or_default(),
            reason.unwrap_or_default(),
            one.because
                .map(|because| format!("#{because}"))
                .unwrap_or_default(),
            if one.is_back { "yes" } else { "no" }.to_owned(),
        ],
        record,
    }
}

fn ability(right: &Right) -> Ability {
    match right {
        Right::Publish(None) => Ability::Publish(None),
        Right::Publish(Some(source)) => Ability::Publish(Some(*source)),
        Right::Data => Ability::SendData,
    }
}

fn nobody(args: &WhoArgs, room: &RoomView) -> String {
    let what = match &args.can {
        _ if args.removed => "had been removed".to_owned(),
        None => "was present".to_owned(),
        Some(Right::Publish(None)) => "could publish".to_owned(),
        Some(Right::Publish(Some(source))) => format!("could publish {}", source.as_str()),
        Some(Right::Data) => "could send data".to_owned(),
    };
    let of = room.participants.len();
    format!(
        "nobody {what}, of {of} participants of room '{}'",
        args.room
    )
}

const PRESENT: &[&str] = &["IDENTITY", "NAME", "SINCE", "BECAUSE", "CONNECTION"];
const REMOVED: &[&str] = &["IDENTITY", "NAME", "AT", "BY", "WHY", "BECAUSE", "BACK"];
