//! The shell around the rules: one writer thread with group commit, rooms that are read without a
//! lock, subscriptions, timers, idempotency.
//!
//! Apart so that the domain stays pure and the dialects stay thin. It knows no vendor and no
//! transport, runs on no runtime of its own, and spawns no task: it owns a few plain threads. A
//! receipt, a room or a delivery is seen only once it is durable.

mod answer;
mod batch;
mod cache;
mod call;
mod checkpoint;
mod clock;
mod config;
mod earlier;
mod error;
mod figures;
mod history;
mod idempotency;
mod keeper;
mod live;
#[cfg(feature = "sled")]
mod on_disk;
mod open;
mod operator;
pub(crate) mod past;
mod plan;
mod priority;
mod readers;
mod reading;
mod refusals;
mod release;
#[cfg(feature = "sled")]
mod repair;
mod repeat;
mod rules;
mod shared;
mod shares;
mod short;
mod subscription;
mod tail;
mod timers;
mod turns;
mod watched;
mod writer;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::thread;

use tokio::sync::oneshot;

pub use call::{Call, Operated, RELEASE_CLOCK, Receipt, Refused, Released, Status};
pub use clock::{
    Clock, ClockState, Held, IdSource, ManualClock, RandomIds, SeededIds, SystemClock,
};
pub use config::EngineConfig;
pub use error::EngineError;
pub use figures::{Count, Figures, Histogram, LATENCY_US};
pub use live::LiveRooms;
#[cfg(feature = "sled")]
pub use repair::{repair, repair_dir, restore, restore_dir};
pub use rules::{Decide, DecideMove, Refuse, Rules};
pub use subscription::{Filter, Subscription};
pub use tail::Delivery;
pub use turns::Reader;

use call::Answer;
use clock::LedgerTime;
use keeper::Keeper;
use open::Restored;
use readers::Readers;
use refusals::Refusals;
use shared::Shared;
use writer::{Ask, Job, Writer};

use crate::domain::{Room, RoomName, Timestamp, Version};
use crate::replay::Moment;
use crate::store::{Caches, EventStore, Link, Position, Record, Scrubbed, StoreError};

/// A handle to a running engine: cheap to clone, usable from any thread. The engine stops when the
/// last handle is gone; [`Engine::shutdown`] also tells when it has.
#[derive(Clone, Debug)]
pub struct Engine {
    shared: Arc<Shared>,
    queue: SyncSender<Job>,
    readers: Readers,
}

type Answered = oneshot::Receiver<Result<Answer, EngineError>>;

impl Engine {
    /// Catches up with the log, records the start, and begins to serve. Blocks meanwhile. Where
    /// the store takes nothing for want of space, it serves reads, and its first commit records
    /// the start.
    ///
    /// # Errors
    /// [`EngineError::Store`] when the log cannot be read or written, [`EngineError::Start`] when
    /// the operating system gives no thread.
    pub fn open(
        store: Arc<dyn EventStore>,
        config: EngineConfig,
        clock: Arc<dyn Clock>,
        ids: Arc<dyn IdSource>,
    ) -> Result<Self, EngineError> {
        let readers = Readers::start(&config, &clock)?;
        let (queue, jobs) = sync_channel(config.queue_max);
        let shared = Arc::new(Shared::new(store, config, clock));
        let restored = Restored::read(&shared)?;
        let facts = restored.facts(&shared);
        let jump_max = shared.config.clock_jump_max;
        let mut writer = Writer {
            shared: Arc::clone(&shared),
            queue: jobs,
            ids,
            time: LedgerTime::start(&*shared.clock, (restored.last, restored.held), jump_max),
            timers: restored.timers,
            idle: restored.idle,
            refusals: Refusals::new(shared.config.refusals_per_minute_max),
            outcomes: restored.outcomes,
            facts: Vec::new(),
            operated: Vec::new(),
            defaults: restored.defaults,
            keeper: Keeper::start(&shared, restored.checkpointed)?,
            system: restored.system,
            last: restored.last,
            looked: restored.last,
            deferred: VecDeque::new(),
        };
        if let Err(error) = writer.record(facts) {
            if shared.stopped().is_some() {
                return Err(error);
            }
            // Refused before anything was written: reads go on, the next commit records the start.
            tracing::warn!(%error, "the start is not recorded yet");
        }
        let watched = Arc::downgrade(&shared);
        let named = thread::Builder::new().name("roomledger-writer".to_owned());
        let spawned = named.spawn(move || {
            if catch_unwind(AssertUnwindSafe(|| writer.run())).is_err()
                && let Some(shared) = watched.upgrade()
            {
                shared.poison("the writer thread broke");
            }
        });
        spawned.map_err(|error| EngineError::Start {
            problem: error.to_string(),
        })?;
        Ok(Self {
            shared,
            queue,
            readers,
        })
    }

