//! What the machine refuses, and what we refuse before it does: nothing is half done.

use std::fs;
use std::io::ErrorKind;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use roomledger::domain::{Kind, Version};
use roomledger::store::ledger::{Ledger, LedgerOptions, LedgerReader};
use roomledger::store::{
    Caches as _, CommandRecord, Commit, EventStore as _, NewRecord, Position, StoreError,
};
use roomledger::testing::arbitrary::{Fullness, command_header, event};
use roomledger::testing::faults::{DiskFault, SimulatedDisk};

use super::{closed, fill, open_small, options, read};

/// A commit of one event in the system stream.
fn one(ledger: &Ledger) -> Commit {
    Commit {
        commands: vec![CommandRecord {
            header: Arc::new(command_header(Fullness::Full, 1)),
            events: vec![NewRecord {
                room: None,
                version: ledger.room_head(None).expect("known").next(),
                event: event(Kind::NoteAdded, Fullness::Full, 1),
            }],
        }],
    }
}

#[test]
fn a_directory_that_cannot_be_written_is_refused_by_name() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    // Root writes anywhere: only a disk of ours refuses it, too.
    let disk = SimulatedDisk::new();
    for operation in 0..1_000 {
        disk.fail_at(operation, DiskFault::Error(ErrorKind::PermissionDenied));
    }
    let refusing = LedgerOptions {
        disk: Arc::new(disk.clone()),
        ..options()
    };
    let error = Ledger::open(&data, refusing).err().expect("refused");
    assert!(error.to_string().contains("data"), "{error}");
    assert_eq!((disk.files().len(), data.exists()), (0, false));
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
    let commit = one(&ledger);
    match ledger.append(&commit) {
        Err(StoreError::Full { reserve_bytes, .. }) => assert_eq!(reserve_bytes, u64::MAX),
        other => panic!("full, not {other:?}"),
    }
    assert_eq!(ledger.head(), before);
    assert_eq!(read(&ledger).expect("reads"), written);
    ledger.close().expect("closes");
}

/// What sled lags behind is asked for above the reserve, and sled takes nothing while less is free
/// than the reserve: a disk that fills up ends with refusals, not with ENOSPC.
#[test]
fn rule_14_the_indexed_copy_leaves_the_reserve_alone() {
    let (reserve_bytes, spare_bytes) = (1 << 20, 100_000);
    // What is applied and not written, up to 2 MiB, and three bytes for each.
    let for_writer = reserve_bytes + 3 * ((2 << 20) + spare_bytes);
    let for_applier = Arc::new(AtomicU64::new(reserve_bytes - 1));
    let disk = SimulatedDisk::new();
    let applier_finds = Arc::clone(&for_applier);
    disk.set_free(move || {
        let is_applier = thread::current().name() == Some("ledger-applier");
        Ok(if is_applier {
            applier_finds.load(Ordering::SeqCst)
        } else {
            for_writer
        })
    });
    let dir = tempfile::tempdir().expect("a directory");
    let scarce = LedgerOptions {
        reserve_bytes,
        disk: Arc::new(disk),
        ..options()
    };
    let (ledger, _) = Ledger::open(dir.path(), scarce).expect("opens");
    let mut answers = (0..1_000).map(|_| ledger.append(&one(&ledger)));
    let refused = answers.position(|answer| match answer {
        Ok(_) => false,
        Err(StoreError::Full {
            free_bytes,
            reserve_bytes,
            ..
        }) => {
            // A commit more would have been too much, and each is less than 1 KiB.
            assert!(reserve_bytes - free_bytes < 3 << 10);
            true
        }
        Err(other) => panic!("full, not {other}"),
    });
    let accepted = refused.expect("refused before the space is used up") as u64;
    assert!(accepted * 100 < spare_bytes && accepted > spare_bytes >> 10);
    // Nothing is applied, nothing is missing.
    let behind = || ledger.copy_behind().expect("open");
    assert_eq!(behind(), accepted);
    let found = ledger.read_all(Position(0), usize::MAX).expect("reads");
    assert_eq!(found.len() as u64, accepted);
    assert!(matches!(
        ledger.append(&one(&ledger)),
        Err(StoreError::Full { .. })
    ));

    for_applier.store(reserve_bytes, Ordering::SeqCst);
    let caught_up = (0..6_000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        behind() == 0
    });
    assert!(caught_up, "{} behind", behind());
    ledger.append(&one(&ledger)).expect("there is room again");
    // A close gives sled all it can: nothing is asked of it afterwards.
    for_applier.store(0, Ordering::SeqCst);
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
        let commit = one(&ledger);
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
fn the_first_failed_write_stops_everything_but_reading() {
    let mut failures = 0;
    for nth in 0..10 {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = SimulatedDisk::new();
        let simulated = LedgerOptions {
            disk: Arc::new(disk.clone()),
            ..options()
        };
        let (ledger, _) = Ledger::open(dir.path(), simulated.clone()).expect("opens");
        let mut written = fill(&ledger, 5);
        let fault = [
            DiskFault::Error(ErrorKind::StorageFull),
            DiskFault::ShortWrite,
        ];
        let fault = fault[usize::from(nth % 2 == 1)];
        let at = disk.operations() + nth;
        disk.fail_at(at, fault);
        let failure = loop {
            let commit = one(&ledger);
            match ledger.append(&commit) {
                Ok(appended) => written.extend(commit.into_records(appended.first)),
                Err(error) => break Some(error),
            }
            // Met by the segment that is prepared ahead, and done without.
            if disk.operations() > at {
                break None;
            }
        };
        let Some(failure) = failure else { continue };
        failures += 1;
        let stopped = |error: &StoreError| {
            matches!(error, StoreError::Io { .. } | StoreError::Poisoned { .. })
        };
        assert!(stopped(&failure), "{failure}");
        let again = ledger.append(&one(&ledger)).expect_err("no retry");
        assert!(matches!(again, StoreError::Poisoned { .. }), "{again}");
        let found = ledger.read_all(Position(0), usize::MAX).expect("reads");
        assert_eq!(found, written, "reads go on");
        drop(ledger);
        // The outcome of the one that failed is unknown; all that was answered is there.
        let (ledger, _) = Ledger::open(dir.path(), simulated).expect("opens");
        let found = ledger.read_all(Position(0), usize::MAX).expect("reads");
        assert_eq!(found[..written.len()], written);
        assert!(found.len() <= written.len() + 1);
        ledger.close().expect("closes");
    }
    assert!(failures >= 5, "{failures} of 10 writes failed");
}

