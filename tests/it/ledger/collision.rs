//! Two rooms whose names have the same number: neither is read for the other, and no copy is taken
//! for damaged because of it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use roomledger::domain::event::{NoteAbout, NoteAdded};
use roomledger::domain::{Digest, Event, NewEvent, Personal, RoomName, Version};
use roomledger::store::ledger::{Ledger, LedgerOptions, LedgerReader};
use roomledger::store::{
    Caches as _, CommandRecord, Commit, EventStore, NewRecord, Position, Record,
};
use roomledger::testing::arbitrary::{Fullness, command_header};
use roomledger::testing::faults::SimulatedDisk;

use super::checked;
use super::chunks::large;

/// A pair that agrees in the first 64 bits of SHA-256, found by a search of 2^31 names in five
/// minutes on two cores: anybody can, so nothing may rest on it that nobody does.
const TWINS: [&str; 2] = ["3069bcda776c10f7", "ce07bdfe0d452f55"];

/// How many events of each of the two a commit has.
type Counts = (u64, u64);

/// One of them in blocks between the first and the last event of a commit of the other's, both ways
/// round, and both in one commit.
const INTERLEAVED: &[Counts] = &[
    (0, 20),
    (1, 0),
    (3, 0),
    (2, 0),
    (1, 0),
    (30, 0),
    (0, 5),
    (0, 1),
    (2, 3),
    (0, 4),
    (1, 30),
    (4, 0),
];

fn twin(index: usize) -> RoomName {
    RoomName::new(TWINS[index]).expect("a name")
}

/// A commit large enough to be a block of `db/` by itself, however many are applied at once.
fn append(ledger: &Ledger, (ones, others): Counts) -> Vec<Record> {
    let text = "x".repeat(40_000 / usize::try_from(ones + others).expect("few"));
    let events = [ones, others].into_iter().zip(0..).flat_map(|(count, it)| {
        let room = twin(it);
        let head = ledger.room_head(Some(&room)).expect("known").0;
        let text = text.clone();
        (1..=count).map(move |nth| NewRecord {
            room: Some(room.clone()),
            version: Version(head + nth),
            event: NewEvent {
                event: Event::NoteAdded(NoteAdded {
                    about: NoteAbout::Room,
                    text: Personal::from(text.as_str()),
                }),
                cause: None,
                occurred_at: None,
            },
        })
    });
    let commit = Commit {
        commands: vec![CommandRecord {
            header: Arc::new(command_header(Fullness::Any, ones)),
            events: events.collect(),
        }],
    };
    let appended = ledger.append(&commit).expect("appends");
    commit.into_records(appended.first).collect()
}

/// Every page of either room, whole logs and single events, from every version.
fn assert_reads(store: &dyn EventStore, written: &[Record]) {
    for room in [twin(0), twin(1)] {
        let of_room = written.iter().filter(|it| it.room.as_ref() == Some(&room));
        let expected: Vec<Record> = of_room.cloned().collect();
        for after in 0..=expected.len() {
            for limit in [1, 7, 1_000] {
                let page = store.read_room(Some(&room), Version(after as u64), limit);
                let end = expected.len().min(after + limit);
                assert_eq!(page.expect("reads"), expected[after..end], "{room} {after}");
            }
        }
    }
    assert_eq!(store.read_all(Position(0), 1_000).expect("reads"), written);
}

fn open(dir: &Path) -> Ledger {
    let (ledger, report) = Ledger::open(dir, large(1 << 20)).expect("opens");
    assert_eq!(report.repairs, vec![]);
    ledger
}

/// Nothing was found wrong, now or for the next open.
fn assert_sound(ledger: &Ledger, dir: &Path) {
    assert_eq!(ledger.take_repairs(), vec![]);
    assert!(!dir.join("db").join("CONDEMNED").exists());
}

fn check(commits: &[Counts]) {
    let dir = tempfile::tempdir().expect("a directory");
    let dir = dir.path();
    let ledger = open(dir);
    let mut written = Vec::new();
    for counts in commits {
        written.extend(append(&ledger, *counts));
    }
    assert_reads(&ledger, &written);
    assert_sound(&ledger, dir);
    ledger.close().expect("closes");
    // The journal alone.
    assert_reads(&LedgerReader::open(dir).expect("opens"), &written);
    // All of it in db/, after a close and after a kill.
    for _ in 0..2 {
        let ledger = open(dir);
        assert_reads(&ledger, &written);
        ledger.scrub().expect("scrubs");
        assert_sound(&ledger, dir);
        drop(ledger);
    }
    assert_eq!(checked(dir, true).problems, vec![]);
    fs::remove_dir_all(dir.join("db")).expect("deleted");
    let (ledger, report) = Ledger::open(dir, large(1 << 20)).expect("opens");
    assert_eq!(report.repairs.len(), 1, "db/ was built anew: {report:?}");
    assert_reads(&ledger, &written);
    assert_sound(&ledger, dir);
    written.extend(append(&ledger, (1, 1)));
    ledger.close().expect("closes");
    assert_eq!(checked(dir, true).problems, vec![]);
    assert_reads(&open(dir), &written);
}

