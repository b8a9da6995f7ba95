//! The copy itself: frames in, frames out. Apart from how values look and where sled is contained.
//! It never repairs itself: it says what is wrong, and is rebuilt.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::block::{self, Entry};
use super::contain::Contained;
use super::error::CopyError;
use super::files;
use super::key::{self, BlockKey, MARK};
use super::recent::RecentBlocks;
use crate::store::journal::{Frame, Link as ChainEnd};
use crate::store::sought::Sought;

/// An open copy.
pub(crate) struct SledCopy {
    path: PathBuf,
    log_id: [u8; 16],
    pub(super) sled: Contained,
    /// sled's one file, to be synced by us: its own flush is no fsync.
    file: File,
    writer: Mutex<Budget>,
    /// Through which link the copy is complete.
    mark: Mutex<ChainEnd>,
    recent: RecentBlocks,
    /// How many blocks were decoded to answer.
    decoded: AtomicU64,
    /// Whether the events that are found by a number have been noted since the first frame.
    finds: bool,
}

/// What may still be written before a sync.
#[derive(Default)]
struct Budget {
    unsynced_bytes: usize,
}

impl SledCopy {
    /// Opens, or creates, the copy of log `log_id` below the data directory.
    ///
    /// # Errors
    /// `Damaged`, `Panicked`: throw it away; `OtherLog`; `Io`.
    pub(crate) fn open(data: &Path, log_id: [u8; 16], cache_bytes: u64) -> Result<Self, CopyError> {
        let path = files::sled_folder(data);
        files::prepare(&path)?;
        let sled = Contained::open(&path, cache_bytes)?;
        let file = files::settle(&path)?;
        let mark = sled.call(|db| db.get(MARK))?;
        let mark = match mark {
            Some(value) => decode_mark(&value, log_id)?,
            None if sled.call(|db| db.first())?.is_some() => {
                return Err(CopyError::Damaged("it has lost its watermark".to_owned()));
            }
            None => ChainEnd::GENESIS,
        };
        let copy = Self {
            finds: mark == ChainEnd::GENESIS || sled.call(|db| db.contains_key(key::FOUND))?,
            path,
            log_id,
            sled,
            file,
            writer: Mutex::default(),
            mark: Mutex::new(mark),
            recent: RecentBlocks::default(),
            decoded: AtomicU64::new(0),
        };
        copy.check_mark(mark)?;
        Ok(copy)
    }

    /// As [`Self::open`], of a copy that is not believed: it is asked for frames and nothing else,
    /// so that its watermark does not matter.
    pub(super) fn open_unbelieved(
        data: &Path,
        log_id: [u8; 16],
        cache_bytes: u64,
    ) -> Result<Self, CopyError> {
        let path = files::sled_folder(data);
        files::prepare(&path)?;
        let sled = Contained::open(&path, cache_bytes)?;
        Ok(Self {
            file: files::settle(&path)?,
            path,
            log_id,
            sled,
            writer: Mutex::default(),
            mark: Mutex::new(ChainEnd::GENESIS),
            recent: RecentBlocks::default(),
            decoded: AtomicU64::new(0),
            finds: false,
        })
    }

    /// The log whose copy stands below the data directory, as its watermark says.
    ///
    /// # Errors
    /// `Damaged` when it does not say; any other.
    pub(crate) fn log_of(data: &Path, cache_bytes: u64) -> Result<[u8; 16], CopyError> {
        let path = files::sled_folder(data);
        files::prepare(&path)?;
        let sled = Contained::open(&path, cache_bytes)?;
        let mark = sled.call(|db| db.get(MARK))?;
        let log_id = mark.and_then(|value| parse_mark(&value).map(|(log_id, _)| log_id));
        log_id.ok_or_else(|| CopyError::Damaged("its watermark is damaged".to_owned()))
    }

    /// Through which link it is complete.
    pub(crate) fn mark(&self) -> ChainEnd {
        *guard(&self.mark)
    }

    /// Takes frames that continue its mark; when this returns they are read from here, and durable
    /// within the next 2 MiB.
    ///
    /// # Errors
    /// Any [`CopyError`]; what was taken is then a whole number of frames.
    pub(crate) fn apply(&self, frames: &[Frame]) -> Result<(), CopyError> {
        let mut budget = guard(&self.writer);
        let mut batch = Batch::default();
        if self.mark() == ChainEnd::GENESIS {
            let (key, value) = (key::FOUND.to_vec(), Vec::new());
            batch.entries.push(Entry { key, value });
        }
        for run in block::runs(frames) {
            for entry in block::entries(run)? {
                if batch.bytes + entry.bytes() > BATCH_BYTES_MAX {
                    self.write(&mut budget, &mut batch)?;
                }
                batch.bytes += entry.bytes();
                batch.entries.push(entry);
            }
            batch.mark = run.last().map(Frame::link);
        }
        self.write(&mut budget, &mut batch)
    }

