//! Who calls: the secret of a key pair is shown as the API key. Apart because Daily has no token
//! for this; it never tells how much of a wrong key was right.

use axum::http::{HeaderMap, StatusCode, header};

use crate::dialect::auth::keys::KeyRing;
use crate::dialect::caller::header_text;
use crate::dialect::daily::error::{Error, Kind};

/// The id of the key that the request shows.
///
/// # Errors
/// 400 `authorization-header-error` without a bearer's header, 401 `authentication-error` for a
/// key that is not ours.
pub(super) fn key_id(keys: &KeyRing, headers: &HeaderMap) -> Result<String, Error> {
    let header = header_text(headers, &header::AUTHORIZATION).unwrap_or_default();
    let shown = match header.split_once(' ') {
        Some((scheme, shown)) if scheme.eq_ignore_ascii_case("bearer") => shown.trim(),
        _ => "",
    };
    if shown.is_empty() {
        let info = "send the header `Authorization: Bearer` with an API key: a secret of the keys";
        let status = StatusCode::BAD_REQUEST;
        return Err(Error::new(status, Kind::AuthorizationHeader, info));
    }
    let found = keys.key_of_secret(shown).map(str::to_owned);
    found.ok_or_else(|| {
        let info = "the API key is no secret of the keys that this server has";
        Error::new(StatusCode::UNAUTHORIZED, Kind::Authentication, info)
    })
}
