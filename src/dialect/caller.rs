//! Who calls, on whose behalf and why: what every dialect reads from the headers of a call. Apart,
//! since the vendors' bodies have no field for it; it never decides whether the call is allowed.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, header};

use crate::dialect::auth::claims::Claims;
use crate::dialect::urlencoded;
use crate::domain::limits::{ALIAS_BYTES_MAX, IDENTITY_BYTES_MAX, NOTE_BYTES_MAX};
use crate::domain::{Actor, Digest, Personal, Provenance, Rejection, Trace, Via};

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
        self.said.provenance(&self.proven(), dialect, call)
    }

    /// As [`Said::mismatch`], for the token's key and subject.
    pub fn mismatch(&self) -> Option<Rejection> {
        self.said.mismatch(&self.proven())
    }

    fn proven(&self) -> Proven<'_> {
        Proven {
            key_id: &self.claims.key_id,
            subject: self.claims.subject.as_deref(),
            token_sha256: Some(self.claims.token_sha256),
            may_speak_for_others: self.claims.limits.may_speak_for_others,
        }
    }
}

/// What the credential of a request proves of its caller.
#[derive(Clone, Copy, Debug)]
pub struct Proven<'a> {
    /// The key.
    pub key_id: &'a str,
    /// Whom the token names; `None` where it names nobody, or there is no token.
    pub subject: Option<&'a str>,
    /// SHA-256 of the token.
    pub token_sha256: Option<Digest>,
    /// Whether the key lets those whom its tokens name speak for somebody else.
    pub may_speak_for_others: bool,
}

/// What a request says of itself for the record, whatever it is authenticated with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    /// The idempotency key: `Idempotency-Key`, else `X-Livekit-Request-Id`.
    pub request_id: Option<String>,
    /// `X-Request-Id` and `traceparent`. Proxies and frameworks pass one id along to many calls, so
    /// that it tells nothing of repeats.
    pub trace: Option<Trace>,
    /// `X-Audit-Actor`: the person on whose behalf the caller claims to act.
    pub on_behalf_of: Option<String>,
    /// `X-Audit-Reason`.
    pub reason: Option<String>,
    /// `X-Correlation-Id`.
    pub correlation_id: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// Where the connection comes from, if the server told.
    pub source_ip: Option<IpAddr>,
    /// A header that stands there with two values, of those that must have one.
    pub twofold: Option<&'static str>,
}

impl Said {
    /// Reads the headers.
    pub fn new(parts: &Parts) -> Self {
        let headers = &parts.headers;
        let text = |(name, _): &Named| header_text(headers, name).map(decoded);
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let key = header_text(headers, &IDEMPOTENCY_KEY.0).map(|text| decoded(unquoted(text)));
        let single = [
            &IDEMPOTENCY_KEY,
            &REQUEST_KEY,
            &AUDIT_ACTOR,
            &AUDIT_REASON,
            &CORRELATION_ID,
        ];
        let mut single = single.into_iter();
        Self {
            request_id: key.or_else(|| text(&REQUEST_KEY)),
            trace: trace(headers),
            on_behalf_of: text(&AUDIT_ACTOR),
            reason: text(&AUDIT_REASON),
            correlation_id: text(&CORRELATION_ID),
            user_agent: header_text(headers, &header::USER_AGENT),
            source_ip: peer.map(|ConnectInfo(address)| address.ip()),
            twofold: single
                .find(|(name, _)| is_twofold(headers, name))
                .map(|(_, written)| *written),
        }
    }

    /// Why the caller may not speak for the one whom it names in a header: its token proves that it
    /// is somebody else. A token that names nobody is the application's own, which may.
    pub fn mismatch(&self, proven: &Proven<'_>) -> Option<Rejection> {
        let claimed = self.on_behalf_of.as_ref()?;
        let subject = proven.subject?;
        let is_fine = claimed == subject || proven.may_speak_for_others;
        (!is_fine).then(|| Rejection::ActorMismatch {
            key_id: proven.key_id.to_owned(),
            subject: subject.to_owned(),
            claimed: claimed.clone(),
        })
    }

