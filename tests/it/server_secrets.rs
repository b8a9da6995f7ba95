//! A token is a credential wherever it stands: whatever comes in, at its most talkative, a real
//! server repeats neither a token nor a secret in an answer or a log line.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use roomledger::dialect::{daily, livekit, videosdk};
use serde_json::{Value, json};

use crate::hs256::{Algorithm, signed};
use crate::served::Served;
use crate::server_protection::{self as protection, Header, Wire, token};

/// A request that wants no other after it.
fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut headers = headers.to_vec();
    headers.push(("Connection", "close"));
    protection::head(method, path, &headers)
}

/// Where a token can stand in a request.
fn requests(token: &str) -> Vec<String> {
    let bearer = format!("Bearer {token}");
    let mut found = Vec::new();
    for (name, value) in [
        ("Authorization", bearer.as_str()),
        ("Authorization", token),
        ("authorization", &format!("Basic {token}")),
        ("Authorization", &format!("bearer {token}")),
        ("Cookie", &format!("token={token}")),
        ("X-Forwarded-Authorization", token),
    ] {
        for (method, path) in PLACES {
            let headers = [(name, value), ("Content-Length", "0"), JSON];
            found.push(head(method, path, &headers));
        }
    }
    for (method, path) in PLACES {
        for query in ["access_token", "token", "after"] {
            let path = format!("{path}?{query}={token}");
            found.push(head(method, &path, &[("Content-Length", "0"), JSON]));
        }
    }
    let all = format!("Bearer {}", self::token());
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let join = json!({ "token": token });
    let item = json!({"method": "POST", "path": "/rooms/r/joins", "body": join});
    let bodies = [
        ("/rtc/validate", form, format!("access_token={token}")),
        (
            "/twirp/livekit.RoomService/ListRooms",
            form,
            format!("a=b&access_token={token}"),
        ),
        (
            "/api/v1/rooms/r/joins",
            JSON,
            json!({ "token": token }).to_string(),
        ),
        (
            "/api/v1/rooms/r/joins",
            JSON,
            json!({ "token": [token] }).to_string(),
        ),
        (
            "/api/v1/rooms/r/joins",
            JSON,
            format!("{{\"token\": \"{token}\""),
        ),
        (
            "/api/v1/batch",
            JSON,
            json!({ "items": [item] }).to_string(),
        ),
    ];
    for (path, kind, body) in bodies {
        let length = body.len().to_string();
        let length = ("Content-Length", length.as_str());
        found.push(head("POST", path, &[kind, length]) + &body);
        found.push(head("POST", path, &[("Authorization", &all), kind, length]) + &body);
    }
    // Not HTTP at all, and a head that is too large.
    found.push(format!("{token}\r\n\r\n"));
    let long = "x".repeat(200_000);
    found.push(head(
        "GET",
        "/",
        &[("Authorization", &bearer), ("X-Long", &long)],
    ));
    found
}

#[test]
fn no_token_and_no_secret_is_ever_repeated() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::start(place.path(), &["--rate-limit", "1000/s:5"], "trace");
    let tokens = tokens();
    let mut answers = 0;
    for token in &tokens {
        for request in requests(token) {
            let mut wire = Wire::open(&served);
            wire.send(request.as_bytes());
            let answer = wire.rest();
            answers += usize::from(answer.starts_with("HTTP/1.1 "));
            assert_silent(&answer, token, &request);
        }
    }
    assert!(answers > 500, "only {answers} requests were answered");
    let (code, said) = served.stop();
    assert_eq!(code, Some(0));
    assert!(
        said.len() > 500,
        "it was told to say all: {} lines",
        said.len()
    );
    for line in said {
        for token in &tokens {
            assert_silent(&line, token, "stderr");
        }
    }
}

