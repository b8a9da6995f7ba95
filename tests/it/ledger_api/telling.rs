//! What events tell: everybody they are about, what was before, when it really happened, and how
//! the command was decided.

use std::collections::BTreeSet;

use roomledger::domain::command::{ConfigPatch, CreateRoom};
use roomledger::domain::{Command, RoomName, Timestamp};
use roomledger::engine::Clock as _;
use roomledger::testing::virtual_time::call;
use serde_json::{Value, json};

use super::support::Server;

/// More people than one event named once.
const PEOPLE: usize = 1_050;

#[test]
fn an_event_to_everybody_in_a_large_room_names_each_of_them() {
    let server = Server::new();
    for person in 0..PEOPLE {
        server.join("r", &format!("p{person}"));
    }
    let everybody: BTreeSet<String> = (0..PEOPLE).map(|person| format!("p{person}")).collect();
    let numbers = json!([[1, PEOPLE]]);
    let check = |command: &Value, kind: &str, lists: &[&str]| {
        server.command("r", command);
        let event = server.events(&format!("room=r&order=desc&limit=1&kind={kind}"))[0].clone();
        for list in lists {
            let names = event
                .pointer(&format!("/data/{list}"))
                .and_then(Value::as_array);
            let names = names.unwrap_or_else(|| panic!("{kind} has no {list}"));
            let names = names
                .iter()
                .map(|one| one["identity"].as_str().unwrap().to_owned());
            assert_eq!(names.collect::<BTreeSet<_>>(), everybody, "{kind} {list}");
            let owner = list.rsplit_once('/').map_or("", |(owner, _)| owner);
            let slash = if owner.is_empty() { "" } else { "/" };
            if !list.contains("before") {
                let spans = event.pointer(&format!("/data{slash}{owner}/numbers"));
                assert_eq!(spans, Some(&numbers), "{kind} {list}");
            }
        }
    };
    check(
        &json!({ "command": "update_permissions", "targets": { "*": { "data": false } } }),
        "permissions_changed",
        &["groups/0/targets", "requests/0/targets"],
    );
    check(
        &json!({ "command": "update_participant", "target": "*", "name": "N", "metadata": "m",
            "attributes": { "a": "b" } }),
        "profile_changed",
        &[
            "targets",
            "name/before",
            "metadata/before",
            "attributes/before",
        ],
    );
    check(
        &json!({ "command": "send_data", "data": "aGVsbG8=", "targets": ["*"] }),
        "data_sent",
        &["recipients/0/targets"],
    );
    // One event may name fewer at once: the rest follows.
    let changed = &server.events("room=r&kind=permissions_changed")[0];
    let path = format!("/events/{}?names_after=1000", changed["position"]);
    let rest = server.read(&path);
    let rest = rest["data"]["groups"][0]["targets"].as_array().unwrap();
    assert_eq!(rest.len(), PEOPLE - 1_000);
    assert_eq!(rest[0]["number"], 1_001);
    check(
        &json!({ "command": "end_session" }),
        "connections_closed",
        &["connections"],
    );
}

/// One command and the change that its event of a kind tells.
fn check_change(server: &Server, command: &Value, kind: &str, expected: &Value) {
    server.command("r", command);
    let events = server.events(&format!("room=r&order=desc&limit=1&kind={kind}"));
    let told = &events[0]["data"];
    for (pointer, value) in expected.as_object().unwrap() {
        assert_eq!(told.pointer(pointer), Some(value), "{pointer} of {told:#}");
    }
}

#[test]
fn an_event_tells_the_profile_that_was_before() {
    let server = Server::new();
    let joined = json!({ "identity": "al", "name": "Old", "metadata": "old",
        "attributes": { "role": "host", "seat": "1" } });
    server.post("/rooms/r/joins", &joined).expect(201);
    let profile = |fields: Value| {
        let mut command = json!({ "command": "update_participant", "target": "identity:al" });
        let members = command.as_object_mut().unwrap();
        members.extend(fields.as_object().unwrap().clone());
        command
    };
    let check = |command: &Value, kind: &str, expected: &Value| {
        check_change(&server, command, kind, expected);
    };
    let opened = server.events("room=r&kind=connection_opened")[0]["position"].clone();
    check(
        &profile(json!({ "name": "New", "metadata": "new" })),
        "profile_changed",
        &json!({
            "/name/after": "New", "/name/before/0/value": "Old",
            "/name/before/0/position": opened,
            "/metadata/after": "new", "/metadata/before/0/value": "old",
        }),
    );
    check(
        &profile(json!({ "attributes": { "role": "guest", "hat": "red", "seat": null } })),
        "profile_changed",
        &json!({
            "/attributes/before/0/keys": {
                "role": { "position": opened, "value": "host" },
                "seat": { "position": opened, "value": "1" },
            },
        }),
    );
    let set = server.events("room=r&kind=profile_changed")[1]["position"].clone();
    // Each key says where its own value came from.
    check(
        &profile(json!({ "name": "Newer", "attributes": { "hat": "blue", "seat": "2" } })),
        "profile_changed",
        &json!({
            "/name/before/0/value": "New",
            "/attributes/before/0/keys": { "hat": { "position": set, "value": "red" } },
        }),
    );
}

