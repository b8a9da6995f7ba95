//! What join tokens say beside names and rights: settings of the room, ids that are numbers, and
//! limits in seconds.

use std::time::Duration;

use roomledger::domain::Timestamp;
use roomledger::engine::Clock as _;
use serde_json::{Value, json};

use crate::crossing::bearer;
use crate::hs256::{Algorithm, signed};
use crate::videosdk::support::Server;

fn ledger() -> String {
    bearer(&json!({"ledger": {"admin": true, "report": true, "audit": true}}))
}

/// A join by our own API with a token of any vendor; status and body.
fn join(server: &Server, room: &str, token: &str) -> (u16, Value) {
    let path = format!("/api/v1/rooms/{room}/joins");
    let body = json!({ "token": token }).to_string();
    server.call_as(&ledger(), "POST", &path, &body)
}

fn of_livekit(room: &str, more: &Value) -> String {
    let mut claims = json!({"sub": "al", "video": {"roomJoin": true, "room": room}});
    claims
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    bearer(&claims).strip_prefix("Bearer ").unwrap().to_owned()
}

fn events(server: &Server, room: &str, kind: &str) -> Vec<Value> {
    let path = format!("/api/v1/events?room={room}&kind={kind}");
    let page = server.fine(&ledger(), "GET", &path, "");
    page["events"].as_array().unwrap().clone()
}

fn daily(server: &Server, path: &str, body: &Value) -> (u16, Value) {
    let path = format!("/daily/v1{path}");
    server.call_as("Bearer secret", "POST", &path, &body.to_string())
}

/// A setting that nobody here can give refuses the join, as it refuses `CreateRoom`.
#[test]
fn a_token_with_an_unknown_preset_is_refused_by_name_and_on_record() {
    let server = Server::new();
    let (status, body) = join(
        &server,
        "r",
        &of_livekit("r", &json!({"roomPreset": "private"})),
    );
    assert_eq!((status, &body["type"]), (403, &json!("bad-token")));
    assert!(
        body["detail"].as_str().unwrap().contains("\"private\""),
        "{body}"
    );
    let refused = &events(&server, "r", "command_refused")[0];
    assert_eq!(refused["position"], body["position"]);
    assert!(refused.to_string().contains("private"), "{refused}");
}

/// What the token of the first one in says becomes the session's settings; what nobody here carries
/// out stands beside the join.
#[test]
fn the_settings_of_the_first_token_are_kept() {
    let server = Server::new();
    let agents = json!([{"agentName": "one", "metadata": "m"}, {"agent_name": "two"}]);
    let config = json!({"emptyTimeout": 60, "agents": agents, "tags": {"team": "red"},
        "minPlayoutDelay": 100, "egress": {"room": {"layout": "grid"}}});
    let (status, body) = join(
        &server,
        "r",
        &of_livekit("r", &json!({"roomConfig": config})),
    );
    assert_eq!(status, 201, "{body}");
    let room = server.fine(&ledger(), "GET", "/api/v1/rooms/r", "");
    let kept = room["config"]["properties"].as_object().unwrap();
    let of_agent = |at: usize| -> Value {
        serde_json::from_str(kept[&format!("agents.{at}")].as_str().unwrap()).unwrap()
    };
    assert_eq!(of_agent(0)["agent_name"], "one");
    assert_eq!(of_agent(1)["agent_name"], "two");
    assert_eq!(
        (&kept["tags.team"], &kept["min_playout_delay"]),
        (&json!("red"), &json!("100"))
    );
    let opened = &events(&server, "r", "connection_opened")[0]["data"];
    let unheeded = opened["unheeded"].as_object().unwrap();
    assert_eq!(unheeded.keys().collect::<Vec<_>>(), ["egress"]);
    assert!(unheeded["egress"].as_str().unwrap().contains("grid"));
}