/// Every call of every dialect, with the words of a token wherever a path has room for a word.
fn calls(served: &Served, token: &str) -> Vec<(String, String)> {
    let filled = |path: &str| {
        let segments = path.split('/').map(|segment| {
            let is_open = segment.starts_with(':') || segment.starts_with('{');
            if is_open { token } else { segment }
        });
        segments.collect::<Vec<_>>().join("/")
    };
    let mut found = Vec::new();
    for call in daily::call::Call::ALL {
        let path = format!("/daily/v1{}", filled(call.path()));
        found.push((call.method().to_owned(), path));
    }
    for call in videosdk::call::Call::ALL {
        let path = format!("/videosdk/{}", filled(call.path()));
        let methods = call.methods().iter();
        found.extend(methods.map(|method| ((*method).to_owned(), path.clone())));
    }
    for call in livekit::twirp::calls::Call::ALL {
        let path = format!("/twirp/livekit.RoomService/{}", call.name());
        found.push(("POST".to_owned(), path));
    }
    let mut wire = Wire::open(served);
    wire.send(head("GET", "/api/v1/openapi.json", &[]).as_bytes());
    let answer = wire.rest();
    let document = answer.split_once("\r\n\r\n").expect("a body").1;
    let document: Value = serde_json::from_str(document).expect("JSON");
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for method in methods.as_object().expect("methods").keys() {
            // A stream does not end.
            if !path.ends_with("/stream") {
                found.push((method.to_ascii_uppercase(), filled(path)));
            }
        }
    }
    found
}

