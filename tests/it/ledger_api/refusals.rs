//! Bad callers, bad bodies and repeats: clear answers, and a record wherever the caller is known.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use axum::http::Method;
use roomledger::dialect::auth::claims::{Grants, LedgerGrant, VideoGrant};
use roomledger::dialect::ledger::status_of;
use roomledger::domain::Code;
use roomledger::engine::EngineConfig;
use roomledger::store::ledger::LedgerOptions;
use roomledger::store::{Appended, Commit, EventStore, MemoryStore, StoreError};
use roomledger::testing::faults::SimulatedDisk;
use roomledger::testing::front::{Front, Fronted};
use serde_json::{Value, json};

use crate::ledger::options;

use super::support::Server;

fn of_room(room: &str) -> Grants {
    Grants {
        video: Some(VideoGrant {
            room_admin: true,
            room: room.to_owned(),
            ..VideoGrant::default()
        }),
        ..Grants::default()
    }
}

#[test]
fn without_a_good_token_nothing_is_done_or_recorded() {
    let server = Server::new();
    let head = server.engine.head();
    for bearer in ["Basic x", "Bearer ", "Bearer x.y.z", "bearer x"] {
        let headers = [("authorization", bearer)];
        let answer = server.post_with("/rooms/town/joins", &headers, &json!({ "identity": "a" }));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        assert_eq!(
            answer.header("x-ledger-position"),
            Some(head.to_string().as_str())
        );
        let problem = answer.expect(401);
        assert_eq!(problem["type"], "unauthenticated");
        assert_eq!(
            (&problem["status"], &problem["title"]),
            (&json!(401), &json!("Unauthorized"))
        );
    }
    assert_eq!(server.engine.head(), head);
}

#[test]
fn who_may_not_is_refused_and_recorded() {
    let server = Server::new();
    server.join("town", "alice");
    let check = |grants: &Grants, path: &str, body: &Value, status: u16| {
        let bearer = format!("Bearer {}", server.token(grants));
        let answer = server.post_with(path, &[("authorization", &bearer)], body);
        let body = answer.expect(status);
        if status == 403 {
            assert_eq!(body["type"], "no-right", "{path}");
            let event = server.read(&format!("/events/{}", body["position"]));
            assert_eq!(event["kind"], "command_refused");
            assert_eq!(event["data"]["code"], "no-right");
        }
    };
    let report = Grants {
        ledger: LedgerGrant {
            report: true,
            ..LedgerGrant::default()
        },
        ..Grants::default()
    };
    let join = json!({ "identity": "bob" });
    let remove = json!({ "command": "remove", "target": "identity:alice" });
    check(&of_room("hall"), "/rooms/town/joins", &join, 403);
    check(
        &of_room("hall"),
        "/rooms/town/commands",
        &json!({ "what": 1 }),
        403,
    );
    check(&report, "/rooms/town/commands", &remove, 403);
    check(&report, "/rooms/town/joins", &join, 201);
    check(&of_room("town"), "/rooms/town/commands", &remove, 200);
    let create = json!({ "command": "create_room" });
    let creator = Grants {
        video: Some(VideoGrant {
            room_create: true,
            ..VideoGrant::default()
        }),
        ..Grants::default()
    };
    check(&creator, "/rooms/new/commands", &create, 200);
    check(&creator, "/rooms/new/commands", &remove, 403);
    let away = json!({ "command": "move", "target": "identity:bob", "to_room": "hall" });
    check(&of_room("town"), "/rooms/town/commands", &away, 403);
}

