//! What a good receiver hears: everything, once, in order, signed; and where it goes on.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::http::Request as HttpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::auth::token;
use roomledger::dialect::ledger::{Ledger, router};
use roomledger::domain::command::Join;
use roomledger::domain::{
    ActorKind, Command, Digest, Identity, Provenance, Request, RoomName, Trace,
};
use roomledger::engine::Call;
use roomledger::outbox::ReceiverStatus;
use roomledger::store::Position;
use serde_json::json;
use tower::ServiceExt as _;

use super::hook::{Hook, Seen, until};
use super::stage::{Stage, heard, room_of};
use crate::ledger_api::metrics::parse;
use crate::livekit_service::support::{NOW_S, accepted, create, join_token};

fn bodies(seen: &[Seen]) -> Vec<String> {
    seen.iter().map(|seen| seen.body.clone()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_hears_everything_once_in_order_and_signed() {
    let hook = Hook::good();
    let stage = Stage::new(&[&hook.url]);
    let running = stage.start();
    stage.visit("r", "alice").await;
    stage.visit("r", "bob").await;
    let seen = hook.wait_for(9);
    running.stop().await;
    let kinds: Vec<String> = seen.iter().map(Seen::kind).collect();
    let visit = [
        "participant_joined",
        "track_published",
        "track_unpublished",
        "participant_left",
    ];
    let expected: Vec<&str> = ["room_started"]
        .into_iter()
        .chain(visit)
        .chain(visit)
        .collect();
    assert_eq!(kinds, expected);
    assert_eq!(bodies(&hook.seen()), stage.told_of("r"));
    let ids: BTreeSet<String> = seen.iter().map(Seen::id).collect();
    assert_eq!(ids.len(), seen.len(), "every event has an id of its own");
    let counts = seen
        .iter()
        .map(|seen| seen.json()["room"]["numParticipants"].as_u64());
    let visit = [Some(1), None, None, None];
    let exact: Vec<Option<u64>> = [None].into_iter().chain(visit).chain(visit).collect();
    assert_eq!(counts.collect::<Vec<_>>(), exact);
    for (seen, (position, _)) in seen.iter().zip(stage.told()) {
        is_signed(seen);
        assert_eq!(seen.header("x-ledger-position"), position.to_string());
        assert_eq!(seen.header("x-ledger-attempt"), "1");
        assert_eq!(seen.path, "/hooks");
    }
}

fn is_signed(seen: &Seen) {
    assert_eq!(seen.header("content-type"), "application/webhook+json");
    assert_eq!(seen.header("user-agent"), "LiveKit");
    let token = seen.header("authorization");
    let claims = token::verify(&KeyRing::dev(), token, NOW_S).unwrap();
    assert_eq!(claims.key_id, "devkey");
    assert_eq!(claims.expires_at_s - claims.not_before_s.unwrap(), 300);
    assert_eq!(claims.grants.video, None, "it grants nothing");
    let sum = STANDARD.encode(Digest::of(seen.body.as_bytes()).0);
    assert_eq!(claims.grants.sha256, sum);
}

/// A receiver follows a request through its headers; one that came without ids gets none.
#[tokio::test(flavor = "multi_thread")]
async fn the_tracing_ids_of_a_request_stand_in_the_headers() {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let hook = Hook::good();
    let stage = Stage::new(&[&hook.url]);
    let running = stage.start();
    for (who, trace) in [
        (
            "alice",
            Some(Trace {
                request_id: Some("inbound-7".to_owned()),
                traceparent: Some(parent.to_owned()),
            }),
        ),
        (
            "bob",
            Some(Trace {
                request_id: Some("a\r\nx-evil: 1".to_owned()),
                traceparent: None,
            }),
        ),
        ("carol", None),
    ] {
        let join = Join::new(Identity::new(who).unwrap());
        let request = Request::new(RoomName::new("r").unwrap(), Command::Join(join));
        let mut provenance = Provenance::of_engine(ActorKind::ApiKey, "devkey");
        provenance.trace = trace;
        let engine = &stage.server.engine;
        engine
            .execute(Call::new(request, provenance))
            .await
            .unwrap();
    }
    let told = hook.wait_for(stage.told().len());
    running.stop().await;
    let joined = |who: &str| {
        let is_it = |seen: &&Seen| seen.json()["participant"]["identity"] == who;
        told.iter().find(is_it).unwrap().headers.clone()
    };
    let alice = joined("alice");
    assert_eq!(alice["x-request-id"], "inbound-7");
    assert_eq!(alice["traceparent"], parent);
    for who in ["bob", "carol"] {
        let headers = joined(who);
        for name in ["x-request-id", "traceparent", "x-evil"] {
            assert_eq!(headers.get(name), None, "{who} {name}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_receiver_hears_what_comes_and_a_known_one_goes_on() {
    let (old, new) = (Hook::good(), Hook::good());
    let mut stage = Stage::new(&[&old.url]);
    stage.visit("before", "alice").await;
    let running = stage.start();
    stage.visit("r", "alice").await;
    heard(&running, &old.url, 5);
    running.stop().await;

    stage.visit("r", "bob").await;
    stage.config.receivers.push(new.url.clone());
    let running = stage.start();
    stage.visit("r", "carol").await;
    let all = stage.told_of("r");
    assert_eq!(
        bodies(&old.wait_for(all.len())),
        all,
        "without gap and repeat"
    );
    assert_eq!(bodies(&new.wait_for(4)), all[all.len() - 4..]);
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_receiver_can_hear_all_that_ever_was() {
    let hook = Hook::good();
    let mut stage = Stage::new(&[&hook.url]);
    for who in ["alice", "bob", "carol"] {
        stage.visit("r", who).await;
    }
    stage.config.from = Some(Position(0));
    let running = stage.start();
    let all = stage.told_of("r");
    assert_eq!(bodies(&hook.wait_for(all.len())), all);
    heard(&running, &hook.url, 13);
    running.stop().await;
    // The position is for receivers without a cursor: this one has its own now.
    let running = stage.start();
    stage.visit("r", "dave").await;
    hook.wait_for(all.len() + 4);
    running.stop().await;
    assert_eq!(bodies(&hook.seen()), stage.told_of("r"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_rooms_are_told_each_in_its_own_order() {
    let hook = Hook::good();
    let stage = Stage::new(&[&hook.url]);
    let running = stage.start();
    let rooms: Vec<String> = (0..30).map(|number| format!("room-{number}")).collect();
    for who in ["alice", "bob"] {
        for room in &rooms {
            stage.visit(room, who).await;
        }
    }
    let seen = hook.wait_for(rooms.len() * 9);
    let all = stage.told();
    for room in &rooms {
        let of_room = seen.iter().filter(|seen| seen.room() == *room);
        let of_room: Vec<&str> = of_room.map(|seen| seen.body.as_str()).collect();
        let told = all.iter().map(|(_, body)| body.as_str());
        let told: Vec<&str> = told.filter(|body| room_of(body) == *room).collect();
        assert_eq!(of_room, told, "{room}");
    }
    until(
        || {
            running
                .status()
                .iter()
                .all(|status| status.rooms_waiting == 0)
        },
        || format!("{:?}", running.status()),
    );
    let status = running.status();
    assert_eq!((status[0].told, status[0].failed), (270, 0));
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_arrived_does_not_leave_and_a_deleted_room_tells_of_each() {
    let hook = Hook::good();
    let stage = Stage::new(&[&hook.url]);
    let running = stage.start();
    let server = &stage.server;
    for who in ["alice", "bob", "carol"] {
        let token = join_token(who, "r");
        let (_, join) = server.parsed(&token);
        let active = who != "bob";
        let join = Command::Join(Join { active, ..join });
        assert!(accepted(&server.report("r", join).await));
    }
    let leave = Command::Leave {
        connection: server.newest("r", "alice"),
        reason: None,
    };
    assert!(accepted(&server.report("r", leave).await));
    assert!(accepted(&server.join(&join_token("alice", "r")).await));
    let deleted = server
        .call("DeleteRoom", create(), json!({"room": "r"}))
        .await;
    assert_eq!(deleted.status, 200);
    let seen = hook.wait_for(9);
    running.stop().await;
    let brief = |seen: &Seen| {
        let who = seen.json()["participant"].clone();
        let text = |field: &str| who[field].as_str().unwrap_or_default().to_owned();
        format!(
            "{} {} {}",
            seen.kind(),
            text("identity"),
            text("disconnectReason")
        )
    };
    let seen: Vec<String> = seen.iter().map(brief).collect();
    let expected = [
        "room_started  ",
        "participant_joined alice ",
        "participant_joined carol ",
        "participant_left alice CLIENT_INITIATED",
        "participant_joined alice ",
        "participant_connection_aborted bob ROOM_DELETED",
        "participant_left carol ROOM_DELETED",
        "participant_left alice ROOM_DELETED",
        "room_finished  ",
    ];
    assert_eq!(seen, expected);
}

/// More than one turn's worth in one event: the turn ends in the middle of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_event_about_many_people_is_told_whole() {
    let hook = Hook::good();
    let stage = Stage::new(&[&hook.url]);
    let server = &stage.server;
    for number in 0..600 {
        let token = join_token(&format!("guest-{number}"), "r");
        assert!(accepted(&server.join(&token).await));
    }
    let running = stage.start();
    let deleted = server
        .call("DeleteRoom", create(), json!({"room": "r"}))
        .await;
    assert_eq!(deleted.status, 200);
    let seen = hook.wait_for(601);
    running.stop().await;
    let all = stage.told_of("r");
    assert_eq!(bodies(&seen), all[all.len() - 601..]);
}

/// One that takes everything and one that nobody serves, by figures that do not name them.
#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_how_receivers_fare_and_not_who_they_are() {
    let hook = Hook::good();
    let nowhere = "http://127.0.0.1:1/secret-path";
    let stage = Stage::new(&[&hook.url, nowhere]);
    let outbox = stage.open().unwrap();
    let keys = Arc::new(KeyRing::dev());
    let ledger = Ledger::new(stage.server.engine.clone(), keys).watching(outbox.watch());
    let running = outbox.start();
    stage.visit("secret-room", "alice").await;
    heard(&running, &hook.url, 5);
    let id_of = |is_it: fn(&ReceiverStatus) -> bool| {
        let found = running.status().into_iter().find(is_it);
        found.map(|status| status.id)
    };
    until(
        || id_of(|status| status.failed > 0).is_some(),
        || "no attempt failed".to_owned(),
    );
    let taker = id_of(|status| status.told > 0).unwrap();
    let other = id_of(|status| status.told == 0).unwrap();
    let request = HttpRequest::get("/metrics").body(Body::empty()).unwrap();
    let response = router(ledger).oneshot(request).await.unwrap();
    let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    running.stop().await;
    let text = String::from_utf8(body.to_vec()).unwrap();
    let figures = parse(&text);
    let figure = |name: &str, receiver: &str, more: &str| {
        let series = format!("roomledger_webhook_{name}{{receiver=\"{receiver}\"{more}}}");
        let value = figures.get(&series).copied();
        value.unwrap_or_else(|| panic!("{series} in {text}"))
    };
    let attempts = |receiver: &str, outcome: &str| {
        figure(
            "attempts_total",
            receiver,
            &format!(",outcome=\"{outcome}\""),
        )
    };
    let exactly = |found: f64, expected: f64| (found - expected).abs() < f64::EPSILON;
    assert!(exactly(attempts(&taker, "taken"), 5.0), "{text}");
    assert!(exactly(attempts(&taker, "failed"), 0.0), "{text}");
    assert!(exactly(attempts(&other, "taken"), 0.0), "{text}");
    assert!(attempts(&other, "failed") >= 1.0, "{text}");
    assert!(exactly(figure("waiting_rooms", &other, ""), 1.0), "{text}");
    for receiver in [&taker, &other] {
        assert!(exactly(figure("halted", receiver, ""), 0.0), "{text}");
        assert!(figure("behind_positions", receiver, "") >= 0.0, "{text}");
    }
    assert!(
        !text.contains("secret") && !text.contains("127.0.0.1"),
        "{text}"
    );
}
