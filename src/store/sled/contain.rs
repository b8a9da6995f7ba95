//! sled behind a wall: every call into it is made here, so that a panic inside becomes an error
//! of ours (log.md rule 19). It never retries but for sled's lock.

use std::any::Any;
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::error::CopyError;

/// An open database that cannot take its caller down.
pub(super) struct Contained {
    /// `None` only while it is dropped.
    db: Option<::sled::Db>,
}

impl Contained {
    /// Opens, or creates, the database in `path`.
    ///
    /// Whoever calls this holds the ledger's LOCK, so sled's own lock can be held by no other
    /// writer, only by what is left of the last one: a child process between fork and exec, which
    /// shares every open file, or a thread of sled's that is still ending. It is waited for.
    pub(super) fn open(path: &Path, cache_bytes: u64) -> Result<Self, CopyError> {
        let config = ::sled::Config::new()
            .path(path)
            .cache_capacity(cache_bytes)
            .segment_size(SEGMENT_BYTES)
            // Nothing is written but by us, so that the distance between syncs is ours to keep.
            .flush_every_ms(None);
        let mut opened = contained(|| config.open());
        for _ in 1..LOCK_TRIES {
            if !matches!(&opened, Err(CopyError::Io(text)) if text.contains(LOCK_REFUSED)) {
                break;
            }
            thread::sleep(LOCK_PAUSE);
            opened = contained(|| config.open());
        }
        Ok(Self { db: Some(opened?) })
    }

    /// Runs one call into sled.
    pub(super) fn call<T>(
        &self,
        call: impl FnOnce(&::sled::Db) -> Result<T, ::sled::Error>,
    ) -> Result<T, CopyError> {
        let gone = || CopyError::Io("sled was closed".to_owned());
        let db = self.db.as_ref().ok_or_else(gone)?;
        contained(|| call(db))
    }

    /// Flushes what sled holds back; its file is not synced by that.
    ///
    /// sled 0.34.7 forgets to wake a flush when the write that it waits for fails at that moment
    /// (`exit_reservation`): it would wait for ever. Any later flush meets the error and wakes it.
    pub(super) fn flush(&self) -> Result<(), CopyError> {
        followed(FLUSH_PATIENCE, &|| self.call(|db| db.flush()).map(drop))
    }
}

impl Drop for Contained {
    fn drop(&mut self) {
        // The destructor flushes too, where it could wait for ever; it finds nothing left to do.
        let _ = self.flush();
        if let Some(db) = self.db.take() {
            // Its destructor panics when a last sync fails; all that counts was synced by us.
            let _ = contained(|| {
                drop(db);
                Ok(())
            });
        }
    }
}

fn contained<T>(call: impl FnOnce() -> Result<T, ::sled::Error>) -> Result<T, CopyError> {
    // Nothing of ours is left half changed: only sled's own values cross the wall.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(judge(&error)),
        Err(panic) => Err(CopyError::Panicked(words(panic.as_ref()))),
    }
}

/// Runs `work`, and once more beside it when it takes longer than `patience`, which follows in turn
/// after twice as long. When one of them ends, all end.
fn followed<T>(patience: Duration, work: &(impl Fn() -> T + Sync)) -> T {
    thread::scope(|scope| {
        let (working, ended) = channel::<()>();
        let follow = move || {
            if ended.recv_timeout(patience) == Err(RecvTimeoutError::Timeout) {
                drop(followed(patience * 2, work));
            }
        };
        // Where no thread can be had, nothing follows.
        let follower = thread::Builder::new().spawn_scoped(scope, follow);
        let done = work();
        drop((working, follower));
        done
    })
}

fn judge(error: &::sled::Error) -> CopyError {
    let text = error.to_string();
    match error {
        // A file that is too short, or says nonsense, is damage like any other.
        ::sled::Error::Io(io) if DAMAGE.contains(&io.kind()) => CopyError::Damaged(text),
        ::sled::Error::Io(_) => CopyError::Io(text),
        ::sled::Error::Corruption { .. }
        | ::sled::Error::ReportableBug(_)
        | ::sled::Error::Unsupported(_)
        | ::sled::Error::CollectionNotFound(_) => CopyError::Damaged(text),
    }
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a word".to_owned())
}

/// What the operating system says of bytes that are not as they were.
const DAMAGE: [ErrorKind; 3] = [
    ErrorKind::UnexpectedEof,
    ErrorKind::InvalidData,
    ErrorKind::InvalidInput,
];
/// log.md rule 16: 8 MiB, so that no leaf of ours becomes a blob file (a quarter of a segment is
/// sled's bound, a leaf holds 16 values), and one sync always comes before the next segment.
const SEGMENT_BYTES: usize = 8 << 20;
/// How sled 0.34.7 words a lock that is held; its error kind is `Other`.
const LOCK_REFUSED: &str = "could not acquire lock";
/// 5 s in all: a fork reaches exec within milliseconds, on a loaded machine within a second.
const LOCK_TRIES: u32 = 250;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Longer than a flush takes on a disk that is well.
const FLUSH_PATIENCE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::sync::{Condvar, Mutex};
    use std::time::Duration;

    use super::followed;

    /// As sled's flush does it: one that waits is woken by a later one alone, which may wait too.
    #[test]
    fn work_that_waits_for_ever_ends_when_enough_came_after_it() {
        for needed in [0, 1, 2, 4] {
            let (came, woken) = (Mutex::new(0), Condvar::new());
            let wait = || {
                let mut count = came.lock().expect("sound");
                *count += 1;
                woken.notify_all();
                while *count <= needed {
                    count = woken.wait(count).expect("sound");
                }
                *count
            };
            let seen = followed(Duration::from_millis(1), &wait);
            assert!(seen > needed, "{seen} of more than {needed}");
        }
    }
}
