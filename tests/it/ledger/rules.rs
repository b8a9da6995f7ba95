//! The rules of the log that concern both copies and stand nowhere else under their number.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use roomledger::domain::{Kind, Version};
use roomledger::store::journal::{FrameKind, JournalReader, RealDisk};
use roomledger::store::ledger::{Ledger, LedgerOptions};
use roomledger::store::{
    Caches as _, CommandRecord, Commit, EventStore as _, LogCopy, NewRecord, Position, StoreError,
    encode_commit,
};
use roomledger::testing::arbitrary::{Fullness, command_header, event};
use roomledger::testing::faults::SimulatedDisk;

use super::damage::segments;
use super::{checked, closed, contents, copy_files, edit_sled, fill, open_small, options, read};

/// Waits for what another thread is to do; ten minutes are for machines that build beside us.
#[track_caller]
fn wait_until(mut is_done: impl FnMut() -> bool) {
    let done = (0..120_000).any(|_| {
        let done = is_done();
        if !done {
            thread::sleep(Duration::from_millis(5));
        }
        done
    });
    assert!(done, "not within ten minutes");
}

/// A commit of `count` notes in the system stream.
fn notes(ledger: &Ledger, count: u64) -> Commit {
    let head = ledger.room_head(None).expect("known");
    let events = (head.0 + 1..=head.0 + count).map(|version| NewRecord {
        room: None,
        version: Version(version),
        event: event(Kind::NoteAdded, Fullness::Full, version),
    });
    let command = CommandRecord {
        header: Arc::new(command_header(Fullness::Full, head.0)),
        events: events.collect(),
    };
    Commit {
        commands: vec![command],
    }
}

#[test]
fn rule_03_the_last_commit_is_sealed_once_nothing_follows_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    fill(&ledger, 3);
    let journal = JournalReader::open(Arc::new(RealDisk), dir.path()).expect("opens");
    wait_until(|| journal.end().expect("reads").unsealed.is_none());
    // By the running ledger: nobody has closed it.
    fill(&ledger, 1);
    ledger.close().expect("closes");
}

/// What was appended may be in sled, and not yet on the disk: until it is, a close has to fail, and
/// the next open to look.
#[test]
fn rule_06_a_close_is_clean_only_once_db_is_synced() {
    let dir = tempfile::tempdir().expect("a directory");
    let (db, elsewhere) = (dir.path().join("db"), dir.path().join("elsewhere"));
    let (ledger, _) = open_small(dir.path());
    let mut written = fill(&ledger, 20);
    wait_until(|| ledger.copy_behind() == Some(0));
    // sled goes on with the files it holds; that the folder is durable cannot be said any more.
    fs::rename(&db, &elsewhere).expect("moved");
    let closed = ledger.close();
    assert!(closed.is_err(), "nothing can have synced it");
    drop(ledger);
    fs::rename(&elsewhere, &db).expect("moved back");
    let (ledger, report) = open_small(dir.path());
    assert!(!report.was_clean, "{report:?}");
    assert_eq!(read(&ledger).expect("reads"), written);
    written.extend(fill(&ledger, 1));
    ledger.close().expect("closes");
    let (ledger, report) = open_small(dir.path());
    assert!(report.was_clean, "{report:?}");
    assert_eq!(read(&ledger).expect("reads"), written);
}

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
    wait_until(|| {
        let found = ledger.read_room(room.as_ref(), Version(0), 1);
        !matches!(found, Err(StoreError::Opening))
    });
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
        ledger.append(&notes(&ledger, 2_000)).expect("appends");
        wait_until(|| journal.end().expect("reads").unsealed.is_none());
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

