//! Every call of crate `dailyco` that is served, through its own types: what it gives, what it
//! leaves in the log, and its errors as its own closed list of kinds.

use std::time::{SystemTime, UNIX_EPOCH};

use dailyco::configuration::{DailyLang, RecordingType};
use dailyco::meeting_token::{
    AdminKinds, CanAdmin, CanSend, CreateMeetingToken, MeetingTokenPermissions, SendKinds,
};
use dailyco::recording::ListRecordings;
use dailyco::room::{CreateRoom, RoomPrivacy, UpdateRoom};
use dailyco::{Client, DailyCoErrorKind, Error, RoomPropertiesBuilder};
use roomledger_clients::{Room, SECRET, Value};

fn client(room: &Room, key: &str) -> Client {
    let base = format!("{}/daily/v1/", room.url);
    Client::with_endpoint(key, base.parse().expect("an address")).expect("a key")
}

fn now_s() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(now.expect("a clock after 1970").as_secs()).expect("a time")
}

/// The room's events as kind and call.
fn recorded(room: &Room) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let events = room.events(0);
    let events = events.iter();
    events
        .map(|event| {
            assert_eq!(event["via"]["dialect"], "daily");
            (text(&event["kind"]), text(&event["via"]["call"]))
        })
        .collect()
}

#[track_caller]
fn kind<T: std::fmt::Debug>(result: dailyco::Result<T>) -> DailyCoErrorKind {
    match result {
        Err(Error::APIError(info)) => {
            assert!(info.info.is_some_and(|info| !info.is_empty()));
            info.error.expect("a kind")
        }
        other => panic!("no error of the API: {other:?}"),
    }
}

#[tokio::test]
async fn a_room_from_its_making_to_its_end() {
    let room = Room::for_daily("daily");
    let client = client(&room, SECRET);
    let (nbf, exp) = (now_s() - 60, now_s() + 3_600);
    let properties = RoomPropertiesBuilder::new()
        .nbf(nbf)
        .exp(exp)
        .max_participants(12)
        .eject_at_room_exp(true)
        .eject_after_elapsed(1_800)
        .enable_recording(RecordingType::Cloud)
        .enable_hidden_participants(true)
        .owner_only_broadcast(true)
        .enable_mesh_sfu(true)
        .enable_screenshare(false)
        .lang(DailyLang::De)
        .sfu_switchover(1.)
        .start_video_off(true);
    let made = CreateRoom::new()
        .name(&room.name)
        .privacy(RoomPrivacy::Private)
        .properties(properties)
        .send(&client)
        .await
        .expect("a room");
    assert_eq!((&made.name, made.api_created), (&room.name, true));
    assert_eq!(made.url, format!("{}/{}", room.url, room.name));

    let got = client.get_room(&room.name).await.expect("the room");
    assert_eq!((&got.id, got.privacy), (&made.id, RoomPrivacy::Private));
    let config = got.config;
    assert_eq!((config.nbf, config.exp), (Some(nbf), Some(exp)));
    assert_eq!(config.max_participants, Some(12));
    assert_eq!(config.eject_after_elapsed, Some(1_800));
    assert!(config.eject_at_room_exp && config.enable_hidden_participants);
    assert!(config.owner_only_broadcast && !config.enable_screenshare);
    assert_eq!(config.enable_mesh_sfu, Some(true));
    assert_eq!(config.lang, DailyLang::De);
    assert_eq!(config.sfu_switchover, Some(1.));
    assert!(config.start_video_off && !config.start_audio_off);

    let changed = UpdateRoom::new()
        .privacy(RoomPrivacy::Public)
        .properties(
            RoomPropertiesBuilder::new()
                .owner_only_broadcast(false)
                .sfu_switchover(2.5),
        )
        .send(&room.name, &client)
        .await
        .expect("the room");
    assert_eq!(changed.privacy, RoomPrivacy::Public);
    assert_eq!(changed.config.sfu_switchover, Some(2.5));
    assert_eq!(changed.config.max_participants, Some(12));
    assert!(!changed.config.owner_only_broadcast);
    assert!(changed.config.enable_hidden_participants);

    let all = client.get_rooms().await.expect("a list");
    assert!(all.iter().any(|listed| listed.id == made.id));

    client.delete_room(&room.name).await.expect("its end");
    let gone = client.get_room(&room.name).await;
    assert_eq!(kind(gone), DailyCoErrorKind::NotFound);
    let kinds = [
        ("room_created", "POST /rooms"),
        ("room_config_changed", "POST /rooms/:name"),
        ("room_deleted", "DELETE /rooms/:name"),
    ];
    let kinds = kinds.map(|(kind, call)| (kind.to_owned(), call.to_owned()));
    assert_eq!(recorded(&room), kinds);
}

