//! Tokens of API keys that are taken back: in every dialect, at once, over restarts, and lifted.

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, HttpBody as _};
use axum::http::Request;
use roomledger::dialect::auth::keys::{KeyRing, ShortSecrets};
use roomledger::domain::event::{ApiTokenRevocationLifted, ApiTokensRevoked};
use roomledger::domain::{ApiRevocations, Digest, Event, Timestamp};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::crossing::bearer;
use crate::videosdk::support::{Server, token};

/// A naive fold: what is revoked of key `k`, and since when.
#[derive(Default)]
struct Naive {
    tags: Vec<u8>,
    before: Option<i64>,
}

proptest::proptest! {
    #[test]
    fn revocations_fold_as_a_list_would(
        steps in proptest::collection::vec((0_u8..4, 0_u8..4), 0..24),
    ) {
        let (mut folded, mut naive) = (ApiRevocations::default(), Naive::default());
        let at = |n: u8| Timestamp::from_seconds(i64::from(n));
        let tag = |n: u8| Digest::of(&[n]);
        let revoked = |tag, before| ApiTokensRevoked { key: "k".into(), tag, before };
        let lifted = |tag| ApiTokenRevocationLifted { key: "k".into(), tag };
        for (what, n) in steps {
            let before = (naive.tags.clone(), naive.before);
            let event = match what {
                0 => {
                    if !naive.tags.contains(&n) {
                        naive.tags.push(n);
                    }
                    Event::from(revoked(Some(tag(n)), None))
                }
                1 => {
                    naive.before = naive.before.max(Some(i64::from(n)));
                    Event::from(revoked(None, Some(at(n))))
                }
                2 => {
                    naive.tags.retain(|one| *one != n);
                    Event::from(lifted(Some(tag(n))))
                }
                _ => {
                    naive = Naive::default();
                    Event::from(lifted(None))
                }
            };
            let changed = folded.apply(&event);
            proptest::prop_assert_eq!(changed, (naive.tags.clone(), naive.before) != before);
            for n in 0..5 {
                let has = |tag, issued| folded.of_key("k").is_some_and(|it| it.has(tag, issued));
                let by_tag = naive.tags.contains(&n);
                let by_time = naive.before.is_some_and(|before| i64::from(n) < before);
                proptest::prop_assert_eq!(has(Some(tag(n)), Some(at(9))), by_tag);
                proptest::prop_assert_eq!(has(None, Some(at(n))), by_time);
                proptest::prop_assert_eq!(has(None, None), naive.before.is_some());
                proptest::prop_assert!(folded.of_key("other").is_none());
            }
        }
    }
}

/// One call in each dialect that has tokens, and a join with one: all by tokens with this `jti`.
fn believed(server: &Server, jti: &str, iat: i64) -> [bool; 4] {
    let with = |claims: Value| {
        let mut all = json!({"jti": jti, "iat": iat});
        all.as_object_mut()
            .unwrap()
            .extend(claims.as_object().unwrap().clone());
        all
    };
    let list = bearer(&with(json!({"video": {"roomList": true}})));
    let crawler = token(&with(json!({"roles": ["crawler"]})));
    let reader = bearer(&with(json!({"ledger": {"audit": true}})));
    let join = json!({"sub": "ann", "video": {"roomJoin": true, "room": "r"}});
    let join = json!({"token": bearer(&with(join)).strip_prefix("Bearer ")});
    let reporter = bearer(&json!({"iat": NOW_S, "ledger": {"report": true}}));
    let joined = server.call_as(
        &reporter,
        "POST",
        "/api/v1/rooms/r/joins",
        &join.to_string(),
    );
    let calls = [
        server.call_as(&list, "POST", "/twirp/livekit.RoomService/ListRooms", "{}"),
        server.call_as(&crawler, "GET", "/videosdk/v2/rooms", ""),
        server.call_as(&reader, "GET", "/api/v1/rooms", ""),
    ];
    let [list, crawler, reader] = calls.map(|(status, answer)| {
        assert!([200, 401].contains(&status), "{status} {answer}");
        status == 200
    });
    assert!([201, 403].contains(&joined.0), "{joined:?}");
    [list, crawler, reader, joined.0 == 201]
}

