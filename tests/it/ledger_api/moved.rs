//! Moves, subscriptions and bounds as callers meet them, through the router.

use axum::http::Method;
use serde_json::{Value, json};

use super::support::{Answer, Server};

fn join(server: &Server, room: &str, who: &str, id: &str) {
    let body = json!({ "identity": who, "connection": id, "reporter": "sfu" });
    let answer = server.post(&format!("/rooms/{room}/joins"), &body);
    answer.expect(201);
}

fn publish(server: &Server, room: &str, id: &str, track: &str) -> Answer {
    let body = json!({ "type": "audio", "source": "microphone", "sid": track });
    server.post(&format!("/rooms/{room}/connections/{id}/tracks"), &body)
}

fn subscribe(server: &Server, target: &str, tracks: &[&str], subscribe: bool) -> Value {
    let body = json!({ "command": "update_subscriptions", "target": target, "tracks": tracks,
        "subscribe": subscribe });
    server.command("town", &body)
}

/// What is shown of the subscriptions of a connection, now or at a position.
fn shown(server: &Server, who: &str, query: &str) -> Value {
    let person = server.read(&format!("/rooms/town/participants/{who}{query}"));
    person["connections"][0]["subscriptions"].clone()
}

/// Each entry lasts as long as the track, and as the connection.
#[test]
fn what_an_admin_had_somebody_receive_is_shown_as_long_as_it_holds() {
    let server = Server::new();
    join(&server, "town", "pub", "p1");
    join(&server, "town", "sub", "s1");
    for track in ["mic1", "mic2"] {
        publish(&server, "town", "p1", track).expect(201);
    }
    assert_eq!(shown(&server, "sub", ""), json!([]));
    subscribe(&server, "identity:sub", &["mic2", "mic1"], false);
    let at = subscribe(&server, "identity:sub", &["mic2"], true)["position"].clone();
    let both = json!([
        { "track": "mic1", "subscribed": false },
        { "track": "mic2", "subscribed": true }
    ]);
    assert_eq!(shown(&server, "sub", ""), both);
    assert_eq!(shown(&server, "pub", ""), json!([]));
    let room = server.read("/rooms/town");
    assert_eq!(
        room["participants"][1]["connections"][0]["subscriptions"],
        both
    );
    let gone = json!({});
    let path = "/rooms/town/connections/p1/tracks/mic1";
    server
        .send(Method::DELETE, path, &[], Vec::new())
        .expect(200);
    let one = json!([{ "track": "mic2", "subscribed": true }]);
    assert_eq!(shown(&server, "sub", ""), one);
    server
        .post("/rooms/town/connections/s1/leave", &gone)
        .expect(200);
    assert_eq!(shown(&server, "sub", ""), json!([]));
    assert_eq!(shown(&server, "sub", &format!("?at={at}")), both);
}

/// One command may not hold up the others: what it does for each pair is bounded beforehand.
#[test]
fn subscriptions_of_many_to_many_are_bounded_by_their_product() {
    let server = Server::new();
    for at in 0..101 {
        join(&server, "town", &format!("p{at}"), &format!("c{at}"));
    }
    publish(&server, "town", "c0", "mic").expect(201);
    let tracks =
        |count: usize| -> Vec<String> { (0..count).map(|at| format!("mic{at}")).collect() };
    let body = |count| {
        json!({ "command": "update_subscriptions", "target": "*", "tracks": tracks(count),
            "subscribe": false })
    };
    // 101 times 990 are 99,990.
    let refused = server.post("/rooms/town/commands", &body(991)).expect(422);
    assert_eq!(refused["type"], "too-many");
    assert!(
        refused["detail"].as_str().unwrap().contains("100091"),
        "{refused}"
    );
    server.command("town", &body(990));
}

#[test]
fn a_leave_after_a_move_there_and_back_ends_the_stint() {
    let server = Server::new();
    join(&server, "a", "alice", "c1");
    for (from, to) in [("a", "b"), ("b", "a")] {
        let body = json!({ "command": "move", "target": "identity:alice", "to_room": to });
        server.command(from, &body);
    }
    let alice = server.read("/rooms/a/participants/alice");
    assert_eq!(alice["connections"][0]["connection"], "c1");
    assert_eq!(alice["live"], true);
    server
        .post("/rooms/a/connections/c1/leave", &json!({}))
        .expect(200);
    assert_eq!(server.read("/rooms/a/participants/alice")["live"], false);
}

/// A guest with the right to join, or a media server, cannot fill the room with words.
#[test]
fn a_word_of_a_report_beyond_its_bound_is_refused_with_both_figures() {
    let server = Server::new();
    join(&server, "town", "alice", "a1");
    let long = |bytes| "x".repeat(bytes);
    let body = json!({ "type": "audio", "source": "microphone", "mime_type": long(256) });
    let path = "/rooms/town/connections/a1/tracks";
    let refused = server.post(path, &body).expect(413);
    let sentence = "mime_type has 256 bytes, at most 255 are allowed";
    assert_eq!(refused["detail"], sentence);
    let body = json!({ "identity": "bob", "reporter": long(257) });
    let refused = server.post("/rooms/town/joins", &body).expect(413);
    let sentence = "reporter has 257 bytes, at most 256 are allowed";
    assert_eq!(refused["detail"], sentence);
}
