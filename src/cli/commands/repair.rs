//! `roomledger repair`: a stopped ledger put right, and what was done about it. Apart from what
//! does it. Says nothing that was not done.

use serde_json::{Value, json};

use crate::cli::args::{ContinueFrom, RepairArgs};
use crate::cli::commands::backup::told;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Format, Printer, Row};
use crate::cli::sanitize;
use crate::cli::terminal::Terminal;
use crate::domain::RoomName;
use crate::engine::{EngineError, repair_dir};
use crate::server::set_cursors_aside;
use crate::store::ledger::{Lost, LostVersions, RepairOptions, RepairReport};
use crate::store::{LogCopy, Position, Repaired};

/// Repairs a data directory: a row for each stretch that was bad, and notes on the files.
///
/// # Errors
/// `Damaged` when no copy has what is missing and its loss was not accepted, or when its files
/// belong to different histories; `InUse` beside a running server.
pub fn repair(
    args: &RepairArgs,
    format: Format,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let report = repair_dir(&args.data, repair_options(args));
    tell_repair(args, report, format, terminal)
}

/// What the arguments allow.
pub fn repair_options(args: &RepairArgs) -> RepairOptions {
    RepairOptions {
        accept_loss: args.accept_loss,
        continue_from: args.continue_from.map(|copy| match copy {
            ContinueFrom::Journal => LogCopy::Journal,
            ContinueFrom::Db => LogCopy::Sled,
        }),
    }
}

/// Tells what a repair of the log came to, and repairs what stands beside the log.
///
/// # Errors
/// As [`repair`].
pub fn tell_repair(
    args: &RepairArgs,
    report: Result<RepairReport, EngineError>,
    format: Format,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let place = args.data.display().to_string();
    let mut report = report.map_err(|error| told(&error, &place))?;
    if report.is_whole() {
        let cursors = set_cursors_aside(&args.data);
        let cursors = cursors.map_err(|error| told(&EngineError::Store(error), &place))?;
        report.notes.extend(cursors);
    }
    let rows = rows(&report);
    let mut printer = Printer::new(terminal.out, format, COLUMNS);
    rows.iter().try_for_each(|row| printer.row(row))?;
    printer.finish()?;
    for note in &report.notes {
        writeln!(terminal.err, "note: {}", sanitize::visible(note))?;
    }
    if report.is_whole() {
        if rows.is_empty() && report.notes.is_empty() {
            writeln!(terminal.err, "{place}: nothing to repair")?;
        }
        return Ok(());
    }
    let missing: Vec<String> = report.lost.iter().map(stretch).collect();
    let failure = format!("{place}: {} are in no copy", missing.join(", "));
    Err(Failure::new(Exit::Damaged, failure)
        .because("the journal and the indexed copy are damaged at the same place")
        .hint(format!(
            "put back a copy of the directory that has them; or run `roomledger repair --data \
             {place} --accept-loss`: the loss is recorded, and the ledger opens without them"
        )))
}

fn rows(report: &RepairReport) -> Vec<Row> {
    let repaired = report
        .repaired
        .iter()
        .filter(|it| it.restored)
        .map(of_repaired);
    let lost = report.lost.iter().map(of_lost);
    repaired.chain(lost).collect()
}

fn of_repaired(it: &Repaired) -> Row {
    let from = match it.copy {
        LogCopy::Journal => "healed from the indexed copy",
        LogCopy::Sled => "rebuilt from the journal",
    };
    Row {
        name: shown(it.from),
        cells: vec![
            shown(it.from),
            shown(it.to),
            it.copy.as_str().to_owned(),
            from.to_owned(),
            String::new(),
            it.problem.clone(),
        ],
        record: json!({
            "from": it.from.0,
            "to": it.to.0,
            "copy": it.copy.as_str(),
            "done": from,
            "rooms": [],
            "problem": it.problem,
        }),
    }
}

fn of_lost(it: &Lost) -> Row {
    let done = if it.is_accepted {
        "recorded as lost"
    } else {
        "nothing: no copy has it"
    };
    let problem = "damaged in the journal and in the indexed copy";
    let rooms: Vec<String> = it.rooms.iter().map(versions).collect();
    let records: Vec<Value> = it.rooms.iter().map(record).collect();
    Row {
        name: shown(it.from),
        cells: vec![
            shown(it.from),
            it.to.map(shown).unwrap_or_default(),
            "both".to_owned(),
            done.to_owned(),
            rooms.join(", "),
            problem.to_owned(),
        ],
        record: json!({
            "from": it.from.0,
            "to": it.to.map(|to| to.0),
            "copy": "both",
            "done": done,
            "rooms": records,
            "problem": problem,
        }),
    }
}

fn versions(it: &LostVersions) -> String {
    let room = it
        .room
        .as_ref()
        .map_or("the ledger itself", RoomName::as_str);
    match it.to {
        Some(to) => format!("{room} @{}..@{to}", it.from),
        None => format!("{room} from @{} on", it.from),
    }
}

fn record(it: &LostVersions) -> Value {
    let room = it.room.as_ref().map(RoomName::as_str);
    json!({"room": room, "from_version": it.from, "to_version": it.to})
}

fn stretch(it: &Lost) -> String {
    it.to.map_or_else(
        || format!("positions from #{} on", it.from),
        |to| format!("positions #{} to #{to}", it.from),
    )
}

fn shown(position: Position) -> String {
    format!("#{position}")
}

const COLUMNS: &[&str] = &["FROM", "TO", "COPY", "DONE", "ROOMS", "PROBLEM"];
