//! No dead ends: whatever is put in the place of a file, or of two, the ledger opens, or each
//! message names a command that leads on, until it opens. What is missing then was named by its
//! positions.
//!
//! The oracle is a copy of the acknowledged events, kept outside of the ledger. `verify` must come
//! to the verdict of the open, and nothing may be deleted. `ROOMLEDGER_CAMPAIGN=full` takes every
//! case, where a part of the single files is taken else.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use roomledger::cli::read::failure_of;
use roomledger::domain::Digest;
use roomledger::store::ledger::{Ledger, LedgerOptions, verify};
use roomledger::store::{Caches as _, EventStore as _, Position, Record, StoreError};

use crate::journal::tell;

use super::damage::{commits, damage_commit, segments};
use super::repair::damage_both;
use super::way::{Way, text_of};
use super::{checked, copy_files, fill, options};

/// A ledger at two moments, one that parted from it at the first, and one of another log.
struct World {
    now: tempfile::TempDir,
    before: tempfile::TempDir,
    branch: tempfile::TempDir,
    other: tempfile::TempDir,
    /// What was acknowledged up to now.
    written: Vec<Record>,
}

fn grow(dir: &Path, options: LedgerOptions, commits: u64) -> Vec<Record> {
    let (ledger, _) = Ledger::open(dir, options).expect("opens");
    let written = fill(&ledger, commits);
    let saved = ledger.save_checkpoint(ledger.head(), &Digest::of(b"reducer"), b"state");
    saved.and_then(|()| ledger.close()).expect("closes");
    written
}

impl World {
    fn new() -> Self {
        let new = || tempfile::tempdir().expect("a directory");
        let (now, before, branch, other) = (new(), new(), new(), new());
        let mut written = grow(now.path(), options(), 50);
        copy_files(now.path(), before.path());
        copy_files(now.path(), branch.path());
        written.extend(grow(now.path(), options(), 60));
        let parted = LedgerOptions {
            epoch: 8,
            ..options()
        };
        grow(branch.path(), parted, 70);
        let foreign = LedgerOptions {
            log_id: [9; 16],
            ..options()
        };
        grow(other.path(), foreign, 110);
        Self {
            now,
            before,
            branch,
            other,
            written,
        }
    }
}

/// What is put in the place of a file or a folder.
#[derive(Clone, Copy, Debug)]
enum Put {
    Nothing,
    Empty,
    Half,
    /// With bytes behind its end.
    Grown,
    /// With zeros behind its end.
    Longer,
    /// The one of an earlier moment.
    Before,
    /// The one of a history that parted.
    Branch,
    /// The one of another log.
    Other,
    Folder,
    File,
    Pipe,
    Link,
}

const OF_FILES: [Put; 11] = [
    Put::Nothing,
    Put::Empty,
    Put::Half,
    Put::Grown,
    Put::Longer,
    Put::Before,
    Put::Branch,
    Put::Other,
    Put::Folder,
    Put::Pipe,
    Put::Link,
];

fn put(world: &World, dir: &Path, name: &str, what: Put) {
    let path = dir.join(name);
    let bytes = fs::read(&path).unwrap_or_default();
    let from = |source: &tempfile::TempDir| {
        let source = source.path().join(name);
        remove(&path);
        if source.is_dir() {
            copy_files(&source, &path);
        } else if source.exists() {
            fs::copy(source, &path).expect("copied");
        }
    };
    let write = |content: &[u8]| fs::write(&path, content).expect("written");
    match what {
        Put::Nothing => remove(&path),
        Put::Empty => write(b""),
        Put::Half => write(&bytes[..bytes.len() / 2]),
        Put::Grown => write(&[bytes, vec![0xa5; 777]].concat()),
        Put::Longer => write(&[bytes, vec![0; 777]].concat()),
        Put::Before => from(&world.before),
        Put::Branch => from(&world.branch),
        Put::Other => from(&world.other),
        Put::Folder => {
            remove(&path);
            fs::create_dir(&path).expect("a folder");
        }
        Put::File => {
            remove(&path);
            write(b"no folder");
        }
        Put::Pipe => {
            remove(&path);
            let made = Command::new("mkfifo").arg(&path).status();
            assert!(made.expect("mkfifo runs").success());
        }
        Put::Link => {
            remove(&path);
            std::os::unix::fs::symlink("/dev/zero", &path).expect("a link");
        }
    }
}

fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).expect("removed");
    } else if path.symlink_metadata().is_ok() {
        fs::remove_file(path).expect("removed");
    }
}

/// Files that are put in their places together.
const PAIRS: &[&[(&str, Put)]] = &[
    &[("HEAD", Put::Nothing), ("journal", Put::Nothing)],
    &[("HEAD", Put::Before), ("journal", Put::Before)],
    &[("HEAD", Put::Other), ("journal", Put::Other)],
    &[("HEAD", Put::Branch), ("journal", Put::Branch)],
    &[("HEAD", Put::Nothing), ("journal", Put::Before)],
    &[("HEAD", Put::Nothing), ("journal", Put::Branch)],
    &[("HEAD", Put::Nothing), ("journal", Put::Other)],
    &[("HEAD", Put::Nothing), ("db", Put::Nothing)],
    &[("HEAD", Put::Nothing), ("db", Put::Before)],
    &[("HEAD", Put::Nothing), ("db", Put::Branch)],
    &[("HEAD", Put::Nothing), ("db", Put::Other)],
    &[("HEAD", Put::Other), ("db", Put::Nothing)],
    &[("HEAD", Put::Other), ("db", Put::Other)],
    &[("HEAD", Put::Before), ("journal", Put::Nothing)],
    &[("HEAD", Put::Branch), ("journal", Put::Nothing)],
    &[("HEAD", Put::Branch), ("db", Put::Nothing)],
    &[("journal", Put::Nothing), ("db", Put::Nothing)],
    &[("journal", Put::Before), ("db", Put::Nothing)],
    &[("journal", Put::Nothing), ("db", Put::Before)],
    &[("journal", Put::Before), ("db", Put::Before)],
    &[("journal", Put::Other), ("db", Put::Nothing)],
    &[("journal", Put::Nothing), ("db", Put::Other)],
    &[("journal", Put::Other)],
    &[("journal", Put::Before)],
    &[("journal", Put::Branch)],
    &[("journal", Put::File)],
    &[("db", Put::Other)],
    &[("db", Put::Branch)],
    &[("db", Put::Before)],
    &[("db", Put::File)],
    &[("db", Put::Pipe)],
    &[("aside", Put::File)],
    &[("aside", Put::Pipe)],
    &[("HEAD.new", Put::Folder)],
    &[("checkpoint.new", Put::Pipe)],
    &[
        ("HEAD", Put::Nothing),
        ("journal", Put::Nothing),
        ("db", Put::Nothing),
    ],
    &[
        ("HEAD", Put::Before),
        ("journal", Put::Before),
        ("db", Put::Before),
    ],
    &[
        ("HEAD", Put::Nothing),
        ("journal", Put::Nothing),
        ("checkpoint", Put::Nothing),
    ],
    &[
        ("HEAD", Put::Before),
        ("journal", Put::Before),
        ("checkpoint", Put::Before),
    ],
];

/// What else is done to the files.
type Harm = fn(&World, &Path);

const HARMS: &[(&str, Harm)] = &[
    ("a stray segment of garbage", |_, dir| {
        fs::write(segment(dir, 40), vec![0xa5; 16 << 10]).expect("written");
    }),
    ("a stray copy of the first segment", |_, dir| {
        fs::copy(segment(dir, 1), segment(dir, 40)).expect("copied");
    }),
    ("a stray segment of another log", |world, dir| {
        let next = segments(dir).len() as u64 + 1;
        let foreign = segments(world.other.path());
        fs::copy(&foreign[0], segment(dir, next)).expect("copied");
    }),
    ("two segments that changed places", |_, dir| {
        let between = dir.join("between");
        fs::rename(segment(dir, 1), &between).expect("moved");
        fs::rename(segment(dir, 2), segment(dir, 1)).expect("moved");
        fs::rename(between, segment(dir, 2)).expect("moved");
    }),
    ("every segment grown", |_, dir| {
        for path in segments(dir) {
            let bytes = fs::read(&path).expect("read");
            fs::write(path, [bytes, vec![0xa5; 9]].concat()).expect("written");
        }
    }),
    ("a segment and HEAD of another log", |world, dir| {
        put(world, dir, "HEAD", Put::Other);
        put(world, dir, "journal/00000002.seg", Put::Other);
    }),
    (
        "the journal gone, and a place of db/ damaged",
        |world, dir| {
            damage_both(dir, world.written[world.written.len() / 2].position.0);
            remove(&dir.join("journal"));
            remove(&dir.join("HEAD"));
        },
    ),
    (
        "an older journal, and a place of db/ damaged",
        |world, dir| {
            damage_both(dir, world.written[world.written.len() - 20].position.0);
            put(world, dir, "journal", Put::Before);
            put(world, dir, "HEAD", Put::Before);
        },
    ),
    ("a damaged frame, and db/ of another log", |world, dir| {
        damage_commit(dir, 1);
        put(world, dir, "db", Put::Other);
    }),
    (
        "half of the last segment, and garbage behind it",
        |_, dir| {
            // What is missing belongs into a segment that seems to be closed.
            let commits = commits(dir);
            let last = commits.last().expect("a commit").0;
            let inside: Vec<u64> = commits
                .into_iter()
                .filter_map(|(segment, middle)| (segment == last).then_some(middle))
                .collect();
            let paths = segments(dir);
            let bytes = fs::read(&paths[last]).expect("read");
            let (kept, cut) =
                bytes.split_at(usize::try_from(inside[inside.len() / 2]).expect("small"));
            fs::write(&paths[last], [kept, &vec![0; cut.len()]].concat()).expect("written");
            let behind = segment(dir, last as u64 + 2);
            let bytes = fs::read(&behind).unwrap_or_default();
            fs::write(behind, [bytes, vec![0xa5; 777]].concat()).expect("written");
        },
    ),
    ("a damaged frame, and HEAD gone", |world, dir| {
        damage_commit(dir, 1);
        put(world, dir, "HEAD", Put::Nothing);
    }),
];

