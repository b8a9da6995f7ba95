//! Daily's shell: routes, errors, numbers, rooms with their properties, and tokens.

use axum::body::Body;
use axum::http::Request;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use roomledger::dialect::auth::keys::{KeyRing, ShortSecrets};
use roomledger::dialect::daily::call::{Call, Route, route};
use roomledger::dialect::daily::error::{Kind as ErrorKind, kind_of};
use roomledger::dialect::daily::token::join_of;
use roomledger::dialect::javascript;
use roomledger::domain::{Code, Kind, Timestamp};
use serde_json::{Map, Value, json};

use crate::daily_people::support::Server;

#[test]
fn every_call_is_routed_by_its_own_path_and_method() {
    for call in Call::ALL {
        let path = call.path().replace(":name", "a%20b%2Fc").replace(':', "");
        let routed = route(call.method(), &path);
        let Route::Call(found, named) = &routed else {
            panic!("{}: {routed:?}", call.name());
        };
        assert_eq!(found, call);
        let wanted = call.path().matches(':').count();
        assert_eq!(named.len(), wanted, "{}", call.name());
        if call.path().contains(":name") {
            assert_eq!(named[0], "a b/c");
        }
        assert_eq!(route("BREW", &path), Route::WrongMethod, "{}", call.name());
    }
}

proptest! {
    /// Slashes more or less are all the same, and no path breaks the table.
    #[test]
    fn slashes_do_not_matter(
        segments in vec("[a-z%:0-9]{1,8}|rooms|presence|batch|meetings|%2f|%ff", 0..5),
        slashes in vec(1_usize..4, 6),
        method in select(vec!["GET", "POST", "DELETE", "PATCH"]),
    ) {
        let mut loose = String::new();
        for (segment, slashes) in segments.iter().zip(&slashes) {
            loose += &"/".repeat(*slashes);
            loose += segment;
        }
        loose += &"/".repeat(*slashes.last().unwrap());
        let plain = format!("/{}", segments.join("/"));
        prop_assert_eq!(route(method, &loose), route(method, &plain));
    }

    /// A number as it is printed is the number, and is printed as JavaScript would.
    #[test]
    fn numbers_are_printed_as_they_are(bits in any::<u64>()) {
        let number = f64::from_bits(bits);
        prop_assume!(number.is_finite());
        let printed = javascript::number(number);
        let read: f64 = printed.parse().unwrap();
        prop_assert_eq!(read.to_bits(), (number + 0.0).to_bits(), "{}", printed);
        prop_assert!(!printed.ends_with(".0"), "{}", printed);
    }
}

