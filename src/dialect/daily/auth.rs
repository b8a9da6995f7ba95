//! Who calls: the secret of a key pair is shown as the API key. Apart because Daily has no token
//! for this; it never tells how much of a wrong key was right.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode, header};

use crate::dialect::auth::keys::KeyRing;
use crate::dialect::auth::limits::{KeyLimits, KeyRight};
use crate::dialect::caller::header_text;
use crate::dialect::coverage::Answered;
use crate::dialect::daily::call::{Call, DIALECT};
use crate::dialect::daily::error::{Error, Kind};

/// The key that the request shows.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) key_id: String,
    pub(super) limits: Arc<KeyLimits>,
}

/// The key that the request shows.
///
/// # Errors
/// 400 `authorization-header-error` without a bearer's header, 401 `authentication-error` for a
/// key that is not ours, or not for this API.
pub(super) fn key(keys: &KeyRing, headers: &HeaderMap) -> Result<Shown, Error> {
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
    let found = keys.key_of_bearer(shown);
    let found = found.filter(|(_, key)| key.limits.admits(DIALECT));
    let (key_id, key) = found.ok_or_else(|| {
        let info = "the API key is no secret of the keys that this server has";
        Error::new(StatusCode::UNAUTHORIZED, Kind::Authentication, info)
    })?;
    Ok(Shown {
        key_id: key_id.to_owned(),
        limits: Arc::clone(&key.limits),
    })
}

impl Shown {
    /// Whether the key may make the call about that room; about all of them, or one that is not
    /// named yet, where there is none. A meeting token's room stands in its properties.
    pub(super) fn may(&self, call: Call, room: Option<&str>) -> bool {
        let makes_or_deletes = matches!(
            call,
            Call::CreateRoom | Call::DeleteRoom | Call::BatchRoomCreate | Call::BatchRoomDelete
        );
        let rights: &[KeyRight] =
            if matches!(call, Call::GetDomainConfig | Call::ValidateMeetingToken) {
                return true;
            } else if call == Call::CreateMeetingToken {
                &[KeyRight::Join]
            } else if makes_or_deletes {
                &[KeyRight::Create]
            } else if call == Call::ListRooms {
                &[KeyRight::List, KeyRight::Audit]
            } else if call.answered() == Answered::Read {
                &[KeyRight::Admin, KeyRight::Audit]
            } else {
                &[KeyRight::Admin]
            };
        self.limits.grants(rights, room)
    }
}
