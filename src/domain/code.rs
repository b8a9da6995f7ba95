//! The kinds of refusals. Apart because dialects map each of them, totally, to a status of theirs.

macro_rules! codes {
    ($($name:ident $slug:literal,)*) => {
        /// What kind of refusal something is. Dialects map each, totally, to a status of theirs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = concat!("`", $slug, "`")] $name,)*
        }

        impl Code {
            /// Every code.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable slug: in the log, and the `type` of our own API's errors.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $slug,)* }
            }

            /// The code with that slug, or `None`.
            pub fn from_slug(slug: &str) -> Option<Self> {
                match slug { $($slug => Some(Self::$name),)* _ => None }
            }
        }
    };
}

codes! {
    NoSuchRoom "no-such-room",
    NoOpenSession "no-open-session",
    NoSuchParticipant "no-such-participant",
    NoSuchConnection "no-such-connection",
    ConnectionClosed "connection-closed",
    NoSuchTrack "no-such-track",
    NoSuchVersion "no-such-version",
    VersionConflict "version-conflict",
    RemoteUnmuteDisabled "remote-unmute-disabled",
    NoRight "no-right",
    ActorMismatch "actor-mismatch",
    Banned "banned",
    TokenRevoked "token-revoked",
    TokenExpired "token-expired",
    RoomFull "room-full",
    RoomDisabled "room-disabled",
    RoomNotOpen "room-not-open",
    RoomExpired "room-expired",
    IdReused "id-reused",
    TooLarge "too-large",
    TooMany "too-many",
    SameRoom "same-room",
    NotMovable "not-movable",
    Invalid "invalid",
}
