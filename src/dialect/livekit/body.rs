//! The token of a form. Apart because nobody is known yet who sends it: a stranger could make us
//! hold its bytes and wait for them.

use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::http::request::Parts;
use tokio::time::timeout;

use crate::dialect::body;
use crate::dialect::body_memory;
use crate::dialect::caller::header_text;
use crate::dialect::livekit::twirp::route::takes_token;

/// A form that may bring a token, which LiveKit reads where no header brings one; no call takes a
/// form, so nothing else is lost. Any other body is handed back unread, and so is one on a path
/// that needs no token; one that is too long, or does not come soon, brings none.
pub(in crate::dialect::livekit) async fn form(parts: &Parts, body: Body) -> (String, Body) {
    let kind = header_text(&parts.headers, &header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        || parts.headers.contains_key(header::AUTHORIZATION)
        || !takes_token(parts.uri.path())
    {
        return (String::new(), body);
    }
    let taken = timeout(FORM_MAX, body::taken(parts, body, FORM_BYTES_MAX)).await;
    let bytes = taken.ok().and_then(Result::ok).unwrap_or_default();
    let form = String::from_utf8(bytes.into()).unwrap_or_default();
    (form, Body::empty())
}

/// LiveKit's limit in builds after 1.13.4.
pub const BODY_BYTES_MAX: usize = body_memory::BODY_BYTES_MAX;

/// Nobody is known yet who sends it; a token is as long as a header may be.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// A form that is there comes at once.
const FORM_MAX: Duration = Duration::from_secs(3);
