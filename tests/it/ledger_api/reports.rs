//! What media servers report, and what is recorded of it.

use axum::http::Method;
use serde_json::{Value, json};

use super::support::{Server, kinds};

#[test]
fn a_join_makes_the_room_and_says_who_is_who() {
    let server = Server::new();
    let body = json!({
        "identity": "alice", "name": "Alice", "attributes": { "role": "host" },
        "connection": "c-1", "reporter": "sfu-1", "occurred_at": "2027-01-15T07:59:59Z",
    });
    let answer = server.post("/rooms/town/joins", &body);
    let position = answer.header("x-ledger-position").unwrap().to_owned();
    let joined = answer.expect(201);
    assert_eq!(joined["room"], "town");
    assert_eq!(
        (&joined["participant"], &joined["identity"]),
        (&json!(1), &json!("alice"))
    );
    assert_eq!(joined["connection"], "c-1");
    assert!(joined["sid"].as_str().unwrap().starts_with("PA_"));
    assert!(joined["session"].as_str().unwrap().starts_with("RM_"));
    assert_eq!(joined["position"].to_string(), position);

    let events = server.events("room=town");
    assert_eq!(
        kinds(&events),
        [
            "room_created",
            "participant_registered",
            "session_opened",
            "connection_opened",
            "connection_activated",
        ]
    );
    let opened = &events[3];
    assert_eq!(opened["occurred_at"], "2027-01-15T07:59:59.000000Z");
    assert_eq!(
        opened["actor"],
        json!({ "kind": "api_key", "id": "devkey" })
    );
    assert_eq!(
        opened["via"],
        json!({ "dialect": "ledger", "call": "join" })
    );
    let person = server.read("/rooms/town/participants/alice");
    assert_eq!(
        (&person["live"], &person["name"]),
        (&json!(true), &json!("Alice"))
    );
    assert_eq!(person["connections"][0]["reporter"], "sfu-1");
    assert_eq!(person["connections"][0]["state"], "active");
}

