//! VideoSDK's calls: their names, methods and paths, and how far each is answered. Apart, as the
//! one table of the calls; it never carries one out.

use crate::dialect::coverage::Answered;
use crate::dialect::path::{matched, segments};

macro_rules! calls {
    ($($answered:ident $call:ident $name:literal [$($method:literal)+] $path:literal;)*) => {
        /// A call, by the vendor's page that documents it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Call {
            $(#[doc = concat!("`", $name, "`: `", $path, "`")] $call,)*
        }

        impl Call {
            /// Every call, the more particular paths first.
            pub const ALL: &[Self] = &[$(Self::$call),*];

            /// Its name: the API's version and the vendor's page about it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$call => $name,)*
                }
            }

            /// How it is answered.
            pub const fn answered(self) -> Answered {
                match self {
                    $(Self::$call => Answered::$answered,)*
                }
            }

            /// Whether it is of the API's first version, whose words and shapes differ.
            pub fn is_older(self) -> bool {
                self.path().starts_with("v1/")
            }

            /// The methods that it is called with.
            pub const fn methods(self) -> &'static [&'static str] {
                match self {
                    $(Self::$call => &[$($method),+],)*
                }
            }

            /// Its path below the endpoint; `:name` stands for any one segment.
            pub const fn path(self) -> &'static str {
                match self {
                    $(Self::$call => $path,)*
                }
            }
        }
    };
}

// Two samples of v1 write by GET (Ruby's), and one reads by POST, so these calls take both.
calls! {
    Recorded CreateMeeting "v1/create-meeting" ["POST"] "v1/meetings";
    Read ListMeetings "v1/list-all-meetings" ["GET"] "v1/meetings";
    Read ValidateMeeting "v1/validate-meeting" ["POST"] "v1/meetings/:id";
    Read GetMeeting "v1/get-meeting-details" ["GET"] "v1/meetings/:id";
    Read ListMeetingSessions "v1/list-meeting-sessions" ["GET"] "v1/meeting-sessions";
    Read GetMeetingSession "v1/get-session-details" ["GET"] "v1/meeting-sessions/:id";
    Recorded EndMeetingSession "v1/end-session" ["POST" "GET"] "v1/meeting-sessions/:id/end";
    Recorded RemoveFromMeeting "v1/remove-participant" ["POST" "GET"]
        "v1/meeting-sessions/:id/remove-participant";
    Recorded CreateRoom "v2/create-room" ["POST"] "v2/rooms";
    Read ListRooms "v2/fetch-rooms" ["GET"] "v2/rooms";
    Read ValidateRoom "v2/validate-room" ["GET"] "v2/rooms/validate/:id";
    Recorded DeactivateRoom "v2/deactivate-room" ["POST"] "v2/rooms/deactivate";
    Read GetRoom "v2/fetch-room" ["GET"] "v2/rooms/:id";
    Recorded UpdateRoom "v2/update-room" ["POST"] "v2/rooms/:id";
    Read ListSessions "v2/fetch-sessions" ["GET"] "v2/sessions";
    Recorded EndSession "v2/end-session" ["POST"] "v2/sessions/end";
    Recorded RemoveParticipant "v2/remove-participant" ["POST"] "v2/sessions/participants/remove";
    Read GetSession "v2/fetch-session" ["GET"] "v2/sessions/:id";
    Read ListParticipants "v2/fetch-participants" ["GET"] "v2/sessions/:id/participants";
    Read ListActive "v2/fetch-active-participants" ["GET"]
        "v2/sessions/:id/participants/active";
    Read GetParticipant "v2/fetch-participant" ["GET"] "v2/sessions/:id/participants/:participant";
    NeedsMedia SessionStats "v2/fetch-session-quality-stats" ["GET"] "v2/sessions/:id/stats";
    NeedsMedia ParticipantStats "v2/fetch-session-peer-quality-stats" ["GET"]
        "v2/sessions/:id/participant/:participant/stats";
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The call.
    pub call: Call,
    /// What stands in the path for each `:name`, decoded, in order.
    pub names: Vec<String>,
}

/// Why a request goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// No call has that path.
    Path,
    /// Calls have that path, but not with that method.
    Method,
}

/// Routes a request by the path below the endpoint. Slashes at the end, and several for one, are
/// tolerated: the vendor's own samples send them.
///
/// # Errors
/// [`NoRoute`].
pub fn route(method: &str, path: &str) -> Result<Route, NoRoute> {
    let segments = segments(path).ok_or(NoRoute::Path)?;
    let mut none = NoRoute::Path;
    for call in Call::ALL {
        let Some(names) = matched(call.path(), &segments) else {
            continue;
        };
        if call.methods().contains(&method) {
            return Ok(Route { call: *call, names });
        }
        none = NoRoute::Method;
    }
    Err(none)
}