#[test]
fn what_cannot_be_read_is_named_and_recorded() {
    let server = Server::new();
    server.join("town", "alice");
    let check = |path: &str, body: &str, detail: &str| {
        let answer = server.send(Method::POST, path, &[], body.as_bytes().to_vec());
        let problem = answer.expect(400);
        assert_eq!(problem["type"], "malformed");
        let shown = problem["detail"].as_str().unwrap();
        assert!(shown.contains(detail), "{shown}");
        let event = server.read(&format!("/events/{}", problem["position"]));
        assert_eq!(event["kind"], "command_refused", "{body}");
    };
    let (joins, commands) = ("/rooms/town/joins", "/rooms/town/commands");
    check(joins, "{", "the body is no JSON");
    check(
        joins,
        "[]",
        "the body has to be a JSON object, not an array",
    );
    check(joins, "{}", "`identity` is missing");
    check(
        joins,
        r#"{"identity":7}"#,
        "`identity` invalid type: integer `7`, expected a string",
    );
    check(
        joins,
        r#"{"identity":"a\u0000"}"#,
        "control character U+0000",
    );
    check(
        joins,
        r#"{"identity":"a","nmae":"b"}"#,
        "`nmae` is unknown here: known are",
    );
    check(
        joins,
        &json!({ "identity": "x".repeat(257) }).to_string(),
        "at most 256",
    );
    check(commands, "{}", "`command` is missing");
    check(
        commands,
        r#"{"command":"sing"}"#,
        "`command` is unknown here: known are create_room",
    );
    check(
        commands,
        r#"{"command":"remove","target":"alice"}"#,
        "`target` has to be \"identity:...\"",
    );
    check(
        commands,
        r#"{"command":"update_permissions","targets":{"*":{"send":{"enabled":1}}}}"#,
        "`targets` invalid type: integer `1`, expected a boolean",
    );
    check(
        commands,
        r#"{"command":"update_room","config":{"max":1}}"#,
        "`config.max` is unknown here",
    );
    check(commands, r#"{"command":"send_data","data":"*"}"#, "`data` ");
}

#[test]
fn bodies_rooms_and_routes_have_bounds() {
    let server = Server::new();
    server.join("town", "alice");
    let large = vec![b' '; 10 * 1024 * 1024 + 1];
    let answer = server
        .send(Method::POST, "/rooms/town/joins", &[], large)
        .expect(413);
    assert_eq!(answer["type"], "too-large");
    assert!(answer["position"].is_u64());
    let long = "x".repeat(257);
    let named = server.post(&format!("/rooms/{long}/joins"), &json!({ "identity": "a" }));
    assert_eq!(named.expect(400)["type"], "malformed");
    let control = server.post("/rooms/a%00b/joins", &json!({ "identity": "a" }));
    assert_eq!(control.expect(400)["type"], "malformed");
    assert_eq!(server.get("/nowhere").expect(404)["type"], "no-such-route");
    assert_eq!(
        server.get("/rooms/town/joins").expect(405)["type"],
        "wrong-method"
    );
    let slash = server.join("a%2Fb", "alice");
    assert_eq!(slash["room"], "a/b");
}

#[test]
fn unknown_things_are_not_found_and_recorded() {
    let server = Server::new();
    server.join("town", "alice");
    let check = |room: &str, body: Value, kind: &str| {
        let problem = server
            .post(&format!("/rooms/{room}/commands"), &body)
            .expect(404);
        assert_eq!(problem["type"], kind);
        assert!(problem["position"].is_u64(), "{problem}");
    };
    let remove = |target: &str| json!({ "command": "remove", "target": target });
    check("nowhere", remove("identity:alice"), "no-such-room");
    check("town", remove("identity:bob"), "no-such-participant");
    check("town", remove("connection:PA_x"), "no-such-connection");
    let mute = json!({ "command": "mute_track", "target": "identity:alice", "track": "TR_x",
        "muted": true });
    check("town", mute, "no-such-track");
    let note = json!({ "command": "add_note", "about": 9_999, "text": "x" });
    check("town", note, "no-such-version");
    assert_eq!(
        server.get("/rooms/nowhere").expect(404)["type"],
        "no-such-room"
    );
    let rooms = server.read("/rooms")["rooms"].clone();
    assert_eq!(
        rooms.as_array().unwrap().len(),
        1,
        "refusals create no room: {rooms}"
    );
}

#[test]
fn a_repeat_gets_the_first_outcome_and_another_body_a_conflict() {
    let server = Server::new();
    server.join("town", "alice");
    let headers = [("idempotency-key", "r-1")];
    let body = json!({ "command": "remove", "target": "identity:alice" });
    let first = server.post_with("/rooms/town/commands", &headers, &body);
    let position = first.header("x-ledger-position").unwrap().to_owned();
    assert_eq!(first.header("x-ledger-replayed"), None);
    let first = first.expect(200);
    let head = server.engine.head();
    let again = server.post_with("/rooms/town/commands", &headers, &body);
    assert_eq!(again.header("x-ledger-replayed"), Some("true"));
    assert_eq!(again.header("x-ledger-position"), Some(position.as_str()));
    assert_eq!(again.expect(200), first);
    let other = json!({ "command": "remove", "target": "identity:bob" });
    let conflict = server
        .post_with("/rooms/town/commands", &headers, &other)
        .expect(409);
    assert_eq!(conflict["type"], "request-id-reused");
    assert_eq!(server.engine.head(), head);
    let joined = server.post_with("/rooms/town/joins", &headers, &json!({ "identity": "bob" }));
    let joined = joined.expect(201);
    let again = server.post_with("/rooms/town/joins", &headers, &json!({ "identity": "bob" }));
    assert_eq!(again.expect(201), joined);
}

#[test]
fn every_code_has_a_status_of_a_client_error() {
    for code in Code::ALL {
        assert!(status_of(*code).is_client_error(), "{code:?}");
    }
}

#[test]
fn a_key_over_its_rate_is_told_when_to_come_again() {
    let server = Server::limited("2/s:4");
    let create = json!({"command": "create_room"});
    let path = "/rooms/town/commands";
    // Whoever has no good token is not counted, and not let in either.
    for _ in 0..10 {
        let headers = [("authorization", "Bearer x.y.z")];
        assert_eq!(server.post_with(path, &headers, &create).status, 401);
    }
    for _ in 0..2 {
        server.command("town", &create);
        server.read("/rooms/town");
    }
    let head = server.engine.head();
    for answer in [server.post(path, &create), server.get("/rooms/town")] {
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(
            answer.header("content-type"),
            Some("application/problem+json")
        );
        let problem = answer.expect(429);
        assert_eq!(problem["type"], "overloaded", "{problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("\"devkey\"") && detail.contains("2/s:4"),
            "{detail}"
        );
    }
    assert_eq!(server.engine.head(), head, "nothing is recorded");
    server.advance(1);
    server.command("town", &create);
}

