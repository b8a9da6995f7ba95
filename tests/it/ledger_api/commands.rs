//! Commands of every kind: what they record, and what state they leave.

use axum::http::Method;
use serde_json::{Value, json};

use super::support::{Server, kinds};

/// A room with alice, who publishes, and bob; their connections and alice's track.
fn town() -> (Server, Value, Value, String) {
    let server = Server::new();
    let (alice, bob) = (server.join("town", "alice"), server.join("town", "bob"));
    let path = format!(
        "/rooms/town/connections/{}/tracks",
        alice["sid"].as_str().unwrap()
    );
    let track = json!({ "type": "audio", "source": "microphone" });
    let published = server.post(&path, &track).expect(201);
    let sid = published["sid"].as_str().unwrap().to_owned();
    (server, alice, bob, sid)
}

/// A command on the town, and the kinds of what it records.
#[track_caller]
fn check(body: &Value, expected: &[&str]) {
    let (server, _, _, track) = town();
    let text = body.to_string().replace("TRACK", &track);
    let answer = server.command("town", &serde_json::from_str(&text).unwrap());
    let events = answer["events"].as_array().unwrap();
    assert_eq!(kinds(events), expected, "{body}");
    let last = events.last().unwrap();
    assert_eq!(last["position"], answer["position"]);
    assert_eq!(last["version"], answer["version"]);
    assert_eq!(last["via"]["call"], body["command"]);
}

#[test]
fn every_command_records_what_it_says() {
    let at = "2027-02-01T00:00:00Z";
    let closed = [
        "removal_requested",
        "tracks_unpublished",
        "connections_closed",
    ];
    check(
        &json!({ "command": "create_room", "metadata": "m" }),
        &["no_effect"],
    );
    check(
        &json!({ "command": "update_room", "metadata": "m",
            "config": { "max_participants": 5, "expires_at": at,
                "default_permission": { "send": { "enabled": false } } } }),
        &["room_config_changed", "room_metadata_changed"],
    );
    check(
        &json!({ "command": "update_participant", "target": "identity:alice", "name": "Al",
            "attributes": { "a": "b", "gone": null } }),
        &["profile_changed"],
    );
    check(
        &json!({ "command": "update_permissions", "mode": "patch",
            "targets": { "*": { "send": { "enabled": false } } } }),
        &["permissions_changed", "tracks_unpublished"],
    );
    check(
        &json!({ "command": "mute_track", "target": "identity:alice", "track": "TRACK",
            "muted": true }),
        &["track_mute_changed"],
    );
    check(
        &json!({ "command": "remove", "target": "identity:alice" }),
        &closed,
    );
    check(
        &json!({ "command": "unban", "identity": "bob" }),
        &["no_effect"],
    );
    check(
        &json!({ "command": "revoke_tokens", "before": "2027-01-16T08:00:00Z" }),
        &["tokens_revoked"],
    );
    check(&json!({ "command": "lift_revocation" }), &["no_effect"]);
    check(
        &json!({ "command": "update_subscriptions", "target": "identity:bob",
            "tracks": ["TRACK"], "subscribe": false }),
        &["subscriptions_changed"],
    );
    check(
        &json!({ "command": "send_data", "data": "aGk=", "topic": "chat" }),
        &["data_sent"],
    );
    check(
        &json!({ "command": "set_session_data", "data": { "a": 1 }, "merge": "shallow" }),
        &["session_data_changed"],
    );
    check(
        &json!({ "command": "add_note", "about": "identity:alice", "text": "rude" }),
        &["note_added"],
    );
    check(
        &json!({ "command": "add_note", "about": 4, "text": "here" }),
        &["note_added"],
    );
}

#[test]
fn an_end_closes_everybody() {
    for name in ["end_session", "delete_room"] {
        let (server, ..) = town();
        server.command("town", &json!({ "command": name }));
        let room = server.read("/rooms/town");
        assert_eq!(room["live"], false);
        assert!(room["session_end"].is_string());
        let people = room["participants"].as_array().unwrap();
        assert!(
            people.iter().all(|person| person["live"] == false),
            "{name}"
        );
    }
}

