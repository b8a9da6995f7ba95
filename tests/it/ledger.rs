//! The ledger on disk: opened, damaged, copied, and opened again. Each rule of the log that
//! concerns both copies has a test that fails without it.

#[cfg(feature = "engine")]
mod backup;
mod blocks;
mod caches;
#[cfg(feature = "engine")]
mod campaign;
mod chunks;
mod collision;
mod damage;
#[cfg(feature = "cli")]
mod dead_ends;
mod limits;
#[cfg(feature = "engine")]
mod loss;
#[cfg(feature = "engine")]
mod repair;
mod rules;
#[cfg(feature = "engine")]
mod scrub;
#[cfg(feature = "engine")]
mod verify;
#[cfg(feature = "cli")]
mod way;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use roomledger::domain::{Kind, RoomName, Version};
use roomledger::store::ledger::{
    Ledger, LedgerOptions, LedgerReader, OpenReport, VerifyReport, verify,
};
use roomledger::store::{
    CommandRecord, Commit, EventStore, NewRecord, Position, Record, StoreError,
};
use roomledger::testing::arbitrary::{Fullness, command_header, event};

/// Small segments, so that a few commits fill several.
pub(crate) const SEGMENT_BYTES: u64 = 16 << 10;

pub(crate) fn options() -> LedgerOptions {
    LedgerOptions {
        segment_bytes: SEGMENT_BYTES,
        frame_bytes_max: 12 << 10,
        reserve_bytes: 0,
        sled_cache_bytes: 8 << 20,
        // Whatever an open has to say, it says in its report.
        open_wait: Duration::from_secs(600),
        read_wait: Duration::from_secs(600),
        ..LedgerOptions::new(7, [3; 16], "a boot".to_owned())
    }
}

pub(crate) fn open_small(dir: &Path) -> (Ledger, OpenReport) {
    Ledger::open(dir, options()).expect("opens")
}

/// Appends commits of 1 to 3 events in a few rooms, each event a note.
pub(crate) fn fill(ledger: &Ledger, commits: u64) -> Vec<Record> {
    let mut written = Vec::new();
    for seed in 0..commits {
        let mut heads: BTreeMap<Option<RoomName>, Version> = BTreeMap::new();
        let events = (0..=seed % 3).map(|nth| {
            let room = RoomName::new(&format!("room {}", (seed + nth) % 5)).ok();
            let head = heads
                .entry(room.clone())
                .or_insert_with(|| ledger.room_head(room.as_ref()).expect("known"));
            *head = head.next();
            NewRecord {
                room,
                version: *head,
                event: event(Kind::NoteAdded, Fullness::Full, seed + nth),
            }
        });
        let command = CommandRecord {
            header: Arc::new(command_header(Fullness::Full, seed)),
            events: events.collect(),
        };
        let commit = Commit {
            commands: vec![command],
        };
        let appended = ledger.append(&commit).expect("appends");
        written.extend(commit.into_records(appended.first));
    }
    written
}

