//! What is taken in of a request's body: a call's whole message, or the token of a form. Apart
//! because it is where a stranger could make us hold bytes; it never decodes a message.

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};

use crate::dialect::caller::header_text;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect::livekit) enum NoBody {
    /// It is larger than [`BODY_BYTES_MAX`].
    TooLarge,
    /// The connection broke before its end.
    Broken,
}

/// The whole body.
pub(in crate::dialect::livekit) async fn whole(body: Body) -> Result<Bytes, NoBody> {
    // What says itself that it is too large is not read at all.
    if body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(NoBody::TooLarge);
    }
    let mut request = Request::new(body);
    DefaultBodyLimit::max(BODY_BYTES_MAX).apply(&mut request);
    let read = Bytes::from_request(request, &()).await;
    read.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => NoBody::TooLarge,
        _ => NoBody::Broken,
    })
}

/// A form that may bring a token, which LiveKit reads where no header brings one; no call takes a
/// form, so nothing else is lost. Any other body is handed back unread.
pub(in crate::dialect::livekit) async fn form(parts: &Parts, body: Body) -> (String, Body) {
    let kind = header_text(&parts.headers, &header::CONTENT_TYPE).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        || parts.headers.contains_key(header::AUTHORIZATION)
    {
        return (String::new(), body);
    }
    let bytes = axum::body::to_bytes(body, FORM_BYTES_MAX).await;
    let form = String::from_utf8(bytes.unwrap_or_default().into());
    (form.unwrap_or_default(), Body::empty())
}

/// LiveKit's limit in builds after 1.13.4.
pub const BODY_BYTES_MAX: usize = 10 << 20;

/// Nobody is known yet who sends it; a token is as long as a header may be.
const FORM_BYTES_MAX: usize = 64 * 1024;
