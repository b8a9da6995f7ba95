//! The rules of the log that concern both copies and stand nowhere else under their number.

use std::fs;
use std::thread;
use std::time::Duration;

use roomledger::domain::{Kind, Version};
use roomledger::store::journal::{FrameKind, JournalReader, RealDisk};
use roomledger::store::ledger::{Ledger, LedgerOptions};
use roomledger::store::{CommandRecord, Commit, EventStore as _, LogCopy, NewRecord, StoreError};
use roomledger::testing::arbitrary::{Fullness, command_header, event};
use roomledger::testing::faults::SimulatedDisk;
use std::sync::Arc;

use super::damage::{overwrite, segments};
use super::{checked, closed, contents, copy_files, fill, open_small, options, read};

#[test]
fn rule_09_commands_go_on_while_history_is_still_being_opened() {
    let dir = tempfile::tempdir().expect("a directory");
    // No sync takes long here: sled waits only some seconds for its file.
    let options = LedgerOptions {
        disk: Arc::new(SimulatedDisk::new()),
        ..options()
    };
    let (ledger, _) = Ledger::open(dir.path(), options.clone()).expect("opens");
    let mut written = fill(&ledger, 30);
    ledger.close().expect("closes");
    // Somebody holds sled's file, so that it cannot be opened yet.
    let held = fs::File::open(dir.path().join("db/db")).expect("opens");
    held.lock().expect("locked");
    let options = LedgerOptions {
        open_wait: Duration::ZERO,
        read_wait: Duration::from_millis(20),
        ..options
    };
    let (ledger, _) = Ledger::open(dir.path(), options).expect("opens");
    let room = written[0].room.clone();
    match ledger.read_room(room.as_ref(), Version(0), 1) {
        Err(StoreError::Opening) => {}
        other => panic!("history is not ready, not {other:?}"),
    }
    written.extend(fill(&ledger, 3));
    drop(held);
    while matches!(
        ledger.read_room(room.as_ref(), Version(0), 1),
        Err(StoreError::Opening)
    ) {
        thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(read(&ledger).expect("reads"), written);
}

#[test]
fn rule_15_the_journal_is_healed_bit_for_bit() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 200);
    let before = contents(&dir.path().join("journal"));
    for path in segments(dir.path()) {
        fs::remove_file(path).expect("removed");
    }
    let (ledger, report) = open_small(dir.path());
    assert!(
        report.repairs.iter().all(|it| it.copy == LogCopy::Journal),
        "{report:?}"
    );
    assert_eq!(read(&ledger).expect("reads"), written);
    drop(ledger);
    let after = contents(&dir.path().join("journal"));
    for (path, content) in &before {
        if content[64..].iter().any(|byte| *byte != 0) {
            assert!(after.get(path) == Some(content), "{}", path.display());
        }
    }
}

/// `full_disk` found the copy of a ledger that was closed in order condemned and built anew: a seal
/// that is a block of its own, at the end of a segment, was hidden by the commit after it.
#[test]
fn rule_16_a_segment_that_ends_in_a_seal_is_no_damage_of_the_copy() {
    let dir = tempfile::tempdir().expect("a directory");
    let roomy = LedgerOptions {
        segment_bytes: 320 << 10,
        frame_bytes_max: 256 << 10,
        ..options()
    };
    let (ledger, _) = Ledger::open(dir.path(), roomy.clone()).expect("opens");
    let journal = JournalReader::open(Arc::new(RealDisk), dir.path()).expect("opens");
    for _ in 0..8 {
        // A frame that fills a block, so that its seal has one of its own.
        let head = ledger.room_head(None).expect("known");
        let events = (head.0 + 1..=head.0 + 2_000).map(|version| NewRecord {
            room: None,
            version: Version(version),
            event: event(Kind::NoteAdded, Fullness::Full, version),
        });
        let command = CommandRecord {
            header: Arc::new(command_header(Fullness::Full, head.0)),
            events: events.collect(),
        };
        let commands = vec![command];
        ledger.append(&Commit { commands }).expect("appends");
        while journal.end().expect("reads").unsealed.is_some() {
            thread::sleep(Duration::from_millis(2));
        }
    }
    ledger.close().expect("closes");
    let frames: Vec<_> = journal.frames_from(1).expect("reads").flatten().collect();
    let ends = frames.windows(2).filter(|pair| {
        let segments = pair.iter().map(|frame| frame.header().segment);
        pair[0].kind() == FrameKind::Seal && segments.is_sorted_by(|one, next| one < next)
    });
    assert!(ends.count() > 0, "a segment ends in a seal");
    let (_, report) = Ledger::open(dir.path(), roomy).expect("opens");
    assert_eq!(report.repairs, vec![]);
}

