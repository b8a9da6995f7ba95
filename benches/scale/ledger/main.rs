//! Writes a large ledger through the engine: many rooms of a few people, a `hall` with a tenth of
//! all events, and an `arena` of 100,000 people. The same arguments make the same rooms with the
//! same events; times end at the moment of making, since a ledger that rested for more than a week
//! does not trust the clock. Run it by `benches/scale/make`.
#![expect(clippy::print_stdout, reason = "a program that says what it made")]

mod arena;
mod calls;
mod meeting;
mod options;
mod random;

use std::collections::VecDeque;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use roomledger::domain::Timestamp;
use roomledger::engine::{
    Call, Clock as _, Engine, EngineConfig, EngineError, ManualClock, Receipt, SeededIds, Status,
    SystemClock,
};
use roomledger::store::StoreError;
use roomledger::store::ledger::{Ledger, LedgerOptions, boot_id};

use arena::Arena;
use meeting::Meeting;
use options::Options;
use random::Random;

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    match Options::parse(std::env::args().skip(1)).and_then(|options| run(&options)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("wrong: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(options: &Options) -> Fallible<()> {
    if options.dir.exists() {
        return Err(format!("{}: is there already", options.dir.display()).into());
    }
    let began = now();
    let ends = SystemClock::new().wall().micros();
    let lasts = i64::try_from(options.events * EVENT_MICROS)?;
    let clock = Arc::new(ManualClock::new(Timestamp::from_micros(ends - lasts)));
    let ids = Arc::new(SeededIds::new(options.seed));
    let log_id = u128::from(options.seed).to_le_bytes();
    let ledger = LedgerOptions::new(options.seed, log_id, boot_id());
    let (ledger, _) = Ledger::open(&options.dir, ledger)?;
    let engine = Engine::open(
        Arc::new(ledger),
        EngineConfig::default(),
        Arc::clone(&clock) as _,
        ids,
    )?;
    // One thread: commands reach the engine in the order in which they were thought of.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()?;
    let mut making = Making::new(options, engine.clone(), clock)?;
    let counts = runtime.block_on(making.run(began))?;
    let head = engine.head().0;
    println!(
        "waiting for the indexed copy: {:?} behind",
        engine.copy_behind()
    );
    engine.shutdown_blocking()?;
    println!(
        "{head} events of {} commands, {} of them refused, in {} rooms; {} s",
        counts.commands,
        counts.refused,
        options.rooms + 2,
        began.elapsed().as_secs()
    );
    Ok(())
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    commands: u64,
    refused: u64,
}

/// The ledger while it is being made.
struct Making<'a> {
    options: &'a Options,
    engine: Engine,
    clock: Arc<ManualClock>,
    arena: Arena,
    hall: Meeting,
    /// The number of the next room, and those in which something happens.
    room: u64,
    meetings: VecDeque<Meeting>,
    counts: Counts,
}

/// One turn: commands that are given at the same moment, and the meetings that some belong to.
#[derive(Default)]
struct Turn {
    calls: Vec<Call>,
    of_hall: usize,
    meetings: Vec<Meeting>,
}

impl<'a> Making<'a> {
    fn new(options: &'a Options, engine: Engine, clock: Arc<ManualClock>) -> Fallible<Self> {
        let random = Random::of(options.seed, u64::MAX);
        let hall = Meeting::new("hall", random, 100, POPULATION)?;
        Ok(Self {
            options,
            engine,
            clock,
            arena: Arena::new(ARENA_PEOPLE.min(options.events / 10))?,
            // It takes what the others leave.
            hall: hall.lasting(u64::MAX, true),
            room: 0,
            meetings: VecDeque::new(),
            counts: Counts::default(),
        })
    }

    async fn run(&mut self, began: Instant) -> Fallible<Counts> {
        let mut said = 0;
        loop {
            let before = self.engine.head().0;
            let turn = self.turn(before)?;
            if turn.calls.is_empty() {
                return Ok(self.counts);
            }
            self.give(turn).await?;
            let head = self.engine.head().0;
            self.clock
                .advance(Duration::from_micros((head - before) * EVENT_MICROS));
            if head / PROGRESS_EVENTS > said {
                said = head / PROGRESS_EVENTS;
                println!("{head} events after {} s", began.elapsed().as_secs());
            }
        }
    }

