//! What headers say beside a call: what names a request, what follows it through other systems, and
//! what is for the record.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::callers::{COMMANDS, EJECT, REMOVE, admin, alice, events};
use crate::crossing::bearer;
use crate::videosdk::support::{Server, token};

/// A gateway passes one id along to every call that a request of its own causes.
#[test]
fn a_tracing_id_is_recorded_and_echoed_and_skips_nothing() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let trace = [("x-request-id", "inbound-7"), ("traceparent", parent)];
    for (by, path, body) in removals() {
        let server = Server::new();
        for round in 0..2 {
            server.join("r", "alice");
            let before = events(&server, "").len();
            let (answer, _) = ask(&server, &by, path, &trace, body.to_string().as_bytes());
            assert_eq!(answer.status, 200, "{path}");
            for (name, value) in trace {
                assert_eq!(answer.headers[name], value, "{path}");
            }
            assert!(
                !answer.headers.contains_key("x-ledger-replayed"),
                "{path} {round}"
            );
            let all = events(&server, "");
            let told = json!({"request_id": "inbound-7", "traceparent": parent});
            assert_eq!(all[before]["trace"], told, "{path}");
            assert_eq!(all[before].get("request_id"), None, "{path}");
            let kinds: Vec<&str> = kinds(&all[before..]);
            assert!(
                kinds.contains(&"connections_closed"),
                "{path} {round}: {kinds:?}"
            );
        }
    }
}

#[test]
fn a_trace_that_is_none_is_left_out_and_refuses_nothing() {
    let long = "i".repeat(300);
    let zeros = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
    let cut = json!({"request_id": "i".repeat(256)});
    for (headers, trace) in [
        (vec![("x-request-id", long.as_str())], cut),
        (
            vec![("x-request-id", "a%20b")],
            json!({"request_id": "a b"}),
        ),
        (vec![("traceparent", "00-zz")], Value::Null),
        (vec![("traceparent", zeros)], Value::Null),
        (vec![("x-request-id", "")], Value::Null),
    ] {
        let server = Server::new();
        server.join("r", "alice");
        let (by, path, body) = removals().remove(0);
        let (answer, _) = ask(&server, &by, path, &headers, body.to_string().as_bytes());
        assert_eq!(answer.status, 200, "{headers:?}");
        let removal = &events(&server, "&kind=removal_requested")[0];
        assert_eq!(removal["trace"], trace, "{headers:?}");
    }
}

/// A repeat answers what the first did, whichever header carries the key, and whatever the proxy
/// on the way says.
#[test]
fn a_key_makes_a_repeat_of_every_write() {
    for (by, path, body) in removals() {
        for key in ["idempotency-key", "x-livekit-request-id"] {
            let server = Server::new();
            server.join("r", "alice");
            let body = body.to_string();
            let once = |trace| {
                let headers = [(key, "k-1"), ("x-request-id", trace)];
                ask(&server, &by, path, &headers, body.as_bytes())
            };
            let (first, answered) = once("t-1");
            assert_eq!(first.status, 200, "{path}");
            let requests = events(&server, "&kind=removal_requested");
            assert_eq!(requests[0]["request_id"], "k-1", "{path}");
            let head = events(&server, "").len();
            let (again, repeated) = once("t-2");
            assert_eq!((again.status, repeated), (first.status, answered), "{path}");
            assert_eq!(again.headers["x-ledger-replayed"], "true", "{path}");
            assert_eq!(events(&server, "").len(), head, "{path}");
        }
    }
}

/// Bodies of one call that ask for the same, and one that asks for something else.
struct Alike {
    by: String,
    path: &'static str,
    same: Vec<Vec<u8>>,
    other: Vec<u8>,
}

fn alike(by: &str, path: &'static str, same: Vec<Vec<u8>>, other: Vec<u8>) -> Alike {
    Alike {
        by: by.to_owned(),
        path,
        same,
        other,
    }
}

