//! Backups of a running ledger, and ledgers made from them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use roomledger::domain::{Event, Timestamp};
use roomledger::engine::{EngineError, restore};
use roomledger::store::ledger::{Ledger, LedgerOptions, LedgerReader, backup};
use roomledger::store::{EventStore as _, Link, Position, Record, StoreError};

use super::damage::{overwrite, segments};
use super::{SEGMENT_BYTES, checked, closed, contents, fill, open_small, options, read};

fn restored(from: &std::path::Path, to: &std::path::Path) -> Result<Link, EngineError> {
    let options = LedgerOptions {
        epoch: 8,
        ..options()
    };
    restore(from, to, options, Timestamp::EPOCH).map(|done| done.to)
}

#[test]
fn a_backup_beside_a_running_ledger_is_consistent_and_adds_only_what_is_new() {
    let dir = tempfile::tempdir().expect("a directory");
    let kept = tempfile::tempdir().expect("a directory");
    let to = kept.path().join("backup");
    let (ledger, _) = open_small(dir.path());
    let mut written = fill(&ledger, 50);
    let is_done = AtomicBool::new(false);
    let runs = thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let more = fill(&ledger, 600);
            is_done.store(true, Ordering::Release);
            more
        });
        let (mut end, mut bytes, mut runs) = (Link::START, 0, 0);
        loop {
            let last = runs > 0 && is_done.load(Ordering::Acquire);
            let report = backup(dir.path(), &to).expect("backs up");
            assert_eq!(
                report.from, end.position,
                "it goes on where the last one ended"
            );
            assert!(report.to.position >= end.position);
            (end, runs) = (report.to, runs + 1);
            bytes += report.bytes;
            let whole = checked(&to, false);
            assert_eq!(whole.problems, vec![], "{whole:?}");
            if last {
                break;
            }
        }
        written.extend(writer.join().expect("writes"));
        let copied = LedgerReader::open(&to).expect("opens");
        let copied = read(&copied).expect("reads");
        assert_eq!(copied, written, "also what nothing seals yet");
        let files: u64 = segments(&to).len() as u64;
        assert!(bytes <= files * SEGMENT_BYTES, "nothing is copied twice");
        runs
    });
    assert!(runs > 1);
    ledger.close().expect("closes");
    let before = contents(dir.path());
    backup(dir.path(), &to).expect("backs up");
    let again = backup(dir.path(), &to).expect("backs up");
    assert_eq!(
        (again.from, again.bytes),
        (again.to.position, 0),
        "nothing new"
    );
    assert_eq!(
        contents(dir.path()),
        before,
        "what is copied is not written to"
    );
    let reader = LedgerReader::open(&to).expect("opens");
    assert_eq!(read(&reader).expect("reads"), written);
}

#[test]
fn rule_11_what_a_kill_left_is_backed_up_and_restored_whole() {
    let dir = tempfile::tempdir().expect("a directory");
    let kept = tempfile::tempdir().expect("a directory");
    let to = kept.path().join("backup");
    let mut written = Vec::new();
    // A backup of what the first kill left, and two that add to it.
    for life in 0..3 {
        let (ledger, _) = open_small(dir.path());
        written.extend(fill(&ledger, 25));
        drop(ledger);
        let report = backup(dir.path(), &to).expect("backs up");
        assert_eq!(
            (report.to.position, report.replaced),
            (written[written.len() - 1].position, None)
        );
        for (from, name) in [(to.as_path(), "from backup"), (dir.path(), "in place")] {
            let fresh = kept.path().join(format!("{name} {life}"));
            restored(from, &fresh).expect("restores");
            let reader = LedgerReader::open(&fresh).expect("opens");
            let all = reader.read_all(Position(0), 10_000).expect("reads");
            assert_eq!(all[..all.len() - 1], written, "{name}");
            assert_eq!(checked(&fresh, true).problems, vec![], "{name}");
        }
    }
}

#[test]
fn rule_10_a_restored_ledger_is_whole_and_a_history_of_its_own() {
    let dir = tempfile::tempdir().expect("a directory");
    let kept = tempfile::tempdir().expect("a directory");
    let (to, fresh) = (kept.path().join("backup"), kept.path().join("fresh"));
    let written = closed(dir.path(), 120);
    backup(dir.path(), &to).expect("backs up");
    let end = restored(&to, &fresh).expect("restores");
    assert_eq!(checked(&fresh, true).problems, vec![]);
    let (ledger, _) = open_small(&fresh);
    let all = ledger.read_all(Position(0), 10_000).expect("reads");
    let (own, rest) = all.split_last().expect("events");
    assert_eq!(rest, written);
    assert!(matches!(&own.event.event, Event::HistoryRepaired(it) if it.copy == "backup"));
    let theirs = ledger.commit_of(own.position).expect("a commit");
    fill(&ledger, 3);
    ledger.close().expect("closes");
    // The original goes on as well: from the restore on, no link is the same.
    let (ledger, _) = open_small(dir.path());
    assert_eq!(ledger.commit_of(end.position).expect("a commit"), end);
    fill(&ledger, 3);
    assert_ne!(ledger.commit_of(own.position).expect("a commit"), theirs);
    ledger.close().expect("closes");
    // Neither can be taken for the other: not by a backup, not by an open.
    backup(&fresh, &to).expect("the restored one goes on where the backup ended");
    match backup(dir.path(), &to) {
        Err(StoreError::Refused { problem, .. }) => {
            assert!(problem.contains("two histories"), "{problem}");
        }
        other => panic!("refused, not {other:?}"),
    }
    std::fs::remove_dir_all(fresh.join("db")).expect("removed");
    super::copy_files(&dir.path().join("db"), &fresh.join("db"));
    assert!(matches!(
        Ledger::open(&fresh, options()),
        Err(StoreError::Refused { .. })
    ));
}

#[test]
fn a_restore_refuses_what_is_damaged_and_what_is_in_the_way() {
    let dir = tempfile::tempdir().expect("a directory");
    let kept = tempfile::tempdir().expect("a directory");
    let (to, fresh) = (kept.path().join("backup"), kept.path().join("fresh"));
    closed(dir.path(), 120);
    backup(dir.path(), &to).expect("backs up");
    match restored(&to, dir.path()) {
        Err(EngineError::Store(StoreError::Refused { .. })) => {}
        other => panic!("refused, not {other:?}"),
    }
    overwrite(&segments(&to)[0], SEGMENT_BYTES / 2, b"damage");
    match restored(&to, &fresh) {
        Err(EngineError::Store(StoreError::Corrupt { .. })) => {}
        other => panic!("named, not {other:?}"),
    }
    // A damaged backup gets nothing added to it in silence.
    let more: Vec<Record> = {
        let (ledger, _) = open_small(dir.path());
        let more = fill(&ledger, 1);
        ledger.close().expect("closes");
        more
    };
    assert!(!more.is_empty());
    overwrite(&to.join("HEAD"), 20, b"damage");
    assert!(backup(dir.path(), &to).is_err());
}
