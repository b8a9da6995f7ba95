//! Deterministic simulation: the real engine on a simulated store, clock and scheduler, with
//! faults, crashes and restarts between random commands, checked against a model after each step.
//!
//! Apart from [`super::virtual_time`], which obeys a test: here one seed decides everything, and
//! tells the same run again. It never touches a disk.

mod log;
mod model;
mod poll;

use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use log::{Fate, Simulated, SimulatedStore};
use model::Model;

use super::front::Fronted;
use super::program::Step;
use super::random::Random;
use super::virtual_time::{self, VirtualEngine};
use crate::domain::{RoomName, Timestamp};
use crate::engine::{Call, Clock as _, EngineConfig, EngineError, Filter, Receipt, Status};
use crate::replay::Moment;
use crate::store::{EventStore, MemoryStore, Position};

/// What a run went through.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Steps taken.
    pub steps: u64,
    /// Calls made.
    pub calls: u64,
    /// Calls that were answered yes.
    pub accepted: u64,
    /// Calls that were answered no.
    pub refused: u64,
    /// Calls whose earlier outcome was given again.
    pub replayed: u64,
    /// Calls that got no answer: the engine crashed, was poisoned, or the disk was full.
    pub unanswered: u64,
    /// Appends that failed.
    pub faults: u64,
    /// Engines that ended without a word.
    pub crashes: u64,
    /// Engines that were shut down in order.
    pub shutdowns: u64,
    /// Jumps of the wall clock.
    pub jumps: u64,
    /// Events in the log at the end.
    pub events: u64,
}

impl Figures {
    /// Both runs together.
    #[must_use]
    pub const fn and(&self, other: &Self) -> Self {
        Self {
            steps: self.steps + other.steps,
            calls: self.calls + other.calls,
            accepted: self.accepted + other.accepted,
            refused: self.refused + other.refused,
            replayed: self.replayed + other.replayed,
            unanswered: self.unanswered + other.unanswered,
            faults: self.faults + other.faults,
            crashes: self.crashes + other.crashes,
            shutdowns: self.shutdowns + other.shutdowns,
            jumps: self.jumps + other.jumps,
            events: self.events + other.events,
        }
    }
}

/// Runs the simulation of `seed` for that many steps.
///
/// # Errors
/// What is not as it must be, with seed and step: the same seed tells it again.
pub fn run(seed: u64, steps: u64) -> Result<Figures, String> {
    let mut simulation = Simulation::begin(seed).map_err(|what| format!("seed {seed}: {what}"))?;
    for step in 1..=steps {
        let done = simulation.step();
        done.map_err(|what| format!("seed {seed}, step {step}: {what}"))?;
    }
    simulation.figures.events = simulation.model.head.0;
    Ok(simulation.figures)
}

struct Simulation {
    random: Random,
    log: Arc<MemoryStore>,
    store: Arc<SimulatedStore>,
    engine: VirtualEngine,
    model: Model,
    /// The last calls, with their receipts.
    asked: Vec<(Call, Option<Receipt>)>,
    /// All up to here was delivered to the subscriber.
    delivered: Position,
    /// New requests so far, which also name them.
    requests: u64,
    figures: Figures,
}

type Pending<'a> = Pin<Box<dyn Future<Output = Result<Receipt, EngineError>> + 'a>>;

impl Simulation {
    fn begin(seed: u64) -> Result<Self, String> {
        let log = Arc::new(MemoryStore::new());
        let (store, engine) = open(&log, Timestamp::from_seconds(START_S))?;
        Ok(Self {
            random: Random::new(seed),
            log,
            store,
            engine,
            model: Model::default(),
            asked: Vec::new(),
            delivered: Position(0),
            requests: 0,
            figures: Figures::default(),
        })
    }

    fn step(&mut self) -> Result<(), String> {
        self.figures.steps += 1;
        match self.random.within(0..100) {
            0..=1 => self.crash(Fate::Lost)?,
            2..=3 => self.shut_down()?,
            4..=5 => self.jump(),
            6..=25 => self.pass_time()?,
            _ => self.ask()?,
        }
        self.check()
    }

    /// Several calls that stand in the queue at one time, and what becomes of their appends.
    fn ask(&mut self) -> Result<(), String> {
        let count = if self.random.percent(50) {
            1
        } else {
            1 + self.random.within(0..7)
        };
        let calls: Vec<(Call, Option<Receipt>)> = (0..count).map(|_| self.call()).collect();
        self.figures.calls += count;
        let fate = match self.random.within(0..100) {
            0 => Fate::Lost,
            1 => Fate::Kept,
            2..=3 => Fate::Full,
            _ => Fate::Done,
        };
        self.figures.faults += u64::from(fate != Fate::Done);
        let crash = self.random.percent(2);
        let stood: Vec<bool> = calls.iter().map(|(call, _)| self.stands(call)).collect();
        let answers = self.play(&calls, fate, crash);
        self.catch_up()?;
        for (((call, before), stood), answer) in calls.into_iter().zip(stood).zip(answers) {
            self.judge(&call, before.as_ref(), answer.as_ref())?;
            if let Some(Ok(receipt)) = &answer
                && stood
                && !receipt.replayed
            {
                return Err(format!("decided twice: {call:?} got {receipt:?}"));
            }
            self.asked
                .push((call, answer.and_then(Result::ok).or(before)));
        }
        let over = self.asked.len().saturating_sub(ASKED_MAX);
        self.asked.drain(..over);
        if crash {
            return self.crash(fate);
        }
        match self.engine.stopped() {
            Some(_) => self.crash(Fate::Lost),
            None => Ok(()),
        }
    }

