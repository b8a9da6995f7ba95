//! The handle of an open ledger: the contract of the log, on disk. Apart from opening and from
//! reading. It holds the one path on which commits are written.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::domain::{Digest, RoomName, Version};
use crate::store::caches::{Caches, Repaired, SavedCheckpoint, SavedSnapshot, Scrubbed};
use crate::store::codec::encode_commit;
use crate::store::journal::Journal;
use crate::store::record::{Commit, Link, Position, Record};
use crate::store::sled::disk_bytes_for;
use crate::store::stream::stream_hash;
use crate::store::{Appended, Commits, EventStore, Linked, Sought, StoreError};

use super::checkpoint::{self, Section};
use super::convert::{link_of, of_copy, of_journal};
use super::find;
use super::heal::{confirms, heal, healed_frames};
use super::history;
use super::open::{self, OpenReport};
use super::options::LedgerOptions;
use super::scrub::{self, Scrubber};
use super::shared::{Ending, Shared, guard};
use super::tail::firsts_of;

/// The log on disk, open for writing: one per data directory.
///
/// Dropping it without [`EventStore::close`] is like a kill: nothing acknowledged is lost, and the
/// next open checks more.
pub struct Ledger {
    shared: Arc<Shared>,
    applier: Mutex<Option<JoinHandle<()>>>,
    scrubber: Mutex<Option<Scrubber>>,
}

impl Ledger {
    /// Opens the ledger below `dir`, or begins one. Commands can be appended when this returns;
    /// history may still be opening in the background.
    ///
    /// # Errors
    /// `Locked` when another process has it; `Refused` when what is there cannot be trusted, with
    /// what to do; `Corrupt` when something is bad in both copies; `Io`.
    pub fn open(dir: &Path, options: LedgerOptions) -> Result<(Self, OpenReport), StoreError> {
        let (shared, applier, report) = open::open(dir, options)?;
        let (scrubber, applier) = (scrub::start(&shared)?, Some(applier));
        let ledger = Self {
            shared,
            applier: Mutex::new(applier),
            scrubber: Mutex::new(scrubber),
        };
        Ok((ledger, report))
    }

    /// Reads the whole journal past every cache, and heals from the indexed copy what is damaged.
    /// What was healed also comes from [`Caches::take_repairs`].
    ///
    /// # Errors
    /// `Corrupt` names what the indexed copy does not have either; `Opening`; `Io`, which poisons.
    pub fn heal(&self) -> Result<(), StoreError> {
        let Some(copy) = self.shared.copy()? else {
            return Err(StoreError::Opening);
        };
        let mut writer = self.shared.writer();
        let journal = writer.as_mut().ok_or(StoreError::Closed)?;
        // A walk over everything makes the damaged segments known to the journal.
        let frames = journal.reader().frames_from(1).map_err(of_journal)?;
        if frames.filter(Result::is_err).count() == 0 {
            return Ok(());
        }
        let healed = heal(journal, &copy)?;
        let repairs = healed.repairs.iter().filter_map(healed_frames);
        repairs.for_each(|repair| self.shared.note(repair));
        Ok(())
    }

    /// Reads both copies through now, as the background does slowly; what it came to is in
    /// [`Caches::scrubbed`] and [`Caches::take_repairs`].
    ///
    /// # Errors
    /// `Closed`; `Io`.
    pub fn scrub(&self) -> Result<(), StoreError> {
        scrub::pass(&self.shared, &|_| true)
    }

    /// How many blocks of the indexed copy were read and hashed to answer, since the open: the
    /// price of reading history. Blocks that are still in memory are not counted.
    pub fn blocks_decoded(&self) -> u64 {
        let copy = self.shared.copy_now();
        copy.map_or(0, |copy| copy.decoded())
    }

    /// Stops the scrub and the applier; the second call finds it gone.
    fn end(&self, ending: Ending) {
        if let Some(scrubber) = guard(&self.scrubber).take() {
            scrubber.stop();
        }
        self.shared.recent().ending = ending;
        self.shared.work.notify_all();
        if let Some(applier) = guard(&self.applier).take() {
            // Its panics were caught and told.
            let _ = applier.join();
        }
        guard(&self.shared.scan).take();
    }

