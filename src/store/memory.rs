//! The log in memory: the reference implementation of the store's contract, for tests and for
//! hosts that want state without a disk. It survives nothing, and says so.
//!
//! It keeps encoded commits, so that whatever passes here has passed the codec too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::caches::Caches;
use super::codec::{CodecError, decode_commands, decode_commit, encode_commit};
use super::record::{Commit, Link, Position, Record, StoredCommit};
use super::{Appended, Commits, EventStore, Sought, StoreError};
use crate::audit::chain;
use crate::domain::{Digest, RoomName, Version};

/// A log that lives as long as the process.
#[derive(Debug, Default)]
pub struct MemoryStore {
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    frames: Vec<Frame>,
    /// Where each record of each stream stands, by version.
    streams: BTreeMap<Option<RoomName>, Vec<Position>>,
    /// The events of each stream that can be found.
    found: BTreeMap<Option<RoomName>, BTreeMap<Sought, Version>>,
    closed: bool,
}

#[derive(Debug)]
struct Frame {
    first: Position,
    link: Link,
    bytes: Vec<u8>,
}

impl MemoryStore {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        // A panic while appending leaves the vectors as they were or with one whole frame more.
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventStore for MemoryStore {
    fn append(&self, commit: &Commit) -> Result<Appended, StoreError> {
        let mut log = self.lock();
        if log.closed {
            return Err(StoreError::Closed);
        }
        log.check_versions(commit)?;
        let before = log.head();
        let first = before.position.next();
        if commit.count() == 0 {
            return Ok(Appended {
                first,
                link: before,
            });
        }
        let corrupt = |error: CodecError| StoreError::Corrupt {
            position: first,
            problem: error.to_string(),
        };
        let bytes = encode_commit(commit).map_err(corrupt)?;
        let records = decode_commit(&bytes, first).map_err(corrupt)?;
        let position = records
            .last()
            .map_or(before.position, |record| record.position);
        let link = Link {
            position,
            chain: Digest(chain(&before.chain.0, &[&bytes])),
        };
        for record in &records {
            log.streams
                .entry(record.room.clone())
                .or_default()
                .push(record.position);
            if let Some(sought) = Sought::of(&record.event.event, record.version) {
                let found = log.found.entry(record.room.clone()).or_default();
                found.insert(sought, record.version);
            }
        }
        log.frames.push(Frame { first, link, bytes });
        Ok(Appended { first, link })
    }

    fn read_room(
        &self,
        room: Option<&RoomName>,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let log = self.lock();
        let Some(positions) = log.streams.get(&room.cloned()) else {
            return Ok(Vec::new());
        };
        let skip = usize::try_from(after.0).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        let mut frame_end = Position(0);
        for position in positions.iter().skip(skip).take(limit) {
            if *position > frame_end {
                let frame = log.frame_of(*position)?;
                frame_end = frame.link.position;
                let records = frame.decode()?;
                found.extend(
                    records
                        .into_iter()
                        .filter(|record| record.room.as_ref() == room && record.version > after),
                );
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    fn read_all(&self, after: Position, limit: usize) -> Result<Vec<Record>, StoreError> {
        let log = self.lock();
        let start = log
            .frames
            .partition_point(|frame| frame.link.position <= after);
        let mut found = Vec::new();
        for frame in log.frames.iter().skip(start) {
            found.extend(
                frame
                    .decode()?
                    .into_iter()
                    .filter(|record| record.position > after),
            );
            if found.len() >= limit {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    fn read_commits(&self, after: Position) -> Result<Commits<'_>, StoreError> {
        let mut end = after;
        Ok(Box::new(std::iter::from_fn(move || {
            let log = self.lock();
            let index = log
                .frames
                .partition_point(|frame| frame.link.position <= end);
            let frame = log.frames.get(index)?;
            end = frame.link.position;
            Some(frame.stored())
        })))
    }

    fn head(&self) -> Link {
        self.lock().head()
    }

    fn room_head(&self, room: Option<&RoomName>) -> Result<Version, StoreError> {
        Ok(self.lock().room_head(room))
    }

    fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<RoomName>, StoreError> {
        let log = self.lock();
        let later = log
            .streams
            .keys()
            .flatten()
            .filter(|name| after.is_none_or(|at| *name > at));
        Ok(later.take(limit).cloned().collect())
    }

    fn commit_of(&self, position: Position) -> Result<Link, StoreError> {
        self.lock().frame_of(position).map(|frame| frame.link)
    }

    fn find(
        &self,
        room: Option<&RoomName>,
        sought: &BTreeSet<Sought>,
    ) -> Result<Option<BTreeSet<Version>>, StoreError> {
        let log = self.lock();
        let Some(known) = log.found.get(&room.cloned()) else {
            return Ok(Some(BTreeSet::new()));
        };
        let find = |sought: &Sought| match sought {
            Sought::SessionChange(_) => {
                let first = Sought::SessionChange(Version(0));
                known.range(first..=*sought).next_back()
            }
            Sought::Person(_) | Sought::Connection(_) | Sought::Track(_) => {
                known.get_key_value(sought)
            }
        };
        let found = sought.iter().filter_map(find);
        Ok(Some(found.map(|(_, version)| *version).collect()))
    }

    fn close(&self) -> Result<(), StoreError> {
        self.lock().closed = true;
        Ok(())
    }
}

/// Everything is in memory already: nothing opens faster.
impl Caches for MemoryStore {}

impl Log {
    fn head(&self) -> Link {
        self.frames.last().map_or(Link::START, |frame| frame.link)
    }

    fn room_head(&self, room: Option<&RoomName>) -> Version {
        let count = self.streams.get(&room.cloned()).map_or(0, Vec::len);
        Version(u64::try_from(count).unwrap_or(u64::MAX))
    }

    fn frame_of(&self, position: Position) -> Result<&Frame, StoreError> {
        let index = self
            .frames
            .partition_point(|frame| frame.link.position < position);
        self.frames
            .get(index)
            .filter(|frame| frame.first <= position)
            .ok_or(StoreError::Missing { position })
    }

    fn check_versions(&self, commit: &Commit) -> Result<(), StoreError> {
        let mut heads: BTreeMap<Option<&RoomName>, Version> = BTreeMap::new();
        for record in commit.commands.iter().flat_map(|command| &command.events) {
            let room = record.room.as_ref();
            let head = heads.entry(room).or_insert_with(|| self.room_head(room));
            if record.version != head.next() {
                return Err(StoreError::Conflict {
                    room: room.map(ToString::to_string).unwrap_or_default(),
                    expected: record.version,
                    actual: *head,
                });
            }
            *head = record.version;
        }
        Ok(())
    }
}

impl Frame {
    fn stored(&self) -> Result<StoredCommit, StoreError> {
        let commit = decode_commands(&self.bytes).map_err(|error| StoreError::Corrupt {
            position: self.first,
            problem: error.to_string(),
        })?;
        Ok(StoredCommit {
            first: self.first,
            link: self.link,
            commit,
        })
    }

    fn decode(&self) -> Result<Vec<Record>, StoreError> {
        decode_commit(&self.bytes, self.first).map_err(|error| StoreError::Corrupt {
            position: self.first,
            problem: error.to_string(),
        })
    }
}
