//! The background scrub: what went bad since it was written is healed or told, and counted.

use std::fs;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use roomledger::domain::Event;
use roomledger::engine::{Engine, EngineConfig, ManualClock, SeededIds};
use roomledger::store::ledger::{Ledger, LedgerOptions};
use roomledger::store::{Caches as _, EventStore as _, LogCopy, Position, Record, Scrubbed};

use super::chunks::{large, large_commit};
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
    let mut bytes = fs::read(&path).expect("read");
    bytes.iter_mut().step_by(64).for_each(|byte| *byte ^= 0xff);
    overwrite(&path, 0, &bytes);
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
    #[cfg(feature = "server")]
    is_told_in_figures(&engine);
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

#[cfg(feature = "server")]
fn is_told_in_figures(engine: &Engine) {
    use roomledger::dialect::metrics::{Requests, render};

    let figures = render(engine, &Requests::default(), &[]);
    let scrubbed = engine.scrubbed();
    for (name, value) in [
        ("passes_total", scrubbed.passes),
        ("frames_total", scrubbed.frames),
        ("read_bytes_total", scrubbed.bytes),
        ("healed_total", 1),
        ("unhealed_total", 0),
        ("copy_faults_total", 0),
        ("position", scrubbed.position.0),
    ] {
        let line = format!("\nroomledger_scrub_{name} {value}\n");
        assert!(figures.contains(&line), "{line} in {figures}");
    }
}

/// A ledger of many pages in db/, of which an open reads the last alone: what is done to the others
/// is met by whoever reads them first.
pub(super) fn large_ledger(dir: &std::path::Path) -> Vec<Record> {
    let (ledger, _) = Ledger::open(dir, large(1 << 20)).expect("opens");
    for version in 1..=24 {
        let commit = large_commit(version, 100 << 10);
        ledger.append(&commit).expect("appends");
    }
    let written = ledger.read_all(Position(0), 99).expect("reads");
    ledger.close().expect("closes");
    written
}

#[test]
fn a_scrub_finds_what_went_bad_in_db_and_the_next_open_builds_it_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = large_ledger(dir.path());
    let (ledger, _) = Ledger::open(dir.path(), large(1 << 20)).expect("opens");
    damage_every_block(dir.path());
    ledger.scrub().expect("scrubs");
    let found = ledger.scrubbed();
    assert!(found.sled_faults > 0 && found.unhealed == 0, "{found:?}");
    let told = ledger.take_repairs();
    let [told] = told.as_slice() else {
        panic!("told once: {told:?}");
    };
    assert_eq!((told.copy, told.restored), (LogCopy::Sled, false));
    drop(ledger);
    let (ledger, report) = Ledger::open(dir.path(), large(1 << 20)).expect("opens");
    assert_eq!(report.repairs.len(), 1, "{report:?}");
    assert_eq!(ledger.read_all(Position(0), 99).expect("reads"), written);
}

#[test]
fn a_scrub_tells_once_what_no_copy_has_however_often_it_is_met() {
    let dir = tempfile::tempdir().expect("a directory");
    large_ledger(dir.path());
    let (ledger, _) = Ledger::open(dir.path(), large(1 << 20)).expect("opens");
    damage_every_block(dir.path());
    overwrite(&segments(dir.path())[0], 250 << 10, b"damage");
    ledger.scrub().expect("scrubs");
    ledger.scrub().expect("scrubs");
    let found = ledger.scrubbed();
    assert_eq!((found.passes, found.healed, found.unhealed), (2, 0, 1));
    let told = ledger.take_repairs();
    let of_journal = told.iter().filter(|it| it.copy == LogCopy::Journal);
    assert_eq!(of_journal.count(), 1, "{told:?}");
    assert!(told.iter().all(|it| !it.restored), "{told:?}");
}

/// A scrub that has read its share waits, and ends with the ledger in the middle of it.
#[test]
fn a_scrub_waits_as_long_as_its_rate_asks_and_no_close_waits_for_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = Ledger::open(dir.path(), large(1 << 20)).expect("opens");
    for version in 1..=4 {
        ledger
            .append(&large_commit(version, 100 << 10))
            .expect("appends");
    }
    ledger.close().expect("closes");
    let slow = LedgerOptions {
        scrub_bytes_per_s: 1,
        scrub_pause: Duration::from_millis(1),
        ..large(1 << 20)
    };
    let (ledger, _) = Ledger::open(dir.path(), slow).expect("opens");
    wait_for(&ledger, |found| found.bytes >= 256 << 10);
    ledger.close().expect("closes");
    assert_eq!(ledger.scrubbed().passes, 0);
}

#[test]
fn without_a_rate_nothing_is_scrubbed_and_there_may_be_nothing_to_heal() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = Ledger::open(
        dir.path(),
        LedgerOptions {
            scrub_bytes_per_s: 0,
            ..options()
        },
    )
    .expect("opens");
    fill(&ledger, 5);
    ledger.heal().expect("nothing to heal");
    assert_eq!(ledger.take_repairs(), vec![]);
    assert_eq!(ledger.scrubbed(), Scrubbed::default());
    ledger.close().expect("closes");
}