/// Where the session is open already, its settings stay, and the join says what was asked in vain.
#[test]
fn settings_asked_in_vain_stand_beside_the_join() {
    let create = json!({"name": "r", "empty_timeout": 300, "metadata": "hall", "tags": {"a": "1"}});
    let create_room = "/twirp/livekit.RoomService/CreateRoom";
    let creator = bearer(&json!({"video": {"roomCreate": true}}));
    let cases = [
        (json!({}), json!({})),
        (
            json!({"emptyTimeout": 300, "metadata": "hall", "tags": {"a": "1"}}),
            json!({}),
        ),
        (
            json!({"emptyTimeout": 4711, "departureTimeout": 5, "maxParticipants": 7,
                "metadata": "other", "tags": {"a": "1", "b": "2"}, "syncStreams": true}),
            json!({"empty_timeout_s": "4711", "departure_timeout_s": "5",
                "max_participants": "7", "metadata": "other", "tags.b": "2",
                "sync_streams": "true"}),
        ),
    ];
    for (config, unheeded) in cases {
        let server = Server::new();
        server.fine(&creator, "POST", create_room, &create.to_string());
        let before = server.fine(&ledger(), "GET", "/api/v1/rooms/r", "")["config"].clone();
        let more = json!({ "roomConfig": config });
        let (status, body) = join(&server, "r", &of_livekit("r", &more));
        assert_eq!(status, 201, "{body}");
        let opened = &events(&server, "r", "connection_opened")[0]["data"];
        let none = json!({});
        assert_eq!(
            opened.get("unheeded").unwrap_or(&none),
            &unheeded,
            "{config}"
        );
        let after = server.fine(&ledger(), "GET", "/api/v1/rooms/r", "");
        assert_eq!(after["config"], before, "{config}");
    }
}

/// Daily's clients send the numbers of their users: they come back as they came, and are names like
/// any other in the room.
#[test]
fn ids_of_daily_may_be_numbers() {
    for (written, id) in [
        ("4711", "4711"),
        ("47.0", "47"),
        ("-3", "-3"),
        ("\"4711\"", "4711"),
    ] {
        let server = Server::new();
        assert_eq!(daily(&server, "/rooms", &json!({"name": "r"})).0, 200);
        let number: Value = serde_json::from_str(written).unwrap();
        let properties = json!({"room_name": "r", "user_id": number, "user_name": number});
        let (status, made) = daily(
            &server,
            "/meeting-tokens",
            &json!({"properties": properties}),
        );
        assert_eq!(status, 200, "{made}");
        let made = made["token"].as_str().unwrap();
        let read = format!("/daily/v1/meeting-tokens/{made}");
        let read = server.fine("Bearer secret", "GET", &read, "");
        let back: Value = serde_json::from_str(id).unwrap();
        let back = if number.is_string() { &number } else { &back };
        assert_eq!(
            (&read["user_id"], &read["user_name"]),
            (back, back),
            "{written}"
        );
        let (status, joined) = join(&server, "r", made);
        assert_eq!(
            (status, &joined["identity"]),
            (201, &json!(id)),
            "{written}"
        );
        let presence = server.fine("Bearer secret", "GET", "/daily/v1/rooms/r/presence", "");
        let shown = &presence["data"][0];
        assert_eq!(
            (&shown["userId"], &shown["userName"]),
            (&json!(id), &json!(id))
        );
        let (status, out) = daily(&server, "/rooms/r/eject", &json!({"user_ids": [number]}));
        assert_eq!(
            (status, out["ejectedIds"].as_array().unwrap().len()),
            (200, 1),
            "{written}"
        );
    }
    let server = Server::new();
    assert_eq!(daily(&server, "/rooms", &json!({"name": "r"})).0, 200);
    for wrong in [json!(true), json!([1]), json!({"id": 1})] {
        let properties = json!({"user_id": wrong});
        assert_eq!(
            daily(
                &server,
                "/meeting-tokens",
                &json!({"properties": properties})
            )
            .0,
            400
        );
        assert_eq!(
            daily(&server, "/rooms/r/eject", &json!({"user_ids": [wrong]})).0,
            400
        );
    }
    let (status, out) = daily(&server, "/rooms/r/eject", &json!({"ids": [12]}));
    assert_eq!(
        (status, &out["ejectedIds"]),
        (200, &json!([])),
        "a number may be an id, nobody's"
    );
}

fn self_signed(server: &Server, more: &Value) -> String {
    let domain = server.fine("Bearer secret", "GET", "/daily/v1/", "");
    let mut claims = json!({"d": domain["domain_id"], "r": "r", "exp": 4_102_444_800_u64});
    claims
        .as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    signed(header, &claims.to_string(), Algorithm::HS256, "secret")
}

