//! The ledger on disk: opened, damaged, copied, and opened again. Each rule of the log that
//! concerns both copies has a test that fails without it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use roomledger::domain::{Digest, Kind, RoomName, Version};
use roomledger::store::ledger::{
    Ledger, LedgerOptions, LedgerReader, OpenReport, VerifyReport, verify,
};
use roomledger::store::{
    Caches as _, CommandRecord, Commit, EventStore, Link, LogCopy, NewRecord, Position, Record,
    StoreError,
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
        open_wait: Duration::from_secs(60),
        read_wait: Duration::from_secs(60),
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
        written.extend(appended.records.iter().map(|record| (**record).clone()));
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

fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("journal")).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths
}

fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(path);
    file.and_then(|file| file.write_all_at(bytes, offset))
        .expect("overwritten");
}

fn checked(dir: &Path, with_sled: bool) -> VerifyReport {
    verify(dir, with_sled, &mut |_| {}).expect("verifies")
}

/// A ledger of several segments, closed in order.
fn closed(dir: &Path, commits: u64) -> Vec<Record> {
    let (ledger, report) = open_small(dir);
    assert!(report.is_new && report.repairs.is_empty(), "{report:?}");
    let written = fill(&ledger, commits);
    ledger.close().expect("closes");
    written
}

fn copy_files(from: &Path, to: &Path) {
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

/// Every file below a folder with its bytes.
fn contents(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
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
fn deleting_db_loses_nothing_and_the_open_says_what_it_did() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 200);
    fs::remove_dir_all(dir.path().join("db")).expect("deleted");
    let report = checked(dir.path(), true);
    assert!(
        report
            .problems
            .iter()
            .all(|problem| problem.copy == LogCopy::Sled)
    );
    assert_eq!(report.problems.len(), 1, "{report:?}");
    let (ledger, report) = open_small(dir.path());
    let [repaired] = report.repairs.as_slice() else {
        panic!("one repair: {report:?}");
    };
    assert_eq!((repaired.copy, repaired.restored), (LogCopy::Sled, true));
    assert_eq!(
        (repaired.from, repaired.to),
        (Position(1), report.head.position)
    );
    assert_eq!(read(&ledger).expect("reads"), written);
    ledger.close().expect("closes");
    assert_eq!(checked(dir.path(), true).problems, vec![]);
}

#[test]
fn a_damaged_sealed_frame_of_the_journal_is_found_named_and_healed() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 200);
    let files = segments(dir.path());
    assert!(files.len() > 3, "{files:?}");
    // In the payload of some frame in the middle of the first segment.
    overwrite(&files[0], SEGMENT_BYTES / 2, b"damage");
    let report = checked(dir.path(), false);
    let [problem] = report.problems.as_slice() else {
        panic!("one problem: {report:?}");
    };
    let (from, to) = (problem.from.expect("named"), problem.to.expect("named"));
    assert_eq!(problem.copy, LogCopy::Journal);

    let reader = LedgerReader::open(dir.path()).expect("opens");
    match read(&reader) {
        Err(StoreError::Corrupt { position, .. }) => assert_eq!(position, from),
        other => panic!("named, not {other:?}"),
    }
    let (ledger, _) = open_small(dir.path());
    assert_eq!(read(&ledger).expect("reads from the other copy"), written);
    ledger.heal().expect("heals");
    let repaired = ledger.take_repairs();
    assert_eq!(repaired.len(), 1, "{repaired:?}");
    assert_eq!(
        (repaired[0].copy, repaired[0].restored),
        (LogCopy::Journal, true)
    );
    assert!(
        repaired[0].from <= from && repaired[0].to >= to,
        "{repaired:?}"
    );
    ledger.close().expect("closes");
    assert_eq!(checked(dir.path(), true).problems, vec![]);
    let aside = fs::read_dir(dir.path().join("aside")).expect("a folder");
    assert!(aside.count() > 0, "the bad bytes are kept");
    let reader = LedgerReader::open(dir.path()).expect("opens");
    assert_eq!(read(&reader).expect("reads"), written);
}

#[test]
fn damage_in_the_last_segment_is_healed_at_open() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 20);
    overwrite(&segments(dir.path())[0], 4_000, b"damage");
    let (ledger, report) = open_small(dir.path());
    assert_eq!(report.repairs.len(), 1, "{report:?}");
    assert_eq!(report.repairs[0].copy, LogCopy::Journal);
    assert_eq!(read(&ledger).expect("reads"), written);
    drop(ledger);
    assert_eq!(checked(dir.path(), false).problems, vec![]);
}

