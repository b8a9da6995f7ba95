//! Bodies of requests: what they may hold together, whose are not read at all, and whose are not
//! waited for.

use std::net::IpAddr;

use roomledger::dialect::auth::claims::{Grants, VideoGrant};
use roomledger::dialect::auth::keys::Secret;
use roomledger::dialect::auth::token::mint;
use roomledger::dialect::body_memory::{BODY_BYTES_MAX, BodyMemory, NoMemory};
use roomledger::engine::{Clock, SystemClock};

use serde_json::json;

use crate::served::Served;
use crate::server_protection::{Header, Wire, head, header, token};
use crate::videosdk::support::token as attendee_token;

const COMMANDS: &str = "/api/v1/rooms/r/commands";
const CREATE_ROOM: &str = "/twirp/livekit.RoomService/CreateRoom";
const JSON: (&str, &str) = ("Content-Type", "application/json");
const FORM: (&str, &str) = ("Content-Type", "application/x-www-form-urlencoded");

#[test]
fn bodies_have_a_bound_together_and_for_each_address() {
    let memory = BodyMemory::new(100 << 20);
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let here = memory.lease(address("203.0.113.9"));
    assert_eq!(here.take(20 << 20), Ok(()));
    let again = memory.lease(address("::ffff:203.0.113.9"));
    assert_eq!(again.take(5 << 20), Ok(()), "a quarter in all");
    assert_eq!(again.take(1), Err(NoMemory::OfAddress));
    // IPv6 counts by its first 64 bits.
    let six = memory.lease(address("2001:db8::1"));
    assert_eq!(six.take(25 << 20), Ok(()));
    let beside = memory.lease(address("2001:db8::2"));
    assert_eq!(beside.take(1), Err(NoMemory::OfAddress));
    let far = memory.lease(address("2001:db8:0:1::1"));
    assert_eq!(far.take(25 << 20), Ok(()));
    let other = memory.lease(address("203.0.113.10"));
    assert_eq!(other.take(25 << 20), Ok(()));
    let last = memory.lease(address("203.0.113.11"));
    assert_eq!(last.take(1), Err(NoMemory::OfAll));
    // A clone holds on; what is dropped comes free.
    let clone = here.clone();
    drop(here);
    assert_eq!(last.take(1), Err(NoMemory::OfAll));
    drop(clone);
    assert_eq!(last.take(20 << 20), Ok(()));
    assert_eq!(last.take(1), Err(NoMemory::OfAll));
    drop((again, six, beside, far, other, last));
    let whole = memory.lease(address("203.0.113.9"));
    assert_eq!(whole.take(25 << 20), Ok(()));
    // The least memory still takes the largest body.
    let least = BodyMemory::new(BODY_BYTES_MAX).lease(address("::1"));
    assert_eq!(least.take(BODY_BYTES_MAX), Ok(()));
}

/// A request with a body of blanks behind JSON, of which so many bytes are sent.
fn send(served: &Served, path: &str, bearer: &str, from: &str, bytes: usize, sent: usize) -> Wire {
    let length = bytes.to_string();
    let headers = [
        ("Authorization", bearer),
        ("Content-Length", length.as_str()),
        ("X-Forwarded-For", from),
        JSON,
    ];
    let json = match path {
        COMMANDS => r#"{"command":"create_room"}"#,
        _ => r#"{"name":"r"}"#,
    };
    let mut body = json.as_bytes().to_vec();
    body.resize(sent, b' ');
    let mut wire = Wire::open(served);
    wire.send(head("POST", path, &headers).as_bytes());
    wire.send(&body);
    wire
}

/// A request that holds all that its address may: the server has read all but the last byte once a
/// small body is refused. A small one that comes between takes the place of the last bytes, and the
/// large one is refused: then it comes again.
fn hold(served: &Served, bearer: &str, from: &str) -> Wire {
    loop {
        let held = send(
            served,
            COMMANDS,
            bearer,
            from,
            BODY_BYTES_MAX,
            BODY_BYTES_MAX - 1,
        );
        held.0.set_nonblocking(true).expect("a socket");
        while held.0.peek(&mut [0]).is_err() {
            let mut small = send(served, COMMANDS, bearer, from, 30, 30);
            let is_full = small.answer().0 == 503;
            if is_full && held.0.peek(&mut [0]).is_err() {
                held.0.set_nonblocking(false).expect("a socket");
                return held;
            }
        }
    }
}

#[test]
fn bodies_beyond_the_memory_for_them_are_answered_503() {
    let place = tempfile::tempdir().expect("a directory");
    let options = [
        "--body-memory",
        "16MiB",
        "--trusted-proxy",
        "127.0.0.1",
        "--answer-timeout",
        "600s",
    ];
    let served = Served::with(place.path(), &options);
    let bearer = format!("Bearer {}", token());
    let (here, there, elsewhere) = ("203.0.113.1", "203.0.113.2", "203.0.113.3");
    let paths = [
        (COMMANDS, bearer.as_str()),
        (CREATE_ROOM, bearer.as_str()),
        ("/daily/v1/rooms", "Bearer secret"),
    ];
    let mut held = hold(&served, &bearer, here);
    for (path, bearer) in paths {
        let mut wire = send(&served, path, bearer, here, 30, 30);
        let (status, head, body) = wire.answer();
        let body = String::from_utf8(body).expect("UTF-8");
        assert_eq!(status, 503, "{path}: {head} {body}");
        assert_eq!(header(&head, "retry-after").as_deref(), Some("1"), "{path}");
        assert!(body.contains("from your address"), "{path}: {body}");
    }
    // Of what is left for all, another address has its part, and no more than there is.
    let mut other = send(&served, COMMANDS, &bearer, there, 4 << 20, 4 << 20);
    assert_eq!(other.answer().0, 200);
    let mut wide = send(&served, CREATE_ROOM, &bearer, elsewhere, 9 << 20, 9 << 20);
    let (status, head, body) = wide.answer();
    let body = String::from_utf8(body).expect("UTF-8");
    assert_eq!(status, 503, "{head} {body}");
    assert!(body.contains("of other requests"), "{body}");
    // Nothing of it is on record, and what is done gives back what it held.
    held.send(b" ");
    assert_eq!(held.answer().0, 200);
    let mut again = send(
        &served,
        COMMANDS,
        &bearer,
        here,
        BODY_BYTES_MAX,
        BODY_BYTES_MAX,
    );
    assert_eq!(again.answer().0, 200);
}