/// log.md rule 6: sled, whose writes all reached the disk here, never knows a commit that HEAD
/// does not, so that a journal which lost what was not synced is no other history.
#[test]
fn a_power_cut_of_the_journal_alone_loses_nothing_that_was_answered() {
    for seed in 0..8_u32 {
        let dir = tempfile::tempdir().expect("a directory");
        let disk = SimulatedDisk::new();
        let with = |disk: &SimulatedDisk| LedgerOptions {
            disk: Arc::new(disk.clone()),
            ..options()
        };
        let (ledger, _) = Ledger::open(dir.path(), with(&disk)).expect("opens");
        let written = fill(&ledger, 30 + u64::from(seed) * 7);
        let mut bits = seed.wrapping_mul(0x9e37_79b9);
        // Off: the applier runs on, and gives sled only what a HEAD on the disk knows, which is
        // then one that the cut holds, whole and with the frames that it names.
        let cut = disk.power_off(&mut || {
            bits = bits.rotate_left(5).wrapping_mul(0x85eb_ca6b);
            bits & 1 == 1
        });
        drop(ledger);
        let (ledger, report) = Ledger::open(dir.path(), with(&cut)).expect("opens");
        assert!(!report.was_clean);
        assert_eq!(
            ledger.read_all(Position(0), usize::MAX).expect("reads"),
            written
        );
        ledger.close().expect("closes");
    }
}

#[test]
fn a_lock_that_outlives_its_ledger_is_waited_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 10);
    // What a child process between fork and exec does: it holds sled's file open, locked.
    let held = fs::File::open(dir.path().join("db/db")).expect("opens");
    held.lock().expect("locked");
    let child = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        drop(held);
    });
    let (ledger, _) = open_small(dir.path());
    child.join().expect("ends");
    assert_eq!(read(&ledger).expect("reads"), written);
}

#[test]
fn a_ledger_is_opened_again_while_the_process_starts_others() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = closed(dir.path(), 10);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                Command::new("true").status().expect("runs");
            }
        });
        let reopened = (0..50).map(|_| Ledger::open(dir.path(), options()).map(drop));
        let failed = reopened.filter_map(Result::err).collect::<Vec<_>>();
        stop.store(true, Ordering::Relaxed);
        assert!(failed.is_empty(), "{failed:?}");
    });
    let (ledger, _) = open_small(dir.path());
    assert_eq!(read(&ledger).expect("reads"), written);
}
