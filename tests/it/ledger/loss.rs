//! Reading around what was lost, by every way to read.

use std::fs;

use roomledger::domain::{Digest, RoomName, Version};
use roomledger::store::ledger::LedgerReader;
use roomledger::store::{
    Caches, EventStore, Link, LogCopy, MemoryStore, Position, Record, Scrubbed, StoreError,
};

use super::damage::segments;
use super::repair::{damage_both, repaired};
use super::scrub::damage_every_block;
use super::{SEGMENT_BYTES, checked, closed, fill, open_small, read};

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
    let written = closed(dir.path(), 200);
    let (ledger, _) = open_small(dir.path());
    damage_every_block(dir.path());
    for _ in 0..2 {
        assert_eq!(read(&ledger).expect("reads"), written);
        check_linked(&ledger, &written);
    }
    let told = ledger.take_repairs();
    let [told] = told.as_slice() else {
        panic!("told once: {told:?}");
    };
    assert_eq!((told.copy, told.restored), (LogCopy::Sled, false));
    drop(ledger);
    let (ledger, report) = open_small(dir.path());
    let rebuilt = report
        .repairs
        .iter()
        .filter(|it| it.copy == LogCopy::Sled && it.restored);
    assert_eq!(rebuilt.count(), 1, "{report:?}");
    assert_eq!(ledger.copy_behind(), Some(0));
    assert_eq!(read(&ledger).expect("reads"), written);
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
