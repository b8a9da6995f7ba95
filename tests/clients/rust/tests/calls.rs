//! Every method of the SDK's `RoomClient`: what it leaves in the log, and its errors as the SDK's
//! own type, which has code and message and no status. The methods are read from the SDK's source,
//! so that an upgrade which brings a new one fails here until it has a line.

use std::collections::BTreeSet;
use std::pin::Pin;

use livekit_api::access_token::AccessToken;
use livekit_api::services::room::{
    CreateRoomOptions, RemoveParticipantOptions, RoomClient, SendDataOptions,
    UpdateParticipantOptions,
};
use livekit_api::services::{ServerError, ServerErrorCode, ServiceError, ServiceResult};
use roomledger_clients::{KEY, Room, SECRET, Value, only, signed, source_of, unset};

/// What the calls are about.
struct Stage {
    /// A room with alice in it, or one where nothing ever happened.
    room: Room,
    identity: &'static str,
    track: String,
    /// Names of rooms that are not there yet.
    fresh: String,
    other: String,
}

impl Stage {
    fn nowhere(method: &str) -> Self {
        let room = Room::new(&format!("{method}-never"));
        let (fresh, other) = (
            format!("{}-fresh", room.name),
            format!("{}-other", room.name),
        );
        Self {
            room,
            identity: "nobody",
            track: "TR_nosuchtrack".to_owned(),
            fresh,
            other,
        }
    }

    fn with_alice(method: &str) -> Self {
        let mut stage = Self::nowhere(method);
        stage.room = Room::new(method);
        stage.identity = "alice";
        let joined = stage.room.join(stage.identity, unset());
        stage.track = stage.room.publish(&joined, "microphone", false);
        stage
    }
}

