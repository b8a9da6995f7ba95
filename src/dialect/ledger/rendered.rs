//! What a read is answered: JSON that is made on the thread that read, and no more of it than an
//! answer may have. Apart because making it takes as long as reading, and must not take it from
//! those who wait for other answers.

use std::io::{self, Write};

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use crate::dialect::ledger::problem::Problem;
use crate::domain::{Code, Room};

/// An answer as it is sent; `None` where it would be too long.
#[derive(Debug)]
pub(super) struct Rendered(Option<Vec<u8>>);

impl Rendered {
    /// Of a value.
    pub(super) fn of(value: &impl Serialize) -> Self {
        let mut bounded = Bounded(Vec::new());
        let written = serde_json::to_writer(&mut bounded, value);
        Self(written.is_ok().then_some(bounded.0))
    }

    /// Of a view of a room, which is not even made where the room has more than fits.
    pub(super) fn of_room<T: Serialize>(room: &Room, view: impl FnOnce() -> T) -> Self {
        if room.weight() > ANSWER_BYTES_MAX {
            return Self(None);
        }
        Self::of(&view())
    }
}

impl IntoResponse for Rendered {
    fn into_response(self) -> Response {
        let Some(body) = self.0 else {
            let detail = format!(
                "the answer would have more than {ANSWER_BYTES_MAX} bytes: ask for less of it, \
                 such as a smaller limit, one participant, a page of /present, or a page of \
                 /events with target= or session="
            );
            let status = StatusCode::PAYLOAD_TOO_LARGE;
            return Problem::new(status, Code::TooLarge.as_str(), detail).into_response();
        };
        let json = HeaderValue::from_static("application/json");
        ([(header::CONTENT_TYPE, json)], body).into_response()
    }
}

/// Bytes, up to what an answer may have.
struct Bounded(Vec<u8>);

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > ANSWER_BYTES_MAX {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// As api.md promises of every answer.
pub(super) const ANSWER_BYTES_MAX: usize = 32 * 1024 * 1024;
