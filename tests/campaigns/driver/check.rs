//! Opens what is left, and compares it with what was acknowledged: everything there, once, where it
//! was said to be, in order, whole; repeats are recognised; new commands are taken; `verify` finds
//! nothing, in either copy. Apart from the load, of which it believes only the acknowledgements.
//!
//! Prints one line of JSON.

use std::collections::BTreeMap;
use std::sync::Arc;

use roomledger::domain::Event;
use roomledger::engine::Engine;
use roomledger::store::journal::{JournalReader, RealDisk};
use roomledger::store::ledger::verify;
use roomledger::store::{EventStore, LogCopy, Position, Record};
use serde_json::json;

use super::Fallible;
use super::acks::{self, Acknowledged, Turn};
use super::options::{Options, READ_WAIT};

pub(crate) fn run(options: &Options) -> Fallible<u8> {
    let acknowledged = acks::read(&options.acks, options.acks_bytes)?;
    let count: usize = acknowledged.values().map(BTreeMap::len).sum();
    // Where sled stood is a part of the report only once it is open.
    let options = &Options {
        open_wait: READ_WAIT,
        ..options.clone()
    };
    let (engine, report) = match options.open() {
        Ok(opened) => opened,
        Err(error) => {
            let problem = error.to_string();
            println!(
                "{}",
                json!({"acknowledged": count, "opens": false, "problem": problem})
            );
            return Ok(3);
        }
    };
    let sled_behind_bytes = match report.copy_found_at {
        Some(position) => Some(bytes_between(options, position, report.head.position)?),
        None => None,
    };
    let mut found = Found::default();
    found.walk(&**engine.store())?;
    found.compare(&acknowledged);
    found.go_on(&engine, &acknowledged)?;
    if let Err(error) = engine.shutdown_blocking() {
        found.problem("shutdown", &error.to_string());
    }
    drop(engine);
    match verify(&options.data, true, &mut |_| ()) {
        Ok(verified) => {
            let problems = verified.problems.iter().map(ToString::to_string);
            problems.for_each(|problem| found.problem("verify", &problem));
        }
        Err(error) => found.problem("verify", &error.to_string()),
    }
    let repaired = |copy| report.repairs.iter().filter(|one| one.copy == copy).count();
    // Nothing that was synced can be damaged by what the campaigns do.
    if repaired(LogCopy::Journal) > 0 {
        found.problem("journal healed", &format!("{:?}", report.repairs));
    }
    println!(
        "{}",
        json!({
            "acknowledged": count,
            "opens": true,
            "commands": found.commands,
            "lost": found.lost,
            "torn": found.torn,
            "sled_rebuilt": repaired(LogCopy::Sled),
            "sled_behind_bytes": sled_behind_bytes,
            "was_clean": report.was_clean,
            "notes": report.notes,
            "repairs": report.repairs.iter().map(|one| &one.problem).collect::<Vec<_>>(),
            "problems": found.problems,
        })
    );
    Ok(if found.problems.is_empty() { 0 } else { 5 })
}

/// How many bytes of the journal lie behind `after`, up to `last`.
fn bytes_between(options: &Options, after: Position, last: Position) -> Fallible<u64> {
    let reader = JournalReader::open(Arc::new(RealDisk), &options.data)?;
    let mut bytes = 0;
    for frame in reader.frames_from(after.next().0)? {
        let frame = frame?;
        if frame.first_position() > last.0 {
            break;
        }
        bytes += u64::try_from(frame.bytes().len())?;
    }
    Ok(bytes)
}

/// What stands in the log.
#[derive(Default)]
struct Found {
    /// By caller and turn: the positions at which it stands.
    turns: BTreeMap<u64, BTreeMap<u64, Vec<u64>>>,
    commands: u64,
    lost: u64,
    torn: u64,
    problems: Vec<String>,
}

impl Found {
    /// Reads everything, as a caller reads history.
    fn walk(&mut self, store: &dyn EventStore) -> Fallible<()> {
        let mut after = Position(0);
        loop {
            let records = match store.read_all(after, PAGE) {
                Ok(records) => records,
                Err(error) => {
                    self.problem("read", &error.to_string());
                    return Ok(());
                }
            };
            let Some(last) = records.last() else {
                break;
            };
            if last.position.0 - after.0 != u64::try_from(records.len())? {
                self.problem("positions", &format!("not dense after {after}"));
            }
            after = last.position;
            for record in &records {
                self.record(record);
            }
        }
        if after != store.head().position {
            self.problem("head", &format!("history ends at {after}"));
        }
        Ok(())
    }

    fn record(&mut self, record: &Record) {
        let request_id = record.command.provenance.request_id.as_deref();
        let Some(turn) = request_id.and_then(Turn::parse) else {
            return;
        };
        self.commands += 1;
        let turns = self.turns.entry(turn.caller).or_default();
        turns
            .entry(turn.number)
            .or_default()
            .push(record.position.0);
        let is_whole = matches!(
            &record.event.event,
            Event::RoomMetadataChanged(changed) if changed.metadata.as_str() == turn.metadata()
        );
        if !is_whole {
            self.torn += 1;
            self.problem("torn", &format!("{turn:?} at {}", record.position));
        }
    }

    fn compare(&mut self, acknowledged: &Acknowledged) {
        let mut problems = Vec::new();
        for (caller, turns) in acknowledged {
            for (number, (_, position)) in turns {
                let here = self.turns.get(caller).and_then(|turns| turns.get(number));
                if here.is_none() {
                    self.lost += 1;
                }
                if here.is_none_or(|here| here != &[*position]) {
                    let what = format!("{caller}/{number} was acknowledged at {position}");
                    problems.push(format!("{what}, stands at {here:?}"));
                }
            }
        }
        for (caller, turns) in &self.turns {
            let mut before = 0;
            for ((number, positions), expected) in turns.iter().zip(0..) {
                let position = positions.first().copied().unwrap_or_default();
                if *number != expected || positions.len() != 1 || position <= before {
                    problems.push(format!("{caller}/{number} stands at {positions:?}"));
                }
                before = position;
            }
        }
        for what in &problems {
            self.problem("order", what);
        }
    }

    /// The last acknowledged command of a few callers, again, and a next one.
    fn go_on(&mut self, engine: &Engine, acknowledged: &Acknowledged) -> Fallible<()> {
        for (caller, turns) in acknowledged.iter().take(CALLERS_REPEATED) {
            let Some((number, (bytes, position))) = turns.last_key_value() else {
                continue;
            };
            let turn = |number| Turn {
                caller: *caller,
                number,
                bytes: *bytes,
            };
            match engine.execute_blocking(turn(*number).call()?) {
                Ok(receipt) if receipt.replayed && receipt.position.0 == *position => {}
                other => self.problem("repeat", &format!("{caller}/{number}: {other:?}")),
            }
            let last = self.turns.get(caller).and_then(|turns| turns.keys().last());
            let next = last.map_or(0, |last| last + 1);
            match engine.execute_blocking(turn(next).call()?) {
                Ok(receipt) if !receipt.replayed => {}
                other => self.problem("next", &format!("{caller}/{next}: {other:?}")),
            }
        }
        Ok(())
    }

    fn problem(&mut self, what: &str, detail: &str) {
        if self.problems.len() < PROBLEMS_MAX {
            let short: String = detail.chars().take(400).collect();
            self.problems.push(format!("{what}: {short}"));
        }
    }
}

/// Records read at once: a few pages of 64 KiB metadata stay small.
const PAGE: usize = 256;
const CALLERS_REPEATED: usize = 4;
/// Enough to see what is wrong.
const PROBLEMS_MAX: usize = 20;
