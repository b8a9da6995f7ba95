//! A flood of refusals: what is recorded one by one, what in sum, and what a repeat gets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use roomledger::domain::command::CreateRoom;
use roomledger::domain::event::RefusalsSuppressed;
use roomledger::domain::{Actor, Command, Event, Kind, Rejection};
use roomledger::engine::{Call, EngineConfig, EngineError, Filter, Status};
use roomledger::replay::{self, EventQuery, NamesBook, read_page};
use roomledger::store::{EventStore, MemoryStore, Position, Record};
use roomledger::testing::virtual_time::VirtualEngine;

use super::support::{call, create, identity, join, open_on, remove, with_id};

fn open(refusals_per_minute_max: u32) -> (VirtualEngine, Arc<MemoryStore>) {
    let store = Arc::new(MemoryStore::new());
    let config = EngineConfig {
        refusals_per_minute_max,
        ..EngineConfig::default()
    };
    let log: Arc<dyn EventStore> = Arc::clone(&store) as Arc<dyn EventStore>;
    (open_on(log, config), store)
}

fn by(subject: &str, mut call: Call) -> Call {
    call.provenance.actor = Actor::of_key("devkey", Some(subject));
    call
}

fn sums(store: &MemoryStore) -> Vec<RefusalsSuppressed> {
    let all = store.read_all(Position(0), 10_000).unwrap();
    let sums = all
        .into_iter()
        .filter_map(|record| match record.event.event {
            Event::RefusalsSuppressed(sum) => Some(sum),
            _ => None,
        });
    sums.collect()
}

/// Who, in which room, on whom: often the same, sometimes another.
fn attempt() -> impl Strategy<Value = (u8, u8, u8)> {
    (0_u8..2, 0_u8..2, prop_oneof![0_u8..3, 0_u8..80])
}

fn is_recorded(engine: &VirtualEngine, call: Call) -> bool {
    let receipt = engine.execute_blocking(call).unwrap();
    assert!(matches!(receipt.status, Status::Refused(_)));
    !receipt.records.is_empty()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// The bounds in words: an actor has 40 a minute, of which 20 may be repeats, and 4 of them on
    /// each target. All others are in the sum of their actor, by room.
    #[test]
    fn each_attempt_is_recorded_or_counted(
        attempts in prop::collection::vec(attempt(), 1..300),
    ) {
        let (engine, store) = open(40);
        let mut recorded: BTreeMap<u8, Vec<(u8, u8)>> = BTreeMap::new();
        let mut counted: BTreeMap<(u8, u8), u64> = BTreeMap::new();
        for (actor, room, target) in attempts {
            let own = recorded.entry(actor).or_default();
            let same = own.iter().filter(|one| **one == (room, target)).count();
            let distinct = own.iter().collect::<BTreeSet<_>>().len();
            let repeats = own.len() - distinct;
            let expected = own.len() < 40 && (same == 0 || same < 4 && repeats < 20);
            if expected {
                own.push((room, target));
            } else {
                *counted.entry((actor, room)).or_default() += 1;
            }
            let attempt = remove(&format!("r{room}"), &format!("p{target}"));
            let done = is_recorded(&engine, by(&format!("a{actor}"), attempt));
            prop_assert_eq!(done, expected);
        }
        engine.advance(Duration::from_secs(60)).unwrap();
        let mut found: BTreeMap<(u8, u8), u64> = BTreeMap::new();
        for sum in sums(&store).iter().filter(|sum| sum.ended) {
            let digit = |text: &str| text.as_bytes()[1] - b'0';
            for part in &sum.counts {
                prop_assert_eq!(part.code.as_str(), "no-such-room");
                let room = digit(part.room.as_ref().unwrap().as_str());
                found.insert((digit(sum.actor.as_str()), room), part.count);
            }
        }
        prop_assert_eq!(found, counted);
    }
}

/// What the token of that subject does not grant.
fn denied(key: &str, subject: &str, room: &str) -> Call {
    let mut call = of_key(key, subject, remove(room, "somebody"));
    call.request.objection = Some(Rejection::NotGranted {
        room: room.to_owned(),
        key_id: key.to_owned(),
        call: "remove".to_owned(),
    });
    call
}

fn without_subject(mut call: Call) -> Call {
    call.provenance.actor = Actor::of_key("devkey", None);
    call
}

fn of_key(key: &str, subject: &str, mut call: Call) -> Call {
    call.provenance.actor = Actor::of_key(key, Some(subject));
    call
}

