//! Whose pages may read answers: everybody's as it is recorded, or whose the operator names.

use axum::body::Body;
use axum::http::{HeaderMap, Method, Request};
use roomledger::dialect::auth::claims::{Grants, VideoGrant};
use roomledger::dialect::auth::keys::Secret;
use roomledger::dialect::auth::token::mint;
use roomledger::dialect::livekit::Origins;
use roomledger::engine::{Clock as _, SystemClock};

use crate::livekit_wire::dialect;
use crate::served::{Caller, Served, all_rights, output, roomledger};
use crate::server_protection::{Wire, head};

const HERE: &str = "https://app.example";
const THERE: &str = "https://app.example.evil.example";

fn origins(listed: &[&str]) -> Result<Origins, String> {
    let listed: Vec<String> = listed.iter().map(|&one| one.to_owned()).collect();
    Origins::parse(&listed)
}

#[test]
fn origins_are_listed_as_browsers_send_them() {
    let only = |named: &[&str]| {
        Ok(Origins::Only(
            named.iter().map(ToString::to_string).collect(),
        ))
    };
    for (listed, expected) in [
        (&[][..], Ok(Origins::Any)),
        (&["*"], Ok(Origins::Any)),
        (&["none"], only(&[])),
        (&[HERE], only(&[HERE])),
        (
            &[HERE, "http://localhost:3000"],
            only(&[HERE, "http://localhost:3000"]),
        ),
        (&["http://[::1]:3000"], only(&["http://[::1]:3000"])),
    ] {
        assert_eq!(origins(listed), expected, "{listed:?}");
    }
    for refused in [
        &["app.example"][..],
        &["https://app.example/"],
        &["https://App.example"],
        &["https://*.example"],
        &["https://me@app.example"],
        &["://app.example"],
        &["https://"],
        &[""],
        &["null"],
        &["https://a.example https://b.example"],
        &["*", HERE],
        &[HERE, "none"],
    ] {
        let problem = origins(refused).expect_err("refused");
        assert!(problem.contains("is no origin"), "{refused:?}: {problem}");
    }
}

/// What is allowed to the page that asked: its origin in a preflight, and in any other answer.
async fn allowed(origins: &Origins, origin: Option<&str>) -> [Option<String>; 2] {
    let asked = async |method: Method| {
        let mut request = Request::builder()
            .method(&method)
            .uri("/twirp/livekit.RoomService/ListRooms");
        if method == Method::OPTIONS {
            request = request.header("Access-Control-Request-Method", "POST");
        }
        if let Some(origin) = origin {
            request = request.header("Origin", origin);
        }
        let request = request.body(Body::empty()).unwrap();
        let response = dialect()
            .readable_by(origins.clone())
            .respond(request)
            .await;
        marked(response.headers())
    };
    [asked(Method::OPTIONS).await, asked(Method::POST).await]
}

fn marked(headers: &HeaderMap) -> Option<String> {
    let vary = headers["vary"].to_str().unwrap();
    assert!(
        vary.starts_with("Origin"),
        "caches keep answers apart: {vary}"
    );
    let origin = headers.get("access-control-allow-origin");
    let marks = headers
        .keys()
        .filter(|name| name.as_str().starts_with("access-control-"));
    assert_eq!(marks.count() > 0, origin.is_some(), "{headers:?}");
    origin.map(|origin| origin.to_str().unwrap().to_owned())
}

#[tokio::test]
async fn only_pages_of_named_origins_may_read_answers() {
    let named = origins(&[HERE, "http://localhost:3000"]).unwrap();
    let cases = [
        (Origins::Any, Some(THERE), true),
        (Origins::Any, None, false),
        (named.clone(), Some(HERE), true),
        (named.clone(), Some("http://localhost:3000"), true),
        (named.clone(), Some("http://localhost:3001"), false),
        (named.clone(), Some(THERE), false),
        (named.clone(), Some("null"), false),
        (named, None, false),
        (origins(&["none"]).unwrap(), Some(HERE), false),
    ];
    for (origins, origin, may) in cases {
        let expected = origin.filter(|_| may).map(str::to_owned);
        let found = allowed(&origins, origin).await;
        assert_eq!(
            found,
            [expected.clone(), expected],
            "{origins:?} {origin:?}"
        );
    }
}

