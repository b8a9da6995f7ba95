//! What went wrong, as RFC 9457 problem details with stable types.
//!
//! Apart so that code and HTTP status stay one table. It never carries a token or a secret.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use crate::dialect::no_outcome::NoOutcome;
use crate::dialect::recorded::Recorded;
use crate::domain::{Code, Rejection};
use crate::engine::{EngineError, Receipt, Refused};
use crate::store::StoreError;

/// An error as clients see it. They match on `type`; the rest is for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    body: Box<Body>,
    retry_after_s: Option<u32>,
    recorded: Option<Recorded>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
struct Body {
    /// A slug that never changes.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What, where, and what to do next.
    detail: String,
    /// Where the refusal is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// Where the event is that is the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<u64>,
    /// The room's version, where it is not the expected one.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u64>,
}

impl Problem {
    /// A problem of a kind of its own.
    pub fn new(status: StatusCode, kind: &'static str, detail: impl Into<String>) -> Self {
        Self {
            body: Box::new(Body {
                kind,
                title: status.canonical_reason().unwrap_or("Error"),
                status: status.as_u16(),
                detail: detail.into(),
                position: None,
                because: None,
                version: None,
            }),
            retry_after_s: None,
            recorded: None,
        }
    }

    /// The request cannot be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "malformed", detail)
    }

    /// A refusal by itself; nothing was recorded.
    pub fn rejected(rejection: &Rejection) -> Self {
        let code = rejection.code();
        Self::new(status_of(code), code.as_str(), rejection.to_string())
    }

    /// The token does not grant that; nothing was recorded.
    pub fn no_right(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, Code::NoRight.as_str(), detail)
    }

    /// There is no such thing.
    pub fn not_found(kind: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, kind, detail)
    }

    /// A refusal of the rules, with where it is recorded and why.
    pub fn refused(refused: &Refused, receipt: &Receipt) -> Self {
        let kind = refused.code.as_str();
        let mut problem = Self::new(status_of(refused.code), kind, refused.detail.clone());
        problem.body.because = refused.because.first().map(|because| because.0);
        if refused.code == Code::VersionConflict {
            problem.body.version = receipt.room.as_ref().map(|room| room.changed.0);
        }
        problem.recorded_by(receipt)
    }

    /// The same, where its record is known.
    #[must_use]
    pub fn recorded_by(mut self, receipt: &Receipt) -> Self {
        self.body.position = receipt.records.last().map(|record| record.position.0);
        self.recorded = Some(Recorded::of(receipt));
        self
    }

    pub(super) fn schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<Body>()
    }

    /// What, where, and what to do next.
    pub fn detail(&self) -> &str {
        &self.body.detail
    }

    /// The body as it is sent.
    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(&*self.body).unwrap_or_default()
    }

    /// Told to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let detail = error.to_string();
        if let EngineError::Store(StoreError::Missing { .. }) = error {
            return Self::not_found("no-such-position", detail);
        }
        let told = NoOutcome::of(&error);
        Self {
            retry_after_s: told.retry_after_s,
            ..Self::new(told.status, told.slug, detail)
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.body.status);
        let body = self.to_json();
        let kind = HeaderValue::from_static("application/problem+json");
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(header::CONTENT_TYPE, kind)], body).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            headers.insert(header::WWW_AUTHENTICATE, scheme);
        }
        if let Some(recorded) = self.recorded {
            recorded.mark(headers);
        }
        response
    }
}

/// The status that goes with each refusal.
pub const fn status_of(code: Code) -> StatusCode {
    match code {
        Code::NoSuchRoom
        | Code::NoOpenSession
        | Code::NoSuchParticipant
        | Code::NoSuchConnection
        | Code::NoSuchTrack
        | Code::NoSuchVersion => StatusCode::NOT_FOUND,
        Code::ConnectionClosed | Code::VersionConflict | Code::IdReused => StatusCode::CONFLICT,
        Code::NoRight
        | Code::ActorMismatch
        | Code::Banned
        | Code::TokenRevoked
        | Code::TokenExpired
        | Code::RoomFull
        | Code::RoomDisabled
        | Code::RoomNotOpen
        | Code::RoomExpired => StatusCode::FORBIDDEN,
        Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::RemoteUnmuteDisabled
        | Code::TooMany
        | Code::SameRoom
        | Code::NotMovable
        | Code::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
    }
}
