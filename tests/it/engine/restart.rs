//! An engine opened on a log that another one wrote.

use std::sync::Arc;
use std::time::Duration;

use roomledger::domain::{Event, Kind};
use roomledger::engine::{EngineConfig, EngineError, Status};
use roomledger::store::{EventStore, Position, StoreError};
use roomledger::testing::virtual_time::VirtualEngine;

use super::execute::kinds;
use super::failure::{full, io};
use super::support::{GateStore, START, create, join, open_on, remove, room, with_id};

fn open_again(store: &Arc<GateStore>, config: EngineConfig) -> VirtualEngine {
    store.reopen();
    open_on(Arc::clone(store) as Arc<dyn EventStore>, config)
}

fn starts(store: &dyn EventStore) -> Vec<bool> {
    let all = store.read_all(Position(0), usize::MAX).unwrap();
    all.iter()
        .filter_map(|record| {
            let Event::EngineStarted(started) = &record.event.event else {
                return None;
            };
            Some(started.clean)
        })
        .collect()
}

/// Where nothing can be written there is still something to read.
#[test]
fn an_engine_starts_on_a_full_disk_and_its_first_commit_records_the_start() {
    let store = Arc::new(GateStore::default());
    let engine = open_again(&store, EngineConfig::default());
    engine.execute_blocking(join("r", "alice")).unwrap();
    let before = engine.live(&room("r"));
    engine.shutdown_blocking().unwrap();
    let head = store.head();

    store.fail_after(0, full());
    let engine = open_again(&store, EngineConfig::default());
    assert_eq!(engine.live(&room("r")), before);
    let refused = engine.execute_blocking(join("r", "bob"));
    assert!(
        matches!(refused, Err(EngineError::Store(StoreError::Full { .. }))),
        "{refused:?}"
    );
    assert_eq!(store.head(), head);

    store.heal();
    engine.execute_blocking(join("r", "bob")).unwrap();
    assert_eq!(starts(&*store), [true, true]);
    let next = store.read_all(head.position, 1).unwrap();
    assert_eq!(kinds(&next), [Kind::EngineStarted]);
}

/// A store that breaks at once is no store to read from.
#[test]
fn an_engine_does_not_start_where_its_first_append_breaks() {
    let store = Arc::new(GateStore::default());
    store.fail_after(0, io());
    let opened = VirtualEngine::open(store, EngineConfig::default(), START);
    assert!(
        matches!(opened, Err(EngineError::Poisoned { .. })),
        "{opened:?}"
    );
}

#[test]
fn rooms_outcomes_and_timers_come_back() {
    let store = Arc::new(GateStore::default());
    let engine = open_again(&store, EngineConfig::default());
    engine.execute_blocking(create("empty")).unwrap();
    let calls = [
        with_id(join("r", "alice"), "1"),
        with_id(remove("r", "nobody"), "2"),
        with_id(remove("nowhere", "nobody"), "3"),
    ];
    let first = calls
        .clone()
        .map(|call| engine.execute_blocking(call).unwrap());
    let rooms = engine.live_rooms();
    engine.shutdown_blocking().unwrap();

    let engine = open_again(&store, EngineConfig::default());
    assert_eq!(engine.live_rooms(), rooms);
    for (call, first) in calls.into_iter().zip(first) {
        let again = engine.execute_blocking(call).unwrap();
        assert!(again.replayed);
        assert_eq!(
            (again.position, again.version),
            (first.position, first.version)
        );
        assert_eq!((again.records, again.room), (first.records, first.room));
        match (again.status, first.status) {
            (Status::Refused(again), Status::Refused(first)) => {
                assert_eq!(again.code, first.code);
                assert_eq!(again.detail, first.detail);
                assert_eq!(again.because, first.because);
            }
            (again, first) => assert_eq!(again, first),
        }
    }
    engine.advance(Duration::from_secs(300)).unwrap();
    assert!(
        engine
            .live(&room("empty"))
            .unwrap()
            .open_session()
            .is_none()
    );
    assert_eq!(starts(&*store), [true, true]);
}

#[test]
fn a_log_that_was_not_closed_in_order_is_said_to_be_unclean() {
    let store = Arc::new(GateStore::default());
    let engine = open_again(&store, EngineConfig::default());
    engine.execute_blocking(create("r")).unwrap();
    // The first engine still runs; a crash would leave the log just like this.
    let _second = open_again(&store, EngineConfig::default());
    assert_eq!(starts(&*store), [true, false]);
}

#[test]
fn changed_defaults_are_recorded_once() {
    let store = Arc::new(GateStore::default());
    let mut config = EngineConfig::default();
    config.defaults.config.max_participants = 7;
    for _ in 0..2 {
        let engine = open_again(&store, config.clone());
        engine.shutdown_blocking().unwrap();
    }
    let all = store.read_all(Position(0), usize::MAX).unwrap();
    let kinds: Vec<Kind> = all.iter().map(|record| record.event.event.kind()).collect();
    let changes = kinds
        .iter()
        .filter(|kind| **kind == Kind::DefaultsChanged)
        .count();
    assert_eq!(changes, 1, "{kinds:?}");
}
