//! `GET /logs/api`: what it says was answered is what was sent, over calls of every kind.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::Server;

/// Method, path, body, headers.
type Asked = (
    &'static str,
    &'static str,
    String,
    &'static [(&'static str, &'static str)],
);

#[test]
fn logs_say_what_was_sent() {
    let server = Server::new();
    let mut refused = 0;
    for asked in before() {
        refused += u32::from(compare(&server, &asked));
    }
    let dusk = json!({"name": "dusk", "properties": {"exp": 1_800_000_060}}).to_string();
    compare(&server, &("POST", "/rooms", dusk, &[]));
    server.engine.advance(Duration::from_mins(2)).unwrap();
    for asked in after() {
        refused += u32::from(compare(&server, &asked));
    }
    assert_eq!(refused, 23, "so many of these are errors");
}

/// Asks, and finds in the log what came of it, where the call was logged at all; whether it was an
/// error.
#[track_caller]
fn compare(server: &Server, (method, path, body, headers): &Asked) -> bool {
    let before = latest(server);
    let got = server.daily_with(method, path, body.as_bytes(), headers);
    let logged = latest(server);
    assert_ne!(before["id"], logged["id"], "{method} {path} is on record");
    assert_eq!(
        logged["status"], got.status,
        "{method} {path} {body}: {logged}"
    );
    let sent = (got.status != 200).then(|| got.body.clone());
    let response = logged["response"].as_str();
    let response: Option<Value> = response.map(|text| serde_json::from_str(text).unwrap());
    assert_eq!(response, sent, "{method} {path} {body}: {logged}");
    got.status != 200
}

fn latest(server: &Server) -> Value {
    server.get("/logs/api?limit=1").expect(200)[0].clone()
}

fn before() -> Vec<Asked> {
    let asked = |method, path, body: Value| -> Asked { (method, path, body.to_string(), &[]) };
    let raw = |path, body: &str| -> Asked { ("POST", path, body.to_owned(), &[]) };
    let town = json!({"name": "town"});
    vec![
        asked("POST", "/rooms", town.clone()),
        asked("POST", "/rooms", town.clone()),
        asked("POST", "/rooms", json!({"name": "town", "privacy": "none"})),
        asked("POST", "/batch/rooms", json!({"rooms": [town]})),
        asked("DELETE", "/batch/rooms", json!({"rooms": ["nowhere"]})),
        asked("DELETE", "/rooms/nowhere", Value::Null),
        asked("POST", "/rooms/nowhere", json!({})),
        asked("POST", "/rooms/town", json!({})),
        asked("POST", "/rooms/town", json!({"properties": {"exp": "x"}})),
        raw("/rooms/town", "{"),
        raw("/rooms/town/update-permissions", "{"),
        raw("/rooms/town/update-permissions", "[]"),
        raw("/rooms/town/update-permissions", "{}"),
        raw("/rooms/town/update-permissions", r#"{"data":{}}"#),
        raw("/rooms/town/eject", "not json"),
        raw("/rooms/town/eject", r#"{"ids":7}"#),
        raw("/rooms/town/eject", r#"{"user_ids":["ada"],"ban":true}"#),
        raw("/rooms/town/send-app-message", r#"{"data":{}}"#),
        raw("/rooms/town/set-session-data", r#"{"data":{}}"#),
        raw("/rooms/town/set-session-data", ""),
        ("POST", "/rooms/town/eject", "{}".to_owned(), PACKED),
        raw("/rooms/town/eject", &" ".repeat((10 << 20) + 1)),
        ("POST", "/rooms", json!({"name": "once"}).to_string(), ONCE),
        ("POST", "/rooms", json!({"name": "town"}).to_string(), TWICE),
    ]
}

fn after() -> Vec<Asked> {
    vec![
        ("POST", "/rooms/dusk", "{}".to_owned(), &[]),
        ("DELETE", "/rooms/dusk", String::new(), &[]),
        ("DELETE", "/rooms/town", String::new(), &[]),
        ("DELETE", "/rooms/town", String::new(), &[]),
    ]
}

const PACKED: &[(&str, &str)] = &[("Content-Encoding", "gzip")];
const ONCE: &[(&str, &str)] = &[("Idempotency-Key", "once")];
const TWICE: &[(&str, &str)] = &[("Idempotency-Key", "twice")];
