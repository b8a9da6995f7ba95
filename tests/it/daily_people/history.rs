//! Meetings that were and calls that were made, as Daily lists them.

use std::collections::BTreeSet;
use std::time::Duration;

use roomledger::dialect::daily::causes::{HIDDEN, word};
use roomledger::domain::Command;
use roomledger::domain::event::CloseCause;
use serde_json::{Value, json};

use super::support::Server;

fn pass(server: &Server, seconds: u64) {
    server.engine.advance(Duration::from_secs(seconds)).unwrap();
}

/// The day that virtual time begins at.
const START: i64 = 1_800_000_000;

/// Two meetings in `r`, one that goes on in `s`, and a session in `t` that nobody came to.
fn three_meetings() -> (Server, Vec<String>) {
    let server = Server::new();
    let mut ids = Vec::new();
    for (rejoins, stays_s) in [(true, 40), (false, 30)] {
        let alice = server.join("r", "alice");
        pass(&server, 10);
        let bob = server.join("r", "bob");
        pass(&server, 10);
        server.leave("r", &alice);
        pass(&server, 5);
        if rejoins {
            let again = server.join("r", "alice");
            pass(&server, stays_s);
            server.leave("r", &again);
        }
        server.leave("r", &bob);
        ids.push(session_of(&server, "r"));
        pass(&server, 60);
    }
    server.join("s", "cy");
    ids.push(session_of(&server, "s"));
    pass(&server, 3);
    let create = roomledger::domain::command::CreateRoom {
        opens_session: true,
        ..Default::default()
    };
    server.execute("t", Command::CreateRoom(create));
    (server, ids)
}

fn session_of(server: &Server, room: &str) -> String {
    let room = server.room(room);
    room.session.as_ref().unwrap().id.uuid().to_string()
}

fn ids_of(body: &Value) -> Vec<&str> {
    let data = body["data"].as_array().unwrap();
    data.iter().map(|it| it["id"].as_str().unwrap()).collect()
}

#[test]
fn meetings_are_listed_newest_first_with_a_row_for_each_connection() {
    let (server, ids) = three_meetings();
    let [first, second, third] = [&*ids[0], &*ids[1], &*ids[2]];
    let all = server.get("/meetings").expect(200);
    assert_eq!(all["total_count"], 3);
    assert_eq!(ids_of(&all), [third, second, first]);
    let meeting = &all["data"][2];
    let rows = meeting["participants"].as_array().unwrap();
    let brief: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!([
                row["user_id"],
                row["join_time"],
                row["duration"],
                row["user_name"]
            ])
        })
        .collect();
    assert_eq!(
        Value::from(brief),
        json!([
            ["alice", START, 20, null],
            ["bob", START + 10, 55, null],
            ["alice", START + 25, 40, null],
        ])
    );
    let mut bare = meeting.clone();
    bare.as_object_mut().unwrap().remove("participants");
    let expected = json!({"id": first, "room": "r", "start_time": START, "duration": 65,
        "ongoing": false, "max_participants": 2});
    assert_eq!(bare, expected);
    assert_eq!(
        server.get(&format!("/meetings/{first}")).expect(200),
        expected
    );
    let ongoing = &all["data"][0];
    assert_eq!(
        (&ongoing["ongoing"], &ongoing["duration"]),
        (&json!(true), &json!(3))
    );
}

#[test]
fn meetings_are_found_by_room_time_and_place_in_the_list() {
    let (server, ids) = three_meetings();
    let [first, second, third] = [&*ids[0], &*ids[1], &*ids[2]];
    let all = server.get("/meetings").expect(200);
    let start = all["data"][1]["start_time"].as_i64().unwrap();
    for (query, shown) in [
        ("?room=r".to_owned(), vec![second, first]),
        ("?room=R".to_owned(), vec![]),
        ("?ongoing=true".to_owned(), vec![third]),
        ("?ongoing=false&limit=1".to_owned(), vec![second]),
        (format!("?timeframe_start={start}"), vec![third, second]),
        (format!("?timeframe_end={start}"), vec![second, first]),
        (
            format!("?timeframe_start={start}&timeframe_end={start}"),
            vec![second],
        ),
        (format!("?starting_after={third}"), vec![second, first]),
        (format!("?starting_after={third}&limit=1"), vec![second]),
        (format!("?ending_before={first}&limit=1"), vec![second]),
        (
            "?ending_before=OLDEST&limit=2".to_owned(),
            vec![second, first],
        ),
    ] {
        let got = server.get(&format!("/meetings{query}")).expect(200);
        assert_eq!(ids_of(&got), shown, "{query}");
    }
    let got = server.get("/meetings?no_participants=true").expect(200);
    assert!(got["data"][0].get("participants").is_none());
    for query in [
        "?limit=0",
        "?limit=101",
        "?ongoing=yes",
        "?timeframe_start=noon",
        "?starting_after=x",
        "?page=2",
    ] {
        let got = server.get(&format!("/meetings{query}"));
        got.refused(400, "invalid-request-error");
    }
    for path in [
        "/meetings/x",
        "/meetings/00000000-0000-0000-0000-000000000000/participants",
    ] {
        server.get(path).refused(404, "not-found");
    }
}

