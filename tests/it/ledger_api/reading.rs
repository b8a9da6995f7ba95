//! The reading side: rooms, people, sessions, events and the stream, now and as of a moment.

use axum::body::{Body, HttpBody as _};
use axum::http::Request;
use roomledger::dialect::auth::claims::{Grants, LedgerGrant, VideoGrant};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::contract::Contract;
use super::support::{Server, kinds};

/// Alice joins at 0 s, may no longer send at 10 s, is removed at 20 s; bob joins at 5 s.
fn town() -> Server {
    let server = Server::new();
    server.join("town", "alice");
    server.advance(5);
    server.join("town", "bob");
    server.advance(5);
    let silence = json!({ "command": "update_permissions",
        "targets": { "identity:alice": { "send": { "enabled": false } } } });
    server.command("town", &silence);
    server.advance(10);
    server.command(
        "town",
        &json!({ "command": "remove", "target": "identity:alice" }),
    );
    server
}

#[test]
fn a_room_is_read_as_of_any_moment() {
    let server = town();
    let check = |at: &str, live: &[&str], can_send: bool| {
        let room = server.read(&format!("/rooms/town?at={at}"));
        let people = room["participants"].as_array().unwrap();
        let there: Vec<&str> = people
            .iter()
            .filter(|person| person["live"] == true)
            .map(|person| person["identity"].as_str().unwrap())
            .collect();
        assert_eq!(there, live, "{at}");
        let alice = &people[0];
        assert_eq!(alice["permission"]["send"]["enabled"], can_send, "{at}");
        assert!(room["position"].as_u64().unwrap() > 0);
    };
    let removal = server.events("kind=removal_requested")[0]["position"].clone();
    check(
        &(removal.as_u64().unwrap() - 1).to_string(),
        &["alice", "bob"],
        false,
    );
    check("start%2B1s", &["alice"], true);
    check("start+6s", &["alice", "bob"], true);
    check("start+10s", &["alice", "bob"], false);
    check("@", &["bob"], false);
    check("@-2", &["alice", "bob"], false);
    check("08:00:07", &["alice", "bob"], true);
    check("2027-01-15T08:00:07Z", &["alice", "bob"], true);
    check("10s+ago", &["alice", "bob"], false);
    assert_eq!(
        server.get("/rooms/town?at=2026-01-01").expect(404)["type"],
        "no-such-room"
    );
    assert_eq!(
        server.get("/rooms/town?at=soon").expect(400)["type"],
        "malformed"
    );
    assert_eq!(
        server.get("/rooms/town?att=3").expect(400)["type"],
        "malformed"
    );
    let late = server.get("/rooms/town?at=999");
    assert_eq!(late.header("retry-after"), Some("1"));
    assert_eq!(late.expect(503)["type"], "not-yet-visible");
}

#[test]
fn a_day_as_the_end_is_the_whole_day() {
    let server = town();
    let all = server.events("room=town").len();
    let found = |query: &str| server.events(&format!("room=town&{query}")).len();
    // The events lie between 08:00:00 and 08:00:20 of the day.
    for (query, expected) in [
        ("since=2027-01-15&until=2027-01-15", all),
        ("until=2027-01-15", all),
        ("until=2027-01-14", 0),
        ("since=2027-01-16", 0),
        ("since=08:00&until=08:00", all),
        ("until=08:00:20", all),
        ("since=start%2B1s&until=end", all - found("until=start")),
    ] {
        assert_eq!(found(query), expected, "{query}");
    }
    let exact = found("until=2027-01-15T08:00:00Z");
    assert!(exact > 0 && exact < all, "an instant is exact: {exact}");
}

#[test]
fn a_bound_beyond_the_head_is_refused() {
    let server = town();
    let newest = server.events("order=desc&limit=1")[0]["position"]
        .as_u64()
        .unwrap();
    let beyond = newest + 1;
    for query in [
        format!("after={beyond}"),
        format!("since={beyond}"),
        format!("since=%23{beyond}"),
        format!("until={beyond}"),
        format!("before={}", beyond + 1),
        format!("room=town&after={beyond}"),
        format!("order=desc&before={}", u64::MAX),
    ] {
        let refused = server.get(&format!("/events?{query}")).expect(410);
        assert_eq!(refused["type"], "other-history", "{query}");
    }
    for (query, expected) in [
        (format!("after={newest}"), 0),
        (format!("since={newest}"), 1),
        (format!("until={newest}&after={}", newest - 1), 1),
        (format!("before={beyond}&after={}", newest - 1), 1),
    ] {
        assert_eq!(server.events(&query).len(), expected, "{query}");
    }
}

