//! Who was there and how long, who could do something since when, who had been removed in any
//! session, and people found by a name that they once showed.

use std::sync::Arc;

use proptest::prelude::*;
use proptest::test_runner::Config;
use roomledger::cli::read::{DataReader, Reader as _};
use roomledger::engine::Clock as _;
use roomledger::replay::Ability;
use roomledger::replay::position::Pos;
use serde_json::{Value, json};

use super::support::Server;

/// A member of each object of a list, as text.
fn column<'v>(list: &'v Value, member: &str) -> Vec<&'v str> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| one[member].as_str().unwrap()).collect()
}

fn join(server: &Server, room: &str, identity: &str, name: &str) -> String {
    let body = json!({ "identity": identity, "name": name });
    let joined = server.post(&format!("/rooms/{room}/joins"), &body);
    joined.expect(201)["connection"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn remove(server: &Server, room: &str, target: &str, reason: &str) {
    let headers = [("x-audit-actor", "mod-1"), ("x-audit-reason", reason)];
    let body = json!({ "command": "remove", "target": target });
    let path = format!("/rooms/{room}/commands");
    server.post_with(&path, &headers, &body).expect(200);
}

#[test]
fn presence_goes_on_up_to_the_moment_that_is_asked_for() {
    let server = Server::new();
    let joined = server.join("town", "alice")["position"].clone();
    server.advance(7);
    let check = |at: &str, expected_s: i64| {
        let query = if at.is_empty() {
            String::new()
        } else {
            format!("?at={at}")
        };
        let sessions = server.read(&format!("/rooms/town/sessions{query}"))["sessions"].clone();
        let alice = &sessions[0]["participants"][0];
        assert_eq!(alice["presence_us"], expected_s * 1_000_000, "at {at:?}");
        let id = sessions[0]["session"].as_str().unwrap();
        let alone = server.read(&format!("/sessions/{id}{query}"));
        assert_eq!(alone, sessions[0], "at {at:?}");
    };
    check("", 7);
    check("start%2B3s", 3);
    check("end-2s", 5);
    check("2027-01-15T08:00:04Z", 4);
    check(&joined.to_string(), 0);
    // A moment that is yet to come adds nothing; far ahead it is refused.
    check("2027-01-15T08:00:30Z", 7);
    let ahead = "/rooms/town/sessions?at=2027-01-15T09:00:00Z";
    server.get(ahead).expect(400);
    server.join("elsewhere", "carol");
    server.advance(3);
    check("", 10);
    // Something was recorded then, in another room.
    check("@", 7);
    server.command("town", &json!({ "command": "end_session" }));
    server.advance(100);
    check("", 10);
}

proptest! {
    #![proptest_config(Config {
        cases: Config::default().cases / 8,
        failure_persistence: None,
        ..Config::default()
    })]

    /// Whole seconds, counted one by one, in which somebody was there.
    #[test]
    fn presence_is_the_seconds_that_somebody_was_there(
        steps in proptest::collection::vec((0..3_usize, any::<bool>(), 0..5_u64), 1..24),
    ) {
        let server = Server::new();
        let names = ["ann", "bob", "cid"];
        // Somebody who stays, so that the session goes on.
        server.join("town", "host");
        let mut inside: [Option<String>; 3] = Default::default();
        let mut seconds = [0_i64; 3];
        for (who, leaves, wait_s) in steps {
            match inside[who].take() {
                Some(connection) if leaves => {
                    let path = format!("/rooms/town/connections/{connection}/leave");
                    server.post(&path, &json!({})).expect(200);
                }
                // Who joins again takes the place of the one before.
                _ => inside[who] = Some(join(&server, "town", names[who], "")),
            }
            server.advance(wait_s);
            for who in 0..3 {
                let there = i64::from(inside[who].is_some());
                seconds[who] += there * i64::try_from(wait_s).unwrap();
            }
            let sessions = server.read("/rooms/town/sessions");
            for person in sessions["sessions"][0]["participants"].as_array().unwrap() {
                let place = names.iter().position(|name| person["identity"] == *name);
                let expected = place.map(|place| seconds[place] * 1_000_000);
                prop_assert!(
                    expected.is_none_or(|expected| person["presence_us"] == expected),
                    "{person} {seconds:?}",
                );
            }
        }
    }
}

