//! What Daily's calls about people do, what they answer, and what they leave in the log.

use roomledger::domain::command::Join;
use roomledger::domain::{
    AdminRight, Allowed, Event, Identity, Kind, Permission, Personal, Receive, ReceiveRule, Source,
};
use roomledger::testing::virtual_time::VirtualEngine;
use serde_json::{Value, json};

use super::support::Server;

const UPDATE: &str = "/rooms/r/update-permissions";

fn permission(server: &Server, id: &str) -> Permission {
    let room = server.room("r");
    room.connection_by_ref(id)
        .unwrap()
        .permission
        .as_ref()
        .clone()
}

/// Every example of the seed's table at once.
#[test]
fn the_seeds_own_values_do_what_it_says() {
    let server = Server::new();
    let alice = server.join("r", "alice");
    server.publish("r", &alice, Source::ScreenShare);
    let body = json!({"data": {alice.clone(): {
        "hasPresence": false,
        "canSend": ["video", "audio"],
        "canReceive": {"base": false},
        "canAdmin": ["participants"],
    }}});
    let before = server.version("r");
    let got = server.daily("POST", UPDATE, &body);
    let position = server.engine.head().to_string();
    assert_eq!(got.headers["x-ledger-position"], *position);
    assert_eq!(got.expect(200), json!({"status": "sent"}));
    let after = permission(&server, &alice);
    assert!(!after.presence);
    let sources = vec![Source::Camera, Source::Microphone];
    assert_eq!(after.send.allowed, Allowed::Listed(sources));
    assert_eq!(after.receive, Receive::all(false));
    assert!(after.admin.contains(&AdminRight::Participants));
    assert!(after.data, "data is none of canSend's");
    let events = server.events("r", before);
    let kinds: Vec<Kind> = events.iter().map(|it| it.event.event.kind()).collect();
    assert_eq!(kinds, [Kind::PermissionsChanged, Kind::TracksUnpublished]);
    let via = &events[0].command.provenance.via;
    assert_eq!(via.dialect, "daily");
    assert_eq!(via.call, "POST /rooms/:name/update-permissions");
    assert_eq!(events[0].command.provenance.actor.id.as_str(), "devkey");
}

#[test]
fn a_star_is_for_all_that_no_key_names_and_who_is_unknown_is_on_record() {
    let server = Server::new();
    let [alice, bob, cy] = ["alice", "bob", "cy"].map(|who| server.join("r", who));
    let body = json!({"data": {
        alice.clone(): {},
        bob.clone(): {"canSend": true},
        "*": {"canSend": []},
        "ghost": {"canAdmin": true},
    }});
    let before = server.version("r");
    server.daily("POST", UPDATE, &body).expect(200);
    let sends = |id: &str| permission(&server, id).send.enabled;
    assert_eq!([&alice, &bob, &cy].map(|id| sends(id)), [true, true, false]);
    let events = server.events("r", before);
    let Event::PermissionsChanged(changed) = &events[0].event.event else {
        panic!("{events:?}");
    };
    let unknown: Vec<&str> = changed
        .unknown_targets
        .iter()
        .map(Personal::as_str)
        .collect();
    assert_eq!(unknown, ["ghost"]);
    let dora = server.join("r", "dora");
    assert!(sends(&dora), "later joiners are unaffected");
    let before = server.version("r");
    server
        .daily("POST", UPDATE, &json!({"data": {}}))
        .expect(200);
    assert_eq!(server.kinds("r", before), [Kind::NoEffect]);
}

