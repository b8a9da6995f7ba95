//! Damage in one copy, in both, and two copies that tell two histories.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roomledger::domain::Digest;
use roomledger::store::journal::{FrameKind, JournalReader, RealDisk};
use roomledger::store::ledger::{Ledger, LedgerOptions, LedgerReader};
use roomledger::store::{Caches as _, EventStore as _, LogCopy, Position, StoreError};

use super::{checked, closed, copy_files, fill, open_small, options, read};

pub(super) fn segments(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.join("journal")).expect("a folder");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a file").path()).collect();
    paths.sort();
    paths
}

pub(super) fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    let file = fs::OpenOptions::new().write(true).open(path);
    file.and_then(|file| file.write_all_at(bytes, offset))
        .expect("overwritten");
}

/// The segment (from 0) of each commit, and where the middle of its frame stands there: by the
/// frames, since a seal comes between whenever the writer stands still, and moves what follows.
pub(super) fn commits(dir: &Path) -> Vec<(usize, u64)> {
    let reader = JournalReader::open(Arc::new(RealDisk), dir).expect("opens");
    let mut found = Vec::new();
    let (mut segment, mut offset) = (0, FRAMES_OFFSET);
    for frame in reader.frames_from(1).expect("reads") {
        let frame = frame.expect("whole");
        if frame.header().segment != segment {
            (segment, offset) = (frame.header().segment, FRAMES_OFFSET);
        }
        if frame.kind() == FrameKind::Commit {
            let middle = offset + frame.bytes().len() as u64 / 2;
            found.push((usize::try_from(segment).expect("small") - 1, middle));
        }
        offset += frame.bytes().len() as u64;
    }
    found
}

/// Where a commit in the middle of a segment has its own middle: in its payload.
fn middle_of(dir: &Path, segment: usize) -> u64 {
    let inside = commits(dir).into_iter().filter(|it| it.0 == segment);
    let inside: Vec<u64> = inside.map(|(_, middle)| middle).collect();
    inside[inside.len() / 2]
}

/// Damages a commit in the middle of a segment.
pub(super) fn damage_commit(dir: &Path, segment: usize) {
    let offset = middle_of(dir, segment);
    overwrite(&segments(dir)[segment], offset, b"damage");
}

/// Where the frames of a segment begin.
const FRAMES_OFFSET: u64 = 64;

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

/// sled may lose its end, or all, in silence; after a close in order that shows, and is told.
#[test]
fn an_end_that_sled_lost_after_a_close_in_order_is_told_as_a_repair() {
    let dir = tempfile::tempdir().expect("a directory");
    let old = tempfile::tempdir().expect("a directory");
    let mut written = closed(dir.path(), 30);
    copy_files(&dir.path().join("db"), old.path());
    let (ledger, _) = open_small(dir.path());
    written.extend(fill(&ledger, 30));
    ledger.close().expect("closes");
    fs::remove_dir_all(dir.path().join("db")).expect("removed");
    copy_files(old.path(), &dir.path().join("db"));
    let (ledger, report) = open_small(dir.path());
    let [repaired] = report.repairs.as_slice() else {
        panic!("one repair: {report:?}");
    };
    assert_eq!((repaired.copy, repaired.restored), (LogCopy::Sled, true));
    assert!(repaired.problem.contains("complete"), "{repaired:?}");
    assert_eq!(repaired.to, report.head.position);
    assert_eq!(read(&ledger).expect("reads"), written);
}

#[test]
fn a_damaged_sealed_frame_of_the_journal_is_found_named_and_healed() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let written = fill(&ledger, 200);
    // With a checkpoint at its end, an open has no need to read what is damaged.
    let reducer = Digest::of(b"reducer");
    let saved = ledger.save_checkpoint(ledger.head(), &reducer, b"state");
    saved.and_then(|()| ledger.close()).expect("closes");
    let files = segments(dir.path());
    assert!(files.len() > 3, "{files:?}");
    damage_commit(dir.path(), 0);
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
    damage_commit(dir.path(), 0);
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
    damage_commit(dir.path(), 0);
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
            assert!(problem.contains("--continue-from journal"), "{problem}");
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
fn damage_in_a_closed_segment_is_healed_by_an_open_that_has_to_read_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 200);
    let second = middle_of(dir.path(), 2);
    damage_commit(dir.path(), 1);
    overwrite(&segments(dir.path())[2], second, &[0; 4_096]);
    let (ledger, report) = open_small(dir.path());
    assert_eq!(report.repairs.len(), 2, "{report:?}");
    assert!(
        report
            .repairs
            .iter()
            .all(|repaired| repaired.copy == LogCopy::Journal)
    );
    assert_eq!(read(&ledger).expect("reads"), written);
    ledger.close().expect("closes");
    assert_eq!(checked(dir.path(), true).problems, vec![]);
}

/// Found by the campaign: healed, the frames reach farther than where the writer had begun.
#[test]
fn after_shifted_frames_of_the_last_segment_are_healed_the_writer_goes_on_behind_them() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let mut written = fill(&ledger, 150);
    // So much in the last segment that what is taken out of it stands between frames.
    let last = || *commits(dir.path()).last().expect("commits");
    while last().1 < 9_000 {
        written.extend(fill(&ledger, 1));
    }
    ledger.close().expect("closes");
    let path = &segments(dir.path())[last().0];
    let mut bytes = fs::read(path).expect("read");
    bytes.drain(4_904..9_000);
    fs::write(path, bytes).expect("written");
    let (ledger, report) = open_small(dir.path());
    assert!(!report.repairs.is_empty(), "{report:?}");
    assert_eq!(read(&ledger).expect("reads"), written);
    written.extend(fill(&ledger, 20));
    ledger.close().expect("closes");
    assert_eq!(checked(dir.path(), true).problems, vec![]);
    let reader = LedgerReader::open(dir.path()).expect("opens");
    assert_eq!(read(&reader).expect("reads"), written);
}
