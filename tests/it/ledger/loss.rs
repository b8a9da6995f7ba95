//! Reading around what was lost, by every way to read.

use std::fs;
use std::sync::Arc;

use roomledger::domain::{Digest, RoomName, Timestamp, Version};
use roomledger::engine::repair;
use roomledger::store::journal::{Frame, FrameKind, JournalReader, RealDisk};
use roomledger::store::ledger::{
    Ledger, LedgerOptions, LedgerReader, RepairOptions, backup, boot_id,
};
use roomledger::store::{
    Caches, EventStore, Link, LogCopy, MemoryStore, Position, Record, Scrubbed, StoreError,
};

use super::chunks::large;
use super::damage::{overwrite, segments};
use super::repair::{damage_both, repaired};
use super::scrub::{damage_every_block, large_ledger};
use super::{SEGMENT_BYTES, checked, closed, copy_files, fill, open_small, options, read};

/// Every record with the end of its commit, a few at a time.
fn linked(store: &dyn EventStore) -> Vec<(Record, Link)> {
    let mut found: Vec<(Record, Link)> = Vec::new();
    loop {
        let after = found
            .last()
            .map_or(Position(0), |(record, _)| record.position);
        let page = store.read_linked(after, 7).expect("reads");
        if page.is_empty() {
            return found;
        }
        found.extend(page);
    }
}

fn check_linked(store: &dyn EventStore, written: &[Record]) {
    let linked = linked(store);
    let records: Vec<_> = linked.iter().map(|(record, _)| record.clone()).collect();
    assert_eq!(records, written);
    for (record, link) in &linked {
        assert_eq!(store.commit_of(record.position).expect("known"), *link);
    }
    for nowhere in [Position(0), store.head().position.next()] {
        match store.commit_of(nowhere) {
            Err(StoreError::Missing { position }) => assert_eq!(position, nowhere),
            other => panic!("nothing is there, not {other:?}"),
        }
    }
}

#[test]
fn every_way_to_read_tells_the_end_of_each_commit() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut written = closed(dir.path(), 40);
    check_linked(&LedgerReader::open(dir.path()).expect("opens"), &written);
    let (ledger, _) = open_small(dir.path());
    written.extend(fill(&ledger, 10));
    check_linked(&ledger, &written);
    let memory = MemoryStore::new();
    for commit in LedgerReader::open(dir.path())
        .expect("opens")
        .read_commits(Position(0))
        .expect("reads")
    {
        memory
            .append(&commit.expect("whole").commit)
            .expect("appends");
    }
    check_linked(&memory, &written);
}

/// A loss that was accepted is passed over, whatever is asked and however little at once.
#[test]
fn reads_go_on_behind_an_accepted_loss() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 200);
    damage_both(dir.path(), written[written.len() / 3].position.0);
    let report = repaired(dir.path(), true);
    let [lost] = report.lost.as_slice() else {
        panic!("one hole: {report:?}");
    };
    let gone = lost.from..=lost.to.expect("known");
    let before = Position(lost.from.0 - 1);
    let next = gone.end().next();
    let (ledger, _) = open_small(dir.path());
    let reader = LedgerReader::open(dir.path()).expect("opens");
    for store in [&ledger as &dyn EventStore, &reader] {
        for limit in [1, 3] {
            let page = store.read_all(before, limit).expect("reads");
            assert_eq!(page.first().map(|record| record.position), Some(next));
            let page = store.read_linked(before, limit).expect("reads");
            assert_eq!(page.first().map(|(record, _)| record.position), Some(next));
        }
        match store.commit_of(lost.from) {
            Err(StoreError::Missing { position }) => assert_eq!(position, lost.from),
            other => panic!("it is lost, not {other:?}"),
        }
        let kept = linked(store).into_iter().map(|(record, _)| record);
        let kept: Vec<_> = kept.filter(|it| written.contains(it)).collect();
        let whole = written
            .iter()
            .filter(|record| !gone.contains(&record.position));
        assert_eq!(kept, whole.cloned().collect::<Vec<_>>());
    }
    ledger.close().expect("closes");
}

