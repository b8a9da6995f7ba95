//! `repair` and `restore` with their record: the store puts a stopped ledger right, and what it
//! did, and what was lost and accepted, become events of the log itself. Apart from an engine on
//! purpose: nothing is decided here, and no start of a server is recorded.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::batch::repair_fact;
use super::clock::{Clock, IdSource, RandomIds, SystemClock, goes_on};
use super::error::EngineError;
use crate::domain::event::{HistoryRepaired, LossAccepted, NoteAbout, NoteAdded};
use crate::domain::{
    ActorKind, Event, NewEvent, Personal, Provenance, RULESET, RoomName, Timestamp, Version,
};
use crate::store::ledger::{
    BackupReport, Ledger, LedgerOptions, Lost, RepairOptions, RepairReport, boot_id, copy_to_new,
};
use crate::store::{
    CommandHeader, CommandRecord, Commit, EventStore, NewRecord, Outcome, Position, StoreError,
};

/// Repairs the ledger below `dir` with the machine's clock and entropy. See [`repair`].
///
/// # Errors
/// As [`repair`]; [`EngineError::Start`] without entropy.
pub fn repair_dir(dir: &Path, how: RepairOptions) -> Result<RepairReport, EngineError> {
    let ids = RandomIds::new()?;
    let epoch = u64::try_from(ids.draw() >> 64).unwrap_or_default();
    let options = LedgerOptions::new(epoch, ids.draw().to_le_bytes(), boot_id());
    repair(dir, options, how, SystemClock::new().wall())
}

/// Restores a ledger from a backup into a new directory with the machine's clock and entropy. See
/// [`restore`].
///
/// # Errors
/// As [`restore`]; [`EngineError::Start`] without entropy.
pub fn restore_dir(from: &Path, to: &Path) -> Result<BackupReport, EngineError> {
    let ids = RandomIds::new()?;
    let epoch = u64::try_from(ids.draw() >> 64).unwrap_or_default();
    let options = LedgerOptions::new(epoch, ids.draw().to_le_bytes(), boot_id());
    restore(from, to, options, SystemClock::new().wall())
}

/// Restores a ledger from a backup, or from any data directory, into one that does not exist yet:
/// copies and verifies the journal, builds the indexed copy, and records that this was done. With
/// that event the chain goes on differently than wherever the backup was taken from: the two can
/// no longer be taken for one history (log.md rule 10).
///
/// # Errors
/// [`EngineError::Store`]: `Refused` when there is something at `to`; `Corrupt` where the backup is
/// damaged; `Io`.
pub fn restore(
    from: &Path,
    to: &Path,
    options: LedgerOptions,
    now: Timestamp,
) -> Result<BackupReport, EngineError> {
    let copied = copy_to_new(from, to)?;
    let options = LedgerOptions {
        open_wait: REBUILD_WAIT,
        read_wait: REBUILD_WAIT,
        ..options
    };
    let (ledger, _) = Ledger::open(to, options)?;
    let restored = HistoryRepaired {
        from: copied.to.position.0.min(1),
        to: copied.to.position.0,
        copy: BACKUP.to_owned(),
    };
    append(
        &ledger,
        vec![(None, Event::from(restored))],
        "restore",
        &[],
        now,
    )?;
    ledger.close()?;
    Ok(copied)
}

/// Repairs a stopped ledger, rebuilds its indexed copy where it has to, records what was done, and
/// closes it. Where `how` accepts losses, what no copy has is recorded as lost, and each room that
/// is known to lack events gets a note; else such a ledger is left as it is, and the report says
/// what is missing.
///
/// # Errors
/// [`EngineError::Store`]: `Locked` while a server has it, `Refused` where its files belong to
/// different histories and `how` chooses none, `Io`.
pub fn repair(
    dir: &Path,
    options: LedgerOptions,
    how: RepairOptions,
    now: Timestamp,
) -> Result<RepairReport, EngineError> {
    let mut report = crate::store::ledger::repair(dir, &options, how)?;
    if !report.is_whole() {
        return Ok(report);
    }
    let options = LedgerOptions {
        open_wait: REBUILD_WAIT,
        read_wait: REBUILD_WAIT,
        ..options
    };
    let (ledger, opened) = Ledger::open(dir, options)?;
    report.repaired.extend(opened.repairs);
    report.notes.extend(opened.notes);
    record(&ledger, &report, now)?;
    ledger.close()?;
    Ok(report)
}

