//! Every method that crate `videosdk-server-sdk` has for rooms, sessions and participants: what it
//! answers, what it leaves in the log, and its errors as the SDK's own type. The methods are read
//! from the SDK's source, so that an upgrade which brings a new one fails here until it has a line.

use std::collections::BTreeSet;
use std::pin::Pin;

use roomledger_clients::{KEY, Room, SECRET, Value, json, source_of, unset};
use videosdk::{
    AutoCloseConfigInput, Client, Error, Grant, ListParams, Participant, RoomCreateParams,
    RoomListParams, RoomWebhookInput, SessionEndParams, SessionListParams,
    SessionRemoveParticipantParams, SessionStatus,
};

/// What the calls are about.
struct Stage {
    room: Room,
    room_id: String,
    session_id: String,
    /// The name of a room that is not there yet.
    fresh: String,
}

impl Stage {
    fn nowhere() -> Self {
        Self {
            room: Room::new("videosdk-never"),
            room_id: "aaaa-aaaa-aaaa".to_owned(),
            session_id: "61adc697a239e84d0aaa7e15".to_owned(),
            fresh: Room::new("videosdk-fresh").name,
        }
    }

    /// A room with alice and bob in it.
    async fn with_people(method: &str) -> Self {
        let room = Room::new(&method.replace('.', "-"));
        room.join("alice", unset());
        room.join("bob", unset());
        let client = application(&room);
        let found = client.rooms().get(&room.name).await.expect("the room");
        let wanted = SessionListParams {
            room_id: Some(found.room_id.clone()),
            ..SessionListParams::default()
        };
        let sessions = client.sessions().list(wanted).await.expect("sessions");
        Self {
            room_id: found.room_id,
            session_id: sessions.data[0].id.clone(),
            fresh: format!("{}-fresh", room.name),
            room,
        }
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug)]
enum Outcome {
    /// It only reads.
    Answered,
    /// It records this kind under this call.
    Recorded(&'static str, &'static str),
    /// An error with this status; 0 where the SDK finds out by itself.
    Failed(u16),
}
use Outcome::{Answered, Failed, Recorded};

const REMOVED: Outcome = Recorded("removal_requested", "v2/remove-participant");

/// For each method: what becomes of it, and what where there is no such room.
const METHODS: &[(&str, Outcome, Outcome)] = &[
    (
        "rooms.create",
        Recorded("room_created", "v2/create-room"),
        Answered,
    ),
    ("rooms.list", Answered, Answered),
    ("rooms.get", Answered, Failed(404)),
    ("rooms.validate", Answered, Answered),
    (
        "rooms.end",
        Recorded("room_config_changed", "v2/deactivate-room"),
        Failed(402),
    ),
    ("sessions.list", Answered, Answered),
    ("sessions.get", Answered, Failed(404)),
    ("sessions.list_participants", Answered, Failed(404)),
    ("sessions.list_active_participants", Answered, Failed(404)),
    ("sessions.get_participant", Answered, Failed(404)),
    (
        "sessions.end",
        Recorded("session_ended", "v2/end-session"),
        Failed(404),
    ),
    ("sessions.remove_participant", REMOVED, Failed(404)),
    ("sessions.get_stats", Failed(501), Failed(404)),
    ("sessions.get_participant_stats", Failed(501), Failed(404)),
    ("participants.list", Answered, Answered),
    ("participants.get", Answered, Failed(0)),
    ("participants.remove", REMOVED, Failed(404)),
];

type Running<'a> = Pin<Box<dyn Future<Output = videosdk::Result<Value>> + 'a>>;

