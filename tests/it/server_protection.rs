//! What callers of a real server can make it hold: bodies, heads, connections, time. Each bound is
//! met at its edge, and whoever keeps to them is answered meanwhile.

use std::fmt::Write as _;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};

use roomledger::dialect::auth::claims::{Grants, LedgerGrant, VideoGrant};
use roomledger::dialect::auth::keys::Secret;
use roomledger::dialect::auth::token::mint;
use roomledger::engine::{Clock, SystemClock};

use crate::served::{Caller, LONGEST, Served, output, roomledger};

/// As both dialects limit them.
const BODY_BYTES_MAX: usize = 10 << 20;
const COMMANDS: &str = "/api/v1/rooms/r/commands";
const CREATE_ROOM: &str = "/twirp/livekit.RoomService/CreateRoom";

/// A token for all that these tests do, through either dialect.
pub(crate) fn token() -> String {
    let grants = Grants {
        video: Some(VideoGrant {
            room_create: true,
            room_list: true,
            ..VideoGrant::default()
        }),
        ledger: LedgerGrant {
            report: true,
            admin: true,
            audit: true,
            room: None,
        },
        ..Grants::default()
    };
    let now_s = SystemClock::new().wall().seconds();
    mint(&grants, "devkey", &Secret::new("secret"), now_s, 3_600).expect("a token")
}

/// One connection, spoken to in bytes.
pub(crate) struct Wire(pub(crate) TcpStream);

impl Wire {
    pub(crate) fn open(served: &Served) -> Self {
        let stream = TcpStream::connect(served.address()).expect("a server");
        // What never comes fails the test, and does not hang it.
        stream.set_read_timeout(Some(LONGEST)).expect("a timeout");
        stream.set_write_timeout(Some(LONGEST)).expect("a timeout");
        Wire(stream)
    }

    /// Sends what the server may refuse to take.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    /// Status and head of the next answer, and its body as far as its length is told.
    pub(crate) fn answer(&mut self) -> (u16, String, Vec<u8>) {
        let head = self.head().expect("a head");
        let mut body = vec![0; header(&head, "content-length").map_or(0, |it| it.parse().unwrap())];
        self.0.read_exact(&mut body).expect("a body");
        (status(&head), head.to_ascii_lowercase(), body)
    }

    /// The status of the next answer; none where the server closes before it.
    pub(crate) fn status(&mut self) -> Option<u16> {
        let closed = [
            ErrorKind::UnexpectedEof,
            ErrorKind::ConnectionReset,
            ErrorKind::BrokenPipe,
        ];
        match self.head() {
            Ok(head) => Some(status(&head)),
            Err(error) => {
                assert!(closed.contains(&error.kind()), "{error}");
                None
            }
        }
    }

    fn head(&mut self) -> std::io::Result<String> {
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") {
            self.0.read_exact(&mut byte)?;
            head.extend(byte);
        }
        Ok(String::from_utf8(head).expect("a head in UTF-8"))
    }

    /// All that comes until the server closes.
    pub(crate) fn rest(&mut self) -> String {
        let mut rest = Vec::new();
        match self.0.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
        String::from_utf8_lossy(&rest).into_owned()
    }
}

fn status(head: &str) -> u16 {
    let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
    status.expect("a status")
}

/// A header, its name and its value.
pub(crate) type Header<'a> = (&'a str, &'a str);

pub(crate) fn header(head: &str, name: &str) -> Option<String> {
    let mut fields = head.lines().filter_map(|line| line.split_once(':'));
    let found = fields.find(|(given, _)| given.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.trim().to_owned())
}

pub(crate) fn head(method: &str, path: &str, headers: &[(&str, &str)]) -> String {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n");
    for (name, value) in headers {
        write!(head, "{name}: {value}\r\n").expect("a string takes anything");
    }
    head + "\r\n"
}

fn post(path: &str, bearer: &str, more: &[(&str, &str)]) -> String {
    let mut headers = vec![
        ("Authorization", bearer),
        ("Content-Type", "application/json"),
    ];
    headers.extend_from_slice(more);
    head("POST", path, &headers)
}

/// Somebody else gets an answer.
#[track_caller]
fn assert_serves(served: &Served) {
    let answer = Caller::new(&served.url).get("/api/v1/rooms");
    assert_eq!(answer.expect("an answer").status, 200);
}

