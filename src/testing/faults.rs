//! A file system in memory that fails on order and loses power, so that what the journal promises
//! can be tried at every call; apart from the journal, which sees only its `Disk`. Nothing here
//! touches a real disk.
use std::any::Any;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::journal::{Disk, DiskFile};

/// What an operation does instead of its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiskFault {
    /// It fails. A failed sync leaves the data readable and never makes it durable, as Linux does:
    /// the pages count as clean.
    Error(io::ErrorKind),
    /// A write that puts down half of its bytes before it fails; anything else just fails.
    ShortWrite,
    /// A write that takes so many of its bytes, at least one and at most all but one, and says so,
    /// as a system may at any time; anything else works. The next operation follows it.
    Short(usize),
}

/// A file system in memory; clones share it.
#[derive(Clone, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
    reads: Option<Arc<Reads>>,
}

/// What happens before each read through one clone of a disk.
struct Reads {
    done: AtomicU64,
    happens: Box<dyn Fn(u64) + Send + Sync>,
}

type Free = Arc<dyn Fn() -> io::Result<u64> + Send + Sync>;

#[derive(Default)]
struct State {
    names: BTreeMap<PathBuf, u64>,
    durable_names: BTreeMap<PathBuf, u64>,
    /// Creations, renames and removals that no directory sync has made durable, in order.
    name_changes: Vec<NameChange>,
    files: BTreeMap<u64, FileState>,
    locks: BTreeSet<PathBuf>,
    operations: u64,
    changes: u64,
    bytes_read: u64,
    faults: BTreeMap<u64, DiskFault>,
    is_off: bool,
    free: Option<Free>,
}

impl State {
    fn change_name(&mut self, path: &Path, file: Option<u64>) {
        let change = NameChange {
            path: path.to_path_buf(),
            file,
        };
        apply(&mut self.names, &change);
        self.name_changes.push(change);
    }
}

#[derive(Clone, Default)]
struct FileState {
    data: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone)]
struct NameChange {
    path: PathBuf,
    /// `None`: removed.
    file: Option<u64>,
}

impl SimulatedDisk {
    /// An empty file system.
    pub fn new() -> Self {
        Self::default()
    }

    /// Lets the operation with this number (from 0, counted since the disk was made) go wrong.
    /// Operations are opens, creations, writes, syncs, renames, removals and directory syncs.
    pub fn fail_at(&self, operation: u64, fault: DiskFault) {
        self.lock_state().faults.insert(operation, fault);
    }

    /// What `free_bytes` answers from now on: as much as can be, until this is called.
    pub fn set_free(&self, free: impl Fn() -> io::Result<u64> + Send + Sync + 'static) {
        self.lock_state().free = Some(Arc::new(free));
    }

    /// The same disk; before each read through this clone, and through what it opens, `happens` is
    /// given the read's number from 0. Reads are opens, lists, sizes and whatever gives bytes.
    #[must_use]
    pub fn before_reads(&self, happens: impl Fn(u64) + Send + Sync + 'static) -> Self {
        let reads = Reads {
            done: AtomicU64::new(0),
            happens: Box::new(happens),
        };
        Self {
            state: Arc::clone(&self.state),
            reads: Some(Arc::new(reads)),
        }
    }

    /// How many operations there were.
    pub fn operations(&self) -> u64 {
        self.lock_state().operations
    }

    /// How many of them changed something.
    pub fn changes(&self) -> u64 {
        self.lock_state().changes
    }

    /// How many bytes were read.
    pub fn bytes_read(&self) -> u64 {
        self.lock_state().bytes_read
    }

