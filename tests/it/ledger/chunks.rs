//! Frames larger than a block of db/, which stand there in chunks.

use std::sync::Arc;

use roomledger::domain::event::{NoteAbout, NoteAdded};
use roomledger::domain::{Event, NewEvent, Personal, RoomName, Version};
use roomledger::store::ledger::{Ledger, LedgerOptions, LedgerReader};
use roomledger::store::{
    Caches as _, CommandRecord, Commit, EventStore as _, NewRecord, Position, StoreError,
};
use roomledger::testing::arbitrary::{Fullness, command_header};

use super::damage::{overwrite, segments};
use super::{checked, options};

/// Options for frames of up to 512 KiB.
pub(super) fn large(segment_bytes: u64) -> LedgerOptions {
    LedgerOptions {
        segment_bytes,
        frame_bytes_max: 512 << 10,
        ..options()
    }
}

/// A commit of one note of so many bytes.
pub(super) fn large_commit(version: u64, bytes: usize) -> Commit {
    let text = "x".repeat(bytes - 1) + &(version % 10).to_string();
    let note = NoteAdded {
        about: NoteAbout::Room,
        text: Personal::from(text.as_str()),
    };
    let record = NewRecord {
        room: RoomName::new("town").ok(),
        version: Version(version),
        event: NewEvent {
            event: Event::NoteAdded(note),
            cause: None,
            occurred_at: None,
        },
    };
    Commit {
        commands: vec![CommandRecord {
            header: Arc::new(command_header(Fullness::Any, version)),
            events: vec![record],
        }],
    }
}

#[test]
fn large_frames_come_back_whole_from_either_copy_and_heal_each_other() {
    let dir = tempfile::tempdir().expect("a directory");
    let sizes = [
        10,
        64 << 10,
        100,
        300 << 10,
        65 << 10,
        7,
        500 << 10,
        200 << 10,
    ];
    let (ledger, _) = Ledger::open(dir.path(), large(1 << 20)).expect("opens");
    let mut written = Vec::new();
    for (version, bytes) in (1..).zip(sizes) {
        let commit = large_commit(version, bytes);
        let appended = ledger.append(&commit).expect("appends");
        written.extend(commit.into_records(appended.first));
    }
    ledger.close().expect("closes");
    assert_eq!(checked(dir.path(), true).problems, vec![]);
    let room = RoomName::new("town").ok();
    for _ in 0..2 {
        let (ledger, report) = Ledger::open(dir.path(), large(1 << 20)).expect("opens");
        assert_eq!(report.repairs.len(), 0, "{report:?}");
        for after in 0..written.len() {
            let page = ledger.read_all(Position(after as u64), 2).expect("reads");
            assert_eq!(page[..], written[after..written.len().min(after + 2)]);
            let page = ledger
                .read_room(room.as_ref(), Version(after as u64), 1)
                .expect("reads");
            assert_eq!(page[..], written[after..=after]);
        }
        // In the middle of a large frame of a closed segment.
        overwrite(&segments(dir.path())[0], 250 << 10, b"damage");
        ledger.heal().expect("heals");
        assert_eq!(ledger.take_repairs().len(), 1);
        ledger.close().expect("closes");
        assert_eq!(checked(dir.path(), true).problems, vec![]);
    }
    let reader = LedgerReader::open(dir.path()).expect("opens");
    assert_eq!(reader.read_all(Position(0), 99).expect("reads"), written);
}

#[test]
fn frames_that_would_not_fit_into_a_segment_are_refused_at_open() {
    let dir = tempfile::tempdir().expect("a directory");
    let error = Ledger::open(dir.path(), large(64 << 10))
        .map(|_| ())
        .expect_err("refused");
    assert!(
        matches!(&error, StoreError::Refused { .. })
            && error.to_string().contains("does not fit into a segment"),
        "{error:?}"
    );
}
