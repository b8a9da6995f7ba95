//! The end of a stream with the token that it was opened with (docs/api.md).

use std::future::poll_fn;
use std::pin::Pin;

use axum::body::{Body, HttpBody as _};
use axum::http::Request;
use roomledger::dialect::auth::claims::{Grants, LedgerGrant};
use tower::ServiceExt as _;

use super::support::Server;

/// What the token of the test server is good for: an hour, and a minute for clocks that differ.
const GOOD_S: u64 = 3_660;

#[test]
fn a_stream_ends_with_its_token_and_goes_on_with_a_new_one() {
    let server = Server::new();
    server.join("town", "alice");
    let all = Grants {
        ledger: LedgerGrant {
            audit: true,
            ..LedgerGrant::default()
        },
        ..Grants::default()
    };
    let open = |last: Option<&str>| {
        let bearer = format!("Bearer {}", server.token(&all));
        let mut request = Request::get("/api/v1/stream?room=town").header("authorization", bearer);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        let request = request.body(Body::empty()).unwrap();
        let answer = server.router.clone().oneshot(request);
        let answer = server.runtime.block_on(answer).unwrap();
        assert_eq!(answer.status(), 200);
        answer.into_body()
    };
    let mut stream = open(None);
    assert_eq!(
        read_text(&server, &mut stream).as_deref(),
        Some(": still here\n\n")
    );
    server.advance(GOOD_S - 1);
    server.join("town", "bob");
    let event = read_text(&server, &mut stream).unwrap();
    assert!(
        event.contains("\"bob\""),
        "a second before its end: {event}"
    );
    let id = event
        .lines()
        .find_map(|line| line.strip_prefix("id: "))
        .unwrap();
    server.advance(1);
    server.join("town", "carol");
    let end = read_text(&server, &mut stream).unwrap();
    assert!(end.starts_with("event: stream_ended\ndata: {"), "{end}");
    assert!(end.contains("\"type\":\"token-expired\""), "{end}");
    assert!(!end.contains("carol") && !end.contains("id:"), "{end}");
    assert_eq!(read_text(&server, &mut stream), None);
    // With a new token nothing is missing.
    let mut stream = open(Some(id));
    read_text(&server, &mut stream);
    let event = read_text(&server, &mut stream).unwrap();
    assert!(event.contains("\"carol\""), "{event}");
}

/// The next piece of an answer; none at its end.
fn read_text(server: &Server, body: &mut Body) -> Option<String> {
    let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context));
    let frame = server.runtime.block_on(frame)?;
    let bytes = frame.unwrap().into_data().unwrap();
    Some(String::from_utf8(bytes.to_vec()).unwrap())
}
