//! A session ends, and the next begins, while a call about it is on its way. The catalogue that
//! finds sessions is one of another log, which has not come that far: so the moment between look
//! and write is as long as it need be.

use std::sync::Arc;

use axum::Router;
use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::catalogue::SharedCatalogue;
use roomledger::dialect::daily::{self, Daily};
use roomledger::dialect::metrics::Requests;
use roomledger::dialect::videosdk::{self, VideoSdk};
use roomledger::domain::{Command, Kind, Room};
use roomledger::engine::SeededIds;

use super::support::{Server, application};

/// A server whose room is in its second session, while its catalogue knows the first alone; and the
/// first one's id, as VideoSDK and as Daily write it.
fn behind() -> (Server, String, String) {
    let (mut server, before) = (Server::new(), Server::new());
    for server in [&server, &before] {
        server.join("town", "alice");
    }
    let first = before.engine.live_rooms().remove(0);
    let id = first.open_session().unwrap().id;
    server.execute("town", Command::EndSession);
    server.join("town", "alice");
    server.join("town", "bob");
    let catalogue = SharedCatalogue::new((*before.engine).clone());
    let (engine, keys) = ((*server.engine).clone(), Arc::new(KeyRing::dev()));
    let ids = Arc::new(SeededIds::new(1));
    let (keys_too, ids_too) = (Arc::clone(&keys), Arc::clone(&ids));
    let daily = Daily::new(engine.clone(), keys_too, catalogue.clone(), ids_too);
    let dialect = VideoSdk::new(engine, keys, catalogue, ids);
    server.router = Router::new()
        .merge(daily::router(daily, Requests::default()))
        .merge(videosdk::router(dialect));
    (server, id.object_id(), id.uuid().to_string())
}

#[test]
fn a_write_to_a_session_never_meets_the_next() {
    let (server, id, _) = behind();
    let second = server.engine.live_rooms();
    let at = server.engine.head();
    let ids = format!(r#"{{"sessionId": "{id}", "participantId": "alice"}}"#);
    let person = r#"{"participantId": "alice"}"#;
    for (path, body) in [
        ("v2/sessions/end".to_owned(), ids.as_str()),
        ("v2/sessions/participants/remove".to_owned(), &ids),
        (format!("v1/meeting-sessions/{id}/end"), ""),
        (
            format!("v1/meeting-sessions/{id}/remove-participant"),
            person,
        ),
    ] {
        let (status, answer) = server.call("POST", &format!("/videosdk/{path}"), body);
        assert_eq!((status, &answer["type"]), (404, &"no-open-session".into()));
        assert_eq!(
            answer["message"],
            format!("session {id:?} is over"),
            "{path}"
        );
    }
    let records = server.engine.store().read_all(at, 100).unwrap();
    let kinds: Vec<Kind> = records.iter().map(|it| it.event.event.kind()).collect();
    assert_eq!(kinds, [Kind::CommandRefused; 4]);
    let session = |rooms: &[Arc<Room>]| rooms[0].session.clone();
    assert_eq!(session(&server.engine.live_rooms()), session(&second));
}

#[test]
fn a_read_of_a_session_never_shows_the_next() {
    let (server, id, meeting) = behind();
    let reads = [
        ("", format!("videosdk/v2/sessions/{id}"), "/participants"),
        (
            "",
            format!("videosdk/v2/sessions/{id}/participants/active"),
            "/data/0/participants",
        ),
        (
            "Bearer secret",
            format!("daily/v1/meetings/{meeting}/participants"),
            "/data",
        ),
    ];
    for (key, path, people) in reads {
        let key = if key.is_empty() {
            application()
        } else {
            key.to_owned()
        };
        let answer = server.fine(&key, "GET", &format!("/{path}"), "");
        let people = answer.pointer(people).unwrap().as_array().unwrap();
        assert_eq!(people.len(), 1, "{path}: {answer}");
    }
}
