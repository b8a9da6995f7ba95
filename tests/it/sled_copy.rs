//! The sled copy is never believed: whatever is done to its files, history is what the journal
//! says, and a restart has two whole copies again.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use proptest::collection::vec;
use proptest::prelude::*;
use roomledger::store::ledger::verify;
use roomledger::store::{EventStore as _, Record};

use super::ledger::{fill, open_small, read};

/// One change to the files of db/.
#[derive(Clone, Debug)]
enum Harm {
    Overwrite {
        file: usize,
        at: u64,
        bytes: Vec<u8>,
    },
    FlipBit {
        file: usize,
        at: u64,
    },
    Cut {
        file: usize,
        at: u64,
    },
    Delete {
        file: usize,
    },
    Leftover,
}

fn harm() -> impl Strategy<Value = Harm> {
    let file = 0_usize..4;
    prop_oneof![
        4 => (file.clone(), any::<u64>(), vec(any::<u8>(), 1..5_000))
            .prop_map(|(file, at, bytes)| Harm::Overwrite { file, at, bytes }),
        4 => (file.clone(), any::<u64>()).prop_map(|(file, at)| Harm::FlipBit { file, at }),
        2 => (file.clone(), any::<u64>()).prop_map(|(file, at)| Harm::Cut { file, at }),
        1 => file.prop_map(|file| Harm::Delete { file }),
        1 => Just(Harm::Leftover),
    ]
}

/// Each case opens sled four times, and waits for the disk each time.
const CASES: u32 = 24;

fn files(db: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(db).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
    paths.sort();
    paths
}

fn do_harm(db: &Path, harm: &Harm) {
    let paths = files(db);
    // Earlier harm can have deleted every file.
    if paths.is_empty() && !matches!(harm, Harm::Leftover) {
        return;
    }
    let open = |file: usize| {
        let path = &paths[file % paths.len()];
        let file = fs::OpenOptions::new().read(true).write(true).open(path);
        let file = file.expect("opens");
        let length = file.metadata().expect("measured").len();
        // Most of db/db is empty space: the first part has what counts.
        (file, length.clamp(1, 600_000))
    };
    match harm {
        Harm::Overwrite { file, at, bytes } => {
            let (file, length) = open(*file);
            file.write_all_at(bytes, at % length).expect("overwritten");
        }
        Harm::FlipBit { file, at } => {
            let (file, length) = open(*file);
            let mut byte = [0];
            let at = at % length;
            if file.read_at(&mut byte, at).expect("read") == 1 {
                file.write_all_at(&[byte[0] ^ 1 << (at % 8)], at)
                    .expect("flipped");
            }
        }
        Harm::Cut { file, at } => {
            let (file, length) = open(*file);
            file.set_len(at % length).expect("cut");
        }
        Harm::Delete { file } => {
            fs::remove_file(&paths[file % paths.len()]).expect("deleted");
        }
        Harm::Leftover => {
            fs::write(db.join("snap.FFFFFFFFFFFFFFFF.generating"), b"").expect("written");
        }
    }
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        let target = to.join(path.file_name().expect("a name"));
        if path.is_dir() {
            copy_files(&path, &target);
        } else {
            fs::copy(&path, &target).expect("copied");
        }
    }
}

/// A ledger of several segments, killed rather than closed half of the time.
fn template(killed: bool) -> (tempfile::TempDir, Vec<Record>) {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let written = fill(&ledger, 400);
    if !killed {
        ledger.close().expect("closes");
    }
    drop(ledger);
    (dir, written)
}

#[test]
fn whatever_is_done_to_db_loses_nothing() {
    let templates = [template(false), template(true)];
    let asked = std::env::var("PROPTEST_CASES").ok();
    let asked = asked.and_then(|cases| cases.parse().ok());
    let config = ProptestConfig {
        cases: asked.unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_iters: 50,
        ..ProptestConfig::default()
    };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let strategy = (any::<bool>(), vec(harm(), 1..4));
    let outcome = runner.run(&strategy, |(killed, harms)| {
        let (template, written) = &templates[usize::from(killed)];
        let dir = tempfile::tempdir().expect("a directory");
        copy_files(template.path(), dir.path());
        for harm in &harms {
            do_harm(&dir.path().join("db"), harm);
        }
        let (ledger, _) = open_small(dir.path());
        prop_assert_eq!(&read(&ledger).expect("reads"), written);
        let more = fill(&ledger, 3);
        ledger.close().expect("closes");
        // What a read found out about the copy is put right by the next open.
        let (ledger, _) = open_small(dir.path());
        let all: Vec<Record> = written.iter().chain(&more).cloned().collect();
        prop_assert_eq!(read(&ledger).expect("reads"), all);
        ledger.close().expect("closes");
        let report = verify(dir.path(), true, &mut |_| {}).expect("verifies");
        prop_assert_eq!(report.problems, vec![]);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
