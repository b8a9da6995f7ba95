//! Why a call has no outcome, as every API over HTTP tells it: the status, our own word, and when
//! to come again. Apart because each dialect had its own table, and they drifted; it never tells
//! why a call was refused, which is an outcome.

use axum::http::StatusCode;

use crate::domain::Code;
use crate::engine::EngineError;
use crate::store::StoreError;

/// How the lack of an outcome is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoOutcome {
    /// The HTTP status.
    pub status: StatusCode,
    /// Our own word, which never changes.
    pub slug: &'static str,
    /// When to come again, in seconds; `None` where that would not help.
    pub retry_after_s: Option<u32>,
}

impl NoOutcome {
    /// Of a failure of the engine.
    pub const fn of(error: &EngineError) -> Self {
        let (status, slug, retry_after_s) = match error {
            EngineError::Overloaded { .. } | EngineError::Store(StoreError::Behind { .. }) => {
                (StatusCode::TOO_MANY_REQUESTS, "overloaded", Some(1))
            }
            EngineError::RequestIdReused { .. } => {
                (StatusCode::CONFLICT, "request-id-reused", None)
            }
            EngineError::Poisoned { .. } => (UNAVAILABLE, "poisoned", None),
            EngineError::TooSlow => (UNAVAILABLE, "too-slow", None),
            EngineError::Closed => (UNAVAILABLE, "shutting-down", Some(5)),
            EngineError::Opening => (UNAVAILABLE, "still-opening", Some(1)),
            EngineError::Store(StoreError::Unmeasured { .. }) => {
                (UNAVAILABLE, "storage-unavailable", Some(1))
            }
            EngineError::Store(StoreError::Full { .. }) => {
                (StatusCode::INSUFFICIENT_STORAGE, "disk-full", None)
            }
            EngineError::Store(StoreError::TooLarge { .. }) => {
                (StatusCode::PAYLOAD_TOO_LARGE, Code::TooLarge.as_str(), None)
            }
            EngineError::Store(_) => (StatusCode::INTERNAL_SERVER_ERROR, "log-damaged", None),
            EngineError::Broken { .. } | EngineError::Start { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "broken", None)
            }
        };
        Self {
            status,
            slug,
            retry_after_s,
        }
    }
}

const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
