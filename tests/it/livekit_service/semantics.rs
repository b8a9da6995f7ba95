//! What the calls leave in the log, and where they differ from LiveKit on purpose.

use roomledger::domain::command::{Join, PermissionUpdate, UpdatePermissions};
use roomledger::domain::event::{ByWhom, Event, UpdateMode};
use roomledger::domain::{
    ActorKind, AdminRight, Allowed, Command, Identity, Kind, PermissionPatch, RoomName, Source,
    Target, Timestamp, Version,
};
use roomledger::store::Record;
use serde_json::{Value, json};

use super::support::{Got, NOW_S, Server, accepted, admin, create, join_token};

/// A room "r" with alice in it, who publishes a microphone and a camera.
async fn room_with_alice() -> Server {
    let server = Server::start();
    assert!(accepted(&server.join(&join_token("alice", "r")).await));
    for (source, name) in [(Source::Microphone, "mic"), (Source::Camera, "cam")] {
        assert!(accepted(&server.publish("r", "alice", source, name).await));
    }
    server
}

fn kinds(events: &[Record]) -> Vec<Kind> {
    events.iter().map(|it| it.event.event.kind()).collect()
}

async fn system_events(server: &Server) -> Vec<Record> {
    let read = server.engine.history(None, Version(0), 100);
    read.await.unwrap()
}

#[tokio::test]
async fn a_removal_is_recorded_with_who_why_and_request() {
    let server = Server::start();
    assert_eq!(
        server
            .call("CreateRoom", create(), json!({"name": "r"}))
            .await
            .status,
        200
    );
    server.join(&join_token("alice", "r")).await;
    let before = server.version("r");
    let headers = [
        ("X-Livekit-Request-Id", "q-1"),
        ("X-Audit-Actor", "zoe"),
        ("X-Audit-Reason", "spam"),
        ("X-Correlation-Id", "case 7"),
        ("User-Agent", "test/1"),
    ];
    let body = json!({"room": "r", "identity": "alice"});
    let got = server
        .call_with("RemoveParticipant", admin("r"), body.clone(), &headers)
        .await;
    assert_eq!((got.status, got.json()), (200, json!({})));
    let events = server.events("r", before).await;
    let kinds: Vec<Kind> = events
        .iter()
        .map(|record| record.event.event.kind())
        .collect();
    assert_eq!(kinds, [Kind::RemovalRequested, Kind::ConnectionsClosed]);
    let last = events.last().unwrap();
    assert_eq!(
        got.header("x-ledger-position"),
        Some(&*last.position.to_string())
    );
    assert_eq!(got.header("x-ledger-replayed"), None);
    let provenance = &last.command.provenance;
    assert_eq!(provenance.actor.kind, ActorKind::ApiKey);
    assert_eq!(provenance.actor.id, "devkey");
    assert_eq!(
        provenance.actor.on_behalf_of.as_ref().unwrap().as_str(),
        "zoe"
    );
    assert_eq!(provenance.via.dialect, "livekit");
    assert_eq!(provenance.via.call, "RemoveParticipant");
    assert_eq!(provenance.request_id.as_deref(), Some("q-1"));
    assert_eq!(provenance.reason.as_ref().unwrap().as_str(), "spam");
    assert_eq!(provenance.correlation.as_deref(), Some("case 7"));
    assert_eq!(provenance.user_agent.as_ref().unwrap().as_str(), "test/1");
    let list = server
        .call("ListParticipants", admin("r"), json!({"room": "r"}))
        .await;
    assert_eq!(list.json(), json!({"participants": []}));
    let again = server
        .call_with("RemoveParticipant", admin("r"), body, &headers)
        .await;
    assert_eq!((again.status, again.json()), (200, json!({})));
    assert_eq!(again.header("x-ledger-replayed"), Some("true"));
    assert_eq!(
        again.header("x-ledger-position"),
        got.header("x-ledger-position")
    );
    assert_eq!(
        server.events("r", before).await.len(),
        2,
        "a repeat appends nothing"
    );
}

