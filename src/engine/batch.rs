//! One batch, from the queue to the answers: sort out repeats, decide, append once, publish, answer
//! everybody.
//!
//! Apart from the loop that collects it, since this is the order that durability hangs on: nothing
//! is published or answered before the append came back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracing::info_span;

use super::call::{Answer, Repeat};
use super::clock::{HoldChange, Reading};
use super::error::EngineError;
use super::history::room_at;
use super::idempotency::Known;
use super::keeper::Keeper;
use super::plan::{Plan, Planner, Reply, Setting};
use super::tail::Committed;
use super::writer::{Ask, Writer, answer_all, give};
use crate::domain::event::{ClockHeld, ClockReleased, HistoryRepaired};
use crate::domain::{Event, Room, RoomName, Timestamp};
use crate::replay::Moment;
use crate::store::{Appended, Caches, Repaired, RequestKey, StoreError};

/// The rooms of a batch, and the commands that can be decided.
struct Admitted {
    rooms: BTreeMap<RoomName, Arc<Room>>,
    asks: Vec<Ask>,
}

impl Writer {
    /// Decides a batch after all timers that are due, appends it, and answers.
    pub(crate) fn decide(&mut self, asks: Vec<Ask>, reading: Reading) -> Result<(), EngineError> {
        self.facts.extend(clock_fact(reading));
        self.decide_after(self.shared.config.batch_commands_max, asks, reading)
    }

    /// The same after at most so many timers.
    fn decide_after(
        &mut self,
        ticks_max: usize,
        asks: Vec<Ask>,
        reading: Reading,
    ) -> Result<(), EngineError> {
        if let Some(stopped) = self.shared.stopped() {
            answer_all(asks, &stopped);
            return Err(stopped);
        }
        let repairs = self.shared.store.caches().map(Caches::take_repairs);
        for repair in repairs.iter().flatten() {
            let figures = &self.shared.figures;
            let counted = if repair.restored {
                &figures.repaired
            } else {
                &figures.damaged
            };
            counted.up();
            self.facts.extend(repair_fact(repair));
        }
        let sums = self.refusals.settle(reading.now, false);
        self.facts.extend(sums.into_iter().map(Event::from));
        let ticks = self.due_ticks(reading.now, ticks_max);
        let Admitted { mut rooms, asks } = self.admit(asks);
        let due = ticks.iter().filter_map(|name| self.shared.rooms.get(name));
        rooms.extend(due.map(|room| (room.name.clone(), room)));
        let (plan, replies) = self.plan(rooms, &ticks, &asks, reading);
        match self.append(&plan) {
            Ok(appended) => {
                self.facts.clear();
                self.operated.clear();
                let committed = self.publish(plan, appended, &asks, reading.now);
                self.answer(asks, replies, committed.as_deref(), reading.now);
                self.keep_checkpoint(committed.as_deref());
                Ok(())
            }
            Err(StoreError::TooLarge { .. }) if asks.len() + ticks.len() > 1 => {
                self.retry_ticks(&ticks, reading.now);
                self.decide_apart(ticks.len(), asks, reading)
            }
            Err(error) => {
                self.retry_ticks(&ticks, reading.now.plus_seconds(TIMER_RETRY_S));
                let error = self.failed(error);
                answer_all(asks, &error);
                Err(error)
            }
        }
    }

    /// Decides what is too large for one commit in several: the timers, fewer at a time, then each
    /// command. A timer that is too large by itself is put off, and the others go on.
    fn decide_apart(
        &mut self,
        ticks: usize,
        asks: Vec<Ask>,
        reading: Reading,
    ) -> Result<(), EngineError> {
        let ticks_max = if asks.is_empty() { ticks / 2 } else { ticks };
        let mut fired = Ok(());
        while ticks_max > 0 && self.timers.next().is_some_and(|due| due <= reading.now) {
            fired = self.decide_after(ticks_max, Vec::new(), reading);
            if self.shared.stopped().is_some() {
                break;
            }
        }
        for ask in asks {
            let _told = self.decide_after(0, vec![ask], reading);
        }
        fired
    }

