//! The background scrub: what went bad since it was written is healed or told, and counted.

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use roomledger::domain::Event;
use roomledger::engine::{Engine, EngineConfig, ManualClock, SeededIds};
use roomledger::store::ledger::{Ledger, LedgerOptions};
use roomledger::store::{Caches as _, EventStore as _, LogCopy, Position, Scrubbed};

use super::damage::{overwrite, segments};
use super::{SEGMENT_BYTES, checked, closed, fill, open_small, options};

#[test]
fn a_scrub_of_a_whole_ledger_counts_and_finds_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 60);
    let (ledger, _) = open_small(dir.path());
    ledger.scrub().expect("scrubs");
    let found = ledger.scrubbed();
    assert_eq!(
        (
            found.passes,
            found.healed,
            found.unhealed,
            found.sled_faults
        ),
        (1, 0, 0, 0)
    );
    assert_eq!(found.position, written[written.len() - 1].position);
    assert!(found.frames >= 60 && found.bytes > 1_000, "{found:?}");
    assert_eq!(ledger.take_repairs(), vec![]);
}

#[test]
fn rule_20_the_scrub_heals_the_journal_and_reports_what_no_copy_has() {
    let dir = tempfile::tempdir().expect("a directory");
    closed(dir.path(), 200);
    let (ledger, _) = open_small(dir.path());
    let files = segments(dir.path());
    overwrite(&files[0], SEGMENT_BYTES / 2, b"damage");
    overwrite(&files[2], SEGMENT_BYTES / 2, b"damage");
    ledger.scrub().expect("scrubs");
    let found = ledger.scrubbed();
    assert_eq!(
        (found.passes, found.healed, found.unhealed),
        (1, 2, 0),
        "{found:?}"
    );
    let repairs = ledger.take_repairs();
    assert_eq!(repairs.len(), 2, "{repairs:?}");
    assert!(
        repairs
            .iter()
            .all(|it| it.copy == LogCopy::Journal && it.restored)
    );
    ledger.close().expect("closes");
    assert_eq!(checked(dir.path(), true).problems, vec![]);

    // Where sled has not got it either, it is told once, however often it is met.
    let (ledger, _) = open_small(dir.path());
    overwrite(&files[1], SEGMENT_BYTES / 2, b"damage");
    damage_every_block(dir.path());
    ledger.scrub().expect("scrubs");
    ledger.scrub().expect("scrubs");
    let found = ledger.scrubbed();
    assert_eq!(found.passes, 2);
    // sled answers from its cache what its file no longer has: then it was healed.
    assert_eq!(found.unhealed + found.healed, 1, "{found:?}");
    let told = ledger.take_repairs();
    let journal = told.iter().filter(|it| it.copy == LogCopy::Journal);
    assert_eq!(journal.count(), 1, "{told:?}");
}

pub(super) fn damage_every_block(dir: &std::path::Path) {
    let path = dir.join("db").join("db");
    let length = std::fs::metadata(&path)
        .expect("measured")
        .len()
        .min(600_000);
    for offset in (0..length).step_by(64) {
        overwrite(&path, offset, b"\xff");
    }
}

#[test]
fn the_background_scrub_runs_beside_a_writer_and_ends_with_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = LedgerOptions {
        scrub_bytes_per_s: 64 << 20,
        scrub_pause: Duration::from_millis(5),
        ..options()
    };
    let (ledger, _) = Ledger::open(dir.path(), options).expect("opens");
    fill(&ledger, 100);
    overwrite(&segments(dir.path())[0], SEGMENT_BYTES / 2, b"damage");
    wait_for(&ledger, |found| found.healed == 1 && found.passes > 1);
    fill(&ledger, 100);
    ledger.close().expect("closes");
    assert_eq!(checked(dir.path(), true).problems, vec![]);
}

fn wait_for(ledger: &Ledger, is_done: impl Fn(Scrubbed) -> bool) {
    for _ in 0..12_000 {
        if is_done(ledger.scrubbed()) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it never came: {:?}", ledger.scrubbed());
}

#[test]
fn what_the_store_heals_is_recorded_by_the_engine_at_its_next_commit() {
    let dir = tempfile::tempdir().expect("a directory");
    // Only an engine's own events: it has to fold them.
    let open = || Arc::new(open_small(dir.path()).0);
    let start = |ledger: Arc<Ledger>| {
        let clock = Arc::new(ManualClock::new(roomledger::domain::Timestamp::EPOCH));
        let ids = Arc::new(SeededIds::new(7));
        Engine::open(ledger, EngineConfig::default(), clock, ids).expect("opens")
    };
    for _ in 0..12 {
        let engine = start(open());
        engine.shutdown_blocking().expect("stops");
    }
    let ledger = open();
    let engine = start(Arc::clone(&ledger));
    overwrite(&segments(dir.path())[0], 2_000, b"damage");
    ledger.scrub().expect("scrubs");
    assert_eq!(engine.scrubbed().healed, 1);
    engine.shutdown_blocking().expect("stops");
    drop((engine, ledger));
    let ledger = open();
    let all = ledger
        .read_room(None, roomledger::domain::Version(0), 10_000)
        .expect("reads");
    let repaired: Vec<_> = all
        .iter()
        .filter_map(|record| match &record.event.event {
            Event::HistoryRepaired(it) => Some((it.copy.as_str(), it.from, it.to)),
            _ => None,
        })
        .collect();
    let [(copy, from, to)] = repaired.as_slice() else {
        panic!("one repair: {repaired:?}");
    };
    assert_eq!(*copy, "journal");
    assert!(from <= to && Position(*to) <= ledger.head().position);
}