    /// The first call is taken in alone; while its append waits, the others queue behind it, so
    /// that the next batch is the same in every run. `None`: the process died first.
    fn play(
        &self,
        calls: &[(Call, Option<Receipt>)],
        fate: Fate,
        crash: bool,
    ) -> Vec<Option<Result<Receipt, EngineError>>> {
        let mut waiting: Vec<Pending<'_>> = Vec::new();
        self.store.hold();
        for (call, _) in calls {
            let mut asked: Pending<'_> = Box::pin(self.engine.execute(call.clone()));
            loop {
                if let Poll::Ready(answer) = poll::once(&mut asked) {
                    asked = Box::pin(ready(answer));
                    break;
                }
                if self.store.is_waiting() {
                    break;
                }
                thread::yield_now();
            }
            waiting.push(asked);
        }
        if crash {
            return calls.iter().map(|_| None).collect();
        }
        self.store.release(fate);
        waiting
            .into_iter()
            .map(|asked| Some(poll::wait(asked)))
            .collect()
    }

    /// Mostly a new call, sometimes one of the last again, as its caller might who got no answer.
    fn call(&mut self) -> (Call, Option<Receipt>) {
        let earlier = u64::try_from(self.asked.len()).unwrap_or_default();
        if earlier > 0 && self.random.percent(15) {
            let chosen = self.random.within(0..earlier);
            let chosen = usize::try_from(chosen).unwrap_or_default();
            if let Some(asked) = self.asked.get(chosen) {
                return asked.clone();
            }
        }
        let name = self.room_name();
        let step = Step {
            entropy: self.random.draw().into(),
            ..Step::random(&mut self.random)
        };
        let now = self.engine.clock().wall();
        let other = self.room_name();
        let request = step.request([&self.model.room(&name), &self.model.room(&other)], now);
        let mut provenance = virtual_time::call(&name, request.command.clone()).provenance;
        self.requests += 1;
        let request_id = format!("request {}", self.requests);
        self.model.ask(&request_id, &request);
        provenance.request_id = Some(request_id);
        (Call::new(request, provenance), None)
    }

