//! One test or more for rules 10 to 20 and for files of other logs: histories, readers, poison.
use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roomledger::store::journal::{
    Disk, DiskFile, Journal, JournalError, JournalReader, Options, RepairKind, check, head_fault,
};
use roomledger::testing::faults::{DiskFault, SimulatedDisk};

use super::{Copy, FRAMES_OFFSET, Rig, append, dir, options, read, read_whole};
use super::{real_options, segment_path};

#[test]
fn rule_10_each_open_starts_its_own_epoch() {
    let mut rig = Rig::filled(1);
    let (mut journal, _) = rig.open();
    let frame = append(&mut journal).expect("appends");
    assert_ne!(frame.header().epoch, rig.written[0].header().epoch);
    assert!(frame.follows(&rig.written[0].link()));
}

#[test]
fn rule_10_frames_that_do_not_link_to_both_neighbours_heal_nothing() {
    let mut rig = Rig::filled(10);
    let mut other = Rig::new();
    other.epoch = 100;
    let mut journal = other.open().0;
    other.fill(&mut journal, 10);
    drop(journal);
    rig.edit_frame(5, |bytes| bytes[100] ^= 1);
    let (mut journal, _) = rig.open();
    let before = rig.disk.files();
    let recovery = journal.heal(&other.source()).expect("tries");
    assert_eq!(recovery.repairs, []);
    assert_eq!(recovery.damage.len(), 1);
    assert_eq!(rig.disk.files(), before);
    // A frame of this history that links to the left, but not to the right.
    let recovery = journal.heal(&Copy::of(&rig.written[..5])).expect("tries");
    assert_eq!(recovery.repairs, []);
    let recovery = journal.heal(&rig.source()).expect("heals");
    assert_eq!((recovery.repairs.len(), recovery.damage.len()), (1, 0));
}

#[test]
fn rule_10_two_intact_histories_are_refused() {
    let (mut rig, mut other) = (Rig::new(), Rig::new());
    other.epoch = 100;
    for rig in [&mut rig, &mut other] {
        let mut journal = rig.open().0;
        rig.fill(&mut journal, 20);
        journal.close().expect("closes");
    }
    let mut journal = other.open().0;
    other.fill(&mut journal, 20);
    drop(journal);
    let head = rig.disk.files().remove(&dir().join("HEAD")).expect("HEAD");
    other.disk.edit(&dir().join("HEAD"), |data| *data = head);
    let Err(error) = other.try_open() else {
        panic!("took another history for its own")
    };
    assert!(
        matches!(error, JournalError::OtherHistory { .. }),
        "{error}"
    );
    assert!(error.to_string().contains("two histories"));
}

#[test]
fn rule_11_a_reader_writes_nothing_and_works_beside_a_writer() {
    let mut rig = Rig::new();
    let (mut journal, _) = rig.open();
    rig.fill(&mut journal, 50);
    let (changes, files) = (rig.disk.changes(), rig.disk.files());
    let reader = rig.reader();
    assert_eq!(read_whole(&reader), rig.written);
    let last = rig.written.last().expect("some");
    let end = reader.end().expect("reads");
    assert_eq!(
        end.unsealed,
        Some((last.first_position(), last.last_position()))
    );
    assert_eq!((rig.disk.changes(), rig.disk.files()), (changes, files));
    rig.fill(&mut journal, 50);
    rig.written.extend(journal.seal().expect("seals"));
    assert_eq!(read_whole(&reader), rig.written);
    assert_eq!(reader.end().expect("reads").unsealed, None);
}

/// On a disk on which every open for writing, creation, write, sync, rename and removal fails.
#[test]
fn rule_11_a_preserved_copy_is_read_in_place_from_a_read_only_directory() {
    let rig = Rig::filled(50);
    let copy = rig.disk.power_cut(&mut || true);
    let files = copy.files();
    let disk: Arc<dyn Disk> = Arc::new(ReadOnly(copy.clone()));
    let reader = JournalReader::open(Arc::clone(&disk), dir()).expect("opens for reading");
    assert_eq!(read_whole(&reader), rig.written);
    let end = reader.end().expect("reads");
    assert_eq!(Some(end.hash), rig.written.last().map(|it| *it.hash()));
    let checked = check(&disk, dir(), real_options(0).rooms_of, &mut |_| {});
    assert_eq!(checked.expect("reads").faults, 0);
    assert_eq!(head_fault(&disk, dir()).expect("reads"), None);
    assert_eq!((copy.changes(), copy.files()), (0, files));
    // It does refuse: a writer gets nowhere.
    let writing = Options {
        disk,
        ..real_options(9)
    };
    let opened = Journal::open(dir(), writing).map(|_| ());
    assert!(matches!(opened, Err(JournalError::Io { .. })), "{opened:?}");
}

/// A disk that is mounted read-only.
struct ReadOnly(SimulatedDisk);

impl Disk for ReadOnly {
    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn create(&self, _: &Path) -> io::Result<Box<dyn DiskFile>> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn DiskFile>> {
        if write {
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        // A write through it is a change, which is counted.
        self.0.open(path, false)
    }

    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        self.0.read(path, bytes_max)
    }

    fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn remove(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.0.list(path)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.0.free_bytes(path)
    }

    fn lock(&self, _: &Path, _: &str) -> io::Result<Result<Box<dyn Any + Send + Sync>, String>> {
        Err(io::ErrorKind::ReadOnlyFilesystem.into())
    }
}