/// What a request of a stranger, or of somebody without a right, is answered while its body is
/// withheld. A server that waited would answer 408, after a minute.
#[test]
fn a_body_that_decides_nothing_is_not_waited_for() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    let video = VideoGrant {
        room_join: true,
        room: "open-lobby".to_owned(),
        ..VideoGrant::default()
    };
    let grants = Grants {
        identity: "guest".to_owned(),
        video: Some(video),
        ..Grants::default()
    };
    let now_s = SystemClock::new().wall().seconds();
    let guest = mint(&grants, "devkey", &Secret::new("secret"), now_s, 3_600).expect("a token");
    let guest = format!("Bearer {guest}");
    let guest = ("Authorization", guest.as_str());
    let attendee = json!({ "apikey": "devkey", "permissions": ["allow_join"], "roles": ["rtc"],
        "participantId": "guest" });
    let attendee = attendee_token(&attendee);
    let attendee = ("Authorization", attendee.as_str());
    let stranger = ("X-Nobody", "");
    let joins = "/api/v1/rooms/r/joins";
    let track = "/api/v1/rooms/r/connections/c/tracks";
    let cases: &[(&str, Header<'_>, Header<'_>, &[u16])] = &[
        ("/anything", stranger, FORM, &[404]),
        ("/", stranger, FORM, &[200]),
        ("/twirp/livekit.RoomService/Nothing", stranger, FORM, &[404]),
        ("/twirp/livekit.Egress/ListEgress", stranger, FORM, &[404]),
        ("/rtc/validate", stranger, FORM, &[401]),
        ("/rtc/v1/validate", stranger, FORM, &[401]),
        (CREATE_ROOM, stranger, FORM, &[404]),
        (CREATE_ROOM, stranger, JSON, &[401]),
        (COMMANDS, stranger, FORM, &[401]),
        (COMMANDS, stranger, JSON, &[401]),
        ("/api/v1/batch", stranger, JSON, &[401]),
        ("/api/v1/nowhere", stranger, FORM, &[404]),
        ("/daily/v1/rooms", stranger, FORM, &[400]),
        ("/daily/nowhere", stranger, FORM, &[400, 404]),
        ("/videosdk/v2/rooms", stranger, FORM, &[401]),
        ("/videosdk/nowhere", stranger, FORM, &[404]),
        (COMMANDS, guest, JSON, &[403]),
        (joins, guest, JSON, &[403]),
        (track, guest, JSON, &[403]),
        ("/api/v1/rooms/r/activity", guest, JSON, &[403]),
        ("/api/v1/reporters/one/sync", guest, JSON, &[403]),
        ("/api/v1/batch", guest, JSON, &[403]),
        (CREATE_ROOM, guest, JSON, &[401]),
        ("/twirp/livekit.RoomService/SendData", guest, JSON, &[401]),
        ("/videosdk/v2/rooms", attendee, JSON, &[401, 403]),
        ("/videosdk/v2/sessions/end", attendee, JSON, &[401, 403]),
    ];
    for (path, who, kind, expected) in cases {
        // LiveKit's own refusal of too much metadata comes before its refusal of the caller.
        let is_livekits = path.starts_with("/twirp") && *kind == JSON;
        let least = if is_livekits { "1100000" } else { "60000" };
        for length in [least, "10485760", "60000000"] {
            let headers = [*who, *kind, ("Content-Length", length)];
            let mut wire = Wire::open(&served);
            wire.send(head("POST", path, &headers).as_bytes());
            wire.send(b"access_token=");
            let status = wire.status().expect("an answer");
            assert!(
                expected.contains(&status),
                "{path} {kind:?} {length}: {status}"
            );
        }
    }
}

/// Where a form may bring a token, one that is there counts.
#[test]
fn a_form_brings_its_token() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    let form = format!("access_token={}", token());
    let length = form.len().to_string();
    for (path, body, status) in [
        ("/rtc/validate", form.as_str(), 401),
        ("/rtc/validate", "access_token=x.y.z", 401),
        (CREATE_ROOM, form.as_str(), 404),
        (CREATE_ROOM, "access_token=x.y.z", 401),
    ] {
        let length = if body == form { &length } else { "18" };
        let mut wire = Wire::open(&served);
        wire.send(head("POST", path, &[FORM, ("Content-Length", length)]).as_bytes());
        wire.send(body.as_bytes());
        let (told, _, words) = wire.answer();
        assert_eq!(told, status, "{path} {body}: {words:?}");
    }
}
