//! Any body, as any content, to any of VideoSDK's calls: every request has an answer that is one.
//! The body and its checks are those of the fuzz target `videosdk`.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use roomledger::dialect::videosdk::call::Call;
use roomledger::server::fuzz::videosdk;

use crate::any_request::{any_json, any_word, segment, with_query, written};

pub(crate) fn request() -> impl Strategy<Value = Vec<u8>> {
    let name = any_word(WORDS);
    let path = (
        select(Call::ALL),
        vec(name.clone(), 2),
        vec((name.clone(), name), 0..3),
    );
    let path = path.prop_map(|(call, names, query)| {
        let mut path = format!("/{}", call.path());
        for name in names {
            let plain = segment(&name);
            let filled = path.replacen(":id", &plain, 1);
            path = if filled == path {
                path.replacen(":participant", &plain, 1)
            } else {
                filled
            };
        }
        let method = call.methods().last().unwrap();
        (*method, with_query(path, &query))
    });
    let body = prop_oneof![
        3 => any_json(WORDS).prop_map(|value| value.to_string().into_bytes()),
        1 => vec((select(WORDS), select(WORDS)), 0..4).prop_map(|pairs| {
            let pairs = pairs.iter().map(|(name, value)| format!("{name}={value}"));
            pairs.collect::<Vec<_>>().join("&").into_bytes()
        }),
        1 => vec(any::<u8>(), 0..80),
    ];
    let asked = (path, select(KINDS), body);
    asked.prop_map(|((method, path), kind, body)| written(method, &path, kind, body))
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
