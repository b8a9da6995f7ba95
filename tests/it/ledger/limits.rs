//! What the machine refuses, and what we refuse before it does: nothing is half done.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use roomledger::domain::{Kind, Version};
use roomledger::store::ledger::{Ledger, LedgerOptions, LedgerReader};
use roomledger::store::{CommandRecord, Commit, EventStore as _, NewRecord, Position, StoreError};
use roomledger::testing::arbitrary::{Fullness, command_header, event};

use super::{closed, fill, open_small, options, read};

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