#[test]
fn a_ban_is_shown_as_long_as_it_stands() {
    let server = Server::new();
    server.join("town", "alice");
    server.advance(1);
    let ban = json!({ "command": "ban", "identity": "bob", "until": "2027-01-15T08:00:11Z" });
    let answer = server.command("town", &ban);
    let banned = answer["position"].as_u64().unwrap();
    let bans = |query: &str| {
        let room = server.read(&format!("/rooms/town{query}"));
        room["bans"].as_array().unwrap().len()
    };
    server.advance(9);
    assert_eq!(bans(""), 1);
    // A wall clock that jumps ends no ban: it stands by the ledger's time.
    let wall = server.engine.clock().wall();
    server.engine.clock().set_wall(wall.plus_seconds(3_600));
    assert_eq!(bans(""), 1);
    server.engine.clock().set_wall(wall);
    server.advance(1);
    for (query, expected) in [
        (String::new(), 0),
        ("?at=2027-01-15T08:00:11Z".to_owned(), 0),
        ("?at=2027-01-15T08:00:10.999999Z".to_owned(), 1),
        ("?at=2027-01-15T08:00:00.5Z".to_owned(), 0),
        (format!("?at={banned}"), 1),
        ("?at=@".to_owned(), 1),
    ] {
        assert_eq!(bans(&query), expected, "{query}");
    }
    server.join("town", "bob");
    let forever = json!({ "command": "ban", "identity": "bob" });
    server.command("town", &forever);
    server.advance(1_000_000);
    assert_eq!(bans(""), 1);
}

#[test]
fn removals_of_every_session_are_answered_with_the_running_one_first() {
    let server = Server::new();
    join(&server, "town", "mallory", "Mal");
    join(&server, "town", "alice", "Alice");
    remove(&server, "town", "identity:mallory", "abuse");
    let first = server.read("/rooms/town")["session"].clone();
    let before = server.read("/events?order=desc&limit=1")["events"][0]["position"].clone();
    server.command("town", &json!({ "command": "delete_room" }));
    // The room is made again, mallory stays away, bob comes back, and carol has another connection.
    let settings = json!({ "command": "create_room",
        "config": { "duplicate_identity": "allow" } });
    server.command("town", &settings);
    join(&server, "town", "bob", "Robert");
    let change = json!({ "command": "update_participant", "target": "identity:bob",
        "name": "Bobby" });
    server.command("town", &change);
    let one = join(&server, "town", "carol", "Carol");
    join(&server, "town", "carol", "Carol 2");
    server.advance(1);
    remove(&server, "town", "identity:bob", "");
    server.advance(1);
    remove(&server, "town", &format!("connection:{one}"), "");
    join(&server, "town", "bob", "New Bob");
    let second = server.read("/rooms/town")["session"].clone();

    let answer = server.read("/rooms/town/removals");
    let removals = &answer["removals"];
    assert_eq!(column(removals, "identity"), ["bob", "carol", "mallory"]);
    assert_eq!(column(removals, "name"), ["Bobby", "Carol", "Mal"]);
    let sessions = [&second, &second, &first].map(|session| session.as_str().unwrap());
    assert_eq!(column(removals, "session"), sessions);
    let flags = |one: &Value| (one["is_back"] == true, one["never_left"] == true);
    let flags: Vec<_> = removals.as_array().unwrap().iter().map(flags).collect();
    assert_eq!(flags, [(true, false), (false, true), (false, false)]);
    let mallory = &removals[2];
    assert_eq!(mallory["reason"], "abuse");
    assert_eq!(mallory["actor"]["on_behalf_of"], "mod-1");
    let request = server.read(&format!("/events/{}", mallory["because"]));
    assert_eq!(request["kind"], "removal_requested");

    // Pages of any size cover the list once, and a moment before shows what had happened by then.
    for limit in 1..=4 {
        let mut found = Vec::new();
        let mut more = String::new();
        loop {
            let page = server.read(&format!("/rooms/town/removals?limit={limit}{more}"));
            found.extend(page["removals"].as_array().unwrap().clone());
            match &page["cursor"] {
                Value::Null => break,
                cursor => more = format!("&cursor={cursor}"),
            }
        }
        assert_eq!(&Value::from(found), removals, "{limit} at a time");
    }
    let then = server.read(&format!("/rooms/town/removals?at={before}"));
    assert_eq!(column(&then["removals"], "identity"), ["mallory"]);
    let reader = DataReader::new(Arc::clone(server.engine.store()), "here");
    let read = reader.removals("town", Pos::Head { back: 0 }).unwrap();
    assert_eq!(&serde_json::to_value(read).unwrap(), removals);
    assert_eq!(server.get("/rooms/nowhere/removals").status, 404);

    let her = server.read("/rooms/town/participants/mallory");
    assert_eq!(
        column(&her["timelog"], "session"),
        [first.as_str().unwrap()]
    );
    assert_eq!(her["timelog"][0]["cause"], mallory["because"]);
    assert_eq!(her["live"], false);
    let bob = server.read("/rooms/town/participants/bob")["timelog"].clone();
    assert_eq!(bob.as_array().unwrap().len(), 2);
}

