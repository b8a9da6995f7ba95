//! Attempts that are refused, and what holds afterwards: grants, bad input, revocation, repeats.

use std::time::Duration;

use roomledger::domain::event::Event;
use roomledger::domain::{Command, Identity, Kind, RoomName, Timestamp, Version};
use roomledger::engine::EngineConfig;
use serde_json::json;

use super::support::{Got, NOW_S, Server, accepted, admin, join_token, kinds, room_with_alice};

fn assert_denied(got: &Got) {
    assert_eq!(got.status, 401);
    let denied = json!({"code": "unauthenticated", "msg": "permissions denied"});
    assert_eq!(got.json(), denied);
}

#[tokio::test]
async fn an_attempt_without_the_grant_is_on_record() {
    let server = room_with_alice().await;
    let before = server.version("r");
    let system = server.engine.history(None, Version(0), 100).await.unwrap();
    let body = json!({"room": "r", "identity": "alice"});
    let join_only = json!({"roomJoin": true, "room": "r"});
    let headers = [("X-Audit-Actor", "eve")];
    let got = server
        .call_with("RemoveParticipant", join_only, body, &headers)
        .await;
    assert_denied(&got);
    assert_eq!(server.version("r"), before, "nothing happens in the room");
    let known = Version(u64::try_from(system.len()).unwrap());
    let events = server.engine.history(None, known, 100).await.unwrap();
    let [record] = &events[..] else {
        panic!("{events:?}");
    };
    let Event::CommandRefused(refused) = &record.event.event else {
        panic!("{record:?}");
    };
    assert_eq!(
        (refused.command.as_str(), &refused.codes[..]),
        ("remove", &["no-right".to_owned()][..])
    );
    assert_eq!(record.event.event.refused_room().unwrap().as_str(), "r");
    let actor = &record.command.provenance.actor;
    assert_eq!(actor.on_behalf_of.as_ref().unwrap().as_str(), "eve");
    let position = record.position.to_string();
    assert_eq!(got.header("x-ledger-position"), Some(&*position));
}

#[tokio::test]
async fn an_attempt_on_no_room_makes_none() {
    let server = room_with_alice().await;
    let nowhere = json!({"room": "nowhere"});
    assert_denied(&server.call("DeleteRoom", json!({}), nowhere).await);
    let system = server.engine.history(None, Version(0), 100).await.unwrap();
    assert_eq!(kinds(&system).last(), Some(&Kind::CommandRefused));
    let room = server
        .engine
        .room(&RoomName::new("nowhere").unwrap())
        .await
        .unwrap();
    assert!(room.is_none_or(|room| room.life.is_none()));
    assert_denied(
        &server
            .call("CreateRoom", json!({}), json!({"name": ""}))
            .await,
    );
}

#[tokio::test]
async fn a_request_id_is_nothing_to_who_lacks_the_grant() {
    let server = room_with_alice().await;
    let body = json!({"room": "r", "identity": "alice", "name": "A"});
    let headers = [("Idempotency-Key", "q")];
    let update = async |grants| {
        server
            .call_with("UpdateParticipant", grants, body.clone(), &headers)
            .await
    };
    assert_denied(&update(json!({})).await);
    let allowed = update(admin("r")).await;
    assert_eq!(allowed.status, 200, "the refused attempt did not use it up");
    assert_eq!(allowed.header("x-ledger-replayed"), None);
    let peek = update(json!({})).await;
    assert_denied(&peek);
    assert_eq!(peek.header("x-ledger-replayed"), None);
}

#[tokio::test]
async fn a_source_that_nobody_knows_changes_nothing() {
    let server = room_with_alice().await;
    for (source, shown) in [(json!("TELEPATHY"), "TELEPATHY"), (json!(99), "99")] {
        let before = server.version("r");
        let permission = json!({"can_publish": true, "can_publish_sources": ["CAMERA", source]});
        let body = json!({"room": "r", "identity": "alice", "name": "X", "permission": permission});
        let got = server.call("UpdateParticipant", admin("r"), body).await;
        assert_eq!(
            (got.status, &got.json()["code"]),
            (400, &json!("invalid_argument"))
        );
        assert!(
            got.json()["msg"].as_str().unwrap().contains(shown),
            "{}",
            got.json()
        );
        assert_eq!(
            kinds(&server.events("r", before).await),
            [Kind::CommandRefused]
        );
    }
    let body = json!({"room": "r", "identity": "alice"});
    let alice = server.call("GetParticipant", admin("r"), body).await.json();
    assert_eq!(
        (&alice["name"], &alice["permission"]["can_publish_data"]),
        (&json!(""), &json!(true))
    );
}

