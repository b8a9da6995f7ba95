//! Law 14: a subscription sees every position once, in order, however slow and however often it
//! begins anew.

use std::sync::Arc;
use std::thread;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::Config;
use roomledger::domain::Event;
use roomledger::engine::{Delivery, Engine, EngineConfig, Filter};
use roomledger::store::{MemoryStore, Position, Record};

use super::support::{join, open, open_on, remove, room, run};

#[derive(Clone, Copy, Debug)]
enum Step {
    Write(u8),
    Read(u8),
    BeginAnew,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => any::<u8>().prop_map(Step::Write),
        4 => (1_u8..20).prop_map(Step::Read),
        1 => Just(Step::BeginAnew),
    ];
    vec(step, 0..40)
}

fn write(engine: &Engine, choice: u8) {
    let name = if choice.is_multiple_of(3) { "a" } else { "b" };
    let who = format!("p{}", choice % 5);
    let call = if choice.is_multiple_of(2) {
        join(name, &who)
    } else {
        remove(name, &who)
    };
    engine.execute_blocking(call).unwrap();
}

/// A refusal where there was no room of that name.
fn names(record: &Record, filter: &Filter) -> bool {
    let Event::CommandRefused(no) = &record.event.event else {
        return false;
    };
    record.room.is_none() && no.room == filter.room
}

fn wanted(engine: &Engine, filter: &Filter) -> Vec<Position> {
    let all = engine.store().read_all(Position(0), usize::MAX).unwrap();
    let wanted = all
        .iter()
        .filter(|r| filter.room.is_none() || r.room == filter.room || names(r, filter));
    wanted.map(|record| record.position).collect()
}

proptest! {
    #![proptest_config(Config {
        cases: Config::default().cases.max(256),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn law_14_every_position_once_in_order(
        steps in steps(),
        tail_bytes_max in prop_oneof![Just(0_u64), Just(3_000), Just(1 << 20)],
        one_room in any::<bool>(),
    ) {
        let config = EngineConfig { tail_bytes_max, ..EngineConfig::default() };
        let engine = open_on(Arc::new(MemoryStore::new()), config);
        let filter = Filter { room: one_room.then(|| room("a")) };
        let mut following = engine.subscribe(Position(0), filter.clone());
        let mut given: Vec<Delivery> = Vec::new();
        let read = |following: &mut _, given: &mut Vec<Delivery>, most: usize| {
            let left = wanted(&engine, &filter).len() - given.len();
            for _ in 0..left.min(most) {
                let following: &mut roomledger::engine::Subscription = following;
                given.push(run(following.next()).unwrap().unwrap());
            }
        };
        for step in steps {
            match step {
                Step::Write(choice) => write(&engine, choice),
                Step::Read(most) => read(&mut following, &mut given, most.into()),
                Step::BeginAnew => {
                    let last = given.last().map_or(Position(0), |last| last.record.position);
                    following = engine.subscribe(last, filter.clone());
                }
            }
        }
        read(&mut following, &mut given, usize::MAX);
        let positions: Vec<_> = given.iter().map(|given| given.record.position).collect();
        prop_assert_eq!(positions, wanted(&engine, &filter));
        for given in given {
            let position = given.record.position;
            prop_assert_eq!(engine.store().commit_of(position).unwrap(), given.commit);
        }
    }
}

#[test]
fn a_follower_beside_writers_misses_nothing() {
    let config = EngineConfig {
        tail_bytes_max: 4_000,
        ..EngineConfig::default()
    };
    let engine = open_on(Arc::new(MemoryStore::new()), config);
    let mut following = engine.subscribe(Position(0), Filter::default());
    let writers: Vec<_> = (0..4_u8)
        .map(|n| {
            let engine = (*engine).clone();
            thread::spawn(move || (0..50).for_each(|m| write(&engine, n.wrapping_mul(50) + m)))
        })
        .collect();
    let stopper = (*engine).clone();
    let stop = thread::spawn(move || {
        for writer in writers {
            writer.join().unwrap();
        }
        stopper.shutdown_blocking().unwrap();
    });
    let positions = run(async {
        let mut positions = Vec::new();
        while let Some(given) = following.next().await.unwrap() {
            positions.push(given.record.position.0);
        }
        positions
    });
    stop.join().unwrap();
    let head = engine.store().head().position.0;
    assert_eq!(positions, (1..=head).collect::<Vec<_>>());
}

#[test]
fn a_position_can_be_waited_for() {
    let engine = open();
    let head = engine.head();
    run(engine.wait_for(head)).unwrap();
    let waiting = (*engine).clone();
    let waiter = thread::spawn(move || {
        run(waiting.wait_for(Position(head.0 + 1))).unwrap();
        waiting.head()
    });
    engine.execute_blocking(join("r", "alice")).unwrap();
    assert!(waiter.join().unwrap() > head);
}
