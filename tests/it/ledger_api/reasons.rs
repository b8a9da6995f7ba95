//! Every refusal that an event caused names that event, and not one that came after it.

use axum::http::Method;
use serde_json::{Value, json};

use super::support::Server;

/// What an attempt is refused with, and the event that is the reason.
struct Case {
    server: Server,
    /// The answer to the call whose last event is the reason.
    cause: Value,
    kind: &'static str,
}

impl Case {
    #[track_caller]
    fn new(server: Server, cause: Value, kind: &'static str) -> Self {
        // Another change, of a setting that refuses nobody.
        let other = json!({ "command": "update_room", "config": { "empty_timeout_s": 900 } });
        server.post("/rooms/r/commands", &other);
        Self {
            server,
            cause,
            kind,
        }
    }

    #[track_caller]
    fn refuses(&self, path: &str, body: &Value) {
        let answer = self.server.post(path, body);
        let refused = &answer.body;
        assert_eq!(refused["type"], self.kind, "{refused}");
        assert_eq!(refused["because"], self.cause["position"], "{refused}");
        let event = self
            .server
            .read(&format!("/events/{}", refused["position"]));
        assert_eq!(event["data"]["because"], json!([self.cause["position"]]));
        assert_eq!(event["data"]["detail"], refused["detail"]);
    }
}

fn command(name: &str) -> Value {
    json!({ "command": name })
}

fn settings(name: &str, config: &Value) -> Value {
    json!({ "command": name, "config": config })
}

#[test]
fn a_join_names_the_event_that_set_what_keeps_it_out() {
    let join = json!({ "identity": "bob" });
    for (config, wait_s, kind) in [
        (json!({ "disabled": true }), 0, "room-disabled"),
        (
            json!({ "not_before": "2027-02-01T00:00:00Z" }),
            0,
            "room-not-open",
        ),
        (
            json!({ "expires_at": "2027-01-15T08:00:30Z" }),
            60,
            "room-expired",
        ),
        (json!({ "max_participants": 1 }), 0, "room-full"),
    ] {
        for is_new in [true, false] {
            let server = Server::new();
            let cause = if is_new {
                server.command("r", &settings("create_room", &config))
            } else {
                server.command("r", &command("create_room"));
                if kind == "room-full" {
                    server.join("r", "alice");
                }
                server.command("r", &settings("update_room", &config))
            };
            if is_new && kind == "room-full" {
                server.join("r", "alice");
            }
            let case = Case::new(server, cause, kind);
            case.server.advance(wait_s);
            case.refuses("/rooms/r/joins", &join);
        }
    }
}

#[test]
fn a_command_names_the_event_that_left_nothing_to_act_on() {
    let remove = json!({ "command": "remove", "target": "identity:alice" });
    let check = |prepare: &dyn Fn(&Server) -> Value, kind, path: &str, body: &Value| {
        let server = Server::new();
        server.command("r", &command("create_room"));
        server.post(
            "/rooms/r/joins",
            &json!({ "identity": "alice", "connection": "c1" }),
        );
        let cause = prepare(&server);
        Case::new(server, cause, kind).refuses(path, body);
    };
    let leave = |server: &Server| {
        server
            .post("/rooms/r/connections/c1/leave", &json!({}))
            .expect(200)
    };
    let commands = "/rooms/r/commands";
    check(&leave, "no-such-participant", commands, &remove);
    check(
        &leave,
        "connection-closed",
        "/rooms/r/connections/c1/activate",
        &json!({}),
    );
    check(
        &|server| server.command("r", &command("end_session")),
        "no-open-session",
        commands,
        &json!({ "command": "set_session_data", "data": {} }),
    );
    check(
        &|server| server.command("r", &command("delete_room")),
        "no-such-room",
        commands,
        &remove,
    );
    check(
        &|server| {
            let body = json!({ "identity": "bob", "connection": "c2", "active": false });
            server.post("/rooms/r/joins", &body).expect(201)
        },
        "id-reused",
        "/rooms/r/joins",
        &json!({ "identity": "carol", "connection": "c2" }),
    );
    let unmute = json!({ "command": "mute_track", "target": "identity:alice", "track": "t",
        "muted": false });
    check(
        &|server| {
            let on = json!({ "enable_remote_unmute": true });
            server.command("r", &settings("update_room", &on));
            let off = json!({ "enable_remote_unmute": false });
            server.command("r", &settings("update_room", &off))
        },
        "remote-unmute-disabled",
        commands,
        &unmute,
    );
}

