//! Who calls, on whose behalf and why: what every dialect reads from the headers of a call. Apart,
//! since the vendors' bodies have no field for it; it never decides whether the call is allowed.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

use crate::dialect::auth::claims::Claims;
use crate::domain::limits::{ALIAS_BYTES_MAX, IDENTITY_BYTES_MAX, NOTE_BYTES_MAX};
use crate::domain::{Actor, Personal, Provenance, Rejection, Via};

/// The caller of one request with a token of LiveKit's form.
#[derive(Clone, Debug, PartialEq)]
pub struct Caller {
    /// The verified token.
    pub claims: Claims,
    /// What the headers say beside it.
    pub said: Said,
}

impl Caller {
    /// Joins a verified token with the headers it came with.
    pub fn new(claims: Claims, parts: &Parts) -> Self {
        let said = Said::new(parts);
        Self { claims, said }
    }

    /// As [`Said::provenance`], for the token's key and subject.
    ///
    /// # Errors
    /// As there.
    pub fn provenance(&self, dialect: &str, call: &str) -> Result<Provenance, Rejection> {
        let actor = Actor::of_key(&self.claims.key_id, self.claims.subject.as_deref());
        self.said.provenance(actor, dialect, call)
    }
}

/// What a request says of itself for the record, whatever it is authenticated with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
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

impl Said {
    /// Reads the headers.
    pub fn new(parts: &Parts) -> Self {
        let text = |name: &HeaderName| header_text(&parts.headers, name);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        Self {
            request_id: text(&LIVEKIT_REQUEST_ID).or_else(|| text(&REQUEST_ID)),
            on_behalf_of: text(&AUDIT_ACTOR),
            reason: text(&AUDIT_REASON),
            correlation_id: text(&CORRELATION_ID),
            user_agent: text(&header::USER_AGENT),
            source_ip: peer.map(|ConnectInfo(address)| address.ip()),
        }
    }

    /// The origin of one call, as its events record it; never its token.
    ///
    /// # Errors
    /// [`Rejection::TooLarge`] names the header that is longer than what is kept, or the subject of
    /// the token.
    pub fn provenance(
        &self,
        actor: Actor,
        dialect: &str,
        call: &str,
    ) -> Result<Provenance, Rejection> {
        let subject = actor.subject().map(str::to_owned);
        let bounded = [
            ("X-Audit-Reason", &self.reason, NOTE_BYTES_MAX),
            ("X-Audit-Actor", &self.on_behalf_of, IDENTITY_BYTES_MAX),
            ("X-Request-Id", &self.request_id, ALIAS_BYTES_MAX),
            ("X-Correlation-Id", &self.correlation_id, ALIAS_BYTES_MAX),
            ("the token's subject", &subject, IDENTITY_BYTES_MAX),
        ];
        for (what, text, bytes_max) in bounded {
            let bytes = text.as_ref().map_or(0, String::len);
            if bytes > bytes_max {
                return Err(Rejection::TooLarge {
                    what,
                    bytes,
                    bytes_max,
                });
            }
        }
        let personal = |text: &Option<String>| text.clone().map(Personal::new);
        let user_agent = self.user_agent.as_ref();
        Ok(Provenance {
            actor: Actor {
                on_behalf_of: personal(&self.on_behalf_of),
                ..actor
            },
            via: Via {
                dialect: dialect.to_owned(),
                call: call.to_owned(),
            },
            request_id: self.request_id.clone(),
            reason: personal(&self.reason),
            reason_code: None,
            source_ip: self.source_ip.map(|ip| Personal::new(ip.to_string())),
            user_agent: user_agent
                .map(|text| Personal::new(text.chars().take(USER_AGENT_CHARS_MAX).collect())),
            correlation: self.correlation_id.clone(),
        })
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

/// Browsers' own are shorter; what is longer tells nothing more, so it is cut.
const USER_AGENT_CHARS_MAX: usize = 512;
const LIVEKIT_REQUEST_ID: HeaderName = HeaderName::from_static("x-livekit-request-id");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const AUDIT_ACTOR: HeaderName = HeaderName::from_static("x-audit-actor");
const AUDIT_REASON: HeaderName = HeaderName::from_static("x-audit-reason");
const CORRELATION_ID: HeaderName = HeaderName::from_static("x-correlation-id");
