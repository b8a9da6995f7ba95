//! Backups of a journal whose last commit nothing seals: copied like the others (rule 11), and
//! given up again where the original went on without it.
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roomledger::store::journal::{Copied, Disk, Frame, JournalError, JournalReader, backup, check};
use roomledger::testing::faults::{DiskFault, SimulatedDisk};

use super::{Rig, dir, read_whole, real_options};

fn kept() -> &'static Path {
    Path::new("/kept")
}

fn back_up(disk: &SimulatedDisk) -> Result<Copied, JournalError> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    backup(&disk, dir(), kept(), real_options(0).rooms_of)
}

fn copy_in(disk: &SimulatedDisk) -> Vec<Frame> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    read_whole(&JournalReader::open(disk, kept()).expect("opens"))
}

fn faults_of_copy(disk: &SimulatedDisk) -> u64 {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let rooms_of = real_options(0).rooms_of;
    let report = check(&disk, kept(), rooms_of, &mut |_| {}).expect("checks");
    report.faults
}

fn reach(frame: &Frame) -> (u64, u64) {
    (frame.first_position(), frame.last_position())
}

/// The journal, backed up with its last commit, which a power cut then takes; it goes on.
fn gone_on_without_the_last(commits: u64) -> (Rig, Frame) {
    let mut rig = Rig::filled(commits);
    back_up(&rig.disk).expect("backs up");
    rig.edit_frame(rig.written.len() - 1, |bytes| bytes.fill(0));
    let lost = rig.written.pop().expect("a commit");
    let (mut journal, _) = rig.open();
    rig.fill(&mut journal, 3);
    assert_ne!(rig.written[rig.written.len() - 3], lost, "another epoch");
    (rig, lost)
}

#[test]
fn rule_11_a_backup_holds_a_valid_last_commit_that_nothing_seals() {
    // Over the ends of several segments.
    for commits in 1..40 {
        let mut rig = Rig::filled(commits);
        let first = back_up(&rig.disk).expect("backs up");
        assert_eq!(copy_in(&rig.disk), rig.written, "{commits}");
        let last = rig.written.last().expect("a commit");
        assert_eq!((first.unsealed, first.to), (Some(reach(last)), last.link()));
        let again = back_up(&rig.disk).expect("backs up");
        assert_eq!((again.from, again.to, again.bytes), (first.to, first.to, 0));
        assert_eq!(again.unsealed, first.unsealed);
        // The next run adds what is new, the seal of a close included.
        let (mut journal, _) = rig.open();
        rig.fill(&mut journal, 2);
        let seal = journal.seal().expect("seals").expect("a seal");
        rig.written.push(seal);
        let more = back_up(&rig.disk).expect("backs up");
        assert_eq!(copy_in(&rig.disk), rig.written, "{commits}");
        let added: usize = rig.written[rig.written.len() - 3..]
            .iter()
            .map(|frame| frame.bytes().len())
            .sum();
        assert_eq!((more.from, more.bytes), (first.to, added as u64));
        assert_eq!((more.unsealed, more.replaced), (None, None));
        assert_eq!(faults_of_copy(&rig.disk), 0, "{commits}");
    }
}

#[test]
fn rule_11_a_commit_that_a_power_cut_took_back_gives_way_in_the_backup() {
    for commits in 1..40 {
        let (rig, lost) = gone_on_without_the_last(commits);
        let done = back_up(&rig.disk).expect("backs up");
        assert_eq!(
            (done.from, done.replaced),
            (lost.link(), Some(reach(&lost)))
        );
        assert_eq!(copy_in(&rig.disk), rig.written, "{commits}");
        assert_eq!(faults_of_copy(&rig.disk), 0, "{commits}");
        let is_aside = |path: &&PathBuf| path.starts_with(kept().join("aside"));
        let files = rig.disk.files();
        let aside = files.keys().find(is_aside).expect("kept aside");
        assert_eq!(files[aside], lost.bytes());
    }
}

#[test]
fn a_backup_keeps_an_unsealed_commit_for_as_long_as_nothing_else_stands_there() {
    let rig = Rig::filled(9);
    let first = back_up(&rig.disk).expect("backs up");
    rig.edit_frame(8, |bytes| bytes.fill(0));
    let again = back_up(&rig.disk).expect("backs up");
    assert_eq!((again.to, again.replaced), (first.to, None));
    assert_eq!(copy_in(&rig.disk), rig.written);
}

#[test]
fn what_is_sealed_in_a_backup_never_gives_way() {
    let (rig, _) = gone_on_without_the_last(9);
    back_up(&rig.disk).expect("backs up");
    let mut other = Rig::filled(12);
    let (mut journal, _) = other.open();
    other.fill(&mut journal, 1);
    for (path, bytes) in other.disk.files() {
        rig.disk.edit(&path, |data| *data = bytes);
    }
    let refused = back_up(&rig.disk).expect_err("another history");
    let expected = matches!(refused, JournalError::OtherBackup { .. });
    assert!(expected, "{refused}");
    assert_eq!(copy_in(&rig.disk), rig.written);
}

#[test]
fn a_backup_that_fails_or_loses_power_at_any_call_is_completed_by_the_next() {
    // The last commit stands in the middle of a segment, and alone in one.
    for commits in [9, 15] {
        let (rig, _) = gone_on_without_the_last(commits);
        let untouched = rig.disk.power_cut(&mut || true);
        back_up(&untouched).expect("backs up");
        for operation in 0..untouched.operations() {
            for keeps in [true, false] {
                let disk = rig.disk.power_cut(&mut || true);
                disk.fail_at(operation, DiskFault::Error(io::ErrorKind::Other));
                let _ = back_up(&disk);
                let cut = disk.power_cut(&mut || keeps);
                back_up(&cut).unwrap_or_else(|error| panic!("{commits} {operation}: {error}"));
                assert_eq!(copy_in(&cut), rig.written, "{commits} {operation}");
                assert_eq!(faults_of_copy(&cut), 0, "{commits} {operation}");
            }
        }
    }
}