    /// A command of each meeting, as many of the hall and the arena as keep pace, and those that
    /// fill the ledger up when the meetings are over.
    fn turn(&mut self, head: u64) -> Fallible<Turn> {
        let mut turn = Turn::default();
        let events = self.options.events;
        while self.arena.thousandths() * events < head * 1_000 && turn.calls.len() < TURN / 4 {
            let Some(call) = self.arena.next()? else {
                break;
            };
            turn.calls.push(call);
        }
        let first = turn.calls.len();
        let is_behind = |made: u64| made * HALL_SHARE < head;
        while is_behind(self.hall.made + (turn.calls.len() - first) as u64)
            && turn.calls.len() < TURN / 2
        {
            turn.calls.extend(self.hall.next()?);
        }
        self.meetings_of(&mut turn)?;
        if turn.calls.len() == first && head < events {
            let missing = usize::try_from(events - head)?.min(TURN);
            for _ in 0..missing {
                turn.calls.extend(self.hall.next()?);
            }
        }
        turn.of_hall = turn.calls.len() - turn.meetings.len() - first;
        // Meetings stand last, in the order of their commands.
        Ok(turn)
    }

    fn meetings_of(&mut self, turn: &mut Turn) -> Fallible<()> {
        let mut rounds = self.meetings.len();
        while turn.calls.len() < TURN {
            let meeting = if self.meetings.len() < OPEN_AT_A_TIME && self.room < self.options.rooms
            {
                self.room += 1;
                Some(self.meeting(self.room - 1)?)
            } else if rounds > 0 {
                rounds -= 1;
                self.meetings.pop_front()
            } else {
                None
            };
            let Some(mut meeting) = meeting else { break };
            if let Some(call) = meeting.next()? {
                turn.calls.push(call);
                turn.meetings.push(meeting);
            }
        }
        Ok(())
    }

    /// The room of a number: 7 in 10 are short, 1 in 20 has eight times the mean, 1 in 10 stays
    /// open.
    fn meeting(&self, number: u64) -> Fallible<Meeting> {
        let events = self.options.events;
        let mut random = Random::of(self.options.seed, number);
        // The arena takes a good three a person, the hall a tenth of all, an end five.
        let arena = ARENA_PEOPLE.min(events / 10) * 33 / 10;
        let share = (events - arena - events / HALL_SHARE) * 95 / 100;
        let share = share.saturating_sub(self.options.rooms * 5);
        let mean = share / self.options.rooms.max(1);
        let (people, percent) = match random.below(20) {
            0..14 => (2 + random.below(4), 30),
            14..19 => (4 + random.below(8), 150),
            _ => (10 + random.below(30), 830),
        };
        let stays = random.below(10) == 0;
        let name = format!("team-{:03}-room-{number:06}", number % TEAMS);
        let meeting = Meeting::new(&name, random, people, POPULATION)?;
        Ok(meeting.lasting((mean * percent / 100).max(4), stays))
    }

    async fn give(&mut self, turn: Turn) -> Fallible<()> {
        let count = turn.calls.len();
        let mut made = Vec::with_capacity(count);
        for given in turn
            .calls
            .into_iter()
            .map(|call| self.submit(call))
            .collect::<Vec<_>>()
        {
            let receipt = given.await??;
            self.counts.commands += 1;
            self.counts.refused += u64::from(matches!(receipt.status, Status::Refused(_)));
            made.push(receipt.records.len() as u64);
        }
        let (before, of_meetings) = made.split_at(count - turn.meetings.len());
        self.hall.made += before.iter().rev().take(turn.of_hall).sum::<u64>();
        for (mut meeting, made) in turn.meetings.into_iter().zip(of_meetings) {
            meeting.made += made;
            self.meetings.push_back(meeting);
        }
        Ok(())
    }

    /// Begins one command; one that the engine has no room for comes again.
    fn submit(&self, call: Call) -> tokio::task::JoinHandle<Result<Receipt, EngineError>> {
        let engine = self.engine.clone();
        tokio::spawn(async move {
            loop {
                match engine.execute(call.clone()).await {
                    Err(
                        EngineError::Overloaded { .. }
                        | EngineError::Opening
                        | EngineError::Store(StoreError::Behind { .. }),
                    ) => {
                        tokio::time::sleep(PAUSE).await;
                    }
                    done => return done,
                }
            }
        })
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> Instant {
    Instant::now()
}

/// Commands of one moment: as many as the engine takes into a group gladly.
const TURN: usize = 512;
/// Meetings in which something happens in the same hour.
const OPEN_AT_A_TIME: usize = 1_024;
const ARENA_PEOPLE: u64 = 100_000;
/// The hall has one in so many of all events.
const HALL_SHARE: u64 = 10;
/// From whom the rooms' people are drawn.
const POPULATION: u64 = 200_000;
/// Rooms are named after these, so that a prefix selects one in so many.
const TEAMS: u64 = 100;
/// Ten million events are a week less a quarter of an hour.
const EVENT_MICROS: u64 = 60_000;
const PROGRESS_EVENTS: u64 = 500_000;
const PAUSE: Duration = Duration::from_millis(5);