#[test]
fn a_token_is_taken_back_in_every_dialect_and_given_again() {
    let server = Server::new();
    let operator =
        bearer(&json!({"sub": "ops", "iat": NOW_S, "ledger": {"admin": true, "audit": true}}));
    let post = |body: Value| {
        let (status, answer) = server.call_as(&operator, "POST", REVOCATIONS, &body.to_string());
        assert_eq!(status, 200, "{answer}");
        answer["changed"].as_bool().unwrap()
    };
    assert_eq!(believed(&server, "tok-77", NOW_S), [true; 4]);
    assert!(post(json!({"jti": "tok-77"})));
    assert!(
        !post(json!({"jti": "tok-77"})),
        "a second time changes nothing"
    );
    assert_eq!(believed(&server, "tok-77", NOW_S), [false; 4]);
    assert_eq!(believed(&server, "tok-78", NOW_S), [true; 4]);
    assert!(post(json!({"jti": "tok-77", "lift": true})));
    assert_eq!(believed(&server, "tok-77", NOW_S), [true; 4]);

    let moment = Timestamp::from_seconds(NOW_S);
    assert!(post(json!({"before": moment})));
    assert_eq!(believed(&server, "tok-77", NOW_S - 1), [false; 4]);
    assert_eq!(believed(&server, "tok-77", NOW_S), [true; 4]);
    let nameless = bearer(&json!({"ledger": {"audit": true}}));
    let (status, _) = server.call_as(&nameless, "GET", "/api/v1/rooms", "");
    assert_eq!(status, 401, "it does not say when it was issued");
    let (status, answer) = server.call_as(&operator, "DELETE", REVOCATIONS, "");
    assert_eq!((status, &answer["changed"]), (200, &json!(true)));
    assert_eq!(believed(&server, "tok-77", NOW_S - 1), [true; 4]);

    let events = server.fine(&operator, "GET", "/api/v1/events?actor=ops&limit=100", "");
    let events = events["events"].as_array().unwrap();
    let told: Vec<&str> = events
        .iter()
        .map(|it| it["sentence"].as_str().unwrap())
        .collect();
    let via = "via ledger revoke_api_tokens";
    assert_eq!(
        told,
        [
            format!("ops (key devkey) revoked a token of key devkey {via}"),
            format!("ops (key devkey) lifted the revocation of a token of key devkey {via}"),
            format!(
                "ops (key devkey) revoked the tokens of key devkey issued before {moment} {via}"
            ),
            "ops (key devkey) lifted all revocations of tokens of key devkey via ledger \
             lift_api_token_revocations"
                .to_owned(),
        ]
    );
    assert!(
        !format!("{events:?}").contains("tok-77"),
        "a jti stands in clear: {events:?}"
    );
    assert_eq!(events[0]["data"]["tag"].as_str().unwrap().len(), 64);
}