#[test]
fn an_event_tells_the_text_of_the_room_that_was_before() {
    let server = Server::new();
    server.join("r", "al");
    let check = |command: &Value, kind: &str, expected: &Value| {
        check_change(&server, command, kind, expected);
    };
    let long = "\u{e4}".repeat(2_000);
    let data =
        |data: Value| json!({ "command": "set_session_data", "merge": "replace", "data": data });
    check(
        &data(json!({ "slide": 1 })),
        "session_data_changed",
        &json!({ "/data/before/value": null, "/data/after/slide": 1 }),
    );
    check(
        &data(json!(long)),
        "session_data_changed",
        &json!({ "/data/before/value": { "slide": 1 } }),
    );
    // A long value is shown by its beginning, whole characters, with its size and its place.
    let set = server.events("room=r&kind=session_data_changed")[1]["position"].clone();
    check(
        &data(json!("short")),
        "session_data_changed",
        &json!({
            "/data/before/start": format!("\"{}", "\u{e4}".repeat(511)),
            "/data/before/bytes": 4_002,
            "/data/before/position": set,
        }),
    );
    for (metadata, before) in [("first", ""), ("second", "first")] {
        check(
            &json!({ "command": "update_room", "metadata": metadata }),
            "room_metadata_changed",
            &json!({ "/metadata/after": metadata, "/metadata/before/value": before }),
        );
    }
}

#[test]
fn a_second_ban_or_revocation_tells_what_it_replaces() {
    let server = Server::new();
    server.join("r", "al");
    let check = |command: &Value, kind: &str, expected: &Value| {
        check_change(&server, command, kind, expected);
    };
    let ban = |until: Value| json!({ "command": "ban", "identity": "al", "until": until });
    server.command("r", &ban(json!("2027-01-16T08:00:00Z")));
    let first = server.events("room=r&kind=participant_banned")[0].clone();
    assert_eq!(first["data"].get("former"), None);
    let former = json!({ "until": "2027-01-16T08:00:00.000000Z", "position": first["position"] });
    check(
        &json!({ "command": "ban", "identity": "al" }),
        "participant_banned",
        &json!({ "/former": former }),
    );
    let second = server.events("room=r&kind=participant_banned")[1]["position"].clone();
    check(
        &json!({ "command": "unban", "identity": "al" }),
        "participant_unbanned",
        &json!({ "/former": { "until": null, "position": second } }),
    );
    // A ban that lapsed is replaced by nobody.
    server.command("r", &ban(json!("2027-01-15T08:00:10Z")));
    server.advance(11);
    server.command("r", &ban(json!("2027-01-16T08:00:00Z")));
    let last = server.events("room=r&kind=participant_banned&order=desc")[0].clone();
    assert_eq!(last["data"].get("former"), None);

    let revoke = |fields: Value| {
        let mut command = json!({ "command": "revoke_tokens" });
        command
            .as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        command
    };
    for identity in [json!({}), json!({ "identity": "al" })] {
        let mut earlier = revoke(identity);
        earlier["before"] = "2027-01-15T07:00:00Z".into();
        let answer = server.command("r", &earlier);
        let mut later = earlier;
        later["before"] = "2027-01-15T07:30:00Z".into();
        check(
            &later,
            "tokens_revoked",
            &json!({ "/former": {
                "revoke_before": "2027-01-15T07:00:00.000000Z", "position": answer["position"],
            } }),
        );
    }
}

#[test]
fn settings_are_told_for_the_room_and_the_session_where_they_are_apart() {
    let server = Server::new();
    // As LiveKit's CreateRoom: the session has ten places, and the room has no bound.
    let create = CreateRoom {
        config: ConfigPatch {
            max_participants: Some(10),
            ..ConfigPatch::default()
        },
        opens_session: true,
        ..CreateRoom::default()
    };
    let create = call(&RoomName::new("r").unwrap(), Command::CreateRoom(create));
    server.engine.execute_blocking(create).unwrap();
    let places =
        |number: u32| json!({ "command": "update_room", "config": { "max_participants": number } });
    let check = |command: &Value, expected: &Value| {
        check_change(&server, command, "room_config_changed", expected);
    };
    check(
        &places(0),
        &json!({
            "/applies_to": ["session"],
            "/before/max_participants": 10, "/after/max_participants": 0,
        }),
    );
    check(
        &places(10),
        &json!({
            "/applies_to": ["room", "session"],
            "/before/max_participants": 0, "/after/max_participants": 10,
        }),
    );
    let event = server.events("room=r&kind=room_config_changed")[1].clone();
    assert_eq!(event["data"].get("session"), None, "they are not apart");
    let sentence = event["sentence"].as_str().unwrap();
    assert!(sentence.ends_with("of the room via ledger update_room: max_participants 0 to 10"));
    // The room has its bound from now on, the next session another one.
    server.command("r", &json!({ "command": "end_session" }));
    let again = CreateRoom {
        config: ConfigPatch {
            max_participants: Some(7),
            ..ConfigPatch::default()
        },
        opens_session: true,
        ..CreateRoom::default()
    };
    let again = call(&RoomName::new("r").unwrap(), Command::CreateRoom(again));
    server.engine.execute_blocking(again).unwrap();
    check(
        &places(5),
        &json!({
            "/before/max_participants": 7, "/after/max_participants": 5,
            "/room/before/max_participants": 10, "/room/after/max_participants": 5,
            "/session/before/max_participants": 7, "/session/after/max_participants": 5,
        }),
    );
}

