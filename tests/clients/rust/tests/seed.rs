//! The calls of LiveKit's page "Managing participants" by the crate `livekit-api`, in the page's
//! order, and what each write leaves in the log. The page has no Rust: these are its Go calls.

use livekit_api::services::room::{
    CreateRoomOptions, RemoveParticipantOptions, RoomClient, UpdateParticipantOptions,
};
use livekit_api::services::{ServerError, ServerErrorCode, ServiceError, ServiceResult};
use livekit_protocol::{ParticipantPermission, TrackSource};
use roomledger_clients::{KEY, Room, SECRET, Value, json, only, signed, unset};

const IDENTITY: &str = "alice";

fn client(room: &Room) -> RoomClient {
    RoomClient::with_api_key(&room.url, KEY, SECRET)
}

fn permission(can_publish: bool) -> UpdateParticipantOptions {
    UpdateParticipantOptions {
        permission: Some(ParticipantPermission {
            can_subscribe: true,
            can_publish,
            can_publish_data: true,
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// The code of the SDK's own typed error.
fn code<T: std::fmt::Debug>(answer: ServiceResult<T>) -> (String, String) {
    match answer {
        Err(ServiceError::Twirp(ServerError::Twirp(error))) => (error.code, error.msg),
        other => panic!("not a server error: {other:?}"),
    }
}

/// Exactly these tracks went, in the same commit, and the event points to its cause.
fn assert_unpublished(events: &[Value], cause: &Value, tracks: &[String]) {
    let call = cause["via"]["call"].as_str().expect("a call");
    let gone = only(events, "tracks_unpublished", call);
    assert_eq!(gone["causation"], cause["position"]);
    assert_eq!(gone["recorded_at"], cause["recorded_at"]);
    let text = gone["data"].to_string();
    assert_eq!(text.matches("TR_").count(), tracks.len(), "{text}");
    assert!(tracks.iter().all(|sid| text.contains(sid)), "{text}");
}

#[tokio::test]
async fn list_participants() {
    let room = Room::new("list");
    let joined = room.join(IDENTITY, unset());
    let listed = client(&room)
        .list_participants(&room.name)
        .await
        .expect("a list");
    let sids: Vec<_> = listed
        .iter()
        .map(|one| (&*one.identity, json!(one.sid)))
        .collect();
    assert_eq!(sids, [(IDENTITY, joined["sid"].clone())]);
}

#[tokio::test]
async fn get_participant() {
    let room = Room::new("get");
    let joined = room.join(IDENTITY, unset());
    let sid = room.publish(&joined, "microphone", false);
    let one = client(&room)
        .get_participant(&room.name, IDENTITY)
        .await
        .expect("alice");
    assert_eq!(json!(one.sid), joined["sid"]);
    let [track] = one.tracks.as_slice() else {
        panic!("not one track: {:?}", one.tracks)
    };
    assert_eq!(
        (&track.sid, track.source()),
        (&sid, TrackSource::Microphone)
    );
}

#[tokio::test]
async fn updating_permissions() {
    let room = Room::new("permissions");
    let joined = room.join(IDENTITY, with_publish(false));
    let client = client(&room);

    let before = room.head();
    let promoted = client
        .update_participant(&room.name, IDENTITY, permission(true))
        .await;
    assert!(
        promoted
            .expect("promoted")
            .permission
            .expect("a permission")
            .can_publish
    );
    let events = room.events(before);
    let promotion = only(&events, "permissions_changed", "UpdateParticipant");
    assert_eq!(send_enabled(promotion), (&json!(false), &json!(true)));

    let tracks = ["microphone", "camera"].map(|source| room.publish(&joined, source, false));
    let before = room.head();
    let demoted = client
        .update_participant(&room.name, IDENTITY, permission(false))
        .await;
    assert_eq!(demoted.expect("demoted").tracks, []);
    let events = room.events(before);
    let demotion = only(&events, "permissions_changed", "UpdateParticipant");
    assert_eq!(send_enabled(demotion), (&json!(true), &json!(false)));
    assert_unpublished(&events, demotion, &tracks);
}

#[tokio::test]
async fn updating_metadata() {
    let room = Room::new("metadata");
    room.join(IDENTITY, unset());
    let before = room.head();
    let metadata = json!({ "some": "values" }).to_string();
    let options = UpdateParticipantOptions {
        metadata: metadata.clone(),
        ..Default::default()
    };
    let answer = client(&room)
        .update_participant(&room.name, IDENTITY, options)
        .await;
    assert_eq!(answer.expect("updated").metadata, metadata);
    let events = room.events(before);
    let changed = only(&events, "profile_changed", "UpdateParticipant");
    assert!(
        changed["data"]
            .to_string()
            .contains(&json!(metadata).to_string()),
        "{changed}"
    );
    assert_eq!(room.participant(IDENTITY)["metadata"], metadata);
}

#[tokio::test]
async fn remove_participant() {
    let room = Room::new("remove");
    let joined = room.join(IDENTITY, unset());
    let track = room.publish(&joined, "camera", false);
    let before = room.head();
    client(&room)
        .remove_participant(&room.name, IDENTITY)
        .await
        .expect("removed");
    let events = room.events(before);
    let removal = only(&events, "removal_requested", "RemoveParticipant");
    assert_unpublished(&events, removal, &[track]);
    let closed = only(&events, "connections_closed", "RemoveParticipant");
    assert_eq!(closed["causation"], removal["position"]);
    let after = room.participant(IDENTITY);
    assert_eq!(after["live"], false);
    assert!(after["timelog"][0]["end"].is_string(), "{after}");
}

/// This SDK's documentation asks for milliseconds, the others' for seconds.
#[tokio::test]
async fn remove_and_revoke_in_milliseconds() {
    let room = Room::new("revoke");
    room.join(IDENTITY, unset());
    let before = room.head();
    let options = RemoveParticipantOptions {
        revoke_token_ts: 1_700_000_000_000,
    };
    let client = client(&room);
    let removed = client
        .remove_participant_with_options(&room.name, IDENTITY, options)
        .await;
    removed.expect("removed");
    let events = room.events(before);
    let revoked = only(&events, "tokens_revoked", "RemoveParticipant").to_string();
    assert!(revoked.contains("2023-11-14T22:13:20"), "{revoked}");
}

#[tokio::test]
async fn mute_and_refused_unmute() {
    let room = Room::new("mute");
    let joined = room.join(IDENTITY, unset());
    let sid = room.publish(&joined, "microphone", false);
    let client = client(&room);
    let before = room.head();
    let muted = client
        .mute_published_track(&room.name, IDENTITY, &sid, true)
        .await;
    assert!(muted.expect("muted").muted);
    only(
        &room.events(before),
        "track_mute_changed",
        "MutePublishedTrack",
    );

    let before = room.head();
    let refused = client
        .mute_published_track(&room.name, IDENTITY, &sid, false)
        .await;
    let (code, message) = code(refused);
    assert_eq!(code, ServerErrorCode::FAILED_PRECONDITION);
    assert!(message.contains("remote unmute not enabled"), "{message}");
    only(
        &room.events(before),
        "command_refused",
        "MutePublishedTrack",
    );
}

#[tokio::test]
async fn unmute_where_enabled() {
    let room = Room::with_unmute("unmute");
    let joined = room.join(IDENTITY, unset());
    let sid = room.publish(&joined, "microphone", true);
    let before = room.head();
    let track = client(&room)
        .mute_published_track(&room.name, IDENTITY, &sid, false)
        .await;
    assert!(!track.expect("unmuted").muted);
    only(
        &room.events(before),
        "track_mute_changed",
        "MutePublishedTrack",
    );
}

#[tokio::test]
async fn rooms() {
    let room = Room::new("rooms");
    let client = client(&room);
    let options = CreateRoomOptions {
        empty_timeout: 60,
        ..Default::default()
    };
    let made = client
        .create_room(&room.name, options)
        .await
        .expect("a room");
    assert_eq!((made.empty_timeout, made.departure_timeout), (60, 20));
    only(&room.events(0), "room_created", "CreateRoom");
    room.join(IDENTITY, unset());
    let listed = client
        .list_rooms(vec![room.name.clone()])
        .await
        .expect("rooms");
    assert_eq!(
        listed
            .iter()
            .map(|one| one.num_participants)
            .collect::<Vec<_>>(),
        [1]
    );
    assert!(
        client
            .list_rooms(vec![])
            .await
            .expect("rooms")
            .iter()
            .any(|one| one.sid == made.sid)
    );
    let before = room.head();
    client.delete_room(&room.name).await.expect("deleted");
    only(&room.events(before), "session_ended", "DeleteRoom");
}

#[tokio::test]
async fn errors_are_typed() {
    let room = Room::new("errors");
    room.join(IDENTITY, unset());
    let known = client(&room);
    let (missing, _) = code(known.get_participant(&room.name, "nobody").await);
    assert_eq!(missing, ServerErrorCode::NOT_FOUND);
    let (missing, _) = code(known.remove_participant(&room.name, "nobody").await);
    assert_eq!(missing, ServerErrorCode::NOT_FOUND);
    // Where LiveKit answers 200 with no track, this SDK panics; ours is an error that it can read.
    let muted = known
        .mute_published_track(&room.name, IDENTITY, "TR_nosuchtrack", true)
        .await;
    let (missing, message) = code(muted);
    assert_eq!(missing, ServerErrorCode::NOT_FOUND);
    assert!(message.contains("TR_nosuchtrack"), "{message}");

    let before = room.head();
    let unsigned = livekit_api::access_token::AccessToken::with_api_key(KEY, SECRET);
    let token = signed(unsigned, unset());
    let stranger = RoomClient::with_token(&room.url, &token);
    let (refused, _) = code(stranger.remove_participant(&room.name, IDENTITY).await);
    assert_eq!(refused, ServerErrorCode::UNAUTHENTICATED);
    only(&room.events(before), "command_refused", "RemoveParticipant");
}

/// Before and after of the first group of a permission change.
fn send_enabled(event: &Value) -> (&Value, &Value) {
    let group = &event["data"]["groups"][0];
    (
        &group["before"]["send"]["enabled"],
        &group["after"]["send"]["enabled"],
    )
}

fn with_publish(can_publish: bool) -> livekit_api::access_token::VideoGrants {
    livekit_api::access_token::VideoGrants {
        can_publish: Some(can_publish),
        ..unset()
    }
}