#[tokio::test]
async fn revocation_is_in_seconds_or_milliseconds_and_holds() {
    for (given, before) in [
        (json!(null), None),
        (json!("0"), None),
        (json!(NOW_S), Some(Timestamp::from_seconds(NOW_S))),
        (
            json!(NOW_S + 86_400),
            Some(Timestamp::from_seconds(NOW_S + 86_400)),
        ),
        (
            json!((NOW_S * 1_000 + 5).to_string()),
            Some(Timestamp::from_micros(NOW_S * 1_000_000 + 5_000)),
        ),
    ] {
        let server = room_with_alice().await;
        let at = server.version("r");
        let body = json!({"room": "r", "identity": "alice", "revoke_token_ts": given});
        assert_eq!(
            server
                .call("RemoveParticipant", admin("r"), body)
                .await
                .status,
            200
        );
        let events = server.events("r", at).await;
        let Event::RemovalRequested(asked) = &events[0].event.event else {
            panic!("{events:?}");
        };
        assert_eq!(asked.revoke_before, before, "{given}");
        let again = server.join(&join_token("alice", "r")).await;
        assert_eq!(accepted(&again), before.is_none(), "{given}");
    }
    let server = room_with_alice().await;
    for (refused, said) in [
        (-1, "before 1970"),
        (NOW_S + 86_401, "more than a day ahead"),
        (100_000_000_000, "5138-11-16"),
        ((NOW_S + 86_401) * 1_000, "more than a day ahead"),
        (NOW_S * 1_000_000, "neither seconds nor milliseconds"),
        (NOW_S * 1_000_000_000, "neither seconds nor milliseconds"),
        (i64::MAX, "neither seconds nor milliseconds"),
    ] {
        let body = json!({"room": "r", "identity": "alice", "revoke_token_ts": refused});
        let got = server.call("RemoveParticipant", admin("r"), body).await;
        assert_eq!(got.status, 400, "{refused}");
        let answer = got.json();
        assert!(answer["msg"].as_str().unwrap().contains(said), "{answer}");
    }
}

#[tokio::test]
async fn a_revocation_holds_for_somebody_who_is_not_inside() {
    let server = room_with_alice().await;
    let at = server.version("r");
    let body = json!({"room": "r", "identity": "bob", "revoke_token_ts": NOW_S + 60});
    let id = [("X-Livekit-Request-Id", "q")];
    let call = || server.call_with("RemoveParticipant", admin("r"), body.clone(), &id);
    let first = call().await;
    assert_eq!(
        (first.status, &first.json()["code"]),
        (404, &json!("not_found"))
    );
    let said = first.json()["msg"].as_str().unwrap().to_owned();
    assert!(said.starts_with("participant does not exist"), "{said}");
    assert!(said.contains("are revoked all the same"), "{said}");
    let recorded = [
        Kind::ParticipantRegistered,
        Kind::TokensRevoked,
        Kind::CommandRefused,
    ];
    assert_eq!(kinds(&server.events("r", at).await), recorded);
    assert!(!accepted(&server.join(&join_token("bob", "r")).await));
    let plain = json!({"room": "r", "identity": "carol"});
    let got = server.call("RemoveParticipant", admin("r"), plain).await;
    assert_eq!(got.json()["msg"], "participant does not exist");
}

