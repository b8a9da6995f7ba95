//! What callers are told when the store fails, and when the engine stops.

use std::sync::Arc;
use std::time::Duration;

use roomledger::domain::Kind;
use roomledger::engine::{EngineConfig, EngineError};
use roomledger::store::{Commit, EventStore, Position, StoreError};
use roomledger::testing::virtual_time::VirtualEngine;

use super::execute::kinds;
use super::support::{GateStore, create, join, open, open_on, remove, room, run, with_id};

fn gated() -> (VirtualEngine, Arc<GateStore>) {
    let gate = Arc::new(GateStore::default());
    let store = Arc::clone(&gate) as Arc<dyn EventStore>;
    (open_on(store, EngineConfig::default()), gate)
}

pub(crate) fn io() -> StoreError {
    StoreError::Io {
        path: "journal".to_owned(),
        operation: "fdatasync",
        source: Arc::new(std::io::Error::other("as planned")),
    }
}

pub(crate) fn full() -> StoreError {
    StoreError::Full {
        path: "data".to_owned(),
        free_bytes: 1,
        reserve_bytes: 2,
    }
}

#[test]
fn the_first_failed_append_poisons_and_reads_go_on() {
    let (engine, gate) = gated();
    engine.execute_blocking(join("r", "alice")).unwrap();
    gate.fail_after(1, io());
    engine.execute_blocking(join("r", "bob")).unwrap();
    let before = engine.live(&room("r")).unwrap();
    let head = engine.head();
    let unsure = with_id(remove("r", "alice"), "1");
    let error = engine.execute_blocking(unsure.clone()).unwrap_err();
    assert!(matches!(&error, EngineError::Poisoned { cause } if cause.contains("as planned")));
    assert!(
        error
            .to_string()
            .contains("repeat with the same request id"),
        "{error}"
    );
    gate.heal();
    let later = engine.execute_blocking(unsure);
    assert!(
        matches!(later, Err(EngineError::Poisoned { .. })),
        "no retry, nothing acknowledged"
    );
    assert_eq!(engine.head(), head);
    assert_eq!(
        engine.live(&room("r")),
        Some(before),
        "nothing of it was shown"
    );
    assert!(
        !engine
            .store()
            .read_all(Position(0), 100)
            .unwrap()
            .is_empty()
    );
    let stopped = engine.shutdown_blocking();
    assert!(
        matches!(stopped, Err(EngineError::Poisoned { .. })),
        "{stopped:?}"
    );
}

/// Timers that are due never fire any more: nobody waits for them.
#[test]
fn a_poisoned_writer_rests() {
    let (engine, gate) = gated();
    engine.execute_blocking(create("r")).unwrap();
    gate.fail_after(0, io());
    engine.execute_blocking(join("r", "alice")).unwrap_err();
    engine.clock().advance(Duration::from_secs(10_000));
    assert_eq!(engine.fire_timers_blocking().unwrap(), None);
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let (engine, gate) = gated();
    engine.execute_blocking(join("r", "alice")).unwrap();
    gate.fail_after(0, full());
    let call = with_id(remove("r", "alice"), "1");
    let error = engine.execute_blocking(call.clone()).unwrap_err();
    assert!(
        matches!(error, EngineError::Store(StoreError::Full { .. })),
        "{error}"
    );
    gate.heal();
    let told = engine.execute_blocking(call).unwrap();
    assert!(!told.replayed, "nothing had been decided for good");
}

#[test]
fn timers_that_met_a_full_disk_fire_later() {
    let (engine, gate) = gated();
    engine.execute_blocking(join("r", "alice")).unwrap();
    engine.execute_blocking(remove("r", "alice")).unwrap();
    gate.fail_after(0, full());
    engine.advance(Duration::from_secs(30)).unwrap();
    assert!(engine.live(&room("r")).unwrap().open_session().is_some());
    gate.heal();
    engine.advance(Duration::from_secs(2)).unwrap();
    assert!(engine.live(&room("r")).unwrap().open_session().is_none());
}

#[test]
fn shutdown_records_the_stop_and_closes() {
    let engine = open();
    engine.execute_blocking(join("r", "alice")).unwrap();
    engine.shutdown_blocking().unwrap();
    let all = engine.store().read_all(Position(0), 100).unwrap();
    assert_eq!(kinds(&all).last(), Some(&Kind::EngineStopped));
    assert_eq!(engine.head(), engine.store().head().position);
    let late = engine.execute_blocking(join("r", "bob"));
    assert!(matches!(late, Err(EngineError::Closed)), "{late:?}");
    assert!(matches!(
        engine.shutdown_blocking(),
        Err(EngineError::Closed)
    ));
    assert!(matches!(
        run(engine.wait_for(Position(1_000))),
        Err(EngineError::Closed)
    ));
}

#[test]
fn shutdown_decides_what_waits() {
    let (engine, gate) = gated();
    run(async {
        gate.shut();
        let ask = |who: &str| {
            let (engine, call) = (engine.clone(), join("r", who));
            tokio::spawn(async move { engine.execute(call).await })
        };
        let first = ask("alice");
        tokio::task::yield_now().await;
        gate.wait_until_stuck();
        let second = ask("bob");
        let stopping = engine.clone();
        let stopped = tokio::spawn(async move { stopping.shutdown().await });
        tokio::task::yield_now().await;
        gate.open();
        assert!(first.await.unwrap().is_ok());
        assert!(second.await.unwrap().is_ok());
        stopped.await.unwrap().unwrap();
    });
}

#[test]
fn the_last_handle_gone_closes_in_order() {
    let (engine, gate) = gated();
    engine.execute_blocking(join("r", "alice")).unwrap();
    let mut following = engine.subscribe(engine.head(), roomledger::engine::Filter::default());
    drop(engine);
    let stop = run(following.next()).unwrap().unwrap();
    assert_eq!(kinds([&*stop.record]), [Kind::EngineStopped]);
    assert_eq!(run(following.next()).unwrap(), None);
    assert!(matches!(
        gate.append(&Commit::default()),
        Err(StoreError::Closed)
    ));
}