#[test]
fn of_can_receive_the_given_parts_replace() {
    let server = Server::new();
    let alice = server.join("r", "alice");
    let bob = server.join("r", "bob");
    let update = |receive: Value| {
        let body = json!({"data": {alice.clone(): {"canReceive": receive}}});
        server.daily("POST", UPDATE, &body).expect(200);
        permission(&server, &alice).receive
    };
    let by_user = json!({"bob": {"video": false}, "eve": true});
    let first = update(json!({"byUserId": by_user, "byParticipantId": {bob: {"audio": true}}}));
    assert_eq!(first.base, ReceiveRule::all(true));
    assert_eq!(
        (first.by_participant.len(), first.by_connection.len()),
        (2, 1)
    );
    let second = update(json!({"base": false, "byUserId": {"eve": {"audio": true}}}));
    assert_eq!(second.base, ReceiveRule::all(false));
    let eve = second.by_participant.values().next().unwrap();
    assert_eq!(
        (second.by_participant.len(), eve.camera, eve.microphone),
        (1, None, Some(true))
    );
    assert_eq!(second.by_connection, first.by_connection);
    assert_eq!(update(json!({})), second);
}

#[test]
fn what_is_wrong_is_400_that_names_it_and_on_record() {
    let server = Server::new();
    server.join("r", "alice");
    for (call, body, named) in wrong_bodies() {
        let before = server.version("r");
        let got = server.daily("POST", &format!("/rooms/r/{call}"), &body);
        let position = got.headers["x-ledger-position"]
            .to_str()
            .unwrap()
            .to_owned();
        let info = got.refused(400, "invalid-request-error");
        assert!(info.contains(named), "{call} {body}: {info}");
        let events = server.events("r", before);
        assert_eq!(events.len(), 1, "{call} {body}");
        assert_eq!(events[0].event.event.kind(), Kind::CommandRefused);
        assert_eq!(events[0].position.to_string(), position);
    }
    let got = server.daily_with("POST", UPDATE, b"{\"data\":", &[]);
    got.refused(400, "json-parsing-error");
}

/// A call, a body that it does not take, and what is named as wrong.
fn wrong_bodies() -> Vec<(&'static str, Value, &'static str)> {
    let long = "x".repeat(257);
    let many: Vec<String> = (0..101).map(|number| number.to_string()).collect();
    let message = json!({"text": "x".repeat(4_096)});
    vec![
        ("update-permissions", json!({}), "`data`"),
        ("update-permissions", json!({"data": []}), "`data`"),
        (
            "update-permissions",
            json!({"data": {"*": true}}),
            "`data.*`",
        ),
        (
            "update-permissions",
            json!({"data": {"*": {"canFly": true}}}),
            "`data.*.canFly`",
        ),
        (
            "update-permissions",
            json!({"data": {"*": {"canSend": ["x"]}}}),
            "`data.*.canSend`",
        ),
        (
            "update-permissions",
            json!({"data": {"a": {"canReceive": {"base": {"video": true}}}}}),
            "`data.a.canReceive.base.audio`",
        ),
        (
            "update-permissions",
            json!({"data": {long.clone(): {}}}),
            "`data.xxx",
        ),
        (
            "update-permissions",
            json!({"data": {}, "more": 1}),
            "`more`",
        ),
        ("eject", json!({"ids": "a"}), "`ids`"),
        ("eject", json!({"ids": many}), "`ids`"),
        ("eject", json!({"user_ids": many}), "`user_ids`"),
        ("eject", json!({"user_ids": [""]}), "`user_ids`"),
        ("eject", json!({"ids": [long]}), "`ids`"),
        ("eject", json!({"ban": "yes"}), "`ban`"),
        ("send-app-message", json!({}), "`data`"),
        ("send-app-message", json!({"data": "hi"}), "`data`"),
        ("send-app-message", json!({"data": message}), "`data`"),
        (
            "send-app-message",
            json!({"data": {}, "recipient": ""}),
            "`recipient`",
        ),
        ("set-session-data", json!({"data": 1}), "`data`"),
        (
            "set-session-data",
            json!({"mergeStrategy": "deep"}),
            "`mergeStrategy`",
        ),
        (
            "set-session-data",
            json!({"keysToDelete": "a"}),
            "`keysToDelete`",
        ),
    ]
}