/// Guests are as many as there are browsers. One of them has 20 a minute, all of a key together
/// 200. They take nothing from a moderator or an application of their key, from a guest of another,
/// or from the next minute.
#[test]
fn guests_of_one_key_have_a_bound_together() {
    let (engine, store) = open(20);
    let mut recorded = 0;
    for guest in 0..40 {
        for room in 0..20 {
            let attempt = denied("devkey", &format!("g{guest}"), &format!("r{room}"));
            recorded += u32::from(is_recorded(&engine, attempt));
        }
    }
    assert_eq!(recorded, 200);
    let others = [
        denied("another", "g39", "r0"),
        by("moderator", remove("r0", "somebody")),
        by("g39", remove("r0", "somebody")),
        without_subject(remove("r0", "somebody")),
    ];
    for other in others {
        let actor = other.provenance.actor.clone();
        assert!(is_recorded(&engine, other), "{actor:?}");
    }
    engine.advance(Duration::from_secs(60)).unwrap();
    let sums: Vec<_> = sums(&store).into_iter().filter(|sum| sum.ended).collect();
    let [sum] = &sums[..] else {
        panic!("{sums:?}");
    };
    let of_whom = (sum.actor.as_str(), sum.key.as_deref());
    assert_eq!(of_whom, ("devkey", Some("devkey")));
    assert_eq!(sum.count(), 600);
    assert!(
        is_recorded(&engine, denied("devkey", "g39", "r0")),
        "a minute later"
    );
}

#[test]
fn ten_guests_of_a_key_have_sums_of_their_own() {
    let (engine, store) = open(20);
    for guest in 0..40 {
        let attempt = || denied("devkey", &format!("g{guest:0>2}"), "r");
        let recorded = (0..5).filter(|_| is_recorded(&engine, attempt()));
        assert_eq!(recorded.count(), 2, "guest {guest}");
    }
    engine.advance(Duration::from_secs(60)).unwrap();
    let sums = sums(&store).into_iter().filter(|sum| sum.ended);
    let counts: BTreeMap<_, _> = sums
        .map(|sum| (sum.actor.as_str().to_owned(), sum.count()))
        .collect();
    let own = (0..10).map(|guest| (format!("g{guest:0>2}"), 3));
    let expected: BTreeMap<_, _> = own.chain([("devkey".to_owned(), 90)]).collect();
    assert_eq!(counts, expected);
}

#[test]
fn a_loop_on_one_target_hides_nothing_else_of_its_key() {
    let (engine, _) = open(600);
    engine.execute_blocking(create("r")).unwrap();
    engine.execute_blocking(create("s")).unwrap();
    let ban = |room, who| {
        let identity = identity(who);
        call(
            room,
            Command::Ban {
                identity,
                until: None,
            },
        )
    };
    engine.execute_blocking(ban("r", "mallory")).unwrap();
    engine.execute_blocking(ban("s", "eve")).unwrap();
    let loops = (0..700).filter(|_| is_recorded(&engine, join("r", "mallory")));
    assert_eq!(loops.count(), 60);
    assert!(is_recorded(&engine, join("s", "eve")));
    assert!(is_recorded(&engine, remove("r", "mallory")), "another call");
    assert!(is_recorded(&engine, by("carol", join("r", "mallory"))));
}

/// What is in the log at any moment is what a kill leaves.
#[test]
fn a_sum_is_recorded_as_it_grows() {
    let (engine, store) = open(1);
    let refuse = |times: usize| {
        for _ in 0..times {
            engine.execute_blocking(remove("x", "y")).unwrap();
        }
    };
    let counts = || -> Vec<(u64, bool)> {
        let sums = sums(&store);
        sums.iter().map(|sum| (sum.count(), sum.ended)).collect()
    };
    refuse(2);
    assert_eq!(counts(), [(1, false)], "counting begins");
    refuse(4);
    assert_eq!(counts(), [(1, false), (2, false), (4, false)], "it doubles");
    refuse(1);
    assert_eq!(counts().len(), 3);
    engine.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(counts().last(), Some(&(6, false)), "it waited a second");
    engine.advance(Duration::from_secs(58)).unwrap();
    assert_eq!(counts().len(), 4, "it does not grow");
    engine.advance(Duration::from_secs(1)).unwrap();
    assert_eq!(counts().last(), Some(&(6, true)), "its minute ends");
    assert!(is_recorded(&engine, remove("x", "y")), "a new minute");
}

#[test]
fn a_sum_ends_with_the_engine() {
    let (engine, store) = open(1);
    for _ in 0..4 {
        engine.execute_blocking(remove("x", "y")).unwrap();
    }
    engine.shutdown_blocking().unwrap();
    let last = sums(&store).pop().unwrap();
    assert_eq!((last.count(), last.ended), (3, true));
    assert_eq!(last.counts[0].room.as_ref().unwrap().as_str(), "x");
}

/// A sum tells a hundred kinds apart, and counts the rest by code alone.
#[test]
fn a_sum_of_many_rooms_stays_small() {
    let (engine, store) = open(1);
    for number in 0..150 {
        engine
            .execute_blocking(remove(&format!("room-{number}"), "y"))
            .unwrap();
    }
    engine.shutdown_blocking().unwrap();
    let last = sums(&store).pop().unwrap();
    assert_eq!(last.count(), 149);
    assert_eq!(last.counts.len(), 101);
    let rest: Vec<u64> = last
        .counts
        .iter()
        .filter(|it| it.room.is_none())
        .map(|it| it.count)
        .collect();
    assert_eq!(rest, [49]);
}