fn ours() -> Vec<Alike> {
    let all = bearer(&json!({"ledger": {"admin": true, "report": true}}));
    let removal = |body: &str| {
        let item = format!(
            r#"{{"method":"POST","path":"/rooms/r/commands","request_id":"k","body":{body}}}"#
        );
        format!(r#"{{"items":[{item}]}}"#).into_bytes()
    };
    vec![
        alike(
            &all,
            COMMANDS,
            vec![
                br#"{"command":"remove","target":"identity:alice"}"#.to_vec(),
                br#"{"target":"identity:alice", "ban":false, "command":"remove"}"#.to_vec(),
            ],
            br#"{"command":"remove","target":"identity:alice","ban":true}"#.to_vec(),
        ),
        alike(
            &all,
            "/api/v1/batch",
            vec![
                removal(r#"{"command":"remove","target":"identity:alice"}"#),
                removal(r#"{"target": "identity:alice", "command": "remove", "ban": null}"#),
            ],
            removal(r#"{"command":"remove","target":"identity:bob"}"#),
        ),
        alike(
            &all,
            "/api/v1/rooms/r/activity",
            vec![
                br#"{"items":[{"kind":"speaking","a":1,"b":2}]}"#.to_vec(),
                br#"{"items":[{"b":2, "a":1, "kind":"speaking"}]}"#.to_vec(),
            ],
            br#"{"items":[{"kind":"speaking","a":1,"b":3}]}"#.to_vec(),
        ),
    ]
}

fn vendors() -> Vec<Alike> {
    let livekit = bearer(&json!({"video": admin()}));
    let daily = "Bearer secret";
    vec![
        alike(
            &livekit,
            REMOVE,
            vec![
                br#"{"room":"r","identity":"alice"}"#.to_vec(),
                br#" {"identity": "alice", "room" : "r"}"#.to_vec(),
                br#"{"room":"r","identity":"alice","revokeTokenTs":"0"}"#.to_vec(),
                b"\x0a\x01r\x12\x05alice".to_vec(),
            ],
            br#"{"room":"r","identity":"bob"}"#.to_vec(),
        ),
        alike(
            daily,
            EJECT,
            vec![
                br#"{"user_ids":["alice"]}"#.to_vec(),
                br#"{"ids":[],"user_ids": [ "alice" ],"ban":false}"#.to_vec(),
            ],
            br#"{"user_ids":["bob"]}"#.to_vec(),
        ),
        alike(
            daily,
            "/daily/v1/batch/rooms",
            vec![
                br#"{"rooms":[{"name":"east"},{"name":"west","privacy":"public"}]}"#.to_vec(),
                br#"{"rooms": [{"name":"east"}, {"privacy":"public","name":"west"}]}"#.to_vec(),
            ],
            br#"{"rooms":[{"name":"east"},{"name":"north"}]}"#.to_vec(),
        ),
        alike(
            daily,
            "/daily/v1/rooms",
            vec![
                br#"{"name":"town","properties":{"exp":4000000000,"enable_chat":true}}"#.to_vec(),
                br#"{"properties":{"enable_chat":true,"exp":4000000000.0},"name":"town"}"#.to_vec(),
            ],
            br#"{"name":"town","properties":{"exp":4000000001}}"#.to_vec(),
        ),
    ]
}

#[test]
fn requests_that_decode_to_the_same_are_the_same() {
    for Alike {
        by,
        path,
        same,
        other,
    } in ours().into_iter().chain(vendors())
    {
        let server = Server::new();
        server.join("r", "alice");
        let once = |body: &[u8]| ask(&server, &by, path, &[("idempotency-key", "k")], body);
        let (first, answered) = once(&same[0]);
        assert!(
            first.status.is_success(),
            "{path}: {}",
            String::from_utf8_lossy(&answered)
        );
        let head = all_events(&server).len();
        for body in &same {
            let (again, repeated) = once(body);
            let written = String::from_utf8_lossy(body);
            assert_eq!(
                (again.status, &repeated),
                (first.status, &answered),
                "{path} {written}"
            );
        }
        let (reused, answered) = once(&other);
        let answered = String::from_utf8_lossy(&answered);
        let is_conflict = reused.status == 409 || answered.contains(r#""status":409"#);
        assert!(
            is_conflict || reused.status == 400,
            "{path}: {} {answered}",
            reused.status
        );
        assert_eq!(all_events(&server).len(), head, "{path}");
    }
}

#[test]
fn headers_for_the_record_are_read_percent_decoded() {
    let cases: &[(&[u8], &str)] = &[
        (b"%E4%BD%A0%E5%A5%BD", "\u{4f60}\u{597d}"),
        (b"UTF-8''%E4%BD%A0%E5%A5%BD", "\u{4f60}\u{597d}"),
        (b"utf-8'zh'%E4%BD%A0", "\u{4f60}"),
        (b"100% sure", "100% sure"),
        (b"100%", "100%"),
        (b"%ff%fe", "%ff%fe"),
        (b"caf\xe9", "caf\u{e9}"),
        ("Zo\u{eb}".as_bytes(), "Zo\u{eb}"),
        (b"it's o'clock", "it's o'clock"),
        (b"a+b%20c", "a+b c"),
    ];
    let fields = [
        ("x-audit-reason", "/reason"),
        ("x-audit-actor", "/actor/on_behalf_of"),
        ("x-correlation-id", "/correlation"),
        ("x-request-id", "/trace/request_id"),
        ("idempotency-key", "/request_id"),
    ];
    let (by, path, body) = removals().remove(0);
    for (header, place) in fields {
        for (written, meant) in cases {
            let server = Server::new();
            server.join("r", "alice");
            let request = Request::post(path).header("authorization", &by);
            let request = request.header("content-type", "application/json");
            let request = request.header(header, *written);
            server.send(request.body(Body::from(body.to_string())).unwrap());
            let removal = &events(&server, "&kind=removal_requested")[0];
            assert_eq!(
                removal.pointer(place),
                Some(&json!(meant)),
                "{header} {written:?}"
            );
        }
    }
}

#[test]
fn a_header_with_two_values_is_refused_and_one_of_a_structured_field_is_unquoted() {
    let (by, path, body) = removals().remove(0);
    let body = body.to_string();
    for header in [
        "x-audit-reason",
        "x-audit-actor",
        "x-correlation-id",
        "idempotency-key",
    ] {
        let server = Server::new();
        server.join("r", "alice");
        let twice = [(header, "a"), (header, "b")];
        let (refused, answered) = ask(&server, &by, path, &twice, body.as_bytes());
        assert_eq!(refused.status, 400, "{header}");
        assert!(
            String::from_utf8_lossy(&answered).contains("twice"),
            "{header}"
        );
        let (taken, _) = ask(
            &server,
            &by,
            path,
            &[(header, "a"), (header, "a")],
            body.as_bytes(),
        );
        assert_eq!(taken.status, 200, "{header}");
    }
    let server = Server::new();
    server.join("r", "alice");
    let quoted = [("idempotency-key", r#""a \"b\" \\c""#)];
    ask(&server, &by, path, &quoted, body.as_bytes());
    let removal = &events(&server, "&kind=removal_requested")[0];
    assert_eq!(removal["request_id"], r#"a "b" \c"#);
}

/// A route that takes many commands is one call: under one key, another command is another body.
/// The methods of a vendor are calls of their own, and so are other routes and other rooms.
#[test]
fn a_key_names_a_request_together_with_its_route_and_room() {
    let ledger = bearer(&json!({"ledger": {"admin": true, "report": true}}));
    let livekit = bearer(&json!({"video": admin()}));
    let of = |command: &str| json!({"command": command, "identity": "alice"});
    let update = "/twirp/livekit.RoomService/UpdateParticipant";
    let elsewhere = "/api/v1/rooms/s/commands";
    let joins = "/api/v1/rooms/r/joins";
    let target = json!({"command": "remove", "target": "identity:alice"});
    let cases = [
        (&ledger, (COMMANDS, of("ban")), (COMMANDS, of("unban")), 409),
        (&ledger, (COMMANDS, of("unban")), (COMMANDS, of("ban")), 409),
        (&ledger, (COMMANDS, of("ban")), (COMMANDS, target), 409),
        (
            &ledger,
            (COMMANDS, of("ban")),
            (COMMANDS, json!({"command": "end_session"})),
            409,
        ),
        (&ledger, (COMMANDS, of("ban")), (COMMANDS, of("ban")), 200),
        (
            &ledger,
            (COMMANDS, of("ban")),
            (elsewhere, of("unban")),
            200,
        ),
        (
            &ledger,
            (COMMANDS, of("ban")),
            (joins, json!({"identity": "bob"})),
            201,
        ),
        (&livekit, (update, alice()), (REMOVE, alice()), 200),
    ];
    for (by, first, second, expected) in cases {
        let server = Server::new();
        server.join("r", "alice");
        server.join("s", "alice");
        let send = |(path, body): &(&str, Value)| {
            let headers = [("idempotency-key", "k")];
            ask(&server, by, path, &headers, body.to_string().as_bytes())
        };
        assert_eq!(send(&first).0.status, 200, "{first:?}");
        let head = all_events(&server).len();
        let (answer, body) = send(&second);
        assert_eq!(answer.status, expected, "{first:?} {second:?}");
        if expected == 409 {
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["type"], "request-id-reused");
            assert_eq!(all_events(&server).len(), head);
        }
    }
}

/// One removal of alice in each dialect, by a caller who may.
fn removals() -> Vec<(String, &'static str, Value)> {
    let livekit = bearer(&json!({"video": admin()}));
    let ledger = bearer(&json!({"ledger": {"admin": true}}));
    let videosdk = token(&json!({"roles": ["crawler"]}));
    let target = json!({"command": "remove", "target": "identity:alice"});
    vec![
        (livekit, REMOVE, alice()),
        (ledger, COMMANDS, target),
        (
            String::from("Bearer secret"),
            EJECT,
            json!({"user_ids": ["alice"]}),
        ),
        (
            videosdk,
            "/videosdk/v2/sessions/participants/remove",
            json!({"roomId": "r", "participantId": "alice"}),
        ),
    ]
}

fn ask(
    server: &Server,
    by: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> (axum::http::response::Parts, Vec<u8>) {
    let mut request = Request::post(path).header("authorization", by);
    let is_json = body.first() != Some(&b'\n');
    let kind = if is_json {
        "application/json"
    } else {
        "application/protobuf"
    };
    request = request.header("content-type", kind);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let (answer, bytes) = server.send(request.body(Body::from(body.to_vec())).unwrap());
    let bytes = if is_json {
        bytes
    } else {
        shown_as_json(&bytes)
    };
    (answer, bytes)
}

/// An empty message of protobuf is an empty object of JSON.
fn shown_as_json(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        b"{}".to_vec()
    } else {
        bytes.to_vec()
    }
}

fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .filter_map(|event| event["kind"].as_str())
        .collect()
}

fn all_events(server: &Server) -> Vec<Value> {
    let reviewer = bearer(&json!({"ledger": {"audit": true}}));
    let page = server.fine(&reviewer, "GET", "/api/v1/events?limit=1000", "");
    page["events"].as_array().unwrap().clone()
}