    fn plan(
        &mut self,
        rooms: BTreeMap<RoomName, Arc<Room>>,
        ticks: &[RoomName],
        asks: &[Ask],
        reading: Reading,
    ) -> (Plan, Vec<Result<Reply, EngineError>>) {
        let config = &self.shared.config;
        let setting = Setting {
            rules: config.rules,
            defaults: &config.defaults,
            now: reading.now,
            wall: reading.wall,
            timers_rest: self.time.is_held(),
        };
        let draw = || self.ids.draw();
        let mut planner = Planner::new(setting, rooms, self.system, &draw);
        for (operator, request, event) in &self.operated {
            let event = std::slice::from_ref(event);
            planner.record_system_by(operator.clone(), request.clone(), event);
        }
        planner.record_system(&self.facts);
        for name in ticks {
            planner.tick(name);
        }
        let replies = asks
            .iter()
            .map(|ask| planner.ask(&ask.call, &mut self.refusals))
            .collect();
        let sums = self.refusals.grown(reading.now);
        let sums: Vec<Event> = sums.into_iter().map(Event::from).collect();
        planner.record_system(&sums);
        // They stay among the facts until they are durable.
        self.facts.extend(sums);
        (planner.finish(), replies)
    }

    fn due_ticks(&mut self, now: Timestamp, ticks_max: usize) -> Vec<RoomName> {
        if self.time.is_held() {
            return Vec::new();
        }
        self.timers.take_due(now, ticks_max)
    }

    fn retry_ticks(&mut self, ticks: &[RoomName], at: Timestamp) {
        for room in ticks {
            self.timers.set(room, Some(at));
        }
    }

