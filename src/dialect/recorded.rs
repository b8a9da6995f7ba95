//! Where in the log a call stands, as every dialect's answer tells it in headers. Apart because
//! vendors' bodies have no field for it; it never holds anything else of the answer.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

use crate::engine::Receipt;

/// Where a call stands in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The last position that it made durable; the head that it read, if it made none.
    pub position: u64,
    /// Whether the answer is that of an earlier call with the same request id.
    pub replayed: bool,
}

impl Recorded {
    /// As a receipt says.
    pub fn of(receipt: &Receipt) -> Self {
        Self {
            position: receipt.position.0,
            replayed: receipt.replayed,
        }
    }

    /// Whether an answer tells already where it stands.
    pub fn is_marked(headers: &HeaderMap) -> bool {
        headers.contains_key(LEDGER_POSITION)
    }

    /// Adds `X-Ledger-Position`, and `X-Ledger-Replayed` where it applies.
    pub fn mark(self, headers: &mut HeaderMap) {
        headers.insert(LEDGER_POSITION, HeaderValue::from(self.position));
        if self.replayed {
            headers.insert(LEDGER_REPLAYED, HeaderValue::from_static("true"));
        }
    }
}

const LEDGER_POSITION: HeaderName = HeaderName::from_static("x-ledger-position");
const LEDGER_REPLAYED: HeaderName = HeaderName::from_static("x-ledger-replayed");
