//! Every no of ours in LiveKit's words: refusals of the domain, and failures of the engine. Apart
//! because both maps are total; clients match on the code, so the text is LiveKit's where LiveKit
//! has one, and ours where it says more.

use crate::dialect::auth::rate::TooOften;
use crate::dialect::livekit::twirp::calls::Call;
use crate::dialect::livekit::twirp::error::{ErrorCode, TwirpError};
use crate::domain::{Code, NameError, Rejection};
use crate::engine::{EngineError, Refused};
use crate::store::StoreError;

/// A recorded refusal of a call.
pub fn refused(call: Call, refused: &Refused) -> TwirpError {
    let error = match &refused.rejection {
        Some(rejection) => rejected(call, rejection),
        None => worded(call, refused.code, refused.detail.clone()),
    };
    if refused.because.is_empty() || is_worded_by_livekit(refused.code) {
        return error;
    }
    let positions: Vec<String> = refused.because.iter().map(ToString::to_string).collect();
    error.with_meta("because", positions.join(","))
}

/// Whether `LiveKit` has an answer of its own, with nothing beside it, as recorded.
const fn is_worded_by_livekit(code: Code) -> bool {
    matches!(
        code,
        Code::NoSuchRoom
            | Code::NoOpenSession
            | Code::NoSuchParticipant
            | Code::NoSuchTrack
            | Code::RemoteUnmuteDisabled
    )
}

/// A refusal by itself.
pub fn rejected(call: Call, rejection: &Rejection) -> TwirpError {
    if let Rejection::NotGranted { .. } = rejection {
        return TwirpError::permissions_denied();
    }
    if let Rejection::Absent { .. } = rejection {
        let text = format!("participant does not exist: {rejection}");
        return TwirpError::new(ErrorCode::NotFound, text);
    }
    if let Rejection::TooLarge {
        what, bytes_max, ..
    } = rejection
        && let Some(argument) = oversize_argument(what)
    {
        return invalid_argument(argument, &bytes_max.to_string());
    }
    worded(call, rejection.code(), rejection.to_string())
}

/// A room or identity that is no name.
pub fn not_a_name(error: &NameError) -> TwirpError {
    if let NameError::TooLong {
        what: "the room name",
        bytes_max,
        ..
    } = error
    {
        let text = format!("room name length exceeds limits: max length {bytes_max}");
        return TwirpError::new(ErrorCode::InvalidArgument, text);
    }
    TwirpError::new(ErrorCode::InvalidArgument, error.to_string())
}

/// No outcome, or none that is known.
pub fn failed(error: &EngineError) -> TwirpError {
    let (code, retry_after_s) = match error {
        EngineError::Overloaded { .. } | EngineError::Store(StoreError::Behind { .. }) => {
            (ErrorCode::ResourceExhausted, Some(1))
        }
        EngineError::RequestIdReused { .. } => (ErrorCode::AlreadyExists, None),
        EngineError::Opening => (ErrorCode::Unavailable, Some(1)),
        EngineError::Closed => (ErrorCode::Unavailable, Some(5)),
        // One command alone: less of it would fit.
        EngineError::Store(StoreError::TooLarge { .. }) => (ErrorCode::InvalidArgument, None),
        EngineError::TooSlow | EngineError::Store(_) | EngineError::Poisoned { .. } => {
            (ErrorCode::Unavailable, None)
        }
        EngineError::Broken { .. } | EngineError::Start { .. } => (ErrorCode::Internal, None),
    };
    let mut failed = TwirpError::new(code, error.to_string());
    failed.retry_after_s = retry_after_s;
    failed
}

/// A key that called more often than it may.
pub fn too_often(error: &TooOften) -> TwirpError {
    TwirpError::new(ErrorCode::ResourceExhausted, error.to_string())
        .retry_after(error.retry_after_s)
}

/// Twirp's code for each kind of refusal.
pub const fn error_code(code: Code) -> ErrorCode {
    match code {
        Code::NoSuchRoom
        | Code::NoOpenSession
        | Code::NoSuchParticipant
        | Code::NoSuchConnection
        | Code::ConnectionClosed
        | Code::NoSuchTrack
        | Code::NoSuchVersion => ErrorCode::NotFound,
        Code::VersionConflict => ErrorCode::Aborted,
        Code::NoRight
        | Code::ActorMismatch
        | Code::Banned
        | Code::TokenRevoked
        | Code::TokenExpired => ErrorCode::PermissionDenied,
        Code::RemoteUnmuteDisabled
        | Code::NotMovable
        | Code::RoomFull
        | Code::RoomDisabled
        | Code::RoomNotOpen
        | Code::RoomExpired => ErrorCode::FailedPrecondition,
        Code::IdReused => ErrorCode::AlreadyExists,
        Code::TooLarge | Code::TooMany | Code::SameRoom | Code::Invalid => {
            ErrorCode::InvalidArgument
        }
    }
}

/// The code with LiveKit's sentence, where it has one for this call.
fn worded(call: Call, code: Code, detail: String) -> TwirpError {
    if code == Code::SameRoom {
        return invalid_argument("destination room cannot be the same as source room", "");
    }
    let about_room = matches!(
        call,
        Call::CreateRoom | Call::DeleteRoom | Call::UpdateRoomMetadata | Call::SendData
    );
    let no_room = matches!(code, Code::NoSuchRoom | Code::NoOpenSession);
    let nobody = matches!(
        code,
        Code::NoSuchParticipant | Code::NoSuchConnection | Code::ConnectionClosed
    );
    let text = if no_room && about_room {
        "requested room does not exist".to_owned()
    } else if no_room || nobody {
        "participant does not exist".to_owned()
    } else if code == Code::RemoteUnmuteDisabled {
        "remote unmute not enabled".to_owned()
    } else {
        detail
    };
    TwirpError::new(error_code(code), text)
}

fn oversize_argument(what: &str) -> Option<&'static str> {
    match what {
        "name" => Some("name length exceeds limits"),
        "metadata" => Some("metadata size exceeds limits"),
        "attributes" => Some("attribute size exceeds limits"),
        _ => None,
    }
}

/// Twirp joins argument and problem with a space, even where the problem is empty.
fn invalid_argument(argument: &str, problem: &str) -> TwirpError {
    TwirpError::new(ErrorCode::InvalidArgument, format!("{argument} {problem}"))
        .with_meta("argument", argument)
}
