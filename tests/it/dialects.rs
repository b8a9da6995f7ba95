//! Random programs through all four dialects at random, compared with the model after every step:
//! the refusal or not, both rooms as they are, the room of the step as our own API shows it now and
//! at some earlier position, and its people as one of the vendors lists them. At the end of each
//! program the JSON of its events alone rebuilds every state (`refold`).
//!
//! A whole HTTP server works for each step, so the default is fewer programs than the laws run;
//! `PROPTEST_CASES` gives more.
//!
//! The meaning of a call is written here from the vendors' pages (`dialects/vendors.rs`) and from
//! the contract of our own API (`dialects/own.rs`), not taken from the product's translation. A
//! command without words in the drawn dialect is sent through our own API. Left out: syncs of
//! reporters, which are one request about several rooms, and join tokens, which have tests of their
//! own.

mod own;
mod shown;
mod vendors;

use proptest::prelude::*;
use proptest::test_runner::Config;
use roomledger::domain::{ActorKind, Command, Defaults, Request, Room, RoomName};
use roomledger::engine::Clock as _;
use roomledger::store::{Position, Record};
use roomledger::testing::comparison::{difference, expected, seen};
use roomledger::testing::facts::{Minted, Outcome, Verdict};
use roomledger::testing::model::Model;
use roomledger::testing::program::{ROOMS, Step, programs};
use serde_json::Value;

use crate::refold;
use crate::videosdk::support::Server;

/// A request as a dialect says it, and what it means by the dialect's own pages.
#[derive(Debug)]
struct Said {
    token: String,
    method: &'static str,
    path: String,
    body: Value,
    meant: Request,
}

/// A server and the model beside it.
struct Driver {
    server: Server,
    model: Model,
    minted: Minted,
    /// How much of the log the model has taken in.
    read: Position,
    /// Where a room was shown so.
    past: Vec<(Position, RoomName, Value)>,
}

impl Driver {
    fn new() -> Self {
        let server = Server::new();
        Self {
            read: server.engine.head(),
            server,
            model: Model::new(Defaults::default().config),
            minted: Minted::default(),
            past: Vec::new(),
        }
    }

    fn room(&self, name: &str) -> Room {
        let name = RoomName::new(name).unwrap();
        let live = self.server.engine.live(&name);
        live.map_or_else(|| Room::new(name), |room| (*room).clone())
    }

    fn take(&mut self, step: &Step) -> Result<(), TestCaseError> {
        let wait = std::time::Duration::from_secs(step.wait_s.into());
        self.server.engine.advance(wait).unwrap();
        self.follow(None);
        let mut rooms = ROOMS.map(|name| self.room(name));
        if step.room % 2 == 1 {
            rooms.reverse();
        }
        let now = self.server.engine.clock().wall();
        let request = step.request([&rooms[0], &rooms[1]], now);
        let Some(said) = said(&request, &rooms[0], step.entropy) else {
            return Ok(());
        };
        let body = said.body.to_string();
        let (status, answer) = self
            .server
            .call_as(&said.token, said.method, &said.path, &body);
        let outcome = self.follow(Some(&said.meant)).unwrap();
        let refused = matches!(outcome.verdict, Verdict::Refused(_));
        prop_assert_eq!(
            status >= 300,
            refused,
            "{:#?}\nwas answered {} {}\nthe rules say {:?}",
            &said,
            status,
            answer,
            outcome
        );
        self.compare(&said, step.entropy)
    }

    /// Lets the model do what the log says was done: the timers that fired, and the request.
    fn follow(&mut self, meant: Option<&Request>) -> Option<Outcome> {
        let engine = &self.server.engine;
        let records = engine.store().read_all(self.read, usize::MAX).unwrap();
        self.read = engine.head();
        for record in &records {
            if let Some(room) = &record.room {
                self.minted.learn(room, &record.event.event);
            }
        }
        let mut left = meant;
        let mut outcome = None;
        let first = |record: &&Record| record.position == record.command_first;
        for record in records.iter().filter(first) {
            let header = &record.command;
            let (now, wall) = (header.recorded_at, header.wall_at);
            let timer = match &record.room {
                Some(room) if header.provenance.actor.kind == ActorKind::Policy => {
                    Some(Request::new(room.clone(), Command::Tick))
                }
                _ => None,
            };
            if let Some(tick) = timer {
                self.model.apply(&tick, now, wall, &self.minted);
            } else if let Some(request) = left.take() {
                outcome = Some(self.model.apply(request, now, wall, &self.minted));
            }
        }
        // What left no trace in the log came all the same.
        let now = engine.clock().wall();
        let unrecorded = left.map(|request| self.model.apply(request, now, now, &self.minted));
        outcome.or(unrecorded)
    }

    fn compare(&mut self, said: &Said, chance: u128) -> Result<(), TestCaseError> {
        let head = self.server.engine.head();
        for name in ROOMS {
            let room = self.room(name);
            let view = expected(&self.model.room(&room.name));
            let found = difference(&view, &seen(&room));
            prop_assert!(
                found.is_none(),
                "after {said:#?}\n{name}: {}",
                found.unwrap()
            );
            let now = self.server.engine.clock().wall();
            prop_assert!(
                view.due.is_none_or(|due| due > now),
                "{name}: a timer rests"
            );
            if room.life.is_none() {
                continue;
            }
            let then = shown::by_model(&view);
            if room.name == said.meant.room {
                let actual = shown::by_us(&self.server, name, None);
                prop_assert_eq!(&actual, &then, "after {:#?}", said);
                let [vendor, ..] = chance.to_be_bytes();
                shown::by_vendor(&self.server, name, &view, vendor)?;
            }
            self.past.push((head, room.name, then));
        }
        let at = usize::try_from(chance >> 96).unwrap() % self.past.len().max(1);
        if let Some((position, room, then)) = self.past.get(at) {
            let actual = shown::by_us(&self.server, room.as_str(), Some(*position));
            prop_assert_eq!(&actual, then, "{} at {}", room, position);
        }
        Ok(())
    }
}

/// The request in a dialect that has words for it; its condition and all in our own, else.
fn said(request: &Request, room: &Room, chance: u128) -> Option<Said> {
    let [.., dialect] = chance.to_be_bytes();
    let by_vendor = match dialect % 4 {
        0 => vendors::livekit(request, room),
        1 => vendors::daily(request, room),
        2 => vendors::videosdk(request, room),
        _ => None,
    };
    by_vendor.or_else(|| own::say(request))
}

fn cases() -> u32 {
    let given = std::env::var("PROPTEST_CASES").ok();
    given
        .and_then(|cases| cases.parse().ok())
        .unwrap_or(PROGRAMS)
}

proptest! {
    #![proptest_config(Config {
        cases: cases(),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn every_dialect_does_what_the_model_says(program in programs(STEPS_MAX)) {
        let mut driver = Driver::new();
        for step in &program {
            driver.take(step)?;
        }
        let refolded = refold::check(&**driver.server.engine.store());
        prop_assert_eq!(refolded, Ok(()));
    }
}

/// About twenty seconds without optimization on one core.
const PROGRAMS: u32 = 128;
/// Each step is several calls, and shorter programs fail as well as long ones.
const STEPS_MAX: usize = 30;
