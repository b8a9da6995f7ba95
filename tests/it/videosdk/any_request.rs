//! Any body, as any content, to any of VideoSDK's calls: every request has an answer that is one.
//! The body and its checks are those of the fuzz target `videosdk`.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use roomledger::dialect::videosdk::call::Call;
use roomledger::server::fuzz::videosdk;
use serde_json::Value;

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        select(WORDS).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        let member = (select(WORDS).prop_map(str::to_owned), inner.clone());
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            vec(member, 0..6).prop_map(|members| members.into_iter().collect()),
        ]
    })
}

fn request() -> impl Strategy<Value = Vec<u8>> {
    let name = prop_oneof![4 => select(WORDS).prop_map(str::to_owned), 1 => "[!-~]{0,12}"];
    let path = (
        select(Call::ALL),
        vec(name.clone(), 2),
        vec((name.clone(), name), 0..3),
    );
    let path = path.prop_map(|(call, names, query)| {
        let mut path = format!("/{}", call.path());
        for name in names {
            let plain = name.replace(['/', '?', '#', ' '], "_");
            let filled = path.replacen(":id", &plain, 1);
            path = if filled == path {
                path.replacen(":participant", &plain, 1)
            } else {
                filled
            };
        }
        let pairs = query.iter().map(|(name, value)| format!("{name}={value}"));
        let query = pairs.collect::<Vec<_>>().join("&").replace([' ', '#'], "+");
        let method = call.methods().last().unwrap();
        (*method, format!("{path}?{query}"))
    });
    let body = prop_oneof![
        3 => json_value().prop_map(|value| value.to_string().into_bytes()),
        1 => vec((select(WORDS), select(WORDS)), 0..4).prop_map(|pairs| {
            let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join("&").into_bytes()
        }),
        1 => vec(any::<u8>(), 0..80),
    ];
    (path, select(KINDS), body).prop_map(|((method, path), kind, body)| {
        let mut bytes = format!("{method} {path}\nContent-Type: {kind}\n\n").into_bytes();
        bytes.extend(body);
        bytes
    })
}

proptest! {
    #![proptest_config(Config {
        cases: Config::default().cases / 4,
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn every_request_has_an_answer(conversation in vec(request(), 1..8)) {
        videosdk(&conversation.join(&b"\n%%\n"[..]));
    }
}

const KINDS: &[&str] = &[
    "application/json",
    "application/x-www-form-urlencoded",
    "text/plain",
    "",
];

/// Names and values that something reads.
const WORDS: &[&str] = &[
    "<session>",
    "<room>",
    "town",
    "alice",
    "bob",
    "roomId",
    "customRoomId",
    "userMeetingId",
    "sessionId",
    "participantId",
    "ignoreClosed",
    "status",
    "enabled",
    "disabled",
    "ongoing",
    "ended",
    "query",
    "userId",
    "startDate",
    "endDate",
    "page",
    "perPage",
    "webhook",
    "endPoint",
    "events",
    "autoCloseConfig",
    "type",
    "session-ends",
    "duration",
    "allowedParticipantIds",
    "geoFence",
    "1",
    "0",
    "-1",
    "18446744073709551615",
    "true",
    "%00",
    "%ff",
    "..",
    "\u{202e}",
    "",
];