#[test]
fn removal_points_the_stint_to_its_request() {
    let (server, alice, ..) = town();
    let target = format!("connection:{}", alice["sid"].as_str().unwrap());
    let body = json!({ "command": "remove", "target": target, "ban": true });
    let headers = [("x-audit-actor", "mod-1"), ("x-audit-reason", "spam")];
    let answer = server
        .post_with("/rooms/town/commands", &headers, &body)
        .expect(200);
    let request = &answer["events"][0];
    assert_eq!(
        (&request["actor"]["on_behalf_of"], &request["reason"]),
        (&json!("mod-1"), &json!("spam"))
    );
    let person = server.read("/rooms/town/participants/alice");
    let cause = person["timelog"][0]["cause"].as_u64().unwrap();
    let ban = server.read("/rooms/town")["bans"][0].clone();
    assert_eq!(ban["identity"], "alice");
    assert_eq!(json!(cause), request["position"]);
    let refused = server
        .post("/rooms/town/joins", &json!({ "identity": "alice" }))
        .expect(403);
    assert_eq!(
        (&refused["type"], &refused["because"]),
        (&json!("banned"), &ban["position"])
    );
    server.command("town", &json!({ "command": "unban", "identity": "alice" }));
    server.join("town", "alice");
}

#[test]
fn a_revoked_token_is_refused_with_the_event_that_is_the_reason() {
    let server = Server::new();
    let token = server.join_token("town", "alice");
    server
        .post("/rooms/town/joins", &json!({ "token": token }))
        .expect(201);
    server.advance(10);
    let revoke = json!({ "command": "revoke_tokens", "identity": "alice",
        "before": "2027-01-15T08:00:05Z" });
    let revoked = server.command("town", &revoke);
    let again = server
        .post("/rooms/town/joins", &json!({ "token": token }))
        .expect(403);
    assert_eq!(again["type"], "token-revoked");
    assert_eq!(again["because"], revoked["position"]);
    let refused = server.events("room=town&refused=true");
    assert_eq!(refused[0]["position"], again["position"]);
    let fresh = server.join_token("town", "alice");
    server
        .post("/rooms/town/joins", &json!({ "token": fresh }))
        .expect(201);
}