    /// Every file and its content, as a process sees them.
    pub fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let state = self.lock_state();
        let content = |file| {
            state
                .files
                .get(file)
                .map(|file| file.data.clone())
                .unwrap_or_default()
        };
        state
            .names
            .iter()
            .map(|(path, file)| (path.clone(), content(file)))
            .collect()
    }

    /// Changes a file behind everyone's back, durably.
    pub fn edit(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock_state();
        let number = state.names.get(path).copied();
        if let Some(file) = number.and_then(|number| state.files.get_mut(&number)) {
            change(&mut file.data);
            file.durable.clone_from(&file.data);
            file.unsynced.clear();
        }
    }

    /// Takes a file away behind everyone's back, durably.
    pub fn lose(&self, path: &Path) {
        let mut state = self.lock_state();
        state.names.remove(path);
        state.durable_names.remove(path);
    }

    /// The disk after a power cut now: what was synced, and of the rest what `keeps` decides, page
    /// by page and name by name (names in order, as a journaling file system does).
    #[must_use]
    pub fn power_cut(&self, keeps: &mut dyn FnMut() -> bool) -> Self {
        let state = self.lock_state();
        let mut names = state.durable_names.clone();
        for change in &state.name_changes {
            if !keeps() {
                break;
            }
            apply(&mut names, change);
        }
        let mut files = BTreeMap::new();
        for number in names.values() {
            let file = state.files.get(number).cloned().unwrap_or_default();
            let mut durable = file.durable;
            for (offset, bytes) in file.unsynced {
                for (index, page) in bytes.chunks(PAGE_BYTES).enumerate() {
                    if keeps() {
                        put(&mut durable, offset + index * PAGE_BYTES, page);
                    }
                }
            }
            let file = FileState {
                data: durable.clone(),
                durable,
                unsynced: Vec::new(),
            };
            files.insert(*number, file);
        }
        let durable_names = names.clone();
        let state = State {
            names,
            durable_names,
            files,
            ..State::default()
        };
        Self {
            state: Arc::new(Mutex::new(state)),
            reads: None,
        }
    }

    /// As [`Self::power_cut`], but this disk is off first, and each later operation on it fails:
    /// for a cut while threads still write, who would else promise what the cut does not hold.
    #[must_use]
    pub fn power_off(&self, keeps: &mut dyn FnMut() -> bool) -> Self {
        self.lock_state().is_off = true;
        self.power_cut(keeps)
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts an operation, and lets it go wrong if it is its turn.
    fn begin(&self, changes: bool) -> Result<MutexGuard<'_, State>, Refused<'_>> {
        let mut state = self.lock_state();
        let fault = if state.is_off {
            Some(DiskFault::Error(io::ErrorKind::NotConnected))
        } else {
            state.faults.get(&state.operations).copied()
        };
        state.operations += 1;
        state.changes += u64::from(changes);
        match fault {
            None | Some(DiskFault::Short(_)) => Ok(state),
            Some(fault) => Err(Refused { state, fault }),
        }
    }

    fn before_read(&self) {
        if let Some(reads) = &self.reads {
            (reads.happens)(reads.done.fetch_add(1, Ordering::Relaxed));
        }
    }

    fn handle(&self, number: u64) -> Box<dyn DiskFile> {
        Box::new(SimulatedFile {
            disk: self.clone(),
            number,
        })
    }
}

struct Refused<'a> {
    state: MutexGuard<'a, State>,
    fault: DiskFault,
}

impl From<Refused<'_>> for io::Error {
    fn from(refused: Refused<'_>) -> Self {
        match refused.fault {
            DiskFault::Error(kind) => kind.into(),
            DiskFault::ShortWrite | DiskFault::Short(_) => io::ErrorKind::WriteZero.into(),
        }
    }
}

impl Disk for SimulatedDisk {
    fn create_dir(&self, _path: &Path) -> io::Result<()> {
        Ok(())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.begin(true)?;
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let number = state.files.keys().next_back().map_or(0, |last| last + 1);
        state.files.insert(number, FileState::default());
        state.change_name(path, Some(number));
        Ok(self.handle(number))
    }

    fn open(&self, path: &Path, _write: bool) -> io::Result<Box<dyn DiskFile>> {
        self.before_read();
        let state = self.begin(false)?;
        let number = state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(self.handle(*number))
    }

    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        self.before_read();
        let content = self.files().remove(path).ok_or(io::ErrorKind::NotFound)?;
        if content.len() as u64 > bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(content)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.begin(true)?;
        let number = *state.names.get(from).ok_or(io::ErrorKind::NotFound)?;
        // One change, as a rename is: `apply` ends the old name.
        state.change_name(to, Some(number));
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin(true)?;
        if !state.names.contains_key(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        state.change_name(path, None);
        Ok(())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        let mut state = self.begin(true)?;
        let (inside, outside): (Vec<_>, Vec<_>) = std::mem::take(&mut state.name_changes)
            .into_iter()
            .partition(|change| change.path.parent() == Some(path));
        for change in &inside {
            apply(&mut state.durable_names, change);
        }
        state.name_changes = outside;
        Ok(())
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.before_read();
        let state = self.lock_state();
        Ok(state
            .names
            .keys()
            .filter(|name| name.parent() == Some(path))
            .cloned()
            .collect())
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        let free = self.lock_state().free.clone();
        free.map_or(Ok(u64::MAX), |free| free())
    }