#[test]
fn a_time_of_day_is_a_moment_of_the_night_that_a_session_goes_on_in() {
    // It opens at 23:59:58 and goes on, and nothing happens in it.
    let server = Server::new();
    server.advance(16 * 3_600 - 2);
    server.join("night", "alice");
    server.advance(4 * 60);
    let there = |at: &str| {
        let room = server.read(&format!("/rooms/night?at={at}"));
        room["participants"][0]["identity"].clone()
    };
    assert_eq!(there("00:01"), "alice");
    server.advance(18 * 3_600);
    assert_eq!(there("17:00"), "alice");
    let before = server.get("/rooms/night?at=23:59").expect(404);
    assert_eq!(before["type"], "no-such-room");
    server.advance(8 * 3_600);
    let refused = server.get("/rooms/night?at=00:01").expect(400);
    assert!(
        refused["detail"].as_str().unwrap().contains("names no day"),
        "{refused}"
    );
    let refused = server.get("/events?room=night&until=00:01").expect(400);
    assert!(
        refused["detail"].as_str().unwrap().contains("names no day"),
        "{refused}"
    );
}

/// Every parameter of every route, by the document that the server gives of itself.
#[test]
fn an_empty_parameter_is_refused_by_name() {
    let server = town();
    let document = Contract::of(&server).document();
    let session = server.read("/rooms/town")["session"].clone();
    let mut tried = 0;
    for (path, methods) in document["paths"].as_object().unwrap() {
        let Some(read) = methods.get("get") else {
            continue;
        };
        let path = path
            .replace("{room}", "town")
            .replace("{identity}", "alice");
        let path = path.replace("{session}", session.as_str().unwrap());
        for parameter in read["parameters"].as_array().unwrap() {
            let Some(name) = parameter["name"]
                .as_str()
                .filter(|_| parameter["in"] == "query")
            else {
                continue;
            };
            let path = path.trim_start_matches("/api/v1");
            let refused = server.get(&format!("{path}?{name}=")).expect(400);
            let detail = refused["detail"].as_str().unwrap();
            assert!(
                detail.contains(&format!("`{name}` is empty")),
                "{path}: {detail}"
            );
            tried += 1;
        }
    }
    assert!(tried >= 20, "{tried} parameters");
}

#[test]
fn rooms_are_listed_by_prefix_and_in_pages() {
    let server = Server::new();
    for room in ["a", "ab", "abc", "b"] {
        server.join(room, "alice");
    }
    server.command("ab", &json!({ "command": "end_session" }));
    let list = |query: &str| {
        let body = server.read(&format!("/rooms?{query}"));
        let rooms = body["rooms"].as_array().unwrap().iter();
        let names: Vec<String> = rooms
            .map(|room| room["room"].as_str().unwrap().to_owned())
            .collect();
        (names, body["cursor"].clone())
    };
    assert_eq!(list("").0, ["a", "ab", "abc", "b"]);
    assert_eq!(list("prefix=ab").0, ["ab", "abc"]);
    assert_eq!(list("live=true").0, ["a", "abc", "b"]);
    assert_eq!(list("live=false").0, ["ab"]);
    let (first, cursor) = list("limit=3");
    assert_eq!((first.len(), &cursor), (3, &json!("abc")));
    assert_eq!(list("limit=3&cursor=abc").0, ["b"]);
    assert_eq!(list("prefix=ab&limit=1&cursor=ab").0, ["abc"]);
    assert_eq!(list("prefix=x").0, [] as [&str; 0]);
    let room = &server.read("/rooms?prefix=b")["rooms"][0];
    assert_eq!(
        (&room["live"], &room["participants"]),
        (&json!(true), &json!(1))
    );
    assert!(room["session"].as_str().unwrap().starts_with("RM_"));
}

