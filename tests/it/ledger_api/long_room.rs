//! A room with a long history: no command in it and no event of it is named by reading that.

use std::path::Path;
use std::sync::atomic::Ordering;

use roomledger::domain::{RoomName, Version};
use roomledger::replay::NamesBook;
use roomledger::store::EventStore as _;
use serde_json::{Value, json};

use super::past::open;
use super::support::Server;
use crate::engine::ledger::reducer_of_the_sources;

/// People who come, and then far more events than any name may cost.
fn write(dir: &Path) {
    let (server, _) = open(dir, SNAPSHOT_EVENTS);
    for who in 0..3 {
        let body = json!({ "identity": format!("p{who}"), "connection": format!("c{who}"),
            "name": format!("Person {who}") });
        server.post("/rooms/long/joins", &body).expect(201);
    }
    for batch in 0..EVENTS / 100 {
        let items: Vec<Value> = (0..100).map(|at| note("long", batch * 100 + at)).collect();
        server
            .post("/batch", &json!({ "items": items }))
            .expect(200);
    }
    let stopped = server.engine.shutdown();
    server.runtime.block_on(stopped).unwrap();
}

fn note(room: &str, at: u64) -> Value {
    json!({ "method": "POST", "path": format!("/rooms/{room}/commands"),
        "body": { "command": "add_note", "text": at.to_string() } })
}

fn remove(server: &Server, who: u64) -> Value {
    let target = format!("identity:p{who}");
    let answer = server.command("long", &json!({ "command": "remove", "target": target }));
    assert!(
        answer.to_string().contains(&format!("\"c{who}\"")),
        "{answer:#}"
    );
    answer
}

#[test]
fn a_command_costs_the_same_after_a_start_and_after_many_other_rooms() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let (server, log) = open(dir.path(), SNAPSHOT_EVENTS);
    let cost = |what: &str, work: &dyn Fn()| {
        log.records.store(0, Ordering::Relaxed);
        work();
        let records = log.records.load(Ordering::Relaxed);
        assert!(records <= NAMING_MAX, "{what}: {records} records read");
    };
    cost("the first after the start", &|| drop(remove(&server, 0)));
    cost("the second", &|| drop(remove(&server, 1)));
    for first in (0..1_010).step_by(100) {
        let rooms = first..1_010.min(first + 100);
        let items: Vec<Value> = rooms.map(|at| note(&format!("room-{at}"), at)).collect();
        let answers = server
            .post("/batch", &json!({ "items": items }))
            .expect(200);
        drop(answers);
    }
    cost("after many other rooms", &|| drop(remove(&server, 2)));
}

#[test]
fn an_event_at_its_end_costs_the_names_in_it() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path());
    let (server, log) = open(dir.path(), SNAPSHOT_EVENTS);
    remove(&server, 0);
    let room = RoomName::new("long").unwrap();
    let records = log.read_room(Some(&room), Version(EVENTS), 100).unwrap();
    for record in records {
        log.records.store(0, Ordering::Relaxed);
        let shown = NamesBook::default().show(&*log, &record).unwrap();
        let records = log.records.load(Ordering::Relaxed);
        assert!(
            records <= NAMING_MAX,
            "{}: {records} records read",
            shown.kind
        );
        assert!(shown.session.is_some());
    }
    log.records.store(0, Ordering::Relaxed);
    let page = server.events("room=long&order=desc&limit=5");
    assert_eq!(page.len(), 5);
    let records = log.records.load(Ordering::Relaxed);
    assert!(records <= PAGE_MAX, "a page: {records} records read");
}

#[test]
fn one_who_comes_back_again_and_again_is_not_kept_once_more_for_each_time() {
    let dir = tempfile::tempdir().unwrap();
    let (server, log) = open(dir.path(), 20);
    server.join("flap", "stays");
    let metadata = "m".repeat(METADATA_BYTES);
    for at in 0..RECONNECTS {
        let connection = format!("c{at}");
        let body = json!({ "identity": "flaps", "connection": connection, "metadata": metadata });
        server.post("/rooms/flap/joins", &body).expect(201);
        let target = format!("connection:{connection}");
        server.command("flap", &json!({ "command": "remove", "target": target }));
    }
    let stopped = server.engine.shutdown();
    server.runtime.block_on(stopped).unwrap();
    drop((server, log));
    let (_server, log) = open(dir.path(), 20);
    let (room, stamp) = (RoomName::new("flap").unwrap(), reducer_of_the_sources());
    let caches = log.log.caches().unwrap();
    let (mut up_to, mut bytes, mut count) = (Version(u64::MAX), 0, 0);
    while let Some(snapshot) = caches.snapshot_at_or_before(&room, up_to, &stamp) {
        bytes += snapshot.bytes.len();
        count += 1;
        up_to = Version(snapshot.version.0 - 1);
    }
    let most = 6 * RECONNECTS * METADATA_BYTES;
    assert!(
        count > 2 && bytes <= most,
        "{count} snapshots of {bytes} bytes"
    );
}

const RECONNECTS: usize = 300;
const METADATA_BYTES: usize = 1_000;
const SNAPSHOT_EVENTS: u64 = 500;
const EVENTS: u64 = 3_000;
/// Some names, with the events that gave them out, and the session.
const NAMING_MAX: usize = 32;
/// One batch of records is looked at.
const PAGE_MAX: usize = 1_024 + 200;
