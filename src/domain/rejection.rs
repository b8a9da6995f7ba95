//! No: a business refusal, which is an answer and not an error.
//!
//! Apart because every dialect maps these, totally, to its own codes. `decide` alone
//! makes them; each is recorded with its code and the events that are its reasons.

use super::event::Reference;
use super::id::{RoomName, Version};
use super::time::Timestamp;

/// Why a command was refused. The message is the sentence that is answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// No such room.
    #[error("there is no room {room:?}")]
    NoSuchRoom {
        /// Its name.
        room: String,
    },
    /// The room has no open session.
    #[error("room {room:?} has no open session")]
    NoOpenSession {
        /// Its name.
        room: String,
    },
    /// The session that was meant is not the open one.
    #[error("session {session:?} of room {room:?} is over")]
    SessionOver {
        /// The room's name.
        room: String,
        /// The session, in LiveKit's form.
        session: String,
    },
    /// Nobody live under that identity or id.
    #[error("participant {participant:?} is not in room {room:?}")]
    NoSuchParticipant {
        /// The room.
        room: String,
        /// As asked.
        participant: String,
    },
    /// Nobody live under that identity, which is kept out from now on all the same.
    #[error(
        "participant {participant:?} is not in room {room:?}: {}",
        kept_out_text(*.banned, *.revoked_before)
    )]
    Absent {
        /// The room.
        room: String,
        /// As asked.
        participant: String,
        /// Whether the identity is banned.
        banned: bool,
        /// Tokens issued before this moment are revoked, where that was asked.
        revoked_before: Option<Timestamp>,
    },
    /// No connection under that id.
    #[error("connection {connection:?} is not in room {room:?}")]
    NoSuchConnection {
        /// The room.
        room: String,
        /// As asked.
        connection: String,
    },
    /// The connection is closed already, so nothing can happen in it.
    #[error("connection {connection:?} of room {room:?} is closed since version {closed}")]
    ConnectionClosed {
        /// The room.
        room: String,
        /// As asked.
        connection: String,
        /// The event that closed it.
        closed: Version,
    },
    /// No such open track of that participant.
    #[error("participant {participant:?} of room {room:?} has no track {track:?}")]
    NoSuchTrack {
        /// The room.
        room: String,
        /// As asked.
        participant: String,
        /// As asked.
        track: String,
    },
    /// No event of that version to write about.
    #[error("room {room:?} has no version {version}, it is at {head}")]
    NoSuchVersion {
        /// The room.
        room: String,
        /// As asked.
        version: Version,
        /// Where the room is.
        head: Version,
    },
    /// The room changed since the expected version.
    #[error("room {room:?} is at version {actual}, not at {expected}: read it again")]
    VersionConflict {
        /// The room.
        room: String,
        /// As expected.
        expected: Version,
        /// As it is.
        actual: Version,
    },
    /// An admin may not unmute others here.
    #[error("remote unmute is not enabled in room {room:?}: only the participant can unmute")]
    RemoteUnmuteDisabled {
        /// The room.
        room: String,
    },
    /// The permission does not hold that right.
    #[error("{who} in room {room:?} may not {right}")]
    NoRight {
        /// The room.
        room: String,
        /// Whose permission.
        who: String,
        /// What it lacks.
        right: String,
        /// The event that set the permission.
        because: Version,
    },
    /// The caller's token does not grant that.
    #[error("the token of key {key_id:?} does not grant {call} in room {room:?}")]
    NotGranted {
        /// The room.
        room: String,
        /// The key that signed it.
        key_id: String,
        /// What was asked, in the dialect's own words.
        call: String,
    },
    /// The identity is banned.
    #[error("{identity:?} is banned from room {room:?} {}", until_text(*.until))]
    Banned {
        /// The room.
        room: String,
        /// Who.
        identity: String,
        /// Until when; for good when absent.
        until: Option<Timestamp>,
        /// The ban.
        because: Version,
    },
    /// The credential was issued before a revocation.
    #[error(
        "tokens of {identity:?} for room {room:?} issued before {before} are revoked: {}",
        issued_text(*.issued)
    )]
    TokenRevoked {
        /// The room.
        room: String,
        /// Who.
        identity: String,
        /// The moment of the revocation.
        before: Timestamp,
        /// When this one was issued, where it says so.
        issued: Option<Timestamp>,
        /// The revocation.
        because: Version,
    },
    /// The credential has run out.
    #[error("the token of {identity:?} for room {room:?} expired at {expired}")]
    TokenExpired {
        /// The room.
        room: String,
        /// Who.
        identity: String,
        /// When.
        expired: Timestamp,
    },
    /// No more may come in.
    #[error("room {room:?} is full: {participants_max} participants are inside")]
    RoomFull {
        /// The room.
        room: String,
        /// How many fit.
        participants_max: u32,
    },
    /// The room lets nobody in.
    #[error("room {room:?} is disabled")]
    RoomDisabled {
        /// The room.
        room: String,
    },
    /// The room is not open yet.
    #[error("room {room:?} opens at {opens}")]
    RoomNotOpen {
        /// The room.
        room: String,
        /// When it opens.
        opens: Timestamp,
    },
    /// The room is over.
    #[error("room {room:?} expired at {expired}")]
    RoomExpired {
        /// The room.
        room: String,
        /// When.
        expired: Timestamp,
    },
    /// An id that a caller brought is taken, now or earlier.
    #[error("the id {alias:?} was used before in room {room:?}: ids are unique there for ever")]
    AliasTaken {
        /// The room.
        room: String,
        /// The id.
        alias: String,
    },
    /// A value is larger than its limit.
    #[error("{what} has {bytes} bytes, at most {bytes_max} are allowed")]
    TooLarge {
        /// Which value.
        what: &'static str,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// There are more of something than fit.
    #[error("{what}: {count} are too many, at most {count_max} are allowed")]
    TooMany {
        /// Which things.
        what: &'static str,
        /// How many.
        count: usize,
        /// The limit.
        count_max: usize,
    },
    /// The destination of a move is where they are.
    #[error("room {room:?} is both source and destination")]
    SameRoom {
        /// The room.
        room: String,
    },
    /// A value breaks a rule that its form does not show.
    #[error("{what}: {problem}")]
    Invalid {
        /// Which value.
        what: &'static str,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// Several reasons at once; the first decides the answer.
    #[error("{}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Several(Vec<Rejection>),
}

impl Rejection {
    /// There is a room of the name that another should have.
    pub fn name_taken(name: &RoomName) -> Self {
        Self::Invalid {
            what: "name",
            problem: format!("a room named {name} already exists"),
        }
    }

    /// What kind of refusal it is: of several, the first.
    pub fn code(&self) -> Code {
        match self {
            Self::NoSuchRoom { .. } => Code::NoSuchRoom,
            Self::NoOpenSession { .. } | Self::SessionOver { .. } => Code::NoOpenSession,
            Self::NoSuchParticipant { .. } | Self::Absent { .. } => Code::NoSuchParticipant,
            Self::NoSuchConnection { .. } => Code::NoSuchConnection,
            Self::ConnectionClosed { .. } => Code::ConnectionClosed,
            Self::NoSuchTrack { .. } => Code::NoSuchTrack,
            Self::NoSuchVersion { .. } => Code::NoSuchVersion,
            Self::VersionConflict { .. } => Code::VersionConflict,
            Self::RemoteUnmuteDisabled { .. } => Code::RemoteUnmuteDisabled,
            Self::NoRight { .. } | Self::NotGranted { .. } => Code::NoRight,
            Self::Banned { .. } => Code::Banned,
            Self::TokenRevoked { .. } => Code::TokenRevoked,
            Self::TokenExpired { .. } => Code::TokenExpired,
            Self::RoomFull { .. } => Code::RoomFull,
            Self::RoomDisabled { .. } => Code::RoomDisabled,
            Self::RoomNotOpen { .. } => Code::RoomNotOpen,
            Self::RoomExpired { .. } => Code::RoomExpired,
            Self::AliasTaken { .. } => Code::IdReused,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::TooMany { .. } => Code::TooMany,
            Self::SameRoom { .. } => Code::SameRoom,
            Self::Invalid { .. } => Code::Invalid,
            Self::Several(all) => all.first().map_or(Code::Invalid, Self::code),
        }
    }

    /// Each failing reason by itself.
    pub fn reasons(&self) -> &[Self] {
        if let Self::Several(all) = self {
            all
        } else {
            std::slice::from_ref(self)
        }
    }

    /// The events that are the reasons, as they are named in the history of `home` (`None`: in the
    /// system stream). A move may be refused by what happened in the other room.
    pub fn because(&self, home: Option<&RoomName>) -> Vec<Reference> {
        let reasons = self.reasons().iter().filter_map(Self::reason);
        reasons
            .map(|(room, version)| Reference {
                room: RoomName::new(room).ok().filter(|room| Some(room) != home),
                version,
            })
            .collect()
    }

    fn reason(&self) -> Option<(&str, Version)> {
        if let Self::NoRight { room, because, .. }
        | Self::Banned { room, because, .. }
        | Self::TokenRevoked { room, because, .. }
        | Self::ConnectionClosed {
            room,
            closed: because,
            ..
        } = self
        {
            Some((room, *because))
        } else {
            None
        }
    }
}

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
    Invalid "invalid",
}

fn until_text(until: Option<Timestamp>) -> String {
    until.map_or_else(|| "for good".to_owned(), |until| format!("until {until}"))
}

fn kept_out_text(banned: bool, revoked_before: Option<Timestamp>) -> String {
    let revoked = revoked_before.map(|before| format!("tokens issued before {before} are revoked"));
    let banned = banned.then(|| "the identity is banned".to_owned());
    let done: Vec<String> = banned.into_iter().chain(revoked).collect();
    format!("{} all the same", done.join(", and "))
}

fn issued_text(issued: Option<Timestamp>) -> String {
    issued.map_or_else(
        || "this one does not say when it was issued".to_owned(),
        |issued| format!("this one is of {issued}"),
    )
}
