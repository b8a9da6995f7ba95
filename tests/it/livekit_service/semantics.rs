//! What the calls leave in the log, and where they differ from LiveKit on purpose.

use roomledger::domain::command::{Join, PermissionUpdate, UpdatePermissions};
use roomledger::domain::event::{ByWhom, Event, UpdateMode};
use roomledger::domain::{
    ActorKind, AdminRight, Allowed, Command, Identity, Kind, PermissionPatch, RoomName, Source,
    Target,
};
use serde_json::{Value, json};

use super::support::{NOW_S, Server, accepted, admin, create, join_token, kinds, room_with_alice};

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
    assert_eq!(provenance.actor.id.as_str(), "devkey");
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
    let inside = server
        .call("ListParticipants", admin("r"), json!({"room": "r"}))
        .await;
    assert_eq!(inside.json(), json!({"participants": []}));
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
    let check = async |call: &str, body: Value, want: &[Kind]| {
        let before = server.version("r");
        let mut whole = json!({"room": "r", "identity": "alice"});
        let given = body.as_object().unwrap().clone();
        whole.as_object_mut().unwrap().extend(given);
        let both = json!({"roomCreate": true, "roomAdmin": true, "room": "r"});
        let got = server.call(call, both, whole).await;
        assert_eq!(got.status, 200, "{call}: {}", got.json());
        let events = server.events("r", before).await;
        assert_eq!(kinds(&events), want, "{call}");
        for event in &events {
            assert_eq!(event.command.provenance.via.call, call);
        }
        let last = events.last().unwrap().position.to_string();
        assert_eq!(got.header("x-ledger-position"), Some(&*last), "{call}");
    };
    let update = "UpdateParticipant";
    check(
        "CreateRoom",
        json!({"name": "r", "max_participants": 9}),
        &[Kind::NoEffect],
    )
    .await;
    check(update, json!({}), &[Kind::NoEffect]).await;
    let profile = json!({"name": "A", "metadata": "m", "attributes": {"k": "v"}});
    check(update, profile.clone(), &[Kind::ProfileChanged]).await;
    check(update, profile, &[Kind::NoEffect]).await;
    let microphone = json!({"can_publish": true, "can_publish_sources": ["MICROPHONE"]});
    let narrowed = &[Kind::PermissionsChanged, Kind::TracksUnpublished];
    check(update, json!({"permission": microphone}), narrowed).await;
    let mute = json!({"track_sid": mic, "muted": true});
    check(
        "MutePublishedTrack",
        mute.clone(),
        &[Kind::TrackMuteChanged],
    )
    .await;
    check("MutePublishedTrack", mute, &[Kind::NoEffect]).await;
    let room = json!({"metadata": "hall"});
    check("UpdateRoomMetadata", room, &[Kind::RoomMetadataChanged]).await;
    let data = json!({"data": "aGk=", "destination_identities": ["alice", "bob"]});
    check("SendData", data, &[Kind::DataSent]).await;
    let less = json!({"track_sids": [mic], "subscribe": false});
    check("UpdateSubscriptions", less, &[Kind::SubscriptionsChanged]).await;
    let ended = [
        Kind::SessionEndRequested,
        Kind::TracksUnpublished,
        Kind::ConnectionsClosed,
        Kind::SessionEnded,
    ];
    check("DeleteRoom", json!({}), &ended).await;
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
