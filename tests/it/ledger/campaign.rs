//! The damage campaign: whatever is done to the files of one copy, everything is healed by a
//! repair, which says what it did and keeps what it replaced; and bits of sled's files, at random.
//! `ROOMLEDGER_CAMPAIGN=full` takes all of the former, where a seventh is taken else;
//! `ROOMLEDGER_SLED_BITS` gives the number of the latter, `ROOMLEDGER_SEED` another draw.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use roomledger::domain::{Digest, Timestamp};
use roomledger::engine::repair;
use roomledger::store::{Caches as _, EventStore as _, Position, Record};
use roomledger::testing::random::Random;

use crate::journal::tell;

use super::damage::segments;
use super::{checked, copy_files, fill, open_small, options, read};

/// A closed ledger of several segments with a checkpoint, and what is in it.
fn template() -> (tempfile::TempDir, Vec<Record>) {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let written = fill(&ledger, 90);
    let saved = ledger.save_checkpoint(ledger.head(), &Digest::of(b"reducer"), b"state");
    saved.and_then(|()| ledger.close()).expect("closes");
    (dir, written)
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = segments(dir);
    found.extend([dir.join("HEAD"), dir.join("checkpoint")]);
    let entries = fs::read_dir(dir.join("db")).expect("a folder");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    found.extend(paths.filter(|path| path.is_file()));
    found.sort();
    found
}

/// What happens to one file, with another of its folder where two are needed.
type Harm = fn(&Path, &Path);

const HARMS: &[(&str, Harm)] = &[
    ("deleted", |path, _| fs::remove_file(path).expect("deleted")),
    ("emptied", |path, _| fs::write(path, b"").expect("emptied")),
    ("cut in half", |path, _| {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(path)
            .expect("opens");
        let length = file.metadata().expect("measured").len();
        file.set_len(length / 2).expect("cut");
    }),
    ("zeroed from a third on", |path, _| {
        let mut bytes = fs::read(path).expect("read");
        let third = bytes.len() / 3;
        bytes[third..].fill(0);
        fs::write(path, bytes).expect("written");
    }),
    ("longer than it was", |path, _| {
        let mut bytes = fs::read(path).expect("read");
        bytes.extend_from_slice(&[0xa5; 777]);
        fs::write(path, bytes).expect("written");
    }),
    ("a copy of another", |path, other| {
        fs::copy(other, path).expect("copied");
    }),
    ("swapped with another", |path, other| {
        let (one, two) = (
            fs::read(path).expect("read"),
            fs::read(other).expect("read"),
        );
        fs::write(path, two).expect("written");
        fs::write(other, one).expect("written");
    }),
    ("4 KiB dropped", |path, _| {
        let mut bytes = fs::read(path).expect("read");
        let end = bytes.len().min(9_000);
        bytes.drain(end.saturating_sub(4_096)..end);
        fs::write(path, bytes).expect("written");
    }),
    ("4 KiB doubled", |path, _| {
        let mut bytes = fs::read(path).expect("read");
        let end = bytes.len().min(9_000);
        let twice = bytes[end.saturating_sub(4_096)..end].to_vec();
        bytes.splice(end..end, twice);
        fs::write(path, bytes).expect("written");
    }),
];