#[test]
fn where_nobody_meets_it_is_404() {
    let server = Server::new();
    server
        .daily("POST", "/rooms", &json!({"name": "idle"}))
        .expect(200);
    let data = json!({"data": {}});
    for (room, method, call, body) in [
        ("none", "POST", "update-permissions", &data),
        ("idle", "POST", "update-permissions", &data),
        ("none", "POST", "eject", &json!({"ids": ["a"]})),
        ("none", "POST", "send-app-message", &data),
        ("idle", "POST", "send-app-message", &data),
        ("none", "POST", "set-session-data", &data),
        ("idle", "POST", "set-session-data", &data),
        ("none", "GET", "get-session-data", &Value::Null),
        ("idle", "GET", "get-session-data", &Value::Null),
        ("none", "GET", "presence", &Value::Null),
    ] {
        let got = server.daily(method, &format!("/rooms/{room}/{call}"), body);
        let info = got.refused(404, "not-found");
        assert!(info.contains(room), "{room} {call}: {info}");
    }
    let got = server.daily("POST", "/rooms/idle/eject", &json!({"ids": ["a"]}));
    assert_eq!(got.expect(200), json!({"ejectedIds": []}));
}

#[test]
fn ejecting_closes_each_once_and_bans_people_alone() {
    let server = Server::new();
    let [alice, bob, cy, dora] = ["alice", "bob", "cy", "dora"].map(|who| server.join("r", who));
    let before = server.version("r");
    let body = json!({
        "ids": [alice, alice, "ghost"], "user_ids": ["bob", "nobody"], "ban": true,
    });
    let headers = [("X-Audit-Reason", "spam"), ("Idempotency-Key", "q1")];
    let bytes = body.to_string();
    let eject = || server.daily_with("POST", "/rooms/r/eject", bytes.as_bytes(), &headers);
    let ejected = json!({"ejectedIds": [alice, bob]});
    assert_eq!(eject().expect(200), ejected);
    let kinds = [
        Kind::RemovalRequested,
        Kind::ConnectionsClosed,
        Kind::NoEffect,
        Kind::NoEffect,
        Kind::RemovalRequested,
        Kind::ParticipantBanned,
        Kind::ConnectionsClosed,
        Kind::ParticipantRegistered,
        Kind::ParticipantBanned,
    ];
    assert_eq!(server.kinds("r", before), kinds);
    let events = server.events("r", before);
    let first = events[0].command_first;
    assert!(
        events.iter().all(|it| it.command_first == first),
        "one commit"
    );
    let again = eject();
    assert_eq!(again.headers["x-ledger-replayed"], "true");
    assert_eq!(again.expect(200), ejected);
    assert_eq!(server.events("r", before).len(), kinds.len());
    let banned = |who: &str| {
        let room = server.room("r");
        let (_, person) = room
            .person_by_identity(&Identity::new(who).unwrap())
            .unwrap();
        person.ban.is_some()
    };
    assert_eq!(["alice", "bob", "nobody"].map(banned), [false, true, true]);
    let body = json!({"ids": [cy], "user_ids": ["dora"]});
    let got = server.daily("POST", "/rooms/r/eject", &body);
    assert_eq!(got.expect(200), json!({"ejectedIds": [cy, dora]}));
    assert!(!banned("dora"), "without ban they may come back");
}

#[test]
fn session_data_is_replaced_merged_and_gone_with_its_session() {
    let server = Server::new();
    server.join("r", "alice");
    let get = || server.get("/rooms/r/get-session-data").expect(200);
    assert_eq!(get(), json!({"data": {}}));
    for (body, data) in [
        (
            json!({"data": {"a": 1, "b": {"c": 2}}}),
            json!({"a": 1, "b": {"c": 2}}),
        ),
        (
            json!({"data": {"b": {"d": 3}}, "mergeStrategy": "shallow-merge"}),
            json!({"a": 1, "b": {"d": 3}}),
        ),
        (
            json!({"mergeStrategy": "shallow-merge", "keysToDelete": ["a", "z"]}),
            json!({"b": {"d": 3}}),
        ),
        (
            json!({"data": {"x": 1.5}, "mergeStrategy": "replace", "keysToDelete": ["x"]}),
            json!({"x": 1.5}),
        ),
        (json!({}), json!({})),
    ] {
        let got = server.daily("POST", "/rooms/r/set-session-data", &body);
        assert_eq!(got.expect(200), json!({"sent": "true"}), "{body}");
        assert_eq!(get(), json!({"data": data}), "{body}");
    }
    let fits = json!({"data": {"a": "x".repeat(102_400 - 8)}});
    server
        .daily("POST", "/rooms/r/set-session-data", &fits)
        .expect(200);
    let over = json!({"data": {"a": "x".repeat(102_400 - 7)}});
    let got = server.daily("POST", "/rooms/r/set-session-data", &over);
    got.refused(413, "invalid-request-error");
    server.execute("r", roomledger::domain::Command::EndSession);
    server.join("r", "alice");
    assert_eq!(get(), json!({"data": {}}));
}