/// Calls the method by its name; gives what tells its answers apart.
fn run<'a>(client: &'a Client, method: &str, at: &'a Stage) -> Running<'a> {
    let (room, session) = (&*at.room_id, &*at.session_id);
    let (rooms, sessions) = (client.rooms(), client.sessions());
    let participants = client.participants();
    let all = ListParams::default;
    let end = |one: &Participant| json!(one.timelog[0].end);
    let people = |page: videosdk::Page<Participant>| {
        let ids = page.data.iter().map(|one| one.participant_id.clone());
        json!(ids.collect::<Vec<_>>())
    };
    match method {
        "rooms.create" => Box::pin(async move {
            let made = rooms.create(create(&at.fresh)).await?;
            Ok(json!(made.custom_room_id == Some(at.fresh.clone())))
        }),
        "rooms.list" => Box::pin(async move {
            let query = Some(at.room.name.clone());
            let found = rooms.list(RoomListParams {
                query,
                ..RoomListParams::default()
            });
            Ok(json!(found.await?.total()))
        }),
        "rooms.get" => Box::pin(async move { Ok(json!(rooms.get(room).await?.disabled)) }),
        "rooms.validate" => {
            Box::pin(async move { Ok(json!(rooms.validate(&at.room.name).await?.valid)) })
        }
        "rooms.end" => Box::pin(async move { Ok(json!(rooms.end(room).await?.disabled)) }),
        "sessions.list" => Box::pin(async move {
            let found = sessions.list(SessionListParams {
                room_id: Some(at.room_id.clone()),
                status: Some(SessionStatus::ONGOING),
                ..SessionListParams::default()
            });
            Ok(json!(found.await?.total()))
        }),
        "sessions.get" => Box::pin(async move { Ok(json!(sessions.get(session).await?.end)) }),
        "sessions.list_participants" => {
            Box::pin(async move { Ok(people(sessions.list_participants(session, all()).await?)) })
        }
        "sessions.list_active_participants" => Box::pin(async move {
            let found = sessions.list_active_participants(session, all());
            Ok(people(found.await?))
        }),
        "sessions.get_participant" => {
            Box::pin(async move { Ok(end(&sessions.get_participant(session, "bob").await?)) })
        }
        "sessions.end" => Box::pin(async move {
            let ended = sessions.end(SessionEndParams {
                room_id: Some(at.room_id.clone()),
                ..SessionEndParams::default()
            });
            // The moment of the request: nobody has left yet.
            Ok(json!(ended.await?.end))
        }),
        "sessions.remove_participant" => Box::pin(async move {
            let removed = sessions.remove_participant(SessionRemoveParticipantParams {
                participant_id: "bob".to_owned(),
                session_id: Some(at.session_id.clone()),
                ..SessionRemoveParticipantParams::default()
            });
            Ok(json!(removed.await?.contains(&at.room_id)))
        }),
        "sessions.get_stats" => Box::pin(async move { sessions.get_stats(session).await }),
        "sessions.get_participant_stats" => {
            Box::pin(async move { sessions.get_participant_stats(session, "bob").await })
        }
        "participants.list" => {
            Box::pin(async move { Ok(people(participants.list(room, all()).await?)) })
        }
        "participants.get" => {
            Box::pin(async move { Ok(end(&participants.get(room, "bob").await?)) })
        }
        "participants.remove" => Box::pin(async move {
            let removed = participants.remove(room, "bob").await?;
            Ok(json!(removed.contains(&at.room_id)))
        }),
        unknown => panic!("{unknown} is not called"),
    }
}

fn create(name: &str) -> RoomCreateParams {
    RoomCreateParams {
        custom_room_id: Some(name.to_owned()),
        webhook: Some(RoomWebhookInput {
            url: "https://app.example/hook".to_owned(),
            events: vec!["session-started".to_owned()],
        }),
        auto_close_config: Some(AutoCloseConfigInput {
            after_inactive_seconds: Some(60),
            kind: None,
        }),
        ..RoomCreateParams::default()
    }
}