#[test]
fn a_timelog_holds_the_stints_of_all_sessions() {
    let server = Server::new();
    let mut expected = Vec::new();
    for _ in 0..3 {
        let connection = join(&server, "town", "alice", "Alice");
        join(&server, "town", "bob", "Bob");
        server.advance(5);
        server
            .post(
                &format!("/rooms/town/connections/{connection}/leave"),
                &json!({}),
            )
            .expect(200);
        expected.push(connection);
        expected.push(join(&server, "town", "alice", "Alice"));
        server.advance(1);
        server.command("town", &json!({ "command": "end_session" }));
    }
    // What each session's own answer tells of her, one after the other.
    let sessions = server.read("/rooms/town/sessions")["sessions"].clone();
    let mut told = Vec::new();
    for session in sessions.as_array().unwrap() {
        let people = session["participants"].as_array().unwrap().iter();
        let alice = people
            .into_iter()
            .find(|one| one["identity"] == "alice")
            .unwrap();
        told.extend(alice["timelog"].as_array().unwrap().clone());
    }
    let whole = server.read("/rooms/town/participants/alice")["timelog"].clone();
    assert_eq!(column(&whole, "connection"), expected);
    assert_eq!(whole, Value::from(told));
    server.join("town", "carol");
    let again = server.read("/rooms/town/participants/alice")["timelog"].clone();
    assert_eq!(again, whole, "in a session that she is not in");
}

