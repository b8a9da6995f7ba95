//! Webhooks as the SDK's own receiver takes them: signed, decoded, in order.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use livekit_api::access_token::TokenVerifier;
use livekit_api::services::room::{CreateRoomOptions, RoomClient};
use livekit_api::webhooks::WebhookReceiver;
use livekit_protocol::{DisconnectReason, WebhookEvent};
use roomledger_clients::{KEY, Room, SECRET, Value, unset};

/// Every request so far: token and body. Other suites' rooms are told here too.
type Seen = Arc<Mutex<Vec<(String, String)>>>;

fn listen() -> Seen {
    let port = std::env::var("ROOMLEDGER_HOOK_PORT_RUST").expect("a port from tests/clients/run");
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).expect("the port is free");
    let seen = Seen::default();
    let into = Arc::clone(&seen);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let into = Arc::clone(&into);
            thread::spawn(move || converse(stream, &into));
        }
    });
    seen
}

/// Takes every request of a connection.
fn converse(mut stream: TcpStream, into: &Seen) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    loop {
        let (mut token, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            reader
                .read_line(&mut line)
                .ok()
                .filter(|bytes| *bytes > 0)?;
            let line = line.trim_end();
            match line.split_once(": ") {
                Some(("authorization", value)) => token = value.to_owned(),
                Some(("content-length", value)) => length = value.parse().ok()?,
                Some(_) => {}
                None if line.is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        into.lock()
            .expect("the list")
            .push((token, String::from_utf8(body).ok()?));
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            .ok()?;
    }
}

/// The first `count` webhooks of a room; waits for them.
fn told(seen: &Seen, room: &str, count: usize) -> Vec<(String, String)> {
    for _ in 0..3_000 {
        let mut of_room = seen.lock().expect("the list").clone();
        of_room.retain(|(_, body)| {
            let body: Value = serde_json::from_str(body).expect("JSON");
            body["room"]["name"] == room
        });
        if of_room.len() >= count {
            return of_room;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{count} webhooks of {room} never came: {seen:?}");
}

#[tokio::test]
async fn the_sdk_takes_every_webhook_of_a_room_in_order() {
    let seen = listen();
    let room = Room::with_hooks("hooks");
    let client = RoomClient::with_api_key(&room.url, KEY, SECRET);
    let made = client
        .create_room(&room.name, CreateRoomOptions::default())
        .await
        .expect("a room");
    let joined = room.join("alice", unset());
    let sid = room.publish(&joined, "microphone", false);
    client
        .remove_participant(&room.name, "alice")
        .await
        .expect("removed");
    client.delete_room(&room.name).await.expect("deleted");
    let hooks = told(&seen, &room.name, 6);

    let receiver = WebhookReceiver::new(TokenVerifier::with_api_key(KEY, SECRET));
    let take = |(token, body): &(String, String)| receiver.receive(body, token).expect("taken");
    let events: Vec<WebhookEvent> = hooks.iter().map(take).collect();
    let kinds: Vec<&str> = events.iter().map(|event| event.event.as_str()).collect();
    let expected = [
        "room_started",
        "participant_joined",
        "track_published",
        "track_unpublished",
        "participant_left",
        "room_finished",
    ];
    assert_eq!(kinds, expected);
    for event in &events {
        assert!(
            event.id.starts_with("EV_") && event.id.len() == 15,
            "{}",
            event.id
        );
        assert!(event.created_at > 1_700_000_000);
        assert_eq!(event.room.as_ref().map(|room| &room.sid), Some(&made.sid));
    }
    let track = events[2].track.as_ref().expect("a track");
    assert_eq!(track.sid, sid);
    let left = events[4].participant.as_ref().expect("a participant");
    assert_eq!(
        left.disconnect_reason(),
        DisconnectReason::ParticipantRemoved
    );

    let (token, body) = &hooks[0];
    assert!(
        receiver.receive(&format!("{body} "), token).is_err(),
        "a changed body"
    );
    let other = TokenVerifier::with_api_key(KEY, "another secret, as long as it has to be");
    assert!(
        WebhookReceiver::new(other).receive(body, token).is_err(),
        "another secret"
    );
}