#[test]
fn the_two_names_have_one_number() {
    let number = |name: &str| Digest::of(name.as_bytes()).0[..8].to_vec();
    assert_eq!(number(TWINS[0]), number(TWINS[1]));
    assert_ne!(TWINS[0], TWINS[1]);
}

#[test]
fn rooms_whose_numbers_collide_are_read_from_every_copy_and_condemn_none() {
    check(INTERLEAVED);
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: CASES,
        ..ProptestConfig::default()
    })]

    #[test]
    fn rooms_whose_numbers_collide_are_read_however_they_are_interleaved(
        commits in vec((0_u64..9, 0_u64..9).prop_filter("events", |it| it.0 + it.1 > 0), 1..12),
    ) {
        check(&commits);
    }
}

/// Each case opens sled six times, and waits for the disk each time.
const CASES: u32 = 6;

/// What sled has not taken yet is kept in memory by stream: one of the two may be in both places,
/// and the other begin behind it.
#[test]
fn rooms_whose_numbers_collide_are_read_from_the_tail() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = SimulatedDisk::new();
    let holds = Arc::new(AtomicBool::new(false));
    let held = Arc::clone(&holds);
    disk.set_free(move || {
        let is_applier = thread::current().name() == Some("ledger-applier");
        let is_held = is_applier && held.load(Ordering::SeqCst);
        Ok(if is_held { 0 } else { u64::MAX })
    });
    let options = LedgerOptions {
        reserve_bytes: 1,
        disk: Arc::new(disk),
        ..large(1 << 20)
    };
    let (ledger, _) = Ledger::open(dir.path(), options).expect("opens");
    let mut written = append(&ledger, (0, 20));
    let applied = (0..6_000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        ledger.copy_behind() == Some(0)
    });
    assert!(applied, "{:?}", ledger.copy_behind());
    holds.store(true, Ordering::SeqCst);
    for counts in INTERLEAVED.iter().skip(1) {
        written.extend(append(&ledger, *counts));
        assert_reads(&ledger, &written);
    }
    let of_db = 20;
    assert_eq!(ledger.copy_behind(), Some(written.len() as u64 - of_db));
    assert_sound(&ledger, dir.path());
}

/// Their snapshots share keys: what is found there is the other's until its name says otherwise.
#[test]
fn rooms_whose_numbers_collide_never_get_each_others_snapshots() {
    let dir = tempfile::tempdir().expect("a directory");
    let ledger = open(dir.path());
    let mut written = Vec::new();
    for counts in INTERLEAVED {
        written.extend(append(&ledger, *counts));
    }
    let reducer = Digest::of(b"reducer");
    let put = |room: &RoomName, version: u64| {
        let is_it = |it: &&Record| it.room.as_ref() == Some(room) && it.version.0 == version;
        let record = written.iter().find(is_it).expect("written");
        let link = ledger.commit_of(record.position).expect("known");
        let state = format!("{room} at {version}").into_bytes();
        let kept = ledger.put_snapshot(room, record.version, link, &reducer, &state);
        kept.expect("kept");
    };
    let get = |room: &RoomName, version: u64| {
        let found = ledger.snapshot_at_or_before(room, Version(version), &reducer)?;
        Some((
            found.version.0,
            String::from_utf8(found.bytes).expect("text"),
        ))
    };
    let (one, other) = (twin(0), twin(1));
    put(&one, 3);
    put(&other, 5);
    put(&one, 7);
    put(&one, 8);
    assert_eq!(get(&other, 4), None);
    assert_eq!(get(&other, 9), Some((5, format!("{other} at 5"))));
    assert_eq!(get(&one, 6), Some((3, format!("{one} at 3"))));
    assert_eq!(get(&one, 9), Some((8, format!("{one} at 8"))));
    // One key: the later one stands there, and the other falls back on an earlier one.
    put(&other, 7);
    assert_eq!(get(&other, 7), Some((7, format!("{other} at 7"))));
    assert_eq!(get(&one, 7), Some((3, format!("{one} at 3"))));
    assert_sound(&ledger, dir.path());
}