    /// The origin of one call, as its events record it; never its token, but its digest. Who says
    /// that it acts for itself claims nothing.
    ///
    /// # Errors
    /// [`Rejection::TooLarge`] names the header that is longer than what is kept, or the subject of
    /// the token; [`Rejection::Invalid`] the header that has two values.
    pub fn provenance(
        &self,
        proven: &Proven<'_>,
        dialect: &str,
        call: &str,
    ) -> Result<Provenance, Rejection> {
        if let Some(what) = self.twofold {
            let problem = "the request has it twice, with two values: send it once".to_owned();
            let what = what.into();
            return Err(Rejection::Invalid { what, problem });
        }
        let actor = Actor::of_key(proven.key_id, proven.subject);
        let subject = actor.subject().map(str::to_owned);
        let claimed = self.on_behalf_of.as_deref();
        let claimed = claimed.filter(|claimed| proven.subject != Some(*claimed));
        let bounded = [
            (AUDIT_REASON.1, &self.reason, NOTE_BYTES_MAX),
            (AUDIT_ACTOR.1, &self.on_behalf_of, IDENTITY_BYTES_MAX),
            (IDEMPOTENCY_KEY.1, &self.request_id, ALIAS_BYTES_MAX),
            (CORRELATION_ID.1, &self.correlation_id, ALIAS_BYTES_MAX),
            ("the token's subject", &subject, IDENTITY_BYTES_MAX),
        ];
        for (what, text, bytes_max) in bounded {
            let bytes = text.as_ref().map_or(0, String::len);
            if bytes > bytes_max {
                return Err(Rejection::TooLarge {
                    what: what.into(),
                    bytes,
                    bytes_max,
                });
            }
        }
        let personal = |text: &Option<String>| text.clone().map(Personal::new);
        let user_agent = self.user_agent.as_ref();
        Ok(Provenance {
            actor: Actor {
                on_behalf_of: claimed.map(|claimed| Personal::new(claimed.to_owned())),
                ..actor
            },
            token_sha256: proven.token_sha256,
            via: Via {
                dialect: dialect.to_owned(),
                call: call.to_owned(),
            },
            request_id: self.request_id.clone(),
            trace: self.trace.clone(),
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

/// Gives a request's tracing ids back with its answer.
pub fn echo(asked: &HeaderMap, answered: &mut HeaderMap) {
    for name in [&REQUEST_ID.0, &TRACEPARENT.0] {
        if let Some(value) = asked.get(name) {
            answered.insert(name.clone(), value.clone());
        }
    }
}

fn trace(headers: &HeaderMap) -> Option<Trace> {
    let request_id = header_text(headers, &REQUEST_ID.0).map(decoded);
    let request_id = request_id.map(|id| id.chars().take(TRACE_CHARS_MAX).collect());
    // Where there are several, none is to be believed (W3C Trace Context, section 4.3).
    let traceparent = header_text(headers, &TRACEPARENT.0)
        .filter(|text| is_traceparent(text) && !is_twofold(headers, &TRACEPARENT.0));
    let trace = Trace {
        request_id,
        traceparent,
    };
    Some(trace).filter(|trace| *trace != Trace::default())
}

/// `00-<trace id>-<span id>-<flags>` in lower-case hexadecimal, with more behind it in a later
/// version (W3C Trace Context, section 3.2).
fn is_traceparent(text: &str) -> bool {
    let is_hex = |part: &str, digits: usize| {
        let mut bytes = part.bytes();
        part.len() == digits && bytes.all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    let is_id = |part: &str, digits| is_hex(part, digits) && part.bytes().any(|byte| byte != b'0');
    let mut parts = text.split('-');
    let mut next = || parts.next().unwrap_or_default();
    let (version, trace, span, flags) = (next(), next(), next(), next());
    is_hex(version, 2)
        && version != "ff"
        && is_id(trace, 32)
        && is_id(span, 16)
        && is_hex(flags, 2)
        && (version != "00" || parts.next().is_none())
        && text.len() <= TRACE_CHARS_MAX
}

fn is_twofold(headers: &HeaderMap, name: &HeaderName) -> bool {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    values.any(|other| Some(other) != first)
}

/// Undoes percent-encoding: browsers and Node can send Latin-1 only, others ASCII only. Both forms
/// are read: bare, and RFC 8187's `UTF-8'language'text`. What is no encoding of UTF-8 stays.
fn decoded(text: String) -> String {
    let mut parts = text.splitn(3, '\'');
    let bare = match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(value)) if charset.eq_ignore_ascii_case("utf-8") => value,
        _ => text.as_str(),
    };
    urlencoded::segment(bare).unwrap_or(text)
}

/// The string of a structured field (RFC 8941), as the draft on `Idempotency-Key` wants it; other
/// text as it is.
fn unquoted(text: String) -> String {
    let inside = text
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    match inside {
        Some(inside) => inside.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => text,
    }
}

/// A header, and how its name is written in sentences.
type Named = (HeaderName, &'static str);

/// Browsers' own are shorter; what is longer tells nothing more, so it is cut.
const USER_AGENT_CHARS_MAX: usize = 512;
/// A UUID has 36; what is longer is cut, since a tracing id is no reason to refuse a call.
const TRACE_CHARS_MAX: usize = 256;
const IDEMPOTENCY_KEY: Named = (
    HeaderName::from_static("idempotency-key"),
    "Idempotency-Key",
);
const REQUEST_KEY: Named = (
    HeaderName::from_static("x-livekit-request-id"),
    "x-livekit-request-id",
);
const REQUEST_ID: Named = (HeaderName::from_static("x-request-id"), "X-Request-Id");
const TRACEPARENT: Named = (HeaderName::from_static("traceparent"), "traceparent");
const AUDIT_ACTOR: Named = (HeaderName::from_static("x-audit-actor"), "X-Audit-Actor");
const AUDIT_REASON: Named = (HeaderName::from_static("x-audit-reason"), "X-Audit-Reason");
const CORRELATION_ID: Named = (
    HeaderName::from_static("x-correlation-id"),
    "X-Correlation-Id",
);