#[tokio::test]
async fn every_write_leaves_its_events() {
    let server = room_with_alice().await;
    let mic = server.track("r", "alice", "mic");
    let only = |body: Value| {
        let mut whole = json!({"room": "r", "identity": "alice"});
        whole
            .as_object_mut()
            .unwrap()
            .extend(body.as_object().unwrap().clone());
        whole
    };
    let profile = only(json!({"name": "A", "metadata": "m", "attributes": {"k": "v"}}));
    let no_camera = only(json!({"permission":
        {"can_publish": true, "can_publish_sources": ["MICROPHONE"]}}));
    let mute = only(json!({"track_sid": mic, "muted": true}));
    let room = json!({"room": "r", "metadata": "hall"});
    let data = json!({"room": "r", "data": "aGk=", "destination_identities": ["alice", "bob"]});
    let subscriptions = only(json!({"track_sids": [mic], "subscribe": false}));
    let named = json!({"name": "r", "max_participants": 9});
    for (call, grants, body, want) in [
        ("CreateRoom", create(), named, vec![Kind::NoEffect]),
        (
            "UpdateParticipant",
            admin("r"),
            only(json!({})),
            vec![Kind::NoEffect],
        ),
        (
            "UpdateParticipant",
            admin("r"),
            profile.clone(),
            vec![Kind::ProfileChanged],
        ),
        (
            "UpdateParticipant",
            admin("r"),
            profile,
            vec![Kind::NoEffect],
        ),
        (
            "UpdateParticipant",
            admin("r"),
            no_camera,
            vec![Kind::PermissionsChanged, Kind::TracksUnpublished],
        ),
        (
            "MutePublishedTrack",
            admin("r"),
            mute.clone(),
            vec![Kind::TrackMuteChanged],
        ),
        ("MutePublishedTrack", admin("r"), mute, vec![Kind::NoEffect]),
        (
            "UpdateRoomMetadata",
            admin("r"),
            room,
            vec![Kind::RoomMetadataChanged],
        ),
        ("SendData", admin("r"), data, vec![Kind::DataSent]),
        (
            "UpdateSubscriptions",
            admin("r"),
            subscriptions,
            vec![Kind::SubscriptionsChanged],
        ),
        (
            "DeleteRoom",
            create(),
            json!({"room": "r"}),
            vec![
                Kind::SessionEndRequested,
                Kind::TracksUnpublished,
                Kind::ConnectionsClosed,
                Kind::SessionEnded,
            ],
        ),
    ] {
        let before = server.version("r");
        let got = server.call(call, grants, body).await;
        assert_eq!(got.status, 200, "{call}: {}", got.json());
        let events = server.events("r", before).await;
        assert_eq!(kinds(&events), want, "{call}");
        assert!(
            events
                .iter()
                .all(|it| it.command.provenance.via.call == call),
            "{call}"
        );
        let last = events.last().unwrap().position.to_string();
        assert_eq!(got.header("x-ledger-position"), Some(&*last), "{call}");
    }
}

#[tokio::test]
async fn losing_a_source_unpublishes_its_tracks_and_tells_before_and_after() {
    let server = room_with_alice().await;
    let before = server.version("r");
    let permission = json!({"can_publish": true, "can_publish_sources": ["MICROPHONE"]});
    let body = json!({"room": "r", "identity": "alice", "permission": permission});
    let got = server
        .call("UpdateParticipant", admin("r"), body)
        .await
        .json();
    assert_eq!(got["tracks"].as_array().unwrap().len(), 1, "{got}");
    assert_eq!(got["tracks"][0]["name"], "mic");
    assert_eq!(
        got["permission"]["can_publish_sources"],
        json!(["MICROPHONE"])
    );
    let events = server.events("r", before).await;
    let Event::PermissionsChanged(changed) = &events[0].event.event else {
        panic!("{events:?}");
    };
    assert_eq!(changed.groups[0].before.send.allowed, Allowed::All);
    let after = &changed.groups[0].after;
    assert_eq!(
        after.send.allowed,
        Allowed::Listed(vec![Source::Microphone])
    );
    assert!(
        !after.data && !after.receive.any(),
        "what is left out is off"
    );
    let cause = events[1].event.cause.as_ref().unwrap();
    assert_eq!(cause.version, events[0].version);
}

#[tokio::test]
async fn a_mute_is_the_admins() {
    let server = room_with_alice().await;
    let (before, mic) = (server.version("r"), server.track("r", "alice", "mic"));
    let body = json!({"room": "r", "identity": "alice", "track_sid": mic, "muted": true});
    let got = server
        .call("MutePublishedTrack", admin("r"), body)
        .await
        .json();
    assert_eq!(
        (&got["track"]["sid"], &got["track"]["muted"]),
        (&json!(mic), &json!(true))
    );
    let events = server.events("r", before).await;
    let Event::TrackMuteChanged(changed) = &events[0].event.event else {
        panic!("{events:?}");
    };
    assert!(changed.muted && changed.by == ByWhom::Admin);
}

