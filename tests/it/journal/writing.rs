//! Appending, reopening, reading: what goes right.
use roomledger::store::journal::{Journal, JournalError};

use super::{Rig, append, read_whole, real_options};

#[test]
fn what_was_appended_is_read_after_a_reopen() {
    let mut rig = Rig::new();
    let (mut journal, recovery) = rig.open();
    assert!(recovery.is_new);
    rig.fill(&mut journal, 100);
    assert_eq!(read_whole(&journal.reader()), rig.written);
    rig.written.extend(journal.seal().expect("seals"));
    journal.close().expect("closes");

    let (mut journal, recovery) = rig.open();
    assert!(recovery.was_clean && recovery.same_boot && !recovery.is_new);
    assert_eq!(recovery.end_hash, *rig.written.last().expect("some").hash());
    assert_eq!((recovery.damage, recovery.repairs), (vec![], vec![]));
    rig.fill(&mut journal, 100);
    drop(journal);

    let (journal, recovery) = rig.open();
    assert!(!recovery.was_clean);
    assert_eq!(read_whole(&journal.reader()), rig.written);
    for frame in rig
        .written
        .iter()
        .filter(|frame| !frame.payload().is_empty())
    {
        for position in [frame.first_position(), frame.last_position()] {
            let found = journal.reader().frame_containing(position).expect("reads");
            assert_eq!(found.as_ref(), Some(frame));
        }
    }
    let behind = recovery.end_position + 1;
    assert_eq!(
        journal.reader().frame_containing(behind).expect("reads"),
        None
    );
}

#[test]
fn a_log_begins_with_its_first_frame_at_position_one_and_nothing_before() {
    let mut rig = Rig::new();
    let (mut journal, _) = rig.open();
    let frame = append(&mut journal).expect("appends");
    assert_eq!(
        (frame.first_position(), frame.header().previous),
        (1, [0; 32])
    );
}

#[test]
fn an_empty_log_reopens_empty() {
    let mut rig = Rig::new();
    drop(rig.open());
    let (journal, recovery) = rig.open();
    assert_eq!((recovery.is_new, recovery.end_position), (false, 0));
    assert_eq!(read_whole(&journal.reader()), []);
    assert_eq!(rig.reader().end().expect("reads").position, 0);
}

#[test]
fn a_commit_that_does_not_continue_is_refused() {
    let mut rig = Rig::filled(3);
    let (mut journal, recovery) = rig.open();
    let next = recovery.end_position + 1;
    for (first, count) in [(next + 1, 1), (next - 1, 1), (next, 0)] {
        let refused = journal.append(first, count, &[b"x"], &[]);
        assert!(
            matches!(refused, Err(JournalError::OutOfOrder { .. })),
            "{refused:?}"
        );
    }
    assert!(append(&mut journal).is_ok());
}

#[test]
fn the_second_opener_is_refused_by_the_pid_of_the_first() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut journal, _) = Journal::open(dir.path(), real_options(1)).expect("opens");
    append(&mut journal).expect("appends");
    let Err(error) = Journal::open(dir.path(), real_options(2)) else {
        panic!("a second writer was let in");
    };
    let message = error.to_string();
    assert!(
        message.contains(&format!("pid {}", std::process::id())),
        "{message}"
    );
    drop(journal);
    let (journal, recovery) = Journal::open(dir.path(), real_options(3)).expect("opens again");
    assert_eq!(read_whole(&journal.reader()).len(), 1);
    assert_eq!(recovery.end_position, journal.end().position());
}

#[test]
fn frame_bytes_are_frozen() {
    let mut rig = Rig::new();
    let (mut journal, _) = rig.open();
    let frame = journal
        .append(1, 2, &[b"two ", b"records"], &[])
        .expect("appends");
    let hex = frame.bytes().iter().fold(String::new(), |mut hex, byte| {
        use std::fmt::Write as _;
        write!(hex, "{byte:02x}").expect("to a string");
        hex
    });
    assert_eq!(hex, include_str!("../../golden/journal-frame.hex").trim());
}
