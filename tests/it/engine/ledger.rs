//! The engine on disk: what it keeps beside the log changes how fast it opens, and nothing else.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use roomledger::engine::EngineConfig;
use roomledger::replay::{Moment, fold_on};
use roomledger::store::ledger::{Ledger, LedgerOptions};
use roomledger::store::{EventStore, Position};
use roomledger::testing::virtual_time::VirtualEngine;

use super::failure::io;
use super::support::{create, gate_over, join, open_on, remove, room, run, with_id};

fn ledger(dir: &Path) -> Ledger {
    let mut options = LedgerOptions::new(1, [7; 16], "boot".to_owned());
    options.segment_bytes = 1 << 20;
    options.frame_bytes_max = 1 << 19;
    options.reserve_bytes = 0;
    // A slow machine opens slowly; that is not what is looked at.
    options.open_wait = Duration::from_secs(600);
    options.read_wait = Duration::from_secs(600);
    Ledger::open(dir, options).unwrap().0
}

fn config() -> EngineConfig {
    EngineConfig {
        checkpoint_events: 20,
        snapshot_events: 5,
        ..EngineConfig::default()
    }
}

fn crowd(engine: &VirtualEngine) {
    for n in 0..12 {
        let who = format!("p{n}");
        let call = with_id(join("r", &who), &who);
        engine.execute_blocking(call).unwrap();
        engine.execute_blocking(remove("r", &who)).unwrap();
    }
    engine.execute_blocking(create("other")).unwrap();
}

fn check_open(engine: &VirtualEngine, rooms: &[Arc<roomledger::domain::Room>]) {
    assert_eq!(engine.live_rooms(), rooms);
    for n in 0..12 {
        let who = format!("p{n}");
        let call = with_id(join("r", &who), &who);
        assert!(engine.execute_blocking(call).unwrap().replayed, "{who}");
    }
}

#[test]
fn a_closed_engine_opens_from_its_checkpoint_or_without_it_to_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open_on(Arc::new(ledger(dir.path())), config());
    crowd(&engine);
    let rooms = engine.live_rooms();
    engine.shutdown_blocking().unwrap();
    let closed_at = engine.store().head().position;
    drop(engine);

    let gate = Arc::new(gate_over(Box::new(ledger(dir.path()))));
    let engine = open_on(Arc::clone(&gate) as Arc<dyn EventStore>, config());
    assert_eq!(gate.folded_after(), [closed_at], "nothing was folded again");
    check_open(&engine, &rooms);
    engine.shutdown_blocking().unwrap();
    gate.close_log();
    drop((engine, gate));

    std::fs::remove_file(dir.path().join("checkpoint")).unwrap();
    let gate = Arc::new(gate_over(Box::new(ledger(dir.path()))));
    let engine = open_on(Arc::clone(&gate) as Arc<dyn EventStore>, config());
    assert_eq!(
        gate.folded_after(),
        [Position(0)],
        "everything was folded again"
    );
    check_open(&engine, &rooms);
}

#[test]
fn an_engine_that_died_opens_from_a_checkpoint_on_its_way() {
    let dir = tempfile::tempdir().unwrap();
    let gate = Arc::new(gate_over(Box::new(ledger(dir.path()))));
    let store = Arc::clone(&gate) as Arc<dyn EventStore>;
    let engine = open_on(Arc::clone(&store), config());
    crowd(&engine);
    let rooms = engine.live_rooms();
    // It is kept beside the writer, by a thread that nobody waits for.
    let kept = || dir.path().join("checkpoint").exists();
    let mut looks = (0..6_000).map(|_| std::thread::sleep(Duration::from_millis(10)));
    while !kept() && looks.next().is_some() {}
    gate.fail_after(0, io());
    // With appends failing, the stop can record nothing and keeps no checkpoint.
    assert!(engine.shutdown_blocking().is_err());
    drop(engine);
    gate.heal();
    gate.reopen();
    let engine = open_on(store, config());
    let after = gate.folded_after();
    assert!(after.last() > Some(&Position(0)), "{after:?}");
    check_open(&engine, &rooms);
}

#[test]
fn looking_back_from_a_snapshot_is_the_fold_from_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let engine = open_on(Arc::new(ledger(dir.path())), config());
    crowd(&engine);
    engine.advance(Duration::from_secs(30)).unwrap();
    let r = room("r");
    let head = run(engine.version_at(&r, Moment::Head)).unwrap();
    for version in 1..=head.0 {
        let moment = Moment::Version(roomledger::domain::Version(version));
        let new = roomledger::domain::Room::new(r.clone());
        let folded = fold_on(&**engine.store(), new, moment).unwrap();
        let found = run(engine.as_of(&r, moment)).unwrap().unwrap();
        assert_eq!(*found, folded, "{version}");
    }
}