#[tokio::test]
async fn an_attempt_without_the_grant_is_on_record() {
    let server = room_with_alice().await;
    let before = server.version("r");
    let body = json!({"room": "r", "identity": "alice"});
    let headers = [("X-Audit-Actor", "eve"), ("X-Request-Id", "q")];
    let join_only = json!({"roomJoin": true, "room": "r"});
    let denied = |got: &Got| {
        assert_eq!(got.status, 401);
        assert_eq!(
            got.json(),
            json!({"code": "unauthenticated", "msg": "permissions denied"})
        );
    };
    let got = server
        .call_with(
            "RemoveParticipant",
            join_only.clone(),
            body.clone(),
            &headers,
        )
        .await;
    denied(&got);
    let events = server.events("r", before).await;
    let [record] = &events[..] else {
        panic!("{events:?}");
    };
    let Event::CommandRefused(refused) = &record.event.event else {
        panic!("{record:?}");
    };
    assert_eq!(
        (refused.command.as_str(), refused.codes.len()),
        ("remove", 1)
    );
    assert_eq!(refused.codes[0], "no-right");
    let actor = &record.command.provenance.actor;
    assert_eq!(actor.on_behalf_of.as_ref().unwrap().as_str(), "eve");
    assert_eq!(
        got.header("x-ledger-position"),
        Some(&*record.position.to_string())
    );

    let allowed = server
        .call_with("RemoveParticipant", admin("r"), body.clone(), &headers)
        .await;
    assert_eq!(
        allowed.status, 200,
        "the refused attempt did not use up the request id"
    );
    assert_eq!(allowed.header("x-ledger-replayed"), None);
    let peek = server
        .call_with("RemoveParticipant", join_only, body, &headers)
        .await;
    denied(&peek);
    assert_eq!(
        peek.header("x-ledger-replayed"),
        None,
        "no outcome for who has no right to it"
    );

    denied(
        &server
            .call("DeleteRoom", json!({}), json!({"room": "nowhere"}))
            .await,
    );
    let events = system_events(&server).await;
    assert_eq!(kinds(&events).last(), Some(&Kind::CommandRefused));
    denied(
        &server
            .call("CreateRoom", json!({}), json!({"name": ""}))
            .await,
    );
    assert!(
        server
            .engine
            .live(&RoomName::new("nowhere").unwrap())
            .is_none_or(|it| it.life.is_none())
    );
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
async fn what_the_view_cannot_show_it_leaves_alone() {
    let server = room_with_alice().await;
    let finer = PermissionPatch {
        send_allowed: Some(Allowed::Listed(vec![Source::Camera, Source::CustomAudio])),
        admin: Some([AdminRight::Streaming].into()),
        ..PermissionPatch::default()
    };
    let targets = [(
        Target::Identity(Identity::new("alice").unwrap()),
        PermissionUpdate {
            patch: finer,
            ..PermissionUpdate::default()
        },
    )];
    let set = Command::UpdatePermissions(UpdatePermissions {
        mode: UpdateMode::Patch,
        targets: targets.into(),
        refuse_unknown: true,
    });
    assert!(accepted(&server.report("r", set).await));
    let get = json!({"room": "r", "identity": "alice"});
    let shown = server.call("GetParticipant", admin("r"), get).await.json()["permission"].clone();
    assert_eq!(shown["can_publish_sources"], json!(["CAMERA", "UNKNOWN"]));
    let before = server.version("r");
    let body = json!({"room": "r", "identity": "alice", "permission": shown});
    assert_eq!(
        server
            .call("UpdateParticipant", admin("r"), body)
            .await
            .status,
        200
    );
    assert_eq!(kinds(&server.events("r", before).await), [Kind::NoEffect]);
    let body = json!({"room": "r", "identity": "alice", "permission": {"can_publish": true}});
    assert_eq!(
        server
            .call("UpdateParticipant", admin("r"), body)
            .await
            .status,
        200
    );
    let room = server.engine.live(&RoomName::new("r").unwrap()).unwrap();
    let alice = room.live_of(&Identity::new("alice").unwrap());
    assert_eq!(alice[0].permission.admin, [AdminRight::Streaming].into());
    assert_eq!(alice[0].permission.send.allowed, Allowed::All);
}

#[tokio::test]
async fn revocation_is_in_seconds_or_milliseconds_and_holds() {
    for (given, before) in [
        (json!(null), None),
        (json!("0"), None),
        (json!(NOW_S), Some(Timestamp::from_seconds(NOW_S))),
        (
            json!(100_000_000_000_i64),
            Some(Timestamp::from_seconds(100_000_000_000)),
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
    let body = json!({"room": "r", "identity": "alice", "revoke_token_ts": -1});
    assert_eq!(
        server
            .call("RemoveParticipant", admin("r"), body)
            .await
            .status,
        400
    );
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
async fn settings_hold_for_one_session() {
    let server = Server::start();
    let body = json!({"name": "r", "max_participants": 2, "departure_timeout": 5, "metadata": "m",
        "min_playout_delay": 100, "sync_streams": true, "tags": {"a": "b"},
        "agents": [{"agent_name": "x"}]});
    let room = server.call("CreateRoom", create(), body).await.json();
    let settings = [
        "max_participants",
        "departure_timeout",
        "empty_timeout",
        "metadata",
    ];
    let read = |room: &Value| settings.map(|name| room[name].clone());
    assert_eq!(read(&room), [json!(2), json!(5), json!(300), json!("m")]);
    let live = server.engine.live(&RoomName::new("r").unwrap()).unwrap();
    let properties = &live.open_session().unwrap().config.properties;
    let kept: Vec<&str> = properties.keys().map(String::as_str).collect();
    assert_eq!(
        kept,
        ["agents.0", "min_playout_delay", "sync_streams", "tags.a"]
    );
    assert_eq!(properties["min_playout_delay"], "100");
    server
        .call("DeleteRoom", create(), json!({"room": "r"}))
        .await;
    let next = server
        .call("CreateRoom", create(), json!({"name": "r"}))
        .await
        .json();
    assert_ne!(next["sid"], room["sid"]);
    assert_eq!(read(&next), [json!(0), json!(20), json!(300), json!("")]);
}

#[tokio::test]
async fn a_move_needs_both_grants_and_keeps_the_person() {
    let server = room_with_alice().await;
    let body = json!({"room": "r", "identity": "alice", "destination_room": "s"});
    let call = "MoveParticipant";
    assert_eq!(
        server.call(call, admin("r"), body.clone()).await.status,
        401
    );
    let both = json!({"roomAdmin": true, "room": "r", "destinationRoom": "s"});
    assert_eq!(server.call(call, both, body).await.status, 200);
    let gone = server
        .call("ListParticipants", admin("r"), json!({"room": "r"}))
        .await
        .json();
    assert_eq!(gone, json!({"participants": []}));
    let there = server
        .call("ListParticipants", admin("s"), json!({"room": "s"}))
        .await
        .json();
    assert_eq!(there["participants"][0]["identity"], "alice");
}

#[tokio::test]
async fn several_connections_of_one_identity_are_several_entries() {
    let mut config = roomledger::engine::EngineConfig::default();
    config.defaults.config.duplicate_identity = roomledger::domain::event::DuplicatePolicy::Allow;
    let server = Server::with(config);
    for _ in 0..2 {
        assert!(accepted(&server.join(&join_token("alice", "r")).await));
    }
    let list = server
        .call("ListParticipants", admin("r"), json!({"room": "r"}))
        .await
        .json();
    let list = list["participants"].as_array().unwrap();
    assert_eq!(list.len(), 2);
    let body = json!({"room": "r", "identity": "alice"});
    let newest = server
        .call("GetParticipant", admin("r"), body.clone())
        .await
        .json();
    assert_eq!(newest, list[1]);
    assert_eq!(
        server
            .call("RemoveParticipant", admin("r"), body)
            .await
            .status,
        200
    );
    let list = server
        .call("ListParticipants", admin("r"), json!({"room": "r"}))
        .await
        .json();
    assert_eq!(list, json!({"participants": []}));
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
async fn a_join_by_our_own_api_looks_like_any_other() {
    let server = Server::start();
    let token = join_token("alice", "r");
    let mut join: Join = server.parsed(&token).1;
    join.active = false;
    assert!(accepted(&server.report("r", Command::Join(join)).await));
    let body = json!({"room": "r", "identity": "alice"});
    let alice = server.call("GetParticipant", admin("r"), body).await.json();
    assert_eq!(
        (&alice["state"], &alice["joined_at"]),
        (&json!("JOINING"), &json!(NOW_S.to_string()))
    );
}
