//! LOCK: one writer per data directory, apart because it is the only part that is about
//! processes; it never guards a reader.
use std::any::Any;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::store::private;

/// Takes the lock, or says who has it (log.md, LOCK: flock, pid and boot id; then the inode is
/// compared with the path, since a lock on a file that was moved away guards nothing).
pub(super) fn lock(
    path: &Path,
    note: &str,
) -> io::Result<Result<Box<dyn Any + Send + Sync>, String>> {
    let mut file = private::open_or_create(path).map_err(|error| unsuited(path, error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            (&file).take(NOTE_BYTES_MAX).read_to_string(&mut holder)?;
            let holder = holder.trim().replace('\n', ", ");
            let unknown = "a process that is just starting".to_owned();
            return Ok(Err(if holder.is_empty() { unknown } else { holder }));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let (locked, named) = (file.metadata()?, fs::symlink_metadata(path)?);
    if (locked.dev(), locked.ino()) != (named.dev(), named.ino()) {
        return Err(io::ErrorKind::NotFound.into());
    }
    write_note(&mut file, note)?;
    Ok(Ok(Box::new(Held(file))))
}

/// Unlocks by name, since closing is not enough: a child process between fork and exec shares the
/// open file, and with it the lock.
struct Held(File);

impl Drop for Held {
    fn drop(&mut self) {
        // Closing it, next, is the other way; nothing is written under either.
        let _ = self.0.unlock();
    }
}

/// Says what to do about a LOCK that leads elsewhere: it would be emptied.
fn unsuited(path: &Path, error: io::Error) -> io::Error {
    if error.kind() != io::ErrorKind::InvalidData {
        return error;
    }
    let path = path.display();
    io::Error::new(error.kind(), format!("{error}; remove it: `rm {path}`"))
}

fn write_note(file: &mut File, note: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(note.as_bytes())
}

/// Of a note: two lines, with a boot id of 36 characters.
const NOTE_BYTES_MAX: u64 = 1024;
