//! The product against the model: after every request of random programs, refused or not, the kinds
//! of what was recorded, the rooms as they are, and as they were at every version before.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};
use roomledger::domain::{
    Command, Context, Decision, Defaults, Digest, Kind, NewEvent, Rejection, Request, Room,
    RoomName, Timestamp, Version, decide, decide_move, evolve, refusal, with_refusal,
};
use roomledger::testing::comparison::{difference, expected, seen};
use roomledger::testing::facts::{self, Minted, Verdict};
use roomledger::testing::model::{Model, verdict};
use roomledger::testing::program::{Step, programs};

/// Enough steps for sessions to open, fill and end a few times.
const STEPS_MAX: usize = 60;

/// The product and the model, side by side.
struct Both {
    defaults: Defaults,
    rooms: BTreeMap<RoomName, Room>,
    histories: BTreeMap<RoomName, Vec<(Timestamp, NewEvent)>>,
    model: Model,
    minted: Minted,
    /// The rooms of the model as each command left them, by version.
    past: BTreeMap<(RoomName, u64), facts::Room>,
}

impl Both {
    fn new(names: &[RoomName]) -> Self {
        let defaults = Defaults::default();
        let rooms = names
            .iter()
            .map(|name| (name.clone(), Room::new(name.clone())));
        Self {
            model: Model::new(defaults.config.clone()),
            minted: Minted::default(),
            past: BTreeMap::new(),
            rooms: rooms.collect(),
            histories: names
                .iter()
                .map(|name| (name.clone(), Vec::new()))
                .collect(),
            defaults,
        }
    }

    /// Lets the request take effect in both.
    ///
    /// # Errors
    /// The first difference.
    fn ask(&mut self, request: &Request, now: Timestamp, entropy: u128) -> Result<(), String> {
        let context = Context {
            now,
            wall: now,
            defaults: &self.defaults,
            entropy,
        };
        let asked = (Digest::of(b""), 0);
        let room = &self.rooms[&request.room];
        let decided = match &request.command {
            Command::Move { to_room, .. } => {
                decide_move(room, &self.rooms[to_room], request, &context)
                    .map(|moved| (moved.from, Some(moved.to)))
            }
            _ => decide(room, request, &context).map(|here| (here, None)),
        };
        let (here, there, refused) = match decided {
            Ok((here, there)) => {
                let refused = here.refused.clone();
                (with_refusal(here, request, &context, asked), there, refused)
            }
            Err(no) if room.life.is_some() => {
                (refusal(room, request, &no, &context, asked), None, Some(no))
            }
            Err(no) => {
                let room = room.clone();
                let nothing = Decision {
                    events: Vec::new(),
                    room,
                    refused: None,
                };
                (nothing, None, Some(no))
            }
        };
        let kinds = kinds(&here.events);
        let said = refused.map_or_else(
            || verdict(&kinds),
            |no| Verdict::Refused(no.reasons().iter().map(Rejection::code).collect()),
        );
        let there_kinds = there
            .as_ref()
            .map_or_else(Vec::new, |it| self::kinds(&it.events));
        for decision in [Some(here), there].into_iter().flatten() {
            self.take(decision, now);
        }
        let expected = self.model.apply(request, now, now, &self.minted);
        if (&expected.verdict, &expected.here, &expected.there) != (&said, &kinds, &there_kinds) {
            return Err(format!(
                "the rules say {expected:?}, it came to {said:?} {kinds:?} {there_kinds:?}"
            ));
        }
        self.compare()
    }

    fn take(&mut self, decision: Decision, now: Timestamp) {
        let name = decision.room.name.clone();
        for new in decision.events {
            self.minted.learn(&name, &new.event);
            self.histories.get_mut(&name).unwrap().push((now, new));
        }
        self.rooms.insert(name, decision.room);
    }

    fn compare(&mut self) -> Result<(), String> {
        for (name, room) in &self.rooms {
            let ruled = self.model.room(name);
            if let Some(difference) = difference(&expected(&ruled), &seen(room)) {
                return Err(format!("{name}: {difference}"));
            }
            self.past.insert((name.clone(), ruled.version), ruled);
        }
        Ok(())
    }

    /// Every version that a command left the room at, folded from the start.
    fn compare_the_past(&self) -> Result<(), String> {
        for (name, history) in &self.histories {
            let mut room = Room::new(name.clone());
            for ((at, event), version) in history.iter().zip(1..) {
                evolve(&mut room, Version(version), *at, event);
                let Some(then) = self.past.get(&(name.clone(), version)) else {
                    continue;
                };
                if let Some(difference) = difference(&expected(then), &seen(&room)) {
                    return Err(format!("{name} at {version}: {difference}"));
                }
            }
        }
        Ok(())
    }
}

fn kinds(events: &[NewEvent]) -> Vec<Kind> {
    events.iter().map(|new| new.event.kind()).collect()
}

/// Plays a program; the error tells every request up to the first difference.
fn play(program: &[Step]) -> Result<(), String> {
    let names = ["town", "city"].map(|name| RoomName::new(name).unwrap());
    let mut both = Both::new(&names);
    let mut now = Timestamp::from_seconds(1_700_000_000);
    let mut story = Vec::new();
    for step in program {
        now = now.plus_seconds(step.wait_s.into());
        let [here, there] = match step.room % 2 {
            0 => [&names[0], &names[1]],
            _ => [&names[1], &names[0]],
        };
        let tick = |name: &RoomName| Request::new(name.clone(), Command::Tick);
        for timers in [tick(there), tick(here)] {
            story.push(format!("{} timers of {}", now, timers.room));
            both.ask(&timers, now, step.entropy)
                .map_err(|what| format!("{}\n{what}", story.join("\n")))?;
        }
        let request = step.request([&both.rooms[here], &both.rooms[there]], now);
        story.push(format!("{now} {request:?}"));
        both.ask(&request, now, step.entropy)
            .map_err(|what| format!("{}\n{what}", story.join("\n")))?;
    }
    both.compare_the_past()
        .map_err(|what| format!("{}\n{what}", story.join("\n")))
}

fn cases() -> Config {
    let default = Config::default();
    Config {
        cases: default.cases.max(256),
        failure_persistence: None::<Box<FileFailurePersistence>>.map(|it| it as _),
        ..default
    }
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn the_product_does_what_the_rules_say(program in programs(STEPS_MAX)) {
        if let Err(what) = play(&program) {
            prop_assert!(false, "{}", what);
        }
    }
}