fn segment(dir: &Path, ordinal: u64) -> PathBuf {
    dir.join("journal").join(format!("{ordinal:08}.seg"))
}

/// What must be somewhere afterwards: the names of what holds anything.
fn names_of(dir: &Path) -> Vec<PathBuf> {
    let holds = |path: &PathBuf| {
        let bytes = path.is_file().then(|| fs::read(path).unwrap_or_default());
        bytes.is_none_or(|bytes| bytes.iter().skip(64).any(|byte| *byte != 0))
    };
    let mut names: Vec<PathBuf> = ["HEAD", "db", "checkpoint", "LOCK"]
        .iter()
        .map(|name| dir.join(name))
        .filter(|path| path.symlink_metadata().is_ok())
        .collect();
    if let Ok(entries) = fs::read_dir(dir.join("journal")) {
        let paths = entries.map(|entry| entry.expect("an entry").path());
        names.extend(paths.filter(holds));
    }
    names
}

fn is_kept(dir: &Path, path: &Path) -> bool {
    let name = path.strip_prefix(dir).expect("below").to_string_lossy();
    let name = name.replace('/', "-");
    let aside = fs::read_dir(dir.join("aside")).expect("a folder");
    let mut kept = aside.map(|entry| entry.expect("an entry").file_name());
    path.symlink_metadata().is_ok() || kept.any(|kept| kept.to_string_lossy().starts_with(&name))
}

fn check(world: &World, dir: &Path, case: &str) -> &'static str {
    // The copy that nothing was done to.
    let is_db = case.starts_with("db/") || case.contains("\"db\"") || case.contains("and db/");
    let prefers = if is_db { "journal" } else { "db" };
    let names = names_of(dir);
    let verdict = verify(dir, true, &mut |_| {});
    let (mut way, ledger, report) = Way::follow(dir, case, prefers);
    for note in report.notes {
        way.said.push_str(&[" ", note.as_str(), " "].concat());
    }
    let found = ledger.read_all(Position(0), 10_000).expect("reads");
    ledger.close().expect("closes");
    let found: BTreeMap<Position, Record> = found
        .into_iter()
        .map(|record| (record.position, record))
        .collect();
    let lost: Vec<&Record> = world
        .written
        .iter()
        .filter(|record| found.get(&record.position) != Some(record))
        .collect();
    for record in &lost {
        let position = record.position;
        assert!(way.names(position), "{case}: {position}: {}", way.said);
    }
    // What verify calls whole opens as it is; and what opened is whole afterwards.
    let is_whole = verdict.is_ok_and(|report| report.problems.is_empty());
    assert!(!is_whole || way.commands == 0, "{case}: {}", way.said);
    assert_eq!(checked(dir, true).problems, vec![], "{case}: {}", way.said);
    for name in names {
        assert!(is_kept(dir, &name), "{case}: {} is gone", name.display());
    }
    match (way.commands, lost.is_empty()) {
        (0, true) => "opened",
        (_, true) => "put right by what was said",
        (_, false) => "opened, with what is lost named",
    }
}