/// The switches reach what they are for.
#[test]
fn a_server_narrows_origins_and_counts_its_receivers() {
    let dir = tempfile::tempdir().expect("a directory");
    let nobody = "http://127.0.0.1:1/hooks";
    let served = Served::with(dir.path(), &["--cors-origin", HERE, "--webhook", nobody]);
    for (origin, may) in [(HERE, true), (THERE, false)] {
        let mut wire = Wire::open(&served);
        wire.send(head("GET", "/", &[("Origin", origin)]).as_bytes());
        let (status, head, _) = wire.answer();
        assert_eq!(status, 200, "{head}");
        assert_eq!(head.contains("access-control-allow-origin"), may, "{head}");
    }
    let mut wire = Wire::open(&served);
    wire.send(head("GET", "/metrics", &[]).as_bytes());
    let body = String::from_utf8(wire.answer().2).expect("text");
    assert!(
        body.contains("\nroomledger_webhook_attempts_total{receiver="),
        "{body}"
    );

    let mut refused = roomledger();
    refused.args(["serve", "--dev", "--cors-origin", "app.example"]);
    let (code, _, notes) = output(&mut refused);
    assert_eq!(code, Some(2), "{notes}");
    assert!(notes.contains("is no origin"), "{notes}");
}

/// What SECURITY.md says of pages of other sites: a browser asks before each call, and only
/// LiveKit's calls ever say yes. A call that comes all the same is a call.
#[test]
fn no_call_can_be_sent_by_a_page_that_was_not_asked_for() {
    let dir = tempfile::tempdir().expect("a directory");
    let served = Served::with(dir.path(), &["--cors-origin", "none"]);
    let bearer = format!("Bearer {}", all_rights());
    let video = VideoGrant {
        room_create: true,
        ..VideoGrant::default()
    };
    let grants = Grants {
        video: Some(video),
        ..Grants::default()
    };
    let now_s = SystemClock::new().wall().seconds();
    let token = mint(&grants, "devkey", &Secret::new("secret"), now_s, 3_600).expect("a token");
    let create = "/twirp/livekit.RoomService/CreateRoom";
    let sent = |method: &str, path: &str, headers: &[(&str, &str)], body: &str| {
        let length = body.len().to_string();
        let all = [&[("Origin", THERE), ("Content-Length", &length)], headers].concat();
        let mut wire = Wire::open(&served);
        wire.send(format!("{}{body}", head(method, path, &all)).as_bytes());
        let (status, head, _) = wire.answer();
        assert!(!head.contains("access-control-allow-origin"), "{head}");
        status
    };
    // What is sent without asking first carries its token in the path, and none of these types.
    let path = format!("{create}?access_token={token}");
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ] {
        let kind = [("Content-Type", kind)];
        assert_ne!(
            sent("POST", &path, &kind, r#"{"name":"r"}"#),
            200,
            "{kind:?}"
        );
    }
    // The others are asked for first, and not allowed: the answer above has no mark.
    let preflight = [("Access-Control-Request-Method", "POST")];
    for asked in [create, "/api/v1/rooms/r/commands", "/v1/rooms", "/v2/rooms"] {
        sent("OPTIONS", asked, &preflight, "");
    }
    let rooms = |expected: usize| {
        let listed = Caller::new(&served.url).get("/api/v1/rooms");
        let listed = listed.expect("an answer").body;
        let found = listed["rooms"].as_array().map(Vec::len);
        assert_eq!(found, Some(expected), "{listed}");
    };
    rooms(0);
    let json = ("Content-Type", "application/json");
    assert_eq!(sent("POST", &path, &[json], r#"{"name":"r"}"#), 200);
    let headers = [json, ("Authorization", bearer.as_str())];
    let ours = "/api/v1/rooms/s/commands";
    assert_eq!(
        sent("POST", ours, &headers, r#"{"command":"create_room"}"#),
        200
    );
    rooms(2);
}