#[test]
fn a_self_signed_token_of_daily_may_have_numbers_too() {
    let server = Server::new();
    assert_eq!(daily(&server, "/rooms", &json!({"name": "r"})).0, 200);
    let (status, joined) = join(
        &server,
        "r",
        &self_signed(&server, &json!({"ud": 12, "u": 34})),
    );
    assert_eq!(
        (status, &joined["identity"]),
        (201, &json!("12")),
        "{joined}"
    );
    let opened = &events(&server, "r", "connection_opened")[0]["data"];
    assert_eq!(opened["name"], "34");
}

/// What clients still send of Daily's former properties is kept and shown; it bears on no right.
#[test]
fn former_properties_of_daily_are_kept_and_unknown_ones_refused() {
    let former = [
        ("autojoin", json!(true)),
        ("close_tab_on_exit", json!(true)),
        ("enable_new_call_ui", json!(false)),
        ("redirect_on_meeting_exit", json!("https://example.org/bye")),
        ("signaling_impl", json!("ws")),
        ("switchover_impl", json!("none")),
    ];
    for (name, value) in former {
        let server = Server::new();
        let properties = json!({ name: value });
        let made = json!({"name": "r", "properties": properties});
        let (status, made) = daily(&server, "/rooms", &made);
        assert_eq!((status, &made["config"]), (200, &properties), "{made}");
        let (status, changed) = daily(&server, "/rooms/r", &json!({"properties": {name: null}}));
        assert_eq!((status, &changed["config"]), (200, &json!({})), "{changed}");
        let (status, _) = daily(&server, "/rooms/r", &json!({"properties": {name: [1]}}));
        assert_eq!(status, 400, "{name} has a form");
        let plain = Server::new();
        assert_eq!(daily(&plain, "/rooms", &json!({"name": "r"})).0, 200);
        let rights = |server: &Server| {
            server.join("r", "al");
            events(server, "r", "connection_opened")[0]["data"]["permission"].clone()
        };
        assert_eq!(rights(&server), rights(&plain), "{name}");
    }
    let server = Server::new();
    let unknown = json!({"properties": {"enable_new_call_uis": true}});
    assert_eq!(daily(&server, "/rooms", &unknown).0, 400);
}

/// Limits in seconds count from the moment of the join on record, to the microsecond, and not from
/// when the token or the room was made, nor from what a wall clock says that is a little off.
#[test]
fn limits_in_seconds_count_from_the_join() {
    for off in [0_i64, 200, -200] {
        for in_room in [false, true] {
            let server = Server::new();
            let limit = json!({"eject_after_elapsed": 10});
            let of_room = if in_room { limit.clone() } else { json!({}) };
            let made = json!({"name": "r", "properties": of_room});
            assert_eq!(daily(&server, "/rooms", &made).0, 200);
            let mut properties = if in_room { json!({}) } else { limit };
            properties["room_name"] = json!("r");
            let (_, made) = daily(
                &server,
                "/meeting-tokens",
                &json!({"properties": properties}),
            );
            server.engine.clock().advance(Duration::from_millis(5_750));
            let wall = server.engine.clock().wall().seconds() + off;
            server
                .engine
                .clock()
                .set_wall(Timestamp::from_seconds(wall));
            let (status, body) = join(&server, "r", made["token"].as_str().unwrap());
            assert_eq!(status, 201, "{body}");
            let opened = &events(&server, "r", "connection_opened")[0];
            let moment = |value: &Value| Timestamp::parse(value.as_str().unwrap()).unwrap();
            let joined = moment(&opened["recorded_at"]);
            assert_eq!(
                moment(&opened["data"]["eject_at"]),
                joined.plus_seconds(10),
                "{off}"
            );
            server.engine.advance(Duration::from_secs(11)).unwrap();
            let closed = &events(&server, "r", "connections_closed")[0];
            assert_eq!(
                moment(&closed["recorded_at"]),
                joined.plus_seconds(10),
                "{off}"
            );
        }
    }
}

/// An empty user id is none, as it is to JavaScript: the participant gets an id of its own.
#[test]
fn an_empty_user_id_of_daily_is_none() {
    let server = Server::new();
    assert_eq!(daily(&server, "/rooms", &json!({"name": "r"})).0, 200);
    let token = self_signed(&server, &json!({"ud": ""}));
    let (status, joined) = join(&server, "r", &token);
    assert_eq!(status, 201, "{joined}");
    let opened = &events(&server, "r", "connection_opened")[0];
    assert_eq!(opened["data"]["identity"].as_str().unwrap().len(), 36);
}
