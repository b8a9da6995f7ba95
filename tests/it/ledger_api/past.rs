//! The past over HTTP: what it shows is what folding the whole history comes to, and what it costs
//! is the way from the nearest snapshot.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use roomledger::domain::{RoomName, Version};
use roomledger::engine::EngineConfig;
use roomledger::replay::view::RoomView;
use roomledger::replay::{Moment, as_of, instant_of, session_views};
use roomledger::store::ledger::{Ledger, LedgerOptions};
use roomledger::store::{EventStore, Position};
use roomledger::testing::front::Fronted;
use serde_json::{Value, json};

use super::support::{Counting, Server};
use crate::engine::ledger::reducer_of_the_sources;

pub(super) fn open(dir: &Path, snapshot_events: u64) -> (Server, Arc<Fronted<Counting<Ledger>>>) {
    let mut options = LedgerOptions::new(1, [7; 16], "boot".to_owned());
    options.reserve_bytes = 0;
    let log = Arc::new(Fronted(Counting {
        log: Ledger::open(dir, options).unwrap().0,
        records: AtomicUsize::new(0),
    }));
    let config = EngineConfig {
        snapshot_events,
        ..EngineConfig::default()
    };
    (
        Server::on(Arc::clone(&log) as Arc<dyn EventStore>, config),
        log,
    )
}

/// Snapshots are written on the side: waits until one of the room stands at a version or later.
fn wait_for_snapshot(log: &Fronted<Counting<Ledger>>, room: &RoomName, version: u64) {
    let stamp = reducer_of_the_sources();
    let stands = || {
        let caches = log.log.caches()?;
        let snapshot = caches.snapshot_at_or_before(room, Version(u64::MAX), &stamp)?;
        (snapshot.version >= Version(version)).then_some(())
    };
    for _ in 0..12_000 {
        if stands().is_some() {
            return;
        }
        thread::sleep(Duration::from_millis(5));
    }
    panic!("no snapshot at {version} or later within a minute");
}

/// Five sessions, in which people come, speak and go.
fn sessions(server: &Server) {
    for session in 0..5 {
        for who in 0..4 {
            let identity = format!("p{}", (session + who) % 6);
            let body = json!({ "identity": identity, "connection": format!("c{session}-{who}") });
            server.post("/rooms/town/joins", &body).expect(201);
            server.advance(7);
            let note = json!({ "command": "update_participant",
                "target": format!("identity:{identity}"), "metadata": format!("{session}.{who}") });
            server.command("town", &note);
        }
        let removed = format!("identity:p{}", session % 6);
        server.command("town", &json!({ "command": "remove", "target": removed }));
        server.advance(60);
        server.command("town", &json!({ "command": "end_session" }));
        server.advance(60);
    }
}

#[test]
fn it_is_what_the_whole_history_folds_to() {
    let dir = tempfile::tempdir().unwrap();
    let (server, log) = open(dir.path(), 5);
    sessions(&server);
    let room = RoomName::new("town").unwrap();
    let head = log.room_head(Some(&room)).unwrap();
    wait_for_snapshot(&log, &room, head.0 - 10);
    let (store, now) = (&log.log as &dyn EventStore, server.engine.now());
    for position in 1..=log.head().position.0 {
        let moment = Moment::Position(Position(position));
        let folded = as_of(store, &room, moment).unwrap();
        let at = instant_of(store, moment, now).unwrap();
        let shown = server.get(&format!("/rooms/town?at={position}"));
        if folded.room.version == Version(0) {
            shown.expect(404);
            continue;
        }
        let view = RoomView::at(&folded.room, &folded.names, at);
        assert_eq!(
            shown.expect(200),
            serde_json::to_value(view).unwrap(),
            "#{position}"
        );
        let views = session_views(store, &room, moment, now).unwrap();
        let shown = server.read(&format!("/rooms/town/sessions?at={position}"));
        let views = serde_json::to_value(views).unwrap();
        assert_eq!(shown["sessions"], views, "#{position}");
        for view in views.as_array().unwrap() {
            let session = view["session"].as_str().unwrap();
            let one = server.read(&format!("/sessions/{session}?at={position}"));
            assert_eq!(&one, view, "#{position}");
        }
    }
}

#[test]
fn it_costs_the_way_from_the_nearest_snapshot() {
    let dir = tempfile::tempdir().unwrap();
    let (server, log) = open(dir.path(), SNAPSHOT_EVENTS);
    sessions(&server);
    let first = server.read("/rooms/town/sessions")["sessions"][0]["session"].clone();
    let (first, room) = (first.as_str().unwrap(), RoomName::new("town").unwrap());
    let begun = log.room_head(Some(&room)).unwrap().0;
    let update = |at: u64| {
        json!({ "method": "POST", "path": "/rooms/town/commands",
        "body": { "command": "update_room", "metadata": at.to_string() } })
    };
    for batch in 0..EVENTS / 100 {
        let items: Vec<Value> = (0..100).map(|at| update(batch * 100 + at)).collect();
        server
            .post("/batch", &json!({ "items": items }))
            .expect(200);
        // One of a room waits at a time; what comes meanwhile has none.
        wait_for_snapshot(&log, &room, begun + batch * 100);
    }
    let last = log.head().position.0;
    for path in [
        format!("/rooms/town?at={}", last - EVENTS / 2),
        format!("/rooms/town?at={}", last - 7),
        format!("/rooms/town/participants/p0?at={}", last - 7),
        format!("/rooms/town/present?at={}", last - 7),
        "/rooms/town/sessions".to_owned(),
        format!("/sessions/{first}"),
    ] {
        // The first time, the names of the room are read as well.
        server.read(&path);
        log.records.store(0, Ordering::Relaxed);
        server.read(&path);
        let records = log.records.load(Ordering::Relaxed);
        let most = usize::try_from(4 * SNAPSHOT_EVENTS).unwrap();
        assert!(records <= most, "{path}: {records} records read");
    }
}

const SNAPSHOT_EVENTS: u64 = 50;
/// Far more than any of the answers may read.
const EVENTS: u64 = 1_500;