#[test]
fn a_batch_counts_its_items() {
    let server = Server::limited("1/s:3");
    let item = json!({"method": "POST", "path": "/rooms/town/commands",
        "body": {"command": "create_room"}});
    let batch = json!({ "items": vec![item; 10] });
    let answers = server.post("/batch", &batch).expect(200);
    let answers = answers["items"].as_array().unwrap();
    assert!(
        answers.iter().all(|one| one["status"] == 200),
        "{answers:?}"
    );
    // Ten calls where three may come at once: seven seconds to pay, and one for the next.
    let refused = server.get("/rooms/town");
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("8"))
    );
    server.advance(7);
    assert_eq!(server.get("/rooms/town").status, 429);
    server.advance(1);
    server.read("/rooms/town");
}

#[test]
fn what_is_packed_is_not_unpacked() {
    let server = Server::new();
    for encoding in ["gzip", "br", "identity, gzip", "x"] {
        let headers = [("content-encoding", encoding)];
        let answer = server.post_with("/rooms/town/joins", &headers, &json!({"identity": "a"}));
        assert_eq!(answer.header("accept-encoding"), Some("identity"));
        assert_eq!(answer.expect(415)["type"], "unsupported-encoding");
    }
    let headers = [("content-encoding", "Identity")];
    let answer = server.post_with("/rooms/town/joins", &headers, &json!({"identity": "a"}));
    answer.expect(201);
}