/// What becomes of a call.
#[derive(Clone, Copy)]
enum Outcome {
    /// It only reads.
    Answered,
    /// It records this kind.
    Recorded(&'static str),
    /// An error with this code and these words.
    Failed(&'static str, &'static str),
}
use Outcome::{Answered, Failed, Recorded};

const MISSING: Outcome = Failed(ServerErrorCode::NOT_FOUND, "does not exist");
const NEEDS_MEDIA: Outcome = Failed(ServerErrorCode::UNIMPLEMENTED, "needs a media server");
const TOO_LONG: Outcome = Failed(
    ServerErrorCode::INVALID_ARGUMENT,
    "room name length exceeds limits",
);
const DENIED: Outcome = Failed(ServerErrorCode::UNAUTHENTICATED, "permissions denied");

/// For each method: what becomes of it, and what where there is no such room.
const METHODS: &[(&str, Outcome, Outcome)] = &[
    ("create_room", Recorded("room_created"), Answered),
    (
        "create_room_with_playout_delay",
        Recorded("room_created"),
        Answered,
    ),
    ("list_rooms", Answered, Answered),
    ("delete_room", Recorded("session_ended"), MISSING),
    (
        "update_room_metadata",
        Recorded("room_metadata_changed"),
        MISSING,
    ),
    ("list_participants", Answered, Answered),
    ("get_participant", Answered, MISSING),
    ("remove_participant", Recorded("removal_requested"), MISSING),
    (
        "remove_participant_with_options",
        Recorded("tokens_revoked"),
        MISSING,
    ),
    ("forward_participant", NEEDS_MEDIA, MISSING),
    ("move_participant", Recorded("move_requested"), MISSING),
    (
        "mute_published_track",
        Recorded("track_mute_changed"),
        MISSING,
    ),
    ("update_participant", Recorded("profile_changed"), MISSING),
    (
        "update_subscriptions",
        Recorded("subscriptions_changed"),
        MISSING,
    ),
    ("send_data", Recorded("data_sent"), MISSING),
];

type Running<'a> = Pin<Box<dyn Future<Output = ServiceResult<()>> + 'a>>;

/// Calls the method by its name.
fn run<'a>(client: &'a RoomClient, method: &str, at: &'a Stage) -> Running<'a> {
    let (room, who, track) = (&*at.room.name, at.identity, &*at.track);
    let (fresh, other) = (&*at.fresh, &*at.other);
    /// The call's answer, which the other suite looks at, dropped.
    macro_rules! call {
        ($($call:tt)*) => { Box::pin(async move { client.$($call)*.await.map(drop) }) };
    }
    match method {
        "create_room" => call!(create_room(fresh, CreateRoomOptions::default())),
        "create_room_with_playout_delay" => {
            call!(create_room_with_playout_delay(
                fresh,
                CreateRoomOptions::default(),
                100,
                200
            ))
        }
        "list_rooms" => call!(list_rooms(vec![room.to_owned()])),
        "delete_room" => call!(delete_room(room)),
        "update_room_metadata" => call!(update_room_metadata(room, "hall")),
        "list_participants" => call!(list_participants(room)),
        "get_participant" => call!(get_participant(room, who)),
        "remove_participant" => call!(remove_participant(room, who)),
        "remove_participant_with_options" => {
            let revoke_token_ts = 1_700_000_000_000;
            let options = RemoveParticipantOptions { revoke_token_ts };
            call!(remove_participant_with_options(room, who, options))
        }
        "forward_participant" => call!(forward_participant(room, who, other)),
        "move_participant" => call!(move_participant(room, who, other)),
        "mute_published_track" => call!(mute_published_track(room, who, track, true)),
        "update_participant" => {
            let options = UpdateParticipantOptions {
                attributes: [("hand".to_owned(), "raised".to_owned())].into(),
                ..Default::default()
            };
            call!(update_participant(room, who, options))
        }
        "update_subscriptions" => {
            call!(update_subscriptions(
                room,
                who,
                vec![track.to_owned()],
                false
            ))
        }
        "send_data" => {
            let options = SendDataOptions {
                destination_identities: vec![who.to_owned()],
                topic: Some("chat".to_owned()),
                ..Default::default()
            };
            call!(send_data(room, b"hi".to_vec(), options))
        }
        unknown => panic!("{unknown} is not called"),
    }
}

#[test]
fn every_method_of_the_sdk_has_its_line() {
    let source = std::fs::read_to_string(source_of("livekit-api").join("services/room.rs"))
        .expect("the SDK's source");
    let after = source.split("pub async fn ").skip(1);
    let in_sdk: BTreeSet<&str> = after.filter_map(|rest| rest.split('(').next()).collect();
    assert!(in_sdk.contains("list_rooms"), "{in_sdk:?}");
    assert_eq!(
        METHODS.iter().map(|it| it.0).collect::<BTreeSet<_>>(),
        in_sdk
    );
}

#[tokio::test]
async fn every_method_is_answered_and_recorded() {
    for (method, outcome, _) in METHODS {
        let at = Stage::with_alice(method);
        let room = if method.starts_with("create_room") {
            &at.fresh
        } else {
            &at.room.name
        };
        let room = Room {
            url: at.room.url.clone(),
            name: room.clone(),
        };
        let before = room.head();
        let answer = run(&client(&at), method, &at).await;
        check(method, answer, *outcome);
        let events = room.events(before);
        match outcome {
            Recorded(kind) => drop(only(&events, kind, &wire(method))),
            Answered | Failed(..) => assert_eq!(events, [] as [Value; 0], "{method}"),
        }
    }
}

#[tokio::test]
async fn errors_of_every_method_are_typed() {
    for (method, _, unknown) in METHODS {
        let mut at = Stage::nowhere(method);
        check(method, run(&client(&at), method, &at).await, *unknown);
        at.room.name = "x".repeat(257);
        at.fresh.clone_from(&at.room.name);
        let answer = run(&client(&at), method, &at).await;
        // A filter that cannot be a name finds nothing.
        let too_long = if *method == "list_rooms" {
            Answered
        } else {
            TOO_LONG
        };
        check(method, answer, too_long);
    }
}

#[tokio::test]
async fn every_method_needs_its_grant() {
    for (method, ..) in METHODS {
        let at = Stage::nowhere(method);
        let token = signed(AccessToken::with_api_key(KEY, SECRET), unset());
        let stranger = RoomClient::with_token(&at.room.url, &token);
        check(method, run(&stranger, method, &at).await, DENIED);
    }
}

fn client(at: &Stage) -> RoomClient {
    RoomClient::with_api_key(&at.room.url, KEY, SECRET)
}

fn check(method: &str, answer: ServiceResult<()>, expected: Outcome) {
    match (answer, expected) {
        (Ok(()), Answered | Recorded(_)) => {}
        (Err(ServiceError::Twirp(ServerError::Twirp(error))), Failed(code, words)) => {
            assert_eq!(error.code, code, "{method}: {error}");
            assert!(error.msg.contains(words), "{method}: {error}");
        }
        (answer, _) => panic!("{method}: {answer:?}"),
    }
}

/// The call's name on the wire.
fn wire(method: &str) -> String {
    let call = method.split("_with_").next().unwrap_or_default();
    let words = call
        .split('_')
        .map(|word| word[..1].to_uppercase() + &word[1..]);
    words.collect()
}