/// A block that sled gives back whole, by its own sums, and that is not what the journal has.
#[test]
fn rule_16_after_a_crash_the_last_commit_of_each_segment_is_compared() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let mut written = fill(&ledger, 60);
    wait_until(|| ledger.copy_behind() == Some(0));
    // Blocks of their own: what an open looks at anyway is the last.
    written.extend(fill(&ledger, 140));
    wait_until(|| ledger.copy_behind() == Some(0));
    // Dropped, not closed.
    drop(ledger);
    let reader = JournalReader::open(Arc::new(RealDisk), dir.path()).expect("opens");
    let end = reader.closed_ends().expect("reads")[0];
    let frame = reader.frame_containing(end.position()).expect("reads");
    let frame = frame.expect("there");
    let needle = &frame.bytes()[frame.bytes().len() - 24..];
    let mut damaged = 0;
    edit_sled(dir.path(), |_, value| {
        let at = value.windows(needle.len()).position(|it| it == needle);
        let Some(at) = at else { return };
        value[at] ^= 1;
        damaged += 1;
    });
    assert_eq!(damaged, 1, "the commit stands in one block");
    // No read has asked for it: the open alone tells.
    let after_a_crash = LedgerOptions {
        boot_id: "another boot".to_owned(),
        ..options()
    };
    let (ledger, report) = Ledger::open(dir.path(), after_a_crash).expect("opens");
    assert!(!report.was_clean && !report.same_boot, "{report:?}");
    assert_eq!(report.repairs.len(), 1, "{report:?}");
    assert_eq!(
        (report.repairs[0].copy, report.repairs[0].restored),
        (LogCopy::Sled, true)
    );
    assert_eq!(read(&ledger).expect("reads"), written);
}

#[test]
fn rule_17_when_the_applier_dies_nothing_more_is_acknowledged_and_reads_go_on() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = SimulatedDisk::new();
    let dies = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&dies);
    disk.set_free(move || {
        let is_applier = thread::current().name() == Some("ledger-applier");
        assert!(!is_applier || !told.load(Ordering::SeqCst), "as planned");
        Ok(u64::MAX)
    });
    let watched = LedgerOptions {
        reserve_bytes: 1,
        disk: Arc::new(disk),
        ..options()
    };
    let (ledger, _) = Ledger::open(dir.path(), watched).expect("opens");
    let mut written = fill(&ledger, 20);
    dies.store(true, Ordering::SeqCst);
    let mut failure = None;
    wait_until(|| {
        let commit = notes(&ledger, 1);
        match ledger.append(&commit) {
            Ok(appended) => written.extend(commit.into_records(appended.first)),
            Err(error) => failure = Some(error),
        }
        failure.is_some()
    });
    let failure = failure.expect("one");
    assert!(
        matches!(&failure, StoreError::Poisoned { cause } if cause.contains("panicked")),
        "{failure}"
    );
    let found = ledger.read_all(Position(0), usize::MAX).expect("reads");
    assert_eq!(found, written);
    let closed = ledger.close().expect_err("never in order");
    assert!(matches!(closed, StoreError::Poisoned { .. }), "{closed}");
}

/// With the journal unreadable as well, only the tail has what sled could not take.
#[test]
fn rule_17_the_tail_forgets_only_what_sled_serves() {
    let dir = tempfile::tempdir().expect("a directory");
    let disk = SimulatedDisk::new();
    let large = LedgerOptions {
        segment_bytes: 16 << 20,
        frame_bytes_max: 14 << 20,
        disk: Arc::new(disk.clone()),
        ..options()
    };
    let (ledger, _) = Ledger::open(dir.path(), large).expect("opens");
    // sled is synced while it takes more than 2 MiB, and that fails once its folder is gone.
    fs::rename(dir.path().join("db"), dir.path().join("elsewhere")).expect("moved");
    let commit = notes(&ledger, 50_000);
    assert!(encode_commit(&commit).expect("encoded").len() > 2 << 20);
    let first = ledger.append(&commit).expect("appends").first;
    let written: Vec<_> = commit.into_records(first).collect();
    let mut stopped = None;
    wait_until(|| {
        stopped = ledger.append(&Commit::default()).err();
        stopped.is_some()
    });
    let stopped = stopped.expect("one");
    assert!(matches!(stopped, StoreError::Poisoned { .. }), "{stopped}");
    disk.edit(&dir.path().join("journal/00000001.seg"), |data| {
        data.fill(0xa5);
    });
    assert_eq!(ledger.read_all(Position(0), usize::MAX).ok(), Some(written));
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