#[test]
fn sessions_tell_who_was_there_and_how_long() {
    let server = town();
    server.command("town", &json!({ "command": "end_session" }));
    server.join("town", "carol");
    let sessions = server.read("/rooms/town/sessions")["sessions"].clone();
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    let first = &sessions[0];
    assert_eq!(
        (&first["live"], &first["end_reason"]),
        (&json!(false), &json!("requested"))
    );
    let people: Vec<(&str, i64)> = first["participants"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| {
            (
                one["identity"].as_str().unwrap(),
                one["presence_us"].as_i64().unwrap(),
            )
        })
        .collect();
    assert_eq!(people, [("alice", 20_000_000), ("bob", 15_000_000)]);
    let id = first["session"].as_str().unwrap();
    assert_eq!(&server.read(&format!("/sessions/{id}")), first);
    let events = server.events(&format!("session={id}"));
    let of_session = events.iter().all(|event| event["session"] == *id);
    assert!(of_session && kinds(&events).ends_with(&["session_ended"]));
    assert_eq!(
        server.get("/sessions/RM_x").expect(404)["type"],
        "no-such-session"
    );
    assert_eq!(
        server.get("/events?session=RM_x").expect(404)["type"],
        "no-such-session"
    );
}

#[test]
fn events_are_filtered_and_paged() {
    let server = town();
    let headers = [("x-audit-actor", "mod-1")];
    let note = json!({ "command": "add_note", "about": "identity:bob", "text": "x" });
    server
        .post_with("/rooms/town/commands", &headers, &note)
        .expect(200);
    server.post(
        "/rooms/town/commands",
        &json!({ "command": "remove", "target": "identity:zed" }),
    );
    let check = |query: &str, expected: &[&str]| {
        assert_eq!(kinds(&server.events(query)), expected, "{query}");
    };
    check(
        "kind=note_added,removal_requested",
        &["removal_requested", "note_added"],
    );
    check(
        "kind=note_added&kind=removal_requested&order=desc&limit=1",
        &["note_added"],
    );
    check("actor=mod-1", &["note_added"]);
    check(
        "target=bob&kind=note_added,connection_opened",
        &["connection_opened", "note_added"],
    );
    check("target=connection:bob", &[]);
    check("target=identity:zed", &["command_refused"]);
    check("refused=true", &["command_refused"]);
    check(
        "room=town&since=2027-01-15T08:00:20Z&until=2027-01-15T08:00:20Z&kind=note_added",
        &["note_added"],
    );
    check("room=nowhere", &[]);
    let all = server.events("");
    let first = server.read("/events?limit=2");
    assert_eq!(first["next"], all[1]["position"]);
    let rest = server.events(&format!("after={}", first["next"]));
    assert_eq!(rest.len() + 2, all.len());
    let newest = server.read("/events?order=desc&limit=2");
    assert_eq!(newest["events"][0], all[all.len() - 1]);
    let before = server.events(&format!("order=desc&before={}", newest["next"]));
    assert_eq!(before.len() + 2, all.len());
    for query in [
        "kind=nothing",
        "limit=0",
        "limit=1001",
        "order=up",
        "after=x",
        "knd=x",
    ] {
        let problem = server.get(&format!("/events?{query}")).expect(400);
        assert_eq!(problem["type"], "malformed", "{query}");
    }
}

#[test]
fn one_event_stands_in_the_chain() {
    let server = town();
    let all = server.events("");
    let event = server.read(&format!("/events/{}", all[3]["position"]));
    assert_eq!(event["chain"].as_str().unwrap().len(), 64);
    assert!(event["commit"].as_u64() >= event["position"].as_u64());
    assert!(event["command"].as_u64() <= event["position"].as_u64());
    let mut alone = event.clone();
    alone
        .as_object_mut()
        .unwrap()
        .retain(|name, _| !["chain", "commit", "command"].contains(&name.as_str()));
    assert_eq!(alone, all[3]);
    assert_eq!(
        server.read("/events/@")["position"],
        all[all.len() - 1]["position"]
    );
    assert_eq!(
        server.get("/events/9999").expect(404)["type"],
        "no-such-position"
    );
    assert_eq!(
        server.get("/events/0").expect(404)["type"],
        "no-such-position"
    );
}

