//! The body of the fuzz target of the router: any bytes as requests to all that a server answers.
//!
//! Here and not in `testing`, which may import no dialect, since the router is the server's. Under
//! the feature `testing`, so that nothing of it is ever in a server.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Method, Request, Response, StatusCode, header};
use tower::ServiceExt as _;

use crate::dialect::auth::claims::{Grants, LedgerGrant, VideoGrant};
use crate::dialect::auth::keys::KeyRing;
use crate::dialect::auth::token::mint;
use crate::domain::Timestamp;
use crate::engine::{Engine, EngineConfig, ManualClock, SeededIds};
use crate::store::MemoryStore;

/// Sends requests to an empty server, one after the other, and checks every answer: no panic, no
/// status of 500 and above but 501 and what a position that never comes answers, and JSON where it
/// says so.
///
/// Requests stand between lines of `%%`. Each is a line `METHOD PATH ROOM`, lines of headers, an
/// empty line and the body; what is missing is empty. Without a header `Authorization` it comes
/// with a token that allows all, as the admin of `ROOM`. `<jwt>` stands for a token to join with.
///
/// # Panics
/// When it does not hold: that is the finding.
pub fn requests(bytes: &[u8]) {
    let keys = Arc::new(KeyRing::dev());
    let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(NOW_S)));
    let (store, ids) = (Arc::new(MemoryStore::new()), Arc::new(SeededIds::new(1)));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build();
    let engine = Engine::open(store, EngineConfig::default(), clock, ids);
    let (Ok(runtime), Ok(engine)) = (runtime, engine) else {
        // The machine gave no thread: nothing was found.
        return;
    };
    let router = super::router(&engine, &keys, None);
    runtime.block_on(async {
        for request in split(bytes, b"\n%%\n").take(REQUESTS_MAX) {
            let Some(request) = read(request, &keys) else {
                continue;
            };
            let told = format!("{} {}", request.method(), request.uri());
            // Some wait for what will not come; whoever goes away breaks nothing.
            let _ = tokio::time::timeout(PATIENCE, send(&router, request, &told)).await;
        }
        let stopped = engine.stopped();
        assert!(stopped.is_none(), "the engine stopped: {stopped:?}");
        let closed = engine.shutdown().await;
        assert!(closed.is_ok(), "it does not close: {closed:?}");
    });
}

/// Bytes as a request; `None` where HTTP itself would refuse them.
fn read(bytes: &[u8], keys: &KeyRing) -> Option<Request<Body>> {
    let (head, body) = cut(bytes, b"\n\n");
    let head = std::str::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut words = lines.next()?.splitn(3, ' ');
    let join = token(keys, "guest", true)?;
    let method = words.next()?;
    let path = words.next().unwrap_or("/").replace("<jwt>", &join);
    let room = words.next().unwrap_or("town");
    let mut request = Request::builder().method(method).uri(path);
    let mut is_signed = false;
    for line in lines {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        is_signed |= name.eq_ignore_ascii_case("authorization");
        request = request.header(name, value.trim().replace("<jwt>", &join));
    }
    if !is_signed {
        let bearer = format!("Bearer {}", token(keys, room, false)?);
        request = request.header(header::AUTHORIZATION, bearer);
    }
    let body = match std::str::from_utf8(body) {
        Ok(text) => text.replace("<jwt>", &join).into_bytes(),
        Err(_) => body.to_vec(),
    };
    request.body(Body::from(body)).ok()
}

async fn send(router: &Router, request: Request<Body>, told: &str) {
    let has_body = request.method() != Method::HEAD;
    let Ok(response) = router.clone().oneshot(request).await;
    let (parts, body) = response.into_parts();
    let head = Response::from_parts(parts, ());
    let kind = head.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind == "text/event-stream" {
        return;
    }
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let text = String::from_utf8_lossy(&body);
    let status = head.status();
    let is_awaited =
        status == StatusCode::SERVICE_UNAVAILABLE && text.contains("is not visible yet");
    let is_fine = status.as_u16() < 500 || status == StatusCode::NOT_IMPLEMENTED || is_awaited;
    assert!(is_fine, "{told}: {status} {text}");
    if has_body && JSON.iter().any(|json| kind.starts_with(json)) {
        let read: Result<serde_json::Value, _> = serde_json::from_slice(&body);
        assert!(read.is_ok(), "{told}: {text} is no JSON");
    }
}

/// A token of somebody who may do all, or of a guest.
fn token(keys: &KeyRing, room: &str, is_guest: bool) -> Option<String> {
    let video = VideoGrant {
        room: room.to_owned(),
        destination_room: "elsewhere".to_owned(),
        room_join: is_guest,
        room_create: !is_guest,
        room_list: !is_guest,
        room_admin: !is_guest,
        ..VideoGrant::default()
    };
    let ledger = LedgerGrant {
        report: !is_guest,
        admin: !is_guest,
        audit: !is_guest,
        room: None,
    };
    let grants = Grants {
        identity: "guest".to_owned(),
        video: Some(video),
        ledger,
        ..Grants::default()
    };
    mint(&grants, KEY, keys.secret(KEY)?, NOW_S, TTL_S).ok()
}

fn split<'a>(bytes: &'a [u8], at: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let bytes = rest?;
        let (first, later) = cut(bytes, at);
        rest = (first.len() < bytes.len()).then_some(later);
        Some(first)
    })
}

/// What stands before a separator, and behind it; all and nothing where there is none.
fn cut<'a>(bytes: &'a [u8], at: &[u8]) -> (&'a [u8], &'a [u8]) {
    let found = bytes.windows(at.len()).position(|window| window == at);
    let end = found.unwrap_or(bytes.len());
    let (first, rest) = bytes.split_at(end);
    (first, rest.get(at.len()..).unwrap_or_default())
}

const JSON: [&str; 2] = ["application/json", "application/problem+json"];
const KEY: &str = "devkey";
/// A day in 2027.
const NOW_S: i64 = 1_800_000_000;
const TTL_S: i64 = 600;
/// Longer conversations only repeat what shorter ones say.
const REQUESTS_MAX: usize = 50;
/// Far more than an answer takes, and far less than the two seconds that some wait.
const PATIENCE: Duration = Duration::from_millis(250);