    fn room_name(&mut self) -> RoomName {
        let name = format!("room {}", self.random.within(0..ROOMS));
        RoomName::new(&name).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

impl Simulation {
    fn pass_time(&mut self) -> Result<(), String> {
        let seconds = match self.random.within(0..10) {
            0 => self.random.within(0..1_000),
            1..=3 => self.random.within(0..60),
            _ => self.random.within(0..5),
        };
        let passed = self.engine.advance(Duration::from_secs(seconds));
        match (passed, self.engine.stopped()) {
            (Ok(()), None) => Ok(()),
            (_, Some(_)) => self.crash(Fate::Lost),
            (Err(error), None) => Err(format!("time did not pass: {error}")),
        }
    }

    /// Somebody sets the wall clock.
    fn jump(&mut self) {
        self.figures.jumps += 1;
        let by = Duration::from_secs(self.random.within(0..7_200));
        let by = i64::try_from(by.as_micros()).unwrap_or_default();
        let wall = self.engine.clock().wall().micros();
        let wall = if self.random.percent(50) {
            wall + by
        } else {
            wall - by
        };
        self.engine.clock().set_wall(Timestamp::from_micros(wall));
    }

    fn shut_down(&mut self) -> Result<(), String> {
        self.figures.shutdowns += 1;
        let stopped = self.engine.shutdown_blocking();
        if let Err(error) = stopped
            && self.engine.stopped().is_none()
        {
            return Err(format!("it does not shut down: {error}"));
        }
        self.open_again()
    }

    fn crash(&mut self, fate: Fate) -> Result<(), String> {
        self.figures.crashes += 1;
        self.store.die(fate);
        self.open_again()
    }

    fn open_again(&mut self) -> Result<(), String> {
        let away_s = u32::try_from(self.random.within(0..90)).unwrap_or_default();
        let start = self.engine.clock().wall().plus_seconds(away_s);
        (self.store, self.engine) = open(&self.log, start)?;
        self.catch_up()
    }

    /// Whether the log has an outcome of the call.
    fn stands(&self, call: &Call) -> bool {
        let request_id = call.provenance.request_id.as_deref();
        request_id.is_some_and(|id| self.model.records_of(id).is_some())
    }

    /// Holds the answer to a call against the log.
    fn judge(
        &mut self,
        call: &Call,
        before: Option<&Receipt>,
        answer: Option<&Result<Receipt, EngineError>>,
    ) -> Result<(), String> {
        let request_id = call.provenance.request_id.clone().unwrap_or_default();
        let Some(Ok(receipt)) = answer else {
            self.figures.unanswered += 1;
            return Ok(());
        };
        match receipt.status {
            Status::Refused(_) => self.figures.refused += 1,
            Status::Accepted | Status::NoEffect | Status::Unchanged => self.figures.accepted += 1,
        }
        self.figures.replayed += u64::from(receipt.replayed);
        let wrong = |what: &str| Err(format!("{what}: {call:?} got {receipt:?}"));
        if let Some(before) = before.filter(|before| !before.records.is_empty())
            && (before.position, before.version, &before.records)
                != (receipt.position, receipt.version, &receipt.records)
        {
            return wrong("another outcome than at first");
        }
        let place = receipt.records.first();
        let place = place.map(|first| (first.position, receipt.records.len()));
        if place != self.model.records_of(&request_id) {
            return wrong("the log has it otherwise");
        }
        for record in &receipt.records {
            let after = Position(record.position.0.saturating_sub(1));
            let stored = self
                .log
                .read_all(after, 1)
                .map_err(|error| error.to_string())?;
            if stored.first() != Some(record.as_ref()) {
                return wrong("acknowledged, and not in the log");
            }
        }
        Ok(())
    }

    fn catch_up(&mut self) -> Result<(), String> {
        let log = Arc::clone(&self.log);
        let commits = log.read_commits(self.model.head);
        for commit in commits.map_err(|error| error.to_string())? {
            self.model
                .take(&commit.map_err(|error| error.to_string())?)?;
        }
        Ok(())
    }

    /// What the engine shows is what the log comes to.
    fn check(&mut self) -> Result<(), String> {
        self.catch_up()?;
        if self.engine.head() != self.model.head {
            let (shown, head) = (self.engine.head(), self.model.head);
            return Err(format!(
                "the engine shows the log up to {shown}, it ends at {head}"
            ));
        }
        for (name, room) in &self.model.rooms {
            let live = self.engine.live(name);
            if live.is_some() || room.open_session().is_some() {
                self.model.check(name, live.as_ref())?;
            }
        }
        if self.random.percent(LOOKS_BACK) {
            self.look_back()?;
        }
        self.follow()
    }

    /// The engine folds a room of the past as the model had it.
    fn look_back(&mut self) -> Result<(), String> {
        let past = u64::try_from(self.model.past.len()).unwrap_or_default();
        let chosen = usize::try_from(self.random.within(0..past)).unwrap_or_default();
        if let Some(room) = self.model.past.get(chosen) {
            let at = Moment::Version(room.version);
            let folded = poll::wait(Box::pin(self.engine.as_of(&room.name, at)));
            let folded = folded.map_err(|error| error.to_string())?;
            if folded.as_deref() != Some(room) {
                let name = &room.name;
                return Err(format!(
                    "{name} was {room:?}, looking back shows {folded:?}"
                ));
            }
        }
        Ok(())
    }

    /// A subscriber comes back to where it was, and sees each position once, in order.
    fn follow(&mut self) -> Result<(), String> {
        let mut following = self.engine.subscribe(self.delivered, Filter::default());
        while self.delivered < self.model.head {
            let next = poll::wait(Box::pin(following.next()));
            let next = next.map_err(|error| error.to_string())?;
            let Some(next) = next.filter(|next| next.record.position == self.delivered.next())
            else {
                return Err(format!("no delivery of {}", self.delivered.next()));
            };
            let commit = self.log.commit_of(next.record.position);
            if commit.ok() != Some(next.commit) {
                return Err(format!("{} came with another chain", next.record.position));
            }
            self.delivered = next.record.position;
        }
        Ok(())
    }
}

fn open(
    log: &Arc<MemoryStore>,
    start: Timestamp,
) -> Result<(Arc<SimulatedStore>, VirtualEngine), String> {
    let store = Arc::new(Fronted(Simulated::new(Arc::clone(log))));
    let config = EngineConfig {
        reader_threads: 1,
        ..EngineConfig::default()
    };
    let shared = Arc::clone(&store) as Arc<dyn EventStore>;
    let engine = VirtualEngine::open(shared, config, start);
    Ok((
        store,
        engine.map_err(|error| format!("it does not open: {error}"))?,
    ))
}

/// A day in 2027, as in [`super::scenario`].
const START_S: i64 = 1_800_000_000;
/// So few that they meet each other's people by moves.
const ROOMS: u64 = 3;
/// Of a hundred steps: to look back folds the room from its first event.
const LOOKS_BACK: u64 = 5;
/// Calls that may be repeated.
const ASKED_MAX: usize = 64;
