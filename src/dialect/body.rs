//! Bodies of requests, taken in whole. Apart because a stranger could make us hold bytes here, and
//! every dialect must be as careful; it never reads what they say.

use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use tokio::time::timeout;

use crate::dialect::body_memory::{BODY_BYTES_MAX, Lease, NoMemory};
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
    /// Others hold all that bodies may.
    #[error(transparent)]
    Crowded(#[from] NoMemory),
}

impl NoBody {
    /// The HTTP status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Packed => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Broken => StatusCode::BAD_REQUEST,
            Self::Crowded(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// In how many seconds the same request may be taken.
    pub const fn retry_after_s(self) -> Option<u32> {
        match self {
            Self::Crowded(_) => Some(1),
            Self::Packed | Self::TooLarge { .. } | Self::Broken => None,
        }
    }
}

/// The whole body of at most that many bytes, as it was sent.
///
/// # Errors
/// As [`taken`], and [`NoBody::Packed`]; of a body that is packed nothing is read.
pub async fn whole(parts: &Parts, body: Body, bytes_max: usize) -> Result<Bytes, NoBody> {
    if is_packed(&parts.headers) {
        return Err(NoBody::Packed);
    }
    taken(parts, body, bytes_max).await
}

/// The whole body of at most that many bytes, packed or not. What it holds counts against the
/// memory of all bodies, where the request has a [`Lease`] of it.
///
/// # Errors
/// [`NoBody`]; of a body that says itself that it is too large nothing is read.
pub async fn taken(parts: &Parts, body: Body, bytes_max: usize) -> Result<Bytes, NoBody> {
    let too_large = NoBody::TooLarge { bytes_max };
    let declared = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if declared > bytes_max {
        return Err(too_large);
    }
    let lease = parts.extensions.get::<Lease>();
    let mut body = body;
    let mut whole = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let Ok(data) = frame.map_err(|_| NoBody::Broken)?.into_data() else {
            continue;
        };
        let bytes = data.len().saturating_add(whole.len());
        if bytes > bytes_max {
            return Err(too_large);
        }
        grow(&mut whole, bytes, declared, lease)?;
        whole.extend_from_slice(&data);
    }
    Ok(whole.into())
}

/// The body of a call that is refused whatever it says: what a record of it is written from. `None`
/// where it is longer than that, or does not come at once; nothing of a longer one is read.
pub async fn little(parts: &Parts, body: Body, bytes_max: u64) -> Option<Bytes> {
    let upper = body.size_hint().upper();
    let is_little = upper.is_some_and(|upper| upper <= bytes_max);
    let taken = taken(parts, body, BODY_BYTES_MAX);
    let read = is_little.then(|| timeout(LITTLE_WAIT_MAX, taken))?.await;
    read.ok()?.ok()
}

/// Makes room for so many bytes: twice what there was, so that each is moved a few times at most,
/// but no more than what is declared needs. What is only declared holds nothing.
fn grow(
    whole: &mut Vec<u8>,
    bytes: usize,
    declared: usize,
    lease: Option<&Lease>,
) -> Result<(), NoBody> {
    let had = whole.capacity();
    if bytes <= had {
        return Ok(());
    }
    let doubled = had.saturating_mul(2).max(CAPACITY_MIN);
    let capacity = if declared >= bytes {
        doubled.min(declared)
    } else {
        doubled
    };
    let capacity = capacity.max(bytes);
    if let Some(lease) = lease {
        lease.take(capacity - had)?;
    }
    whole.reserve_exact(capacity - whole.len());
    Ok(())
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

/// Far above a usual command, far below what is worth holding for a caller without the right.
pub const LITTLE_BYTES_MAX: u64 = 16 << 10;
/// A usual client sends the body with the head.
const LITTLE_WAIT_MAX: Duration = Duration::from_secs(1);
/// Most bodies fit in it.
const CAPACITY_MIN: usize = 1024;