#[test]
fn a_message_is_sent_to_all_or_one_and_kept_as_size_and_digest() {
    let server = Server::new();
    let alice = server.join("r", "alice");
    server.join("r", "bob");
    let message = json!({"text": "x".repeat(4_085)});
    for (recipient, count) in [(json!("*"), 2), (json!(null), 2), (json!(alice), 1)] {
        let before = server.version("r");
        let body = json!({"data": message, "recipient": recipient});
        let got = server.daily("POST", "/rooms/r/send-app-message", &body);
        assert_eq!(got.expect(200), json!({"sent": "true"}));
        let events = server.events("r", before);
        let Event::DataSent(sent) = &events[0].event.event else {
            panic!("{events:?}");
        };
        assert_eq!(sent.bytes, 4_096);
        let reached: usize = sent
            .who
            .iter()
            .map(|who| who.connections.iter().count())
            .sum();
        assert_eq!(reached, count);
    }
    let body = json!({"data": {}, "recipient": "ghost"});
    server
        .daily("POST", "/rooms/r/send-app-message", &body)
        .expect(200);
}

#[test]
fn presence_shows_who_is_there_as_of_when_media_flowed() {
    let server = Server::new();
    let mut named = Join::new(Identity::new("alice").unwrap());
    named.profile.name = Some("Alice".to_owned());
    let alice = server.join_as("r", &named);
    let mut nobody = Join::new(Identity::new("unused").unwrap());
    nobody.identity = None;
    let guest = server.join_as("r", &nobody);
    let mut joining = Join::new(Identity::new("late").unwrap());
    joining.active = false;
    server.join_as("r", &joining);
    let body = json!({"data": {alice.clone(): {"hasPresence": false}}});
    server.daily("POST", UPDATE, &body).expect(200);
    pass(&server.engine, 7);
    let session = server
        .room("r")
        .session
        .as_ref()
        .unwrap()
        .id
        .uuid()
        .to_string();
    let shown = |id: &str, user: Value, name: Value| {
        json!({"room": "r", "id": id, "userId": user, "userName": name, "mtgSessionId": session,
            "joinTime": "2027-01-15T08:00:00.000Z", "duration": 7})
    };
    let alice = shown(&alice, json!("alice"), json!("Alice"));
    let guest = shown(&guest, Value::Null, Value::Null);
    let everybody = json!({"r": [alice, guest]});
    assert_eq!(server.get("/presence").expect(200), everybody);
    for (query, count, data) in [
        ("", 2, json!([alice, guest])),
        ("?limit=1", 2, json!([alice])),
        ("?userId=alice", 1, json!([alice])),
        ("?userName=Alice&limit=500", 1, json!([alice])),
        ("?userName=alice", 0, json!([])),
    ] {
        let got = server.get(&format!("/rooms/r/presence{query}"));
        assert_eq!(
            got.expect(200),
            json!({"total_count": count, "data": data}),
            "{query}"
        );
    }
    for query in ["?limit=0", "?limit=x", "?user=alice"] {
        let got = server.get(&format!("/rooms/r/presence{query}"));
        got.refused(400, "invalid-request-error");
    }
}

fn pass(engine: &VirtualEngine, seconds: u64) {
    engine
        .advance(std::time::Duration::from_secs(seconds))
        .unwrap();
}