#[test]
fn a_stint_tells_when_its_reporter_says_that_it_was() {
    let server = Server::new();
    let report = |path: &str, mut body: Value, occurred_at: &str| {
        body["occurred_at"] = occurred_at.into();
        let path = format!("/rooms/r/{path}");
        assert!(server.post(&path, &body).status < 300, "{path}");
    };
    let joins = json!({ "identity": "late", "connection": "l1", "active": false });
    report("joins", joins, "2026-01-01T16:00:00Z");
    report("connections/l1/activate", json!({}), "2026-01-01T16:01:00Z");
    let track = json!({ "sid": "t1", "type": "audio", "source": "microphone" });
    report("connections/l1/tracks", track, "2026-01-01T16:02:00Z");
    report(
        "connections/l1/interrupt",
        json!({}),
        "2026-01-01T16:03:00Z",
    );
    let check = |shown: &Value, expected: &Value| {
        for (pointer, value) in expected.as_object().unwrap() {
            let found = shown.pointer(pointer).unwrap_or(&Value::Null);
            assert_eq!(found, value, "{pointer} of {shown:#}");
        }
    };
    let person = || server.read("/rooms/r/participants/late");
    check(
        &person(),
        &json!({
            "/connections/0/start_reported": "2026-01-01T16:00:00.000000Z",
            "/connections/0/activated_reported": "2026-01-01T16:01:00.000000Z",
            "/connections/0/tracks/0/start_reported": "2026-01-01T16:02:00.000000Z",
            "/connections/0/interrupted_at": "2027-01-15T08:00:00.000000Z",
            "/connections/0/interrupted_reported": "2026-01-01T16:03:00.000000Z",
            "/connections/0/end_reported": null,
            "/timelog/0/start": "2027-01-15T08:00:00.000000Z",
            "/timelog/0/start_reported": "2026-01-01T16:00:00.000000Z",
            "/timelog/0/end_reported": null,
        }),
    );
    report("connections/l1/resume", json!({}), "2026-01-01T16:04:00Z");
    check(&person(), &json!({ "/connections/0/interrupted_at": null }));
    report("connections/l1/leave", json!({}), "2026-01-01T16:30:00Z");
    check(
        &person(),
        &json!({
            "/connections/0/end": "2027-01-15T08:00:00.000000Z",
            "/connections/0/end_reported": "2026-01-01T16:30:00.000000Z",
            "/timelog/0/end_reported": "2026-01-01T16:30:00.000000Z",
        }),
    );
    let sessions = server.read("/rooms/r/sessions");
    check(
        &sessions,
        &json!({
            "/sessions/0/start_reported": "2026-01-01T16:00:00.000000Z",
            "/sessions/0/participants/0/timelog/0/end_reported": "2026-01-01T16:30:00.000000Z",
        }),
    );
}

#[test]
fn an_event_tells_the_wall_clock_and_the_rules() {
    let server = Server::new();
    let position = server.join("r", "al")["position"].clone();
    let one = server.read(&format!("/events/{position}"));
    let listed = server.events("room=r&order=desc&limit=1");
    for event in [&one, &listed[0]] {
        assert_eq!(event["wall_at"], event["recorded_at"]);
        assert_eq!(event["ruleset"], 1);
    }
    // The wall clock may go back, the ledger's time does not.
    let back = Timestamp::from_seconds(1_799_999_940);
    server.engine.clock().set_wall(back);
    server.join("r", "bo");
    let last = server.events("room=r&order=desc&limit=1")[0].clone();
    assert!(last["recorded_at"].as_str() >= one["recorded_at"].as_str());
    assert_eq!(last["wall_at"], json!(back));
}

/// Nothing is known of a moment that is yet to come; a clock that is a little ahead is no reason.
#[test]
fn a_moment_that_is_yet_to_come_is_refused() {
    let server = Server::new();
    server.join("r", "alice");
    let now_s = server.engine.clock().wall().seconds();
    let at = |ahead_s: i64| Timestamp::from_seconds(now_s + ahead_s).to_string();
    for path in [
        "/rooms/r",
        "/rooms/r/participants/alice",
        "/rooms/r/present",
    ] {
        for (at, status) in [
            (at(3_600), 400),
            ("2099-01-01".to_owned(), 400),
            ("start%2B1h".to_owned(), 400),
            (at(0), 200),
            (at(30), 200),
        ] {
            let body = server.get(&format!("{path}?at={at}")).expect(status);
            if status == 400 {
                let detail = body["detail"].as_str().unwrap();
                assert!(detail.contains("is yet to come"), "{path} {at}: {detail}");
            }
        }
    }
}
