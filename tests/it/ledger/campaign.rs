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
use roomledger::store::ledger::{Ledger, RepairOptions};
use roomledger::store::{Caches as _, EventStore as _, Position, Record};
use roomledger::testing::random::Random;

use crate::journal::tell;

use super::damage::segments;
use super::{checked, copy_files, edit_sled, fill, open_small, options, read};

/// A closed ledger of several segments with a checkpoint and two snapshots, and what is in it.
fn template() -> (tempfile::TempDir, Vec<Record>) {
    let dir = tempfile::tempdir().expect("a directory");
    let (ledger, _) = open_small(dir.path());
    let written = fill(&ledger, 90);
    let reducer = Digest::of(b"reducer");
    for record in of_first_room(&written).take(2) {
        let room = record.room.as_ref().expect("a room");
        let link = ledger.commit_of(record.position).expect("known");
        let put = ledger.put_snapshot(room, record.version, link, &reducer, &state(record));
        put.expect("kept");
    }
    let saved = ledger.save_checkpoint(ledger.head(), &reducer, b"state");
    saved.and_then(|()| ledger.close()).expect("closes");
    (dir, written)
}

fn of_first_room(written: &[Record]) -> impl Iterator<Item = &Record> {
    let room = &written[0].room;
    written.iter().filter(move |record| record.room == *room)
}

/// What is kept as the room's snapshot at that record: more than a block of it.
fn state(record: &Record) -> Vec<u8> {
    let numbers = (0..20_000_u64).map(|number| number ^ record.version.0 << 32);
    numbers.flat_map(u64::to_le_bytes).collect()
}

/// A snapshot is as it was put, or as if it had never been: the answer without it is slower.
fn snapshots_are_whole(ledger: &Ledger, written: &[Record], what: &str) -> bool {
    let room = written[0].room.as_ref().expect("a room");
    let reducer = Digest::of(b"reducer");
    let kept: Vec<_> = of_first_room(written)
        .take(2)
        .map(|record| {
            let found = ledger.snapshot_at_or_before(room, record.version, &reducer);
            if let Some(found) = &found {
                let of = of_first_room(written).find(|record| record.version == found.version);
                assert!(found.bytes == state(of.expect("put")), "{what}");
                assert!(found.version <= record.version, "{what}");
            }
            found.map(|found| found.version) == Some(record.version)
        })
        .collect();
    kept.iter().all(|kept| *kept)
}

/// Changed behind sled, which then vouches for it: what is damaged in sled's own files it mostly
/// finds itself, and what it does not is tried by the bits below.
#[test]
fn any_bit_of_a_stored_snapshot_leaves_it_out_and_every_answer_right() {
    let (template, written) = template();
    let (ledger, _) = open_small(template.path());
    assert!(snapshots_are_whole(&ledger, &written, "untouched"));
    ledger.close().expect("closes");
    let mut draw = Random::new(setting("ROOMLEDGER_SEED", 7));
    for case in 0..12 {
        let dir = tempfile::tempdir().expect("a directory");
        copy_files(template.path(), dir.path());
        let mut changed = 0;
        edit_sled(dir.path(), |key, value| {
            if key.starts_with(b"s") {
                // Half of the cases in what stands before the bytes: digest, length, stamp.
                let bytes = if case % 2 == 0 { 112 } else { value.len() };
                let at = draw.within(0..bytes.min(value.len()) as u64 * 8);
                value[usize::try_from(at / 8).expect("small")] ^= 1 << (at % 8);
                changed += 1;
            }
        });
        assert!(changed >= 4, "{changed} chunks of two snapshots");
        let what = format!("case {case}");
        let (ledger, opened) = open_small(dir.path());
        assert!(!snapshots_are_whole(&ledger, &written, &what), "{what}");
        assert_eq!(read(&ledger).expect("reads"), written, "{what}");
        assert_eq!(
            opened.repairs,
            vec![],
            "{what}: nothing of the log is damaged"
        );
        ledger.close().expect("closes");
    }
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
            let report = repair(
                dir.path(),
                options(),
                RepairOptions::default(),
                Timestamp::EPOCH,
            );
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
            snapshots_are_whole(&ledger, &written, &case);
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
        snapshots_are_whole(&ledger, &written, &what);
        let told = !opened.repairs.is_empty() || !ledger.take_repairs().is_empty();
        ledger.close().expect("closes");
        // What no read has met is found by a comparison of all, and put right.
        let named = !checked(dir.path(), true).problems.is_empty();
        let report = repair(
            dir.path(),
            options(),
            RepairOptions::default(),
            Timestamp::EPOCH,
        )
        .expect("repairs");
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