#[test]
fn readers_see_what_their_token_grants() {
    let server = town();
    server.join("hall", "carol");
    let get = |grants: &Grants, path: &str| {
        let bearer = format!("Bearer {}", server.token(grants));
        let method = axum::http::Method::GET;
        server.send(method, path, &[("authorization", &bearer)], Vec::new())
    };
    let town = Grants {
        ledger: LedgerGrant {
            audit: true,
            room: Some("town".to_owned()),
            ..LedgerGrant::default()
        },
        ..Grants::default()
    };
    let lister = Grants {
        video: Some(VideoGrant {
            room_list: true,
            ..VideoGrant::default()
        }),
        ..Grants::default()
    };
    get(&town, "/rooms/town").expect(200);
    get(&town, "/events?room=town").expect(200);
    for path in ["/rooms/hall", "/events", "/events?room=hall", "/stream"] {
        assert_eq!(get(&town, path).expect(403)["type"], "no-right", "{path}");
    }
    let (there, beyond) = (get(&town, "/events/1"), get(&town, "/events/999"));
    assert_eq!(there.expect(404)["type"], "no-such-position");
    assert_eq!(beyond.expect(404)["type"], "no-such-position");
    let rooms = |grants: &Grants| {
        get(grants, "/rooms").expect(200)["rooms"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!((rooms(&town), rooms(&lister)), (1, 2));
    get(&Grants::default(), "/rooms").expect(403);
    assert_eq!(get(&lister, "/rooms/town").expect(403)["type"], "no-right");
}

/// The first events of a stream: id, kind and position of each.
fn follow(server: &Server, path: &str, last: Option<&str>, count: usize) -> Vec<(String, String)> {
    let all = Grants {
        ledger: LedgerGrant {
            audit: true,
            ..LedgerGrant::default()
        },
        ..Grants::default()
    };
    let mut request = Request::builder()
        .uri(format!("/api/v1{path}"))
        .header("authorization", format!("Bearer {}", server.token(&all)));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let request = request.body(Body::empty()).unwrap();
    server.runtime.block_on(async {
        let response = server.router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut body = std::pin::pin!(response.into_body());
        let mut found = Vec::new();
        while found.len() < count {
            let frame = std::future::poll_fn(|context| body.as_mut().poll_frame(context)).await;
            let bytes = frame.unwrap().unwrap().into_data().unwrap();
            let text = String::from_utf8(bytes.to_vec()).unwrap();
            for event in text.split_terminator("\n\n") {
                if !event.starts_with(':') {
                    found.push(read_event(event));
                }
            }
        }
        found
    })
}

/// Id and kind of one event of a stream, which agree with its data.
fn read_event(text: &str) -> (String, String) {
    let line = |name: &str| {
        let prefix = format!("{name}: ");
        let mut lines = text.lines();
        let found = lines.find_map(|line| line.strip_prefix(&prefix).map(str::to_owned));
        found.unwrap()
    };
    let data: Value = serde_json::from_str(&line("data")).unwrap();
    assert_eq!(data["kind"], line("event"));
    assert!(line("id").starts_with(&format!("{}-", data["position"])));
    (line("id"), line("event"))
}

#[test]
fn a_stream_resumes_where_it_was_left_and_only_in_its_own_history() {
    let server = town();
    let all = server.events("room=town");
    let stream = follow(&server, "/stream?after=0&room=town", None, all.len());
    let seen: Vec<&str> = stream.iter().map(|(_, kind)| kind.as_str()).collect();
    assert_eq!(seen, kinds(&all));
    let (id, _) = &stream[2];
    let rest = follow(&server, "/stream?room=town", Some(id), all.len() - 3);
    assert_eq!(rest, stream[3..]);
    let position = id.split('-').next().unwrap();
    let bare = follow(
        &server,
        "/stream?room=town&after=0",
        Some(position),
        all.len() - 3,
    );
    assert_eq!(bare, rest);
    for other in [format!("{position}-00000000"), "9999-9f86d081".to_owned()] {
        let method = axum::http::Method::GET;
        let headers = [("last-event-id", other.as_str())];
        let gone = server
            .send(method, "/stream", &headers, Vec::new())
            .expect(410);
        assert_eq!(gone["type"], "other-history", "{other}");
    }
    let bad = server.get("/stream?after=x").expect(400);
    assert_eq!(bad["type"], "malformed");
}
