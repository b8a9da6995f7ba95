//! Any bytes, as any content, by any method, to any path: every request has an answer that is one.
//! The body and its checks are those of the fuzz target `router`.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use roomledger::server::fuzz::requests;
use serde_json::{Value, json};

use crate::any_request::{any_json, any_word, segment, with_query, written};

fn path() -> impl Strategy<Value = String> {
    let word = any_word(WORDS);
    let own = (
        select(ROUTES),
        vec(word.clone(), 3),
        vec((word.clone(), word), 0..3),
    );
    own.prop_map(|(route, names, query)| {
        let path = names.iter().fold(route.to_owned(), |path, name| {
            path.replacen("{}", &segment(name), 1)
        });
        with_query(path, &query)
    })
}

pub(crate) fn request() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        3 => any_json(WORDS).prop_map(|value| value.to_string().into_bytes()),
        2 => (select(COMMANDS), any_json(WORDS)).prop_map(|(command, value)| {
            let mut body = json!({"command": command, "room": "town", "identity": "alice"});
            if let (Value::Object(body), Value::Object(more)) = (&mut body, value) {
                body.extend(more);
            }
            body.to_string().into_bytes()
        }),
        2 => vec(any::<u8>(), 0..80),
    ];
    let head = (select(METHODS), path(), select(KINDS));
    (head, body).prop_map(|((method, path, kind), body)| written(method, &path, kind, body))
}

proptest! {
    #![proptest_config(Config {
        cases: Config::default().cases.max(128),
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn every_request_has_an_answer(conversation in vec(request(), 1..8)) {
        requests(&conversation.join(&b"\n%%\n"[..]));
    }
}

const METHODS: &[&str] = &[
    "POST", "GET", "PATCH", "DELETE", "PUT", "OPTIONS", "HEAD", "X",
];

const KINDS: &[&str] = &[
    "application/json",
    "application/protobuf",
    "application/json; charset=utf-8",
    "application/x-www-form-urlencoded",
    "text/plain",
    "",
];

const ROUTES: &[&str] = &[
    "/twirp/livekit.RoomService/CreateRoom",
    "/twirp/livekit.RoomService/ListRooms",
    "/twirp/livekit.RoomService/DeleteRoom",
    "/twirp/livekit.RoomService/ListParticipants",
    "/twirp/livekit.RoomService/GetParticipant",
    "/twirp/livekit.RoomService/RemoveParticipant",
    "/twirp/livekit.RoomService/MutePublishedTrack",
    "/twirp/livekit.RoomService/UpdateParticipant",
    "/twirp/livekit.RoomService/UpdateSubscriptions",
    "/twirp/livekit.RoomService/SendData",
    "/twirp/livekit.RoomService/UpdateRoomMetadata",
    "/twirp/livekit.RoomService/MoveParticipant",
    "/twirp/livekit.RoomService/{}",
    "/rtc/validate",
    "/api/v1/rooms/town/joins",
    "/api/v1/rooms/town/commands",
    "/api/v1/rooms/{}/joins",
    "/api/v1/rooms/{}/commands",
    "/api/v1/rooms/{}/activity",
    "/api/v1/rooms/{}/connections/{}",
    "/api/v1/rooms/{}/connections/{}/{}",
    "/api/v1/rooms/town/connections/{}/tracks",
    "/api/v1/rooms/{}/connections/{}/tracks/{}",
    "/api/v1/reporters/{}/sync",
    "/api/v1/batch",
    "/api/v1/rooms",
    "/api/v1/rooms/{}",
    "/api/v1/rooms/{}/participants/{}",
    "/api/v1/rooms/{}/sessions",
    "/api/v1/sessions/{}",
    "/api/v1/events",
    "/api/v1/events/{}",
    "/api/v1/stream",
    "/api/v1/{}",
    "/{}",
];

const COMMANDS: &[&str] = &[
    "create_room",
    "update_room",
    "delete_room",
    "end_session",
    "update_participant",
    "update_permissions",
    "mute_track",
    "remove",
    "ban",
    "revoke_tokens",
    "move",
    "update_subscriptions",
    "send_data",
    "set_session_data",
    "add_note",
];

/// Names and values that something reads.
const WORDS: &[&str] = &[
    "town",
    "alice",
    "identity",
    "identity:alice",
    "connection",
    "connection:c1",
    "c1",
    "*",
    "room",
    "command",
    "target",
    "targets",
    "permission",
    "metadata",
    "name",
    "attributes",
    "token",
    "<jwt>",
    "config",
    "max_participants",
    "items",
    "method",
    "path",
    "body",
    "kind",
    "source",
    "microphone",
    "type",
    "audio",
    "sid",
    "muted",
    "track",
    "tracks",
    "about",
    "text",
    "until",
    "before",
    "after",
    "at",
    "@-1",
    "1",
    "0",
    "18446744073709551615",
    "-1",
    "2027-01-15T08:00:00Z",
    "start+1s",
    "limit",
    "order",
    "desc",
    "cursor",
    "prefix",
    "live",
    "true",
    "as_of",
    "connections",
    "occurred_at",
    "expected_version",
    "as",
    "data",
    "aGk=",
    "names",
    "can_publish_sources",
    "to_room",
    "elsewhere",
    "%00",
    "%ff",
    "..",
    "\u{202e}",
    "",
];