    fn lock(
        &self,
        path: &Path,
        _note: &str,
    ) -> io::Result<Result<Box<dyn Any + Send + Sync>, String>> {
        if !self.lock_state().locks.insert(path.to_path_buf()) {
            return Ok(Err("another opener".to_owned()));
        }
        Ok(Ok(Box::new(SimulatedLock {
            disk: self.clone(),
            path: path.to_path_buf(),
        })))
    }
}

struct SimulatedLock {
    disk: SimulatedDisk,
    path: PathBuf,
}

impl Drop for SimulatedLock {
    fn drop(&mut self) {
        self.disk.lock_state().locks.remove(&self.path);
    }
}

struct SimulatedFile {
    disk: SimulatedDisk,
    number: u64,
}

impl SimulatedFile {
    fn sync(&self) -> io::Result<()> {
        match self.disk.begin(true) {
            Ok(mut state) => {
                let file = state.files.entry(self.number).or_default();
                for (offset, bytes) in std::mem::take(&mut file.unsynced) {
                    put(&mut file.durable, offset, &bytes);
                }
                Ok(())
            }
            Err(mut refused) => {
                let file = refused.state.files.entry(self.number).or_default();
                file.unsynced.clear();
                Err(refused.into())
            }
        }
    }
}

impl DiskFile for SimulatedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.disk.before_read();
        let mut state = self.disk.lock_state();
        let data = state
            .files
            .get(&self.number)
            .map(|file| file.data.as_slice());
        let from = usize::try_from(offset).unwrap_or(usize::MAX);
        let rest = data.and_then(|data| data.get(from..)).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..length), rest.get(..length)) {
            to.copy_from_slice(from);
        }
        state.bytes_read += length as u64;
        Ok(length)
    }

    fn write_some_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let (mut state, taken, failure) = match self.disk.begin(true) {
            Ok(state) => {
                let taken = match state.faults.get(&(state.operations - 1)) {
                    Some(DiskFault::Short(most)) => (*most).min(bytes.len() - 1).max(1),
                    _ => bytes.len(),
                };
                (state, taken, None)
            }
            Err(Refused { state, fault }) => {
                let half = match fault {
                    DiskFault::ShortWrite => bytes.len() / 2,
                    DiskFault::Error(_) | DiskFault::Short(_) => 0,
                };
                (state, half, Some(fault))
            }
        };
        let bytes = bytes.get(..taken).unwrap_or_default();
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let file = state.files.entry(self.number).or_default();
        put(&mut file.data, offset, bytes);
        file.unsynced.push((offset, bytes.to_vec()));
        match failure {
            None => Ok(taken),
            Some(fault) => Err(Refused { state, fault }.into()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync()
    }

    fn size(&self) -> io::Result<u64> {
        self.disk.before_read();
        Ok(self
            .disk
            .lock_state()
            .files
            .get(&self.number)
            .map_or(0, |file| file.data.len() as u64))
    }

    fn drop_cache(&self) {}
}

fn apply(names: &mut BTreeMap<PathBuf, u64>, change: &NameChange) {
    match change.file {
        Some(file) => {
            // A file has one name here: the arrival of a new one ends the old one.
            names.retain(|_, number| *number != file);
            names.insert(change.path.clone(), file);
        }
        None => {
            names.remove(&change.path);
        }
    }
}

fn put(data: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if data.len() < end {
        data.resize(end, 0);
    }
    if let Some(place) = data.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

/// What a power cut keeps or loses as one: small, so that small frames are torn, too.
const PAGE_BYTES: usize = 64;