/// Everything that a server says of every call, at its most talkative: of a token in a path, a
/// body, a form or a header, of the keys' secret, and of a receiver's address, which may hold one.
#[test]
fn no_call_of_any_dialect_puts_a_token_or_a_secret_into_a_log_line() {
    const SECRET: &str = "CANARY-secret-of-more-than-32-characters";
    const HOOK: &str = "CANARYhook";
    let place = tempfile::tempdir().expect("a directory");
    let file = |name: &str, line: String| {
        let path = place.path().join(name);
        fs::write(&path, line + "\n").expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("set");
        path.display().to_string()
    };
    let keys = file("keys", format!("canarykey: {SECRET}"));
    let hooks = file("hooks", format!("http://127.0.0.1:9/{HOOK}?key={HOOK}"));
    let options = ["--keys", &keys, "--webhooks", &hooks];
    let served = Served::begin(&place.path().join("data"), &options, "trace");
    let sign = |claims: Value| {
        let header = r#"{"alg":"HS256","typ":"JWT"}"#;
        signed(header, &claims.to_string(), Algorithm::HS256, SECRET)
    };
    let far = 4_000_000_000_u64;
    let admin = json!({"roomCreate": true, "roomList": true, "roomAdmin": true, "room": "r"});
    let livekit = sign(json!({
        "iss": "canarykey", "sub": "i", "exp": far, "video": admin,
        "ledger": {"report": true, "admin": true, "audit": true},
    }));
    let videosdk = sign(json!({
        "apikey": "canarykey", "permissions": ["allow_join"], "version": 2, "exp": far,
    }));
    let bearers = [
        format!("Bearer {livekit}"),
        format!("Bearer {SECRET}"),
        videosdk.clone(),
    ];
    let asked = |bearer: &str, path: &str, body: &str| {
        let length = body.len().to_string();
        let headers = [("Authorization", bearer), JSON, ("Content-Length", &length)];
        let mut wire = Wire::open(&served);
        wire.send((head("POST", path, &headers) + body).as_bytes());
        wire.rest()
    };
    let room = asked(&bearers[1], "/daily/v1/rooms", r#"{"name": "r"}"#);
    assert!(room.starts_with("HTTP/1.1 200"), "{room}");
    let owner = r#"{"properties": {"room_name": "r", "user_id": "u1", "is_owner": true}}"#;
    let made = asked(&bearers[1], "/daily/v1/meeting-tokens", owner);
    let made = made.split_once("\r\n\r\n").expect("a body").1;
    let made: Value = serde_json::from_str(made).unwrap_or_else(|_| panic!("{made}"));
    let meeting = made["token"].as_str().expect("a token").to_owned();
    let form = ("Content-Type", "application/x-www-form-urlencoded");
    let json = json!({"token": meeting, "access_token": livekit}).to_string();
    let bodies = [
        (JSON, json),
        (form, format!("token={meeting}&access_token={livekit}")),
    ];
    let answered = answers(&served, &meeting, &bearers, &bodies);
    assert!(answered > 500, "only {answered} requests were answered");
    let (code, said) = served.stop();
    assert_eq!(code, Some(0));
    let named = |call: &str| said.iter().any(|line| line.contains(call));
    assert!(named("GET /meeting-tokens/:token"), "calls are named");
    for line in &said {
        for token in [&meeting, &livekit, &videosdk] {
            assert_silent(line, token, "stderr");
        }
        assert!(!line.contains(SECRET) && !line.contains(HOOK), "{line:?}");
    }
}

/// How many requests are answered when every call is made with each bearer and each body.
fn answers(
    served: &Served,
    meeting: &str,
    bearers: &[String],
    bodies: &[(Header<'_>, String)],
) -> usize {
    let mut answered = 0;
    for (method, path) in calls(served, meeting) {
        for bearer in bearers {
            for (kind, body) in bodies {
                let length = body.len().to_string();
                let length = ("Content-Length", length.as_str());
                let headers = [("Authorization", bearer.as_str()), *kind, length];
                let mut wire = Wire::open(served);
                wire.send((head(&method, &path, &headers) + body).as_bytes());
                answered += usize::from(wire.rest().starts_with("HTTP/1.1 "));
            }
        }
    }
    answered
}

/// Tokens that are good, expired, badly signed, of an unknown key, unsigned, and no tokens at all.
fn tokens() -> Vec<String> {
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let made =
        |claims: Value, secret| signed(header, &claims.to_string(), Algorithm::HS256, secret);
    let far = 4_000_000_000_u64;
    let join = json!({"roomJoin": true, "room": "r"});
    let unsigned = |token: String| token.rsplit_once('.').expect("three parts").0.to_owned() + ".";
    vec![
        token(),
        made(
            json!({"iss": "devkey", "sub": "i", "exp": far, "video": join}),
            "secret",
        ),
        made(json!({"iss": "devkey", "exp": 1, "video": join}), "secret"),
        made(
            json!({"iss": "devkey", "exp": far}),
            "another-secret-of-thirty-two-chars",
        ),
        made(json!({"iss": "nobody", "exp": far}), "secret"),
        made(
            json!({"iss": "devkey", "exp": "soon", "video": 7}),
            "secret",
        ),
        unsigned(made(json!({"iss": "devkey", "exp": far}), "secret")),
        "CANARY-token-that-is-none.at-all-CANARY".to_owned(),
    ]
}

/// No part of a token that would help anybody: its signature, and its middle.
fn assert_silent(said: &str, token: &str, request: &str) {
    let parts = token.split('.').skip(1).filter(|part| part.len() > 8);
    for part in parts.chain([token, "another-secret-of"]) {
        let shown: String = request.chars().take(200).collect();
        assert!(
            !said.contains(part),
            "{part:?} is in {said:?} after {shown:?}"
        );
    }
}

/// One path of each kind of route, and none.
const PLACES: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/rtc/validate"),
    ("GET", "/nowhere"),
    ("GET", "/api/v1/rooms"),
    ("GET", "/api/v1/rooms/r"),
    ("GET", "/api/v1/events"),
    ("GET", "/api/v1/nowhere"),
    ("POST", "/api/v1/rooms/r/commands"),
    ("POST", "/api/v1/batch"),
    ("DELETE", "/api/v1/rooms/r/commands"),
    ("POST", "/twirp/livekit.RoomService/ListRooms"),
    ("POST", "/twirp/livekit.RoomService/Nothing"),
    ("OPTIONS", "/twirp/livekit.RoomService/ListRooms"),
];

const JSON: (&str, &str) = ("Content-Type", "application/json");