    /// Flushes sled and syncs its file.
    ///
    /// # Errors
    /// Any [`CopyError`].
    pub(crate) fn sync(&self) -> Result<(), CopyError> {
        self.sync_within(&mut guard(&self.writer))
    }

    /// The block that has the frame of `position`, or the last one before it; none of its frames
    /// when there is no such block. One that was read lately is not read again.
    ///
    /// # Errors
    /// `Damaged` when it does not hash to what it should; any other.
    pub(crate) fn block_at(&self, position: u64) -> Result<Arc<[Frame]>, CopyError> {
        if let Some(frames) = self.recent.holding(position) {
            return Ok(frames);
        }
        self.decoded.fetch_add(1, Ordering::Relaxed);
        let frames = Arc::from(self.block_before(position)?.unwrap_or_default());
        self.recent.keep(&frames);
        Ok(frames)
    }

    /// How many blocks [`Self::block_at`] has decoded.
    pub(crate) fn decoded(&self) -> u64 {
        self.decoded.load(Ordering::Relaxed)
    }

    fn block_before(&self, position: u64) -> Result<Option<Vec<Frame>>, CopyError> {
        let (least, greatest) = BlockKey::up_to(position);
        self.block_in(&least, &greatest)
    }

    /// The last block of a range of keys.
    pub(super) fn block_in(
        &self,
        least: &[u8],
        greatest: &[u8],
    ) -> Result<Option<Vec<Frame>>, CopyError> {
        let range = least.to_vec()..=greatest.to_vec();
        let Some((key, value)) = self
            .sled
            .call(|db| db.range(range).next_back().transpose())?
        else {
            return Ok(None);
        };
        let stray = || CopyError::Damaged("a block has a key that is none".to_owned());
        let block = BlockKey::parse(&key).ok_or_else(stray)?;
        if block.chunk == 0 {
            return block::decode(block.first, [&*value]).map(Some);
        }
        let first = BlockKey { chunk: 0, ..block };
        let range = first.bytes().to_vec()..=key.to_vec();
        let values = self
            .sled
            .call(|db| db.range(range).values().collect::<Result<Vec<_>, _>>())?;
        block::decode(block.first, values.iter().map(|value| &**value)).map(Some)
    }

    /// Whether it has a frame after which the chain is `end`.
    ///
    /// # Errors
    /// As [`Self::block_at`], which it passes by.
    pub(crate) fn ends_at(&self, end: &ChainEnd) -> Result<bool, CopyError> {
        let ends = |frames: Option<Vec<Frame>>| {
            frames.is_some_and(|frames| frames.iter().any(|frame| frame.link() == *end))
        };
        // A seal after the last commit has the next position, and may be a block of its own, which
        // the commit that follows must not hide.
        let (least, greatest) = BlockKey::up_to_seal(end.next_position);
        Ok(ends(self.block_before(end.position())?) || ends(self.block_in(&least, &greatest)?))
    }

    /// Where the records of streams with a number begin, in blocks: from the last such place at or
    /// before `version` on, up to `limit` of them, as (version, position). They may be those of
    /// another stream with the same number.
    ///
    /// # Errors
    /// Any [`CopyError`].
    pub(crate) fn places_of(
        &self,
        stream: u64,
        version: u64,
        limit: usize,
    ) -> Result<Vec<(u64, u64)>, CopyError> {
        let least = key::index(stream, 0, 0).to_vec();
        let here = key::index(stream, version, u64::MAX).to_vec();
        let greatest = key::index(stream, u64::MAX, u64::MAX).to_vec();
        let keys = self.sled.call(|db| {
            let before = db.range(least..=here.clone()).keys().next_back();
            let later = db.range(here..=greatest).keys();
            before
                .into_iter()
                .chain(later)
                .take(limit)
                .collect::<Result<Vec<_>, _>>()
        })?;
        Ok(keys
            .iter()
            .filter_map(|key| key::parse_index(key))
            .collect())
    }