/// JSON with blanks behind it, so long in all.
fn padded(path: &str, bytes: usize) -> Vec<u8> {
    let json = if path == COMMANDS {
        r#"{"command":"create_room"}"#
    } else {
        r#"{"name":"r"}"#
    };
    let mut body = json.as_bytes().to_vec();
    body.resize(bytes, b' ');
    body
}

#[test]
fn bodies_are_taken_up_to_ten_mib_and_no_byte_more() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    let bearer = format!("Bearer {}", token());
    for path in [COMMANDS, CREATE_ROOM] {
        let whole = padded(path, BODY_BYTES_MAX);
        let length = whole.len().to_string();
        let mut wire = Wire::open(&served);
        wire.send(post(path, &bearer, &[("Content-Length", &length)]).as_bytes());
        wire.send(&whole);
        assert_eq!(wire.answer().0, 200, "{path}: at the limit");

        // One that says itself that it is too large is refused before any of it is sent.
        let length = (BODY_BYTES_MAX + 1).to_string();
        let mut wire = Wire::open(&served);
        wire.send(post(path, &bearer, &[("Content-Length", &length)]).as_bytes());
        let (status, _, body) = wire.answer();
        assert_eq!(status, 413, "{path}: declared above it");
        let text = String::from_utf8_lossy(&body);
        assert!(text.contains("10485760 bytes"), "{text}");

        // One without a length is read up to the limit.
        for (bytes, expected) in [(BODY_BYTES_MAX, 200), (BODY_BYTES_MAX + 1, 413)] {
            let mut wire = Wire::open(&served);
            let chunked = [("Transfer-Encoding", "chunked")];
            wire.send(post(path, &bearer, &chunked).as_bytes());
            for chunk in padded(path, bytes).chunks(1 << 20) {
                wire.send(format!("{:x}\r\n", chunk.len()).as_bytes());
                wire.send(chunk);
                wire.send(b"\r\n");
            }
            wire.send(b"0\r\n\r\n");
            assert_eq!(wire.answer().0, expected, "{path}: {bytes} in chunks");
        }

        // Nobody unknown makes the server wait for a body.
        let length = BODY_BYTES_MAX.to_string();
        for (bearer, length) in [("Bearer x.y.z", &length), ("Basic x", &length)] {
            let mut wire = Wire::open(&served);
            wire.send(post(path, bearer, &[("Content-Length", length)]).as_bytes());
            assert_eq!(wire.answer().0, 401, "{path} {bearer}");
        }
    }
    assert_serves(&served);
}

#[test]
fn lengths_that_lie_do_no_harm() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    let bearer = format!("Bearer {}", token());
    for path in [COMMANDS, CREATE_ROOM] {
        let body = padded(path, 64);
        // Too short: half a body is none, and what follows is no request.
        let mut wire = Wire::open(&served);
        wire.send(post(path, &bearer, &[("Content-Length", "5")]).as_bytes());
        wire.send(&body);
        assert_eq!(wire.answer().0, 400, "{path}: cut short");
        let rest = wire.rest();
        assert!(rest.is_empty() || rest.contains(" 400 "), "{path}: {rest}");

        // Too long: the rest never comes.
        let mut wire = Wire::open(&served);
        wire.send(post(path, &bearer, &[("Content-Length", "65")]).as_bytes());
        wire.send(&body);
        wire.0.shutdown(Shutdown::Write).expect("half a connection");
        let rest = wire.rest();
        assert!(rest.is_empty() || rest.contains(" 400 "), "{path}: {rest}");

        // Both lengths at once, two lengths, and none that is a number.
        for lengths in [
            &[("Content-Length", "64"), ("Content-Length", "5")][..],
            &[("Content-Length", "-1")],
            &[("Content-Length", "99999999999999999999")],
            &[("Transfer-Encoding", "gzip")],
        ] {
            let mut wire = Wire::open(&served);
            wire.send(post(path, &bearer, lengths).as_bytes());
            wire.send(&body);
            let rest = wire.rest();
            assert!(rest.contains(" 400 "), "{path} {lengths:?}: {rest}");
        }
    }
    let rooms = Caller::new(&served.url).get("/api/v1/rooms");
    let rooms = rooms.expect("an answer").body;
    assert_eq!(rooms["rooms"], serde_json::json!([]), "nothing was made");
}

