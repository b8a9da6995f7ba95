//! Appending, reopening, reading: what goes right.
use std::path::Path;

use roomledger::store::journal::{Frame, Journal, JournalError, Options};

use super::{Copy, Rig, append, read_whole, real_options};

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

/// Soak found a file more for each segment, and at the process's limit an engine that stopped and
/// could not be opened again.
#[test]
fn the_files_held_open_do_not_grow_with_the_log() {
    let dir = tempfile::tempdir().expect("a directory");
    let held = || files_held_below(&dir.path().join("journal"));
    let options = |epoch| Options {
        prepare_ahead: true,
        ..real_options(epoch)
    };
    let mut written: Vec<Frame> = Vec::new();
    // The active segment, and the one prepared ahead.
    let held_max = 2;
    for epoch in [1, 2] {
        let (mut journal, recovery) = Journal::open(dir.path(), options(epoch)).expect("opens");
        assert_eq!(recovery.damage, []);
        assert!(held() <= held_max, "{} after the open", held());
        for _ in 0..400 {
            written.push(append(&mut journal).expect("appends"));
        }
        assert!(written.last().expect("some").header().segment > 20);
        assert!(held() <= held_max, "{} after the appends", held());
        assert_eq!(read_whole(&journal.reader()), written);
        assert!(held() <= held_max, "{} after a walk", held());

        // Healing writes to closed segments.
        for ordinal in [2, 3, 9] {
            damage(&dir.path().join(format!("journal/{ordinal:08}.seg")));
        }
        let healed = journal.heal_all_of_it(&Copy::of(&written)).expect("heals");
        assert_eq!((healed.repairs.len(), healed.damage), (3, vec![]));
        assert!(held() <= held_max, "{} after a healing", held());
        assert_eq!(read_whole(&journal.reader()), written);
        written.push(append(&mut journal).expect("appends"));
    }
    assert_eq!(held(), 0);
}

/// A closed segment is opened for each read, so that its file may be gone by then.
#[test]
fn a_segment_that_vanishes_under_a_running_journal_is_named_and_healed() {
    let mut rig = Rig::new();
    let (mut journal, _) = rig.open();
    rig.fill(&mut journal, 100);
    let lost = super::segment_path(2);
    rig.disk.lose(&lost);
    let seen = super::read(&journal.reader(), 1);
    let named = seen
        .iter()
        .filter(|it| matches!(it, Err(JournalError::Damaged(_))));
    assert_eq!(named.count(), 1, "{seen:?}");
    let of_others = |frame: &&Frame| frame.header().segment != 2;
    let intact = seen.iter().filter_map(|it| it.as_ref().ok());
    assert!(intact.eq(rig.written.iter().filter(of_others)));

    let healed = journal.heal(&rig.source()).expect("heals");
    assert_eq!(healed.damage, []);
    assert_eq!(read_whole(&journal.reader()), rig.written);
    rig.fill(&mut journal, 1);
    assert_eq!(read_whole(&rig.reader()), rig.written);
}

/// How many files below `folder` this process has open; the folder itself, which is opened to be
/// synced, is none of them.
fn files_held_below(folder: &Path) -> usize {
    let open = std::fs::read_dir("/proc/self/fd").expect("lists");
    // Other tests open and close files meanwhile: one that is gone is none of ours.
    open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok())
        .filter(|file| file.starts_with(folder) && file != folder)
        .count()
}

fn damage(segment: &Path) {
    let mut bytes = std::fs::read(segment).expect("reads");
    bytes[600] ^= 1;
    std::fs::write(segment, bytes).expect("writes");
}
