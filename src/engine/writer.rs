//! The one thread that decides and appends: it drains the queue into a batch, plans it, appends it
//! once, publishes it, and answers everybody (log.md rules 2, 12, 14).
//!
//! Apart because nothing else may write. With one writer, every answer waits by construction for
//! the newest frame that its decision read: rooms are published only once they are durable.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::info_span;

use super::cache::Idle;
use super::call::{Answer, At, Call, Receipt, Remembered, RememberedStatus, Status};
use super::clock::{HoldChange, IdSource, LedgerTime, Reading};
use super::error::EngineError;
use super::history::room_at;
use super::idempotency::{Known, Outcomes};
use super::plan::{Plan, Planner, Reply, Setting};
use super::refusals::Refusals;
use super::shared::Shared;
use super::timers::Timers;
use crate::domain::event::{ClockHeld, ClockReleased, EngineStopped};
use crate::domain::{
    ActorKind, Command, Digest, Event, Provenance, Request, Room, RoomName, Timestamp, Version,
};
use crate::store::{Appended, RequestKey, StoreError};

/// What the writer is asked to do.
pub(crate) enum Job {
    /// Decide a command.
    Ask(Box<Ask>),
    /// Let every timer fire that is due by now; answers with the next deadline.
    Fire(oneshot::Sender<Option<Timestamp>>),
    /// Trust the wall clock again.
    ReleaseClock(oneshot::Sender<Result<(), EngineError>>),
    /// Finish what waits, record the stop, close the store.
    Stop(oneshot::Sender<Result<(), EngineError>>),
}

/// A command that waits for its answer.
pub(crate) struct Ask {
    pub(crate) call: Call,
    pub(crate) answer: oneshot::Sender<Result<Answer, EngineError>>,
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
    pub(crate) system: Version,
    /// When the last record was recorded.
    pub(crate) last: Timestamp,
    /// Repeats of requests that were pending in the batch before.
    pub(crate) deferred: VecDeque<Box<Ask>>,
}

/// One drain of the queue.
#[derive(Default)]
struct Batch {
    asks: Vec<Box<Ask>>,
    /// What ends the batch, to be done after it.
    then: Option<Job>,
}

/// The rooms of a batch, and the commands that can be decided.
struct Admitted {
    rooms: BTreeMap<RoomName, Arc<Room>>,
    asks: Vec<Box<Ask>>,
}

impl Writer {
    /// Works until it is stopped or the last handle is gone.
    pub(crate) fn run(mut self) {
        loop {
            let batch = self.collect();
            let reading = self.read_clock();
            let _told = self.decide(batch.asks, Vec::new(), reading);
            match batch.then {
                None => {}
                Some(Job::Ask(ask)) => self.deferred.push_back(ask),
                Some(Job::Fire(answer)) => {
                    self.fire();
                    let _nobody_waits = answer.send(self.next_due());
                }
                Some(Job::ReleaseClock(answer)) => {
                    let reading = self.time.release(&*self.shared.clock, true);
                    let done = self.decide(Vec::new(), Vec::new(), reading);
                    let _nobody_waits = answer.send(done);
                }
                Some(Job::Stop(answer)) => {
                    let _nobody_waits = answer.send(self.stop());
                    return;
                }
            }
        }
    }

    /// Records facts of the ledger itself.
    pub(crate) fn record(&mut self, events: Vec<Event>) -> Result<(), EngineError> {
        let reading = self.read_clock();
        self.decide(Vec::new(), events, reading)
    }