    fn write(&self, journal: &mut Journal, commit: &Commit) -> Result<Appended, StoreError> {
        let payload = encode_commit(commit).map_err(|error| StoreError::Refused {
            path: self.shared.dir.display().to_string(),
            problem: error.to_string(),
        })?;
        let (before, admitted, unapplied_bytes) = {
            let recent = self.shared.recent();
            recent.heads.check(commit)?;
            let bytes = u64::try_from(payload.len()).unwrap_or(u64::MAX);
            let bytes_max = self.shared.options.tail_bytes_max;
            let admitted = recent.tail.admit(bytes, bytes_max);
            let unapplied_bytes = recent.tail.bytes().saturating_add(bytes);
            (recent.head, admitted, unapplied_bytes)
        };
        let first = before.position.next();
        let Some(count) = u32::try_from(commit.count())
            .ok()
            .filter(|count| *count > 0)
        else {
            return Ok(Appended {
                first,
                link: before,
            });
        };
        admitted?;
        journal.set_owed(disk_bytes_for(unapplied_bytes));
        let firsts = firsts_of(commit);
        let streams: Vec<u64> = firsts.iter().map(|(name, _)| stream_hash(name)).collect();
        let frame = journal
            .append(first.0, count, &[&payload], &streams)
            .map_err(of_journal)?;
        let link = link_of(frame.link());
        {
            let mut recent = self.shared.recent();
            recent.head = link;
            recent.heads.advance(commit);
            recent.tail.push(frame, firsts);
            if recent.applier_sleeps {
                self.shared.work.notify_all();
            }
        }
        Ok(Appended { first, link })
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        self.end(Ending::Abandon);
        self.shared.writer().take();
    }
}

impl EventStore for Ledger {
    fn append(&self, commit: &Commit) -> Result<Appended, StoreError> {
        let mut writer = self.shared.writer();
        let journal = writer.as_mut().ok_or(StoreError::Closed)?;
        self.shared.sound()?;
        self.write(journal, commit)
    }

    fn read_room(
        &self,
        room: Option<&RoomName>,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Record>, StoreError> {
        history::read_room(&self.shared, room, after, limit)
    }

    fn read_all(&self, after: Position, limit: usize) -> Result<Vec<Record>, StoreError> {
        history::read_all(&self.shared, after, limit)
    }

    fn read_linked(&self, after: Position, limit: usize) -> Result<Linked, StoreError> {
        history::read_linked(&self.shared, after, limit)
    }

    fn read_commits(&self, after: Position) -> Result<Commits<'_>, StoreError> {
        self.shared.scan()?.commits_after(after)
    }

    fn head(&self) -> Link {
        self.shared.recent().head
    }

    fn room_head(&self, room: Option<&RoomName>) -> Result<Version, StoreError> {
        Ok(self.shared.recent().heads.of(room))
    }

    fn rooms(&self, after: Option<&RoomName>, limit: usize) -> Result<Vec<RoomName>, StoreError> {
        Ok(self.shared.recent().heads.rooms(after, limit))
    }

    fn commit_of(&self, position: Position) -> Result<Link, StoreError> {
        history::commit_of(&self.shared, position)
    }

    fn find(
        &self,
        room: Option<&RoomName>,
        sought: &BTreeSet<Sought>,
    ) -> Result<Option<BTreeSet<Version>>, StoreError> {
        find::find(&self.shared, room, sought)
    }

    fn caches(&self) -> Option<&dyn Caches> {
        Some(self)
    }

    fn close(&self) -> Result<(), StoreError> {
        let sealed = {
            let mut writer = self.shared.writer();
            let Some(journal) = writer.as_mut() else {
                return Ok(());
            };
            let sealed = journal.seal().map_err(of_journal);
            if let Ok(Some(frame)) = &sealed {
                let mut recent = self.shared.recent();
                recent.tail.push(frame.clone(), Vec::new());
            }
            sealed
        };
        let sound = sealed.is_ok() && self.shared.stopped.get().is_none();
        self.end(if sound {
            Ending::Drain
        } else {
            Ending::Abandon
        });
        let journal = self.shared.writer().take();
        sealed?;
        // The applier may have failed at the last sync: then the journal must not say clean.
        self.shared.sound()?;
        match journal {
            Some(journal) => journal.close().map_err(of_journal),
            None => Ok(()),
        }
    }
}

