//! The background scrub: what went bad since it was written is healed or told, and counted.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use roomledger::domain::Event;
use roomledger::engine::{Engine, EngineConfig, ManualClock, SeededIds};
use roomledger::store::ledger::{Ledger, LedgerOptions};
use roomledger::store::{Caches as _, EventStore as _, LogCopy, Position, Record, Scrubbed};
use roomledger::testing::faults::SimulatedDisk;

use super::chunks::{large, large_commit};
use super::damage::{overwrite, segments};
use super::{SEGMENT_BYTES, checked, closed, fill, open_small, options, read};

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

    // Where sled has not got it either, that is told, and what it cannot give is not made up.
    let dir = tempfile::tempdir().expect("a directory");
    large_ledger(dir.path());
    let (ledger, _) = Ledger::open(dir.path(), large(1 << 20)).expect("opens");
    damage_every_block(dir.path());
    let path = segments(dir.path()).swap_remove(0);
    overwrite(&path, 250 << 10, b"damage");
    let damaged = fs::read(&path).expect("read");
    ledger.scrub().expect("scrubs");
    let found = ledger.scrubbed();
    assert_eq!((found.healed, found.unhealed), (0, 1), "{found:?}");
    let told = ledger.take_repairs();
    let of_journal: Vec<_> = told
        .iter()
        .filter(|it| it.copy == LogCopy::Journal)
        .collect();
    let [told] = of_journal.as_slice() else {
        panic!("told once: {told:?}");
    };
    assert!(!told.restored && told.problem.contains("db/ does not have them either"));
    assert_eq!(fs::read(&path).expect("read"), damaged);
}

pub(super) fn damage_every_block(dir: &Path) {
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
pub(super) fn large_ledger(dir: &Path) -> Vec<Record> {
    fill_large(dir, 24, large(1 << 20))
}

fn fill_large(dir: &Path, commits: u64, options: LedgerOptions) -> Vec<Record> {
    let (ledger, _) = Ledger::open(dir, options).expect("opens");
    for version in 1..=commits {
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

/// What waits while a hole is healed is every command: what is read for that is counted here.
#[test]
fn a_scrub_heals_a_hole_without_reading_the_journal_again() {
    let dir = tempfile::tempdir().expect("a directory");
    let (disk, ledger) = simulated(dir.path());
    let written = fill(&ledger, 1_500);
    wait_until_applied(&ledger);
    let pass = || {
        let before = disk.bytes_read();
        ledger.scrub().expect("scrubs");
        disk.bytes_read() - before
    };
    let sound = pass();
    let few_bytes = 8 * SEGMENT_BYTES;
    assert!(sound > 2 * few_bytes, "several times as much: {sound}");
    // A bit of a frame, a page, and a bit of the zeros behind the last frame.
    let zeros = |bytes: &[u8]| bytes.windows(64).position(|it| it == [0; 64]);
    let behind = |file: &[u8]| zeros(file).filter(|from| *from > 12_288);
    let files = disk.files();
    let mut closed = files
        .iter()
        .take(20)
        .skip_while(|(path, _)| path.ends_with("HEAD"));
    let (path, before, rest) = closed
        .find_map(|(path, file)| Some((path, file, behind(file)?)))
        .expect("a segment with zeros behind its frames");
    for (from, bytes) in [(8_000, 1), (4_096, 4_096), (rest + 32, 1)] {
        disk.edit(path, |file| {
            let harmed = file.iter_mut().skip(from).take(bytes);
            harmed.for_each(|byte| *byte ^= 1);
        });
        let read = pass();
        assert!(read < sound + few_bytes, "{read} beside {sound}: {from}");
        assert_eq!(&disk.files()[path], before, "bit for bit");
    }
    assert_eq!(ledger.scrubbed().healed, 2);
    assert_eq!(read(&ledger).expect("reads"), written);
    ledger.close().expect("closes");
}

/// What no copy has is looked for once, and told once: not for every pass commands wait for it.
#[test]
fn a_scrub_tells_once_what_no_copy_has_and_looks_for_it_no_more() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = SimulatedDisk::new();
    let options = LedgerOptions {
        disk: Arc::new(disk.clone()),
        ..large(1 << 20)
    };
    fill_large(dir.path(), 96, options.clone());
    let (ledger, _) = Ledger::open(dir.path(), options).expect("opens");
    let pass = || {
        let before = disk.bytes_read();
        ledger.scrub().expect("scrubs");
        disk.bytes_read() - before
    };
    damage_every_block(dir.path());
    let sound = pass();
    let path = dir.path().join("journal").join("00000001.seg");
    disk.edit(&path, |file| file[250 << 10] ^= 1);
    for _ in 0..2 {
        let read = pass();
        assert!(read < sound + sound / 2, "{read} beside {sound}");
    }
    let found = ledger.scrubbed();
    assert_eq!((found.passes, found.healed, found.unhealed), (3, 0, 1));
    let told = ledger.take_repairs();
    let of_journal = told.iter().filter(|it| it.copy == LogCopy::Journal);
    assert_eq!(of_journal.count(), 1, "{told:?}");
    assert!(told.iter().all(|it| !it.restored), "{told:?}");
}

/// What the indexed copy lags behind is in memory: it heals the journal as soon as it is there.
#[test]
fn a_scrub_does_not_give_up_what_db_has_not_taken_yet() {
    let dir = tempfile::tempdir().expect("a directory");
    let (disk, ledger) = simulated(dir.path());
    wait_until_applied(&ledger);
    let holds = Arc::new(AtomicBool::new(true));
    let held = Arc::clone(&holds);
    disk.set_free(move || {
        let is_applier = thread::current().name() == Some("ledger-applier");
        let is_held = is_applier && held.load(Ordering::SeqCst);
        Ok(if is_held { 0 } else { u64::MAX })
    });
    let written = fill(&ledger, 100);
    let path = dir.path().join("journal").join("00000001.seg");
    let before = disk.files()[&path].clone();
    disk.edit(&path, |file| file[8_000] ^= 1);
    ledger.scrub().expect("scrubs");
    assert_eq!(ledger.scrubbed().unhealed, 0);
    assert_eq!(ledger.take_repairs(), vec![]);
    holds.store(false, Ordering::SeqCst);
    wait_until_applied(&ledger);
    ledger.scrub().expect("scrubs");
    let found = ledger.scrubbed();
    assert_eq!((found.healed, found.unhealed), (1, 0), "{found:?}");
    assert_eq!(disk.files()[&path], before, "bit for bit");
    assert_eq!(read(&ledger).expect("reads"), written);
    ledger.close().expect("closes");
}

/// A ledger whose journal is on a simulated disk, which is asked what is free.
fn simulated(dir: &Path) -> (SimulatedDisk, Ledger) {
    let disk = SimulatedDisk::new();
    let options = LedgerOptions {
        reserve_bytes: 1,
        disk: Arc::new(disk.clone()),
        ..options()
    };
    let (ledger, _) = Ledger::open(dir, options).expect("opens");
    (disk, ledger)
}

pub(super) fn wait_until_applied(ledger: &Ledger) {
    let applied = (0..6_000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        ledger.copy_behind() == Some(0)
    });
    assert!(applied, "{:?} behind", ledger.copy_behind());
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
