//! One participant, three vendors: what is done through one dialect is seen through the others and
//! in the audit, with what was before.

use serde_json::{Value, json};

use crate::hs256::{Algorithm, signed};
use crate::videosdk::support::{Server, application, token};

/// What each dialect shows of alice.
struct Seen {
    livekit: Value,
    daily: Vec<Value>,
    videosdk: Vec<Value>,
}

fn livekit() -> String {
    bearer(&json!({"video": {"roomAdmin": true, "room": "town"}}))
}

fn reviewer() -> String {
    bearer(&json!({"ledger": {"audit": true}}))
}

fn ledger() -> String {
    bearer(&json!({"ledger": {"report": true, "admin": true, "audit": true}}))
}

pub(crate) fn bearer(claims: &Value) -> String {
    let mut all = json!({"iss": "devkey", "exp": 4_102_444_800_u64});
    let own = claims.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(own);
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    let token = signed(header, &all.to_string(), Algorithm::HS256, "secret");
    format!("Bearer {token}")
}

fn seen(server: &Server, session: &str) -> Seen {
    let alice = json!({"room": "town", "identity": "alice"}).to_string();
    let (status, livekit) = server.call_as(&livekit(), "POST", GET_PARTICIPANT, &alice);
    let presence = server.fine(DAILY, "GET", "/daily/v1/rooms/town/presence", "");
    let active = format!("/videosdk/v2/sessions/{session}/participants/active");
    let active = server.fine(&application(), "GET", &active, "");
    Seen {
        livekit: if status == 200 {
            livekit["permission"].clone()
        } else {
            json!(status)
        },
        daily: presence["data"].as_array().unwrap().clone(),
        videosdk: active["data"][0]["participants"]
            .as_array()
            .unwrap()
            .clone(),
    }
}

/// The newest events of the room, oldest first.
fn audit(server: &Server, count: usize) -> Vec<Value> {
    let path = format!("/api/v1/events?room=town&order=desc&limit={count}");
    let page = server.fine(&reviewer(), "GET", &path, "");
    let mut events = page["events"].as_array().unwrap().clone();
    events.reverse();
    events
}

#[test]
fn one_permission_goes_through_three_dialects() {
    let server = Server::new();
    server.join("town", "alice");
    let sessions = "/videosdk/v2/sessions?roomId=town";
    let sessions = server.fine(&application(), "GET", sessions, "");
    let session = sessions["data"][0]["id"].as_str().unwrap();
    let before = seen(&server, session);
    assert_eq!(before.livekit["can_publish"], true);
    assert_eq!(before.daily[0]["userId"], "alice");
    assert_eq!(before.videosdk[0]["mode"], "CONFERENCE");

    let taken = livekit_takes_the_right_to_send(&server, session);
    daily_gives_sound_back(&server, session, &taken);
    videosdk_removes(&server, session);
}

/// The permission after it.
fn livekit_takes_the_right_to_send(server: &Server, session: &str) -> Value {
    let taken = json!({"room": "town", "identity": "alice",
        "permission": {"can_subscribe": true, "can_publish_data": true}});
    server.fine(&livekit(), "POST", UPDATE_PARTICIPANT, &taken.to_string());
    let muted = seen(server, session);
    assert_eq!(muted.livekit["can_publish"], false);
    assert_eq!(muted.daily.len(), 1);
    assert_eq!(muted.videosdk[0]["mode"], "VIEWER");
    let changed = &audit(server, 1)[0];
    let by = json!({"dialect": "livekit", "call": "UpdateParticipant"});
    assert_eq!(changed["kind"], "permissions_changed");
    assert_eq!(changed["via"], by);
    let group = &changed["data"]["groups"][0];
    assert_eq!(group["before"]["send"]["enabled"], true);
    assert_eq!(group["after"]["send"]["enabled"], false);
    group["after"].clone()
}