#[test]
fn damage_in_both_copies_is_named_and_nothing_is_shortened() {
    let dir = tempfile::tempdir().expect("a directory");
    closed(dir.path(), 20);
    overwrite(&segments(dir.path())[0], 4_000, b"damage");
    fs::remove_dir_all(dir.path().join("db")).expect("deleted");
    let before = fs::read(&segments(dir.path())[0]).expect("read");
    match Ledger::open(dir.path(), options()) {
        Err(StoreError::Corrupt { position, .. }) => assert!(position > Position(1)),
        Err(other) => panic!("named, not {other}"),
        Ok(_) => panic!("a hole in both is not served"),
    }
    assert_eq!(fs::read(&segments(dir.path())[0]).expect("read"), before);
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
    copy_files(dir.path(), copy.path());
    let before = contents(copy.path());
    let reader = LedgerReader::open(copy.path()).expect("opens");
    assert_eq!(read(&reader).expect("reads"), written);
    reader.warnings().expect("reads");
    assert_eq!(checked(copy.path(), false).problems, vec![]);
    assert_eq!(contents(copy.path()), before, "nothing is changed in it");
}

#[test]
fn two_histories_are_refused_and_told_apart() {
    let dir = tempfile::tempdir().expect("a directory");
    let backup = tempfile::tempdir().expect("a directory");
    closed(dir.path(), 20);
    copy_files(dir.path(), backup.path());
    let (ledger, _) = open_small(dir.path());
    fill(&ledger, 20);
    ledger.close().expect("closes");
    // The journal of the backup beside the newer db/.
    fs::remove_dir_all(dir.path().join("journal")).expect("deleted");
    copy_files(&backup.path().join("journal"), &dir.path().join("journal"));
    fs::copy(backup.path().join("HEAD"), dir.path().join("HEAD")).expect("copied");
    let refused = |dir: &Path| match Ledger::open(dir, options()) {
        Err(StoreError::Refused { problem, .. }) => {
            assert!(problem.contains("two histories"), "{problem}");
            assert!(problem.contains("move db/ away"), "{problem}");
        }
        Err(other) => panic!("refused, not {other}"),
        Ok((_, report)) => panic!("two histories served: {report:?}"),
    };
    refused(dir.path());
    // As it says: without db/ the journal is served.
    fs::remove_dir_all(dir.path().join("db")).expect("deleted");
    open_small(dir.path()).0.close().expect("closes");

    // Two that parted at the same length.
    let (ledger, _) = open_small(backup.path());
    fill(&ledger, 3);
    ledger.close().expect("closes");
    let (ledger, _) = Ledger::open(
        dir.path(),
        LedgerOptions {
            epoch: 8,
            ..options()
        },
    )
    .expect("opens");
    fill(&ledger, 3);
    ledger.close().expect("closes");
    fs::remove_dir_all(dir.path().join("db")).expect("deleted");
    copy_files(&backup.path().join("db"), &dir.path().join("db"));
    refused(dir.path());
}

#[test]
fn a_directory_that_cannot_be_written_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    fs::create_dir(&data).expect("a folder");
    fs::set_permissions(&data, fs::Permissions::from_mode(0o500)).expect("set");
    let opened = Ledger::open(&data, options());
    // Root writes anywhere: then a file in the way does the same.
    if let Err(error) = opened {
        assert!(error.to_string().contains("data"), "{error}");
    }
    let file = dir.path().join("file");
    fs::write(&file, b"no folder").expect("written");
    let error = Ledger::open(&file, options()).err().expect("refused");
    assert!(error.to_string().contains("file"), "{error}");
    assert!(LedgerReader::open(&dir.path().join("nothing")).is_err());
}

#[test]
fn below_the_reserve_nothing_is_written_and_reads_go_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 20);
    let full = LedgerOptions {
        reserve_bytes: u64::MAX,
        ..options()
    };
    let (ledger, _) = Ledger::open(dir.path(), full).expect("opens");
    let before = ledger.head();
    let commit = Commit {
        commands: vec![CommandRecord {
            header: Arc::new(command_header(Fullness::Full, 1)),
            events: vec![NewRecord {
                room: None,
                version: Version(1),
                event: event(Kind::EngineStopped, Fullness::Full, 1),
            }],
        }],
    };
    match ledger.append(&commit) {
        Err(StoreError::Full { reserve_bytes, .. }) => assert_eq!(reserve_bytes, u64::MAX),
        other => panic!("full, not {other:?}"),
    }
    assert_eq!(ledger.head(), before);
    assert_eq!(read(&ledger).expect("reads"), written);
    ledger.close().expect("closes");
}

#[test]
fn a_commit_that_fits_no_frame_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let events = (1..=400).map(|version| NewRecord {
        room: None,
        version: Version(version),
        event: event(Kind::NoteAdded, Fullness::Full, version),
    });
    let commit = Commit {
        commands: vec![CommandRecord {
            header: Arc::new(command_header(Fullness::Full, 1)),
            events: events.collect(),
        }],
    };
    assert!(matches!(
        ledger.append(&commit),
        Err(StoreError::TooLarge { bytes_max, .. }) if bytes_max == 12 << 10
    ));
    let written = fill(&ledger, 3);
    assert_eq!(read(&ledger).expect("reads"), written);
}