#[test]
fn whatever_happens_to_one_file_a_repair_heals_all_and_keeps_what_it_replaced() {
    let (template, written) = template();
    let names = files(template.path());
    let is_full = std::env::var("ROOMLEDGER_CAMPAIGN").is_ok_and(|how| how == "full");
    // A prime beside the number of harms: each file meets some, and each harm some file.
    let stride = if is_full { 1 } else { 7 };
    let (mut healed, mut case_number) = (0, 0);
    for (number, name) in names.iter().enumerate() {
        let name = name.strip_prefix(template.path()).expect("below");
        let same =
            |other: &&PathBuf| other.parent() == names[number].parent() && **other != names[number];
        let other = names.iter().find(same).expect("another in its folder");
        let other = other.strip_prefix(template.path()).expect("below");
        for (what, harm) in HARMS {
            let is_of_both = name.parent() == Some(Path::new("")) && what.contains("another");
            if is_of_both {
                // HEAD and checkpoint have nothing in common.
                continue;
            }
            case_number += 1;
            if case_number % stride != 0 {
                continue;
            }
            let case = format!("{} {what}", name.display());
            let dir = tempfile::tempdir().expect("a directory");
            copy_files(template.path(), dir.path());
            harm(&dir.path().join(name), &dir.path().join(other));
            let report = repair(dir.path(), options(), false, Timestamp::EPOCH);
            let report = report.unwrap_or_else(|error| panic!("{case}: {error}"));
            assert!(report.is_whole(), "{case}: {report:?}");
            let verified = checked(dir.path(), true);
            assert_eq!(verified.problems, vec![], "{case}");
            let (ledger, opened) = open_small(dir.path());
            assert_eq!(
                opened.repairs,
                vec![],
                "{case}: nothing is left to be repaired"
            );
            let all = ledger.read_all(Position(0), 10_000).expect("reads");
            assert_eq!(all[..written.len()], written[..], "{case}");
            if !report.repaired.is_empty() {
                let kept = fs::read_dir(dir.path().join("aside"))
                    .expect("a folder")
                    .count();
                let gone = what.contains("deleted") || what.contains("emptied");
                assert!(kept > 0 || gone, "{case}: originals are kept: {report:?}");
            }
            healed += 1;
        }
    }
    tell(&format!(
        "{healed} cases of {} files: all healed",
        names.len()
    ));
}

fn setting(name: &str, otherwise: u64) -> u64 {
    let given = std::env::var(name).ok();
    given
        .and_then(|text| text.parse().ok())
        .unwrap_or(otherwise)
}

#[test]
fn any_bit_of_sled_s_files_is_harmless_or_found_and_named() {
    let (template, written) = template();
    let (bits, seed) = (
        setting("ROOMLEDGER_SLED_BITS", 6),
        setting("ROOMLEDGER_SEED", 7),
    );
    let mut draw = Random::new(seed);
    let names: Vec<PathBuf> = files(template.path())
        .into_iter()
        .filter(|path| path.parent().is_some_and(|parent| parent.ends_with("db")))
        .collect();
    let mut came_to: BTreeMap<&str, u64> = BTreeMap::new();
    for case in 0..bits {
        let name = &names[usize::try_from(draw.within(0..names.len() as u64)).expect("small")];
        let dir = tempfile::tempdir().expect("a directory");
        copy_files(template.path(), dir.path());
        let path = dir
            .path()
            .join(name.strip_prefix(template.path()).expect("below"));
        let content = fs::read(&path).expect("read");
        // Most of db/db is space that was never written: half of the draws are in what was.
        let used = content
            .iter()
            .rposition(|byte| *byte != 0)
            .map_or(1, |last| last + 1);
        let span = if case % 2 == 0 {
            used
        } else {
            content.len().max(1)
        };
        let at = draw.within(0..span as u64 * 8);
        let byte = content
            .get(usize::try_from(at / 8).expect("small"))
            .copied()
            .unwrap_or(0);
        let file = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .expect("opens");
        file.write_all_at(&[byte ^ 1 << (at % 8)], at / 8)
            .expect("flipped");
        let what = format!("seed {seed}, case {case}: bit {at} of {}", name.display());

        // What is answered is right at once, whatever sled makes of it.
        let (ledger, opened) = open_small(dir.path());
        assert_eq!(read(&ledger).expect("reads"), written, "{what}");
        let told = !opened.repairs.is_empty() || !ledger.take_repairs().is_empty();
        ledger.close().expect("closes");
        // What no read has met is found by a comparison of all, and put right.
        let named = !checked(dir.path(), true).problems.is_empty();
        let report = repair(dir.path(), options(), false, Timestamp::EPOCH).expect("repairs");
        assert!(report.is_whole(), "{what}: {report:?}");
        assert_eq!(checked(dir.path(), true).problems, vec![], "{what}");
        let done = match (told, named) {
            (true, _) => "found by an open or a read",
            (false, true) => "found by verify",
            (false, false) => "harmless",
        };
        *came_to.entry(done).or_default() += 1;
    }
    tell(&format!(
        "{bits} bits of sled's files, seed {seed}: {came_to:?}"
    ));
}
