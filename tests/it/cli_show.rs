//! `show` tells what an event changed: each value with what it was.

use std::sync::Arc;

use roomledger::cli::failure::Exit;
use roomledger::cli::output::Format;
use roomledger::cli::read::DataReader;
use roomledger::engine::EngineConfig;
use roomledger::store::{EventStore, MemoryStore};
use serde_json::{Value, json};

use crate::cli_read::answer;
use crate::ledger_api::support::Server;

/// A command, the kind of its event, and the lines of its changes.
fn check(server: &Server, log: &Arc<dyn EventStore>, command: &Value, kind: &str, lines: &[&str]) {
    server.command("r", command);
    let event = server.events(&format!("room=r&order=desc&limit=1&kind={kind}"))[0].clone();
    let reader = DataReader::new(Arc::clone(log), "a log");
    let show = format!("show {}", event["position"]);
    let (exit, shown, _) = answer(&show, Format::Table, &reader);
    assert_eq!(exit, Exit::Success);
    let changes = shown.split("changes").nth(1).unwrap_or_default();
    let mut told = changes
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with("  "));
    for line in lines {
        let told = told.next().unwrap_or_default().trim();
        assert_eq!(told, *line, "{shown}");
    }
    assert_eq!(told.next(), None, "{shown}");
    let (_, json, _) = answer(&show, Format::Json, &reader);
    let json: Value = serde_json::from_str(&json).unwrap();
    let record = json.as_array().map_or(&json, |all| &all[0]);
    assert_eq!(record["data"], event["data"], "the same in JSON");
}

/// A server on its log, with two people in room `r`.
fn stage() -> (Arc<dyn EventStore>, Server) {
    let log: Arc<dyn EventStore> = Arc::new(MemoryStore::new());
    let server = Server::on(Arc::clone(&log), EngineConfig::default());
    for (identity, name) in [("al", "Old Name"), ("bo", "Bo")] {
        let joins = json!({ "identity": identity, "name": name, "metadata": "old-metadata",
            "attributes": { "role": "old-role" } });
        server.post("/rooms/r/joins", &joins).expect(201);
    }
    (log, server)
}

#[test]
fn each_change_of_a_profile_is_shown_with_what_was_before() {
    let (log, server) = stage();
    let check = |command: Value, kind: &str, lines: &[&str]| {
        check(&server, &log, &command, kind, lines);
    };
    let profile = |target: &str, fields: Value| {
        let mut command = json!({ "command": "update_participant", "target": target });
        let members = command.as_object_mut().unwrap();
        members.extend(fields.as_object().unwrap().clone());
        command
    };
    check(
        profile("identity:al", json!({ "name": "New Name" })),
        "profile_changed",
        &["name: \"Old Name\" -> \"New Name\""],
    );
    check(
        profile("*", json!({ "name": "Both", "metadata": "new" })),
        "profile_changed",
        &[
            "name: \"Bo\" -> \"Both\" (bo)",
            "name: \"New Name\" -> \"Both\" (al)",
            "metadata: \"old-metadata\" -> \"new\" (al, bo)",
        ],
    );
    check(
        profile(
            "identity:al",
            json!({ "attributes": { "role": null, "hat": "red" } }),
        ),
        "profile_changed",
        &[
            "attributes.hat: none -> \"red\"",
            "attributes.role: \"old-role\" -> deleted",
        ],
    );
}

#[test]
fn each_change_of_a_text_of_the_room_is_shown_with_what_was_before() {
    let (log, server) = stage();
    let check = |command: Value, kind: &str, lines: &[&str]| {
        check(&server, &log, &command, kind, lines);
    };
    for (metadata, line) in [
        ("old-room", "metadata: \"\" -> \"old-room\""),
        ("new-room", "metadata: \"old-room\" -> \"new-room\""),
    ] {
        let command = json!({ "command": "update_room", "metadata": metadata });
        check(command, "room_metadata_changed", &[line]);
    }
    let data =
        |data: Value| json!({ "command": "set_session_data", "merge": "replace", "data": data });
    check(
        data(json!({ "v": "old-data", "w": 1 })),
        "session_data_changed",
        &["data: null -> {\"v\":\"old-data\",\"w\":1}"],
    );
    check(
        data(json!({ "v": "new-data", "w": 1 })),
        "session_data_changed",
        &["data.v: \"old-data\" -> \"new-data\""],
    );
    check(
        data(json!({ "v": "new-data", "x": null })),
        "session_data_changed",
        &["data.w: 1 -> deleted", "data.x: none -> null"],
    );
    let long = "x".repeat(3_000);
    server.command("r", &data(json!(long)));
    let at = server.events("room=r&kind=session_data_changed")[3]["position"].clone();
    let start = "x".repeat(197);
    check(
        data(json!("end")),
        "session_data_changed",
        &[&format!(
            "data: \"\\\"{start}... (3002 bytes, whole in #{at}) -> \"end\""
        )],
    );
}

