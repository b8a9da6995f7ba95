//! `/rtc/validate`, which LiveKit's clients ask when a join failed: whether the token is one to
//! join with. Apart from joins, which media servers report; it looks at no room.

use axum::http::StatusCode;

use crate::dialect::auth::claims::{Claims, Right};
use crate::domain::limits::{IDENTITY_BYTES_MAX, ROOM_NAME_BYTES_MAX};

/// Status and words for the claims of a verified token, in LiveKit's order of checks (recorded).
pub(in crate::dialect::livekit) fn validate(claims: Option<&Claims>) -> (StatusCode, String) {
    let granted = claims.and_then(|claims| Some((claims, claims.grants.video.as_ref()?)));
    let Some((claims, video)) = granted else {
        let words = "no permissions to access the room";
        return (StatusCode::UNAUTHORIZED, words.to_owned());
    };
    let grants = &claims.grants;
    let bad = |words: String| (StatusCode::BAD_REQUEST, words);
    if !video.room_join {
        (StatusCode::UNAUTHORIZED, "permissions denied".to_owned())
    } else if video.room.is_empty() {
        bad("no room name".to_owned())
    } else if grants.identity.is_empty() {
        bad("identity cannot be empty".to_owned())
    } else if grants.identity.len() > IDENTITY_BYTES_MAX {
        bad(too_long("participant identity", IDENTITY_BYTES_MAX))
    } else if video.room.len() > ROOM_NAME_BYTES_MAX {
        bad(too_long("room name", ROOM_NAME_BYTES_MAX))
    } else if !claims.may(Right::Join(&video.room)) {
        (StatusCode::UNAUTHORIZED, "permissions denied".to_owned())
    } else {
        (StatusCode::OK, "success".to_owned())
    }
}

fn too_long(what: &str, bytes_max: usize) -> String {
    format!("{what} length exceeds limits: max length {bytes_max}")
}
