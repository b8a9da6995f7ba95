//! Answers to requests that are not read to their end: a client reads them, whatever it still
//! sends, and is told where the connection ends with them (RFC 9112, section 9.6).

use std::io::Write as _;
use std::net::Shutdown;

use crate::served::Served;
use crate::server_protection::{Header, Wire, head, header, token};

const COMMANDS: &str = "/api/v1/rooms/r/commands";

fn health() -> String {
    head("GET", "/healthz", &[])
}

/// An early answer to a request whose body is withheld, or comes all the same.
#[test]
fn an_answer_before_the_body_says_that_the_connection_ends() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    let (good, bad) = (format!("Bearer {}", token()), "Bearer x.y.z".to_owned());
    let create = "/twirp/livekit.RoomService/CreateRoom";
    let json = ("Content-Type", "application/json");
    let packed = ("Content-Encoding", "gzip");
    let cases: &[(&str, &str, &str, &[Header<'_>], u16)] = &[
        ("POST", COMMANDS, &bad, &[json], 401),
        ("POST", create, &bad, &[json], 401),
        ("POST", "/daily/v1/rooms", &bad, &[json], 401),
        ("POST", "/videosdk/v2/rooms", &bad, &[json], 401),
        ("POST", COMMANDS, &good, &[json, packed], 415),
        ("POST", "/nowhere", &good, &[json], 404),
        ("POST", "/api/v1/nowhere", &good, &[json], 404),
        ("PUT", COMMANDS, &good, &[json], 405),
        ("GET", "/healthz", &good, &[], 200),
    ];
    for (method, path, bearer, more, status) in cases {
        for length in ["20", "5000000", "99999999999"] {
            let mut headers = vec![("Authorization", *bearer), ("Content-Length", length)];
            headers.extend_from_slice(more);
            let mut wire = Wire::open(&served);
            wire.send(head(method, path, &headers).as_bytes());
            let (told, head, _) = wire.answer();
            assert_eq!(told, *status, "{method} {path} {length}: {head}");
            let close = header(&head, "connection");
            assert_eq!(
                close.as_deref(),
                Some("close"),
                "{method} {path} {length}: {head}"
            );
            // What is sent now is dropped, and answers nothing.
            wire.send(health().as_bytes());
            assert_eq!(wire.rest(), "", "{method} {path} {length}");
        }
        // A small body that is there is read off, and the connection goes on.
        let mut headers = vec![("Authorization", *bearer), ("Content-Length", "20")];
        headers.extend_from_slice(more);
        let mut wire = Wire::open(&served);
        wire.send(format!("{}{}", head(method, path, &headers), " ".repeat(20)).as_bytes());
        let (told, head, _) = wire.answer();
        assert_eq!(told, *status, "{method} {path}: {head}");
        if header(&head, "connection").is_none() {
            wire.send(health().as_bytes());
            assert_eq!(wire.status(), Some(200), "{method} {path}");
        }
    }
}

/// A client that sends all of a large body before it reads anything gets the status.
#[test]
fn an_early_answer_arrives_at_who_sends_on() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    let (good, bad) = (format!("Bearer {}", token()), "Bearer x.y.z".to_owned());
    let body = vec![b' '; 11 << 20];
    let create = "/twirp/livekit.RoomService/CreateRoom";
    for (path, bearer, bytes, status) in [
        (COMMANDS, &bad, 5 << 20, 401),
        (COMMANDS, &good, 11 << 20, 413),
        (create, &bad, 5 << 20, 401),
        (create, &good, 11 << 20, 413),
        ("/daily/v1/rooms", &bad, 11 << 20, 401),
        ("/videosdk/v2/rooms", &bad, 2 << 20, 401),
        ("/nowhere", &good, 11 << 20, 404),
    ] {
        for is_chunked in [false, true] {
            let length = bytes.to_string();
            let framing = if is_chunked {
                ("Transfer-Encoding", "chunked")
            } else {
                ("Content-Length", length.as_str())
            };
            let json = ("Content-Type", "application/json");
            let headers = [("Authorization", bearer.as_str()), json, framing];
            let mut wire = Wire::open(&served);
            let mut send = |bytes: &[u8]| wire.0.write_all(bytes).expect("it is taken");
            send(head("POST", path, &headers).as_bytes());
            for piece in body[..bytes].chunks(1 << 20) {
                if is_chunked {
                    send(format!("{:x}\r\n", piece.len()).as_bytes());
                }
                send(piece);
                if is_chunked {
                    send(b"\r\n");
                }
            }
            if is_chunked {
                send(b"0\r\n\r\n");
            }
            let told = wire.status();
            assert_eq!(told, Some(status), "{path} {bytes} chunked: {is_chunked}");
        }
    }
}

/// Heads that are no HTTP are answered too, to who sends on.
#[test]
fn a_head_too_large_is_told_so_to_who_sends_on() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    let long = "x".repeat(900_000);
    let mut wire = Wire::open(&served);
    let request = head("GET", "/healthz", &[("X-Long", &long)]);
    wire.0.write_all(request.as_bytes()).expect("it is taken");
    assert_eq!(wire.status(), Some(431));
}

#[test]
fn who_has_sent_all_and_closed_that_side_is_answered() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    let bearer = format!("Bearer {}", token());
    let made = r#"{"command":"create_room"}"#;
    let length = made.len().to_string();
    let writes = [
        ("Authorization", bearer.as_str()),
        ("Content-Length", &length),
    ];
    let reads = &writes[..1];
    for (request, status) in [
        (head("GET", "/healthz", &[]), 200),
        (format!("{}{made}", head("POST", COMMANDS, &writes)), 200),
        (head("GET", "/api/v1/rooms", reads), 200),
        (head("GET", "/api/v1/rooms", &[]), 401),
        (head("GET", "/api/v1/stream?after=0", reads), 200),
    ] {
        let mut wire = Wire::open(&served);
        wire.send(request.as_bytes());
        wire.0.shutdown(Shutdown::Write).expect("half a connection");
        assert_eq!(wire.status(), Some(status), "{request}");
    }
}
