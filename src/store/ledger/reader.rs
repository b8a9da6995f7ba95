//! A ledger that is only read: beside a running server, or from a preserved copy. Apart so that
//! reading cannot write by accident: no lock, no sled, no file open for writing (log.md rule 11).
//! It answers from the journal alone.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::domain::{RoomName, Version};
use crate::store::caches::Caches;
use crate::store::journal::{Disk, FrameKind, JournalReader, RealDisk};
use crate::store::record::{Commit, Link, Position, Record};
use crate::store::{Appended, Commits, EventStore, StoreError};

use super::convert::{link_of, of_journal};
use super::files::refuse_unready;
use super::heads::{Heads, name_of};
use super::history::{behind_loss, by_position, by_version, last_of};
use super::scan::JournalScan;
use super::shared::guard;

/// The reading half of the log. Appending answers [`StoreError::Refused`].
pub struct LedgerReader {
    dir: PathBuf,
    scan: JournalScan,
    known: Mutex<Known>,
}

/// What was read of all streams; a running server adds to it.
#[derive(Default)]
struct Known {
    heads: Heads,
    head: Option<Link>,
}

impl LedgerReader {
    /// Opens the ledger below `dir` for reading; writes nothing and takes no lock.
    ///
    /// # Errors
    /// `Refused` when there is none, or what is there cannot be trusted; `Io`.
    pub fn open(dir: &Path) -> Result<Self, StoreError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        refuse_unready(&disk, dir)?;
        let reader = JournalReader::open(disk, dir).map_err(of_journal)?;
        if reader.log_id().is_none() {
            return Err(StoreError::Refused {
                path: dir.display().to_string(),
                problem: "there is no ledger here: name the directory of `serve --data`".to_owned(),
            });
        }
        Ok(Self {
            dir: dir.to_path_buf(),
            scan: JournalScan::new(reader),
            known: Mutex::default(),
        })
    }

    /// What a person should know before believing the end of what is read here.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn warnings(&self) -> Result<Vec<String>, StoreError> {
        let end = self.scan.reader().end().map_err(of_journal)?;
        let unsealed = end.unsealed.map(|(first, last)| {
            format!(
                "positions {first}..={last} are not sealed: a server is writing, or was stopped \
                 before anything followed them"
            )
        });
        let unfinished = end.unfinished.map(|place| {
            format!(
                "segment {} has bytes from {} on that are no frame: being written, \
                 unacknowledged, or damaged",
                place.segment, place.offset
            )
        });
        let damage = end.damage.iter().map(ToString::to_string);
        Ok(unsealed
            .into_iter()
            .chain(unfinished)
            .chain(damage)
            .collect())
    }

    /// Reads what has come since, and answers from the heads.
    fn heads<T>(&self, answer: impl FnOnce(&Heads) -> T) -> Result<T, StoreError> {
        let mut known = guard(&self.known);
        let from = known.head.unwrap_or(Link::START).position.next();
        for frame in self.scan.reader().frames_from(from.0).map_err(of_journal)? {
            let frame = frame.map_err(of_journal)?;
            if frame.kind() != FrameKind::Seal {
                known.heads.replay(&frame)?;
                known.head = Some(link_of(frame.link()));
            }
        }
        Ok(answer(&known.heads))
    }

    fn end(&self) -> Result<Link, StoreError> {
        let reader = self.scan.reader();
        let end = reader.end().map_err(of_journal)?;
        let last = reader.frame_containing(end.position).map_err(of_journal)?;
        Ok(last.map_or(Link::START, |frame| link_of(frame.link())))
    }
}

impl EventStore for LedgerReader {
    fn append(&self, _commit: &Commit) -> Result<Appended, StoreError> {
        Err(StoreError::Refused {
            path: self.dir.display().to_string(),
            problem: "it is open for reading only: give commands to the server (--server)"
                .to_owned(),
        })
    }

    fn read_room(
        &self,
        room: Option<&RoomName>,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        let first = after.0.saturating_add(1);
        let last = last_of(first, limit);
        let frames = self.scan.commits_of(name_of(room), first, last)?;
        by_version(&frames, name_of(room), first, last)
    }

    fn read_all(&self, after: Position, limit: usize) -> Result<Vec<Record>, StoreError> {
        let first = after.0.saturating_add(1);
        let last = last_of(first, limit);
        let frames = self.scan.commits_between(first, last)?;
        let found = by_position(&frames, first, last)?;
        match behind_loss(&frames, first).filter(|_| found.is_empty()) {
            Some(behind) => self.read_all(behind, limit),
            None => Ok(found),
        }
    }

    fn read_commits(&self, after: Position) -> Result<Commits<'_>, StoreError> {
        self.scan.commits_after(after)
    }

    fn head(&self) -> Link {
        // Beside a running server this moves; where it cannot be read, what was read stands.
        self.end()
            .unwrap_or_else(|_| guard(&self.known).head.unwrap_or(Link::START))
    }

    fn room_head(&self, room: Option<&RoomName>) -> Result<Version, StoreError> {
        self.heads(|heads| heads.of(room))
    }

    fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<RoomName>, StoreError> {
        self.heads(|heads| heads.rooms(after, limit))
    }

    fn commit_of(&self, position: Position) -> Result<Link, StoreError> {
        let missing = StoreError::Missing { position };
        if position.0 == 0 {
            return Err(missing);
        }
        let frame = self.scan.reader().frame_containing(position.0);
        let frame = frame.map_err(of_journal)?;
        let commit = frame.filter(|frame| frame.kind() == FrameKind::Commit);
        commit.map(|frame| link_of(frame.link())).ok_or(missing)
    }

    fn close(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A preserved directory is read as it is: nothing is kept in it, and nothing is taken from it.
impl Caches for LedgerReader {}
