//! The maps from our words to LiveKit's, each over every one of ours.

use std::collections::BTreeSet;

use roomledger::dialect::livekit::proto::models::DisconnectReason;
use roomledger::dialect::livekit::refusal::error_code;
use roomledger::dialect::livekit::render::reason_of;
use roomledger::dialect::livekit::twirp::error::ErrorCode;
use roomledger::domain::Code;
use roomledger::domain::event::CloseCause;

#[test]
fn every_refusal_is_the_callers_to_mend() {
    for code in Code::ALL {
        let status = error_code(*code).http_status();
        assert!(
            (400..500).contains(&status),
            "{} is {status}",
            code.as_str()
        );
        // A client that sees 401 mints a new token, and one that sees 429 tries again.
        assert!(
            ![401, 429].contains(&status),
            "{} is {status}",
            code.as_str()
        );
    }
    let missing = Code::ALL
        .iter()
        .filter(|code| code.as_str().starts_with("no-such-"));
    assert!(missing.count() > 4);
    for code in Code::ALL {
        let is_missing = code.as_str().starts_with("no-such-");
        assert!(
            !is_missing || error_code(*code) == ErrorCode::NotFound,
            "{}",
            code.as_str()
        );
    }
    for (code, want) in [
        (Code::RemoteUnmuteDisabled, ErrorCode::FailedPrecondition),
        (Code::NoOpenSession, ErrorCode::NotFound),
        (Code::VersionConflict, ErrorCode::Aborted),
        (Code::Banned, ErrorCode::PermissionDenied),
        (Code::TooLarge, ErrorCode::InvalidArgument),
    ] {
        assert_eq!(error_code(code), want);
    }
}

#[test]
fn every_cause_of_a_close_is_one_of_livekits_reasons() {
    let reasons: BTreeSet<DisconnectReason> = CloseCause::ALL.into_iter().map(reason_of).collect();
    assert!(!reasons.contains(&DisconnectReason::UnknownReason));
    for (cause, want) in [
        (CloseCause::Left, DisconnectReason::ClientInitiated),
        (CloseCause::Removed, DisconnectReason::ParticipantRemoved),
        (CloseCause::Replaced, DisconnectReason::DuplicateIdentity),
        (CloseCause::SessionEnded, DisconnectReason::RoomDeleted),
        (CloseCause::NeverActive, DisconnectReason::JoinFailure),
        (CloseCause::RoomClosed, DisconnectReason::RoomClosed),
    ] {
        assert_eq!(reason_of(cause), want);
    }
}