fn record(ledger: &Ledger, report: &RepairReport, now: Timestamp) -> Result<(), StoreError> {
    let known = accepted_before(ledger)?;
    let is_new = |lost: &&Lost| !known.contains(&reach(lost));
    let lost: Vec<&Lost> = report.lost.iter().filter(is_new).collect();
    let mut facts: Vec<(Option<RoomName>, Event)> = Vec::new();
    facts.extend(
        report
            .repaired
            .iter()
            .filter_map(repair_fact)
            .map(|fact| (None, fact)),
    );
    for lost in lost {
        let (from, to) = reach(lost);
        let copy = BOTH.to_owned();
        facts.push((None, Event::from(LossAccepted { from, to, copy })));
        facts.extend(lost.rooms.iter().filter_map(|it| {
            let room = it.room.clone()?;
            let versions = it.to.map_or_else(
                || format!("from version {} on", it.from),
                |to| format!("versions {} to {to}", it.from),
            );
            let text = format!(
                "Positions {from} to {to} of the log are lost, and with them {versions} of this \
                 room: what it shows from there on is incomplete."
            );
            let (about, text) = (NoteAbout::Room, Personal::new(text));
            Some((Some(room), Event::from(NoteAdded { about, text })))
        }));
    }
    append(ledger, facts, "repair", &report.lost, now)
}

fn append(
    ledger: &Ledger,
    facts: Vec<(Option<RoomName>, Event)>,
    by: &str,
    lost: &[Lost],
    now: Timestamp,
) -> Result<(), StoreError> {
    if facts.is_empty() {
        return Ok(());
    }
    let recorded_at = last_time(ledger, lost)?.map_or(now, |last| goes_on(now, last));
    let header = CommandHeader {
        recorded_at,
        wall_at: now,
        ruleset: RULESET,
        provenance: Provenance::of_engine(ActorKind::System, by),
        request: None,
        outcome: Outcome::Accepted,
    };
    let commands = vec![CommandRecord {
        header: Arc::new(header),
        events: numbered(ledger, facts)?,
    }];
    ledger.append(&Commit { commands }).map(drop)
}

fn numbered(
    ledger: &Ledger,
    facts: Vec<(Option<RoomName>, Event)>,
) -> Result<Vec<NewRecord>, StoreError> {
    let mut heads: BTreeMap<Option<RoomName>, Version> = BTreeMap::new();
    let mut events = Vec::new();
    for (room, event) in facts {
        let before = match heads.get(&room) {
            Some(version) => *version,
            None => ledger.room_head(room.as_ref())?,
        };
        let version = before.next();
        heads.insert(room.clone(), version);
        let event = NewEvent {
            event,
            cause: None,
            occurred_at: None,
        };
        events.push(NewRecord {
            room,
            version,
            event,
        });
    }
    Ok(events)
}

/// The losses that are on record.
fn accepted_before(ledger: &Ledger) -> Result<Vec<(u64, u64)>, StoreError> {
    let mut found = Vec::new();
    let mut after = Version(0);
    loop {
        let page = ledger.read_room(None, after, PAGE)?;
        let Some(last) = page.last() else {
            return Ok(found);
        };
        after = last.version;
        for record in &page {
            if let Event::LossAccepted(it) = &record.event.event {
                found.push((it.from, it.to));
            }
        }
    }
}

/// When the last event was recorded: the ledger's time never goes back. At the end of the log
/// there may be nothing but a loss.
fn last_time(ledger: &Ledger, lost: &[Lost]) -> Result<Option<Timestamp>, StoreError> {
    let before = lost.iter().map(|lost| lost.from.0.saturating_sub(1));
    let mut last = None;
    for position in before.chain([ledger.head().position.0]) {
        let Some(after) = position.checked_sub(1) else {
            continue;
        };
        let found = ledger.read_all(Position(after), 1)?;
        last = last.max(found.first().map(|record| record.command.recorded_at));
    }
    Ok(last)
}

fn reach(lost: &Lost) -> (u64, u64) {
    let to = lost.to.unwrap_or(lost.from);
    (lost.from.0, to.0)
}

/// What `loss_accepted` says was damaged.
const BOTH: &str = "both";
/// What `history_repaired` calls a backup.
const BACKUP: &str = "backup";
const PAGE: usize = 1_024;
/// A rebuild of the indexed copy has the time that it takes.
const REBUILD_WAIT: Duration = Duration::from_secs(24 * 60 * 60);
