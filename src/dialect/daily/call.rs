//! Daily's calls: one table of all that is routed. Apart from what the calls do, so that routing
//! is a pure function, and so that the README lists what is routed and nothing else.

use crate::dialect::coverage::Answered;
use crate::dialect::path::{matched, segments};

macro_rules! calls {
    ($($answered:ident $call:ident $method:literal $path:literal;)*) => {
        /// A call by its route.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Call {
            $(#[doc = concat!("`", $method, " ", $path, "`")] $call,)*
        }

        impl Call {
            /// Every call.
            pub const ALL: &[Self] = &[$(Self::$call),*];

            /// Its route as Daily's documentation writes it: how events and figures name it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$call => concat!($method, " ", $path),)*
                }
            }

            /// Its HTTP method.
            pub const fn method(self) -> &'static str {
                match self {
                    $(Self::$call => $method,)*
                }
            }

            /// Its path; a segment behind a colon stands for any.
            pub const fn path(self) -> &'static str {
                match self {
                    $(Self::$call => $path,)*
                }
            }

            /// How it is answered.
            pub const fn answered(self) -> Answered {
                match self {
                    $(Self::$call => Answered::$answered,)*
                }
            }
        }
    };
}

calls! {
    Read GetDomainConfig "GET" "/";
    Read ListRooms "GET" "/rooms";
    Recorded CreateRoom "POST" "/rooms";
    Read GetRoomConfig "GET" "/rooms/:name";
    Recorded SetRoomConfig "POST" "/rooms/:name";
    Recorded DeleteRoom "DELETE" "/rooms/:name";
    Recorded BatchRoomCreate "POST" "/batch/rooms";
    Recorded BatchRoomDelete "DELETE" "/batch/rooms";
    Read CreateMeetingToken "POST" "/meeting-tokens";
    Read ValidateMeetingToken "GET" "/meeting-tokens/:token";
    Recorded UpdatePermissions "POST" "/rooms/:name/update-permissions";
    Recorded Eject "POST" "/rooms/:name/eject";
    Recorded SendAppMessage "POST" "/rooms/:name/send-app-message";
    Read GetSessionData "GET" "/rooms/:name/get-session-data";
    Recorded SetSessionData "POST" "/rooms/:name/set-session-data";
    Read GetRoomPresence "GET" "/rooms/:name/presence";
    Read GetPresence "GET" "/presence";
    Read GetMeetingInfo "GET" "/meetings";
    Read GetIndividualMeetingInfo "GET" "/meetings/:id";
    Read GetMeetingParticipants "GET" "/meetings/:id/participants";
    Read ListApiLogs "GET" "/logs/api";
    NeedsMedia RecordingsStart "POST" "/rooms/:name/recordings/start";
    NeedsMedia RecordingsUpdate "POST" "/rooms/:name/recordings/update";
    NeedsMedia RecordingsStop "POST" "/rooms/:name/recordings/stop";
    NeedsMedia LiveStreamingStart "POST" "/rooms/:name/live-streaming/start";
    NeedsMedia LiveStreamingUpdate "POST" "/rooms/:name/live-streaming/update";
    NeedsMedia LiveStreamingStop "POST" "/rooms/:name/live-streaming/stop";
    NeedsMedia TranscriptionStart "POST" "/rooms/:name/transcription/start";
    NeedsMedia TranscriptionUpdate "POST" "/rooms/:name/transcription/update";
    NeedsMedia TranscriptionStop "POST" "/rooms/:name/transcription/stop";
    NeedsMedia DialOutStart "POST" "/rooms/:name/dialOut/start";
    NeedsMedia DialOutSendDtmf "POST" "/rooms/:name/dialOut/sendDTMF";
    NeedsMedia DialOutStop "POST" "/rooms/:name/dialOut/stop";
    NeedsMedia SipCallTransfer "POST" "/rooms/:name/sipCallTransfer";
    NeedsMedia SipRefer "POST" "/rooms/:name/sipRefer";
    NeedsMedia ListRecordings "GET" "/recordings";
    NeedsMedia GetRecordingInfo "GET" "/recordings/:id";
    NeedsMedia DeleteRecording "DELETE" "/recordings/:id";
    NeedsMedia GetRecordingLink "GET" "/recordings/:id/access-link";
}

/// How events and figures name the dialect.
pub(super) const DIALECT: &str = "daily";

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Route {
    /// To this call, with what stands in its path for the segments behind colons, unescaped.
    Call(Call, Vec<String>),
    /// The path is one of a call, the method of none.
    WrongMethod,
    /// Nowhere.
    Unknown,
}

/// Routes a request by its path below the mount. Slashes may be doubled and trail, since crate
/// `dailyco` sends both.
pub fn route(method: &str, path: &str) -> Route {
    let Some(segments) = segments(path) else {
        return Route::Unknown;
    };
    let mut is_known = false;
    for &call in Call::ALL {
        let Some(named) = matched(call.path(), &segments) else {
            continue;
        };
        if call.method() == method {
            return Route::Call(call, named);
        }
        is_known = true;
    }
    if is_known {
        Route::WrongMethod
    } else {
        Route::Unknown
    }
}
