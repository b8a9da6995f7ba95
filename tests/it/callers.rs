//! The caller on record: the subject that a token proves, beside the key that signed it, and apart
//! from what a header only claims.

use axum::body::Body;
use axum::http::Request;
use roomledger::dialect::auth::keys::{KeyRing, ShortSecrets};
use roomledger::domain::Digest;
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

/// A header that names somebody else than the token does is refused in every dialect, and the
/// attempt is on record under the name that is proven; with a key whose callers may speak for
/// others it is carried out, and shown as a claim.
#[test]
fn nobody_speaks_for_somebody_else_unless_the_key_allows_it() {
    let allowed = "devkey:\n  secret: secret\n  on_behalf_of: allowed\n";
    for (by, path, body) in claims_of_others() {
        for keys in ["devkey: secret", allowed] {
            let keys = KeyRing::parse(keys, ShortSecrets::Allow).unwrap();
            let may = keys.key("devkey").unwrap().limits.may_speak_for_others;
            let server = Server::with(keys, None);
            server.join("r", "alice");
            let before = events(&server, "").len();
            let call = Request::post(path)
                .header("authorization", &by)
                .header("x-audit-actor", "bob-the-ceo")
                .header("content-type", "application/json")
                .body(Body::from(body.to_string()));
            let (head, answer) = server.send(call.unwrap());
            let answer = String::from_utf8(answer).unwrap();
            let all = events(&server, "");
            let refused = all[before..]
                .iter()
                .find(|it| it["kind"] == "command_refused");
            let Some(event) = refused.or(all[before..].first()) else {
                // A report of what cannot be.
                assert!(may && head.status.is_client_error(), "{path}: {answer}");
                continue;
            };
            let who = format!("{path} {}: {event}", head.status);
            assert_eq!(event["actor"]["id"], "alice-m", "{who}");
            assert_eq!(event["actor"]["on_behalf_of"], "bob-the-ceo", "{who}");
            assert_eq!(event["token_sha256"].as_str().unwrap().len(), 64, "{who}");
            if may {
                assert_ne!(event["data"]["code"], "actor-mismatch", "{who}");
                continue;
            }
            assert_eq!(head.status.as_u16(), 403, "{who}");
            assert!(answer.contains("X-Audit-Actor"), "{answer}");
            assert_eq!(event["data"]["code"], "actor-mismatch", "{who}");
            let is_no_effect = |it: &Value| {
                it["kind"] == "command_refused" || it["kind"] == "participant_registered"
            };
            assert!(all[before..].iter().all(is_no_effect), "{who}");
            let sentence = event["sentence"].as_str().unwrap();
            let begins = "alice-m (key devkey), on behalf of bob-the-ceo (as it says), was refused";
            assert!(sentence.starts_with(begins), "{sentence}");
            assert!(events(&server, "&actor=alice-m").contains(event));
        }
    }
}

/// Calls of `alice-m` that are proven by her token.
fn claims_of_others() -> Vec<(String, &'static str, Value)> {
    let vera = token(&json!({"roles": ["crawler"], "participantId": "alice-m"}));
    let alice_m = |claims: Value| {
        let mut all = json!({"sub": "alice-m", "jti": "tok-77"});
        let own = claims.as_object().unwrap().clone();
        all.as_object_mut().unwrap().extend(own);
        bearer(&all)
    };
    let ban = json!({"command": "ban", "identity": "x"});
    let unread = json!({"command": "no such command"});
    let note = json!({"kind": "speaking"});
    vec![
        (alice_m(json!({"video": admin()})), REMOVE, alice()),
        (
            alice_m(json!({"video": admin()})),
            DELETE,
            json!({"room": "r"}),
        ),
        (alice_m(json!({"ledger": {"admin": true}})), COMMANDS, ban),
        (
            alice_m(json!({"ledger": {"admin": true}})),
            COMMANDS,
            unread,
        ),
        (
            alice_m(json!({"ledger": {"report": true}})),
            JOINS,
            json!({"identity": "eve"}),
        ),
        (
            alice_m(json!({"ledger": {"report": true}})),
            ACTIVITY,
            json!({"items": [note]}),
        ),
        (vera, END, json!({"roomId": "r"})),
    ]
}

/// What proves the caller is on record: the digest of the very token. A claim to be oneself is
/// none, and the key by itself speaks for whom it names.
#[test]
fn the_digest_of_the_token_is_on_record() {
    let by = bearer(&json!({"sub": "mod", "video": admin()}));
    let server = Server::new();
    server.join("r", "alice");
    let send = |by: &str, path: &str, body: Value, says: &str| {
        let before = events(&server, "").len();
        let call = Request::post(path)
            .header("authorization", by)
            .header("x-audit-actor", says)
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()));
        server.send(call.unwrap());
        events(&server, "")[before].clone()
    };
    let event = send(&by, REMOVE, alice(), "mod");
    let token = by.strip_prefix("Bearer ").unwrap();
    let digest = Digest::of(token.as_bytes()).to_string();
    assert_eq!(event["token_sha256"], digest);
    assert_eq!(
        event["actor"],
        json!({"kind": "api_key", "id": "mod", "key": "devkey"})
    );
    let sentence = event["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("mod (key devkey) removed"),
        "{sentence}"
    );
    let event = send(
        "Bearer secret",
        EJECT,
        json!({"user_ids": ["alice"]}),
        "bob",
    );
    assert_eq!(event["token_sha256"], Value::Null);
    let sentence = event["sentence"].as_str().unwrap();
    assert!(
        sentence.starts_with("devkey, on behalf of bob (as it says), "),
        "{sentence}"
    );
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
const JOINS: &str = "/api/v1/rooms/r/joins";
const ACTIVITY: &str = "/api/v1/rooms/r/activity";
const END: &str = "/videosdk/v2/sessions/end";
pub(crate) const EJECT: &str = "/daily/v1/rooms/r/eject";
