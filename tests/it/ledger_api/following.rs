//! A follower who begins far behind: it sees what pages of events show, field by field, and what it
//! costs is to read each record once and to hand on large pieces.

use std::fmt::Write as _;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::body::{Body, HttpBody as _};
use axum::http::Request;
use roomledger::dialect::auth::claims::{Grants, LedgerGrant};
use roomledger::domain::command::Join;
use roomledger::domain::{Command, Identity, RoomName};
use roomledger::engine::EngineConfig;
use roomledger::store::{EventStore, MemoryStore, Position};
use roomledger::testing::front::Fronted;
use roomledger::testing::virtual_time;
use serde_json::Value;
use tower::ServiceExt as _;

use super::support::{Counting, Server};

/// A server whose followers read the log, with more events than are shown to several at once.
fn server() -> (Server, Arc<Fronted<Counting<MemoryStore>>>) {
    let log = Arc::new(Fronted(Counting::default()));
    let config = EngineConfig {
        tail_bytes_max: 0,
        ..EngineConfig::default()
    };
    let server = Server::on(Arc::clone(&log) as Arc<dyn EventStore>, config);
    for number in 0..JOINS {
        let room = RoomName::new(&format!("room {}", number % ROOMS)).unwrap();
        let who = Identity::new(&format!("person {number}")).unwrap();
        let join = virtual_time::call(&room, Command::Join(Join::new(who)));
        server.engine.execute_blocking(join).unwrap();
    }
    (server, log)
}

/// The pieces of the stream after a position, up to the last event.
fn pieces(server: &Server, after: u64) -> Vec<String> {
    let all = Grants {
        ledger: LedgerGrant {
            audit: true,
            ..LedgerGrant::default()
        },
        ..Grants::default()
    };
    let request = Request::builder()
        .uri(format!("/api/v1/stream?after={after}"))
        .header("authorization", format!("Bearer {}", server.token(&all)));
    let request = request.body(Body::empty()).unwrap();
    let end = format!("id: {}-", server.engine.head());
    server.runtime.block_on(async {
        let response = server.router.clone().oneshot(request).await.unwrap();
        let mut body = pin!(response.into_body());
        let mut pieces: Vec<String> = Vec::new();
        while !pieces.last().is_some_and(|piece| piece.contains(&end)) {
            let frame = poll_fn(|context| body.as_mut().poll_frame(context)).await;
            let bytes = frame.unwrap().unwrap().into_data().unwrap();
            pieces.push(String::from_utf8(bytes.to_vec()).unwrap());
        }
        pieces
    })
}

/// What a stream has to send after a position, from pages of events and the chain of the log.
fn expected(server: &Server, after: u64) -> String {
    let mut text = ": still here\n\n".to_owned();
    let mut place = after;
    loop {
        let page = server.read(&format!("/events?after={place}&limit=1000"));
        for event in page["events"].as_array().unwrap() {
            let position = event["position"].as_u64().unwrap();
            let commit = server.engine.store().commit_of(Position(position)).unwrap();
            let chain = &commit.chain.to_string()[..8];
            let kind = event["kind"].as_str().unwrap();
            write!(
                text,
                "id: {position}-{chain}\nevent: {kind}\ndata: {event}\n\n"
            )
            .unwrap();
        }
        let Some(next) = page["next"].as_u64() else {
            return text;
        };
        place = next;
    }
}

/// The same with the fields of each event in the order of their names.
fn sorted(text: &str) -> String {
    let lines = text.split_inclusive('\n').map(|line| {
        let data = line.strip_prefix("data: ").map(serde_json::from_str);
        data.map_or_else(
            || line.to_owned(),
            |data: Result<Value, _>| format!("data: {}\n", data.unwrap()),
        )
    });
    lines.collect()
}

#[test]
fn whoever_catches_up_reads_each_record_once_in_large_pieces() {
    let (server, log) = server();
    let head = server.engine.head().0;
    // Far behind, where old and recent meet, among the recent, and at the last event.
    for after in [0, head - 5_000, head - 4_097, head - 300, head - 1] {
        let before = log.0.records.load(Ordering::Relaxed);
        let pieces = pieces(&server, after);
        let records = log.0.records.load(Ordering::Relaxed) - before;
        let text = pieces.concat();
        assert_eq!(sorted(&text), expected(&server, after), "after {after}");
        let fewest = text.len() / PIECE_BYTES;
        assert!(
            pieces.len() <= fewest + fewest / 2 + 3,
            "{} pieces",
            pieces.len()
        );
        assert!(pieces.iter().all(|piece| piece.len() < PIECE_BYTES + 4_096));
        let events = usize::try_from(head - after).unwrap();
        // The names of each room are read on once.
        let names = if after == 0 { events } else { 0 };
        assert!(records <= events + names + SPARE, "{records} of {events}");
    }
}

const ROOMS: u64 = 20;
const JOINS: u64 = 3_000;
const PIECE_BYTES: usize = 64 * 1024;
/// A follower that had no turn for a moment counts as slow, and reads again what was at hand.
const SPARE: usize = 1_024;