/// Bytes behind the end of a segment are cut, and kept.
#[test]
fn a_segment_that_has_grown_gets_its_length_back() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 90);
    let path = segments(dir.path()).swap_remove(0);
    let mut bytes = fs::read(&path).expect("read");
    bytes.extend([0xa5; 777]);
    fs::write(&path, &bytes).expect("written");
    let report = repaired(dir.path(), false);
    assert_eq!(
        report.notes,
        ["segment 1 was longer than it may be: what stood behind it is in aside/"]
    );
    assert_eq!(fs::metadata(&path).expect("measured").len(), SEGMENT_BYTES);
    let kept = fs::read_dir(dir.path().join("aside")).expect("a folder");
    let kept: Vec<Vec<u8>> = kept
        .map(|entry| fs::read(entry.expect("an entry").path()).expect("read"))
        .collect();
    assert!(kept.iter().any(|bytes| bytes.ends_with(&[0xa5; 777])));
    assert_eq!(checked(dir.path(), true).problems, vec![]);
    let (ledger, _) = open_small(dir.path());
    assert_eq!(read(&ledger).expect("reads"), written);
}

/// A read that meets damage in db/ is answered by the journal, and the next open builds db/ anew.
#[test]
fn damage_met_in_db_is_answered_around_told_once_and_built_anew() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = large_ledger(dir.path());
    let (ledger, _) = Ledger::open(dir.path(), large(1 << 20)).expect("opens");
    damage_every_block(dir.path());
    let room = RoomName::new("town").ok();
    for _ in 0..2 {
        let by_room = ledger.read_room(room.as_ref(), Version(0), 99);
        assert_eq!(by_room.expect("reads"), written);
        check_linked(&ledger, &written);
    }
    let told = ledger.take_repairs();
    let [told] = told.as_slice() else {
        panic!("told once: {told:?}");
    };
    assert_eq!((told.copy, told.restored), (LogCopy::Sled, false));
    drop(ledger);
    let (ledger, report) = Ledger::open(dir.path(), large(1 << 20)).expect("opens");
    let rebuilt = report
        .repairs
        .iter()
        .filter(|it| it.copy == LogCopy::Sled && it.restored);
    assert_eq!(rebuilt.count(), 1, "{report:?}");
    assert!(ledger.copy_behind().is_some());
    check_linked(&ledger, &written);
    ledger.close().expect("closes");
    assert_eq!(checked(dir.path(), true).problems, vec![]);
}

struct Nothing;
impl Caches for Nothing {}

/// A store without a place for caches is no worse than one whose caches are gone.
#[test]
fn a_store_may_keep_no_caches() {
    let reducer = Digest::of(b"reducer");
    let room = RoomName::new("town").expect("a name");
    let link = Link::START;
    Nothing
        .save_checkpoint(link, &reducer, b"state")
        .expect("nothing to do");
    Nothing
        .put_snapshot(&room, Version(3), link, &reducer, b"state")
        .expect("nothing to do");
    assert_eq!(Nothing.load_checkpoint(&reducer).expect("nothing"), None);
    assert_eq!(
        Nothing.snapshot_at_or_before(&room, Version(9), &reducer),
        None
    );
    assert_eq!(Nothing.copy_behind(), None);
    assert_eq!(Nothing.take_repairs(), vec![]);
    assert_eq!(Nothing.scrubbed(), Scrubbed::default());
}

/// A seal that both copies lost took no position along: it is written again, bit for bit.
#[test]
fn a_lost_seal_is_written_again() {
    let dir = tempfile::tempdir().expect("a directory");
    closed(dir.path(), 20);
    let (ledger, _) = open_small(dir.path());
    fill(&ledger, 20);
    ledger.close().expect("closes");
    let reader = JournalReader::open(Arc::new(RealDisk), dir.path()).expect("opens");
    let frames = reader.frames_from(1).expect("reads");
    let frames: Vec<Frame> = frames.map(|frame| frame.expect("whole")).collect();
    let at = frames
        .iter()
        .position(|frame| frame.kind() == FrameKind::Seal)
        .expect("the close left one");
    assert!(at + 1 < frames.len(), "in the middle");
    fs::remove_dir_all(dir.path().join("db")).expect("removed");
    let seal = frames[at].bytes();
    let path = &segments(dir.path())[0];
    let before = fs::read(path).expect("read");
    let place = before.windows(seal.len()).position(|window| window == seal);
    let place = place.expect("in the first segment") as u64;
    overwrite(path, place, &vec![0xa5; seal.len()]);
    assert!(!repaired(dir.path(), false).is_whole());
    let report = repaired(dir.path(), true);
    assert!(report.is_whole() && report.lost.is_empty(), "{report:?}");
    let after = JournalReader::open(Arc::new(RealDisk), dir.path()).expect("opens");
    let after = after.frames_from(1).expect("reads");
    let after: Vec<Frame> = after.map(|frame| frame.expect("whole")).collect();
    assert_eq!(after[at].bytes(), seal);
    assert_eq!(after[..frames.len()], frames[..]);
    assert_eq!(checked(dir.path(), true).problems, vec![]);
}

