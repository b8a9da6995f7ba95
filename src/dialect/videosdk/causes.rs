//! Why somebody left, in VideoSDK's codes: one total map. Apart, because every dialect has such a
//! table in one file. VideoSDK's REST API shows none of them: its clients do, so this is for a
//! signalling server that embeds us.

use crate::domain::event::CloseCause;

macro_rules! reasons {
    ($($code:literal $reason:ident $name:literal,)*) => {
        /// VideoSDK's `LeaveReason` (`constants.d.ts` of its client 1.1.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum LeaveReason {
            $(#[doc = concat!("`", $name, "`, ", stringify!($code), ".")] $reason,)*
        }

        impl LeaveReason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$reason),*];

            /// The number that clients are given.
            pub const fn code(self) -> u16 {
                match self {
                    $(Self::$reason => $code,)*
                }
            }

            /// The vendor's name for it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$reason => $name,)*
                }
            }
        }
    };
}

reasons! {
    1001 WebsocketDisconnected "WEBSOCKET_DISCONNECTED",
    1002 RemovePeer "REMOVE_PEER",
    1003 RemovePeerViewerModeChanged "REMOVE_PEER_VIEWER_MODE_CHANGED",
    1004 RemovePeerMediaRelayStop "REMOVE_PEER_MEDIA_RELAY_STOP",
    1005 SwitchRoom "SWITCH_ROOM",
    1006 RoomClose "ROOM_CLOSE",
    1007 Unknown "UNKNOWN",
    1008 RemoveAll "REMOVE_ALL",
    1009 MeetingEndApi "MEETING_END_API",
    1010 RemovePeerApi "REMOVE_PEER_API",
    1011 DuplicateParticipant "DUPLICATE_PARTICIPANT",
    1101 ManualLeaveCalled "MANUAL_LEAVE_CALLED",
    1102 WebsocketConnectionAttemptsExhausted "WEBSOCKET_CONNECTION_ATTEMPTS_EXHAUSTED",
    1103 JoinRoomFailed "JOIN_ROOM_FAILED",
    1104 SwitchRoomFailed "SWITCH_ROOM_FAILED",
}

/// VideoSDK's reason for a cause; `by_peer` tells whether somebody in the room gave the command.
pub const fn reason_of(cause: CloseCause, by_peer: bool) -> LeaveReason {
    match (cause, by_peer) {
        (CloseCause::Left, _) => LeaveReason::ManualLeaveCalled,
        (CloseCause::Removed, true) => LeaveReason::RemovePeer,
        (CloseCause::Removed, false) => LeaveReason::RemovePeerApi,
        (CloseCause::Replaced, _) => LeaveReason::DuplicateParticipant,
        (CloseCause::Moved, _) => LeaveReason::SwitchRoom,
        (CloseCause::SessionEnded, true) => LeaveReason::RemoveAll,
        (CloseCause::SessionEnded, false) => LeaveReason::MeetingEndApi,
        (CloseCause::NeverActive, _) => LeaveReason::JoinRoomFailed,
        (CloseCause::ReporterLost, _) => LeaveReason::WebsocketDisconnected,
        // VideoSDK ejects nobody by time, and its rooms do not expire: their room closed.
        (
            CloseCause::RoomDeleted
            | CloseCause::Expired
            | CloseCause::RoomExpired
            | CloseCause::ServerShutdown
            | CloseCause::RoomClosed,
            _,
        ) => LeaveReason::RoomClose,
    }
}
