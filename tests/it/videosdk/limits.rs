//! What VideoSDK's calls may cost, and how they are counted.

use axum::body::Body;
use axum::http::Request;
use roomledger::dialect::videosdk::BODY_BYTES_MAX;

use super::support::{Server, application};

#[test]
fn a_key_calls_only_so_often() {
    let server = Server::limited(Some("1/s:2".parse().unwrap()));
    let ask = || {
        let request = Request::get("/videosdk/v2/rooms").header("Authorization", application());
        server.send(request.body(Body::empty()).unwrap())
    };
    let statuses: Vec<u16> = (0..3).map(|_| ask().0.status.as_u16()).collect();
    assert_eq!(statuses, [200, 200, 429]);
    let (head, body) = ask();
    assert_eq!(head.headers["retry-after"], "1");
    let body = String::from_utf8(body).unwrap();
    assert!(body.contains("\"code\":\"overloaded\""), "{body}");
}

#[test]
fn calls_are_counted_by_their_names() {
    let server = Server::new();
    server.call("GET", "/videosdk/v2/rooms/", "");
    server.call("GET", "/videosdk/v2/rooms/nowhere", "");
    server.call("GET", "/videosdk/v2/any/other/path", "");
    let (_, text) = server.send(Request::get("/metrics").body(Body::empty()).unwrap());
    let text = String::from_utf8(text).unwrap();
    for (call, status) in [
        ("v2/fetch-rooms", 200),
        ("v2/fetch-room", 404),
        ("other", 404),
    ] {
        let line = format!("dialect=\"videosdk\",call=\"{call}\",status=\"{status}\"}} 1");
        assert!(text.contains(&line), "{line}: {text}");
    }
}

#[test]
fn a_body_is_read_up_to_its_limit() {
    let server = Server::new();
    let frame = r#"{"customRoomId":"town","more":""}"#;
    let filling = "x".repeat(BODY_BYTES_MAX - frame.len());
    let whole = frame.replace("\"\"", &format!("\"{filling}\""));
    assert_eq!(whole.len(), BODY_BYTES_MAX);
    let (status, body) = server.call("POST", "/videosdk/v2/rooms", &whole);
    assert_eq!(status, 200, "{body}");
    let (status, body) = server.call("POST", "/videosdk/v2/rooms", &format!("{whole} "));
    assert_eq!((status, body["code"].as_str()), (413, Some("too-large")));
}
