//! Who calls, on whose behalf and why: what every dialect reads from the headers of a call. Apart,
//! since the vendors' bodies have no field for it; it never decides whether the call is allowed.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

use crate::dialect::auth::claims::Claims;

/// The caller of one request, as its events record it.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The verified token.
    pub claims: Claims,
    /// The idempotency key: `X-Livekit-Request-Id`, else `X-Request-Id` (which proxies overwrite).
    pub request_id: Option<String>,
    /// `X-Audit-Actor`: who is behind the call.
    pub on_behalf_of: Option<String>,
    /// `X-Audit-Reason`.
    pub reason: Option<String>,
    /// `X-Correlation-Id`.
    pub correlation_id: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// Where the connection comes from, if the server told.
    pub source_ip: Option<IpAddr>,
}

impl Caller {
    /// Joins a verified token with the headers it came with.
    pub fn new(claims: Claims, parts: &Parts) -> Self {
        let text = |name: &HeaderName| header_text(&parts.headers, name);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Self {
            claims,
            request_id: text(&LIVEKIT_REQUEST_ID).or_else(|| text(&REQUEST_ID)),
            on_behalf_of: text(&AUDIT_ACTOR),
            reason: text(&AUDIT_REASON),
            correlation_id: text(&CORRELATION_ID),
            user_agent: text(&header::USER_AGENT),
            source_ip: peer.map(|ConnectInfo(address)| address.ip()),
        }
    }
}

/// The first header of this name; empty is absent. Python sends UTF-8; browsers and Node can send
/// Latin-1 only, so bytes that are not UTF-8 are read as that.
pub fn header_text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let bytes = headers.get(name)?.as_bytes();
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().copied().map(char::from).collect(),
    };
    Some(text).filter(|text| !text.is_empty())
}

const LIVEKIT_REQUEST_ID: HeaderName = HeaderName::from_static("x-livekit-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const AUDIT_ACTOR: HeaderName = HeaderName::from_static("x-audit-actor");
const AUDIT_REASON: HeaderName = HeaderName::from_static("x-audit-reason");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