#[test]
fn rule_16_after_a_crash_the_last_commit_of_each_segment_is_compared() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 200);
    let reader = JournalReader::open(Arc::new(RealDisk), dir.path()).expect("opens");
    let end = reader.closed_ends().expect("reads")[0];
    let frame = reader
        .frame_containing(end.position())
        .expect("reads")
        .expect("there");
    let needle = &frame.bytes()[frame.bytes().len() - 24..];
    let path = dir.path().join("db/db");
    let bytes = fs::read(&path).expect("read");
    let places = bytes.windows(needle.len()).enumerate();
    for (at, _) in places.filter(|(_, window)| *window == needle) {
        overwrite(&path, at as u64, b"\0damage\0");
    }
    // No read has asked for it: the open alone tells.
    let after_a_crash = LedgerOptions {
        boot_id: "another boot".to_owned(),
        ..options()
    };
    let (ledger, report) = Ledger::open(dir.path(), after_a_crash).expect("opens");
    assert_eq!(report.repairs.len(), 1, "{report:?}");
    assert_eq!(
        (report.repairs[0].copy, report.repairs[0].restored),
        (LogCopy::Sled, true)
    );
    assert_eq!(read(&ledger).expect("reads"), written);
}

#[test]
fn rule_18_a_room_s_head_is_the_journal_s_though_sled_ends_earlier() {
    let dir = tempfile::tempdir().expect("a directory");
    let old = tempfile::tempdir().expect("a directory");
    closed(dir.path(), 30);
    copy_files(&dir.path().join("db"), old.path());
    let (ledger, _) = open_small(dir.path());
    let more = fill(&ledger, 30);
    ledger.close().expect("closes");
    fs::remove_dir_all(dir.path().join("db")).expect("removed");
    copy_files(old.path(), &dir.path().join("db"));
    // Held, so that it cannot catch up before it is asked.
    let held = fs::File::open(dir.path().join("db/db")).expect("opens");
    held.lock().expect("locked");
    let options = LedgerOptions {
        open_wait: Duration::ZERO,
        ..options()
    };
    let (ledger, _) = Ledger::open(dir.path(), options).expect("opens");
    let last = more.last().expect("events");
    assert_eq!(ledger.head().position, last.position);
    assert_eq!(
        ledger.room_head(last.room.as_ref()).expect("known"),
        last.version
    );
    drop(held);
}

#[test]
fn rule_19_an_error_of_the_system_starts_no_rebuild() {
    let dir = tempfile::tempdir().expect("a directory");
    closed(dir.path(), 30);
    let (db, elsewhere) = (dir.path().join("db"), dir.path().join("elsewhere"));
    fs::rename(&db, &elsewhere).expect("moved");
    // A file where the folder should be: no damage of the copy, and nothing to be thrown away.
    fs::write(&db, b"in the way").expect("written");
    match Ledger::open(dir.path(), options()) {
        Err(StoreError::Refused { path, .. }) => assert!(path.ends_with("db"), "{path}"),
        Err(other) => panic!("refused, not {other}"),
        Ok((_, report)) => panic!("opened: {report:?}"),
    }
    assert_eq!(fs::read(&db).expect("still there"), b"in the way");
    assert_eq!(
        fs::read_dir(dir.path().join("aside"))
            .expect("a folder")
            .count(),
        0
    );
    fs::remove_file(&db).expect("removed");
    fs::rename(&elsewhere, &db).expect("moved back");
    open_small(dir.path()).0.close().expect("closes");
    // Damage does.
    fs::write(db.join("conf"), b"").expect("written");
    let (ledger, report) = open_small(dir.path());
    assert_eq!(report.repairs.len(), 1, "{report:?}");
    ledger.close().expect("closes");
    assert!(dir.path().join("aside/db-1").exists());
    assert_eq!(checked(dir.path(), true).problems, vec![]);
}
