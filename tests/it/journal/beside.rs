//! A reader without a lock beside a writer that moves on at the worst moment: between any two
//! reads of the files.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use roomledger::store::journal::{Frame, Journal, JournalError, JournalReader};

use super::{Rig, append, dir};

/// What a reader sees while a writer with `before` commits appends more before its `at`-th read,
/// and whether it came to that read at all.
fn seen(before: u64, at: u64) -> (Result<Vec<Frame>, JournalError>, Vec<Frame>, bool) {
    let mut rig = Rig::new();
    let mut journal: Journal = rig.open().0;
    rig.fill(&mut journal, before);
    let moved_on = Arc::new((
        Mutex::new((journal, rig.written.clone())),
        AtomicBool::new(false),
    ));
    let meanwhile = Arc::clone(&moved_on);
    let disk = rig.disk.before_reads(move |read| {
        if read == at {
            let (writer, came) = &*meanwhile;
            let (journal, written) = &mut *writer.lock().expect("whole");
            written.extend((0..MORE).map(|_| append(journal).expect("appends")));
            came.store(true, Ordering::Relaxed);
        }
    });
    let frames = JournalReader::open(Arc::new(disk), dir())
        .and_then(|reader| reader.frames_from(1))
        .and_then(Iterator::collect);
    let (writer, came) = &*moved_on;
    let written = writer.lock().expect("whole").1.clone();
    (frames, written, came.load(Ordering::Relaxed))
}

#[test]
fn what_a_writer_does_between_two_reads_is_no_damage() {
    // Segments hold some twenty of these frames: the reader meets each place in one.
    for before in [1, 5, 19, 20, 21, 22, 23, 40] {
        for at in 0.. {
            let (frames, written, came) = seen(before, at);
            let frames = frames.unwrap_or_else(|error| panic!("{before}, read {at}: {error}"));
            assert_eq!(frames[..], written[..frames.len()], "{before}, read {at}");
            let at_least = usize::try_from(before).expect("few") - 1;
            assert!(frames.len() >= at_least, "{before}, read {at}");
            if !came {
                break;
            }
        }
    }
}

/// Enough to fill a segment and go on to the next but one.
const MORE: u64 = 45;
