//! What a caller without a right costs: bytes on record, people in a room, and others' calls.

use std::time::Duration;

use roomledger::domain::{Event, RoomName};
use roomledger::store::Position;
use serde_json::{Value, json};

use super::scene::{Caller, ROOM, Scene, callers, send, sizes};
use crate::crossing::bearer;
use crate::videosdk::support::{Server, token};

/// A caller that may do all, as itself.
fn full() -> Caller {
    Caller {
        name: "full",
        token: Some(bearer(&json!({"sub": "s".repeat(256),
            "ledger": {"report": true, "admin": true, "audit": true}}))),
    }
}

/// A guest with the longest name that there is.
fn guest() -> Caller {
    Caller {
        name: "guest",
        token: Some(bearer(&json!({"sub": "g".repeat(256), "apikey": "devkey",
            "participantId": "g".repeat(256), "roles": ["rtc"],
            "video": {"roomJoin": true, "room": "open-lobby"}}))),
    }
}

/// Headers as long as they are taken.
fn long_headers() -> Vec<(&'static str, String)> {
    let four_bytes = "%F0%9F%98%80";
    vec![
        ("X-Audit-Reason", four_bytes.repeat(1_024)),
        ("X-Audit-Actor", four_bytes.repeat(64)),
        ("X-Correlation-Id", "c".repeat(256)),
        ("Idempotency-Key", "k".repeat(256)),
        ("X-Request-Id", four_bytes.repeat(300)),
        ("User-Agent", "u".repeat(8_000)),
        (
            "traceparent",
            format!(
                "01-{}-{}-01-{}",
                "a".repeat(32),
                "b".repeat(16),
                "x".repeat(200)
            ),
        ),
    ]
}

fn long_calls() -> Vec<(&'static str, String, Value)> {
    let (room, identity) = ("%C3%A9".repeat(128), "\u{e9}".repeat(128));
    let own = |rest: &str| format!("/api/v1/rooms/{room}/{rest}");
    let plain_room = "\u{e9}".repeat(128);
    let target = format!("connection:{}", "A".repeat(5_000_000));
    let path = "p".repeat(30_000);
    let twirp = |call: &str| format!("/twirp/livekit.RoomService/{call}");
    vec![
        (
            "POST",
            own("commands"),
            json!({"command": "remove", "target": target}),
        ),
        (
            "POST",
            own("commands"),
            json!({"command": "add_note", "text": "t".repeat(9_000_000)}),
        ),
        (
            "POST",
            own("commands"),
            json!({"command": "ban", "identity": identity}),
        ),
        (
            "POST",
            own("commands"),
            json!({"command": "x".repeat(100_000)}),
        ),
        ("POST", own("commands"), json!({"y".repeat(1_000_000): 1})),
        (
            "POST",
            own("commands"),
            json!({"command": "remove", "target": "*", "as": "z".repeat(100_000)}),
        ),
        (
            "POST",
            own("joins"),
            json!({"identity": identity, "connection": "c".repeat(256)}),
        ),
        ("POST", own(&format!("connections/{path}/leave")), json!({})),
        (
            "DELETE",
            own(&format!("connections/{path}/tracks/{path}")),
            json!({}),
        ),
        (
            "POST",
            twirp("RemoveParticipant"),
            json!({"room": plain_room, "identity": "i".repeat(1_000_000)}),
        ),
        (
            "POST",
            twirp("UpdateParticipant"),
            json!({"room": plain_room, "identity": identity, "metadata": "m".repeat(9_000_000)}),
        ),
        (
            "POST",
            twirp("MutePublishedTrack"),
            json!({"room": plain_room, "identity": identity, "track_sid": "t".repeat(1_000_000)}),
        ),
        (
            "POST",
            "/videosdk/v2/sessions/participants/remove".to_owned(),
            json!({"roomId": plain_room, "participantId": "p".repeat(1_000_000)}),
        ),
    ]
}

#[test]
fn a_refusal_is_small_whatever_was_sent() {
    for caller in [guest(), full()] {
        let scene = Scene::new();
        for (method, path, body) in long_calls() {
            let headers = long_headers();
            let headers: Vec<(&str, &str)> = headers
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let call = (method, path.as_str());
            let left = send(&scene.server, &caller, call, &headers, &body.to_string());
            let told = path.chars().take(60).collect::<String>();
            let told = format!("{} {told} {}", caller.name, left.status);
            assert!(
                (400..500).contains(&left.status) || caller.name == "full",
                "{told}"
            );
            let sizes = sizes(&left.records);
            assert!(sizes.len() <= 1, "{told}: {sizes:?}");
            let refusal = left
                .records
                .iter()
                .find_map(|record| match &record.event.event {
                    Event::CommandRefused(refused) => Some((record, refused)),
                    _ => None,
                });
            let Some((record, refused)) = refusal else {
                continue;
            };
            // The key of a repeat stands beside it, in full: only callers with a right have one.
            let key = record.command.request.as_ref();
            let key = key.map_or(0, |it| {
                let room = it.key.room.as_ref().map_or(0, |room| room.as_str().len());
                it.key.caller.as_str().len() + it.key.request_id.len() + room + 80
            });
            assert!(key == 0 || caller.name == "full", "{told}");
            assert!(
                sizes[0] <= 1_024 + key,
                "{told}: {sizes:?} with a key of {key}"
            );
            assert!(left.text.len() < 16_384, "{told}: {}", left.text.len());
            assert!(refused.request_bytes > 0, "{told}");
        }
    }
}