    /// The last place of [`Self::places_of`] before one of them.
    ///
    /// # Errors
    /// Any [`CopyError`].
    pub(crate) fn place_before(
        &self,
        stream: u64,
        (version, position): (u64, u64),
    ) -> Result<Option<(u64, u64)>, CopyError> {
        let least = key::index(stream, 0, 0).to_vec();
        let here = key::index(stream, version, position).to_vec();
        let before = self
            .sled
            .call(|db| db.range(least..here).keys().next_back().transpose())?;
        Ok(before.and_then(|key| key::parse_index(&key)))
    }

    /// The versions of streams with a number at which a sought event stands, of session changes
    /// the last few.
    ///
    /// # Errors
    /// Any [`CopyError`].
    pub(crate) fn find(&self, stream: u64, sought: Sought) -> Result<Vec<u64>, CopyError> {
        let (what, number) = sought.code();
        let least = match sought {
            Sought::SessionChange(_) => 0,
            Sought::Person(_) | Sought::Connection(_) | Sought::Track(_) => number,
        };
        let least = key::found(stream, (what, least), 0).to_vec();
        let greatest = key::found(stream, (what, number), u64::MAX).to_vec();
        let keys = self.sled.call(|db| {
            let keys = db.range(least..=greatest).keys().rev();
            keys.take(FOUND_MAX).collect::<Result<Vec<_>, _>>()
        })?;
        let versions = keys.iter().filter_map(|key| key::parse_found(key));
        Ok(versions.collect())
    }

    /// Whether [`Self::find`] knows of all that it has taken.
    pub(crate) const fn finds(&self) -> bool {
        self.finds
    }

    /// Whether anything was lost and accepted: then a stream may lack versions.
    ///
    /// # Errors
    /// Any [`CopyError`].
    pub(crate) fn has_losses(&self) -> Result<bool, CopyError> {
        let first = self
            .sled
            .call(|db| db.scan_prefix(key::LOSSES).keys().next().transpose())?;
        Ok(first.is_some())
    }

    /// Remembers durably that it is not to be believed, so that the next open rebuilds it.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn condemn(&self, why: &CopyError) -> Result<(), CopyError> {
        files::condemn(&self.path, &why.to_string())
    }

    /// Writes entries outside of any frame: snapshots.
    pub(super) fn put(&self, entries: Vec<Entry>) -> Result<(), CopyError> {
        let mut budget = guard(&self.writer);
        let mut batch = Batch {
            // A snapshot may be the first thing in the copy: alone, after a kill, it would look
            // like a copy that has lost its watermark.
            mark: Some(self.mark()),
            ..Batch::default()
        };
        for entry in entries {
            if batch.bytes + entry.bytes() > BATCH_BYTES_MAX {
                self.write(&mut budget, &mut batch)?;
            }
            batch.bytes += entry.bytes();
            batch.entries.push(entry);
        }
        self.write(&mut budget, &mut batch)
    }

    fn write(&self, budget: &mut Budget, batch: &mut Batch) -> Result<(), CopyError> {
        let Batch {
            entries,
            bytes,
            mark,
        } = std::mem::take(batch);
        if entries.is_empty() {
            return Ok(());
        }
        // Before, not after: what is between two syncs is never more than the bound.
        if budget.unsynced_bytes + bytes > UNSYNCED_BYTES_MAX {
            self.sync_within(budget)?;
        }
        budget.unsynced_bytes += bytes;
        let mut puts = ::sled::Batch::default();
        for entry in entries {
            puts.insert(entry.key, entry.value);
        }
        if let Some(mark) = mark {
            puts.insert(MARK, encode_mark(&mark, self.log_id));
        }
        self.sled.call(|db| db.apply_batch(puts))?;
        if let Some(mark) = mark {
            *guard(&self.mark) = mark;
        }
        Ok(())
    }

    fn sync_within(&self, budget: &mut Budget) -> Result<(), CopyError> {
        self.sled.flush()?;
        self.file
            .sync_all()
            .map_err(files::io_error("sync", &self.path))?;
        files::sync_folder(&self.path)?;
        budget.unsynced_bytes = 0;
        Ok(())
    }

    /// The watermark is believed only if the frame it names is there and hashes to it.
    fn check_mark(&self, mark: ChainEnd) -> Result<(), CopyError> {
        if mark == ChainEnd::GENESIS {
            return Ok(());
        }
        if self.ends_at(&mark)? {
            return Ok(());
        }
        let position = mark.position();
        Err(CopyError::Damaged(format!(
            "the commit of its watermark, at position {position}, is not there"
        )))
    }
}

