//! Bodies of requests, taken in whole. Apart because a stranger could make us hold bytes here, and
//! every dialect must be as careful; it never reads what they say.

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{DefaultBodyLimit, FromRequest as _, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};

use crate::domain::Digest;

/// Why there is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoBody {
    /// It is packed: a small body may unpack to anything, so none is unpacked.
    #[error("bodies are taken as they are: send it without Content-Encoding")]
    Packed,
    /// It is larger than is taken.
    #[error("the body is larger than {bytes_max} bytes")]
    TooLarge {
        /// How much is taken.
        bytes_max: usize,
    },
    /// The connection broke before its end.
    #[error("the request ended before its body did")]
    Broken,
}

impl NoBody {
    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Packed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

/// The whole body of at most that many bytes, as it was sent.
///
/// # Errors
/// [`NoBody`]; of a body that says itself that it is too large, or packed, nothing is read.
pub async fn whole(headers: &HeaderMap, body: Body, bytes_max: usize) -> Result<Bytes, NoBody> {
    if is_packed(headers) {
        return Err(NoBody::Packed);
    }
    let too_large = NoBody::TooLarge { bytes_max };
    if body.size_hint().lower() > u64::try_from(bytes_max).unwrap_or(u64::MAX) {
        return Err(too_large);
    }
    let mut request = Request::new(body);
    DefaultBodyLimit::max(bytes_max).apply(&mut request);
    let read = Bytes::from_request(request, &()).await;
    read.map_err(|error| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large,
        _ => NoBody::Broken,
    })
}

/// Whether a body is not as it reads.
pub fn is_packed(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    encodings.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// By what a repeat under the same request id is known: method, path and body.
pub fn digest(parts: &Parts, body: &[u8]) -> Digest {
    let mut whole = format!("{} {}\n", parts.method, parts.uri.path()).into_bytes();
    whole.extend_from_slice(body);
    Digest::of(&whole)
}
