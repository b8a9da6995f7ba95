//! `roomledger backup` and `roomledger restore`. Apart from what copies. Neither writes to what it
//! reads from.

use std::path::Path;

use serde_json::json;

use crate::cli::args::{BackupArgs, RestoreArgs};
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::{Format, Row, write_record};
use crate::cli::read::failure_of;
use crate::cli::sanitize;
use crate::cli::terminal::Terminal;
use crate::engine::{EngineError, restore_dir};
use crate::store::ledger::{self, BackupReport};
use crate::store::{Position, StoreError};

/// Copies a ledger, or adds what is new since the last time.
///
/// # Errors
/// `Damaged` where the ledger is damaged, or the backup belongs to another log or history; `InUse`
/// while another backup writes there; `Usage` where the ledger would be copied into itself.
pub fn backup(
    args: &BackupArgs,
    format: Format,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let place = args.data.display().to_string();
    let done = ledger::backup(&args.data, &args.to).map_err(|error| {
        let unsuited = unsuited(&error, &args.to, "back up");
        unsuited.unwrap_or_else(|| failure_of(&error, &place))
    })?;
    write_record(terminal.out, format, &row(&done), COLUMNS)?;
    notes(&done, terminal)
}

/// Makes a ledger from a backup.
///
/// # Errors
/// `Damaged` where the backup is damaged; `Usage` where something is in the way.
pub fn restore(
    args: &RestoreArgs,
    format: Format,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let place = args.from.display().to_string();
    let done = restore_dir(&args.from, &args.data).map_err(|error| {
        let unsuited = if let EngineError::Store(error) = &error {
            unsuited(error, &args.data, "restore")
        } else {
            None
        };
        unsuited.unwrap_or_else(|| told(&error, &place))
    })?;
    write_record(terminal.out, format, &row(&done), COLUMNS)?;
    notes(&done, terminal)?;
    writeln!(
        terminal.err,
        "note: from #{} on this is a history of its own: if the ledger that the backup was taken \
         from still runs, only one of the two should go on",
        done.to.position.next()
    )?;
    Ok(())
}

/// Of a directory that nothing can be copied into: the command line is wrong, no log is damaged.
fn unsuited(error: &StoreError, to: &Path, what: &str) -> Option<Failure> {
    let StoreError::Refused { path, problem } = error else {
        return None;
    };
    let failure = || Failure::new(Exit::Usage, format!("cannot {what} into {path}"));
    (Path::new(path) == to).then(|| failure().because(problem))
}

/// Of an engine that was asked about a directory.
pub(super) fn told(error: &EngineError, place: &str) -> Failure {
    if let EngineError::Store(error) = error {
        failure_of(error, place)
    } else {
        Failure::new(Exit::No, error.to_string())
    }
}

/// What to know of the end of a copy (log.md rule 11).
fn notes(done: &BackupReport, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    for note in &done.notes {
        writeln!(terminal.err, "note: {}", sanitize::visible(note))?;
    }
    if let Some((first, last)) = done.unsealed {
        writeln!(
            terminal.err,
            "note: positions {first}..={last} are copied, and not sealed: a server is writing, or \
             was stopped before anything followed them"
        )?;
    }
    if let Some((first, last)) = done.replaced {
        writeln!(
            terminal.err,
            "note: positions {first}..={last} of the backup were not sealed, and are no longer in \
             the ledger: what it has there was copied, and they are kept in aside/"
        )?;
    }
    Ok(())
}

fn row(done: &BackupReport) -> Row {
    let (from, to) = (done.from, done.to.position);
    let added = to.0.saturating_sub(from.0);
    Row {
        name: format!("#{to}"),
        cells: vec![
            format!("#{to}"),
            added.to_string(),
            done.bytes.to_string(),
            done.to.chain.to_string(),
        ],
        record: json!({
            "position": to.0,
            "events_added": added,
            "bytes_added": done.bytes,
            "chain": done.to.chain.to_string(),
            "unsealed": done.unsealed.map(reach),
            "replaced": done.replaced.map(reach),
        }),
    }
}

fn reach((first, last): (Position, Position)) -> [u64; 2] {
    [first.0, last.0]
}

const COLUMNS: &[&str] = &["LAST", "EVENTS ADDED", "BYTES ADDED", "CHAIN"];
