//! Daily's errors: a kind of a closed list, and a sentence. Apart so that every no of ours, of the
//! domain and of the engine, becomes one of them by a total map; it never carries a secret.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use crate::dialect::auth::rate::TooOften;
use crate::dialect::body::NoBody;
use crate::dialect::no_outcome::NoOutcome;
use crate::dialect::recorded::Recorded;
use crate::domain::{Code, Rejection};
use crate::engine::{EngineError, Receipt, Refused};

/// What kind of error: clients know these seven and fail on any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// The API key is not one of ours, or may not.
    Authentication,
    /// The `Authorization` header is missing, or is no bearer's.
    AuthorizationHeader,
    /// The body is no JSON.
    JsonParsing,
    /// The request cannot be carried out as it is.
    InvalidRequest,
    /// Too many, too fast.
    RateLimit,
    /// It is our fault, or nothing that this server does.
    Server,
    /// There is no such thing.
    NotFound,
}

impl Kind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::Authentication,
        Self::AuthorizationHeader,
        Self::JsonParsing,
        Self::InvalidRequest,
        Self::RateLimit,
        Self::Server,
        Self::NotFound,
    ];

    /// The name on the wire.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Authentication => "authentication-error",
            Self::AuthorizationHeader => "authorization-header-error",
            Self::JsonParsing => "json-parsing-error",
            Self::InvalidRequest => "invalid-request-error",
            Self::RateLimit => "rate-limit-error",
            Self::Server => "server-error",
            Self::NotFound => "not-found",
        }
    }
}

/// An error as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    status: StatusCode,
    kind: Kind,
    info: String,
    is_deleted: bool,
    retry_after_s: Option<u32>,
    recorded: Option<Recorded>,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.info)
    }
}

impl Error {
    /// Of a status and a kind of its own.
    pub fn new(status: StatusCode, kind: Kind, info: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            info: info.into(),
            is_deleted: false,
            retry_after_s: None,
            recorded: None,
        }
    }

    /// The request cannot be carried out as it is.
    pub fn invalid(info: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Kind::InvalidRequest, info)
    }

    /// There is no such thing.
    pub fn not_found(info: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, Kind::NotFound, info)
    }

    /// Only a media server can.
    pub fn needs_media(call: &str) -> Self {
        let info = format!("{call} needs a media server, and this one keeps a ledger only");
        Self::new(StatusCode::NOT_IMPLEMENTED, Kind::Server, info)
    }

    /// A refusal of the rules, on record.
    pub fn refused(refused: &Refused, receipt: &Receipt) -> Self {
        Self::of_code(refused.code, refused.detail.clone()).recorded_by(Recorded::of(receipt))
    }

    /// A refusal by itself.
    pub fn rejected(rejection: &Rejection) -> Self {
        Self::of_code(rejection.code(), rejection.to_string())
    }

    fn of_code(code: Code, info: String) -> Self {
        let (status, kind) = kind_of(code);
        Self::new(status, kind, info)
    }

    /// The same, where its record is known.
    #[must_use]
    pub fn recorded_by(mut self, recorded: Recorded) -> Self {
        self.recorded = Some(recorded);
        self
    }

    /// The same, of a room whose time was over and that is deleted now.
    #[must_use]
    pub const fn deleted(mut self) -> Self {
        self.is_deleted = true;
        self
    }

    /// Told to try again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The sentence.
    pub fn info(&self) -> &str {
        &self.info
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        self.status
    }

    /// What kind it is.
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// The body as it is sent.
    pub fn body(&self) -> String {
        let mut body = json!({"error": self.kind.name(), "info": self.info});
        if let (true, Some(body)) = (self.is_deleted, body.as_object_mut()) {
            body.insert(String::from("deleted"), json!(true));
        }
        body.to_string()
    }
}

impl From<EngineError> for Error {
    fn from(error: EngineError) -> Self {
        let told = NoOutcome::of(&error);
        let kind = if told.status == StatusCode::TOO_MANY_REQUESTS {
            Kind::RateLimit
        } else if told.status.is_server_error() {
            Kind::Server
        } else {
            Kind::InvalidRequest
        };
        let mut failed = Self::new(told.status, kind, error.to_string());
        failed.retry_after_s = told.retry_after_s;
        failed
    }
}

impl From<NoBody> for Error {
    fn from(error: NoBody) -> Self {
        let kind = if error.status().is_server_error() {
            Kind::Server
        } else {
            Kind::InvalidRequest
        };
        let mut told = Self::new(error.status(), kind, error.to_string());
        told.retry_after_s = error.retry_after_s();
        told
    }
}

impl From<&TooOften> for Error {
    fn from(error: &TooOften) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let too_often = Self::new(status, Kind::RateLimit, error.to_string());
        too_often.retry_after(error.retry_after_s)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("application/json");
        let headers = [(header::CONTENT_TYPE, kind)];
        let mut response = (self.status, headers, self.body()).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(recorded) = self.recorded {
            recorded.mark(headers);
        }
        response
    }
}

/// Status and kind of each refusal.
pub const fn kind_of(code: Code) -> (StatusCode, Kind) {
    match code {
        Code::NoSuchRoom
        | Code::NoOpenSession
        | Code::NoSuchParticipant
        | Code::NoSuchConnection
        | Code::ConnectionClosed
        | Code::NoSuchTrack
        | Code::NoSuchVersion
        | Code::RoomExpired => (StatusCode::NOT_FOUND, Kind::NotFound),
        Code::NoRight
        | Code::ActorMismatch
        | Code::Banned
        | Code::TokenRevoked
        | Code::TokenExpired
        | Code::RoomFull
        | Code::RoomDisabled
        | Code::RoomNotOpen => (StatusCode::FORBIDDEN, Kind::InvalidRequest),
        Code::VersionConflict | Code::IdReused => (StatusCode::CONFLICT, Kind::InvalidRequest),
        Code::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Kind::InvalidRequest),
        Code::RemoteUnmuteDisabled
        | Code::TooMany
        | Code::SameRoom
        | Code::NotMovable
        | Code::Invalid => (StatusCode::BAD_REQUEST, Kind::InvalidRequest),
    }
}
