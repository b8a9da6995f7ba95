//! The one thread that decides and appends: it drains the queue into a batch, plans it, appends it
//! once, publishes it, and answers everybody (log.md rules 2, 12, 14).
//!
//! Apart because nothing else may write. With one writer, every answer waits by construction for
//! the newest frame that its decision read: rooms are published only once they are durable.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::cache::Idle;
use super::call::{Answer, Call, Operated};
use super::checkpoint::Checkpoint;
use super::clock::{HoldChange, IdSource, LedgerTime, Reading};
use super::error::EngineError;
use super::idempotency::Outcomes;
use super::keeper::Keeper;
use super::refusals::Refusals;
use super::shared::Shared;
use super::timers::Timers;
use crate::domain::event::{EngineStopped, RoomConfig};
use crate::domain::{Event, Provenance, Room, Timestamp, Version};
use crate::store::RequestRecord;

/// What the writer is asked to do.
pub(crate) enum Job {
    /// Decide a command.
    Ask(Box<Ask>),
    /// Let every timer fire that is due by now; answers with the next deadline.
    Fire(oneshot::Sender<Option<Timestamp>>),
    /// Hand out what is remembered of requests.
    Outcomes(oneshot::Sender<Outcomes>),
    /// Do to the ledger itself what an operator asks for.
    Operate(Box<Operation>),
    /// Finish what waits, record the stop, close the store.
    Stop(oneshot::Sender<Result<(), EngineError>>),
}

/// A command that waits for its answer.
pub(crate) struct Ask {
    pub(crate) call: Call,
    /// Its rooms as they were read from the log, where they were not in memory.
    pub(crate) read: Vec<Arc<Room>>,
    pub(crate) answer: oneshot::Sender<Result<Answer, EngineError>>,
}

/// What an operator does to the ledger itself.
pub(crate) struct Operation {
    pub(crate) provenance: Provenance,
    pub(crate) what: What,
    pub(crate) answer: oneshot::Sender<Result<Operated, EngineError>>,
}

/// See [`Operation`].
#[derive(Clone, Debug)]
pub(crate) enum What {
    /// Trust the wall clock again.
    ReleaseClock,
    /// Record a fact.
    Record(Box<Event>),
}

/// All that the writer alone knows.
pub(crate) struct Writer {
    pub(crate) shared: Arc<Shared>,
    pub(crate) queue: Receiver<Job>,
    pub(crate) ids: Arc<dyn IdSource>,
    pub(crate) time: LedgerTime,
    pub(crate) timers: Timers,
    pub(crate) idle: Idle,
    pub(crate) refusals: Refusals,
    pub(crate) outcomes: Outcomes,
    /// Facts of the ledger itself that the next batch records.
    pub(crate) facts: Vec<Event>,
    /// What operators did, until it is recorded.
    pub(crate) operated: Vec<(Provenance, Option<RequestRecord>, Event)>,
    pub(crate) system: Version,
    /// When the last record was recorded.
    pub(crate) last: Timestamp,
    /// When the clock was read last.
    pub(crate) looked: Timestamp,
    /// The defaults as last recorded.
    pub(crate) defaults: Option<Arc<RoomConfig>>,
    /// `None` when the store keeps no caches.
    pub(crate) keeper: Option<Keeper>,
    /// Repeats of requests that were pending in the batch before.
    pub(crate) deferred: VecDeque<Ask>,
}

/// One drain of the queue.
#[derive(Default)]
struct Batch {
    asks: Vec<Ask>,
    /// What ends the batch, to be done after it.
    then: Option<Job>,
}

impl Writer {
    /// Works until it is stopped or the last handle is gone.
    pub(crate) fn run(mut self) {
        loop {
            let batch = self.collect();
            let reading = self.read_clock();
            let _told = self.decide(batch.asks, reading);
            match batch.then {
                None => {}
                Some(Job::Ask(ask)) => self.deferred.push_back(*ask),
                Some(Job::Fire(answer)) => {
                    self.fire();
                    let _nobody_waits = answer.send(self.next_due());
                }
                Some(Job::Outcomes(answer)) => {
                    let _nobody_waits = answer.send(self.outcomes.clone());
                }
                Some(Job::Operate(operation)) => self.operate(*operation),
                Some(Job::Stop(answer)) => {
                    let done = self.stop();
                    // Who is told may open the same log again: nothing of it is held any more.
                    drop(self);
                    let _nobody_waits = answer.send(done);
                    return;
                }
            }
        }
    }

    /// Records facts of the ledger itself.
    pub(crate) fn record(&mut self, events: Vec<Event>) -> Result<(), EngineError> {
        let reading = self.read_clock();
        self.facts.extend(events);
        self.decide(Vec::new(), reading)
    }

    /// Waits for the first job, then takes what is there, up to a batch.
    fn collect(&mut self) -> Batch {
        let mut batch = Batch::default();
        let mut bytes = 0;
        let first = self.deferred_ask();
        let mut next = first.or_else(|| self.wait());
        let bytes_max = self.shared.config.batch_bytes_max;
        let commands_max = self.shared.config.batch_commands_max;
        while let Some(job) = next {
            let Job::Ask(ask) = job else {
                batch.then = Some(job);
                break;
            };
            bytes += ask.call.request_bytes;
            batch.asks.push(*ask);
            if bytes >= bytes_max || batch.asks.len() >= commands_max {
                break;
            }
            let deferred = self.deferred_ask();
            next = deferred.or_else(|| self.waiting());
        }
        batch
    }

