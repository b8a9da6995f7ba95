//! Every no in VideoSDK's words: its codes where it has one, and total maps of refusals and
//! failures. Apart, so that code and status stay one table; it never carries a token or a secret.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::dialect::auth::rate::TooOften;
use crate::dialect::auth::token::TokenError;
use crate::dialect::body::NoBody;
use crate::dialect::no_outcome::NoOutcome;
use crate::dialect::recorded::Recorded;
use crate::domain::{Code, Rejection};
use crate::engine::{EngineError, Receipt, Refused};

macro_rules! codes {
    ($($number:literal $code:ident $name:literal,)*) => {
        /// The vendor's error codes that apply here (`constants.d.ts` of its client 1.1.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum VendorCode {
            $(#[doc = concat!("`", $name, "`, ", stringify!($number), ".")] $code,)*
        }

        impl VendorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// The number, as text: the vendor's server SDKs read no other.
            pub const fn number(self) -> &'static str {
                match self {
                    $(Self::$code => stringify!($number),)*
                }
            }

            /// The vendor's name for it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }
        }
    };
}

codes! {
    4001 InvalidApiKey "INVALID_API_KEY",
    4002 InvalidToken "INVALID_TOKEN",
    4003 InvalidMeetingId "INVALID_MEETING_ID",
    4004 InvalidParticipantId "INVALID_PARTICIPANT_ID",
    4008 InvalidPermissions "INVALID_PERMISSIONS",
    4009 MaxParticipantReached "MAX_PARTICIPANT_REACHED",
    4022 UnauthorizedMeetingId "UNAUTHORIZED_MEETING_ID",
    4023 UnauthorizedParticipantId "UNAUTHORIZED_PARTICIPANT_ID",
    4024 UnauthorizedRole "UNAUTHORIZED_ROLE",
    4025 UnauthorizedRequest "UNAUTHORIZED_REQUEST",
    4052 MeetingIdDisabled "MEETING_ID_DISABLED",
    4066 RemoveParticipantFailed "REMOVE_PARTICIPANT_FAILED",
}

/// An error as clients see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// What, where, and what to do next.
    pub message: String,
    /// The vendor's code, where it has one for this.
    pub vendor: Option<VendorCode>,
    /// Our own code, which is never absent.
    pub slug: &'static str,
    /// Ours beside the vendor's sentence, where that says less.
    pub detail: Option<String>,
    /// Where the event stands that is the reason.
    pub because: Option<u64>,
    /// Where the refusal stands.
    pub recorded: Option<Recorded>,
    /// When to try again.
    pub retry_after_s: Option<u32>,
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl ApiError {
    /// An error of a kind of its own.
    pub fn new(status: StatusCode, slug: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            vendor: None,
            slug,
            detail: None,
            because: None,
            recorded: None,
            retry_after_s: None,
        }
    }

    /// The request cannot be read.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Code::Invalid.as_str(), message)
    }

    /// No room of that id.
    pub fn no_room(id: &str) -> Self {
        let message = format!("there is no room {:?}", cut(id));
        Self::new(StatusCode::NOT_FOUND, Code::NoSuchRoom.as_str(), message)
            .coded(VendorCode::InvalidMeetingId)
    }

    /// No session of that id.
    pub fn no_session(id: &str) -> Self {
        let message = format!("there is no session {:?}", cut(id));
        Self::new(StatusCode::NOT_FOUND, "no-such-session", message)
    }

    /// Nobody of that id was ever in the session.
    pub fn no_participant(id: &str) -> Self {
        let message = format!("participant {:?} was never in the session", cut(id));
        let slug = Code::NoSuchParticipant.as_str();
        Self::new(StatusCode::NOT_FOUND, slug, message)
    }

    /// The caller may not do that.
    pub fn forbidden(vendor: VendorCode, message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, Code::NoRight.as_str(), message).coded(vendor)
    }

    /// The same under the vendor's code.
    #[must_use]
    pub const fn coded(mut self, vendor: VendorCode) -> Self {
        self.vendor = Some(vendor);
        self
    }

    /// A refusal of the rules, with where it is recorded and why.
    pub fn refused(refused: &Refused, receipt: &Receipt) -> Self {
        let mut error = Self::coded_as(refused.code, refused.detail.clone());
        error.because = refused.because.first().map(|because| because.0);
        error.recorded_by(receipt)
    }

    /// A refusal by itself.
    pub fn rejected(rejection: &Rejection) -> Self {
        Self::coded_as(rejection.code(), rejection.to_string())
    }

    fn coded_as(code: Code, message: String) -> Self {
        let (status, vendor) = of_code(code);
        let mut error = Self::new(status, code.as_str(), message);
        error.vendor = vendor;
        error
    }

    /// The same, where its record is known.
    #[must_use]
    pub fn recorded_by(mut self, receipt: &Receipt) -> Self {
        self.recorded = Some(Recorded::of(receipt));
        self
    }

    fn body(&self) -> Body<'_> {
        Body {
            message: &self.message,
            code: self.vendor.map_or(self.slug, VendorCode::number),
            name: self.vendor.map(VendorCode::name),
            kind: self.slug,
            detail: self.detail.as_deref(),
            position: self.recorded.map(|recorded| recorded.position),
            because: self.because,
        }
    }
}

