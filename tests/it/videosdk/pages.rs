//! Pages of any size cover a list exactly once, the newest first; sessions list what was.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::Config;
use roomledger::domain::Command;
use serde_json::Value;

use super::support::Server;

/// All members of a list, page by page, by one of their members.
fn walk(server: &Server, path: &str, size: usize, member: &str) -> Vec<String> {
    let mut found = Vec::new();
    for page in 1.. {
        let (status, body) = server.call("GET", &format!("{path}?page={page}&perPage={size}"), "");
        assert_eq!(status, 200, "{body}");
        let info = &body["pageInfo"];
        assert_eq!(
            (info["currentPage"].as_u64(), info["perPage"].as_u64()),
            (Some(page), Some(size as u64))
        );
        let data = match &body["data"] {
            Value::Array(data) => data.clone(),
            object => object["participants"].as_array().unwrap().clone(),
        };
        let full = info["lastPage"].as_u64() > Some(page);
        assert!(!full || data.len() == size, "page {page}: {body}");
        found.extend(
            data.iter()
                .map(|it| it[member].as_str().unwrap().to_owned()),
        );
        if !full {
            assert_eq!(info["total"].as_u64(), Some(found.len() as u64));
            return found;
        }
    }
    unreachable!("pages end");
}

proptest! {
    #![proptest_config(Config {
        cases: Config::default().cases / 8,
        failure_persistence: None,
        ..Config::default()
    })]

    #[test]
    fn pages_cover_each_list_once(
        steps in vec((select(vec!["a", "b", "c"]), select(vec!["x", "y", "z"]), 0..5_u8), 1..24),
        size in 1..4_usize,
    ) {
        let server = Server::new();
        let mut rooms = BTreeSet::new();
        for (room, who, step) in steps {
            match step {
                0 => {
                    server.execute(room, Command::EndSession);
                }
                1 => server.remove(room, who),
                _ => {
                    server.join(room, who);
                    rooms.insert(room.to_owned());
                }
            }
        }
        let listed = walk(&server, "/videosdk/v2/rooms", size, "customRoomId");
        let unique: BTreeSet<String> = listed.iter().cloned().collect();
        prop_assert_eq!((listed.len(), unique), (rooms.len(), rooms));
        let sessions = walk(&server, "/videosdk/v2/sessions/", size, "id");
        let all: BTreeSet<&String> = sessions.iter().collect();
        prop_assert_eq!(all.len(), sessions.len());
        prop_assert_eq!(&walk(&server, "/videosdk/v1/meeting-sessions", size, "id"), &sessions);
        for session in &sessions {
            let path = format!("/videosdk/v2/sessions/{session}");
            let (status, whole) = server.call("GET", &path, "");
            prop_assert_eq!(status, 200);
            let people = walk(&server, &format!("{path}/participants"), size, "participantId");
            let of_whole = whole["participants"].as_array().unwrap().iter();
            let of_whole: Vec<&str> =
                of_whole.map(|it| it["participantId"].as_str().unwrap()).collect();
            prop_assert_eq!(&people, &of_whole);
            prop_assert_eq!(people.iter().collect::<BTreeSet<_>>().len(), people.len());
            intervals_are_sane(&whole);
        }
    }
}

/// Intervals are in order and apart, at most the last is open, and all lie within the session.
fn intervals_are_sane(session: &Value) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let end = text(&session["end"]);
    for participant in session["participants"].as_array().unwrap() {
        let mut before = text(&session["start"]);
        let log = participant["timelog"].as_array().unwrap();
        assert!(!log.is_empty(), "{session}");
        for interval in log {
            assert!(before.is_some(), "one was open before: {session}");
            assert!(before <= text(&interval["start"]), "{session}");
            before = text(&interval["end"]);
            let is_inside = end.is_none() || (before.is_some() && before <= end);
            assert!(is_inside, "{session}");
        }
    }
}

#[test]
fn a_filter_that_would_widen_a_list_is_refused_by_name() {
    let server = Server::new();
    let check = |path: &str, filters: &[&str]| {
        let refused = |query: &str| {
            let (status, body) = server.call("GET", &format!("/videosdk/{path}?{query}"), "");
            assert_eq!(status, 400, "{path}?{query}: {body}");
            body.to_string()
        };
        for name in filters.iter().chain(&["page", "perPage"]) {
            let empty = refused(&format!("{name}="));
            assert!(
                empty.contains(name) && empty.contains("is empty"),
                "{empty}"
            );
            let twice = refused(&format!("{name}=1&{name}=2"));
            assert!(twice.contains(name) && twice.contains("twice"), "{twice}");
        }
        let unknown = refused("rommId=abc");
        assert!(
            unknown.contains("rommId") && unknown.contains("perPage"),
            "{unknown}"
        );
    };
    let rooms = ["query", "userId"];
    let sessions = [
        "roomId",
        "customRoomId",
        "meetingId",
        "query",
        "userId",
        "status",
        "startDate",
        "endDate",
    ];
    check("v1/meetings", &rooms);
    check("v2/rooms", &rooms);
    check("v1/meeting-sessions", &sessions);
    check("v2/sessions", &sessions);
}