/// As node 20 prints them.
#[test]
fn numbers_are_javascripts() {
    for (number, printed) in [
        (1_690_000_000.0, "1690000000"),
        (1_690_000_000.25, "1690000000.25"),
        (-0.0, "0"),
        (0.5, "0.5"),
        (-2.0, "-2"),
        (0.000_001, "0.000001"),
        (0.000_000_1, "1e-7"),
        (0.000_001_5, "0.0000015"),
        (0.000_000_15, "1.5e-7"),
        (1e20, "100000000000000000000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (5e-324, "5e-324"),
    ] {
        assert_eq!(javascript::number(number), printed);
    }
    let written = json!({"a": 1.0, "b": [2.50, 3], "c": "\u{e9}\n", "d": null});
    let printed = "{\"a\":1,\"b\":[2.5,3],\"c\":\"\u{e9}\\n\",\"d\":null}";
    assert_eq!(javascript::json(&written), printed);
    let at = Timestamp::from_micros(1_548_493_282_000_999);
    assert_eq!(javascript::iso(at), "2019-01-26T09:01:22.000Z");
}

#[test]
fn every_refusal_has_an_error_of_the_closed_list() {
    let known = [
        "authentication-error",
        "authorization-header-error",
        "json-parsing-error",
        "invalid-request-error",
        "rate-limit-error",
        "server-error",
        "not-found",
    ];
    assert_eq!(
        ErrorKind::ALL
            .iter()
            .map(|kind| kind.name())
            .collect::<Vec<_>>(),
        known
    );
    for code in Code::ALL {
        let (status, kind) = kind_of(*code);
        let is_missing = status.as_u16() == 404;
        assert_eq!(is_missing, kind == ErrorKind::NotFound, "{}", code.as_str());
        assert!(status.is_client_error(), "{}", code.as_str());
    }
}

/// A property that is not at its default, with a value of its form.
fn property() -> impl Strategy<Value = (&'static str, Value)> {
    let flags = select(vec![
        ("start_video_off", true),
        ("enable_chat", true),
        ("enable_screenshare", false),
        ("enable_knocking", true),
        ("enable_knocking", false),
        ("eject_at_room_exp", true),
        ("enforce_unique_user_ids", true),
        ("owner_only_broadcast", true),
        ("enable_hidden_participants", true),
    ]);
    let media = vec![
        "video",
        "audio",
        "screenVideo",
        "screenAudio",
        "customVideo",
    ];
    let permissions = (subsequence(media, 1..=5), any::<bool>(), any::<bool>()).prop_map(
        |(can_send, presence, base)| {
            json!({"canSend": can_send, "hasPresence": presence, "canReceive": {"base": base}})
        },
    );
    prop_oneof![
        flags.prop_map(|(name, on)| (name, json!(on))),
        (1..=u32::MAX).prop_map(|count| ("max_participants", json!(count))),
        (1..=u32::MAX).prop_map(|count| ("eject_after_elapsed", json!(count))),
        // The clock here says 1,800,000,000.
        (1_800_000_001..=253_402_300_799_i64).prop_map(|at| ("exp", json!(at))),
        (0..=253_402_300_799_i64).prop_map(|at| ("nbf", json!(at))),
        "[a-z]{3,9}".prop_map(|text| ("geo", json!(text))),
        vec("[a-z]{1,9}", 1..3).prop_map(|texts| ("enable_recording", json!(texts))),
        vec(any::<i8>(), 1..3).prop_map(|it| ("recordings_bucket", json!({"allow": it}))),
        permissions.prop_map(|permissions| ("permissions", permissions)),
    ]
}

fn properties() -> impl Strategy<Value = Map<String, Value>> {
    vec(property(), 0..8).prop_map(|all| {
        let all = all.into_iter();
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// What a room is made with is what it shows, what it shows makes the same room, and saying it
    /// again changes nothing; a change is what was, with what was said over it.
    #[test]
    fn properties_are_kept_as_they_were_given(first in properties(), then in properties()) {
        let server = Server::new();
        let made = |name: &str, properties: &Map<String, Value>| {
            let body = json!({"name": name, "properties": properties});
            server.daily("POST", "/rooms", &body).expect(200)
        };
        let shown = made("town", &first);
        prop_assert_eq!(&shown["config"], &Value::Object(first.clone()));
        prop_assert_eq!(server.get("/rooms/town").expect(200), shown.clone());
        let config = shown["config"].as_object().unwrap();
        prop_assert_eq!(&made("twin", config)["config"], &shown["config"]);
        let again = json!({"properties": config});
        prop_assert_eq!(&server.daily("POST", "/rooms/twin", &again).expect(200)["config"],
            &shown["config"]);
        let last = server.engine.head();
        let last = server.engine.store().read_all(roomledger::store::Position(last.0 - 1), 1);
        prop_assert_eq!(last.unwrap()[0].event.event.kind(), Kind::NoEffect);

        let mut whole = first;
        whole.extend(then.clone());
        let changed = json!({"properties": then});
        let changed = server.daily("POST", "/rooms/town", &changed).expect(200);
        prop_assert_eq!(&changed["config"], &Value::Object(whole.clone()));
        let cleared: Map<String, Value> =
            whole.keys().map(|name| (name.clone(), Value::Null)).collect();
        let cleared = json!({"properties": cleared});
        let cleared = server.daily("POST", "/rooms/town", &cleared).expect(200);
        prop_assert_eq!(&cleared["config"], &json!({}));
    }

    /// A token holds what it was asked to hold.
    #[test]
    fn tokens_hold_what_they_were_given(
        flags in btree_map(select(vec!["is_owner", "start_video_off", "knocking",
            "eject_at_token_exp", "close_tab_on_exit", "enable_prejoin_ui"]), any::<bool>(), 0..6),
        texts in btree_map(select(vec!["user_id", "user_name", "lang",
            "redirect_on_meeting_exit"]), ".{1,20}", 0..4),
        exp in proptest::option::of(1_900_000_000..253_402_300_799_i64),
        elapsed in proptest::option::of(1..=u32::MAX),
    ) {
        let server = Server::new();
        let mut asked = json!({});
        for (name, on) in &flags {
            asked[*name] = json!(on);
        }
        for (name, text) in &texts {
            asked[*name] = json!(text);
        }
        for (name, number) in [("exp", exp), ("eject_after_elapsed", elapsed.map(i64::from))] {
            if let Some(number) = number {
                asked[name] = json!(number);
            }
        }
        let token = server.daily("POST", "/meeting-tokens", &json!({"properties": asked}));
        let token = token.expect(200)["token"].as_str().unwrap().to_owned();
        let held = server.get(&format!("/meeting-tokens/{token}")).expect(200);
        prop_assert_eq!(held, asked);
    }

    /// Pages of any size tell every room once, newest first, from either end, while one of the
    /// rooms that they ended at is deleted.
    #[test]
    fn pages_tell_every_room_once(count in 1_usize..9, limit in 1_usize..5) {
        let server = Server::new();
        let mut all: Vec<Value> = Vec::new();
        for index in 0..count {
            let body = json!({"name": format!("room-{index}")});
            all.insert(0, server.daily("POST", "/rooms", &body).expect(200));
        }
        let ids = |rooms: &[Value]| rooms.iter().map(|it| it["id"].clone()).collect::<Vec<_>>();
        let page = |end: &str| {
            let mut page = server.get(&format!("/rooms?limit={limit}{end}")).expect(200);
            prop_assert_eq!(&page["total_count"], &json!(count));
            let Value::Array(data) = page["data"].take() else { panic!("{page}") };
            Ok(data)
        };
        let (mut forth, mut end) = (Vec::new(), String::new());
        loop {
            let data = page(&end)?;
            let Some(last) = data.last() else { break };
            end = format!("&starting_after={}", last["id"].as_str().unwrap());
            forth.extend(data);
        }
        prop_assert_eq!(ids(&forth), ids(&all));
        let (mut back, mut end) = (Vec::new(), "&ending_before=OLDEST".to_owned());
        loop {
            let mut data = page(&end)?;
            let Some(first) = data.first() else { break };
            end = format!("&ending_before={}", first["id"].as_str().unwrap());
            data.extend(back);
            back = data;
        }
        prop_assert_eq!(ids(&back), ids(&all));

        let middle = &all[count / 2];
        let name = middle["name"].as_str().unwrap();
        server.daily("DELETE", &format!("/rooms/{name}"), &Value::Null).expect(200);
        let behind = format!("/rooms?starting_after={}", middle["id"].as_str().unwrap());
        let behind = server.get(&behind).expect(200);
        prop_assert_eq!(ids(behind["data"].as_array().unwrap()), ids(&all[count / 2 + 1..]));
    }
}

#[test]
fn a_repeated_request_answers_what_the_first_did() {
    let server = Server::new();
    let ask = |method: &str, path: &str, body: &str| {
        server.daily_with(method, path, body.as_bytes(), &[("Idempotency-Key", "one")])
    };
    let first = ask("POST", "/rooms", "{}").expect(200);
    let again = ask("POST", "/rooms", "{}");
    assert_eq!(again.headers["x-ledger-replayed"], "true");
    assert_eq!(again.expect(200), first);
    let batch = r#"{"rooms": [{"name": "east"}, {}]}"#;
    let first = ask("POST", "/batch/rooms", batch).expect(200);
    assert_eq!(ask("POST", "/batch/rooms", batch).expect(200), first);
    let gone = ask("DELETE", "/rooms/east", "").expect(200);
    assert_eq!(ask("DELETE", "/rooms/east", "").expect(200), gone);
    let other = ask("POST", "/rooms/east", "{}");
    other.refused(404, "not-found");
}

#[test]
fn a_write_says_who_asked_for_it_and_why() {
    let server = Server::new();
    let headers = [("X-Audit-Reason", "the weekly"), ("X-Audit-Actor", "carol")];
    let body = br#"{"name": "town"}"#;
    server
        .daily_with("POST", "/rooms", body, &headers)
        .expect(200);
    server.daily_with(
        "POST",
        "/rooms",
        b"{\"name\": \"town\", \"x\": 1}",
        &headers,
    );
    let events = server.events("town", 0);
    let kinds: Vec<Kind> = events.iter().map(|it| it.event.event.kind()).collect();
    assert_eq!(kinds, [Kind::RoomCreated, Kind::CommandRefused]);
    for event in &events {
        let provenance = &event.command.provenance;
        let text = |text: &Option<roomledger::domain::Personal<String>>| {
            text.as_ref().map(|text| text.as_str().to_owned())
        };
        assert_eq!(provenance.actor.id.as_str(), "devkey");
        assert_eq!(
            text(&provenance.actor.on_behalf_of).as_deref(),
            Some("carol")
        );
        assert_eq!(text(&provenance.reason).as_deref(), Some("the weekly"));
        let via = (
            provenance.via.dialect.as_str(),
            provenance.via.call.as_str(),
        );
        assert_eq!(via, ("daily", "POST /rooms"));
    }
}

/// A request with this key.
fn asked(method: &str, path: &str, key: &str, body: &Value) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    let request = request.header("Authorization", format!("Bearer {key}"));
    request.body(Body::from(body.to_string())).unwrap()
}

#[test]
fn each_key_is_an_actor_and_signs_tokens_of_its_own() {
    let keys = KeyRing::parse("one: first\ntwo: second\n", ShortSecrets::Allow).unwrap();
    let server = Server::with(keys, None);
    let ask = |key: &str, path: &str, body: &Value| {
        server.send(asked("POST", path, key, body)).expect(200)
    };
    ask("second", "/daily/v1/rooms", &json!({"name": "town"}));
    assert_eq!(
        server.events("town", 0)[0]
            .command
            .provenance
            .actor
            .id
            .as_str(),
        "two"
    );
    let token = json!({"properties": {"user_id": "bo"}});
    let token = ask("second", "/daily/v1/meeting-tokens", &token)["token"].clone();
    let held = format!("/daily/v1/meeting-tokens/{}", token.as_str().unwrap());
    // Another key of the ring may look into it, too.
    let held = server
        .send(asked("GET", &held, "first", &Value::Null))
        .expect(200);
    assert_eq!(held, json!({"user_id": "bo"}));
    let keys = KeyRing::parse("one: first\ntwo: second\n", ShortSecrets::Allow).unwrap();
    let (room, join, _) = join_of(&keys, token.as_str().unwrap(), 1_800_000_000).unwrap();
    assert_eq!(
        (room, join.credential.key_id.as_deref()),
        (None, Some("two"))
    );
    let stranger = asked("GET", "/daily/v1/rooms", "third", &Value::Null);
    server.send(stranger).refused(401, "authentication-error");
}

#[test]
fn a_key_that_calls_too_often_is_told_when_to_come_again() {
    let server = Server::with(KeyRing::dev(), Some("1/s:2".parse().unwrap()));
    for _ in 0..2 {
        server.get("/rooms").expect(200);
    }
    let got = server.get("/rooms");
    assert_eq!(got.headers["retry-after"], "1");
    got.refused(429, "rate-limit-error");
}

#[test]
fn a_body_that_is_too_large_is_not_taken() {
    let server = Server::new();
    let body = vec![b' '; (10 << 20) + 1];
    let got = server.daily_with("POST", "/rooms", &body, &[]);
    got.refused(413, "invalid-request-error");
    let large = json!({"name": "town", "properties": {"sip": {"text": "x".repeat(16 << 10)}}});
    let named = server.daily("POST", "/rooms", &large);
    let named = named.refused(400, "invalid-request-error");
    assert!(named.starts_with("`properties.sip` is "), "{named}");
}

#[test]
fn calls_are_counted_by_their_names_alone() {
    let server = Server::new();
    server.get("/rooms/secret-name");
    server.get("/no/such/route");
    let request = Request::get("/metrics").body(Body::empty()).unwrap();
    let text = server.text(request);
    for call in ["GET /rooms/:name", "other"] {
        let line = format!("dialect=\"daily\",call=\"{call}\",status=\"404\"}} 1\n");
        assert!(text.contains(&line), "{call}: {text}");
    }
    assert!(!text.contains("secret-name"));
}