#[test]
fn a_copy_of_another_log_is_refused_by_name() {
    let (dir, other) = (
        tempfile::tempdir().expect("one"),
        tempfile::tempdir().expect("two"),
    );
    let written = closed(dir.path(), 20);
    let options = LedgerOptions {
        log_id: [4; 16],
        ..options()
    };
    let (ledger, _) = Ledger::open(other.path(), options).expect("opens");
    fill(&ledger, 20);
    ledger.close().expect("closes");
    fs::remove_dir_all(dir.path().join("db")).expect("removed");
    copy_files(&other.path().join("db"), &dir.path().join("db"));
    let report = checked(dir.path(), true);
    assert_eq!(report.problems.len(), 1, "{report:?}");
    assert_eq!(report.problems[0].copy, LogCopy::Sled);
    assert!(
        report.problems[0].what.contains(&"04".repeat(16)),
        "{report:?}"
    );
    let error = Ledger::open(dir.path(), super::options())
        .map(|_| ())
        .expect_err("refused");
    assert!(matches!(error, StoreError::Refused { .. }), "{error}");
    fs::remove_dir_all(dir.path().join("db")).expect("removed");
    let (ledger, _) = open_small(dir.path());
    assert_eq!(read(&ledger).expect("reads"), written);
}

/// What is asked of a directory while a server runs in it, or where there is nothing.
#[test]
fn repairs_and_backups_are_refused_where_they_could_do_harm() {
    let (dir, other) = (
        tempfile::tempdir().expect("one"),
        tempfile::tempdir().expect("two"),
    );
    let (ledger, _) = open_small(dir.path());
    fill(&ledger, 20);
    let locked = repair(
        dir.path(),
        options(),
        RepairOptions::default(),
        Timestamp::EPOCH,
    )
    .expect_err("refused");
    assert!(locked.to_string().contains("pid"), "{locked}");
    let empty = other.path().join("empty");
    fs::create_dir(&empty).expect("a folder");
    assert!(backup(&empty, &other.path().join("to")).is_err());
    let foreign = other.path().join("foreign");
    let options = LedgerOptions {
        log_id: [4; 16],
        ..options()
    };
    let (elsewhere, _) = Ledger::open(&foreign, options).expect("opens");
    fill(&elsewhere, 20);
    let running = backup(dir.path(), &foreign).expect_err("refused");
    assert!(running.to_string().contains("pid"), "{running}");
    elsewhere.close().expect("closes");
    drop(elsewhere);
    let error = backup(dir.path(), &foreign).expect_err("refused");
    assert!(error.to_string().contains(&"04".repeat(16)), "{error}");
    ledger.close().expect("closes");
    assert_eq!(checked(dir.path(), true).problems, vec![]);
    assert_eq!(checked(&foreign, true).problems, vec![]);
}

#[test]
fn where_there_is_no_journal_nothing_is_read_and_nothing_is_wrong() {
    let dir = tempfile::tempdir().expect("a directory");
    let reader = JournalReader::open(Arc::new(RealDisk), dir.path()).expect("opens");
    assert_eq!(reader.log_id(), None);
    let end = reader.end().expect("reads");
    assert_eq!(end.position, 0);
    assert!(end.damage.is_empty() && end.unsealed.is_none() && end.unfinished.is_none());
    assert_eq!(reader.frames_from(1).expect("reads").count(), 0);
    assert_eq!(reader.closed_ends().expect("reads"), vec![]);
    assert!(!boot_id().is_empty(), "Linux tells it");
}
