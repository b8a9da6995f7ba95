//! Twirp's errors: always JSON, whatever the request was. Apart, so that code and HTTP status stay
//! one table; it never carries a token or a secret.

use std::collections::BTreeMap;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An error as clients see it. They match on the code; the message is for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{code}: {msg}", code = code.name())]
pub struct TwirpError {
    /// What kind of error.
    pub code: ErrorCode,
    /// What, where, and what to do next.
    pub msg: String,
    /// More, by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub meta: BTreeMap<&'static str, String>,
    /// The header that tells when to try again.
    #[serde(skip)]
    pub retry_after_s: Option<u32>,
}

impl TwirpError {
    /// An error without meta.
    pub fn new(code: ErrorCode, msg: impl Into<String>) -> Self {
        Self {
            code,
            msg: msg.into(),
            meta: BTreeMap::new(),
            retry_after_s: None,
        }
    }

    /// Told to try again.
    #[must_use]
    pub const fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// Adds one entry of meta.
    #[must_use]
    pub fn with_meta(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.meta.insert(name, value.into());
        self
    }

    /// No token, or one without the grant: LiveKit answers 401 to both, never 403.
    pub fn permissions_denied() -> Self {
        Self::new(ErrorCode::Unauthenticated, "permissions denied")
    }

    /// The request cannot be routed.
    pub fn bad_route(msg: String, method: &str, path: &str) -> Self {
        Self::new(ErrorCode::BadRoute, msg)
            .with_meta("twirp_invalid_route", format!("{method} {path}"))
    }
}

impl IntoResponse for TwirpError {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.code.http_status());
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let json = HeaderValue::from_static("application/json");
        let status = status.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, [(header::CONTENT_TYPE, json)], body).into_response();
        if let Some(seconds) = self.retry_after_s {
            let headers = response.headers_mut();
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

macro_rules! codes {
    ($($code:ident = $name:literal $status:literal,)*) => {
        /// Twirp's error codes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub enum ErrorCode {
            $(
                #[doc = concat!("`", $name, "`, HTTP ", stringify!($status), ".")]
                #[serde(rename = $name)]
                $code,
            )*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// The name on the wire.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$code => $name,)*
                }
            }

            /// The HTTP status that goes with it.
            pub const fn http_status(self) -> u16 {
                match self {
                    $(Self::$code => $status,)*
                }
            }
        }
    };
}

codes! {
    Canceled = "canceled" 408,
    Unknown = "unknown" 500,
    InvalidArgument = "invalid_argument" 400,
    Malformed = "malformed" 400,
    DeadlineExceeded = "deadline_exceeded" 408,
    NotFound = "not_found" 404,
    BadRoute = "bad_route" 404,
    AlreadyExists = "already_exists" 409,
    PermissionDenied = "permission_denied" 403,
    Unauthenticated = "unauthenticated" 401,
    ResourceExhausted = "resource_exhausted" 429,
    FailedPrecondition = "failed_precondition" 412,
    Aborted = "aborted" 409,
    OutOfRange = "out_of_range" 400,
    Unimplemented = "unimplemented" 501,
    Internal = "internal" 500,
    Unavailable = "unavailable" 503,
    DataLoss = "data_loss" 500,
}