#[test]
fn each_change_of_settings_rights_and_bans_is_shown_with_what_was_before() {
    let (log, server) = stage();
    let check = |command: Value, kind: &str, lines: &[&str]| {
        check(&server, &log, &command, kind, lines);
    };
    check(
        json!({ "command": "update_room", "config": { "max_participants": 4711 } }),
        "room_config_changed",
        &["max_participants: 0 -> 4711"],
    );
    check(
        json!({ "command": "update_permissions",
            "targets": { "identity:al": { "data": false, "send": { "enabled": false } } } }),
        "permissions_changed",
        &["data: true -> false", "send.enabled: true -> false"],
    );
    check(
        json!({ "command": "ban", "identity": "zed" }),
        "participant_banned",
        &[],
    );
    let at = server.events("room=r&kind=participant_banned")[0]["position"].clone();
    check(
        json!({ "command": "ban", "identity": "zed", "until": "2027-02-01T00:00:00Z" }),
        "participant_banned",
        &[&format!(
            "until: for good (set by #{at}) -> \"2027-02-01T00:00:00.000000Z\""
        )],
    );
}

#[test]
fn each_change_of_subscriptions_is_shown_with_what_was_before() {
    let (log, server) = stage();
    let carol = json!({ "identity": "carol", "connection": "c1" });
    server.post("/rooms/r/joins", &carol).expect(201);
    for sid in ["t1", "t2"] {
        let track = json!({ "sid": sid, "type": "audio", "source": "microphone" });
        server
            .post("/rooms/r/connections/c1/tracks", &track)
            .expect(201);
    }
    let told = |target: &str, tracks: &[&str], subscribe: bool, lines: &[&str]| {
        let command = json!({ "command": "update_subscriptions", "target": target,
            "tracks": tracks, "subscribe": subscribe });
        check(&server, &log, &command, "subscriptions_changed", lines);
    };
    told(
        "identity:al",
        &["t1"],
        false,
        &["subscriptions.t1: none -> false (al)"],
    );
    told(
        "identity:bo",
        &["t2"],
        true,
        &["subscriptions.t2: none -> true (bo)"],
    );
    told(
        "*",
        &["t1", "t2"],
        true,
        &[
            "subscriptions.t1: false -> true (al)",
            "subscriptions.t1: none -> true (bo, carol)",
            "subscriptions.t2: none -> true (al, carol)",
        ],
    );
    let event = &server.events("room=r&kind=subscriptions_changed")[2]["data"];
    let before = event["before"].as_array().unwrap();
    let before: Vec<(&Value, &Value, &Value)> = before
        .iter()
        .map(|it| (&it["identity"], &it["subscribed"], &it["unsubscribed"]))
        .collect();
    let expected = [
        ("bo", json!(["t2"]), json!([])),
        ("al", json!([]), json!(["t1"])),
    ];
    assert_eq!(before.len(), expected.len(), "{event:#}");
    for (who, on, off) in &expected {
        assert!(before.contains(&(&json!(who), on, off)), "{event:#}");
    }
}

/// What a room had before its latest session is not shown, and that is said.
#[test]
fn the_people_of_the_latest_session_alone_are_told_to_be_that() {
    let (log, server) = stage();
    let reader = DataReader::new(Arc::clone(&log), "a log");
    let note = |command: &str| {
        let (exit, _, notes) = answer(command, Format::Table, &reader);
        assert_eq!(exit, Exit::Success);
        notes
    };
    for command in ["participants r", "state r"] {
        assert!(!note(command).contains("sessions"), "{command}");
    }
    server.command("r", &json!({ "command": "end_session" }));
    server.join("r", "cy");
    for command in ["participants r", "state r"] {
        let told = note(command);
        assert!(
            told.contains("'roomledger sessions r' lists all 2 sessions"),
            "{told}"
        );
    }
    let (_, sessions, _) = answer("sessions r", Format::Csv, &reader);
    let rows: Vec<&str> = sessions.lines().skip(1).collect();
    assert!(
        !rows[0].contains("so far") && rows[1].contains("so far"),
        "{sessions}"
    );
}

#[test]
fn an_actor_who_did_nothing_is_not_found() {
    let (log, server) = stage();
    let reader = DataReader::new(Arc::clone(&log), "a log");
    server.command("s", &json!({ "command": "create_room" }));
    for (command, exit) in [
        ("log --actor nosuch", Exit::NotFound),
        ("log r --actor nosuch", Exit::NotFound),
        ("log --actor nosuch --kind room_created", Exit::NotFound),
        ("log --actor devkey", Exit::Success),
        ("log r --actor devkey --kind room_deleted", Exit::Success),
    ] {
        let (ended, _, notes) = answer(command, Format::Table, &reader);
        assert_eq!(ended, exit, "{command}: {notes}");
        if exit == Exit::NotFound {
            assert!(notes.contains("'nosuch' did nothing"), "{notes}");
        }
    }
}
