//! The file operations the journal needs, and no other: the one seam through which faults and
//! power cuts are simulated; it never knows what a frame is.
use std::any::Any;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::store::private;

/// A file system.
pub trait Disk: Send + Sync {
    /// Makes a directory that its owner alone can enter; it may exist.
    ///
    /// # Errors
    /// The system's.
    fn create_dir(&self, path: &Path) -> io::Result<()>;
    /// Makes a new file that its owner alone can read, open for reading and writing.
    ///
    /// # Errors
    /// The system's; `AlreadyExists` if there is one.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Opens a regular file that exists. No link is followed, and no pipe is waited for.
    ///
    /// # Errors
    /// The system's; `InvalidData` when it is no regular file, or is to be written and has another
    /// name elsewhere.
    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn DiskFile>>;
    /// The whole of a file of at most `bytes_max` bytes.
    ///
    /// # Errors
    /// As [`Self::open`]; `FileTooLarge` for one that is larger, of which nothing is read.
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>>;
    /// Puts `from` in the place of `to`.
    ///
    /// # Errors
    /// The system's.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file; the journal removes only temporary files of its own.
    ///
    /// # Errors
    /// The system's.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// Makes creations and renames in a directory durable.
    ///
    /// # Errors
    /// The system's.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;
    /// The files in a directory.
    ///
    /// # Errors
    /// The system's.
    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>>;
    /// Bytes that an ordinary user can still write below `path`.
    ///
    /// # Errors
    /// The system's.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;
    /// Locks `path` for this process and writes `note` into it; `Err` of the inner result is the
    /// note of who holds it. The lock ends when the value is dropped.
    ///
    /// # Errors
    /// The system's; `NotFound` when the file was replaced meanwhile.
    fn lock(
        &self,
        path: &Path,
        note: &str,
    ) -> io::Result<Result<Box<dyn Any + Send + Sync>, String>>;
}

/// An open file, read and written at offsets.
pub trait DiskFile: Send + Sync {
    /// Reads up to `buffer.len()` bytes; fewer only at the end of the file.
    ///
    /// # Errors
    /// The system's.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes the first of `bytes`, as many as the system takes at once, and says how many.
    ///
    /// # Errors
    /// The system's; nothing was written.
    fn write_some_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;
    /// Writes all of `bytes`, in as many calls as it takes.
    ///
    /// # Errors
    /// The system's, `WriteZero` when it takes nothing; some of the bytes may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (mut rest, mut offset) = (bytes, offset);
        while !rest.is_empty() {
            match self.write_some_at(rest, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(taken) => {
                    rest = rest.get(taken..).unwrap_or_default();
                    offset += taken as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
    /// Makes written data durable (fdatasync).
    ///
    /// # Errors
    /// The system's.
    fn sync_data(&self) -> io::Result<()>;
    /// Makes data and size durable (fsync).
    ///
    /// # Errors
    /// The system's.
    fn sync_all(&self) -> io::Result<()>;
    /// Bytes in the file.
    ///
    /// # Errors
    /// The system's.
    fn size(&self) -> io::Result<u64>;
    /// Asks the system to forget clean cached pages, so that the next read is the medium's.
    fn drop_cache(&self);
}

/// The machine's own file system.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        private::make_folder(path)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(private::create(path)?)))
    }

    fn open(&self, path: &Path, write: bool) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(private::open(path, write)?)))
    }

    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        private::read(path, bytes_max)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        private::sync_folder(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        fs::read_dir(path)?
            .map(|entry| entry.map(|entry| entry.path()))
            .collect()
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let stat = rustix::fs::statvfs(path)?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }

    fn lock(
        &self,
        path: &Path,
        note: &str,
    ) -> io::Result<Result<Box<dyn Any + Send + Sync>, String>> {
        super::lock::lock(path, note)
    }
}

struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let mut done = 0;
        while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
            match self.0.read_at(rest, offset + done as u64) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }

    fn write_some_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.0.write_at(bytes, offset)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn sync_all(&self) -> io::Result<()> {
        self.0.sync_all()
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }

    fn drop_cache(&self) {
        // Only advice: where the system does not take it, the read is merely less fresh.
        let _ = rustix::fs::fadvise(&self.0, 0, None, rustix::fs::Advice::DontNeed);
    }
}
