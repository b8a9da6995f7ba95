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
            let frame = match cursor.commit() {
                Some(Ok(frame)) => frame,
                // What was read before the damage is answered; the next page meets it first.
                Some(Err(error)) if found.is_empty() => return Err(error),
                Some(Err(_)) | None => return Ok(found),
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
    /// them as are there and can be read; with the accepted losses between them, over which
    /// versions may be missing, and then what comes next even if it is behind `last`. Damage that
    /// cost this stream nothing is passed over.
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
        let (mut damage, mut lost) = (None, false);
        while cursor.next <= last {
            let frame = match cursor.commit() {
                Some(Ok(frame)) => frame,
                Some(Err(error @ StoreError::Corrupt { .. })) => {
                    damage.get_or_insert(error);
                    continue;
                }
                Some(Err(error)) => return Err(error),
                None => return beginning(found, damage),
            };
            let at = Position(frame.first_position());
            if frame.kind() == FrameKind::Loss {
                lost = true;
                found.push(frame);
                continue;
            }
            let versions = places(frame.payload()).map_err(corrupt_at(at))?;
            let here = versions.iter().filter(|place| place.room == room);
            let Some(end) = here.clone().map(|place| place.version.0).max() else {
                continue;
            };
            let start = here.map(|place| place.version.0).min().unwrap_or(end);
            if end < cursor.next {
                continue;
            }
            if start > cursor.next && !lost {
                let problem = format!("version {} of {room:?} is missing before it", cursor.next);
                let missing = StoreError::Corrupt {
                    position: at,
                    problem,
                };
                return beginning(found, Some(damage.unwrap_or(missing)));
            }
            lost = false;
            let wanted = last.max(start);
            cursor.held = (end > wanted).then(|| frame.clone());
            cursor.next = end.min(wanted) + 1;
            found.push(frame);
        }
        if damage.is_none() {
            *slot = Some((room.to_owned(), cursor));
        }
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
                Ok(frame) if frame.kind() != FrameKind::Commit => return Some(None),
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
    /// The next commit or accepted loss, or the damage in the way; it goes on behind that.
    fn commit(&mut self) -> Option<Result<Frame, StoreError>> {
        if let Some(frame) = self.held.take() {
            return Some(Ok(frame));
        }
        let is_seal = |frame: &Result<Frame, _>| {
            let kind = frame.as_ref().map(Frame::kind);
            kind.is_ok_and(|kind| kind == FrameKind::Seal)
        };
        let next = self.frames.by_ref().find(|frame| !is_seal(frame));
        next.map(|frame| frame.map_err(of_journal))
    }
}

/// What was read before the damage, if there is any of it; else the damage.
fn beginning(found: Vec<Frame>, damage: Option<StoreError>) -> Result<Vec<Frame>, StoreError> {
    let has_commits = found.iter().any(|frame| frame.kind() == FrameKind::Commit);
    match damage {
        Some(damage) if !has_commits => Err(damage),
        _ => Ok(found),
    }
}

/// A cursor is replaced whole or not at all.
fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