    /// Sorts out repeats and finds the rooms of the others.
    fn admit(&mut self, asks: Vec<Ask>) -> Admitted {
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
                    Known::Repeat(outcome, counted) => {
                        let Ask { call, answer, .. } = ask;
                        self.shared.figures.repeated.up();
                        let repeat = Repeat {
                            call,
                            outcome,
                            counted,
                        };
                        give(answer, Ok(Answer::Repeat(Box::new(repeat))));
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

    fn admit_with_rooms(&self, ask: Ask, admitted: &mut Admitted) {
        for name in ask.call.rooms() {
            if admitted.rooms.contains_key(name) {
                continue;
            }
            let live = self.shared.rooms.get(name);
            match live.map_or_else(|| self.room_of_log(name, &ask.read), Ok) {
                Ok(room) => admitted.rooms.insert(name.clone(), room),
                Err(error) => {
                    give(ask.answer, Err(error.into()));
                    return;
                }
            };
        }
        admitted.asks.push(ask);
    }

    /// The room as the log has it, which the caller has mostly read already.
    fn room_of_log(&self, name: &RoomName, read: &[Arc<Room>]) -> Result<Arc<Room>, StoreError> {
        let head = self.shared.store.room_head(Some(name))?;
        let mut read = read.iter();
        match read.find(|room| room.name == *name && room.version == head) {
            Some(room) => Ok(Arc::clone(room)),
            None => room_at(&*self.shared.store, name, Moment::Head),
        }
    }

    fn append(&self, plan: &Plan) -> Result<Option<Appended>, StoreError> {
        if plan.commit.commands.is_empty() {
            return Ok(None);
        }
        let seq = self.shared.head().next().0;
        let span = info_span!("append", seq, count = plan.commit.count());
        let clock = &self.shared.clock;
        let began = clock.monotonic();
        let appended = span.in_scope(|| self.shared.store.append(&plan.commit))?;
        let took = clock.monotonic().saturating_sub(began);
        let figures = &self.shared.figures;
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        figures.commit_us.observe(took_us);
        let events = u64::try_from(plan.commit.count()).unwrap_or(u64::MAX);
        figures.commit_events.observe(events);
        Ok(Some(appended))
    }

    /// Lets everybody see what is durable now.
    fn publish(
        &mut self,
        plan: Plan,
        appended: Option<Appended>,
        asks: &[Ask],
        now: Timestamp,
    ) -> Option<Arc<Committed>> {
        let Appended { first, link } = appended?;
        let records = plan.commit.into_records(first).map(Arc::new);
        let records = records.collect();
        let committed = Arc::new(Committed {
            first,
            link,
            records,
        });
        self.last = now;
        self.system = plan.system;
        for room in plan.changed.into_values() {
            self.timers.set(&room.name, room.next_due());
            let gone = self.idle.touch(&room, self.shared.config.idle_rooms_max);
            if let Some(keeper) = &mut self.keeper {
                keeper.offer(&room, link);
            }
            self.shared.rooms.publish(room);
            for name in gone {
                self.shared.rooms.forget(&name);
                if let Some(keeper) = &mut self.keeper {
                    keeper.forget(&name);
                }
            }
        }
        for record in &committed.records {
            if let Event::DefaultsChanged(changed) = &record.event.event {
                self.defaults = Some(Arc::clone(&changed.config));
            }
            self.shared.believe(&record.event.event);
        }
        let given: u64 = asks.iter().map(|ask| ask.call.request_bytes).sum();
        let bytes = given + RECORD_BYTES * u64::try_from(committed.records.len()).unwrap_or(0);
        self.shared.tail.push(Arc::clone(&committed), bytes);
        self.shared.reveal(link.position);
        Some(committed)
    }

    fn keep_checkpoint(&mut self, committed: Option<&Committed>) {
        let Some(link) = committed.map(|committed| committed.link) else {
            return;
        };
        let outcomes = self.outcomes.len();
        let wants = |keeper: &Keeper| keeper.wants_checkpoint(link.position, outcomes);
        if !self.keeper.as_ref().is_some_and(wants) {
            return;
        }
        let state = self.checkpoint(false);
        if let Some(keeper) = &mut self.keeper {
            keeper.checkpoint(state, link);
        }
    }

    /// What a failed append means: some leave all as it was, any other stops the engine.
    fn failed(&self, error: StoreError) -> EngineError {
        if matches!(
            error,
            StoreError::TooLarge { .. }
                | StoreError::Full { .. }
                | StoreError::Unmeasured { .. }
                | StoreError::Behind { .. }
                | StoreError::Opening
        ) {
            return error.into();
        }
        let cause = if let StoreError::Poisoned { cause } = error {
            cause
        } else {
            error.to_string()
        };
        tracing::error!(%cause, "nothing more is recorded");
        self.shared.poison(&cause);
        EngineError::Poisoned { cause }
    }
}

fn clock_fact(reading: Reading) -> Option<Event> {
    Some(match reading.change? {
        HoldChange::Held => Event::from(ClockHeld {
            wall: reading.wall,
            held_at: reading.now,
        }),
        HoldChange::Released { by_operator: false } => {
            Event::from(ClockReleased { by_operator: false })
        }
        // Recorded with the operator.
        HoldChange::Released { by_operator: true } => return None,
    })
}

/// A stretch of the log that was restored; what is merely known to be bad is no fact yet.
pub(crate) fn repair_fact(repaired: &Repaired) -> Option<Event> {
    repaired.restored.then(|| {
        Event::from(HistoryRepaired {
            from: repaired.from.0,
            to: repaired.to.0,
            copy: repaired.copy.as_str().to_owned(),
        })
    })
}

/// A rough weight of a record beside the request that made it, for the tail's bound.
const RECORD_BYTES: u64 = 512;
/// How long timers wait when the store could not take what they came to.
const TIMER_RETRY_S: u32 = 1;