/// And a right beside it that LiveKit has no word for.
fn daily_gives_sound_back(server: &Server, session: &str, taken: &Value) {
    let presence = seen(server, session).daily;
    let id = presence[0]["id"].as_str().unwrap();
    let given = json!({"data": {id: {"canSend": ["audio"], "canAdmin": ["participants"]}}});
    let path = "/daily/v1/rooms/town/update-permissions";
    let sent = server.fine(DAILY, "POST", path, &given.to_string());
    assert_eq!(sent, json!({"status": "sent"}));
    let speaks = seen(server, session);
    assert_eq!(speaks.livekit["can_publish"], true);
    assert_eq!(speaks.livekit["can_publish_sources"], json!(["MICROPHONE"]));
    assert_eq!(speaks.daily.len(), 1);
    assert_eq!(speaks.videosdk[0]["mode"], "CONFERENCE");
    let changed = &audit(server, 1)[0];
    assert_eq!(changed["via"]["dialect"], "daily");
    let group = &changed["data"]["groups"][0];
    assert_eq!(group["before"], *taken);
    assert_eq!(group["after"]["admin"], json!(["participants"]));
    assert_eq!(group["after"]["send"]["allowed"], json!(["microphone"]));
}

/// The answer shows the moment before the leave.
fn videosdk_removes(server: &Server, session: &str) {
    let path = format!("/videosdk/v1/meeting-sessions/{session}/remove-participant");
    let alice = json!({"participantId": "alice"}).to_string();
    let removed = server.fine(&application(), "POST", &path, &alice);
    assert_eq!(removed["participants"][0]["timelog"][0]["end"], Value::Null);
    let gone = seen(server, session);
    assert_eq!(gone.livekit, 404);
    assert_eq!((gone.daily, gone.videosdk), (vec![], vec![]));
    let events = audit(server, 2);
    let by = json!({"dialect": "videosdk", "call": "v1/remove-participant"});
    assert_eq!(events[0]["kind"], "removal_requested");
    assert_eq!(events[1]["kind"], "connections_closed");
    assert_eq!(events[1]["causation"], events[0]["position"]);
    for event in &events {
        assert_eq!(event["via"], by);
        assert_eq!(event["actor"]["id"], "devkey");
        assert!(event.to_string().contains("\"alice\""), "{event}");
    }
}

#[test]
fn sessions_outlive_their_room_under_its_own_id() {
    let server = Server::new();
    server.join("town", "alice");
    let before = server.fine(&application(), "GET", "/videosdk/v2/sessions", "");
    let before = &before["data"][0];
    let (session, room) = (before["id"].as_str().unwrap(), &before["roomId"]);
    server.fine(DAILY, "DELETE", "/daily/v1/rooms/town", "");
    shows_the_ended(&server, session, room);
    server.join("elsewhere", "bob");
    shows_the_ended(&server, session, room);
    let town = json!({"name": "town"}).to_string();
    server.fine(DAILY, "POST", "/daily/v1/rooms", &town);
    shows_the_ended(&server, session, room);
    server.join("town", "carol");
    shows_the_ended(&server, session, room);
}

/// Wherever VideoSDK and Daily show it.
fn shows_the_ended(server: &Server, session: &str, room: &Value) {
    let read = |path: &str| server.fine(&application(), "GET", path, "");
    let mut shown = vec![
        read(&format!("/videosdk/v2/sessions/{session}")),
        read(&format!("/videosdk/v1/meeting-sessions/{session}")),
    ];
    for list in [
        "v2/sessions",
        "v2/sessions?status=ended",
        "v1/meeting-sessions",
    ] {
        let all = read(&format!("/videosdk/{list}"))["data"].clone();
        let ours = |it: &&Value| it["id"] == session;
        shown.push(all.as_array().unwrap().iter().find(ours).unwrap().clone());
    }
    for shown in &shown {
        let id = shown.get("roomId").or_else(|| shown.get("meetingId"));
        assert_eq!(id, Some(room), "{shown}");
        assert_ne!(shown["end"], Value::Null, "{shown}");
        assert_eq!(shown["participants"][0]["participantId"], "alice");
    }
    let people = read(&format!("/videosdk/v2/sessions/{session}/participants"));
    assert_eq!(people["data"]["participants"][0]["participantId"], "alice");
    let active = read(&format!(
        "/videosdk/v2/sessions/{session}/participants/active"
    ));
    assert_eq!(active["data"][0]["participants"], json!([]));
    let meetings = server.fine(
        DAILY,
        "GET",
        "/daily/v1/meetings?room=town&ongoing=false",
        "",
    );
    assert_eq!(meetings["total_count"], 1);
    assert_eq!(meetings["data"][0]["participants"][0]["user_id"], "alice");
}