#[test]
fn a_repeat_of_a_refusal_that_was_only_counted_answers_as_the_first_did() {
    let (engine, _) = open(2);
    engine.execute_blocking(create("r")).unwrap();
    let identity = identity("mallory");
    let ban = Command::Ban {
        identity,
        until: None,
    };
    let banned = engine.execute_blocking(call("r", ban)).unwrap();
    for _ in 0..2 {
        engine.execute_blocking(join("r", "mallory")).unwrap();
    }
    let ask = || engine.execute_blocking(with_id(join("r", "mallory"), "1"));
    let first = ask().unwrap();
    assert!(first.records.is_empty() && !first.replayed);
    let identity = super::support::identity("mallory");
    engine
        .execute_blocking(call("r", Command::Unban { identity }))
        .unwrap();
    let again = ask().unwrap();
    assert!(again.replayed);
    assert_eq!(again.status, first.status);
    let Status::Refused(refused) = &again.status else {
        panic!("{:?}", again.status);
    };
    assert_eq!(refused.because, [banned.position]);
    let other = engine.execute_blocking(with_id(join("r", "eve"), "1"));
    assert!(
        matches!(other, Err(EngineError::RequestIdReused { .. })),
        "{other:?}"
    );
}

/// A sum names its rooms, so each finds it, and learns nothing of the others.
#[test]
fn a_sum_is_found_by_each_room_that_it_counts() {
    let (engine, store) = open(1);
    for name in ["lobby", "a", "b", "a", "b", "b"] {
        engine.execute_blocking(remove(name, "y")).unwrap();
    }
    engine.execute_blocking(create("b")).unwrap();
    engine.advance(Duration::from_secs(60)).unwrap();
    let all: Vec<Record> = store.read_all(Position(0), 10_000).unwrap();
    let follow = |room: &str, after: u64| -> Vec<Record> {
        let room = Some(super::support::room(room));
        let mut followed = engine.subscribe(Position(after), Filter { room });
        let mut found = Vec::new();
        let head = store.head().position;
        while followed.position() < head {
            let next = super::support::run(followed.next()).unwrap().unwrap();
            found.push(Record::clone(&next.record));
            if next.record.position == all.last().unwrap().position {
                break;
            }
        }
        found
    };
    for (name, last) in [("a", 2), ("b", 3)] {
        let room = super::support::room(name);
        let counts_it = |record: &&Record| match &record.event.event {
            Event::RefusalsSuppressed(sum) => {
                sum.counts.iter().any(|it| it.room.as_ref() == Some(&room))
            }
            _ => false,
        };
        let expected: Vec<Position> = all.iter().filter(counts_it).map(|it| it.position).collect();
        let query = EventQuery {
            room: Some(room.clone()),
            filter: replay::Filter {
                kinds: vec![Kind::RefusalsSuppressed],
                ..replay::Filter::default()
            },
            ..EventQuery::default()
        };
        let page = read_page(&*store, &mut NamesBook::default(), &query).unwrap();
        let found: Vec<Position> = page.events.iter().map(|it| Position(it.position)).collect();
        assert_eq!(found, expected, "{name}");
        let shown = page.events.last().unwrap();
        assert_eq!(shown.data["count"], last, "{name}");
        assert_eq!(shown.data["counts"].as_array().unwrap().len(), 1, "{name}");
        assert_eq!(shown.data["counts"][0]["room"], name);
        let is_sum = |record: &&Record| record.event.event.kind() == Kind::RefusalsSuppressed;
        let followed = follow(name, 0);
        let sums: Vec<&Record> = followed.iter().filter(is_sum).collect();
        let at: Vec<Position> = sums.iter().map(|it| it.position).collect();
        assert_eq!(at, expected, "{name}");
        for sum in sums {
            let Event::RefusalsSuppressed(sum) = &sum.event.event else {
                unreachable!();
            };
            assert!(sum.counts.iter().all(|it| it.room.as_ref() == Some(&room)));
        }
    }
}

/// Only vendors' calls refuse a name that is taken; the reason is what made the room.
#[test]
fn a_name_that_is_taken_names_what_made_the_room() {
    let (engine, store) = open(10);
    engine.execute_blocking(create("r")).unwrap();
    let made = store.read_all(Position(0), 100).unwrap();
    let made = made
        .iter()
        .find(|it| it.event.event.kind() == Kind::RoomCreated);
    let again = CreateRoom {
        refuse_existing: true,
        ..CreateRoom::default()
    };
    let told = engine.execute_blocking(call("r", Command::CreateRoom(again)));
    let Status::Refused(refused) = told.unwrap().status else {
        panic!("it was made twice");
    };
    assert_eq!(refused.because, [made.unwrap().position]);
    assert_eq!(refused.detail, "name: a room named r already exists");
}
