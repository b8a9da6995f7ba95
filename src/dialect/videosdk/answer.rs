//! What a call gives: a body of JSON, and where it stands in the log. Apart, so that every call
//! gives the same; it never holds an error.

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::dialect::recorded::Recorded;
use crate::engine::Receipt;

/// What a call gives.
pub(super) struct Answer {
    body: Body,
    recorded: Option<Recorded>,
}

impl Answer {
    /// An answer that the log knows nothing of.
    pub(super) fn read(body: &impl Serialize) -> Self {
        Self::written(serde_json::to_vec(body).unwrap_or_default().into())
    }

    /// The same, written as it is made.
    pub(super) const fn written(body: Body) -> Self {
        Self {
            body,
            recorded: None,
        }
    }

    /// The answer to a write.
    pub(super) fn recorded(body: &impl Serialize, receipt: &Receipt) -> Self {
        Self::read(body).standing(Some(Recorded::of(receipt)))
    }

    /// The same, where it stands in the log.
    pub(super) fn standing(self, recorded: Option<Recorded>) -> Self {
        Self { recorded, ..self }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        let mut response = ([(header::CONTENT_TYPE, json)], self.body).into_response();
        if let Some(recorded) = self.recorded {
            recorded.mark(response.headers_mut());
        }
        response
    }
}