#[test]
fn a_move_is_in_both_rooms_or_in_neither() {
    let (server, ..) = town();
    server.join("hall", "carol");
    let body = json!({ "command": "move", "target": "identity:bob", "to_room": "hall" });
    let answer = server.command("town", &body);
    let rooms: Vec<&str> = answer["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["room"].as_str().unwrap())
        .collect();
    assert!(
        rooms.contains(&"town") && rooms.contains(&"hall"),
        "{rooms:?}"
    );
    assert_eq!(server.read("/rooms/town/participants/bob")["live"], false);
    let there = server.read("/rooms/hall/participants/bob");
    assert_eq!(there["live"], true);
    let opened = server.events("room=hall&kind=connection_opened&target=bob");
    assert_eq!(opened[0]["data"]["moved_from"]["room"], "town");
    assert_eq!(opened[0]["data"]["moved_from"]["identity"], "bob");
    assert!(opened[0]["causation"].is_u64());
    let same = json!({ "command": "move", "target": "identity:alice", "to_room": "town" });
    let refused = server.post("/rooms/town/commands", &same).expect(422);
    assert_eq!(refused["type"], "same-room");
}

#[test]
fn an_expected_version_that_is_past_conflicts() {
    let (server, alice, ..) = town();
    let version = server.read("/rooms/town")["version"].as_u64().unwrap();
    let body = |expected: u64, name: &str| {
        json!({ "command": "update_participant", "target": "identity:alice",
            "name": name, "expected_version": expected })
    };
    server.command("town", &body(version, "A"));
    let conflict = server
        .post("/rooms/town/commands", &body(version, "B"))
        .expect(409);
    assert_eq!(conflict["type"], "version-conflict");
    assert_eq!(conflict["version"], version + 1);
    let note = json!({ "command": "add_note", "about": "room", "text": "no change of state" });
    server.command("town", &note);
    server.command("town", &body(version + 1, "C"));
    assert!(alice["position"].is_u64());
}

#[test]
fn a_command_as_somebody_needs_their_right() {
    let (server, alice, ..) = town();
    let mute = |track: &str| {
        json!({ "command": "remove", "target": "identity:bob", "as": alice["connection"],
            "reason": null, "track": track })
    };
    let unknown = server.post("/rooms/town/commands", &mute("x")).expect(400);
    assert!(
        unknown["detail"]
            .as_str()
            .unwrap()
            .contains("`reason` is unknown here")
    );
    let body = json!({ "command": "remove", "target": "identity:bob", "as": alice["connection"] });
    let refused = server.post("/rooms/town/commands", &body).expect(403);
    assert_eq!(refused["type"], "no-right");
    let event = server.read(&format!("/events/{}", refused["position"]));
    assert_eq!(event["actor"]["kind"], "participant");
    assert_eq!(event["actor"]["id"], "alice");
    let allow = json!({ "command": "update_permissions",
        "targets": { "identity:alice": { "admin": ["participants"] } } });
    server.command("town", &allow);
    server.command("town", &body);
}

/// A revocation keeps out older credentials, shows as long as it stands, and can be lifted.
#[test]
fn a_revocation_can_be_lifted() {
    let (server, ..) = town();
    let join = json!({ "identity": "carol", "issued_at": "2020-01-01T00:00:00Z" });
    for whose in [json!({}), json!({ "identity": "carol" })] {
        let command = |name: &str, more: &Value| {
            let mut body = json!({ "command": name });
            let members = body.as_object_mut().unwrap();
            for given in [&whose, more] {
                members.extend(given.as_object().unwrap().clone());
            }
            body
        };
        let revoke = command(
            "revoke_tokens",
            &json!({ "before": "2020-01-02T00:00:00Z" }),
        );
        let revoked = server.command("town", &revoke);
        let refused = server.post("/rooms/town/joins", &join).expect(403);
        let (kind, because) = (&refused["type"], &refused["because"]);
        assert_eq!(
            (kind, because),
            (&json!("token-revoked"), &revoked["position"])
        );
        let standing = server.read("/rooms/town")["revocations"].clone();
        assert_eq!(standing.as_array().unwrap().len(), 1);
        let earlier = command(
            "revoke_tokens",
            &json!({ "before": "2019-01-01T00:00:00Z" }),
        );
        let kept = server.command("town", &earlier);
        assert_eq!(kinds(kept["events"].as_array().unwrap()), ["no_effect"]);
        let why = kept["events"][0]["data"]["why"].as_str().unwrap();
        assert!(why.contains("2020-01-02T00:00:00.000000Z"), "{why}");
        let lift = command("lift_revocation", &json!({}));
        let lifted = server.command("town", &lift);
        let event = lifted["events"].as_array().unwrap().last().unwrap();
        assert_eq!(event["kind"], "revocation_lifted");
        assert_eq!(event["data"].get("identity"), whose.get("identity"));
        assert_eq!(server.read("/rooms/town")["revocations"], json!([]));
        server.post("/rooms/town/joins", &join).expect(201);
    }
    let far = json!({ "command": "revoke_tokens", "before": "2099-01-01T00:00:00Z" });
    let refused = server.post("/rooms/town/commands", &far).expect(422);
    let detail = refused["detail"].as_str().unwrap();
    assert!(
        detail.contains("2099-01-01T00:00:00.000000Z is more than a day ahead"),
        "{detail}"
    );
}

/// Of two members of one name an ordinary reader drops the first: nothing of that is done here.
#[test]
fn a_member_that_is_given_twice_is_refused_by_name() {
    let (server, ..) = town();
    let off = r#"{"send":{"enabled":false}}"#;
    let texts = [
        r#"{"command":"ban","identity":"alice","identity":"bob"}"#.to_owned(),
        r#"{"command":"ban","identity":"alice","\u0069dentity":"alice"}"#.to_owned(),
        format!(
            r#"{{"command":"update_permissions","targets":{{"*":{{"data":false}},"*":{off}}}}}"#
        ),
    ];
    for text in texts {
        let answer = server.send(
            Method::POST,
            "/rooms/town/commands",
            &[],
            text.clone().into_bytes(),
        );
        let answer = answer.expect(400);
        let detail = answer["detail"].as_str().unwrap();
        let member = if text.contains("\"*\"") {
            "*"
        } else {
            "identity"
        };
        assert!(
            detail.contains(&format!("{member:?} is given twice")),
            "{text}: {detail}"
        );
    }
    let room = server.read("/rooms/town");
    assert_eq!(room["bans"], json!([]));
    assert_eq!(room["participants"][0]["permission"]["data"], true);
}
