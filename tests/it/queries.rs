//! Queries of calls that take none: what they say would be left out unseen.

use serde_json::{Value, json};

use crate::callers::{COMMANDS, EJECT};
use crate::crossing::bearer;
use crate::videosdk::support::{Server, token};

/// `?dry_run=true` is not carried out.
#[test]
fn a_query_where_none_is_taken_is_refused() {
    let ledger = bearer(&json!({"ledger": {"admin": true, "report": true, "audit": true}}));
    let videosdk = token(&json!({"roles": ["crawler"]}));
    let daily = "Bearer secret".to_owned();
    for (by, method, path, body) in calls() {
        let by = match by {
            By::Ledger => &ledger,
            By::Daily => &daily,
            By::VideoSdk => &videosdk,
        };
        let server = Server::new();
        server.join("r", "alice");
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let (status, answer) = server.call_as(by, method, &format!("{path}?dry_run=true"), &body);
        assert_eq!(status, 400, "{method} {path}: {answer}");
        assert!(answer.to_string().contains("dry_run"), "{path}: {answer}");
        let read = server.fine(&ledger, "GET", "/api/v1/events?limit=1000", "");
        let events = read["events"].as_array().unwrap();
        let is_done = |kind: &str| events.iter().any(|event| event["kind"] == kind);
        for kind in ["connections_closed", "session_ended", "room_deleted"] {
            assert!(!is_done(kind), "{method} {path}");
        }
        let made = events
            .iter()
            .filter(|event| event["kind"] == "room_created");
        let joined = events
            .iter()
            .filter(|event| event["kind"] == "connection_opened");
        assert_eq!((made.count(), joined.count()), (1, 1), "{method} {path}");
    }
}

/// With what a call is made.
enum By {
    Ledger,
    Daily,
    VideoSdk,
}

fn calls() -> Vec<(By, &'static str, &'static str, Value)> {
    vec![
        (
            By::Ledger,
            "POST",
            COMMANDS,
            json!({"command": "end_session"}),
        ),
        (
            By::Ledger,
            "POST",
            "/api/v1/rooms/r/joins",
            json!({"identity": "bob"}),
        ),
        (
            By::Ledger,
            "POST",
            "/api/v1/rooms/r/activity",
            json!({"items": []}),
        ),
        (
            By::Ledger,
            "POST",
            "/api/v1/reporters/x/sync",
            json!({"as_of": 1, "connections": []}),
        ),
        (By::Ledger, "POST", "/api/v1/batch", json!({"items": []})),
        (By::Ledger, "POST", "/api/v1/clock/release", json!({})),
        (By::Ledger, "GET", "/api/v1/rooms/r/sessions", Value::Null),
        (By::Daily, "POST", EJECT, json!({"user_ids": ["alice"]})),
        (
            By::Daily,
            "POST",
            "/daily/v1/rooms",
            json!({"name": "other"}),
        ),
        (By::Daily, "DELETE", "/daily/v1/rooms/r", Value::Null),
        (By::Daily, "GET", "/daily/v1/rooms/r", Value::Null),
        (By::Daily, "GET", "/daily/v1/", Value::Null),
        (
            By::Daily,
            "GET",
            "/daily/v1/rooms/r/get-session-data",
            Value::Null,
        ),
        (By::VideoSdk, "POST", "/videosdk/v2/rooms", json!({})),
        (
            By::VideoSdk,
            "POST",
            "/videosdk/v2/sessions/end",
            json!({"roomId": "r"}),
        ),
        (By::VideoSdk, "GET", "/videosdk/v2/rooms/r", Value::Null),
        (
            By::VideoSdk,
            "GET",
            "/videosdk/v2/rooms/validate/r",
            Value::Null,
        ),
    ]
}