#[test]
fn since_is_when_the_right_began_and_live_whether_it_was_used() {
    let server = Server::new();
    let connection = join(&server, "town", "alice", "Alice");
    let joined = server.read("/rooms/town")["participants"][0]["connections"][0]["start"].clone();
    let change = |patch: &Value| {
        server.advance(10);
        let body = json!({ "command": "update_permissions",
            "targets": { "identity:alice": patch } });
        server.command("town", &body);
        let event = server.read("/events?kind=permissions_changed&order=desc&limit=1");
        let event = &event["events"][0];
        (event["recorded_at"].clone(), event["position"].clone())
    };
    let reader = DataReader::new(Arc::clone(server.engine.store()), "here");
    let check = |can: &str, expected: Option<(&Value, Value)>| {
        let answer = server.read(&format!("/rooms/town/present?can={can}"));
        let ability = Ability::parse(can).unwrap();
        let read = reader
            .present("town", Pos::Head { back: 0 }, Some(ability))
            .unwrap();
        assert_eq!(
            serde_json::to_value(read).unwrap(),
            answer["present"],
            "{can}"
        );
        let found = answer["present"].get(0);
        let found = found.map(|one| (&one["since"], one["live"].clone()));
        assert_eq!(found, expected, "{can}");
        answer["present"][0].clone()
    };
    check("publish:microphone", Some((&joined, json!(false))));
    change(&json!({ "send": { "allowed": ["camera"] } }));
    check("publish:microphone", None);
    check("publish:camera", Some((&joined, json!(false))));
    let (given, position) = change(&json!({ "send": { "allowed": ["camera", "microphone"] } }));
    // A change of something else neither gives the right nor takes it.
    change(&json!({ "data": false }));
    let one = check("publish:microphone", Some((&given, json!(false))));
    assert_eq!((&one["because"], &one["joined_at"]), (&position, &joined));
    check("publish", Some((&joined, json!(false))));
    check("data", None);
    let (given_data, _) = change(&json!({ "data": true }));
    check("data", Some((&given_data, Value::Null)));

    let tracks = format!("/rooms/town/connections/{connection}/tracks");
    let track = json!({ "type": "audio", "source": "microphone" });
    let sid = server.post(&tracks, &track).expect(201)["sid"].clone();
    check("publish:microphone", Some((&given, json!(true))));
    check("publish:camera", Some((&joined, json!(false))));
    check("publish", Some((&joined, json!(true))));
    let mute = json!({ "command": "mute_track", "target": "identity:alice", "track": sid,
        "muted": true });
    let muted = server.command("town", &mute)["position"].as_u64().unwrap();
    check("publish:microphone", Some((&given, json!(false))));
    let before = server.read(&format!(
        "/rooms/town/present?can=publish:microphone&at={}",
        muted - 1
    ));
    assert_eq!(before["present"][0]["live"], true);

    // A media server without custom sources reports such a track as unknown.
    change(&json!({ "send": { "allowed": "all" } }));
    let music = json!({ "type": "audio", "source": "unknown" });
    server.post(&tracks, &music).expect(201);
    assert_eq!(live_of(&server, "custom_audio"), json!(true));
    assert_eq!(live_of(&server, "custom_video"), json!(false));

    let present = server.read("/rooms/town/present")["present"].clone();
    assert_eq!(column(&present, "identity"), ["alice"]);
    assert_eq!(
        (&present[0]["since"], &present[0]["live"]),
        (&joined, &Value::Null)
    );
}

#[test]
fn an_unknown_right_is_refused_by_its_parameter() {
    let server = Server::new();
    join(&server, "town", "alice", "Alice");
    let refused = server.get("/rooms/town/present?can=fly").expect(400);
    assert!(
        refused["detail"].as_str().unwrap().contains("`can`"),
        "{refused}"
    );
}

/// Whether the one person there uses the right to publish this source.
fn live_of(server: &Server, source: &str) -> Value {
    let answer = server.read(&format!("/rooms/town/present?can=publish:{source}"));
    answer["present"][0]["live"].clone()
}

#[test]
fn a_name_that_somebody_ever_showed_finds_them() {
    let server = Server::new();
    join(&server, "town", "u1", "Alice");
    join(&server, "town", "u2", "u1");
    join(&server, "hall", "u9", "Alice");
    let change = json!({ "command": "update_participant", "target": "identity:u1",
        "name": "Bob" });
    server.command("town", &change);
    remove(&server, "town", "identity:u1", "");
    server.command("town", &json!({ "command": "end_session" }));
    server.join("town", "u3");
    let found = |query: &str| server.events(query).len();
    let hers = found("room=town&target=identity:u1");
    assert!(hers >= 5, "{hers}");
    for (query, expected) in [
        // The name of before and the name of after, for all that she ever did.
        ("room=town&target=Alice", hers),
        ("room=town&target=Bob", hers),
        ("room=town&target=name:Bob", hers),
        // Whoever shows another's identity is not found under it.
        ("room=town&target=u1", hers),
        ("room=town&target=Carol", 0),
        ("room=town&target=identity:Alice", 0),
        ("room=town&target=connection:Alice", 0),
    ] {
        assert_eq!(found(query), expected, "{query}");
    }
    assert!(found("room=town&target=name:u1") > 0);
    let everywhere = found("target=Alice");
    assert_eq!(everywhere, hers + found("room=hall&target=identity:u9"));

    // By the person that a caller names, too.
    let headers = [("x-audit-actor", "u1")];
    let body = json!({ "command": "end_session" });
    server
        .post_with("/rooms/town/commands", &headers, &body)
        .expect(200);
    assert!(found("room=town&actor=u1") > 0);
    assert_eq!(found("room=town&actor=Bob"), found("room=town&actor=u1"));
}