/// Whoever has no right to all rooms, or asks for what cannot be, changes nothing.
#[test]
fn who_may_not_and_what_cannot_be_revokes_nothing() {
    let server = Server::new();
    let check = |by: &str, key: &str, body: &str, want: u16| {
        let path = format!("/api/v1/keys/{key}/revocations");
        let (status, answer) = server.call_as(by, "POST", &path, body);
        assert_eq!(status, want, "{body}: {answer}");
        assert!(!answer.to_string().contains("tok-77"), "{answer}");
    };
    let may = bearer(&json!({"ledger": {"admin": true}}));
    for claims in [
        json!({"ledger": {"audit": true, "report": true}}),
        json!({"ledger": {"admin": true, "room": "r"}}),
        json!({"video": {"roomAdmin": true, "room": "r"}}),
        json!({"video": {"roomJoin": true, "room": "r"}, "sub": "ann"}),
    ] {
        let by = bearer(&claims);
        check(&by, "devkey", r#"{"jti":"tok-77"}"#, 403);
        check(&by, "nokey", r#"{"jti":"tok-77"}"#, 403);
        let (status, _) = server.call_as(&by, "DELETE", REVOCATIONS, "");
        assert_eq!(status, 403);
    }
    let all = bearer(&json!({"ledger": {"audit": true}}));
    let query = "/api/v1/events?kind=command_refused";
    let (_, refused) = server.call_as(&all, "GET", query, "");
    for call in ["revoke_api_tokens", "lift_api_token_revocations"] {
        let events = refused["events"].as_array().unwrap();
        let of_it = events
            .iter()
            .filter(|event| event["data"]["command"] == *call);
        assert!(of_it.count() >= 4, "{call}: {refused}");
    }
    assert!(!refused.to_string().contains("tok-77"), "{refused}");
    for body in [
        "{}",
        r#"{"jti":"a","before":"2027-01-01T00:00:00Z"}"#,
        r#"{"before":"2027-01-01T00:00:00Z","lift":true}"#,
        r#"{"jti":""}"#,
        r#"{"jti":7}"#,
        r#"{"before":"soon"}"#,
        r#"{"jti":"a","more":1}"#,
    ] {
        check(&may, "devkey", body, 400);
    }
    check(
        &may,
        "devkey",
        &json!({"jti": "x".repeat(257)}).to_string(),
        400,
    );
    check(&may, "devkey", r#"{"before":"2027-01-17T00:00:00Z"}"#, 422);
    check(&may, "nokey", r#"{"jti":"tok-77"}"#, 404);
    let before = server.engine.head();
    check(&may, "devkey", r#"{"jti":"tok-77","lift":true}"#, 200);
    assert_eq!(
        server.engine.head(),
        before,
        "nothing to lift, and nothing recorded"
    );
}

/// A header that names somebody else than the token is refused, and on record as well.
#[test]
fn who_speaks_for_another_revokes_nothing_and_is_on_record() {
    let server = Server::new();
    let other = bearer(&json!({"ledger": {"admin": true}, "sub": "ann"}));
    for (method, path) in [
        ("POST", REVOCATIONS),
        ("DELETE", REVOCATIONS),
        ("POST", "/api/v1/clock/release"),
    ] {
        let request = Request::builder().method(method).uri(path);
        let request = request.header("authorization", &other);
        let request = request.header("x-audit-actor", "bob");
        let before = server.engine.head();
        let (parts, body) = server.send(request.body(Body::from("{}")).unwrap());
        let body = String::from_utf8(body).unwrap();
        assert_eq!(parts.status, 403, "{method} {path}: {body}");
        assert!(body.contains("actor-mismatch"), "{method} {path}: {body}");
        assert!(server.engine.head() > before, "{method} {path}");
    }
}

/// A token that is taken back ends the streams that were opened with it, before they tell more.
#[test]
fn a_stream_ends_when_its_token_is_taken_back() {
    let server = Server::new();
    let admin = bearer(&json!({"ledger": {"admin": true, "report": true}}));
    let reader = bearer(&json!({"ledger": {"audit": true}, "jti": "tok-77"}));
    let open = || {
        let request = Request::get("/api/v1/stream").header("authorization", &reader);
        let request = request.body(Body::empty()).unwrap();
        let answer = server.router.clone().oneshot(request);
        server.runtime.block_on(answer).unwrap()
    };
    let next = |stream: &mut Body| {
        let frame = poll_fn(|context| Pin::new(&mut *stream).poll_frame(context));
        let data = server.runtime.block_on(frame)?.unwrap().into_data();
        Some(String::from_utf8(data.unwrap().to_vec()).unwrap())
    };
    let mut stream = open().into_body();
    assert_eq!(next(&mut stream).as_deref(), Some(": still here\n\n"));
    let revoke = |body: &str| {
        let (status, answer) = server.call_as(&admin, "POST", REVOCATIONS, body);
        assert_eq!(
            (status, &answer["changed"]),
            (200, &json!(true)),
            "{answer}"
        );
    };
    revoke(r#"{"jti":"tok-77"}"#);
    let end = next(&mut stream).unwrap();
    assert!(end.starts_with("event: stream_ended\ndata: {"), "{end}");
    assert!(
        end.contains("token-refused") && !end.contains("tok-77"),
        "{end}"
    );
    assert_eq!(next(&mut stream), None);
    assert_eq!(open().status(), 401);
    revoke(r#"{"jti":"tok-77","lift":true}"#);
    assert_eq!(open().status(), 200);
}

/// The tag of an id is another for every key, and no key's signature.
#[test]
fn tags_are_keyed() {
    let keys = KeyRing::parse("a: one\nb: two", ShortSecrets::Allow).unwrap();
    let tag = |id: &str| keys.key(id).unwrap().token_tag("tok-77").unwrap();
    assert_ne!(tag("a"), tag("b"));
    assert_ne!(tag("a"), Digest::of(b"tok-77"));
    // openssl dgst -sha256 -hmac one, of "roomledger/jti/1", a zero byte and "tok-77".
    assert_eq!(tag("a").to_string(), TAG);
}

const REVOCATIONS: &str = "/api/v1/keys/devkey/revocations";
const NOW_S: i64 = 1_800_000_000;
const TAG: &str = "b4a9cb7fd4a120ba0f0d66c5b6e7d1a904055e000c8536aec18f22b150789f94";
