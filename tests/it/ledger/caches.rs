//! Checkpoint and snapshots: given back only where they belong.

use std::fs;

use roomledger::domain::{Digest, RoomName, Version};
use roomledger::store::{Caches as _, EventStore as _, Link, Record};

use super::{checked, fill, open_small, read};

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
}

/// As if it were not there: what is wrong about a checkpoint is no damage of the log.
#[test]
fn any_changed_bit_of_a_checkpoint_leaves_every_answer_as_it_is() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let mut written = fill(&ledger, 40);
    let (reducer, link) = (Digest::of(b"reducer"), ledger.head());
    let saved = ledger.save_checkpoint(link, &reducer, b"state");
    saved.expect("saves");
    // Heads that are wrong by one would be found by these.
    written.extend(fill(&ledger, 5));
    ledger.close().expect("closes");
    let path = dir.path().join("checkpoint");
    let bytes = fs::read(&path).expect("read");
    for (number, at) in (0..bytes.len()).step_by(7).enumerate() {
        let mut bad = bytes.clone();
        bad[at] ^= 1 << (number % 8);
        fs::write(&path, &bad).expect("written");
        assert_eq!(checked(dir.path(), false).problems, vec![], "byte {at}");
        if number % 5 != 0 {
            continue;
        }
        let (ledger, report) = open_small(dir.path());
        assert_eq!(report.repairs, vec![], "byte {at}");
        let found = ledger.load_checkpoint(&reducer).expect("loads");
        assert_eq!(found, None, "byte {at}");
        assert_eq!(read(&ledger).expect("reads"), written, "byte {at}");
        for record in &written {
            let same = written.iter().filter(|other| other.room == record.room);
            let last = same.map(|other| other.version).max();
            let head = ledger.room_head(record.room.as_ref()).expect("known");
            assert_eq!(Some(head), last, "byte {at}");
        }
        // A wrong head refuses, or takes the place of what is there.
        written.extend(fill(&ledger, 3));
        ledger.close().expect("closes");
    }
    fs::write(&path, &bytes).expect("written");
    let (ledger, _) = open_small(dir.path());
    let found = ledger.load_checkpoint(&reducer).expect("loads");
    assert_eq!(
        found.map(|it| (it.link, it.bytes)),
        Some((link, b"state".to_vec()))
    );
    assert_eq!(read(&ledger).expect("reads"), written);
}

/// A cache: whatever is in its place, the journal has all that it says.
#[test]
fn a_checkpoint_that_cannot_be_read_is_noted_and_opens() {
    let dir = tempfile::tempdir().expect("a directory");
    let written = super::closed(dir.path(), 40);
    let path = dir.path().join("checkpoint");
    // No system reads a folder as a file: it fails as a bad sector does, for root too.
    fs::create_dir(&path).expect("made");
    let is_noted =
        |notes: &[String]| matches!(notes, [note] if note.contains("checkpoint cannot be read"));
    let report = checked(dir.path(), false);
    assert!(is_noted(&report.notes), "{:?}", report.notes);
    assert_eq!(report.problems, vec![]);

    let (ledger, report) = open_small(dir.path());
    assert!(is_noted(&report.notes), "{:?}", report.notes);
    assert_eq!(report.repairs, vec![]);
    assert_eq!(read(&ledger).expect("reads"), written);
    let reducer = Digest::of(b"reducer");
    assert_eq!(ledger.load_checkpoint(&reducer).expect("loads"), None);
    let more = fill(&ledger, 5);
    assert_eq!(
        read(&ledger).expect("reads").len(),
        written.len() + more.len()
    );
    ledger.close().expect("closes");
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

#[test]
fn a_kill_right_after_the_first_snapshot_looks_like_no_damage() {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let (room, reducer) = (
        RoomName::new("room 1").expect("a name"),
        Digest::of(b"reducer"),
    );
    ledger
        .put_snapshot(&room, Version(1), ledger.head(), &reducer, b"state")
        .expect("kept");
    // Dropped, not closed: nothing else reaches the copy.
    drop(ledger);
    let (_, report) = open_small(dir.path());
    assert_eq!(report.repairs, vec![]);
}
