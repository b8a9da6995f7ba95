//! Small promises of VideoSDK's page: what can be a participant's id, and what no call is.

use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::videosdk::error::VendorCode;
use roomledger::dialect::videosdk::token::{Token, TokenFault};
use roomledger::domain::command::CreateRoom;
use roomledger::domain::{Command, Identity};
use serde_json::{Value, json};

use super::support::{Server, token};

const NOW_S: i64 = 1_800_000_000;

#[test]
fn nobody_joins_under_an_id_with_whitespace() {
    let joined = |claims: Value, said: Option<&str>| {
        let token = Token::verify(&KeyRing::dev(), &token(&claims), NOW_S).unwrap();
        let said = said.map(|said| Identity::new(said).unwrap());
        match token.join(said.as_ref()) {
            Ok(join) => Ok(join.identity.unwrap().to_string()),
            Err(TokenFault::Refused { code, .. }) => Err(code),
            Err(other) => panic!("{other}"),
        }
    };
    let open = json!({"permissions": ["allow_join"]});
    let own = |id: &str| json!({"permissions": ["allow_join"], "participantId": id});
    let refused = Err(VendorCode::InvalidParticipantId);
    assert_eq!(joined(open.clone(), Some("alice")), Ok("alice".to_owned()));
    assert_eq!(joined(own("alice"), None), Ok("alice".to_owned()));
    assert_eq!(joined(open, Some("al ice")), refused);
    assert_eq!(joined(own("al ice"), None), refused);
    assert_eq!(joined(own("al\tice"), None), refused);
}

#[test]
fn whitespace_is_refused_in_a_removal_but_of_those_who_are_there() {
    let server = Server::new();
    server.join("town", "al ice");
    let remove = |id: &str| {
        let body = json!({"roomId": "town", "participantId": id}).to_string();
        let path = "/videosdk/v2/sessions/participants/remove";
        let (status, answer) = server.call("POST", path, &body);
        (status, answer["code"].clone())
    };
    assert_eq!(remove("bo b"), (400, json!("4004")));
    assert_eq!(remove("bob"), (404, json!("4066")));
    assert_eq!(remove("al ice"), (200, Value::Null));
}

#[test]
fn what_is_no_call_is_answered_in_the_vendors_form() {
    let server = Server::new();
    for path in ["/videosdk", "/videosdk/", "/videosdk/v3", "/videosdk/v2/"] {
        let (status, answer) = server.call("GET", path, "");
        assert_eq!(
            (status, &answer["code"]),
            (404, &json!("no-such-route")),
            "{path}"
        );
    }
    for path in [
        "/daily",
        "/daily/",
        "/daily/v2",
        "/daily/v1rooms",
        "/daily/rooms",
    ] {
        let (status, answer) = server.call_as("Bearer secret", "GET", path, "");
        assert_eq!(
            (status, &answer["error"]),
            (404, &json!("not-found")),
            "{path}"
        );
    }
}

/// An attempt on a room that is not there is recorded under its name, with the room's deletion.
#[test]
fn attempts_on_a_room_that_is_not_there_are_found_by_its_name() {
    let server = Server::new();
    server.execute("gone", Command::CreateRoom(CreateRoom::default()));
    server.execute("gone", Command::DeleteRoom);
    let auditor = json!({"iss": "devkey", "ledger": {"audit": true}});
    let auditor = format!("Bearer {}", token(&auditor));
    let attempts = [
        ("v2/rooms/ROOM", json!({"status": "disabled"}), 404),
        ("v2/rooms/deactivate", json!({"roomId": "ROOM"}), 402),
        ("v2/sessions/end", json!({"roomId": "ROOM"}), 404),
        (
            "v2/sessions/participants/remove",
            json!({"roomId": "ROOM", "participantId": "al"}),
            404,
        ),
    ];
    for room in ["never", "gone"] {
        let mut positions = Vec::new();
        for (path, body, expected) in &attempts {
            let path = format!("/videosdk/{}", path.replace("ROOM", room));
            let body = body.to_string().replace("ROOM", room);
            let (status, answer) = server.call("POST", &path, &body);
            assert_eq!(
                (status, &answer["code"]),
                (*expected, &json!("4003")),
                "{path}"
            );
            positions.push(answer["position"].clone());
        }
        let path = format!("/api/v1/events?room={room}&refused=true");
        let read = server.fine(&auditor, "GET", &path, "");
        let events = read["events"].as_array().unwrap();
        let found: Vec<_> = events.iter().map(|it| it["position"].clone()).collect();
        assert_eq!(found, positions, "{room}");
        for event in events {
            assert_eq!(event["data"]["code"], "no-such-room", "{event}");
            let because = event["data"]["because"].as_array().unwrap();
            assert_eq!(because.is_empty(), room == "never", "{event}");
        }
    }
}
