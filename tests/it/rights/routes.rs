//! Every route of every dialect, walked by callers without a right: what is there and what is not
//! are answered alike.

use roomledger::dialect::daily;
use roomledger::dialect::livekit::twirp::calls::Call as LiveKitCall;
use roomledger::dialect::videosdk::call::Call as VideoSdkCall;
use serde_json::Value;

use super::scene::{Caller, Scene, Words, are_refusals, callers, send, sizes};
use crate::videosdk::support::Server;

/// A route as its router has it.
struct Route {
    dialect: &'static str,
    method: String,
    path: String,
}

impl Route {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// All routes but those that are open to everybody.
fn routes(server: &Server) -> Vec<Route> {
    let document = server.fine("", "GET", "/api/v1/openapi.json", "");
    let mut all = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if operation["security"] != serde_json::json!([]) {
                all.push(Route {
                    dialect: "ledger",
                    method: method.to_uppercase(),
                    path: path.clone(),
                });
            }
        }
    }
    // A route of the lobby's admin, which names the other room in its body.
    all.push(Route {
        dialect: "ledger",
        method: "POST".to_owned(),
        path: "/api/v1/rooms/open-lobby/commands".to_owned(),
    });
    all.extend(LiveKitCall::ALL.iter().map(|call| Route {
        dialect: "livekit",
        method: "POST".to_owned(),
        path: format!("/twirp/livekit.RoomService/{}", call.name()),
    }));
    all.extend(daily::call::Call::ALL.iter().map(|call| Route {
        dialect: "daily",
        method: call.method().to_owned(),
        path: format!("/daily/v1{}", call.path()),
    }));
    for call in VideoSdkCall::ALL {
        all.extend(call.methods().iter().map(|method| Route {
            dialect: "videosdk",
            method: (*method).to_owned(),
            path: format!("/videosdk/{}", call.path()),
        }));
    }
    all
}

#[test]
fn what_is_there_and_what_is_not_are_answered_alike() {
    for caller in callers() {
        let count = Scene::new().forms.len();
        for form in 0..count {
            // A scene for each, so that all refusals of a caller are recorded one by one.
            let scene = Scene::new();
            for route in routes(&scene.server) {
                for (query, body) in rows(&route.name()) {
                    check(&scene, &caller, &route, (form, query, body));
                }
            }
        }
    }
}

fn check(scene: &Scene, caller: &Caller, route: &Route, (form, query, body): (usize, &str, &str)) {
    let version = scene.version();
    let answers = scene.forms[form].each_ref().map(|words| {
        let path = format!("{}{query}", route.path);
        let (path, body) = (filled(&path, words), filled(body, words));
        let told = format!("{} {} {path} {body}", caller.name, route.method);
        let left = send(&scene.server, caller, (&route.method, &path), &[], &body);
        let may = expected(route, caller, query);
        assert!(
            may.contains(&left.status),
            "{told}: {} {}",
            left.status,
            left.text
        );
        let sent = format!("{path} {body}");
        for secret in &scene.secret {
            // What the caller sent may come back, and no other word.
            let mut text = left.text.clone();
            for word in words.values().filter(|word| sent.contains(*word)) {
                text = text.replace(word, "");
            }
            assert!(!text.contains(secret), "{told}: {secret} in {}", left.text);
        }
        for size in sizes(&left.records) {
            assert!(size <= 1_024, "{told}: {size} bytes");
        }
        assert!(are_refusals(&left.records), "{told}: {:?}", left.records);
        if caller.token.is_none() || caller.name == "an expired token" {
            assert!(left.records.is_empty(), "{told}");
        }
        (
            told,
            left.status,
            plain(&left.text, words),
            left.records.len(),
        )
    });
    let [there, absent] = answers;
    let (alike, other) = (
        (there.1, &there.2, there.3),
        (absent.1, &absent.2, absent.3),
    );
    assert_eq!(alike, other, "{}\n{}", there.0, absent.0);
    assert_eq!(scene.version(), version, "{}", there.0);
}

/// Which statuses tell that caller that it may not.
fn expected(route: &Route, caller: &Caller, query: &str) -> &'static [u16] {
    let knows = caller.token.is_some() && caller.name != "an expired token";
    let is_admin = caller.name == "another room's admin";
    let (name, path) = (route.name(), route.path.as_str());
    match route.dialect {
        // It shows no API key: Daily's word for no header at all is 400.
        "daily" if caller.token.is_none() => &[400],
        "livekit" | "daily" => &[401],
        _ if !knows => &[401],
        "videosdk" if caller.name == "a webhook's signature" => &[401],
        // Lists show what is the caller's own.
        "videosdk" if is_admin && LISTS.contains(&name.as_str()) => &[200],
        "videosdk" if is_admin => &[403, 404],
        "videosdk" => &[403],
        // Each item is answered by itself.
        _ if name == "POST /api/v1/batch" => &[200],
        _ if is_admin && name == "GET /api/v1/rooms" => &[200],
        _ if is_admin && (path.contains("{position}") || path.contains("{session}")) => &[404],
        _ if is_admin && query.contains("session=") && !query.contains("room=") => &[404],
        _ => &[403],
    }
}

