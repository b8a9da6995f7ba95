//! Timers in virtual time: the same at every run, each at its moment.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use roomledger::domain::event::{EndReason, Event};
use roomledger::domain::{ActorKind, Timestamp};
use roomledger::engine::{Engine, EngineConfig};
use roomledger::store::{Appended, Commit, EventStore, MemoryStore, Position, StoreError};
use roomledger::testing::front::{Front, Fronted};

use super::support::{START, create, join, open, open_on, remove, room};

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

/// A log in memory whose commits hold at most so many records.
struct Narrow {
    log: MemoryStore,
    records_max: AtomicUsize,
}

impl Front for Narrow {
    fn log(&self) -> &dyn EventStore {
        &self.log
    }

    fn append(&self, commit: &Commit) -> Result<Appended, StoreError> {
        let (bytes, bytes_max) = (commit.count(), self.records_max.load(Ordering::SeqCst));
        if bytes > bytes_max {
            return Err(StoreError::TooLarge { bytes, bytes_max });
        }
        self.log.append(commit)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.log.close()
    }
}

/// Rooms that are all due at once come to more than one commit holds, alone or with a command.
#[test]
fn timers_that_are_too_much_for_one_commit_fire_in_several() {
    for with_command in [false, true] {
        let store = Arc::new(Fronted(Narrow {
            log: MemoryStore::new(),
            records_max: AtomicUsize::new(5),
        }));
        let engine = open_on(
            Arc::clone(&store) as Arc<dyn EventStore>,
            EngineConfig::default(),
        );
        for n in 0..40 {
            engine.execute_blocking(create(&format!("r{n}"))).unwrap();
        }
        engine.clock().advance(Duration::from_secs(300));

        // Not even one fits: each is put off, and tried again.
        store.records_max.store(0, Ordering::SeqCst);
        let due = engine.fire_timers_blocking().unwrap();
        assert_eq!(due, Some(START.plus_seconds(301)));
        assert_eq!(ends(&engine), []);

        store.records_max.store(5, Ordering::SeqCst);
        engine.clock().advance(Duration::from_secs(1));
        if with_command {
            engine.execute_blocking(join("new", "alice")).unwrap();
        }
        let due = engine.fire_timers_blocking().unwrap();
        assert_eq!(due, None);
        let end = (EndReason::Empty, START.plus_seconds(301), ActorKind::Policy);
        assert_eq!(ends(&engine), vec![end; 40]);
        engine.shutdown_blocking().unwrap();
    }
}