#[test]
fn heads_are_bounded() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    let long = "x".repeat(200_000);
    let many: Vec<(&str, &str)> = vec![("X-Many", "x"); 200];
    for request in [
        head("GET", "/healthz", &[("X-Long", &long)]),
        head("GET", "/healthz", &many),
        head("GET", &format!("/{long}"), &[]),
    ] {
        let mut wire = Wire::open(&served);
        wire.send(request.as_bytes());
        let rest = wire.rest();
        let refused = rest.contains(" 431 ") || rest.contains(" 414 ");
        assert!(refused, "{rest}");
    }
    for nonsense in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /healthz\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nX\x00: y\r\n\r\n",
        b"\r\n\r\n\r\n\r\nnothing\r\n\r\n",
    ] {
        let mut wire = Wire::open(&served);
        wire.send(nonsense);
        wire.0.shutdown(Shutdown::Write).expect("half a connection");
        let rest = wire.rest();
        assert!(!rest.contains(" 200 "), "{nonsense:?}: {rest}");
    }
    assert_serves(&served);
}

#[test]
fn one_connection_too_many_is_told_so() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::start(place.path(), &["--connections-max", "3"], "warn");
    let mut held: Vec<Wire> = Vec::new();
    for _ in 0..3 {
        let mut wire = Wire::open(&served);
        wire.send(head("GET", "/healthz", &[]).as_bytes());
        assert_eq!(wire.answer().0, 200);
        held.push(wire);
    }
    for _ in 0..3 {
        let mut wire = Wire::open(&served);
        wire.send(head("GET", "/healthz", &[]).as_bytes());
        let (status, head, body) = wire.answer();
        assert_eq!(status, 503);
        assert_eq!(header(&head, "retry-after").as_deref(), Some("1"));
        assert!(body.starts_with(b"all connections are taken"));
        assert_eq!(wire.rest(), "");
    }
    // Those inside go on, and a place that comes free is given away again.
    held[0].send(head("GET", "/healthz", &[]).as_bytes());
    assert_eq!(held[0].answer().0, 200);
    drop(held.pop());
    loop {
        let mut wire = Wire::open(&served);
        wire.send(head("GET", "/healthz", &[]).as_bytes());
        match wire.answer().0 {
            200 => break,
            status => assert_eq!(status, 503),
        }
    }
}

#[test]
fn a_thousand_idle_connections_cost_nobody_an_answer() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    // Both ends of each are open files; the other tests beside need some too.
    let idle: Vec<Wire> = (0..1_000.min(files_max() / 2))
        .map(|_| Wire::open(&served))
        .collect();
    let caller = Caller::new(&served.url);
    for number in 0..20 {
        let body = serde_json::json!({"command": "create_room"});
        let answer = caller.post(COMMANDS, &format!("r-{number}"), &body);
        assert_eq!(answer.expect("an answer").status, 200);
    }
    let status = fs::read_to_string(format!("/proc/{}/status", served.id()));
    let status = status.expect("it runs");
    let threads = status
        .lines()
        .find_map(|line| line.strip_prefix("Threads:"));
    let threads: usize = threads.expect("a count").trim().parse().expect("a number");
    assert!(threads < 200, "{threads} threads");
    // Each of them is still there, and answered when it speaks.
    for mut wire in idle.into_iter().step_by(100) {
        wire.send(head("GET", "/healthz", &[]).as_bytes());
        assert_eq!(wire.answer().0, 200);
    }
    let (code, said) = served.stop();
    assert_eq!(code, Some(0), "{said:?}");
}

/// The soft limit of open files of this process.
pub(crate) fn files_max() -> usize {
    let limits = fs::read_to_string("/proc/self/limits").expect("a list");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let soft = line.and_then(|line| line.split_whitespace().nth(3));
    soft.and_then(|soft| soft.parse().ok()).unwrap_or(1_024)
}

#[test]
fn known_keys_are_served_on_loopback_only() {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().join("data");
    for listen in [
        "0.0.0.0:0",
        "[::]:0",
        "192.0.2.1:0",
        "[2001:db8::1]:0",
        "[::ffff:192.0.2.1]:0",
    ] {
        let mut serve = roomledger();
        serve
            .args(["serve", "--dev", "--listen", listen, "--data"])
            .arg(&data);
        let (code, _, err) = output(&mut serve);
        assert_eq!(code, Some(2), "{listen}: {err}");
        assert!(err.contains("loopback only"), "{listen}: {err}");
    }
    assert!(!data.exists(), "nothing was opened");
}