#[test]
fn a_newcomer_replaces_its_double_unless_both_may_stay() {
    let server = Server::new();
    let first = server.join("town", "alice");
    let second = server.join("town", "alice");
    assert_eq!(second["replaced"], first["connection"]);
    let person = server.read("/rooms/town/participants/alice");
    let lives: Vec<&Value> = person["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|connection| &connection["live"])
        .collect();
    assert_eq!(lives, [true, false]);
    assert_eq!(person["timelog"].as_array().unwrap().len(), 2);
}

#[test]
fn a_join_token_brings_its_identity_and_rights() {
    let server = Server::new();
    let token = server.join_token("town", "bob");
    let joined = server
        .post("/rooms/town/joins", &json!({ "token": token }))
        .expect(201);
    assert_eq!(joined["identity"], "bob");
    let credential = &server.read("/rooms/town/participants/bob")["connections"][0]["credential"];
    assert_eq!(credential["key_id"], "devkey");
    assert_eq!(credential["token_digest"].as_str().unwrap().len(), 64);

    let elsewhere = server.post("/rooms/hall/joins", &json!({ "token": token }));
    assert_eq!(elsewhere.expect(403)["type"], "no-right");
    let forged = format!("{token}x");
    let bad = server
        .post("/rooms/town/joins", &json!({ "token": forged }))
        .expect(403);
    assert_eq!(bad["type"], "bad-token");
    let refused = server.events(&format!("after={}", bad["position"].as_u64().unwrap() - 1));
    assert_eq!(kinds(&refused), ["command_refused"]);

    server.advance(2 * 3_600);
    let late = server
        .post("/rooms/town/joins", &json!({ "token": token }))
        .expect(403);
    assert_eq!(late["type"], "token-expired");
    let event = server.read(&format!("/events/{}", late["position"]));
    assert_eq!(event["data"]["identity"], "bob");
}

#[test]
fn a_connection_lives_from_activation_to_its_only_leave() {
    let server = Server::new();
    let body = json!({ "identity": "alice", "active": false });
    let joined = server.post("/rooms/town/joins", &body).expect(201);
    let sid = joined["sid"].as_str().unwrap();
    let path = format!("/rooms/town/connections/{sid}");
    let report = |what: &str| {
        server
            .post(&format!("{path}/{what}"), &json!({}))
            .expect(200)
    };
    for what in ["activate", "interrupt", "resume"] {
        report(what);
    }
    let last = report("leave")["position"].clone();
    let again = server.post(
        &format!("{path}/leave"),
        &json!({ "reason": "SIGNAL_CLOSE" }),
    );
    assert_eq!(
        again.header("x-ledger-position"),
        Some(last.to_string().as_str())
    );
    again.expect(200);
    let events = server.events("room=town&after=6");
    assert_eq!(
        kinds(&events),
        [
            "connection_activated",
            "connection_interrupted",
            "connection_resumed",
            "connections_closed"
        ]
    );
    assert_eq!(events[3]["data"]["reported_reason"], "CLIENT_INITIATED");
    let late = server
        .post(&format!("{path}/activate"), &json!({}))
        .expect(409);
    assert_eq!(late["type"], "connection-closed");
    assert_eq!(late["because"], events[3]["position"]);
}

#[test]
fn tracks_come_change_and_go() {
    let server = Server::new();
    let joined = server.join("town", "alice");
    let path = format!(
        "/rooms/town/connections/{}/tracks",
        joined["sid"].as_str().unwrap()
    );
    let track = json!({ "type": "audio", "source": "microphone", "name": "mic" });
    let published = server.post(&path, &track).expect(201);
    let sid = published["sid"].as_str().unwrap();
    assert!(sid.starts_with("TR_AM"));
    let own = json!({ "sid": "t-1", "type": "video", "source": "camera", "width": 640 });
    assert_eq!(server.post(&path, &own).expect(201)["sid"], "t-1");

    let muted = json!({ "muted": true }).to_string().into_bytes();
    server
        .send(Method::PATCH, &format!("{path}/{sid}"), &[], muted)
        .expect(200);
    let tracks = server.read("/rooms/town/participants/alice")["tracks"].clone();
    assert_eq!(
        (&tracks[0]["sid"], &tracks[0]["muted"]),
        (&json!(sid), &json!(true))
    );
    assert_eq!(
        (&tracks[1]["sid"], &tracks[1]["width"]),
        (&json!("t-1"), &json!(640))
    );
    server
        .send(Method::DELETE, &format!("{path}/t-1"), &[], Vec::new())
        .expect(200);
    let tracks = server.read("/rooms/town/participants/alice")["tracks"].clone();
    assert_eq!(tracks.as_array().unwrap().len(), 1);

    let silent = json!({ "command": "update_participant", "target": "identity:alice",
        "permission": { "send": { "enabled": true, "allowed": ["camera"] } } });
    server.command("town", &silent);
    assert_eq!(
        server.read("/rooms/town/participants/alice")["tracks"],
        json!([])
    );
    let refused = server.post(&path, &track).expect(403);
    assert_eq!(refused["type"], "no-right");
}

#[test]
fn a_profile_changes_by_itself_only_with_the_right() {
    let server = Server::new();
    let joined = server.join("town", "alice");
    let path = format!(
        "/rooms/town/connections/{}",
        joined["connection"].as_str().unwrap()
    );
    let change = json!({ "name": "Al", "attributes": { "hand": "up" } });
    let patch = || server.send(Method::PATCH, &path, &[], change.to_string().into_bytes());
    assert_eq!(patch().expect(403)["type"], "no-right");
    let allow = json!({ "command": "update_permissions",
        "targets": { "identity:alice": { "update_own_metadata": true } } });
    server.command("town", &allow);
    patch().expect(200);
    let person = server.read("/rooms/town/participants/alice");
    assert_eq!(
        (&person["name"], &person["attributes"]["hand"]),
        (&json!("Al"), &json!("up"))
    );
}

#[test]
fn activity_is_taken_in_many_at_once() {
    let server = Server::new();
    let joined = server.join("town", "alice");
    let items = json!({ "items": [
        { "kind": "speaking", "connection": joined["connection"], "level": 7 },
        { "kind": "quality" },
    ]});
    server.post("/rooms/town/activity", &items).expect(202);
    let events = server.events("room=town&kind=activity_reported");
    let item = &events[0]["data"]["items"][0];
    assert_eq!(
        (&item["identity"], &item["detail"]),
        (&json!("alice"), &json!({ "level": 7 }))
    );
}

#[test]
fn a_sync_closes_what_a_media_server_lost_and_nothing_newer() {
    let server = Server::new();
    let join = |room: &str, who: &str, reporter: &str| {
        let body = json!({ "identity": who, "reporter": reporter });
        server
            .post(&format!("/rooms/{room}/joins"), &body)
            .expect(201)
    };
    let kept = join("town", "alice", "sfu-1");
    let lost = join("hall", "bob", "sfu-1");
    let other = join("hall", "carol", "sfu-2");
    let as_of = other["position"].clone();
    let newer = join("hall", "dave", "sfu-1");
    let listed = json!([{ "room": "town", "connection": kept["connection"] }]);
    let body = json!({ "as_of": as_of, "connections": listed });
    let closed = server.post("/reporters/sfu-1/sync", &body).expect(200)["closed"].clone();
    assert_eq!(closed.as_array().unwrap().len(), 1, "{closed}");
    assert_eq!(closed[0]["connection"], lost["connection"]);
    for (person, live) in [("bob", false), ("carol", true), ("dave", true)] {
        let shown = server.read(&format!("/rooms/hall/participants/{person}"));
        assert_eq!(shown["live"], live, "{person}");
    }
    assert!(newer["position"].as_u64() > as_of.as_u64());
    let again = server.post("/reporters/sfu-1/sync", &body).expect(200);
    assert_eq!(again["closed"], json!([]));
}

#[test]
fn a_batch_answers_each_call_as_if_it_came_alone() {
    let server = Server::new();
    let join = |who: &str| {
        json!({ "method": "POST", "path": "/api/v1/rooms/town/joins", "request_id": who,
            "body": { "identity": who } })
    };
    let items = json!({ "items": [
        join("alice"),
        join("bob"),
        join("alice"),
        { "method": "POST", "path": "/rooms/town/joins", "body": {} },
        { "method": "GET", "path": "/rooms/town/participants/bob" },
    ]});
    let answer = server.post("/batch", &items);
    let head = server.engine.head().to_string();
    assert_eq!(answer.header("x-ledger-position"), Some(head.as_str()));
    let answers = answer.expect(200)["items"].clone();
    let statuses: Vec<u64> = answers
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| answer["status"].as_u64().unwrap())
        .collect();
    assert_eq!(statuses, [201, 201, 201, 400, 200]);
    assert_eq!(
        answers[0]["body"], answers[2]["body"],
        "the same request id is a repeat"
    );
    assert_eq!(answers[3]["body"]["type"], "malformed");
    assert_eq!(answers[4]["body"]["live"], true);
    let check = |items: Value, detail: &str| {
        let problem = server
            .post("/batch", &json!({ "items": items }))
            .expect(400);
        assert!(
            problem["detail"].as_str().unwrap().contains(detail),
            "{problem}"
        );
    };
    check(
        json!([{ "method": "GET", "path": "/stream" }]),
        "`items[0].path` is a stream",
    );
    check(
        json!([{ "method": "G T", "path": "/rooms" }]),
        "`items[0].method`",
    );
    check(
        json!([{ "method": "GET", "path": "/rooms/a b" }]),
        "`items[0].path` has characters that a path escapes",
    );
}