/// The vendor's members first, then ours.
#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    because: Option<u64>,
}

impl From<TokenError> for ApiError {
    fn from(error: TokenError) -> Self {
        let vendor = if let TokenError::UnknownKey { .. } = error {
            VendorCode::InvalidApiKey
        } else {
            VendorCode::InvalidToken
        };
        let mut told = Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", INVALID_TOKEN);
        told.detail = Some(error.to_string());
        told.coded(vendor)
    }
}

impl From<TooOften> for ApiError {
    fn from(error: TooOften) -> Self {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let mut told = Self::new(status, "overloaded", error.to_string());
        told.retry_after_s = Some(error.retry_after_s);
        told
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let told = NoOutcome::of(&error);
        let mut failed = Self::new(told.status, told.slug, error.to_string());
        failed.retry_after_s = told.retry_after_s;
        failed
    }
}

impl From<NoBody> for ApiError {
    fn from(error: NoBody) -> Self {
        let slug = match error {
            NoBody::Packed => "unsupported-encoding",
            NoBody::TooLarge { .. } => Code::TooLarge.as_str(),
            NoBody::Broken => Code::Invalid.as_str(),
            NoBody::Crowded(_) => "overloaded",
        };
        Self::new(error.status(), slug, error.to_string())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        let kind = [(header::CONTENT_TYPE, json)];
        let body = serde_json::to_vec(&self.body()).unwrap_or_default();
        let mut response = (self.status, kind, body).into_response();
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

/// Status and vendor's code for each kind of refusal.
pub const fn of_code(code: Code) -> (StatusCode, Option<VendorCode>) {
    match code {
        Code::NoSuchRoom => (StatusCode::NOT_FOUND, Some(VendorCode::InvalidMeetingId)),
        Code::NoSuchParticipant | Code::NoSuchConnection | Code::ConnectionClosed => (
            StatusCode::NOT_FOUND,
            Some(VendorCode::RemoveParticipantFailed),
        ),
        Code::NoOpenSession | Code::NoSuchTrack | Code::NoSuchVersion => {
            (StatusCode::NOT_FOUND, None)
        }
        Code::VersionConflict | Code::IdReused => (StatusCode::CONFLICT, None),
        Code::NoRight | Code::ActorMismatch | Code::Banned => {
            (StatusCode::FORBIDDEN, Some(VendorCode::UnauthorizedRequest))
        }
        Code::TokenRevoked | Code::TokenExpired => {
            (StatusCode::FORBIDDEN, Some(VendorCode::InvalidToken))
        }
        Code::RoomFull => (
            StatusCode::FORBIDDEN,
            Some(VendorCode::MaxParticipantReached),
        ),
        Code::RoomDisabled | Code::RoomNotOpen | Code::RoomExpired => {
            (StatusCode::FORBIDDEN, Some(VendorCode::MeetingIdDisabled))
        }
        Code::RemoteUnmuteDisabled => (StatusCode::FORBIDDEN, None),
        Code::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, None),
        Code::TooMany | Code::SameRoom | Code::NotMovable | Code::Invalid => {
            (StatusCode::BAD_REQUEST, None)
        }
    }
}

/// As much of a caller's word as a message repeats.
pub fn cut(text: &str) -> String {
    text.chars().take(ECHO_CHARS_MAX).collect()
}

/// The vendor's sentence, which clients look for.
const INVALID_TOKEN: &str = "Token is invalid or expired";
/// Longer words of a caller are cut before they are repeated.
const ECHO_CHARS_MAX: usize = 64;
