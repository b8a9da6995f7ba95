//! The thread that keeps caches: checkpoints and snapshots. Apart because encoding a large room
//! takes time that the writer does not have. It is best effort: what it cannot keep in time is
//! folded from the log instead.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
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
    /// What the last checkpoint held.
    weight: Arc<AtomicU64>,
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
        let weight = Arc::new(AtomicU64::new(0));
        let weighed = Arc::clone(&weight);
        let thread = named.spawn(move || keep(&*store, &work, &weighed));
        let thread = thread.map_err(|error| EngineError::Start {
            problem: error.to_string(),
        })?;
        Ok(Some(Self {
            queue,
            thread,
            snapshots: BTreeMap::new(),
            checkpointed,
            weight,
            snapshot_events: shared.config.snapshot_events,
            checkpoint_events: shared.config.checkpoint_events,
        }))
    }

    /// Takes a snapshot when enough has happened since the last: as many events as the room knows
    /// people and its session has connections, closed ones too, so that all snapshots together
    /// come to a few times the log and not to its square.
    pub(crate) fn offer(&mut self, room: &Arc<Room>, link: Link) {
        let session = room.session.as_ref();
        let connections = session.map_or(0, |session| session.connections.len());
        let held = room.people.len().saturating_add(connections);
        let held = u64::try_from(held).unwrap_or(u64::MAX);
        let since = room.version.0 - self.snapshots.get(&room.name).unwrap_or(&0);
        let due = since >= held.max(self.snapshot_events);
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
    /// It is as much as the checkpoint holds, so that many rooms are not written over and over.
    pub(crate) fn wants_checkpoint(&self, head: Position, outcomes: usize) -> bool {
        let outcomes = u64::try_from(outcomes).unwrap_or(u64::MAX);
        let held = outcomes.max(self.weight.load(Ordering::Relaxed));
        head.0 - self.checkpointed.0 >= held.max(self.checkpoint_events)
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

fn keep(store: &dyn EventStore, work: &Receiver<Work>, weight: &AtomicU64) {
    let Some(caches) = store.caches() else {
        return;
    };
    for work in work {
        let kept = match work {
            Work::Checkpoint(state, link) => {
                let (mut checkpoint, outcomes) = *state;
                weight.store(checkpoint.weight(), Ordering::Relaxed);
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc::sync_channel;

    use super::{Keeper, WAITING_MAX, Work};
    use crate::domain::{ApiRevocations, Digest, Room, RoomName, Timestamp, Version};
    use crate::engine::checkpoint::Checkpoint;
    use crate::engine::idempotency::{Bounds, Outcomes};
    use crate::store::{Link, Position};

    fn of_rooms(rooms: usize) -> Checkpoint {
        let room = |number| RoomName::new(&format!("room {number}")).map(Room::new);
        let rooms = (0..rooms).map(|number| Arc::new(room(number).expect("a name")));
        Checkpoint {
            system: Version(0),
            last: Timestamp::EPOCH,
            held: false,
            clean: false,
            defaults: None,
            api_revocations: Arc::new(ApiRevocations::default()),
            rooms: rooms.collect(),
            outcomes: Vec::new(),
        }
    }

    /// The rooms of all checkpoints together, beside the events that were written meanwhile.
    #[test]
    fn checkpoints_hold_no_more_than_what_was_written_meanwhile() {
        let (rooms, events) = (500, 20_000);
        let (queue, work) = sync_channel(WAITING_MAX);
        let weight = Arc::new(AtomicU64::new(0));
        let mut keeper = Keeper {
            queue,
            thread: std::thread::spawn(|| ()),
            snapshots: std::collections::BTreeMap::new(),
            checkpointed: Position(0),
            weight: Arc::clone(&weight),
            snapshot_events: 500,
            checkpoint_events: 20,
        };
        let mut held = 0;
        for position in (1..=events).map(Position) {
            if keeper.wants_checkpoint(position, 0) {
                let chain = Digest::of(b"the chain there");
                let bounds = Bounds {
                    at_most: 1,
                    at_least: 1,
                    for_s: 1,
                };
                let state = (of_rooms(rooms), Outcomes::new(bounds));
                keeper.checkpoint(state, Link { position, chain });
                let Ok(Work::Checkpoint(state, _)) = work.try_recv() else {
                    panic!("it waits to be written");
                };
                held += state.0.rooms.len();
                weight.store(state.0.weight(), Ordering::Relaxed);
            }
        }
        let written = usize::try_from(events).expect("few");
        assert!(held > 0 && held <= written + rooms, "{held} of {written}");
    }
}