    /// Decides a command and waits until what came of it is durable.
    ///
    /// Dropping the future never half-applies: the command is either in the queue, and will be
    /// decided as if somebody waited, or was never taken in. Who must know calls again with the
    /// same request id.
    ///
    /// # Errors
    /// [`EngineError`] when there is no outcome, or none that is known; a refusal is an outcome.
    pub async fn execute(&self, call: Call) -> Result<Receipt, EngineError> {
        let room = call.request.room.clone();
        let mut read = Vec::new();
        for name in call.rooms().filter(|name| self.must_be_read(name)) {
            let name = name.clone();
            let folded = self.answer(move |store| history::room_at(store, &name, Moment::Head));
            read.extend(Some(folded.await?).filter(|room| room.version > Version(0)));
        }
        let answered = self.submit(call, read)?;
        let answer = answered.await.unwrap_or_else(|_| Err(self.gone()))?;
        match answer {
            Answer::Done { receipt, because } if because.is_empty() => Ok(*receipt),
            answer @ (Answer::Done { .. } | Answer::Repeat(_)) => {
                self.answer(move |store| complete(store, &room, answer))
                    .await
            }
        }
    }

    /// [`Engine::execute`] for callers without an async runtime. Blocks; panics inside of one.
    ///
    /// # Errors
    /// As [`Engine::execute`].
    pub fn execute_blocking(&self, call: Call) -> Result<Receipt, EngineError> {
        let room = call.request.room.clone();
        let store = &*self.shared.store;
        let mut read = Vec::new();
        for name in call.rooms().filter(|name| self.must_be_read(name)) {
            read.push(history::room_at(store, name, Moment::Head)?);
        }
        let answered = self.submit(call, read)?;
        let answer = answered
            .blocking_recv()
            .unwrap_or_else(|_| Err(self.gone()))?;
        Ok(complete(store, &room, answer)?)
    }

    /// The room, if it is in memory: every room with an open session is. Two pointer loads; it
    /// never waits for anybody.
    pub fn live(&self, room: &RoomName) -> Option<Arc<Room>> {
        self.shared.rooms.get(room)
    }

    /// Every room with an open session, by name.
    pub fn live_rooms(&self) -> Vec<Arc<Room>> {
        let mut rooms = self.shared.rooms.all();
        rooms.retain(|room| room.open_session().is_some());
        rooms
    }

    /// The room as it is now, from memory or from the log; `None` when nothing ever happened there.
    ///
    /// # Errors
    /// [`EngineError::Store`] when its history cannot be read, [`EngineError::Opening`],
    /// [`EngineError::Overloaded`] when too many readers wait.
    pub async fn room(&self, room: &RoomName) -> Result<Option<Arc<Room>>, EngineError> {
        match self.live(room) {
            Some(live) => Ok(Some(live)),
            None => self.as_of(room, Moment::Head).await,
        }
    }

    /// The room as of a moment; `None` when nothing had happened there.
    ///
    /// # Errors
    /// As [`Engine::room`].
    pub async fn as_of(
        &self,
        room: &RoomName,
        at: Moment,
    ) -> Result<Option<Arc<Room>>, EngineError> {
        let room = room.clone();
        let folded = self.read(move |store| history::room_at(store, &room, at));
        let folded = folded.await?;
        Ok(Some(folded).filter(|room| room.version > Version(0)))
    }

