//! What `verify` says of each thing that can be wrong, and that a repair leaves nothing to say.

use std::fs;
use std::path::Path;

use roomledger::domain::Digest;
use roomledger::store::journal::{JournalReader, RealDisk};
use roomledger::store::ledger::{Ledger, LedgerOptions, VerifyReport, verify};
use roomledger::store::{Caches as _, EventStore as _, StoreError};
use std::sync::Arc;

use super::damage::{damage_commit, overwrite, segments};
use super::repair::repaired;
use super::{SEGMENT_BYTES, checked, closed, copy_files, fill, open_small, options};

/// All that is said, problems and notes.
fn said(report: &VerifyReport) -> Vec<String> {
    let problems = report
        .problems
        .iter()
        .map(|it| format!("{}: {}", it.copy.as_str(), it.what));
    problems.chain(report.notes.iter().cloned()).collect()
}

/// One thing that is done to a closed ledger; the other directory is one of the same log, which
/// parted from it at its start.
type Harm = fn(&Path, &Path);

/// Where the frames of the first segment that is not full end: past it all is zero.
fn end_of_frames(dir: &Path) -> (std::path::PathBuf, u64) {
    let is_open = |bytes: &[u8]| bytes[bytes.len() - 64..].iter().all(|byte| *byte == 0);
    let path = segments(dir)
        .into_iter()
        .find(|path| is_open(&fs::read(path).expect("read")))
        .expect("the last one with frames");
    let bytes = fs::read(&path).expect("read");
    let last = bytes.iter().rposition(|byte| *byte != 0).expect("frames");
    (path, last as u64 + 1)
}

fn replace_db(dir: &Path, other: &Path) {
    fs::remove_dir_all(dir.join("db")).expect("removed");
    copy_files(&other.join("db"), &dir.join("db"));
}

const HARMS: &[(&str, &str, Harm)] = &[
    ("nothing", "", |_, _| {}),
    ("no db/", "sled: db/ is not there", |dir, _| {
        fs::remove_dir_all(dir.join("db")).expect("removed");
    }),
    (
        "another history's db/",
        "sled: the frame of positions",
        replace_db,
    ),
    ("db/ is no sled", "the next open decides", |dir, _| {
        fs::write(dir.join("db").join("conf"), b"no configuration").expect("written");
    }),
    (
        "a header",
        "has a bad header; `roomledger repair` puts it right",
        |dir, _| {
            overwrite(&segments(dir)[1], 8, b"damage");
        },
    ),
    (
        "a footer",
        "has a bad footer; `roomledger repair` puts it right",
        |dir, _| {
            overwrite(&segments(dir)[1], SEGMENT_BYTES - 40, b"damage");
        },
    ),
    (
        "a length",
        "has not the length its header says",
        |dir, _| {
            let path = &segments(dir)[1];
            let mut bytes = fs::read(path).expect("read");
            bytes.extend([0xa5; 100]);
            fs::write(path, bytes).expect("written");
        },
    ),
    (
        "bytes behind the end",
        "that are no frame: being written",
        |dir, _| {
            let (path, end) = end_of_frames(dir);
            overwrite(&path, end + 8, b"damage");
        },
    ),
    ("a frame", "journal: ", |dir, _| {
        damage_commit(dir, 0);
    }),
    (
        "another history's checkpoint",
        "are not of this journal: ignored",
        |dir, other| {
            fs::copy(other.join("checkpoint"), dir.join("checkpoint")).expect("copied");
        },
    ),
    (
        // Lost, or not what it was: what sled makes of it differs.
        "a page of db/",
        " ",
        |dir, _| {
            let reader = JournalReader::open(Arc::new(RealDisk), dir).expect("opens");
            let frame = reader.frame_containing(20).expect("reads").expect("there");
            let needle = &frame.bytes()[frame.bytes().len() - 24..];
            let path = dir.join("db").join("db");
            let bytes = fs::read(&path).expect("read");
            let places = bytes.windows(needle.len()).enumerate();
            for (at, _) in places.filter(|(_, window)| *window == needle) {
                overwrite(&path, at as u64, b"\0damage\0");
            }
        },
    ),
];

/// A ledger with a checkpoint at its end.
fn with_checkpoint(dir: &Path, epoch: u64) {
    let (ledger, _) = Ledger::open(dir, LedgerOptions { epoch, ..options() }).expect("opens");
    fill(&ledger, 120);
    let saved = ledger.save_checkpoint(ledger.head(), &Digest::of(b"reducer"), b"state");
    saved.and_then(|()| ledger.close()).expect("closes");
}

#[test]
fn each_thing_that_is_wrong_is_said_and_a_repair_leaves_nothing_to_say() {
    let (template, other) = (
        tempfile::tempdir().expect("one"),
        tempfile::tempdir().expect("two"),
    );
    with_checkpoint(template.path(), 7);
    with_checkpoint(other.path(), 8);
    for (name, expected, harm) in HARMS {
        let dir = tempfile::tempdir().expect("a directory");
        copy_files(template.path(), dir.path());
        harm(dir.path(), other.path());
        let told = said(&checked(dir.path(), true));
        if expected.is_empty() {
            assert_eq!(told, Vec::<String>::new(), "{name}");
        } else {
            assert!(
                told.iter().any(|it| it.contains(expected)),
                "{name}: {told:?}"
            );
        }
        if name.contains("another history") {
            continue;
        }
        let report = repaired(dir.path(), false);
        assert!(report.is_whole(), "{name}: {report:?}");
        assert_eq!(checked(dir.path(), true).problems, vec![], "{name}");
        open_small(dir.path()).0.close().expect("closes");
    }
}

#[test]
fn a_copy_that_is_behind_is_a_note_and_one_ahead_is_a_problem() {
    let (dir, old) = (
        tempfile::tempdir().expect("one"),
        tempfile::tempdir().expect("two"),
    );
    let written = closed(dir.path(), 20);
    copy_files(dir.path(), old.path());
    let (ledger, _) = open_small(dir.path());
    fill(&ledger, 20);
    ledger.close().expect("closes");
    let newer = tempfile::tempdir().expect("three");
    copy_files(dir.path(), newer.path());
    replace_db(dir.path(), old.path());
    let end = written[written.len() - 1].position;
    let report = checked(dir.path(), true);
    let behind = format!("db/ is complete through position {end}: the next open goes on");
    assert_eq!(said(&report), [behind]);
    replace_db(old.path(), newer.path());
    let report = checked(old.path(), true);
    let [problem] = report.problems.as_slice() else {
        panic!("one problem: {report:?}");
    };
    assert!(
        problem.what.contains("where the journal has nothing"),
        "{problem:?}"
    );
    assert_eq!(problem.from, Some(end.next()));
}

#[test]
fn what_is_no_ledger_is_not_verified() {
    let dir = tempfile::tempdir().expect("a directory");
    let no_ledger = |found: Result<VerifyReport, StoreError>| match found {
        Err(StoreError::Refused { problem, .. }) => problem.contains("no ledger"),
        _ => false,
    };
    assert!(no_ledger(verify(dir.path(), false, &mut |_| {})));
    fs::create_dir(dir.path().join("journal")).expect("a folder");
    assert!(no_ledger(verify(dir.path(), true, &mut |_| {})));
}
