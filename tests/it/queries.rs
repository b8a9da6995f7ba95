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
    let calls = [
        (&ledger, "POST", COMMANDS, json!({"command": "end_session"})),
        (
            &ledger,
            "POST",
            "/api/v1/rooms/r/joins",
            json!({"identity": "bob"}),
        ),
        (
            &ledger,
            "POST",
            "/api/v1/rooms/r/activity",
            json!({"items": []}),
        ),
        (
            &ledger,
            "POST",
            "/api/v1/reporters/x/sync",
            json!({"as_of": 1, "connections": []}),
        ),
        (&ledger, "POST", "/api/v1/batch", json!({"items": []})),
        (&ledger, "POST", "/api/v1/clock/release", json!({})),
        (&ledger, "GET", "/api/v1/rooms/r/sessions", Value::Null),
        (&daily, "POST", EJECT, json!({"user_ids": ["alice"]})),
        (&daily, "POST", "/daily/v1/rooms", json!({"name": "other"})),
        (&daily, "DELETE", "/daily/v1/rooms/r", Value::Null),
        (&daily, "GET", "/daily/v1/rooms/r", Value::Null),
        (&daily, "GET", "/daily/v1/", Value::Null),
        (
            &daily,
            "GET",
            "/daily/v1/rooms/r/get-session-data",
            Value::Null,
        ),
        (&videosdk, "POST", "/videosdk/v2/rooms", json!({})),
        (
            &videosdk,
            "POST",
            "/videosdk/v2/sessions/end",
            json!({"roomId": "r"}),
        ),
        (&videosdk, "GET", "/videosdk/v2/rooms/r", Value::Null),
        (
            &videosdk,
            "GET",
            "/videosdk/v2/rooms/validate/r",
            Value::Null,
        ),
    ];
    for (by, method, path, body) in calls {
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