/// What each answer comes to, where there is somebody.
fn expected(method: &str) -> Value {
    match method {
        "rooms.list" | "sessions.list" => json!(1),
        "rooms.get" => json!(false),
        "sessions.list_participants"
        | "sessions.list_active_participants"
        | "participants.list" => json!(["alice", "bob"]),
        "sessions.get" | "sessions.get_participant" | "sessions.end" | "participants.get" => {
            Value::Null
        }
        _ => json!(true),
    }
}

#[test]
fn every_method_of_the_sdk_has_its_line() {
    let source = source_of("videosdk-server-sdk");
    let mut in_sdk = BTreeSet::new();
    for resource in ["rooms", "sessions", "participants"] {
        let path = source.join(format!("resources/{resource}.rs"));
        let text = std::fs::read_to_string(path).expect("the SDK's source");
        let after = text.split("    pub async fn ").skip(1);
        let names = after.filter_map(|rest| rest.split('(').next());
        in_sdk.extend(names.map(|name| format!("{resource}.{name}")));
    }
    let called: BTreeSet<String> = METHODS.iter().map(|it| it.0.to_owned()).collect();
    assert_eq!(called, in_sdk);
}

#[tokio::test]
async fn every_method_is_answered_and_recorded() {
    for (method, outcome, _) in METHODS {
        let at = Stage::with_people(method).await;
        let room = match *method {
            "rooms.create" => &at.fresh,
            _ => &at.room.name,
        };
        let room = Room {
            url: at.room.url.clone(),
            name: room.clone(),
        };
        let before = room.head();
        let answer = run(&application(&room), method, &at).await;
        check(method, &answer, *outcome);
        if let Ok(answer) = answer {
            assert_eq!(answer, expected(method), "{method}");
        }
        let events = room.events(before);
        match outcome {
            Recorded(kind, call) => {
                let mut found = events.iter().filter(|event| event["kind"] == *kind);
                let event = found
                    .next()
                    .unwrap_or_else(|| panic!("{method}: {events:?}"));
                assert_eq!(event["via"], json!({ "dialect": "videosdk", "call": call }));
                assert_eq!(event["actor"]["id"], KEY);
            }
            Answered | Failed(_) => assert_eq!(events, [] as [Value; 0], "{method}"),
        }
    }
}

#[tokio::test]
async fn errors_of_every_method_are_typed() {
    for (method, _, unknown) in METHODS {
        let at = Stage::nowhere();
        check(
            method,
            &run(&application(&at.room), method, &at).await,
            *unknown,
        );
    }
}

#[tokio::test]
async fn no_method_is_for_a_participant() {
    for (method, ..) in METHODS {
        let at = Stage::with_people(method).await;
        let token = application(&at.room).access_token().expect("a key");
        let token = token.grant(Grant::AllowJoin).to_jwt().expect("a token");
        let guest = Client::builder().token(token);
        let guest = guest.base_url(base(&at.room)).max_retries(0);
        let answer = run(&guest.build().expect("a client"), method, &at).await;
        let error = answer.expect_err(method);
        assert_eq!(
            (error.status(), error.code()),
            (Some(403), Some("4024")),
            "{method}"
        );
    }
}

fn check(method: &str, answer: &videosdk::Result<Value>, outcome: Outcome) {
    match (outcome, answer) {
        (Answered | Recorded(..), Ok(_)) => {}
        (Failed(0), Err(Error::NotFound(_))) => {}
        (Failed(status), Err(error)) => {
            assert_eq!(error.status(), Some(status), "{method}: {error}");
            let is_missing = matches!(status, 402 | 404);
            assert_eq!(error.is_not_found(), is_missing, "{method}: {error}");
            assert!(error.code().is_some(), "{method}: {error}");
        }
        (outcome, answer) => panic!("{method}: {answer:?} is not {outcome:?}"),
    }
}

fn application(room: &Room) -> Client {
    let client = Client::builder().api_key(KEY).secret(SECRET);
    let client = client.base_url(base(room)).max_retries(0);
    client.build().expect("a client")
}

fn base(room: &Room) -> String {
    format!("{}/videosdk", room.url)
}