    /// The room's version at a moment.
    ///
    /// # Errors
    /// As [`Engine::room`].
    pub async fn version_at(&self, room: &RoomName, at: Moment) -> Result<Version, EngineError> {
        let room = room.clone();
        self.read(move |store| history::version_at(store, &room, at))
            .await
    }

    /// Up to `limit` names of rooms after `after`, in order: all that anything ever happened in.
    ///
    /// # Errors
    /// As [`Engine::room`].
    pub async fn rooms(
        &self,
        after: Option<RoomName>,
        limit: usize,
    ) -> Result<Vec<RoomName>, EngineError> {
        self.read(move |store| store.rooms(after.as_ref(), limit))
            .await
    }

    /// Up to `limit` records of one stream after a version; `None` is the system stream.
    ///
    /// # Errors
    /// As [`Engine::room`].
    pub async fn history(
        &self,
        room: Option<RoomName>,
        after: Version,
        limit: usize,
    ) -> Result<Vec<Record>, EngineError> {
        self.read(move |store| store.read_room(room.as_ref(), after, limit))
            .await
    }

    /// Up to `limit` records of all streams after a position.
    ///
    /// # Errors
    /// As [`Engine::room`].
    pub async fn records(&self, after: Position, limit: usize) -> Result<Vec<Record>, EngineError> {
        self.read(move |store| store.read_all(after, limit)).await
    }

    /// The commit that holds a position.
    ///
    /// # Errors
    /// As [`Engine::room`]; [`StoreError::Missing`] when there is no such position.
    pub async fn commit_of(&self, position: Position) -> Result<Link, EngineError> {
        self.read(move |store| store.commit_of(position)).await
    }

