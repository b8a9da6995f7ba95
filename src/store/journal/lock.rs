//! LOCK: one writer per data directory, apart because it is the only part that is about
//! processes; it never guards a reader.
use std::any::Any;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// Takes the lock, or says who has it (log.md, LOCK: flock, pid and boot id; then the inode is
/// compared with the path, since a lock on a file that was moved away guards nothing).
pub(super) fn lock(
    path: &Path,
    note: &str,
) -> io::Result<Result<Box<dyn Any + Send + Sync>, String>> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            file.read_to_string(&mut holder)?;
            let holder = holder.trim().replace('\n', ", ");
            let unknown = "a process that is just starting".to_owned();
            return Ok(Err(if holder.is_empty() { unknown } else { holder }));
        }
        Err(TryLockError::Error(error)) => return Err(error),
    }
    let (locked, named) = (file.metadata()?, fs::metadata(path)?);
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

fn write_note(file: &mut File, note: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(note.as_bytes())
}
