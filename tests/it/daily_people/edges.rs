//! Small promises of Daily's page: numbers, durations, tokens that do not do, empty filters.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request as HttpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::daily::token::join_of;
use roomledger::domain::command::Remove;
use roomledger::domain::{Command, Identity, Target};
use serde_json::{Value, json};

use super::support::Server;
use crate::livekit_service::support::mint;

/// What our own API reads there.
fn ledger(server: &Server, path: &str) -> Value {
    let claims = json!({"iss": "devkey", "exp": 4_102_444_800_u64, "ledger": {"audit": true}});
    let request = HttpRequest::get(format!("/api/v1{path}"))
        .header("Authorization", format!("Bearer {}", mint(&claims)));
    server
        .send(request.body(Body::empty()).unwrap())
        .expect(200)
}

/// What somebody is told of the meeting in that room.
fn duration(server: &Server, room: &str) -> (Value, Value) {
    let meetings = server.get(&format!("/meetings?room={room}")).expect(200);
    let meeting = &meetings["data"][0];
    (meeting["duration"].clone(), meeting["ongoing"].clone())
}

#[test]
fn a_meeting_lasts_until_the_last_one_left() {
    let server = Server::new();
    server.join("town", "ada");
    server.engine.advance(Duration::from_secs(10)).unwrap();
    assert_eq!(duration(&server, "town"), (json!(10), json!(true)));
    let ada = Target::Identity(Identity::new("ada").unwrap());
    server.execute("town", Command::Remove(Remove::new(ada)));
    server.engine.advance(Duration::from_secs(5)).unwrap();
    assert_eq!(duration(&server, "town"), (json!(10), json!(true)));
    server.join("town", "bob");
    server.engine.advance(Duration::from_secs(5)).unwrap();
    assert_eq!(duration(&server, "town"), (json!(20), json!(true)));
    server.execute("town", Command::EndSession);
    server.engine.advance(Duration::from_secs(5)).unwrap();
    assert_eq!(duration(&server, "town"), (json!(20), json!(false)));
}

#[test]
fn claims_have_javascripts_numbers() {
    let server = Server::new();
    let body = br#"{"properties":{"exp":5000000000.0,"nbf":1.0,"user_id":"ada",
        "start_cloud_recording_opts":{"zero":-0.0,"half":0.50}}}"#;
    let made = server
        .daily_with("POST", "/meeting-tokens", body, &[])
        .expect(200);
    let token = made["token"].as_str().unwrap();
    let payload = URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1).unwrap())
        .unwrap();
    let payload = String::from_utf8(payload).unwrap();
    for said in [
        r#""exp":5000000000,"#,
        r#""nbf":1,"#,
        r#""zero":0}"#,
        r#""half":0.5,"#,
    ] {
        assert!(payload.contains(said), "{payload}");
    }
}

#[test]
fn tokens_for_knocking_or_of_another_domain_are_not_joined_with() {
    let domain = Server::new().get("/").expect(200)["domain_id"].clone();
    let now_s = 1_800_000_000;
    let tried = |claims: Value| join_of(&KeyRing::dev(), &mint(&claims), now_s).map(drop);
    assert_eq!(tried(json!({"d": domain, "ud": "ada"})), Ok(()));
    assert_eq!(tried(json!({"d": domain, "ud": "ada", "k": false})), Ok(()));
    for (claims, says) in [
        (
            json!({"d": domain, "ud": "ada", "k": true}),
            "claim k has to be",
        ),
        (
            json!({"d": domain, "ud": "ada", "k": true, "o": true}),
            "claim k has to be",
        ),
        (json!({"d": "other", "ud": "ada"}), "claim d has to be"),
        (json!({"ud": "ada"}), "claim d has to be"),
    ] {
        let refused = tried(claims).unwrap_err().to_string();
        assert!(refused.contains(says), "{refused}");
    }
}

#[test]
fn a_room_has_dailys_size_unless_it_is_given_another() {
    let server = Server::new();
    let size = |room: &str| {
        let room = ledger(&server, &format!("/rooms/{room}"));
        room["config"]["max_participants"].as_u64().unwrap()
    };
    let shown = |answer: &Value| answer["config"]["max_participants"].clone();
    let made = server
        .daily("POST", "/rooms", &json!({"name": "town"}))
        .expect(200);
    assert_eq!((shown(&made), size("town")), (Value::Null, 200));
    let given = |of: Value| json!({"properties": {"max_participants": of}});
    let changed = server
        .daily("POST", "/rooms/town", &given(json!(5)))
        .expect(200);
    assert_eq!((shown(&changed), size("town")), (json!(5), 5));
    let back = server
        .daily("POST", "/rooms/town", &given(Value::Null))
        .expect(200);
    assert_eq!((shown(&back), size("town")), (Value::Null, 200));
}

#[test]
fn an_empty_filter_is_refused() {
    let server = Server::new();
    server.join("town", "ada");
    for (path, name) in [
        ("/rooms/town/presence?userId=", "userId"),
        ("/rooms/town/presence?userName=", "userName"),
        ("/meetings?room=", "room"),
        ("/meetings?ongoing=", "ongoing"),
        ("/meetings?timeframe_start=", "timeframe_start"),
        ("/meetings?timeframe_end=", "timeframe_end"),
        ("/meetings?limit=", "limit"),
        ("/logs/api?url=", "url"),
        ("/logs/api?source=", "source"),
        ("/rooms?starting_after=", "starting_after"),
        ("/rooms?ending_before=", "ending_before"),
        ("/meetings?starting_after=", "starting_after"),
        ("/meetings?ending_before=", "ending_before"),
        ("/logs/api?starting_after=", "starting_after"),
    ] {
        let info = server.get(path).refused(400, "invalid-request-error");
        assert!(info.contains(name), "{path}: {info}");
    }
}

#[test]
fn targets_that_are_none_are_named() {
    let server = Server::new();
    server.join("town", "ada");
    let path = "/rooms/town/update-permissions";
    let wrong = server.daily("POST", path, &json!({"data": {"": {}}}));
    let info = wrong.refused(400, "invalid-request-error");
    assert!(info.contains("`data.`"), "{info}");
    let stranger = "5fe571be-7081-49f6-8b62-693600000000";
    let sent = server.daily(
        "POST",
        path,
        &json!({"data": {stranger: {"canSend": false}}}),
    );
    sent.expect(200);
    let events = ledger(&server, "/events?room=town&order=desc&limit=1");
    let told = events["events"][0]["sentence"].as_str().unwrap();
    assert!(told.contains(&format!("not there: {stranger}")), "{told}");
}