#[test]
fn rule_14_the_first_failed_write_or_sync_poisons() {
    let faults = [
        (0, DiskFault::Error(io::ErrorKind::Other)),
        (0, DiskFault::ShortWrite),
        (0, DiskFault::Error(io::ErrorKind::StorageFull)),
        (1, DiskFault::Error(io::ErrorKind::Other)),
    ];
    for (operation, fault) in faults {
        let mut rig = Rig::new();
        let (mut journal, _) = rig.open();
        rig.fill(&mut journal, 2);
        rig.disk.fail_at(rig.disk.operations() + operation, fault);
        assert!(matches!(append(&mut journal), Err(JournalError::Io { .. })));
        let changes = rig.disk.changes();
        for _ in 0..2 {
            assert!(matches!(
                append(&mut journal),
                Err(JournalError::Poisoned { .. })
            ));
        }
        assert!(matches!(journal.seal(), Err(JournalError::Poisoned { .. })));
        assert!(journal.head_keeper().sound().is_err());
        assert_eq!(read_whole(&journal.reader()), rig.written);
        assert!(matches!(
            journal.close(),
            Err(JournalError::Poisoned { .. })
        ));
        assert_eq!(
            rig.disk.changes(),
            changes,
            "a poisoned journal writes nothing"
        );
    }
}

#[test]
fn rule_14_below_the_reserve_nothing_is_written_and_reads_go_on() {
    let mut rig = Rig::new();
    let (mut journal, _) = rig.open();
    rig.fill(&mut journal, 2);
    rig.disk.set_free(|| Ok(0));
    let changes = rig.disk.changes();
    assert!(matches!(
        append(&mut journal),
        Err(JournalError::NearlyFull { .. })
    ));
    assert_eq!(rig.disk.changes(), changes);
    assert_eq!(read_whole(&journal.reader()), rig.written);
    rig.disk.set_free(|| Ok(1));
    rig.fill(&mut journal, 1);
    journal.set_owed(1);
    let owed = append(&mut journal).expect_err("refused");
    assert!(
        matches!(
            owed,
            JournalError::NearlyFull {
                reserve_bytes: 2,
                ..
            }
        ),
        "{owed}"
    );
    rig.disk.set_free(|| Ok(2));
    rig.fill(&mut journal, 1);
}

/// Nothing was written, so that nothing is poisoned: the same journal goes on.
#[test]
fn rule_14_where_free_space_cannot_be_told_nothing_is_written_and_nothing_stops() {
    let mut rig = Rig::new();
    let (mut journal, _) = rig.open();
    rig.fill(&mut journal, 2);
    rig.disk.set_free(|| Err(io::ErrorKind::Other.into()));
    let changes = rig.disk.changes();
    let refused = append(&mut journal).expect_err("refused");
    assert!(
        matches!(refused, JournalError::Unmeasured { .. }),
        "{refused}"
    );
    assert_eq!(rig.disk.changes(), changes);
    assert_eq!(read_whole(&journal.reader()), rig.written);
    rig.disk.set_free(|| Ok(1));
    rig.fill(&mut journal, 1);
    assert_eq!(read_whole(&journal.reader()), rig.written);
}

#[test]
fn rule_20_a_read_reports_and_only_the_writer_heals_with_the_bad_bytes_aside() {
    let mut rig = Rig::filled(100);
    let (mut journal, _) = rig.open();
    // Damage behind footers that vouch: open does not see it, a reader does.
    let (path, offset) = rig.place(5);
    assert_eq!(path, segment_path(1));
    let intact = rig.disk.files();
    rig.disk.edit(&path, |data| data[offset + 20] ^= 4);
    let bad = rig.disk.files()[&path][offset..offset + rig.written[5].bytes().len()].to_vec();
    let changes = rig.disk.changes();
    let seen = read(&journal.reader(), 1);
    assert_eq!(seen.iter().filter(|item| item.is_err()).count(), 1);
    assert_eq!(rig.disk.changes(), changes);
    let recovery = journal.heal(&rig.source()).expect("heals");
    let [repair] = recovery.repairs.as_slice() else {
        panic!("{recovery:?}")
    };
    assert_eq!((repair.at.segment, repair.at.offset), (1, offset as u64));
    assert_eq!(rig.disk.files()[&path], intact[&path]);
    let aside = rig
        .disk
        .files()
        .into_iter()
        .find(|(path, _)| path.starts_with("/data/aside"));
    assert_eq!(aside.map(|(_, bytes)| bytes), Some(bad));
    rig.fill(&mut journal, 30);
    assert_eq!(read_whole(&journal.reader()), rig.written);
}

#[test]
fn a_segment_of_another_log_is_refused_and_named() {
    let mut rig = Rig::filled(40);
    let other = {
        let disk = SimulatedDisk::new();
        let options = Options {
            log_id: [8; 16],
            ..options(1, &disk)
        };
        let (mut journal, _) = Journal::open(dir(), options).expect("opens");
        (0..40).for_each(|_| drop(append(&mut journal).expect("appends")));
        disk.files()[&segment_path(1)].clone()
    };
    rig.disk.edit(&segment_path(1), |data| *data = other);
    let Err(error) = rig.try_open() else {
        panic!("took another log's segment")
    };
    assert!(matches!(&error, JournalError::OtherLog { path, .. } if *path == segment_path(1)));
}

#[test]
fn a_bad_segment_header_is_written_again() {
    let mut rig = Rig::filled(40);
    let before = rig.disk.files();
    rig.disk
        .edit(&segment_path(1), |data| data[..FRAMES_OFFSET].fill(9));
    let (journal, recovery) = rig.open();
    assert_eq!(
        recovery.repairs.first().map(|repair| repair.kind),
        Some(RepairKind::Header)
    );
    assert_eq!(read_whole(&journal.reader()), rig.written);
    assert_eq!(rig.disk.files()[&segment_path(1)], before[&segment_path(1)]);
}