#[test]
fn rows_of_a_meeting_are_paged_by_who_joined_before_and_after() {
    let (server, ids) = three_meetings();
    let path = format!("/meetings/{}/participants", ids[0]);
    let whole = server.get(&path).expect(200);
    let rows = whole["data"].as_array().unwrap();
    let joined: Vec<i64> = rows
        .iter()
        .map(|row| row["join_time"].as_i64().unwrap())
        .collect();
    assert_eq!(joined, [START + 25, START + 10, START], "newest first");
    let id = |place: usize| rows[place]["participant_id"].as_str().unwrap();
    for (query, shown) in [
        ("?limit=2".to_owned(), &rows[..2]),
        (format!("?joined_before={}", id(0)), &rows[1..]),
        (format!("?joined_before={}&limit=1", id(0)), &rows[1..2]),
        (format!("?joined_after={}", id(2)), &rows[..2]),
        (format!("?joined_after={}&limit=1", id(2)), &rows[1..2]),
        (format!("?joined_after={}", id(0)), &rows[..0]),
    ] {
        let got = server.get(&format!("{path}{query}")).expect(200);
        assert_eq!(got, json!({"data": shown}), "{query}");
    }
    let both = format!("{path}?joined_after={}&joined_before={}", id(0), id(1));
    server.get(&both).refused(400, "invalid-request-error");
    let info = server.get(&format!("{path}?joined_after=x"));
    assert!(
        info.refused(400, "invalid-request-error")
            .contains("joined_after")
    );
}

#[test]
fn logs_are_the_calls_newest_first_without_what_the_log_does_not_have() {
    let server = Server::new();
    server
        .daily("POST", "/rooms", &json!({"name": "r"}))
        .expect(200);
    let alice = server.join("r", "alice");
    pass(&server, 2);
    server
        .daily("POST", "/rooms/r/eject", &json!({"ids": ["ghost", alice]}))
        .expect(200);
    server
        .daily("POST", "/rooms/r/eject", &json!({"ids": 1}))
        .refused(400, "invalid-request-error");
    let nowhere = json!({"data": {}});
    server
        .daily("POST", "/rooms/none/update-permissions", &nowhere)
        .refused(404, "not-found");
    let logs = server.get("/logs/api").expect(200);
    let logs = logs.as_array().unwrap();
    let brief: Vec<Value> = logs
        .iter()
        .map(|it| json!([it["method"], it["url"], it["status"]]))
        .collect();
    assert_eq!(
        Value::from(brief),
        json!([
            ["POST", "/v1/rooms/none/update-permissions", 404],
            ["POST", "/v1/rooms/r/eject", 400],
            ["POST", "/v1/rooms/r/eject", 200],
            ["POST", "/v1/rooms", 200],
        ])
    );
    let ejection = &logs[2];
    assert_eq!(ejection["userId"], "devkey");
    assert_eq!(ejection["source"], "api");
    assert_eq!(ejection["createdAt"], "2027-01-15T08:00:02.000Z");
    for absent in ["ip", "request", "response"] {
        assert_eq!(ejection.get(absent), Some(&Value::Null), "{absent}");
    }
    let said: Value = serde_json::from_str(logs[1]["response"].as_str().unwrap()).unwrap();
    assert_eq!(said["error"], "invalid-request-error");
    let id = |place: usize| logs[place]["id"].as_str().unwrap();
    for (query, shown) in [
        ("?limit=2".to_owned(), &logs[..2]),
        (format!("?starting_after={}", id(1)), &logs[2..]),
        (format!("?starting_after={}&limit=1", id(0)), &logs[1..2]),
        (format!("?ending_before={}", id(2)), &logs[..2]),
        (format!("?ending_before={}&limit=1", id(3)), &logs[2..3]),
        ("?ending_before=OLDEST&limit=3".to_owned(), &logs[1..]),
        ("?url=/v1/rooms/r/eject".to_owned(), &logs[1..3]),
        ("?source=api&limit=100".to_owned(), logs),
        ("?source=webhook".to_owned(), &logs[..0]),
    ] {
        let got = server.get(&format!("/logs/api{query}")).expect(200);
        assert_eq!(got, json!(shown), "{query}");
    }
    for query in [
        "?source=ui",
        "?limit=0",
        "?limit=101",
        "?starting_after=x",
        "?order=asc",
    ] {
        let got = server.get(&format!("/logs/api{query}"));
        got.refused(400, "invalid-request-error");
    }
}

/// The fatal errors and reasons that daily-js 0.92.2 declares.
#[test]
fn each_cause_has_one_of_dailys_words_or_none() {
    let known = [
        "ejected",
        "nbf-room",
        "nbf-token",
        "exp-room",
        "exp-token",
        "no-room",
        "meeting-full",
        "end-of-life",
        "not-allowed",
        "connection-error",
    ];
    let mut used = BTreeSet::new();
    for cause in CloseCause::ALL {
        let word = word(cause);
        assert!(
            word.is_none_or(|word| known.contains(&word)),
            "{cause:?}: {word:?}"
        );
        let leaves_by_itself = [CloseCause::Left, CloseCause::Moved].contains(&cause);
        assert_eq!(word.is_none(), leaves_by_itself, "{cause:?}");
        used.extend(word);
    }
    assert_eq!(used.len(), 5, "{used:?}");
    assert!(!known.contains(&HIDDEN), "who is hidden did not leave");
    assert_eq!(word(CloseCause::Removed), Some("ejected"));
}
