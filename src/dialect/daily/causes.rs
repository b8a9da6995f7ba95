//! Daily's words for why somebody is no longer seen in a meeting. Apart, because each of our causes
//! has one place where it becomes a vendor's; it never decides that somebody goes.

use crate::domain::event::CloseCause;

/// What a client of Daily's is told when its meeting ends against its will (the fatal errors of
/// daily-js); `None` where it left by itself, or goes on elsewhere.
pub const fn word(cause: CloseCause) -> Option<&'static str> {
    match cause {
        // The server's farewell is one that clients cannot tell from a lost line.
        CloseCause::ReporterLost | CloseCause::NeverActive | CloseCause::ServerShutdown => {
            Some("connection-error")
        }
        CloseCause::Left | CloseCause::Moved => None,
        // `enforce_unique_user_ids` ejects the older one.
        CloseCause::Removed
        | CloseCause::Replaced
        | CloseCause::SessionEnded
        | CloseCause::RoomClosed => Some("ejected"),
        CloseCause::RoomDeleted => Some("no-room"),
        CloseCause::Expired => Some("exp-token"),
        CloseCause::RoomExpired => Some("exp-room"),
    }
}

/// What the others are told of who is there and no longer seen (`DailyParticipantLeftReason`): it
/// is the end of no connection.
pub const HIDDEN: &str = "hidden";
