//! A reader without a lock beside a writer that moves on at the worst moment: between any two
//! reads of the files.

use std::any::Any;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use roomledger::store::journal::{Disk, DiskFile, Frame, Journal, JournalError, JournalReader};
use roomledger::testing::faults::SimulatedDisk;

use super::{Rig, append, dir};

/// Lets something happen before the n-th read.
#[derive(Clone)]
struct Beside {
    disk: SimulatedDisk,
    reads: Arc<AtomicU64>,
    at: u64,
    happens: Arc<Mutex<dyn FnMut() + Send>>,
}

impl Beside {
    fn read(&self) {
        if self.reads.fetch_add(1, Ordering::Relaxed) == self.at {
            (self.happens.lock().expect("whole"))();
        }
    }
}

struct File(Box<dyn DiskFile>, Beside);

impl Disk for Beside {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.disk.create(path)
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn DiskFile>> {
        self.read();
        let file = self.disk.open(path, write)?;
        Ok(Box::new(File(file, self.clone())))
    }

    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        self.read();
        Disk::read(&self.disk, path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.read();
        self.disk.list(path)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        self.disk.free_bytes(path)
    }

    fn lock(
        &self,
        path: &Path,
        note: &str,
    ) -> io::Result<Result<Box<dyn Any + Send + Sync>, String>> {
        self.disk.lock(path, note)
    }
}

impl DiskFile for File {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.1.read();
        self.0.read_at(buffer, offset)
    }

    fn write_some_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_some_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn size(&self) -> io::Result<u64> {
        self.1.read();
        self.0.size()
    }

    fn drop_cache(&self) {
        self.0.drop_cache();
    }
}

/// What a reader sees while a writer with `before` commits appends more before its `at`-th read,
/// and whether it came to that read at all.
fn seen(before: u64, at: u64) -> (Result<Vec<Frame>, JournalError>, Vec<Frame>, bool) {
    let mut rig = Rig::new();
    let mut journal: Journal = rig.open().0;
    rig.fill(&mut journal, before);
    let written = Arc::new(Mutex::new(rig.written.clone()));
    let more = Arc::clone(&written);
    let happens = move || {
        let mut written = more.lock().expect("whole");
        written.extend((0..MORE).map(|_| append(&mut journal).expect("appends")));
    };
    let disk = Beside {
        disk: rig.disk.clone(),
        reads: Arc::default(),
        at,
        happens: Arc::new(Mutex::new(happens)),
    };
    let reads = Arc::clone(&disk.reads);
    let frames = JournalReader::open(Arc::new(disk), dir())
        .and_then(|reader| reader.frames_from(1))
        .and_then(Iterator::collect);
    let came = reads.load(Ordering::Relaxed) > at;
    let written = written.lock().expect("whole").clone();
    (frames, written, came)
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