#[tokio::test]
async fn tokens_hold_what_was_asked_for() {
    let room = Room::for_daily("tokens");
    let client = client(&room, SECRET);
    let made = CreateRoom::new().name(&room.name).send(&client).await;
    made.expect("a room");
    let mut asked = Vec::new();
    let mut token = CreateMeetingToken::new();
    token
        .start_audio_off(true)
        .user_name("Bo")
        .eject_after_elapsed(50);
    asked.push(token);
    let mut token = CreateMeetingToken::new();
    token
        .user_id("bo")
        .is_owner(true)
        .enable_screenshare(false)
        .nbf(now_s() - 60)
        .exp(now_s() + 600)
        .eject_at_token_exp(true)
        .enable_recording(RecordingType::Cloud)
        .start_cloud_recording(true)
        .close_tab_on_exit(true)
        .lang(DailyLang::Es);
    asked.push(token);
    for (can_send, can_admin) in [
        (CanSend::Nothing, CanAdmin::All),
        (
            CanSend::Only(SendKinds {
                screen_video: true,
                custom_video: true,
                ..SendKinds::default()
            }),
            CanAdmin::Only(AdminKinds::default()),
        ),
        (
            CanSend::All,
            CanAdmin::Only(AdminKinds {
                streaming: true,
                ..AdminKinds::default()
            }),
        ),
    ] {
        let mut token = CreateMeetingToken::new();
        token.permissions(MeetingTokenPermissions {
            has_presence: Some(can_send != CanSend::Nothing),
            can_send: Some(can_send),
            can_admin: Some(can_admin),
        });
        asked.push(token);
    }
    for mut token in asked {
        token.room_name(&room.name);
        let signed = token.send(&client).await.expect("a token");
        let held = client.get_meeting_token(&signed).await;
        assert_eq!(held.expect("its content"), token.into());
    }
    let everywhere = CreateMeetingToken::new().send(&client).await;
    let held = client
        .get_meeting_token(&everywhere.expect("a token"))
        .await;
    assert_eq!(held.expect("its content"), CreateMeetingToken::new().into());
}

#[tokio::test]
async fn errors_are_of_the_closed_list() {
    let room = Room::for_daily("errors");
    let client = client(&room, SECRET);
    let name = &room.name;
    let missing = client.delete_room(name).await;
    assert_eq!(kind(missing), DailyCoErrorKind::NotFound);
    let missing = UpdateRoom::new().send(name, &client).await;
    assert_eq!(kind(missing), DailyCoErrorKind::NotFound);
    let nowhere = CreateMeetingToken::new()
        .room_name(name)
        .send(&client)
        .await;
    assert_eq!(kind(nowhere), DailyCoErrorKind::InvalidRequestError);
    let odd = client.get_meeting_token("x.y.z").await;
    assert_eq!(kind(odd), DailyCoErrorKind::InvalidRequestError);
    let odd = CreateRoom::new().name("town+hall").send(&client).await;
    assert_eq!(kind(odd), DailyCoErrorKind::InvalidRequestError);
    CreateRoom::new()
        .name(name)
        .send(&client)
        .await
        .expect("a room");
    let twice = CreateRoom::new().name(name).send(&client).await;
    assert_eq!(kind(twice), DailyCoErrorKind::InvalidRequestError);
    let stranger = self::client(&room, "no secret of this server");
    let stranger = stranger.get_rooms().await;
    assert_eq!(kind(stranger), DailyCoErrorKind::AuthenticationError);
    // Only a media server has recordings; its address comes with two slashes.
    let media = client.get_recording("x").await;
    assert_eq!(kind(media), DailyCoErrorKind::ServerError);
    let media = ListRecordings::new().send(&client).await;
    assert_eq!(kind(media), DailyCoErrorKind::ServerError);
}