/// What `frame_bytes` that the copy has not taken yet may come to on the disk, with what it took
/// and did not write.
pub(crate) const fn disk_bytes_for(frame_bytes: u64) -> u64 {
    frame_bytes
        .saturating_add(UNSYNCED_BYTES_MAX as u64)
        .saturating_mul(DISK_BYTES_PER_BYTE)
}

#[derive(Default)]
struct Batch {
    entries: Vec<Entry>,
    bytes: usize,
    /// The link after the last frame that is whole in it.
    mark: Option<ChainEnd>,
}

fn encode_mark(mark: &ChainEnd, log_id: [u8; 16]) -> Vec<u8> {
    let mut value = vec![MARK_FORMAT];
    value.extend_from_slice(&log_id);
    value.extend_from_slice(&mark.next_position.to_be_bytes());
    value.extend_from_slice(&mark.hash);
    let crc = crc32c::crc32c(&value);
    value.extend_from_slice(&crc.to_be_bytes());
    value
}

fn parse_mark(value: &[u8]) -> Option<([u8; 16], ChainEnd)> {
    let (body, crc) = value.split_last_chunk::<4>()?;
    let rest = body.strip_prefix(&[MARK_FORMAT])?;
    let (found, rest) = rest.split_first_chunk::<16>()?;
    let (next_position, hash) = rest.split_first_chunk::<8>()?;
    let mark = ChainEnd {
        next_position: u64::from_be_bytes(*next_position),
        hash: hash.try_into().ok()?,
    };
    (crc32c::crc32c(body) == u32::from_be_bytes(*crc)).then_some((*found, mark))
}

fn decode_mark(value: &[u8], log_id: [u8; 16]) -> Result<ChainEnd, CopyError> {
    let bad = || CopyError::Damaged("its watermark is damaged".to_owned());
    let (found, mark) = parse_mark(value).ok_or_else(bad)?;
    if found != log_id {
        return Err(CopyError::OtherLog {
            expected: hex(&log_id),
            actual: hex(&found),
        });
    }
    Ok(mark)
}

fn hex(id: &[u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(*id))
}

/// A panic in here leaves numbers that are whole.
fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One `apply_batch`: it keeps readers out, so it is kept to a few milliseconds.
const BATCH_BYTES_MAX: usize = 512 << 10;
/// log.md rule 16: with syncs farther apart than a sled segment, power cuts lost everything.
const UNSYNCED_BYTES_MAX: usize = 2 << 20;
/// How much sled's file grows for each byte of frames: at most this was measured in `full_disk`.
const DISK_BYTES_PER_BYTE: u64 = 3;
/// Events of several streams with the same number, which are few.
const FOUND_MAX: usize = 8;
const MARK_FORMAT: u8 = 1;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::{CopyError, Entry, SledCopy};

    /// Whether a sync was tried shows where it cannot succeed: sled and we hold the file open, and
    /// the folder, which is synced with it, is elsewhere.
    #[test]
    fn rule_16_no_more_than_2_mib_is_written_between_two_syncs() {
        let dir = tempfile::tempdir().expect("a directory");
        let copy = SledCopy::open(dir.path(), [3; 16], 8 << 20).expect("opens");
        let (here, elsewhere) = (dir.path().join("db"), dir.path().join("elsewhere"));
        let mut number = 0_u64;
        let mut entry = |value_bytes: usize| {
            number += 1;
            let (key, value) = (number.to_be_bytes().to_vec(), vec![0x5a; value_bytes]);
            Entry { key, value }
        };
        // A block alone, many small ones, and as many as one batch takes.
        for (value_bytes, entries) in [(60 << 10, 1), (300, 100), (60 << 10, 8)] {
            copy.sync().expect("syncs");
            fs::rename(&here, &elsewhere).expect("moved");
            let mut bytes = 0;
            let refused = loop {
                let group: Vec<_> = (0..entries).map(|_| entry(value_bytes)).collect();
                let group_bytes: usize = group.iter().map(Entry::bytes).sum();
                match copy.put(group) {
                    Ok(()) => bytes += group_bytes,
                    Err(refused) => break refused,
                }
                assert!(bytes <= 2 << 20, "{bytes} bytes without a sync");
            };
            assert!(matches!(refused, CopyError::Io(_)), "{refused}");
            assert!(
                bytes > 1 << 20,
                "{bytes} bytes: a sync for each write is not meant"
            );
            fs::rename(&elsewhere, &here).expect("moved");
        }
    }
}
