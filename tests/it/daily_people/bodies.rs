//! Any bytes, as any content, by any method, to all of Daily's routes: every request has an answer
//! that is one. The body and its checks are those of the fuzz target `daily`.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use roomledger::dialect::daily::call::Call;
use roomledger::server::fuzz::daily;
use serde_json::{Map, Value};

/// JSON of no meaning, of names and values that have one somewhere.
fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        1 => Just(Value::Null),
        2 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        4 => select(WORDS).prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 32, 5, |inner| {
        let word = prop_oneof![4 => select(WORDS).prop_map(str::to_owned), 1 => any::<String>()];
        prop_oneof![
            1 => vec(inner.clone(), 0..4).prop_map(Value::from),
            3 => vec((word, inner), 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

/// An object of a call's own members, so that what is behind the reading is reached.
fn body() -> impl Strategy<Value = Value> {
    vec((select(MEMBERS), json_value()), 1..4).prop_map(|members| {
        let members = members.into_iter();
        let members: Map<String, Value> = members
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
        Value::Object(members)
    })
}

fn path() -> impl Strategy<Value = String> {
    let word = prop_oneof![4 => select(WORDS).prop_map(str::to_owned), 1 => "[!-~]{0,12}"];
    let names = prop_oneof![2 => Just("town".to_owned()), 1 => word.clone()];
    let query = vec((select(PARAMETERS), word), 0..3);
    (select(Call::ALL), names, query).prop_map(|(call, name, query)| {
        let name = name.replace(['/', '?', '#', ' '], "_");
        let segments = call.path().split('/');
        let segments: Vec<&str> = segments
            .map(|it| if it.starts_with(':') { &*name } else { it })
            .collect();
        let mut path = segments.join("/");
        for (index, (name, value)) in query.iter().enumerate() {
            path.push(if index == 0 { '?' } else { '&' });
            path.push_str(&format!("{name}={value}").replace([' ', '#'], "+"));
        }
        path
    })
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let body = prop_oneof![
        3 => body().prop_map(|value| value.to_string().into_bytes()),
        2 => json_value().prop_map(|value| value.to_string().into_bytes()),
        2 => vec(any::<u8>(), 0..80),
    ];
    let head = (select(METHODS), path(), select(KINDS));
    (head, body).prop_map(|((method, path, kind), body)| {
        let mut bytes = format!("{method} {path}\nContent-Type: {kind}\n\n").into_bytes();
        bytes.extend(body);
        bytes
    })
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