    /// The log, for callers that may block.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.shared.store
    }

    /// The clock that the engine reads.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// The ledger's time: the present, up to which lasts what is still open.
    pub fn now(&self) -> Timestamp {
        self.shared.time().now(&*self.shared.clock)
    }

    /// The settings it was opened with.
    pub fn config(&self) -> &EngineConfig {
        &self.shared.config
    }

    /// The last position whose effect can be seen.
    pub fn head(&self) -> Position {
        self.shared.head()
    }

    /// What it counts of itself.
    pub fn figures(&self) -> &Figures {
        &self.shared.figures
    }

    /// How many positions the indexed copy has not taken in yet; `None` where there is none that
    /// serves.
    pub fn copy_behind(&self) -> Option<u64> {
        self.shared.store.caches()?.copy_behind()
    }

    /// Whether nothing more can be recorded until the next start, because something broke.
    pub fn is_poisoned(&self) -> bool {
        matches!(self.stopped(), Some(EngineError::Poisoned { .. }))
    }

    /// What the background scrub of the log has read and found since the open.
    pub fn scrubbed(&self) -> Scrubbed {
        let caches = self.shared.store.caches();
        caches.map(Caches::scrubbed).unwrap_or_default()
    }

    /// Why nothing more can be recorded, if that is so.
    pub fn stopped(&self) -> Option<EngineError> {
        self.shared.stopped()
    }

    /// Waits until the position can be seen. Put a timeout of your runtime around it: it may never
    /// come. Cancel safe.
    ///
    /// # Errors
    /// [`EngineError::Closed`] when the engine was shut down before.
    pub async fn wait_for(&self, position: Position) -> Result<(), EngineError> {
        let mut visible = self.shared.visible();
        let seen = visible.wait_for(|now| now.closed || now.head >= position);
        let seen = seen.await.map_err(|_| EngineError::Closed)?;
        if seen.head < position {
            return Err(EngineError::Closed);
        }
        Ok(())
    }

    /// Follows the log after a position: what was, then what comes.
    pub fn subscribe(&self, after: Position, filter: Filter) -> Subscription {
        let shared = Arc::clone(&self.shared);
        Subscription::new(shared, self.readers.clone(), after, filter)
    }

    /// Lets every timer fire that is due by the engine's clock, and tells when the next is: for
    /// hosts whose clock only moves when they move it.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`], [`EngineError::Poisoned`] or [`EngineError::Closed`].
    pub async fn fire_timers(&self) -> Result<Option<Timestamp>, EngineError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Fire(answer))?;
        answered.await.map_err(|_| self.gone())
    }

    /// [`Engine::fire_timers`] for callers without an async runtime. Blocks; panics inside of one.
    ///
    /// # Errors
    /// As [`Engine::fire_timers`].
    pub fn fire_timers_blocking(&self) -> Result<Option<Timestamp>, EngineError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Fire(answer))?;
        answered.blocking_recv().map_err(|_| self.gone())
    }

    /// Decides what waits, records the stop, and closes the store. Other handles get
    /// [`EngineError::Closed`] from then on; reads of the store go on as far as it allows them.
    ///
    /// # Errors
    /// [`EngineError::Poisoned`] when the log was stopped before, [`EngineError::Store`] when the
    /// last sync fails, [`EngineError::Closed`] when it is shut down already.
    pub async fn shutdown(&self) -> Result<(), EngineError> {
        let answered = self.stop()?;
        answered.await.unwrap_or_else(|_| Err(self.gone()))
    }

    /// [`Engine::shutdown`] for callers without an async runtime. Blocks; panics inside of one.
    ///
    /// # Errors
    /// As [`Engine::shutdown`].
    pub fn shutdown_blocking(&self) -> Result<(), EngineError> {
        let answered = self.stop()?;
        answered
            .blocking_recv()
            .unwrap_or_else(|_| Err(self.gone()))
    }

    fn submit(&self, call: Call, read: Vec<Arc<Room>>) -> Result<Answered, EngineError> {
        if let Some(stopped) = self.stopped() {
            return Err(stopped);
        }
        let config = self.config();
        let bytes = call.request_bytes;
        let waiting = self
            .shared
            .waiting_bytes
            .fetch_add(bytes, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        let sent = if waiting > config.queue_bytes_max {
            Err(self.overloaded())
        } else {
            self.shared.figures.waiting.up();
            let sent = self.send(Job::Ask(Box::new(Ask { call, read, answer })));
            if sent.is_err() {
                self.shared.figures.waiting.down();
            }
            sent
        };
        if sent.is_err() {
            self.shared
                .waiting_bytes
                .fetch_sub(bytes, Ordering::Relaxed);
        }
        sent.map(|()| answered)
    }

    fn stop(&self) -> Result<oneshot::Receiver<Result<(), EngineError>>, EngineError> {
        let (answer, answered) = oneshot::channel();
        self.send(Job::Stop(answer))?;
        Ok(answered)
    }

    fn send(&self, job: Job) -> Result<(), EngineError> {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => self.overloaded(),
            TrySendError::Disconnected(_) => self.gone(),
        })
    }

    fn overloaded(&self) -> EngineError {
        self.shared.figures.overloaded.up();
        EngineError::Overloaded {
            what: "commands",
            waiting_max: self.config().queue_max,
        }
    }

    fn gone(&self) -> EngineError {
        self.stopped().unwrap_or(EngineError::Closed)
    }

    /// Whether the writer would have to read the room from the log: not if it is in memory, nor if
    /// it is new. It is read by the caller then, so that nobody else waits for it.
    fn must_be_read(&self, room: &RoomName) -> bool {
        let head = || self.shared.store.room_head(Some(room));
        self.live(room).is_none() && head().map_or(true, |head| head > Version(0))
    }
}

/// Adds what only the log knows.
fn complete(
    store: &dyn EventStore,
    room: &RoomName,
    answer: Answer,
) -> Result<Receipt, StoreError> {
    match answer {
        Answer::Done {
            mut receipt,
            because,
        } => {
            if let Status::Refused(refused) = &mut receipt.status {
                refused.because = history::positions(store, room, &because)?;
            }
            Ok(*receipt)
        }
        Answer::Repeat(earlier) => repeat::repeat(store, &earlier),
    }
}