/// Publishes a track of alice's connection `c1`, takes it back, and gives the answer to that, and
/// the id by which answers named the track.
fn gone_track(server: &Server, sid: Option<&str>) -> (Value, String) {
    let tracks = "/rooms/r/connections/c1/tracks";
    let track = json!({ "sid": sid, "type": "audio", "source": "microphone" });
    let published = server.post(tracks, &track).expect(201);
    let sid = published["sid"].as_str().unwrap().to_owned();
    let path = format!("{tracks}/{sid}");
    let gone = server.send(Method::DELETE, &path, &[], Vec::new());
    (gone.expect(200), sid)
}

#[test]
fn a_command_on_a_track_that_is_gone_names_what_unpublished_it() {
    for sid in [Some("t1"), None] {
        let server = Server::new();
        let alice = json!({ "identity": "alice", "connection": "c1" });
        server.post("/rooms/r/joins", &alice).expect(201);
        let (cause, sid) = gone_track(&server, sid);
        let mute = json!({ "command": "mute_track", "target": "identity:alice", "track": sid,
            "muted": true });
        let case = Case::new(server, cause, "no-such-track");
        case.refuses("/rooms/r/commands", &mute);
        let never = json!({ "command": "mute_track", "target": "identity:alice", "track": "t2",
            "muted": true });
        let refused = case.server.post("/rooms/r/commands", &never).expect(404);
        assert_eq!(refused["because"], Value::Null, "no such track ever was");
    }
}

/// What happened in a session that is over is a reason still.
#[test]
fn ids_and_people_of_earlier_sessions_name_their_events() {
    let server = Server::new();
    let alice = json!({ "identity": "alice", "connection": "c1" });
    let joined = server.post("/rooms/r/joins", &alice).expect(201);
    let tracks = "/rooms/r/connections/c1/tracks";
    let track = json!({ "sid": "t1", "type": "audio", "source": "microphone" });
    let published = server.post(tracks, &track).expect(201);
    let opened = kind_at(&server, "connection_opened");
    server.command("r", &command("end_session"));
    let closed = kind_at(&server, "connections_closed");
    let unpublished = kind_at(&server, "tracks_unpublished");
    let bob = json!({ "identity": "bob", "connection": "c2" });
    server.post("/rooms/r/joins", &bob).expect(201);
    assert_ne!(joined["position"], json!(opened));
    let taken = json!({ "identity": "carol", "connection": "c1" });
    let target = json!({ "command": "remove", "target": "identity:alice" });
    let ban = json!({ "command": "remove", "target": "identity:alice", "ban": true });
    let mute = json!({ "command": "mute_track", "target": "identity:bob", "track": "t1",
        "muted": true });
    let again = "/rooms/r/connections/c2/tracks";
    let cases = [
        ("/rooms/r/joins", taken, "id-reused", opened),
        (
            again,
            track,
            "id-reused",
            published["position"].as_u64().unwrap(),
        ),
        ("/rooms/r/commands", target, "no-such-participant", closed),
        ("/rooms/r/commands", ban, "no-such-participant", closed),
        ("/rooms/r/commands", mute, "no-such-track", unpublished),
        (
            "/rooms/r/connections/c1/activate",
            json!({}),
            "no-such-connection",
            closed,
        ),
    ];
    for (path, body, kind, cause) in cases {
        let refused = server.post(path, &body).body;
        assert_eq!(refused["type"], kind, "{body} {refused}");
        assert_eq!(refused["because"], json!(cause), "{body} {refused}");
    }
}

fn kind_at(server: &Server, kind: &str) -> u64 {
    let events = server.events(&format!("room=r&kind={kind}"));
    events[0]["position"].as_u64().unwrap()
}

#[test]
fn a_conflict_names_the_latest_change() {
    let server = Server::new();
    let cause = server.command("r", &command("create_room"));
    let note = json!({ "command": "add_note", "about": "room", "text": "changes no state" });
    server.command("r", &note);
    let body = json!({ "command": "end_session", "expected_version": 0 });
    let refused = server.post("/rooms/r/commands", &body).expect(409);
    assert_eq!(refused["because"], cause["position"]);
}

/// A record of a refusal has an end, whatever its caller sent.
#[test]
fn a_refusal_keeps_little_of_a_long_word() {
    let server = Server::new();
    server.join("r", "alice");
    let long = "\u{e4}".repeat(100_000);
    for body in [
        json!({ "command": "remove", "target": format!("connection:{long}") }),
        json!({ "command": "mute_track", "target": "identity:alice", "track": long,
            "muted": true }),
        json!({ "command": long }),
        json!({ "command": "end_session", "as": long }),
    ] {
        let refused = server.post("/rooms/r/commands", &body);
        let event = server.read(&format!("/events/{}", refused.body["position"]));
        let data = event["data"].to_string();
        assert!(data.len() < 1_024, "{} bytes: {data}", data.len());
    }
}