/// Placeholders of a path or a body, of all dialects, with these words in them.
fn filled(text: &str, words: &Words) -> String {
    let is_session = text.contains("sessions/:id") || text.starts_with("/daily/v1/meetings");
    let id = if is_session {
        &words["session"]
    } else {
        &words["room"]
    };
    let text = text
        .replace("/:participant", &format!("/{}", words["identity"]))
        .replace("/:name", &format!("/{}", words["room"]))
        .replace("/:token", "/none")
        .replace("/:id", &format!("/{id}"))
        .replace("{sid}", &words["track"])
        .replace("{reporter}", "sfu")
        .replace("{key}", "devkey");
    words.iter().fold(text, |text, (place, word)| {
        text.replace(&format!("{{{place}}}"), word)
    })
}

/// An answer without what was sent and without positions, which differ from call to call.
fn plain(text: &str, words: &Words) -> String {
    let named = words.iter().filter(|(place, _)| **place != "position");
    let mut text = named.fold(text.to_owned(), |text, (place, word)| {
        text.replace(word, &format!("<{place}>"))
    });
    let at = format!("position {} ", words["position"]);
    text = text.replace(&at, "position <position> ");
    while let Some(start) = text.find("\"position\":") {
        let digits = start + "\"position\":".len();
        let end = text[digits..].find(|it: char| !it.is_ascii_digit());
        text.replace_range(start..digits + end.unwrap(), "<at>");
    }
    let lengths = text.find("\"content-length\": \"");
    if let Some(start) = lengths {
        let end = text[start + 19..].find('"').unwrap();
        text.replace_range(start..start + 19 + end, "<length>");
    }
    text
}

/// Queries and bodies that each route is asked with. A new route needs a row.
fn rows(name: &str) -> Vec<(&'static str, &'static str)> {
    let found = ROWS.iter().filter(|(route, _, _)| *route == name);
    let found: Vec<_> = found.map(|(_, query, body)| (*query, *body)).collect();
    let is_vendors = name.contains("/twirp/") || name.contains("/daily/");
    if found.is_empty() && (is_vendors || name.contains("/videosdk/")) {
        // Their calls name a room by their path, or in one of these members.
        let body = if name.starts_with("GET") { "" } else { ANY };
        return vec![("", body)];
    }
    assert!(!found.is_empty(), "add a row for {name}");
    found
}

#[test]
fn the_log_cannot_be_walked_by_position() {
    let scene = Scene::new();
    let items: Vec<Value> = (1..40)
        .map(|at| serde_json::json!({"method": "GET", "path": format!("/events/{at}")}))
        .collect();
    let body = serde_json::json!({ "items": items }).to_string();
    for caller in callers().iter().filter(|it| it.token.is_some()) {
        let left = send(&scene.server, caller, ("POST", "/api/v1/batch"), &[], &body);
        let Some(items) = left.body["items"].as_array() else {
            assert_eq!(left.status, 401, "{}", caller.name);
            continue;
        };
        for (at, item) in (1..).zip(items) {
            if item["status"] == 200 {
                assert_eq!(caller.name, "another room's admin");
                assert_eq!(item["body"]["room"], "open-lobby", "{at}");
                continue;
            }
            let text = item.to_string().replace(&format!(" {at} "), " N ");
            let same = items.last().unwrap().to_string().replace(" 39 ", " N ");
            assert_eq!(text, same, "{}: position {at}", caller.name);
        }
    }
}

const LISTS: &[&str] = &[
    "GET /videosdk/v1/meetings",
    "GET /videosdk/v1/meeting-sessions",
    "GET /videosdk/v2/rooms",
    "GET /videosdk/v2/sessions",
];

const ANY: &str = r#"{"room":"{room}","name":"{room}","roomId":"{room}","customRoomId":"{room}",
    "userMeetingId":"{room}","identity":"{identity}","participantId":"{identity}",
    "status":"disabled"}"#;

