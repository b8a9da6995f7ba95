//! The journal: each rule of the log has a test that fails without it, named after the rule.
use std::path::Path;

use roomledger::store::journal::{Frame, Journal, JournalError, Options, Recovery};

const LOG_ID: [u8; 16] = [7; 16];
const SEGMENT_BYTES: u64 = 4096;

fn options(epoch: u64) -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        frame_bytes_max: 2048,
        reserve_bytes: 0,
        rooms_of: |payload| {
            payload
                .first()
                .map(|byte| u64::from(*byte))
                .into_iter()
                .collect()
        },
        ..Options::new(epoch, LOG_ID, "boot-1".to_owned())
    }
}

fn open(dir: &Path, epoch: u64) -> (Journal, Recovery) {
    Journal::open(dir, options(epoch)).expect("opens")
}

/// Appends `commits` commits; the n-th has 1 to 3 positions and a payload of its own.
fn fill(journal: &mut Journal, commits: u64) -> Vec<Frame> {
    (0..commits)
        .map(|_| {
            let first = journal.end().next_position;
            let count = u32::try_from(first % 3 + 1).expect("small");
            let payload = [u8::try_from(first % 251).expect("small"); 150];
            let room = u64::from(payload[0]);
            journal
                .append(first, count, &[&payload[..50], &payload[50..]], &[room])
                .expect("appends")
        })
        .collect()
}

fn read(journal: &Journal, from: u64) -> Vec<Frame> {
    let frames = journal.reader().frames_from(from).expect("reads");
    frames
        .collect::<Result<_, JournalError>>()
        .expect("no damage")
}

#[test]
fn what_was_appended_is_read_after_a_reopen() {
    let dir = tempfile::tempdir().expect("a directory");
    let (mut journal, recovery) = open(dir.path(), 1);
    assert!(recovery.is_new);
    let mut written = fill(&mut journal, 100);
    assert_eq!(read(&journal, 1), written);
    written.extend(journal.seal().expect("seals"));
    journal.close().expect("closes");

    let (mut journal, recovery) = open(dir.path(), 2);
    assert!(recovery.was_clean && recovery.same_boot && !recovery.is_new);
    assert_eq!(recovery.end_hash, *written.last().expect("some").hash());
    assert_eq!((recovery.damage, recovery.repairs), (vec![], vec![]));
    assert_eq!(read(&journal, 1), written);
    written.extend(fill(&mut journal, 100));
    drop(journal);

    let (journal, recovery) = open(dir.path(), 3);
    assert!(!recovery.was_clean);
    assert_eq!(read(&journal, 1), written);
    for frame in written.iter().filter(|frame| !frame.payload().is_empty()) {
        for position in [frame.first_position(), frame.last_position()] {
            let found = journal.reader().frame_containing(position).expect("reads");
            assert_eq!(found.as_ref(), Some(frame));
        }
    }
}
