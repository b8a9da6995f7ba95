//! Reading history from the journal alone: beside a running server, from a preserved copy, while
//! sled is not there, and where sled is bad. Apart because it knows no sled and no tail. It is
//! slower, and remembers where the last page ended so that paging reads everything once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::store::codec::places;
use crate::store::journal::{Frame, FrameKind, Frames, JournalReader};
use crate::store::record::Position;
use crate::store::stream::stream_hash;
use crate::store::{Commits, StoreError};

use super::convert::{commit_of, corrupt_at, of_journal};

/// Pages of commits, by position or by stream.
pub(crate) struct JournalScan {
    reader: JournalReader,
    /// The last page of each kind ended here; another page that starts here goes on.
    all: Mutex<Option<Cursor>>,
    stream: Mutex<Option<(String, Cursor)>>,
}

/// An iteration that stopped.
struct Cursor {
    /// The position, or version, that comes next.
    next: u64,
    frames: Frames,
    /// A commit of which only the first records were wanted.
    held: Option<Frame>,
}

impl JournalScan {
    pub(crate) fn new(reader: JournalReader) -> Self {
        Self {
            reader,
            all: Mutex::default(),
            stream: Mutex::default(),
        }
    }

    pub(crate) fn reader(&self) -> &JournalReader {
        &self.reader
    }

    /// The commits that hold the positions `first..=last`, or as many of the first of them as are
    /// there and can be read.
    ///
    /// # Errors
    /// `Corrupt` when not even the first can be read; `Missing` when the positions are not dense.
    pub(crate) fn commits_between(&self, first: u64, last: u64) -> Result<Vec<Frame>, StoreError> {
        let mut slot = guard(&self.all);
        let cursor = slot.take().filter(|cursor| cursor.next == first);
        let mut cursor = match cursor {
            Some(cursor) => cursor,
            None => self.cursor(first, first, &[])?,
        };
        let mut found = Vec::new();
        while cursor.next <= last {
            let Some(frame) = cursor.commit(found.is_empty())? else {
                return Ok(found);
            };
            if frame.first_position() > cursor.next {
                let position = Position(cursor.next);
                return Err(StoreError::Missing { position });
            }
            let ends = frame.link().next_position;
            cursor.held = (ends > last.saturating_add(1)).then(|| frame.clone());
            cursor.next = ends.min(last.saturating_add(1));
            found.push(frame);
        }
        *slot = Some(cursor);
        Ok(found)
    }

    /// The commits that hold the versions `first..=last` of a stream, or as many of the first of
    /// them as are there and can be read.
    ///
    /// # Errors
    /// `Corrupt` when not even the first can be read, or a version is missing before it.
    pub(crate) fn commits_of(
        &self,
        room: &str,
        first: u64,
        last: u64,
    ) -> Result<Vec<Frame>, StoreError> {
        let mut slot = guard(&self.stream);
        let cursor = slot
            .take()
            .filter(|(name, cursor)| name == room && cursor.next == first);
        let mut cursor = match cursor {
            Some((_, cursor)) => cursor,
            None => self.cursor(1, first, &[stream_hash(room)])?,
        };
        let mut found = Vec::new();
        while cursor.next <= last {
            let Some(frame) = cursor.commit(found.is_empty())? else {
                return Ok(found);
            };
            let at = Position(frame.first_position());
            let versions = places(frame.payload()).map_err(corrupt_at(at))?;
            let here = versions.iter().filter(|place| place.room == room);
            let Some(end) = here.clone().map(|place| place.version.0).max() else {
                continue;
            };
            let start = here.map(|place| place.version.0).min().unwrap_or(end);
            if end < cursor.next {
                continue;
            }
            if start > cursor.next {
                let problem = format!("version {} of {room:?} is missing before it", cursor.next);
                return Err(StoreError::Corrupt {
                    position: at,
                    problem,
                });
            }
            cursor.held = (end > last).then(|| frame.clone());
            cursor.next = end.min(last) + 1;
            found.push(frame);
        }
        *slot = Some((room.to_owned(), cursor));
        Ok(found)
    }

    /// The commits after the one that holds a position; after an error there is nothing more.
    ///
    /// # Errors
    /// As the journal's reader.
    pub(crate) fn commits_after(&self, after: Position) -> Result<Commits<'static>, StoreError> {
        let from = after.0.saturating_add(1);
        let mut frames = Some(self.reader.frames_from(from).map_err(of_journal)?);
        let next = move || {
            let frame = frames.as_mut()?.next()?;
            let commit = match frame {
                Ok(frame) if frame.kind() == FrameKind::Seal => return Some(None),
                Ok(frame) => commit_of(&frame),
                Err(error) => Err(of_journal(error)),
            };
            if commit.is_err() {
                frames = None;
            }
            Some(Some(commit))
        };
        Ok(Box::new(std::iter::from_fn(next).flatten()))
    }

    fn cursor(&self, position: u64, next: u64, streams: &[u64]) -> Result<Cursor, StoreError> {
        let frames = self.reader.frames_of(position, streams);
        Ok(Cursor {
            next,
            frames: frames.map_err(of_journal)?,
            held: None,
        })
    }
}

impl Cursor {
    /// The next commit. Damage is told only when it comes first, so that what was read before it
    /// is answered; the caller drops the cursor at `None`, and meets the damage at the next page.
    fn commit(&mut self, comes_first: bool) -> Result<Option<Frame>, StoreError> {
        if let Some(frame) = self.held.take() {
            return Ok(Some(frame));
        }
        for frame in self.frames.by_ref() {
            match frame {
                Ok(frame) if frame.kind() == FrameKind::Seal => {}
                Ok(frame) => return Ok(Some(frame)),
                Err(_) if !comes_first => return Ok(None),
                Err(error) => return Err(of_journal(error)),
            }
        }
        Ok(None)
    }
}

/// A cursor is replaced whole or not at all.
fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