    /// The next job; `None` when a timer is due first.
    fn wait(&mut self) -> Option<Job> {
        let left = match self.next_due() {
            None => None,
            Some(due) => {
                let now = self.time.now(&*self.shared.clock).max(self.last);
                let left = due.micros().saturating_sub(now.micros());
                match u64::try_from(left).unwrap_or(0) {
                    0 => return self.waiting(),
                    left => self.shared.clock.sleep_for(Duration::from_micros(left)),
                }
            }
        };
        let job = match left {
            None => self
                .queue
                .recv()
                .map_err(|_| RecvTimeoutError::Disconnected),
            Some(left) => self.queue.recv_timeout(left),
        };
        match job {
            Ok(job) => Some(self.taken(job)),
            Err(RecvTimeoutError::Timeout) => None,
            // The last handle is gone.
            Err(RecvTimeoutError::Disconnected) => Some(Job::Stop(oneshot::channel().0)),
        }
    }

    fn deferred_ask(&mut self) -> Option<Job> {
        let ask = self.deferred.pop_front()?;
        Some(Job::Ask(Box::new(ask)))
    }

    /// The next job, if one waits already.
    fn waiting(&self) -> Option<Job> {
        self.queue.try_recv().ok().map(|job| self.taken(job))
    }

    fn taken(&self, job: Job) -> Job {
        if let Job::Ask(ask) = &job {
            let bytes = ask.call.request_bytes;
            self.shared.figures.waiting.down();
            self.shared
                .waiting_bytes
                .fetch_sub(bytes, Ordering::Relaxed);
        }
        job
    }

    /// When the writer has something to do though nobody asks.
    fn next_due(&self) -> Option<Timestamp> {
        if self.shared.stopped().is_some() {
            return None;
        }
        let timer = if self.time.is_held() {
            // Nothing fires, but somebody must look whether the clock holds steady.
            Some(self.looked.plus_seconds(HELD_LOOK_S))
        } else {
            self.timers.next()
        };
        timer.into_iter().chain(self.refusals.next_due()).min()
    }

    pub(crate) fn read_clock(&mut self) -> Reading {
        let reading = self.time.read(&*self.shared.clock);
        self.shared.keep_time(self.time);
        self.looked = reading.now.max(self.last);
        if reading.change == Some(HoldChange::Held) {
            let (wall, now) = (reading.wall, reading.now);
            tracing::warn!(%wall, %now, "the wall clock jumped: timers rest until it is released");
        }
        Reading {
            now: self.looked,
            ..reading
        }
    }

    fn fire(&mut self) {
        loop {
            let reading = self.read_clock();
            let done = self.decide(Vec::new(), reading);
            let later = self.next_due().is_none_or(|due| due > reading.now);
            if done.is_err() || later || self.time.is_held() {
                return;
            }
        }
    }

    /// State at the end of the last commit.
    pub(crate) fn checkpoint(&self, clean: bool) -> (Checkpoint, Outcomes) {
        let state = Checkpoint {
            system: self.system,
            last: self.last,
            held: self.time.is_held(),
            clean,
            defaults: self.defaults.clone(),
            api_revocations: self.shared.api_revocations.load_full(),
            rooms: self.shared.rooms.unsorted(),
            outcomes: Vec::new(),
        };
        (state, self.outcomes.clone())
    }

    fn stop(&mut self) -> Result<(), EngineError> {
        while let Some(job) = self.waiting() {
            match job {
                Job::Ask(ask) => self.deferred.push_back(*ask),
                Job::Fire(_) | Job::Outcomes(_) | Job::Operate(_) | Job::Stop(_) => {}
            }
        }
        while !self.deferred.is_empty() {
            let asks = std::mem::take(&mut self.deferred).into();
            let reading = self.read_clock();
            let _told = self.decide(asks, reading);
        }
        let now = self.time.now(&*self.shared.clock).max(self.last);
        let sums = self.refusals.settle(now, true).into_iter().map(Event::from);
        let last = sums.chain([Event::from(EngineStopped {})]).collect();
        let recorded = self.record(last);
        if let Some(keeper) = self.keeper.take().filter(|_| recorded.is_ok()) {
            let link = self.shared.store.head();
            keeper.stop(self.checkpoint(true), link);
        }
        let closed = self.shared.store.close();
        self.shared.close();
        recorded.and(closed.map_err(EngineError::from))
    }
}

pub(crate) fn give(
    answer: oneshot::Sender<Result<Answer, EngineError>>,
    what: Result<Answer, EngineError>,
) {
    // Who dropped the future does not want to know; what was decided stands.
    let _nobody_waits = answer.send(what);
}

pub(crate) fn answer_all(asks: Vec<Ask>, error: &EngineError) {
    for ask in asks {
        give(ask.answer, Err(error.clone()));
    }
}

/// How often a clock that is not trusted is looked at.
const HELD_LOOK_S: u32 = 60;