impl Caches for Ledger {
    fn copy_behind(&self) -> Option<u64> {
        self.shared.copy_now()?;
        let recent = self.shared.recent();
        let behind = |first: u64| (recent.head.position.0 + 1).saturating_sub(first);
        Some(recent.tail.first_position().map_or(0, behind))
    }

    fn save_checkpoint(
        &self,
        link: Link,
        fingerprint: &Digest,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let state = Section {
            link,
            fingerprint: *fingerprint,
            bytes: bytes.to_vec(),
        };
        checkpoint::save(&self.shared, &state)
    }

    fn load_checkpoint(&self, fingerprint: &Digest) -> Result<Option<SavedCheckpoint>, StoreError> {
        // What is worth a note was noted by the open.
        let saved = checkpoint::load(&self.shared.dir, self.shared.log_id, &mut Vec::new());
        let scan = self.shared.scan()?;
        let state = saved.map(|saved| saved.state).filter(|state| {
            let is_ours = state.fingerprint == *fingerprint;
            is_ours && confirms(scan.reader(), state.link)
        });
        Ok(state.map(|state| SavedCheckpoint {
            link: state.link,
            bytes: state.bytes,
        }))
    }

    fn put_snapshot(
        &self,
        room: &RoomName,
        version: Version,
        link: Link,
        fingerprint: &Digest,
        bytes: &[u8],
    ) -> Result<(), StoreError> {
        let copy = self.shared.copy_now().ok_or(StoreError::Opening)?;
        let stamp = Stamp { room, fingerprint };
        let content = stamp.with(link, bytes);
        let put = copy.put_snapshot(stream_hash(room.as_str()), version.0, &content);
        put.map_err(|error| of_copy(&self.shared.dir, &error))
    }

    fn snapshot_at_or_before(
        &self,
        room: &RoomName,
        version: Version,
        fingerprint: &Digest,
    ) -> Option<SavedSnapshot> {
        let copy = self.shared.copy_now()?;
        let head = self.shared.recent().heads.of(Some(room));
        let stamp = Stamp { room, fingerprint };
        let mut up_to = version.min(head).0;
        for _ in 0..SNAPSHOTS_TRIED_MAX {
            let found = copy.snapshot_up_to(stream_hash(room.as_str()), up_to);
            let (version, content) = found.ok()??;
            if let Some((link, bytes)) = stamp.strip(&content)
                && self.commit_of(link.position).ok() == Some(link)
            {
                return Some(SavedSnapshot {
                    version: Version(version),
                    link,
                    bytes: bytes.to_vec(),
                });
            }
            up_to = version.checked_sub(1)?;
        }
        None
    }

    fn take_repairs(&self) -> Vec<Repaired> {
        self.shared.take_repairs()
    }

    fn scrubbed(&self) -> Scrubbed {
        *guard(&self.shared.scrub)
    }
}

/// What stands before a snapshot's bytes: the room's own name, since its number may be shared, the
/// fingerprint, and the link.
struct Stamp<'a> {
    room: &'a RoomName,
    fingerprint: &'a Digest,
}

impl Stamp<'_> {
    fn with(&self, link: Link, bytes: &[u8]) -> Vec<u8> {
        let name = Digest::of(self.room.as_str().as_bytes());
        let mut content = name.0.to_vec();
        content.extend_from_slice(&self.fingerprint.0);
        content.extend_from_slice(&link.position.0.to_be_bytes());
        content.extend_from_slice(&link.chain.0);
        content.extend_from_slice(bytes);
        content
    }

    fn strip<'b>(&self, content: &'b [u8]) -> Option<(Link, &'b [u8])> {
        let name = Digest::of(self.room.as_str().as_bytes());
        let rest = content.strip_prefix(&name.0)?;
        let rest = rest.strip_prefix(&self.fingerprint.0)?;
        let (position, rest) = rest.split_first_chunk()?;
        let (chain, bytes) = rest.split_first_chunk()?;
        let link = Link {
            position: Position(u64::from_be_bytes(*position)),
            chain: Digest(*chain),
        };
        Some((link, bytes))
    }
}

/// Behind more stale ones than this, folding from the start is as good.
const SNAPSHOTS_TRIED_MAX: usize = 8;