/// Found by schemathesis: a derived reader takes `[null, true]` for an object.
#[test]
fn a_list_is_no_permission() {
    let server = Server::new();
    server.join("town", "alice");
    let lists = [
        json!([null, null]),
        json!({ "send": [true] }),
        json!({ "receive": [] }),
        json!({ "receive": { "base": [true] } }),
        json!({ "receive": { "by_participant": { "bob": [true] } } }),
    ];
    for list in lists {
        let join = json!({ "identity": "bob", "permission": list });
        let update = json!({ "command": "update_permissions", "targets": { "*": list } });
        let config = json!({ "default_permission": list });
        let config = json!({ "command": "update_room", "config": config });
        let calls = [("joins", join), ("commands", update), ("commands", config)];
        for (call, body) in calls {
            let answer = server
                .post(&format!("/rooms/town/{call}"), &body)
                .expect(400);
            let detail = answer["detail"].as_str().unwrap();
            assert!(detail.contains("has to be an object"), "{detail}");
        }
    }
}

/// log.md rule 14, as a caller sees it: in the course of a run, and from its start.
#[test]
fn a_full_disk_stops_writing_before_it_is_full_and_not_reading() {
    let reserve_bytes = 64 << 20;
    let place = tempfile::tempdir().unwrap();
    let free = Arc::new(AtomicU64::new(u64::MAX));
    let disk = SimulatedDisk::new();
    let found = Arc::clone(&free);
    disk.set_free(move || Ok(found.load(Ordering::SeqCst)));
    let open = || {
        let options = LedgerOptions {
            reserve_bytes,
            disk: Arc::new(disk.clone()),
            ..options()
        };
        Server::on_ledger(place.path(), options)
    };
    let create = json!({ "command": "create_room" });
    for (room, full_at_start) in [("during", false), ("again", true)] {
        if full_at_start {
            free.store(reserve_bytes - 1, Ordering::SeqCst);
        }
        let server = open();
        if !full_at_start {
            server.command("before", &create);
            free.store(reserve_bytes - 1, Ordering::SeqCst);
        }
        let path = format!("/rooms/{room}/commands");
        let problem = server.post(&path, &create).expect(507);
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("make room"), "{detail}");
        server.read("/rooms/before");
        free.store(u64::MAX, Ordering::SeqCst);
        server.command(room, &create);
        server.engine.shutdown_blocking().unwrap();
    }
}

/// A log whose history is still being opened, for as long as it is told.
#[derive(Default)]
struct Opening {
    log: MemoryStore,
    is_opening: AtomicBool,
}

impl Front for Opening {
    fn log(&self) -> &dyn EventStore {
        &self.log
    }

    fn append(&self, commit: &Commit) -> Result<Appended, StoreError> {
        self.log.append(commit)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.log.close()
    }

    fn reads_history(&self) -> Result<(), StoreError> {
        if self.is_opening.load(Ordering::SeqCst) {
            return Err(StoreError::Opening);
        }
        Ok(())
    }
}

#[test]
fn rule_09_what_needs_history_is_told_to_come_again_while_it_is_opened() {
    let store = Arc::new(Fronted(Opening::default()));
    let config = EngineConfig {
        idle_rooms_max: 0,
        ..EngineConfig::default()
    };
    let server = Server::on(Arc::clone(&store) as Arc<dyn EventStore>, config);
    // One room leaves memory when its session ends, another stays.
    let (create, end) = (
        json!({ "command": "create_room" }),
        json!({ "command": "end_session" }),
    );
    for room in ["past", "live"] {
        server.join(room, "alice");
        server.command(room, &create);
    }
    server.command("past", &end);
    server.join("joined", "alice");
    store.is_opening.store(true, Ordering::SeqCst);
    let head = server.engine.head();
    let still_opening = [
        server.post("/rooms/past/commands", &create),
        // In memory, and nobody's name was ever told.
        server.post("/rooms/joined/commands", &create),
        server.get("/rooms/past"),
        server.get("/events"),
    ];
    for answer in still_opening {
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert_eq!(answer.expect(503)["type"], "still-opening");
    }
    assert_eq!(server.engine.head(), head, "nothing is recorded");
    server.join("live", "bob");
    server.join("joined", "bob");
    store.is_opening.store(false, Ordering::SeqCst);
    server.command("past", &create);
    server.read("/rooms/past");
    server.read("/events");
}
