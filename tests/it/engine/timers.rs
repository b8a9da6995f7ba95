//! Timers in virtual time: the same at every run, each at its moment.

use std::time::Duration;

use roomledger::domain::event::{EndReason, Event};
use roomledger::domain::{ActorKind, Timestamp};
use roomledger::engine::Engine;
use roomledger::store::Position;

use super::support::{START, create, join, open, remove, room};

fn ends(engine: &Engine) -> Vec<(EndReason, Timestamp, ActorKind)> {
    let all = engine.store().read_all(Position(0), usize::MAX).unwrap();
    all.iter()
        .filter_map(|record| {
            let Event::SessionEnded(ended) = &record.event.event else {
                return None;
            };
            let command = &record.command;
            Some((
                ended.reason,
                command.recorded_at,
                command.provenance.actor.kind,
            ))
        })
        .collect()
}

#[test]
fn a_session_that_nobody_joins_ends_when_its_empty_timeout_is_over() {
    let engine = open();
    engine.execute_blocking(create("r")).unwrap();
    engine.advance(Duration::from_secs(299)).unwrap();
    assert_eq!(ends(&engine), []);
    engine.advance(Duration::from_secs(1)).unwrap();
    let end = (EndReason::Empty, START.plus_seconds(300), ActorKind::Policy);
    assert_eq!(ends(&engine), [end]);
}

#[test]
fn each_timer_fires_at_its_own_moment_on_a_long_way() {
    let engine = open();
    engine.execute_blocking(join("a", "alice")).unwrap();
    engine.execute_blocking(remove("a", "alice")).unwrap();
    engine.execute_blocking(create("b")).unwrap();
    engine.advance(Duration::from_secs(10_000)).unwrap();
    let departed = (
        EndReason::Departed,
        START.plus_seconds(20),
        ActorKind::Policy,
    );
    let empty = (EndReason::Empty, START.plus_seconds(300), ActorKind::Policy);
    assert_eq!(ends(&engine), [departed, empty]);
    assert!(engine.live_rooms().is_empty());
}

#[test]
fn who_comes_back_in_time_keeps_the_session() {
    let engine = open();
    engine.execute_blocking(join("r", "alice")).unwrap();
    engine.execute_blocking(remove("r", "alice")).unwrap();
    engine.advance(Duration::from_secs(19)).unwrap();
    engine.execute_blocking(join("r", "alice")).unwrap();
    engine.advance(Duration::from_secs(1_000)).unwrap();
    assert_eq!(ends(&engine), []);
    assert!(engine.live(&room("r")).unwrap().open_session().is_some());
}