#[test]
fn a_room_is_met_by_its_videosdk_id_and_never_shadowed() {
    let server = Server::new();
    let town = json!({"customRoomId": "town", "allowedParticipantIds": ["alice"]}).to_string();
    let made = server.fine(&application(), "POST", "/videosdk/v2/rooms", &town);
    let id = made["roomId"].as_str().unwrap();
    let token = |who: &str| {
        let claims = json!({"permissions": ["allow_join"], "roles": ["rtc"], "version": 2,
            "roomId": id, "participantId": who});
        json!({"token": token(&claims), "connection": who, "reporter": "sfu"}).to_string()
    };
    let joins = format!("/api/v1/rooms/{id}/joins");
    let (status, refused) = server.call_as(&ledger(), "POST", &joins, &token("mallory"));
    assert_eq!(
        (status, &refused["type"]),
        (403, &json!("no-right")),
        "{refused}"
    );
    let (status, joined) = server.call_as(&ledger(), "POST", &joins, &token("alice"));
    assert_eq!((status, &joined["room"]), (201, &json!("town")), "{joined}");
    synced_by_id(&server, id);
    none_is_made(&server, id);
    for (read, of) in [("", "room"), ("/participants/alice", "identity")] {
        let by = |room: &str| format!("/api/v1/rooms/{room}{read}");
        let found = server.fine(&ledger(), "GET", &by(id), "");
        assert_eq!(
            found[of],
            server.fine(&ledger(), "GET", &by("town"), "")[of]
        );
    }
    let by = |room: &str| format!("/api/v1/events?room={room}&limit=100");
    let found = server.fine(&ledger(), "GET", &by(id), "");
    assert_eq!(found, server.fine(&ledger(), "GET", &by("town"), ""));
    let rooms = server.fine(&application(), "GET", "/videosdk/v2/rooms", "");
    assert_eq!(rooms["pageInfo"]["total"], 1, "{rooms}");
    assert_eq!(rooms["data"][0]["roomId"], id);
    assert_eq!(rooms["data"][0]["customRoomId"], "town");
}

/// A media server that knows the room by its id keeps who is inside.
fn synced_by_id(server: &Server, id: &str) {
    let sync = json!({"as_of": 1_000, "connections": [{"room": id, "connection": "alice"}]});
    let path = "/api/v1/reporters/sfu/sync";
    let synced = server.fine(&ledger(), "POST", path, &sync.to_string());
    assert_eq!(synced["closed"], json!([]));
    let leave = format!("/api/v1/rooms/{id}/connections/alice/interrupt");
    server.fine(&ledger(), "POST", &leave, "{}");
}

/// By no dialect, and each says so in its form.
fn none_is_made(server: &Server, id: &str) {
    let refusals = || {
        let path = "/api/v1/events?refused=true&limit=100";
        let all = server.fine(&ledger(), "GET", path, "");
        all["events"].as_array().unwrap().len()
    };
    let before = refusals();
    let one = json!({"name": id});
    let several = json!({"rooms": [{"name": "village"}, {"name": id}]});
    let other = json!({"room": "town", "identity": "alice", "destination_room": id});
    let may_move = bearer(&json!({"video": {"roomAdmin": true, "room": "town",
        "destinationRoom": id}}));
    let may_make = bearer(&json!({"video": {"roomCreate": true}}));
    for (caller, path, body, member, word) in [
        (
            DAILY,
            "/daily/v1/rooms",
            &one,
            "error",
            "invalid-request-error",
        ),
        (
            DAILY,
            "/daily/v1/batch/rooms",
            &several,
            "error",
            "invalid-request-error",
        ),
        (&may_make, CREATE_ROOM, &one, "code", "invalid_argument"),
        (
            &may_move,
            MOVE_PARTICIPANT,
            &other,
            "code",
            "invalid_argument",
        ),
    ] {
        let (status, answer) = server.call_as(caller, "POST", path, &body.to_string());
        assert_eq!(
            (status, &answer[member]),
            (400, &json!(word)),
            "{path}: {answer}"
        );
    }
    assert_eq!(refusals(), before + 4);
    let command = json!({"command": "create_room"}).to_string();
    let path = format!("/api/v1/rooms/{id}/commands");
    let there = server.fine(&ledger(), "POST", &path, &command);
    assert_eq!(there["events"][0]["room"], "town");
    assert_eq!(there["events"][0]["kind"], "no_effect");
    let path = "/api/v1/rooms/elsewhere/commands";
    server.join("elsewhere", "bob");
    let over = json!({"command": "move", "target": "identity:bob", "to_room": id}).to_string();
    server.fine(&ledger(), "POST", path, &over);
    let inside = server.fine(DAILY, "GET", "/daily/v1/rooms/town/presence", "");
    assert_eq!(inside["total_count"], 2, "{inside}");
    server.execute("elsewhere", roomledger::domain::Command::DeleteRoom);
}

