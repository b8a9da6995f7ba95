//! The two tables of the vendor's codes are total, and say what the vendor says.

use roomledger::dialect::videosdk::causes::{LeaveReason, reason_of};
use roomledger::dialect::videosdk::error::{VendorCode, of_code};
use roomledger::domain::Code;
use roomledger::domain::event::CloseCause;

#[test]
fn every_cause_has_a_leave_reason() {
    let told = |cause| {
        (
            reason_of(cause, false).code(),
            reason_of(cause, true).code(),
        )
    };
    let expected = [
        (CloseCause::Left, (1101, 1101)),
        (CloseCause::Removed, (1010, 1002)),
        (CloseCause::Replaced, (1011, 1011)),
        (CloseCause::Moved, (1005, 1005)),
        (CloseCause::SessionEnded, (1009, 1008)),
        (CloseCause::RoomDeleted, (1006, 1006)),
        (CloseCause::NeverActive, (1103, 1103)),
        (CloseCause::Expired, (1006, 1006)),
        (CloseCause::RoomExpired, (1006, 1006)),
        (CloseCause::ReporterLost, (1001, 1001)),
        (CloseCause::ServerShutdown, (1006, 1006)),
        (CloseCause::RoomClosed, (1006, 1006)),
    ];
    assert_eq!(expected.map(|(cause, _)| cause), CloseCause::ALL);
    for (cause, codes) in expected {
        assert_eq!(told(cause), codes, "{cause:?}");
    }
}

#[test]
fn codes_are_the_vendors_own() {
    let reasons: Vec<u16> = LeaveReason::ALL.iter().map(|it| it.code()).collect();
    let expected = (1001..=1011).chain(1101..=1104).collect::<Vec<u16>>();
    assert_eq!(reasons, expected);
    let names: Vec<&str> = LeaveReason::ALL.iter().map(|it| it.name()).collect();
    assert!(names.contains(&"REMOVE_PEER_API") && names.contains(&"MANUAL_LEAVE_CALLED"));
    let numbers: Vec<&str> = VendorCode::ALL.iter().map(|it| it.number()).collect();
    assert!(
        numbers.windows(2).all(|pair| pair[0] < pair[1]),
        "{numbers:?}"
    );
}

#[test]
fn every_refusal_is_the_callers() {
    for code in Code::ALL {
        let (status, _) = of_code(*code);
        assert!(status.is_client_error(), "{code:?}: {status}");
    }
}