#[test]
fn every_message_leads_on_until_the_ledger_opens_or_the_lost_positions_are_named() {
    let world = World::new();
    let is_full = std::env::var("ROOMLEDGER_CAMPAIGN").is_ok_and(|how| how == "full");
    // A prime beside the number of replacements: each file meets some of them.
    let stride = if is_full { 1 } else { 7 };
    let mut came_to: BTreeMap<&str, u64> = BTreeMap::new();
    let mut run = |case: &str, harm: &dyn Fn(&Path)| {
        let dir = tempfile::tempdir().expect("a directory");
        copy_files(world.now.path(), dir.path());
        harm(dir.path());
        *came_to.entry(check(&world, dir.path(), case)).or_default() += 1;
    };
    for (number, (name, what)) in singles(&world).iter().enumerate() {
        if number % stride == 0 {
            run(&format!("{name}: {what:?}"), &|dir| {
                put(&world, dir, name, *what);
            });
        }
    }
    for pair in PAIRS {
        run(&format!("{pair:?}"), &|dir| {
            pair.iter()
                .for_each(|(name, what)| put(&world, dir, name, *what));
        });
    }
    for (name, harm) in HARMS {
        run(name, &|dir| harm(&world, dir));
    }
    tell(&format!(
        "{came_to:?} cases of files put in the place of others"
    ));
}

/// Every file with everything that can stand in its place.
fn singles(world: &World) -> Vec<(String, Put)> {
    let dir = world.now.path();
    let mut names: Vec<String> = ["HEAD", "LOCK", "checkpoint"].map(str::to_owned).to_vec();
    for folder in ["journal", "db"] {
        let entries = fs::read_dir(dir.join(folder)).expect("a folder");
        let mut files: Vec<String> = entries
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .map(|path| {
                let name = path.file_name().expect("a name").to_string_lossy();
                format!("{folder}/{name}")
            })
            .collect();
        files.sort();
        names.extend(files);
    }
    let of_each = |name: &String| OF_FILES.map(|what| (name.clone(), what));
    names.iter().flat_map(of_each).collect()
}

/// The other choice, too: without what only db/ has.
#[test]
fn of_two_histories_either_can_be_chosen_and_the_other_is_kept() {
    let world = World::new();
    let harms = [
        ("goes on where the journal ends", Put::Before, &world.before),
        ("parted", Put::Branch, &world.branch),
        ("of another log", Put::Other, &world.other),
    ];
    for (name, what, journal) in harms {
        for from in ["journal", "db"] {
            let case = format!("{name}, from {from}");
            let dir = tempfile::tempdir().expect("a directory");
            copy_files(world.now.path(), dir.path());
            put(&world, dir.path(), "HEAD", what);
            put(&world, dir.path(), "journal", what);
            let place = dir.path().display().to_string();
            let refused = match Ledger::open(dir.path(), options()) {
                Err(error @ StoreError::Refused { .. }) => text_of(&failure_of(&error, &place)),
                Err(error) => panic!("{case}: refused, not {error}"),
                Ok(_) => panic!("{case}: two histories are served"),
            };
            let command = format!("roomledger repair --data {place} --continue-from {from}");
            assert!(refused.contains(&command), "{case}: {refused}");
            let words: Vec<String> = command.split(' ').map(str::to_owned).collect();
            let mut way = Way::new();
            // Without the choice nothing is done.
            let undecided = way.run(dir.path(), &words[..4]);
            assert!(undecided.is_some(), "{case}: {}", way.said);
            let failed = way.run(dir.path(), &words);
            assert_eq!(failed, None, "{case}: {}", way.said);
            assert_eq!(checked(dir.path(), true).problems, vec![], "{case}");
            let (ledger, _) = Ledger::open(dir.path(), options()).expect("opens");
            let found = ledger.read_all(Position(0), 10_000).expect("reads");
            let expected = if from == "db" {
                world.written.clone()
            } else {
                let ledger = Ledger::open(journal.path(), options()).expect("opens").0;
                ledger.read_all(Position(0), 10_000).expect("reads")
            };
            assert_eq!(found[..expected.len()], expected[..], "{case}");
            let kept = fs::read_dir(dir.path().join("aside")).expect("a folder");
            assert!(kept.count() > 0, "{case}: what was not chosen is kept");
        }
    }
}