/// A usual call is kept as it came.
#[test]
fn the_words_of_a_usual_refusal_are_kept_whole() {
    let scene = Scene::new();
    let guest = callers().remove(1);
    let headers = [
        ("X-Audit-Reason", "a customer asked for it"),
        ("X-Correlation-Id", "ticket-4711"),
        (
            "User-Agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        ),
    ];
    let call = ("POST", "/api/v1/rooms/canary-board/joins");
    let left = send(
        &scene.server,
        &guest,
        call,
        &headers,
        r#"{"identity":"planted-person"}"#,
    );
    let provenance = &left.records[0].command.provenance;
    assert_eq!(provenance.reason.as_ref().unwrap().as_str(), headers[0].1);
    assert_eq!(provenance.correlation.as_deref(), Some(headers[1].1));
    assert_eq!(
        provenance.user_agent.as_ref().unwrap().as_str(),
        headers[2].1
    );
}

#[test]
fn a_join_without_the_right_registers_nobody_and_is_found_by_the_room() {
    let scene = Scene::new();
    let version = scene.version();
    let reviewer = bearer(&json!({"ledger": {"audit": true}}));
    for caller in callers() {
        let path = "/api/v1/rooms/canary-board/joins";
        let body = r#"{"identity":"planted-person"}"#;
        send(&scene.server, &caller, ("POST", path), &[], body);
    }
    let person = "/api/v1/rooms/canary-board/participants/planted-person";
    assert_eq!(scene.server.call_as(&reviewer, "GET", person, "").0, 404);
    assert_eq!(scene.version(), version, "nothing happened in the room");
    for query in [
        "room=canary-board&refused=true",
        "room=canary-board&target=planted-person",
    ] {
        let path = format!("/api/v1/events?{query}");
        let found = scene.server.fine(&reviewer, "GET", &path, "");
        let events = found["events"].as_array().unwrap();
        assert_eq!(
            events.len(),
            3,
            "{query}: a guest, an admin, a signature: {found}"
        );
        for event in events {
            assert_eq!(event["kind"], "command_refused");
            assert_eq!(event["data"]["code"], "no-right");
            assert_eq!(event["data"]["asked"], "planted-person", "{event}");
        }
    }
    // A reporter with the right: the room's own rules refuse, and the room knows the name then.
    let full = full();
    let ban = r#"{"command":"update_room","config":{"disabled":true}}"#;
    let call = ("POST", "/api/v1/rooms/canary-board/commands");
    assert_eq!(send(&scene.server, &full, call, &[], ban).status, 200);
    let call = ("POST", "/api/v1/rooms/canary-board/joins");
    let left = send(
        &scene.server,
        &full,
        call,
        &[],
        r#"{"identity":"planted-person"}"#,
    );
    assert_eq!((left.status, left.records.len()), (403, 2));
    assert_eq!(scene.server.call_as(&reviewer, "GET", person, "").0, 200);
}

/// What a guest in a loop adds to the log in a minute, with the longest words and ever new rooms.
#[test]
fn a_guest_at_full_speed_adds_less_than_a_mebibyte_a_minute() {
    let server = Server::new();
    let guest = guest();
    let headers = long_headers();
    let headers: Vec<(&str, &str)> = headers
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    let start = server.engine.head();
    for second in 0..60 {
        for number in 0..50 {
            let room = format!("{second}-{number}-{}", "r".repeat(240));
            let path = format!("/api/v1/rooms/{room}/joins");
            let body = r#"{"identity":"somebody"}"#;
            assert_eq!(
                send(&server, &guest, ("POST", &path), &headers, body).status,
                403
            );
        }
        server.engine.advance(Duration::from_secs(1)).unwrap();
    }
    server.engine.advance(Duration::from_secs(1)).unwrap();
    let mut records = Vec::new();
    let mut after = start;
    loop {
        let page = server.engine.store().read_all(after, 1_000).unwrap();
        let Some(last) = page.last() else { break };
        after = Position(last.position.0);
        records.extend(page);
    }
    let bytes: usize = sizes(&records).iter().sum();
    let singles = records
        .iter()
        .filter(|it| matches!(it.event.event, Event::CommandRefused(_)));
    assert_eq!(singles.count(), 600, "then they are counted");
    assert!(
        bytes <= 1 << 20,
        "{bytes} bytes in {} records",
        records.len()
    );
    crate::journal::tell(&format!("a guest at full speed: {bytes} bytes a minute"));
}

#[test]
fn a_guest_takes_no_call_from_a_moderator_nor_from_the_application() {
    let room = json!({"roomAdmin": true, "room": ROOM});
    let joining = json!({"roomAdmin": true, "roomJoin": true, "room": ROOM});
    let moderators = [
        bearer(&json!({"sub": "mod", "video": room})),
        bearer(&json!({"sub": "mod", "video": joining})),
    ];
    let application = token(&json!({"roles": ["crawler"]}));
    let guests = [
        bearer(&json!({"sub": "guest", "video": {"roomJoin": true, "room": "open-lobby"}})),
        bearer(&json!({"sha256": "x"})),
        token(&json!({"roles": ["rtc"], "participantId": "another"})),
    ];
    let server = Server::limited(Some("2/s".parse().unwrap()));
    let ask = |token: &str, path: &str| server.call_as(token, "GET", path, "").0;
    let (own, videosdk) = ("/api/v1/rooms/open-lobby", "/videosdk/v2/rooms");
    for guest in &guests {
        let path = if guest.starts_with("Bearer") {
            own
        } else {
            videosdk
        };
        let answers: Vec<u16> = (0..5).map(|_| ask(guest, path)).collect();
        assert_eq!(answers, [403, 403, 429, 429, 429], "{path}");
    }
    for moderator in &moderators {
        assert_eq!(ask(moderator, &format!("/api/v1/rooms/{ROOM}")), 404);
    }
    assert_eq!(ask(&application, videosdk), 200);
    assert!(server.engine.live(&RoomName::new(ROOM).unwrap()).is_none());
}
