//! Any bytes, as any content, by any method, to all of Daily's routes: every request has an answer
//! that is one. The body and its checks are those of the fuzz target `daily`.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use roomledger::dialect::daily::call::Call;
use roomledger::server::fuzz::daily;
use serde_json::{Map, Value};

use crate::any_request::{any_json, any_word, segment, with_query, written};

/// An object of a call's own members, so that what is behind the reading is reached.
fn body() -> impl Strategy<Value = Value> {
    vec((select(MEMBERS), any_json(WORDS)), 1..4).prop_map(|members| {
        let members = members.into_iter();
        let members: Map<String, Value> = members
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Value::Object(members)
    })
}

fn path() -> impl Strategy<Value = String> {
    let word = any_word(WORDS);
    let names = prop_oneof![2 => Just("town".to_owned()), 1 => word.clone()];
    let query = vec((select(PARAMETERS), word), 0..3);
    (select(Call::ALL), names, query).prop_map(|(call, name, query)| {
        let name = segment(&name);
        let segments = call.path().split('/');
        let segments: Vec<&str> = segments
            .map(|it| if it.starts_with(':') { &*name } else { it })
            .collect();
        with_query(segments.join("/"), &query)
    })
}

pub(crate) fn request() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        3 => body().prop_map(|value| value.to_string().into_bytes()),
        2 => any_json(WORDS).prop_map(|value| value.to_string().into_bytes()),
        2 => vec(any::<u8>(), 0..80),
    ];
    let head = (select(METHODS), path(), select(KINDS));
    (head, body).prop_map(|((method, path, kind), body)| written(method, &path, kind, body))
}

proptest! {
    #![proptest_config(ProptestConfig {
        // Each is a server of its own with several requests.
        cases: ProptestConfig::default().cases / 2,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_request_has_an_answer(conversation in vec(request(), 1..10)) {
        daily(&conversation.join(&b"\n%%\n"[..]));
    }
}

const METHODS: &[&str] = &["POST", "POST", "GET", "GET", "DELETE", "PUT", "HEAD", "X"];
const KINDS: &[&str] = &[
    "application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data",
    "text/plain",
    "",
];
const MEMBERS: &[&str] = &[
    "data",
    "ids",
    "user_ids",
    "ban",
    "recipient",
    "mergeStrategy",
    "keysToDelete",
    "name",
    "privacy",
    "properties",
    "rooms",
];
const PARAMETERS: &[&str] = &[
    "limit",
    "starting_after",
    "ending_before",
    "joined_after",
    "joined_before",
    "room",
    "userId",
    "userName",
    "timeframe_start",
    "timeframe_end",
    "ongoing",
    "no_participants",
    "source",
    "url",
];
/// Names and values that something reads.
const WORDS: &[&str] = &[
    "town",
    "alice",
    "bob",
    "c1",
    "c2",
    "*",
    "true",
    "1",
    "0",
    "-1",
    "18446744073709551616",
    "OLDEST",
    "api",
    "webhook",
    "replace",
    "shallow-merge",
    "hasPresence",
    "canSend",
    "canReceive",
    "canAdmin",
    "base",
    "byUserId",
    "byParticipantId",
    "video",
    "audio",
    "screenVideo",
    "screenAudio",
    "customVideo",
    "customAudio",
    "participants",
    "streaming",
    "permissions",
    "room_name",
    "is_owner",
    "exp",
    "nbf",
    "max_participants",
    "enforce_unique_user_ids",
    "/v1/rooms",
    "%00",
    "%ff",
    "..",
    "\u{202e}",
    "",
];
