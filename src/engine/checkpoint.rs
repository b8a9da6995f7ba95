//! What an engine keeps so that it opens without folding the whole log: state at one position
//! (log.md rules 9 and 22). Apart because it is a cache: of another reducer, or damaged, it is as
//! if not there. Nothing here writes to a disk.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::call::{Counted, Remembered};
use crate::domain::event::RoomConfig;
use crate::domain::{ApiRevocations, Digest, Room, Timestamp, Version};
use crate::store::{Caches, Link, RequestKey, StoreError, decode_cache, encode_cache};

/// State at the end of one commit.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// Where the system stream is.
    pub(crate) system: Version,
    /// When the last record was recorded.
    pub(crate) last: Timestamp,
    /// Whether the clock is held there.
    pub(crate) held: bool,
    /// Whether the log ends there where an engine closed it.
    pub(crate) clean: bool,
    /// The defaults as last recorded.
    pub(crate) defaults: Option<Arc<RoomConfig>>,
    /// Which tokens of API keys are believed no more.
    pub(crate) api_revocations: Arc<ApiRevocations>,
    /// Every room that is in memory: all with an open session are.
    pub(crate) rooms: Vec<Arc<Room>>,
    /// The outcomes that a repeat may ask for, of each caller the oldest first.
    pub(crate) outcomes: Vec<SavedOutcome>,
}

/// One outcome that a repeat may ask for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct SavedOutcome {
    pub(crate) key: Arc<RequestKey>,
    pub(crate) digest: Digest,
    pub(crate) outcome: Remembered,
    /// The refusal, where no record tells it.
    pub(crate) counted: Option<Arc<Counted>>,
    pub(crate) at: Timestamp,
}

impl Checkpoint {
    /// The last one of this reducer and this history, and where it stands.
    pub(crate) fn load(caches: &dyn Caches) -> Option<(Self, Link)> {
        let saved = caches.load_checkpoint(&fingerprint());
        let saved = saved
            .inspect_err(|error| tracing::warn!(%error, "no checkpoint: folding the whole log"))
            .ok()??;
        let decoded = decode_cache(&saved.bytes);
        let decoded = decoded.inspect_err(|error| tracing::warn!(%error, "checkpoint ignored"));
        Some((decoded.ok()?, saved.link))
    }

    /// About how many events take as many bytes: one for each room, and for each person and
    /// connection that a room has.
    pub(crate) fn weight(&self) -> u64 {
        let parts = self.rooms.iter().map(|room| {
            let session = room.session.as_ref();
            let connections = session.map_or(0, |session| session.connections.len());
            1 + room.people.len() + connections
        });
        u64::try_from(parts.sum::<usize>()).unwrap_or(u64::MAX)
    }

    pub(crate) fn save(&mut self, caches: &dyn Caches, link: Link) -> Result<(), StoreError> {
        // The same state gives the same bytes.
        self.rooms
            .sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let bytes = encode_cache(self).map_err(|error| StoreError::Corrupt {
            position: link.position,
            problem: error.to_string(),
        })?;
        caches.save_checkpoint(link, &fingerprint(), &bytes)
    }
}

/// A room's last snapshot at or before a version.
pub(crate) fn snapshot(caches: &dyn Caches, room: &Room, version: Version) -> Option<Room> {
    let saved = caches.snapshot_at_or_before(&room.name, version, &fingerprint())?;
    let found: Room = decode_cache(&saved.bytes).ok()?;
    (found.name == room.name && found.version == saved.version).then_some(found)
}

/// Keeps a room's snapshot; `link` is the end of the commit that holds its version.
pub(crate) fn put_snapshot(caches: &dyn Caches, room: &Room, link: Link) -> Result<(), StoreError> {
    let bytes = encode_cache(room).map_err(|error| StoreError::Corrupt {
        position: link.position,
        problem: error.to_string(),
    })?;
    caches.put_snapshot(&room.name, room.version, link, &fingerprint(), &bytes)
}

/// What caches of this build carry: a digest over the sources of the reducer and of their layout.
fn fingerprint() -> Digest {
    Digest::of(concat!("reducer ", env!("ROOMLEDGER_REDUCER")).as_bytes())
}