#[tokio::test]
async fn a_repeat_answers_as_of_then() {
    let server = room_with_alice().await;
    let id = [("X-Livekit-Request-Id", "q")];
    let named = |name: &str| json!({"room": "r", "identity": "alice", "name": name});
    let first = server
        .call_with("UpdateParticipant", admin("r"), named("A"), &id)
        .await;
    let then = server
        .call("UpdateParticipant", admin("r"), named("B"))
        .await;
    assert_eq!(then.json()["name"], "B");
    let again = server
        .call_with("UpdateParticipant", admin("r"), named("A"), &id)
        .await;
    assert_eq!(again.header("x-ledger-replayed"), Some("true"));
    assert_eq!(again.json(), first.json());
    let other = server
        .call_with("UpdateParticipant", admin("r"), named("C"), &id)
        .await;
    assert_eq!(
        (other.status, &other.json()["code"]),
        (409, &json!("already_exists"))
    );
    let unmute = json!({"room": "r", "identity": "alice", "track_sid": "TR_x"});
    let refused = server
        .call_with("MutePublishedTrack", admin("r"), unmute.clone(), &id)
        .await;
    let repeated = server
        .call_with("MutePublishedTrack", admin("r"), unmute, &id)
        .await;
    assert_eq!(refused.status, 412);
    assert_eq!((repeated.status, repeated.json()), (412, refused.json()));
    assert_eq!(repeated.header("x-ledger-replayed"), Some("true"));
}

#[tokio::test]
async fn bad_input_is_answered_and_an_engine_that_is_gone_too() {
    let server = room_with_alice().await;
    let long = "n".repeat(257);
    let who = |identity: &str| json!({"room": "r", "identity": identity});
    for (call, body, status, code) in [
        ("RemoveParticipant", who("a\u{7}"), 400, "invalid_argument"),
        ("RemoveParticipant", who(&long), 400, "invalid_argument"),
        ("RemoveParticipant", who(""), 404, "not_found"),
        ("RemoveParticipant", who("bob"), 404, "not_found"),
        ("GetParticipant", who(&long), 404, "not_found"),
    ] {
        let got = server.call(call, admin("r"), body.clone()).await;
        assert_eq!(
            (got.status, &got.json()["code"]),
            (status, &json!(code)),
            "{call} {body}"
        );
    }
    let reason = [("X-Audit-Reason", &*"r".repeat(4_097))];
    let got = server
        .call_with("RemoveParticipant", admin("r"), who("alice"), &reason)
        .await;
    assert_eq!(
        (got.status, &got.json()["code"]),
        (400, &json!("invalid_argument"))
    );
    server.engine.shutdown().await.unwrap();
    let got = server
        .call("RemoveParticipant", admin("r"), who("alice"))
        .await;
    assert_eq!(
        (got.status, &got.json()["code"]),
        (503, &json!("unavailable"))
    );
}

#[tokio::test]
async fn a_refusal_names_the_event_that_is_its_reason() {
    let server = room_with_alice().await;
    assert!(accepted(&server.join(&join_token("bob", "s")).await));
    let identity = Identity::new("alice").unwrap();
    let ban = server
        .report(
            "s",
            Command::Ban {
                identity,
                until: None,
            },
        )
        .await;
    let both = json!({"roomAdmin": true, "room": "r", "destinationRoom": "s"});
    let body = json!({"room": "r", "identity": "alice", "destination_room": "s"});
    let got = server.call("MoveParticipant", both, body).await;
    assert_eq!(
        (got.status, &got.json()["code"]),
        (403, &json!("permission_denied"))
    );
    assert_eq!(got.json()["meta"]["because"], ban.position.to_string());
}

#[tokio::test]
async fn a_key_over_its_rate_is_told_when_to_come_again() {
    let limit = "1/s:2".parse().unwrap();
    let server = Server::limited(EngineConfig::default(), Some(limit));
    let list = || server.call("ListRooms", json!({"roomList": true}), json!({}));
    let join = json!({"roomJoin": true, "room": "r"});
    // Participants hold tokens of the same key, and have a bucket of their own.
    for _ in 0..5 {
        server.call("ListRooms", join.clone(), json!({})).await;
    }
    assert_eq!(list().await.status, 200);
    assert_eq!(list().await.status, 200);
    let refused = list().await;
    assert_eq!(
        (refused.status, refused.header("retry-after")),
        (429, Some("1"))
    );
    assert_eq!(refused.header("content-type"), Some("application/json"));
    assert_eq!(refused.json()["code"], "resource_exhausted");
    assert_eq!(refused.json().as_object().unwrap().len(), 2);
    server.clock.advance(Duration::from_secs(1));
    assert_eq!(list().await.status, 200);
}
