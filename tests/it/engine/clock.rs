//! The ledger's time: it never goes back, and a jump of the wall clock pauses timers alone
//! (log.md rule 21).

use std::sync::Arc;
use std::time::Duration;

use roomledger::domain::{Kind, Timestamp};
use roomledger::engine::{Clock, Engine, EngineConfig};
use roomledger::store::{EventStore, MemoryStore, Position};

use super::support::{START, create, join, open, open_on, room, run};

fn clock_kinds(engine: &Engine) -> Vec<Kind> {
    let all = engine.store().read_all(Position(0), usize::MAX).unwrap();
    let kinds = all.iter().map(|record| record.event.event.kind());
    kinds
        .filter(|kind| matches!(kind, Kind::ClockHeld | Kind::ClockReleased))
        .collect()
}

fn recorded_at(engine: &Engine) -> Vec<Timestamp> {
    let all = engine.store().read_all(Position(0), usize::MAX).unwrap();
    all.iter()
        .map(|record| record.command.recorded_at)
        .collect()
}

#[test]
fn a_jump_pauses_timers_until_ten_steady_minutes_have_passed() {
    let engine = open();
    engine.execute_blocking(create("r")).unwrap();
    engine.clock().set_wall(START.plus_seconds(2_000_000_000));
    engine.advance(Duration::from_secs(301)).unwrap();
    assert_eq!(clock_kinds(&engine), [Kind::ClockHeld]);
    assert!(
        engine.live(&room("r")).unwrap().open_session().is_some(),
        "timers rest"
    );
    let held = engine.execute_blocking(join("s", "alice")).unwrap();
    let at = held.records[0].command.recorded_at;
    assert_eq!(
        at,
        START.plus_seconds(301),
        "the ledger's time goes on by itself"
    );
    assert_eq!(held.records[0].command.wall_at, engine.clock().wall());
    for _ in 0..11 {
        engine.advance(Duration::from_secs(60)).unwrap();
    }
    assert_eq!(clock_kinds(&engine), [Kind::ClockHeld, Kind::ClockReleased]);
    assert!(
        engine.live(&room("r")).unwrap().open_session().is_none(),
        "timers run"
    );
}

/// While timers rest the clock is looked at once a minute, though nothing is recorded.
#[test]
fn a_writer_whose_clock_is_held_rests_between_two_looks() {
    let engine = open();
    engine.execute_blocking(create("r")).unwrap();
    engine.clock().set_wall(START.plus_seconds(2_000_000_000));
    for minute in 1..9 {
        let due = engine.fire_timers_blocking().unwrap();
        assert_eq!(due, Some(START.plus_seconds(60 * minute)));
        engine.clock().advance(Duration::from_secs(60));
    }
    assert_eq!(clock_kinds(&engine), [Kind::ClockHeld]);
}

#[test]
fn an_operator_releases_the_clock_at_once() {
    let engine = open();
    engine.clock().set_wall(START.plus_seconds(7_200));
    engine.execute_blocking(create("r")).unwrap();
    assert_eq!(clock_kinds(&engine), [Kind::ClockHeld]);
    run(engine.release_clock()).unwrap();
    assert_eq!(clock_kinds(&engine), [Kind::ClockHeld, Kind::ClockReleased]);
    engine.execute_blocking(join("r", "alice")).unwrap();
    assert_eq!(
        clock_kinds(&engine).len(),
        2,
        "the new wall time is the trusted one"
    );
}

#[test]
fn time_never_goes_back_in_a_log() {
    let store: Arc<dyn EventStore> = Arc::new(MemoryStore::new());
    let engine = open_on(Arc::clone(&store), EngineConfig::default());
    engine.execute_blocking(create("r")).unwrap();
    engine.advance(Duration::from_secs(100)).unwrap();
    engine.clock().set_wall(Timestamp::EPOCH);
    engine.execute_blocking(join("r", "alice")).unwrap();
    engine.advance(Duration::from_secs(100)).unwrap();
    engine.execute_blocking(join("r", "bob")).unwrap();
    let times = recorded_at(&engine);
    assert!(times.is_sorted(), "{times:?}");
    assert_eq!(times.last(), Some(&START.plus_seconds(200)));
}
