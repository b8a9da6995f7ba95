//! A media server's list of who is connected: repeats of it, and across a restart.

use std::sync::Arc;

use roomledger::store::ledger::LedgerOptions;
use roomledger::testing::faults::SimulatedDisk;
use serde_json::{Value, json};

use super::support::Server;
use crate::ledger::options;

#[test]
fn a_repeated_sync_answers_as_the_first_did_also_after_a_restart() {
    let place = tempfile::tempdir().unwrap();
    let disk = SimulatedDisk::new();
    let open = || {
        let disk = Arc::new(disk.clone());
        Server::on_ledger(place.path(), LedgerOptions { disk, ..options() })
    };
    let sync = |server: &Server, request_id: &str, as_of: u64| {
        let body = json!({ "as_of": as_of, "connections": [] });
        let headers = [("idempotency-key", request_id)];
        server.post_with("/reporters/sfu-1/sync", &headers, &body)
    };
    let join = |server: &Server, room: &str| {
        let body = json!({ "identity": "alice", "reporter": "sfu-1" });
        server
            .post(&format!("/rooms/{room}/joins"), &body)
            .expect(201)
    };
    let server = open();
    for room in ["b", "a"] {
        join(&server, room);
    }
    let as_of = server.engine.head().0;
    let first = sync(&server, "q-1", as_of);
    let position = first.header("x-ledger-position").unwrap().to_owned();
    assert_eq!(first.header("x-ledger-replayed"), None);
    let first = first.expect(200);
    let rooms: Vec<&Value> = first["closed"].as_array().unwrap().iter().collect();
    let rooms: Vec<&Value> = rooms.iter().map(|closed| &closed["room"]).collect();
    assert_eq!(rooms, ["a", "b"]);
    // Later than what was asked for, in a room that has to be asked again and in another.
    for room in ["a", "c"] {
        join(&server, room);
    }
    let check = |server: &Server| {
        let head = server.engine.head();
        let again = sync(server, "q-1", as_of);
        assert_eq!(again.header("x-ledger-replayed"), Some("true"));
        assert_eq!(again.header("x-ledger-position"), Some(position.as_str()));
        assert_eq!(again.expect(200), first);
        let other = sync(server, "q-1", head.0).expect(409);
        assert_eq!(other["type"], "request-id-reused");
        assert_eq!(server.engine.head(), head, "neither records anything");
    };
    check(&server);
    server.engine.shutdown_blocking().unwrap();
    let server = open();
    check(&server);
    let next = sync(&server, "q-2", server.engine.head().0).expect(200);
    assert_eq!(next["closed"].as_array().unwrap().len(), 2, "{next}");
}

/// A position that the log has not reached was read in another history: nothing is read from there,
/// and nobody is closed because of it.
#[test]
fn a_position_beyond_the_head_is_of_another_history_and_changes_nothing() {
    let server = Server::new();
    let join = json!({ "identity": "alice", "connection": "c1", "reporter": "sfu" });
    server.post("/rooms/town/joins", &join).expect(201);
    let head = server.engine.head().0;
    for path in [
        "/events?after=",
        "/events?since=",
        "/events?since=%23",
        "/stream?after=",
    ] {
        let gone = server.get(&format!("{path}{}", head + 1)).expect(410);
        assert_eq!(gone["type"], "other-history", "{path}");
        if !path.contains("stream") {
            server.get(&format!("{path}{head}")).expect(200);
        }
    }
    let sync = |as_of: u64, connections: &Value| {
        let body = json!({ "as_of": as_of, "connections": connections });
        server.post("/reporters/sfu/sync", &body)
    };
    let gone = sync(head + 1, &json!([])).expect(410);
    assert_eq!(gone["type"], "other-history");
    assert_eq!(server.engine.head().0, head, "nobody was closed");
    // Who loses nobody is told so: there is nothing to get wrong.
    let listed = json!([{ "room": "town", "connection": "c1" }]);
    assert_eq!(sync(head + 1, &listed).expect(200)["closed"], json!([]));
    assert_eq!(server.engine.head().0, head);
    let closed = sync(head, &json!([])).expect(200);
    assert_eq!(closed["closed"].as_array().unwrap().len(), 1);
}

/// A media server may list whom it has under the room that it knew: who was moved is not lost.
#[test]
fn a_connection_that_is_listed_where_it_was_moved_from_stays() {
    for by_sid in [false, true] {
        let server = Server::new();
        let join = json!({ "identity": "alice", "connection": "c1", "reporter": "sfu" });
        let joined = server.post("/rooms/town/joins", &join).expect(201);
        let lost = json!({ "identity": "bob", "connection": "b1", "reporter": "sfu" });
        server.post("/rooms/hall/joins", &lost).expect(201);
        for (from, to) in [("town", "hall"), ("hall", "yard")] {
            let target = json!({ "command": "move", "target": "identity:alice", "to_room": to });
            server.command(from, &target);
        }
        let id = if by_sid { &joined["sid"] } else { &json!("c1") };
        let listed = json!([{ "room": "town", "connection": id }]);
        let body = json!({ "as_of": server.engine.head().0, "connections": listed });
        let closed = server.post("/reporters/sfu/sync", &body).expect(200);
        let closed = closed["closed"].as_array().unwrap();
        assert_eq!(closed.len(), 1, "{closed:?}");
        assert_eq!(closed[0]["connection"], "b1");
        assert_eq!(server.read("/rooms/yard/participants/alice")["live"], true);
    }
}