#[test]
fn what_is_answered_is_what_is_recorded() {
    let server = Server::new();
    let town = json!({"name": "town"}).to_string();
    server.fine(DAILY, "POST", "/daily/v1/rooms", &town);
    let (status, taken) = server.call_as(DAILY, "POST", "/daily/v1/rooms", &town);
    assert_eq!(
        (status, &taken["error"]),
        (400, &json!("invalid-request-error"))
    );
    assert_eq!(audit(&server, 1)[0]["kind"], "command_refused");
    let refused = server.fine(&ledger(), "GET", "/api/v1/events?refused=true", "");
    assert_eq!(refused["events"].as_array().unwrap().len(), 1);

    let end = |body: Value| {
        let path = "/videosdk/v2/sessions/end";
        server.call("POST", path, &body.to_string()).0
    };
    let tolerant = json!({"roomId": "town", "ignoreClosed": true});
    assert_eq!(end(tolerant.clone()), 404, "it never had a session");
    assert_eq!(audit(&server, 1)[0]["kind"], "command_refused");
    server.join("town", "alice");
    assert_eq!(end(tolerant.clone()), 200);
    assert_eq!(audit(&server, 1)[0]["kind"], "session_ended");
    assert_eq!(end(tolerant), 200);
    assert_eq!(audit(&server, 1)[0]["kind"], "no_effect");
    let sessions = server.fine(&application(), "GET", "/videosdk/v2/sessions", "");
    let session = &sessions["data"][0]["id"];
    assert_eq!(
        end(json!({"sessionId": session, "ignoreClosed": true})),
        200
    );
    assert_eq!(audit(&server, 1)[0]["kind"], "no_effect");
    assert_eq!(end(json!({"sessionId": session})), 404);
    assert_eq!(audit(&server, 1)[0]["kind"], "command_refused");
}

#[test]
fn a_room_whose_time_is_over_is_gone_for_videosdk_too() {
    let server = Server::new();
    let dusk = json!({"name": "dusk", "properties": {"exp": 1_800_000_060}}).to_string();
    server.fine(DAILY, "POST", "/daily/v1/rooms", &dusk);
    server.join("dusk", "alice");
    let rooms = || server.fine(&application(), "GET", "/videosdk/v2/rooms", "")["data"].clone();
    let id = rooms()[0]["roomId"].as_str().unwrap().to_owned();
    server
        .engine
        .advance(std::time::Duration::from_mins(2))
        .unwrap();
    assert_eq!(rooms(), json!([]));
    for path in ["validate/dusk", "dusk", &format!("validate/{id}")] {
        let path = format!("/videosdk/v2/rooms/{path}");
        assert_eq!(server.call("GET", &path, "").0, 404, "{path}");
    }
    let again = json!({"customRoomId": "dusk"}).to_string();
    let (status, _) = server.call("POST", "/videosdk/v2/rooms", &again);
    assert_eq!(status, 403, "somebody is inside");
    let end = json!({"roomId": "dusk"}).to_string();
    server.fine(&application(), "POST", "/videosdk/v2/sessions/end", &end);
    let made = server.fine(&application(), "POST", "/videosdk/v2/rooms", &again);
    assert_ne!(made["roomId"], id.as_str());
    let bob = json!({"identity": "bob"}).to_string();
    let (status, _) = server.call_as(&ledger(), "POST", "/api/v1/rooms/dusk/joins", &bob);
    assert_eq!(status, 201, "it can be joined");
}

const GET_PARTICIPANT: &str = "/twirp/livekit.RoomService/GetParticipant";
const CREATE_ROOM: &str = "/twirp/livekit.RoomService/CreateRoom";
const MOVE_PARTICIPANT: &str = "/twirp/livekit.RoomService/MoveParticipant";
const UPDATE_PARTICIPANT: &str = "/twirp/livekit.RoomService/UpdateParticipant";
/// Daily's key is the secret itself.
const DAILY: &str = "Bearer secret";