/// Route, query, body.
const ROWS: &[(&str, &str, &str)] = &[
    ("GET /api/v1/rooms", "", ""),
    ("GET /api/v1/rooms", "?prefix={room}", ""),
    ("GET /api/v1/rooms/{room}", "", ""),
    ("GET /api/v1/rooms/{room}", "?at=@-1", ""),
    ("GET /api/v1/rooms/{room}", "?at={position}", ""),
    ("GET /api/v1/rooms/{room}/participants/{identity}", "", ""),
    ("GET /api/v1/rooms/{room}/present", "", ""),
    ("GET /api/v1/rooms/{room}/removals", "", ""),
    ("GET /api/v1/rooms/{room}/sessions", "", ""),
    ("GET /api/v1/sessions/{session}", "", ""),
    ("GET /api/v1/events", "", ""),
    ("GET /api/v1/events", "?room={room}", ""),
    ("GET /api/v1/events", "?session={session}", ""),
    ("GET /api/v1/events", "?room={room}&session={session}", ""),
    ("GET /api/v1/events", "?room={room}&since=start", ""),
    ("GET /api/v1/events/{position}", "", ""),
    ("GET /api/v1/stream", "", ""),
    ("GET /api/v1/stream", "?room={room}", ""),
    ("GET /api/v1/stream", "?room={room}&after={position}", ""),
    (
        "POST /api/v1/batch",
        "",
        r#"{"items":[{"method":"GET","path":"/events/{position}"},
            {"method":"GET","path":"/rooms/{room}"},
            {"method":"GET","path":"/sessions/{session}"},
            {"method":"POST","path":"/rooms/{room}/joins","body":{"identity":"{identity}"}}]}"#,
    ),
    (
        "POST /api/v1/rooms/{room}/joins",
        "",
        r#"{"identity":"{identity}","connection":"{connection}"}"#,
    ),
    (
        "POST /api/v1/rooms/{room}/joins",
        "",
        r#"{"token":"a.b.c"}"#,
    ),
    ("POST /api/v1/rooms/{room}/joins", "", r#"{"nothing":1}"#),
    (
        "PATCH /api/v1/rooms/{room}/connections/{connection}",
        "",
        r#"{"name":"x"}"#,
    ),
    (
        "POST /api/v1/rooms/{room}/connections/{connection}/activate",
        "",
        "{}",
    ),
    (
        "POST /api/v1/rooms/{room}/connections/{connection}/interrupt",
        "",
        "{}",
    ),
    (
        "POST /api/v1/rooms/{room}/connections/{connection}/resume",
        "",
        "{}",
    ),
    (
        "POST /api/v1/rooms/{room}/connections/{connection}/leave",
        "",
        "{}",
    ),
    (
        "POST /api/v1/rooms/{room}/connections/{connection}/tracks",
        "",
        r#"{"type":"audio","source":"microphone","sid":"{track}"}"#,
    ),
    (
        "PATCH /api/v1/rooms/{room}/connections/{connection}/tracks/{sid}",
        "",
        r#"{"muted":true}"#,
    ),
    (
        "DELETE /api/v1/rooms/{room}/connections/{connection}/tracks/{sid}",
        "",
        "{}",
    ),
    (
        "POST /api/v1/rooms/{room}/activity",
        "",
        r#"{"items":[{"kind":"speaking","connection":"{connection}"}]}"#,
    ),
    (
        "POST /api/v1/rooms/{room}/commands",
        "",
        r#"{"command":"add_note","about":{position},"text":"x"}"#,
    ),
    (
        "POST /api/v1/rooms/{room}/commands",
        "",
        r#"{"command":"remove","target":"identity:{identity}","as":"{connection}"}"#,
    ),
    (
        "POST /api/v1/rooms/{room}/commands",
        "",
        r#"{"command":"mute_track","target":"connection:{connection}","track":"{track}",
            "muted":true}"#,
    ),
    (
        "POST /api/v1/rooms/{room}/commands",
        "",
        r#"{"command":"create_room"}"#,
    ),
    (
        "POST /api/v1/rooms/open-lobby/commands",
        "",
        r#"{"command":"move","target":"*","to_room":"{room}"}"#,
    ),
    (
        "POST /api/v1/rooms/{room}/commands",
        "",
        r#"{"command":"move","target":"*","to_room":"open-lobby"}"#,
    ),
    (
        "POST /api/v1/reporters/{reporter}/sync",
        "",
        r#"{"as_of":{position},"connections":[{"room":"{room}","connection":"{connection}"}]}"#,
    ),
    ("POST /api/v1/clock/release", "", "{}"),
    (
        "POST /api/v1/keys/{key}/revocations",
        "",
        r#"{"jti":"tok-77"}"#,
    ),
    ("DELETE /api/v1/keys/{key}/revocations", "", ""),
    (
        "POST /videosdk/v2/sessions/end",
        "",
        r#"{"sessionId":"{session}"}"#,
    ),
    (
        "POST /videosdk/v2/sessions/end",
        "",
        r#"{"roomId":"{room}"}"#,
    ),
    (
        "POST /videosdk/v2/sessions/participants/remove",
        "",
        r#"{"sessionId":"{session}","participantId":"{identity}"}"#,
    ),
    (
        "POST /videosdk/v2/sessions/participants/remove",
        "",
        r#"{"roomId":"{room}","participantId":"{identity}"}"#,
    ),
];
