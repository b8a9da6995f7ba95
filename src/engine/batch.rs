//! One batch, from the queue to the answers: sort out repeats, decide, append once, publish, answer
//! everybody.
//!
//! Apart from the loop that collects it, since this is the order that durability hangs on: nothing
//! is published or answered before the append came back.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tracing::info_span;

use super::call::{Answer, At};
use super::clock::{HoldChange, Reading};
use super::error::EngineError;
use super::history::room_at;
use super::idempotency::Known;
use super::plan::{Plan, Planner, Reply, Setting};
use super::writer::{Ask, Writer, answer_all, give};
use crate::domain::event::{ClockHeld, ClockReleased};
use crate::domain::{Command, Event, Room, RoomName, Timestamp};
use crate::store::{Appended, RequestKey, StoreError};

/// The rooms of a batch, and the commands that can be decided.
struct Admitted {
    rooms: BTreeMap<RoomName, Arc<Room>>,
    asks: Vec<Ask>,
}

impl Writer {
    /// Decides a batch after all timers that are due, appends it, and answers.
    pub(crate) fn decide(&mut self, asks: Vec<Ask>, reading: Reading) -> Result<(), EngineError> {
        if let Some(stopped) = self.shared.stopped() {
            answer_all(asks, &stopped);
            return Err(stopped);
        }
        self.facts.extend(clock_fact(reading));
        let sums = self.refusals.settle(reading.now, false);
        self.facts.extend(sums.into_iter().map(Event::from));
        let ticks = self.due_ticks(reading.now);
        let Admitted { mut rooms, asks } = self.admit(asks);
        let due = ticks.iter().filter_map(|name| self.shared.rooms.get(name));
        rooms.extend(due.map(|room| (room.name.clone(), room)));
        let (plan, replies) = self.plan(rooms, &ticks, &asks, reading);
        match self.append(&plan) {
            Ok(appended) => {
                self.facts.clear();
                self.publish(plan, appended.clone(), &asks, reading.now);
                self.answer(asks, replies, appended.as_ref(), reading.now);
                Ok(())
            }
            Err(StoreError::TooLarge { .. }) if asks.len() + ticks.len() > 1 => {
                self.retry_ticks(&ticks, reading.now);
                for ask in asks {
                    let _told = self.decide(vec![ask], reading);
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
        planner.record_system(&self.facts);
        for name in ticks {
            planner.tick(name);
        }
        let replies = asks
            .iter()
            .map(|ask| planner.ask(&ask.call, &mut self.refusals))
            .collect();
        (planner.finish(), replies)
    }

    fn due_ticks(&mut self, now: Timestamp) -> Vec<RoomName> {
        if self.time.is_held() {
            return Vec::new();
        }
        let most = self.shared.config.batch_commands_max;
        self.timers.take_due(now, most)
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
                    Known::Repeat(outcome) => {
                        let Ask { call, answer } = ask;
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

    fn admit_with_rooms(&self, ask: Ask, admitted: &mut Admitted) {
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
                    let Ask { call, answer } = ask;
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
    fn publish(&mut self, plan: Plan, appended: Option<Appended>, asks: &[Ask], now: Timestamp) {
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
        HoldChange::Released { by_operator } => Event::from(ClockReleased { by_operator }),
    })
}

/// A rough weight of a record beside the request that made it, for the tail's bound.
const RECORD_BYTES: u64 = 512;
/// How long timers wait when the store could not take what they came to.
const TIMER_RETRY_S: u32 = 1;
