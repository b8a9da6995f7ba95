//! The caller on record: the subject that a token proves, beside the key that signed it, and apart
//! from what a header only claims.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::crossing::bearer;
use crate::videosdk::support::{Server, token};

/// One write, and the actor that its events must show.
struct Case {
    by: String,
    path: &'static str,
    body: Value,
    claims: Option<&'static str>,
    actor: Value,
}

#[test]
fn the_actor_is_the_subject_that_the_token_proves() {
    let subject = |id: &str| json!({"kind": "api_key", "id": id, "key": "devkey"});
    let key = json!({"kind": "api_key", "id": "devkey"});
    let moderator = || bearer(&json!({"sub": "mod", "video": admin()}));
    let application = |claims: Value| {
        let mut all = json!({"roles": ["crawler"]});
        let own = claims.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(own);
        token(&all)
    };
    let claimed = json!({"kind": "api_key", "id": "mod", "key": "devkey", "on_behalf_of": "zoe"});
    let said = json!({"kind": "api_key", "id": "devkey", "on_behalf_of": "zoe"});
    let nameless = || bearer(&json!({"jti": "token-1", "video": admin()}));
    let ledger = |sub: &str| bearer(&json!({"sub": sub, "ledger": {"admin": true}}));
    let join_only = bearer(&json!({"sub": "mallory", "video": {"roomJoin": true, "room": "r"}}));
    let end = || json!({"roomId": "r"});
    let ban = || json!({"command": "ban", "identity": "x"});
    let case = |by: String, path, body, actor| Case {
        by,
        path,
        body,
        claims: None,
        actor,
    };
    let claiming = |by, actor| Case {
        claims: Some("zoe"),
        ..case(by, REMOVE, alice(), actor)
    };
    let cases = [
        case(moderator(), REMOVE, alice(), subject("mod")),
        case(moderator(), DELETE, json!({"room": "r"}), subject("mod")),
        case(join_only, REMOVE, alice(), subject("mallory")),
        case(nameless(), REMOVE, alice(), key.clone()),
        case(
            bearer(&json!({"sub": "", "video": admin()})),
            REMOVE,
            alice(),
            key.clone(),
        ),
        case(moderator(), COMMANDS, ban(), subject("mod")),
        case(ledger("ops"), COMMANDS, ban(), subject("ops")),
        case(ledger("devkey"), COMMANDS, ban(), key.clone()),
        case(
            application(json!({"participantId": "vera"})),
            END,
            end(),
            subject("vera"),
        ),
        case(
            application(json!({"roomId": "other", "participantId": "vera"})),
            END,
            end(),
            subject("vera"),
        ),
        case(application(json!({})), END, end(), key.clone()),
        case(
            String::from("Bearer secret"),
            EJECT,
            json!({"user_ids": ["alice"]}),
            key,
        ),
        claiming(moderator(), claimed),
        claiming(nameless(), said),
    ];
    for (number, case) in cases.into_iter().enumerate() {
        check(number, &case);
    }
}

fn check(number: usize, case: &Case) {
    let server = Server::new();
    server.join("r", "alice");
    let before = events(&server, "").len();
    let mut request = Request::post(case.path).header("authorization", &case.by);
    if let Some(name) = case.claims {
        request = request.header("x-audit-actor", name);
    }
    let request = request.header("content-type", "application/json");
    server.send(request.body(Body::from(case.body.to_string())).unwrap());
    let all = events(&server, "");
    let event = all
        .get(before)
        .unwrap_or_else(|| panic!("case {number}: nothing is recorded"));
    assert_eq!(event["actor"], case.actor, "case {number}");
    for filter in ["id", "key", "on_behalf_of"] {
        let Some(name) = case.actor[filter].as_str() else {
            continue;
        };
        let found = events(&server, &format!("&actor={name}"));
        assert!(
            found.contains(event),
            "case {number}: actor={name} does not find it"
        );
    }
    let found = events(&server, "&actor=nobody");
    assert!(found.is_empty(), "case {number}: {found:?}");
    let named = case.actor["id"].as_str().unwrap();
    let mut sentences = all[before..]
        .iter()
        .map(|event| event["sentence"].as_str().unwrap());
    let begins = |sentence: &str| sentence.starts_with(&format!("{named} "));
    assert!(
        case.claims.is_some() || sentences.any(begins),
        "case {number}"
    );
}

/// The command keeps its participant as the actor, and the token's subject stands beside it.
#[test]
fn a_command_in_the_name_of_a_participant_keeps_the_subject() {
    let server = Server::new();
    server.join("r", "alice");
    let by = bearer(&json!({"sub": "ops", "ledger": {"admin": true, "audit": true}}));
    let room = server.fine(&by, "GET", "/api/v1/rooms/r", "");
    let connection = room["participants"][0]["connections"][0]["connection"].clone();
    let note = json!({"command": "ban", "identity": "bob", "as": connection});
    server.call_as(&by, "POST", COMMANDS, &note.to_string());
    let event = events(&server, "").pop().unwrap();
    let actor = json!({"kind": "participant", "id": "alice", "key": "devkey", "subject": "ops",
        "connection": connection});
    assert_eq!(event["actor"], actor);
    for name in ["ops", "alice", "devkey"] {
        let found = events(&server, &format!("&actor={name}"));
        assert!(found.contains(&event), "actor={name} does not find it");
    }
}

pub(crate) fn events(server: &Server, filter: &str) -> Vec<Value> {
    let reviewer = bearer(&json!({"ledger": {"audit": true}}));
    let path = format!("/api/v1/events?room=r&limit=100{filter}");
    let page = server.fine(&reviewer, "GET", &path, "");
    page["events"].as_array().unwrap().clone()
}

pub(crate) fn admin() -> Value {
    json!({"roomAdmin": true, "roomCreate": true, "room": "r"})
}

pub(crate) fn alice() -> Value {
    json!({"room": "r", "identity": "alice"})
}

pub(crate) const REMOVE: &str = "/twirp/livekit.RoomService/RemoveParticipant";
const DELETE: &str = "/twirp/livekit.RoomService/DeleteRoom";
pub(crate) const COMMANDS: &str = "/api/v1/rooms/r/commands";
const END: &str = "/videosdk/v2/sessions/end";
pub(crate) const EJECT: &str = "/daily/v1/rooms/r/eject";