    /// Waits for the first job, then takes what is there, up to a batch.
    fn collect(&mut self) -> Batch {
        let mut batch = Batch::default();
        let mut bytes = 0;
        let first = self.deferred.pop_front().map(Job::Ask);
        let mut next = first.or_else(|| self.wait());
        let config = &self.shared.config;
        while let Some(job) = next {
            let Job::Ask(ask) = job else {
                batch.then = Some(job);
                break;
            };
            bytes += ask.call.request_bytes;
            batch.asks.push(ask);
            if bytes >= config.batch_bytes_max || batch.asks.len() >= config.batch_commands_max {
                break;
            }
            let deferred = self.deferred.pop_front().map(Job::Ask);
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

    /// The next job, if one waits already.
    fn waiting(&self) -> Option<Job> {
        self.queue.try_recv().ok().map(|job| self.taken(job))
    }

    fn taken(&self, job: Job) -> Job {
        if let Job::Ask(ask) = &job {
            let bytes = ask.call.request_bytes;
            self.shared
                .waiting_bytes
                .fetch_sub(bytes, Ordering::Relaxed);
        }
        job
    }

    /// When the writer has something to do though nobody asks.
    fn next_due(&self) -> Option<Timestamp> {
        let timer = if self.time.is_held() {
            // Nothing fires, but somebody must look whether the clock holds steady.
            Some(self.last.plus_seconds(HELD_LOOK_S))
        } else {
            self.timers.next()
        };
        timer.into_iter().chain(self.refusals.next_due()).min()
    }

    fn read_clock(&mut self) -> Reading {
        let reading = self.time.read(&*self.shared.clock);
        Reading {
            now: reading.now.max(self.last),
            ..reading
        }
    }

    fn fire(&mut self) {
        loop {
            let reading = self.read_clock();
            let done = self.decide(Vec::new(), Vec::new(), reading);
            let later = self.next_due().is_none_or(|due| due > reading.now);
            if done.is_err() || later || self.time.is_held() {
                return;
            }
        }
    }

    /// Decides a batch with all timers that are due, appends it, and answers.
    fn decide(
        &mut self,
        asks: Vec<Box<Ask>>,
        mut facts: Vec<Event>,
        reading: Reading,
    ) -> Result<(), EngineError> {
        if let Some(stopped) = self.shared.stopped() {
            answer_all(asks, &stopped);
            return Err(stopped);
        }
        facts.extend(self.clock_fact(reading));
        let sums = self.refusals.settle(reading.now, false);
        facts.extend(sums.into_iter().map(Event::from));
        let ticks = self.due_ticks(reading.now);
        let Admitted { mut rooms, asks } = self.admit(asks);
        for tick in &ticks {
            let name = &tick.request.room;
            rooms.extend(self.shared.rooms.get(name).map(|room| (name.clone(), room)));
        }
        let shared = Arc::clone(&self.shared);
        let setting = Setting {
            rules: shared.config.rules,
            defaults: &shared.config.defaults,
            now: reading.now,
            wall: reading.wall,
        };
        let mut planner = Planner::new(setting, rooms, self.system);
        planner.record_system(facts);
        for tick in &ticks {
            // A timer that breaks is not asked again before its room changes.
            let _never_answered = planner.ask(tick, self.ids.draw(), &mut self.refusals);
        }
        let replies: Vec<_> = asks
            .iter()
            .map(|ask| planner.ask(&ask.call, self.ids.draw(), &mut self.refusals))
            .collect();
        let plan = planner.finish();
        match self.append(&plan) {
            Ok(appended) => {
                self.publish(plan, appended.clone(), &asks, reading.now);
                self.answer(asks, replies, appended.as_ref(), reading.now);
                Ok(())
            }
            Err(StoreError::TooLarge { .. }) if asks.len() + ticks.len() > 1 => {
                self.retry_ticks(&ticks, reading.now);
                for ask in asks {
                    let _told = self.decide(vec![ask], Vec::new(), reading);
                }
                Ok(())
            }
            Err(error) => {
                self.retry_ticks(&ticks, reading.now.plus_seconds(TIMER_RETRY_S));
                let error = self.failed(error);
                answer_all(asks, &error);
                Err(error)
            }
        }
    }

    fn clock_fact(&self, reading: Reading) -> Option<Event> {
        Some(match reading.change? {
            HoldChange::Held => Event::from(ClockHeld {
                wall: reading.wall,
                held_at: reading.now,
            }),
            HoldChange::Released { by_operator } => Event::from(ClockReleased { by_operator }),
        })
    }

    fn due_ticks(&mut self, now: Timestamp) -> Vec<Call> {
        if self.time.is_held() {
            return Vec::new();
        }
        let due = self
            .timers
            .take_due(now, self.shared.config.batch_commands_max);
        let ticks = due.into_iter().map(|room| Call {
            request: Request::new(room, Command::Tick),
            provenance: Provenance::of_engine(ActorKind::Policy, "timer"),
            digest: Digest::of(&[]),
            request_bytes: 0,
        });
        ticks.collect()
    }

    fn retry_ticks(&mut self, ticks: &[Call], at: Timestamp) {
        for tick in ticks {
            self.timers.set(&tick.request.room, Some(at));
        }
    }

    /// Sorts out repeats and finds the rooms of the others.
    fn admit(&mut self, asks: Vec<Box<Ask>>) -> Admitted {
        let mut admitted = Admitted {
            rooms: BTreeMap::new(),
            asks: Vec::new(),
        };
        let mut pending: BTreeSet<RequestKey> = BTreeSet::new();
        for ask in asks {
            if let Some(key) = ask.call.key() {
                match self.outcomes.find(&key, ask.call.digest) {
                    Known::New if pending.contains(&key) => {
                        // It shares the outcome that this batch is about to have.
                        self.deferred.push_back(ask);
                        continue;
                    }
                    Known::New => {
                        pending.insert(key);
                    }
                    Known::Repeat(outcome) => {
                        let Ask { call, answer } = *ask;
                        give(answer, Ok(Answer::Repeat(Box::new((call, outcome)))));
                        continue;
                    }
                    Known::Reused => {
                        let request_id = key.request_id;
                        give(ask.answer, Err(EngineError::RequestIdReused { request_id }));
                        continue;
                    }
                }
            }
            self.admit_with_rooms(ask, &mut admitted);
        }
        admitted
    }

    fn admit_with_rooms(&self, ask: Box<Ask>, admitted: &mut Admitted) {
        let mut names = vec![&ask.call.request.room];
        if let Command::Move { to_room, .. } = &ask.call.request.command {
            names.push(to_room);
        }
        for name in names {
            if admitted.rooms.contains_key(name) {
                continue;
            }
            let live = self
                .shared
                .rooms
                .get(name)
                .map_or_else(|| room_at(&*self.shared.store, name, At::Head), Ok);
            match live {
                Ok(room) => admitted.rooms.insert(name.clone(), room),
                Err(StoreError::Opening) => {
                    let Ask { call, answer } = *ask;
                    give(answer, Ok(Answer::Opening(Box::new(call))));
                    return;
                }
                Err(error) => {
                    give(ask.answer, Err(error.into()));
                    return;
                }
            };
        }
        admitted.asks.push(ask);
    }

    fn append(&self, plan: &Plan) -> Result<Option<Appended>, StoreError> {
        if plan.commit.commands.is_empty() {
            return Ok(None);
        }
        let seq = self.shared.head().next().0;
        let span = info_span!("append", seq, count = plan.commit.count());
        span.in_scope(|| self.shared.store.append(&plan.commit))
            .map(Some)
    }

    /// Lets everybody see what is durable now.
    fn publish(
        &mut self,
        plan: Plan,
        appended: Option<Appended>,
        asks: &[Box<Ask>],
        now: Timestamp,
    ) {
        let Some(appended) = appended else {
            return;
        };
        self.last = now;
        self.system = plan.system;
        for room in plan.changed.into_values() {
            self.timers.set(&room.name, room.next_due());
            let gone = self.idle.touch(&room, self.shared.config.idle_rooms_max);
            self.shared.rooms.publish(room);
            for name in gone {
                self.shared.rooms.forget(&name);
            }
        }
        let head = appended.link.position;
        let given: u64 = asks.iter().map(|ask| ask.call.request_bytes).sum();
        let bytes = given + RECORD_BYTES * u64::try_from(appended.records.len()).unwrap_or(0);
        self.shared.tail.push(appended, bytes);
        self.shared.reveal(head);
    }

    fn answer(
        &mut self,
        asks: Vec<Box<Ask>>,
        replies: Vec<Result<Reply, EngineError>>,
        appended: Option<&Appended>,
        now: Timestamp,
    ) {
        for (ask, reply) in asks.into_iter().zip(replies) {
            let Ask { call, answer } = *ask;
            let done = reply.map(|reply| {
                let because = reply.because.clone();
                let (receipt, outcome) = self.receipt(reply, appended);
                let recorded = outcome.count > 0 || receipt.status == Status::Unchanged;
                if let Some(key) = call.key().filter(|_| recorded) {
                    self.outcomes.remember(key, call.digest, outcome, now);
                }
                Answer::Done {
                    receipt: Box::new(receipt),
                    because,
                }
            });
            give(answer, done);
        }
    }

    fn receipt(&self, reply: Reply, appended: Option<&Appended>) -> (Receipt, Remembered) {
        let records = appended.map(|appended| appended.records.as_slice());
        let own = records
            .unwrap_or_default()
            .get(reply.before..reply.before + reply.count)
            .unwrap_or_default();
        let read = reply.before.checked_sub(1);
        let read = read.and_then(|index| records?.get(index));
        let head = appended.map_or_else(
            || self.shared.head(),
            |appended| crate::store::Position(appended.first.0.saturating_sub(1)),
        );
        let read = read.map_or(head, |record| record.position);
        let version = reply.room.version;
        let outcome = Remembered {
            status: match &reply.status {
                Status::Accepted => RememberedStatus::Accepted,
                Status::NoEffect => RememberedStatus::NoEffect,
                Status::Unchanged => RememberedStatus::Unchanged,
                Status::Refused(_) => RememberedStatus::Refused,
            },
            first: own.first().map_or(read, |record| record.position),
            count: u32::try_from(own.len()).unwrap_or(u32::MAX),
            version,
        };
        let receipt = Receipt {
            status: reply.status,
            position: outcome.position(),
            version,
            records: own.to_vec(),
            room: Some(reply.room).filter(|room| room.version > Version(0)),
            destination: reply.destination,
            replayed: false,
        };
        (receipt, outcome)
    }

    /// What a failed append means: some leave all as it was, any other stops the engine.
    fn failed(&self, error: StoreError) -> EngineError {
        if matches!(
            error,
            StoreError::TooLarge { .. }
                | StoreError::Full { .. }
                | StoreError::Behind { .. }
                | StoreError::Opening
        ) {
            return error.into();
        }
        let cause = match error {
            StoreError::Poisoned { cause } => cause,
            other => other.to_string(),
        };
        tracing::error!(%cause, "nothing more is recorded");
        self.shared.poison(&cause);
        EngineError::Poisoned { cause }
    }

    fn stop(&mut self) -> Result<(), EngineError> {
        while let Some(job) = self.waiting() {
            match job {
                Job::Ask(ask) => self.deferred.push_back(ask),
                Job::Fire(_) | Job::ReleaseClock(_) | Job::Stop(_) => {}
            }
        }
        while !self.deferred.is_empty() {
            let asks = std::mem::take(&mut self.deferred).into();
            let reading = self.read_clock();
            let _told = self.decide(asks, Vec::new(), reading);
        }
        let now = self.time.now(&*self.shared.clock).max(self.last);
        let sums = self.refusals.settle(now, true).into_iter().map(Event::from);
        let last = sums.chain([Event::from(EngineStopped {})]).collect();
        let recorded = self.record(last);
        let closed = self.shared.store.close();
        self.shared.close();
        recorded.and(closed.map_err(EngineError::from))
    }
}

fn give(answer: oneshot::Sender<Result<Answer, EngineError>>, what: Result<Answer, EngineError>) {
    // Who dropped the future does not want to know; what was decided stands.
    let _nobody_waits = answer.send(what);
}

fn answer_all(asks: Vec<Box<Ask>>, error: &EngineError) {
    for ask in asks {
        give(ask.answer, Err(error.clone()));
    }
}

/// A rough weight of a record beside the request that made it, for the tail's bound.
const RECORD_BYTES: u64 = 512;
/// How long timers wait when the store could not take what they came to.
const TIMER_RETRY_S: u32 = 1;
/// How often a clock that is not trusted is looked at.
const HELD_LOOK_S: u32 = 60;
