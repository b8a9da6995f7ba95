//! The thread that keeps caches: checkpoints and snapshots. Apart because encoding a large room
//! takes time that the writer does not have. It is best effort: what it cannot keep in time is
//! folded from the log instead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};

use super::checkpoint::{Checkpoint, put_snapshot};
use super::error::EngineError;
use super::idempotency::Outcomes;
use super::shared::Shared;
use crate::domain::{Room, RoomName};
use crate::store::{EventStore, Link, Position, StoreError};

/// The writer's hold on the thread.
#[derive(Debug)]
pub(crate) struct Keeper {
    queue: SyncSender<Work>,
    thread: JoinHandle<()>,
    /// The version of each room's last snapshot, as far as this process knows.
    snapshots: BTreeMap<RoomName, u64>,
    checkpointed: Position,
    snapshot_events: u64,
    checkpoint_events: u64,
}

#[derive(Debug)]
enum Work {
    Checkpoint(Box<(Checkpoint, Outcomes)>, Link),
    Snapshot(Arc<Room>, Link),
}

impl Keeper {
    /// Starts the thread; `None` when the store keeps no caches. The last checkpoint stands at
    /// `checkpointed`.
    pub(crate) fn start(
        shared: &Shared,
        checkpointed: Position,
    ) -> Result<Option<Self>, EngineError> {
        if shared.store.caches().is_none() {
            return Ok(None);
        }
        let (queue, work) = sync_channel(WAITING_MAX);
        let store = Arc::clone(&shared.store);
        let named = thread::Builder::new().name("roomledger-caches".to_owned());
        let thread = named.spawn(move || keep(&*store, &work));
        let thread = thread.map_err(|error| EngineError::Start {
            problem: error.to_string(),
        })?;
        Ok(Some(Self {
            queue,
            thread,
            snapshots: BTreeMap::new(),
            checkpointed,
            snapshot_events: shared.config.snapshot_events,
            checkpoint_events: shared.config.checkpoint_events,
        }))
    }

    /// Takes a snapshot when enough has happened since the last: as many events as the room knows
    /// people, so that writing snapshots costs no more than writing the log.
    pub(crate) fn offer(&mut self, room: &Arc<Room>, link: Link) {
        let people = u64::try_from(room.people.len()).unwrap_or(u64::MAX);
        let since = room.version.0 - self.snapshots.get(&room.name).unwrap_or(&0);
        let due = since >= people.max(self.snapshot_events);
        let work = || Work::Snapshot(Arc::clone(room), link);
        if due && self.queue.try_send(work()).is_ok() {
            self.snapshots.insert(room.name.clone(), room.version.0);
        }
    }

    /// The room left memory.
    pub(crate) fn forget(&mut self, room: &RoomName) {
        self.snapshots.remove(room);
    }

    /// Whether enough has happened since the last checkpoint: opening folds at most this again.
    pub(crate) fn wants_checkpoint(&self, head: Position, outcomes: usize) -> bool {
        let outcomes = u64::try_from(outcomes).unwrap_or(u64::MAX);
        head.0 - self.checkpointed.0 >= outcomes.max(self.checkpoint_events)
    }

    pub(crate) fn checkpoint(&mut self, state: (Checkpoint, Outcomes), link: Link) {
        self.checkpointed = link.position;
        // While the one before is still being written, this one is left out.
        let work = Work::Checkpoint(Box::new(state), link);
        let _left_out = self.queue.try_send(work);
    }

    /// Keeps a last checkpoint, and ends the thread.
    pub(crate) fn stop(self, state: (Checkpoint, Outcomes), link: Link) {
        let work = Work::Checkpoint(Box::new(state), link);
        let _gone_only_by_a_panic = self.queue.send(work);
        drop(self.queue);
        let _told_in_its_own_log = self.thread.join();
    }
}

fn keep(store: &dyn EventStore, work: &Receiver<Work>) {
    let Some(caches) = store.caches() else {
        return;
    };
    for work in work {
        let kept = match work {
            Work::Checkpoint(state, link) => {
                let (mut checkpoint, outcomes) = *state;
                checkpoint.outcomes = outcomes.saved();
                checkpoint.save(caches, link)
            }
            Work::Snapshot(room, link) => put_snapshot(caches, &room, link),
        };
        match kept {
            Ok(()) | Err(StoreError::Opening) => {}
            Err(error) => tracing::warn!(%error, "a cache was not kept"),
        }
    }
}

/// Rooms that may wait to be written: more are left out until they change again.
const WAITING_MAX: usize = 64;
