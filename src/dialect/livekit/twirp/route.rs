//! From method, path and content type to a call, as Twirp's Go server routes. Apart from HTTP, so
//! that it is a pure function; it never looks at a body or a token.

use crate::dialect::livekit::twirp::calls::{Call, Encoding};
use crate::dialect::livekit::twirp::error::TwirpError;

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// A call of `RoomService`.
    Call(Call, Encoding),
    /// `/rtc/validate`: whether a token is one to join with.
    Validate,
    /// `/`: whether the server is up.
    Health,
    /// Nowhere.
    Unknown,
}

/// Routes a request. `content_type` is the whole header, empty when there is none.
///
/// # Errors
/// `bad_route` with Twirp's texts, for requests to `RoomService` that are not calls.
pub fn route(method: &str, path: &str, content_type: &str) -> Result<Route, TwirpError> {
    // Clients that join a host ending in a slash with a path send two; LiveKit takes them as one.
    let path = path.trim_start_matches('/');
    if path.is_empty() {
        return Ok(Route::Health);
    }
    if VALIDATE.contains(&path) {
        return Ok(Route::Validate);
    }
    let Some(name) = path.strip_prefix(CALLS) else {
        return Ok(Route::Unknown);
    };
    let path = format!("/{path}");
    let bad = |msg| Err(TwirpError::bad_route(msg, method, &path));
    if method != "POST" {
        return bad(format!(
            "unsupported method {method:?} (only POST is allowed)"
        ));
    }
    let Some(call) = Call::named(name) else {
        return bad(format!("no handler for path {path:?}"));
    };
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    for encoding in [Encoding::Json, Encoding::Protobuf] {
        if kind.eq_ignore_ascii_case(encoding.content_type()) {
            return Ok(Route::Call(call, encoding));
        }
    }
    bad(format!("unexpected Content-Type: {content_type:?}"))
}

/// Whether a path is one where a token counts: a call's, or that of `/rtc/validate`.
pub fn takes_token(path: &str) -> bool {
    let path = path.trim_start_matches('/');
    let call = path.strip_prefix(CALLS).and_then(Call::named);
    VALIDATE.contains(&path) || call.is_some()
}

const CALLS: &str = "twirp/livekit.RoomService/";
const VALIDATE: [&str; 2] = ["rtc/validate", "rtc/v1/validate"];