#[test]
fn a_full_tail_answers_behind_before_anything_is_written() {
    let dir = tempfile::tempdir().expect("a directory");
    let small = LedgerOptions {
        tail_bytes_max: 1,
        ..options()
    };
    let (ledger, _) = Ledger::open(dir.path(), small).expect("opens");
    let mut behind = 0;
    let mut accepted = 0;
    for _ in 0..2_000 {
        let commit = Commit {
            commands: vec![CommandRecord {
                header: Arc::new(command_header(Fullness::Full, 1)),
                events: vec![NewRecord {
                    room: None,
                    version: ledger.room_head(None).expect("known").next(),
                    event: event(Kind::NoteAdded, Fullness::Full, 1),
                }],
            }],
        };
        let before = ledger.head();
        match ledger.append(&commit) {
            Ok(_) => accepted += 1,
            Err(StoreError::Behind { bytes_max, .. }) => {
                assert_eq!((bytes_max, ledger.head()), (1, before));
                behind += 1;
            }
            Err(other) => panic!("behind, not {other}"),
        }
    }
    assert!(
        behind > 0 && accepted > 0,
        "{behind} refused, {accepted} accepted"
    );
    assert_eq!(ledger.head().position, Position(accepted));
    ledger.close().expect("closes");
}

#[test]
fn the_checkpoint_is_given_back_only_to_the_same_reducer_and_history() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    fill(&ledger, 40);
    let (reducer, other) = (Digest::of(b"reducer"), Digest::of(b"another"));
    let link = ledger.head();
    assert_eq!(ledger.load_checkpoint(&reducer).expect("loads"), None);
    ledger
        .save_checkpoint(link, &reducer, b"state")
        .expect("saves");
    let heads: Vec<Version> = (0..5)
        .map(|number| RoomName::new(&format!("room {number}")).expect("a name"))
        .map(|room| ledger.room_head(Some(&room)).expect("known"))
        .collect();
    let more = fill(&ledger, 5).len();
    ledger.close().expect("closes");

    let (ledger, _) = open_small(dir.path());
    let saved = ledger
        .load_checkpoint(&reducer)
        .expect("loads")
        .expect("there");
    assert_eq!((saved.link, saved.bytes.as_slice()), (link, &b"state"[..]));
    assert_eq!(ledger.load_checkpoint(&other).expect("loads"), None);
    let later = ledger.read_commits(saved.link.position).expect("reads");
    assert_eq!(
        later
            .map(|commit| commit.expect("reads").commit.count())
            .sum::<usize>(),
        more
    );
    let found: u64 = (0..5)
        .map(|number| RoomName::new(&format!("room {number}")).expect("a name"))
        .map(|room| ledger.room_head(Some(&room)).expect("known").0)
        .sum();
    assert_eq!(
        found,
        heads.iter().map(|head| head.0).sum::<u64>() + more as u64
    );
    let elsewhere = Link {
        chain: Digest::of(b"elsewhere"),
        ..link
    };
    ledger
        .save_checkpoint(elsewhere, &reducer, b"state")
        .expect("saves");
    assert_eq!(ledger.load_checkpoint(&reducer).expect("loads"), None);
    ledger.close().expect("closes");

    // Any damage: as if it were not there.
    let path = dir.path().join("checkpoint");
    let bytes = fs::read(&path).expect("read");
    for at in (0..bytes.len()).step_by(7) {
        let mut bad = bytes.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).expect("written");
        assert_eq!(checked(dir.path(), false).problems, vec![]);
    }
    let (ledger, _) = open_small(dir.path());
    read(&ledger).expect("reads");
}

#[test]
fn a_snapshot_is_given_back_only_to_the_same_reducer_and_history() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let written = fill(&ledger, 60);
    let (reducer, other) = (Digest::of(b"reducer"), Digest::of(b"another"));
    let of_room: Vec<&Record> = written
        .iter()
        .filter(|record| record.room == written[0].room)
        .collect();
    let room = written[0].room.clone().expect("a room");
    // Larger than a block, so that it stands in chunks.
    let state: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    for record in [of_room[3], of_room[9]] {
        let link = ledger.commit_of(record.position).expect("known");
        ledger
            .put_snapshot(&room, record.version, link, &reducer, &state)
            .expect("kept");
    }
    ledger.close().expect("closes");
    let (ledger, _) = open_small(dir.path());
    let at = |version: u64, reducer: &Digest| {
        let found = ledger.snapshot_at_or_before(&room, Version(version), reducer)?;
        assert_eq!(found.bytes, state);
        Some(found.version.0)
    };
    assert_eq!(at(3, &reducer), None);
    assert_eq!(at(4, &reducer), Some(4));
    assert_eq!(at(9, &reducer), Some(4));
    assert_eq!(at(u64::MAX, &reducer), Some(10));
    assert_eq!(at(u64::MAX, &other), None);
    let elsewhere = Link {
        position: of_room[11].position,
        chain: Digest::of(b"elsewhere"),
    };
    ledger
        .put_snapshot(&room, Version(12), elsewhere, &reducer, b"bad")
        .expect("kept");
    assert_eq!(at(u64::MAX, &reducer), Some(10));
}