/// Everything, by position and by room.
pub(crate) fn read(store: &dyn EventStore) -> Result<Vec<Record>, StoreError> {
    let mut found: Vec<Record> = Vec::new();
    loop {
        let after = found.last().map_or(Position(0), |record| record.position);
        let page = store.read_all(after, 40)?;
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    let mut by_room = Vec::new();
    for number in 0..5 {
        let room = RoomName::new(&format!("room {number}")).ok();
        let mut after = Version(0);
        loop {
            let page = store.read_room(room.as_ref(), after, 9)?;
            let Some(last) = page.last() else { break };
            after = last.version;
            by_room.extend(page);
        }
    }
    by_room.sort_by_key(|record| record.position);
    assert_eq!(found, by_room, "by position and by room the same");
    Ok(found)
}

pub(crate) fn checked(dir: &Path, with_sled: bool) -> VerifyReport {
    verify(dir, with_sled, &mut |_| {}).expect("verifies")
}

/// A ledger of several segments, closed in order.
pub(crate) fn closed(dir: &Path, commits: u64) -> Vec<Record> {
    let (ledger, report) = open_small(dir);
    assert!(report.is_new && report.repairs.is_empty(), "{report:?}");
    let written = fill(&ledger, commits);
    ledger.close().expect("closes");
    written
}

pub(crate) fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_files(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

/// Changes values behind the back of a ledger that is not open, as sled itself keeps them: its own
/// sums are right, so that only ours can tell.
pub(crate) fn edit_sled(dir: &Path, mut change: impl FnMut(&[u8], &mut Vec<u8>)) {
    let config = sled::Config::new()
        .path(dir.join("db"))
        .segment_size(8 << 20)
        .flush_every_ms(None);
    // A thread of its last user may still hold it.
    let mut tries = (0..3_000).map(|_| {
        let opened = config.open();
        if opened.is_err() {
            std::thread::sleep(Duration::from_millis(10));
        }
        opened
    });
    let tree = tries.find_map(Result::ok).expect("opens");
    for entry in &tree.iter().collect::<Result<Vec<_>, _>>().expect("reads") {
        let (key, before) = entry;
        let mut value = before.to_vec();
        change(key, &mut value);
        if value != **before {
            tree.insert(key, value).expect("inserted");
        }
    }
    tree.flush().expect("flushed");
}

/// Every file below a folder with its bytes.
pub(crate) fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            let bytes = fs::read(&path).expect("read");
            found.insert(path, bytes);
        }
    }
    found
}

#[test]
fn what_was_appended_is_read_before_and_after_a_close_and_a_kill() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut written = closed(dir.path(), 150);
    let (ledger, report) = open_small(dir.path());
    assert!(report.was_clean && report.repairs.is_empty(), "{report:?}");
    assert_eq!(read(&ledger).expect("reads"), written);
    written.extend(fill(&ledger, 150));
    assert_eq!(read(&ledger).expect("reads"), written);
    drop(ledger);
    let (ledger, report) = open_small(dir.path());
    assert!(!report.was_clean && report.repairs.is_empty(), "{report:?}");
    assert_eq!(read(&ledger).expect("reads"), written);
    ledger.close().expect("closes");
    let report = checked(dir.path(), true);
    assert_eq!(report.problems, vec![], "{report:?}");
    assert!(
        report.segments > 2 && report.sled_frames > 300,
        "{report:?}"
    );
    assert_eq!(report.events, written.len() as u64);
}

#[test]
fn a_second_writer_is_refused_and_readers_are_not() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let written = fill(&ledger, 30);
    match Ledger::open(dir.path(), options()) {
        Err(StoreError::Locked { owner, .. }) => assert!(owner.contains("pid"), "{owner}"),
        Err(other) => panic!("locked, not {other}"),
        Ok(_) => panic!("two writers"),
    }
    assert!(matches!(
        verify(dir.path(), true, &mut |_| {}),
        Err(StoreError::Locked { .. })
    ));
    let reader = LedgerReader::open(dir.path()).expect("opens beside the writer");
    assert_eq!(read(&reader).expect("reads"), written);
    let more = fill(&ledger, 5);
    assert_eq!(
        reader
            .read_all(written[written.len() - 1].position, 99)
            .expect("reads"),
        more
    );
    assert!(matches!(
        reader.append(&Commit::default()),
        Err(StoreError::Refused { .. })
    ));
    assert_eq!(reader.room_head(None).expect("reads"), Version(0));
    assert_eq!(reader.head(), ledger.head());
    assert_eq!(reader.rooms(None, 9).expect("reads").len(), 5);
}

#[test]
fn a_copy_of_a_running_directory_is_read_in_place_and_not_changed() {
    let dir = tempfile::tempdir().expect("a directory");
    let copy = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let written = fill(&ledger, 60);
    // HEAD first: it may not be newer than the journal. The rest of it is the writer's alone.
    fs::copy(dir.path().join("HEAD"), copy.path().join("HEAD")).expect("copied");
    copy_files(&dir.path().join("journal"), &copy.path().join("journal"));
    let before = contents(copy.path());
    let reader = LedgerReader::open(copy.path()).expect("opens");
    assert_eq!(read(&reader).expect("reads"), written);
    reader.warnings().expect("reads");
    assert_eq!(checked(copy.path(), false).problems, vec![]);
    assert_eq!(contents(copy.path()), before, "nothing is changed in it");
}
