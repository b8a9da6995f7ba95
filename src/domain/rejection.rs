//! No: a business refusal, which is an answer and not an error.
//!
//! Apart because every dialect maps these, totally, to its own codes. `decide` alone
//! makes them; each is recorded with its code and the events that are its reasons.

mod bounded;

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::code::Code;
use super::event::Reference;
use super::id::{RoomName, Version};
use super::time::Timestamp;

/// Why a command was refused. The message is the sentence that is answered.
///
/// NOTE: a refusal is stored as what it holds: order and fields are the storage format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Rejection {
    /// No such room.
    #[error("there is no room {room:?}")]
    NoSuchRoom {
        /// Its name.
        room: String,
        /// The deletion, where there was such a room.
        because: Option<Version>,
    },
    /// The room has no open session.
    #[error("room {room:?} has no open session")]
    NoOpenSession {
        /// Its name.
        room: String,
        /// The end of the latest session, where there was one.
        because: Option<Version>,
    },
    /// The session that was meant is not the open one.
    #[error("session {session:?} of room {room:?} is over")]
    SessionOver {
        /// The room's name.
        room: String,
        /// The session, in LiveKit's form.
        session: String,
        /// The end of that session, where it is known.
        because: Option<Version>,
    },
    /// Nobody live under that identity or id.
    #[error("participant {participant:?} is not in room {room:?}")]
    NoSuchParticipant {
        /// The room.
        room: String,
        /// As asked.
        participant: String,
        /// The close of their latest connection, where there was one.
        because: Option<Version>,
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
        /// The close of their latest connection, where there was one.
        because: Option<Version>,
    },
    /// No connection under that id.
    #[error("connection {connection:?} is not in room {room:?}")]
    NoSuchConnection {
        /// The room.
        room: String,
        /// As asked.
        connection: String,
        /// The close of such a connection in an earlier session, where the id is a caller's own.
        because: Option<Version>,
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
        /// The event that unpublished it, where there was such a track.
        because: Option<Version>,
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
        /// The latest change, where it is later than the expected version.
        because: Option<Version>,
    },
    /// An admin may not unmute others here.
    #[error("remote unmute is not enabled in room {room:?}: only the participant can unmute")]
    RemoteUnmuteDisabled {
        /// The room.
        room: String,
        /// The event that set it.
        because: Option<Version>,
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
    /// The caller's token names another than its header does.
    #[error(
        "the token of key {key_id:?} is {subject:?}'s and X-Audit-Actor says {claimed:?}: leave it \
         out, or let the key speak for others (on_behalf_of: allowed)"
    )]
    ActorMismatch {
        /// The key that signed it.
        key_id: String,
        /// Whom the token names.
        subject: String,
        /// Whom the header names.
        claimed: String,
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
        /// The event that set the bound.
        because: Option<Version>,
    },
    /// The room lets nobody in.
    #[error("room {room:?} is disabled")]
    RoomDisabled {
        /// The room.
        room: String,
        /// The event that set it.
        because: Option<Version>,
    },
    /// The room is not open yet.
    #[error("room {room:?} opens at {opens}")]
    RoomNotOpen {
        /// The room.
        room: String,
        /// When it opens.
        opens: Timestamp,
        /// The event that set it.
        because: Option<Version>,
    },
    /// The room is over.
    #[error("room {room:?} expired at {expired}")]
    RoomExpired {
        /// The room.
        room: String,
        /// When.
        expired: Timestamp,
        /// The event that set it.
        because: Option<Version>,
    },
    /// An id that a caller brought is taken, now or earlier.
    #[error("the id {alias:?} was used before in room {room:?}: ids are unique there for ever")]
    AliasTaken {
        /// The room.
        room: String,
        /// The id.
        alias: String,
        /// What took the id, where it is known.
        because: Option<Version>,
    },
    /// A value is larger than its limit.
    #[error("{what} has {bytes} bytes, at most {bytes_max} are allowed")]
    TooLarge {
        /// Which value.
        what: Cow<'static, str>,
        /// Its size.
        bytes: usize,
        /// The limit.
        bytes_max: usize,
    },
    /// There are more of something than fit.
    #[error("{what}: {count} are too many, at most {count_max} are allowed")]
    TooMany {
        /// Which things.
        what: Cow<'static, str>,
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
    /// A connection that serves its room cannot be moved to another.
    #[error(
        "{who:?} in room {room:?} cannot be moved: agents, egress and recorders stay in the room \
         that they serve; to move the others, name them"
    )]
    NotMovable {
        /// The room.
        room: String,
        /// Whose connection.
        who: String,
        /// The event that made it such a connection.
        because: Version,
    },
    /// A value breaks a rule that its form does not show.
    #[error("{what}: {problem}")]
    Invalid {
        /// Which value.
        what: Cow<'static, str>,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// There is a room of the name that another should have.
    #[error("name: a room named {room} already exists")]
    NameTaken {
        /// The room.
        room: String,
        /// The event that made it.
        because: Option<Version>,
    },
    /// Several reasons at once; the first decides the answer.
    #[serde(skip)]
    #[error("{}", .0.first().map(ToString::to_string).unwrap_or_default())]
    Several(Vec<Rejection>),
}

impl Rejection {
    /// There is a room of the name that another should have.
    pub fn name_taken(name: &RoomName, because: Option<Version>) -> Self {
        Self::NameTaken {
            room: name.to_string(),
            because,
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
            Self::ActorMismatch { .. } => Code::ActorMismatch,
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
            Self::NotMovable { .. } => Code::NotMovable,
            Self::Invalid { .. } | Self::NameTaken { .. } => Code::Invalid,
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

    /// The first reason, which decides the answer, as a record keeps it.
    #[must_use]
    pub fn decisive(&self) -> Self {
        self.reasons().first().unwrap_or(self).clone().bounded()
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
        let (room, because) = match self {
            Self::NoRight { room, because, .. }
            | Self::NotMovable { room, because, .. }
            | Self::Banned { room, because, .. }
            | Self::TokenRevoked { room, because, .. }
            | Self::ConnectionClosed {
                room,
                closed: because,
                ..
            } => (room, *because),
            Self::NoSuchRoom { room, because }
            | Self::NoOpenSession { room, because }
            | Self::SessionOver { room, because, .. }
            | Self::NoSuchParticipant { room, because, .. }
            | Self::Absent { room, because, .. }
            | Self::NoSuchConnection { room, because, .. }
            | Self::NoSuchTrack { room, because, .. }
            | Self::NameTaken { room, because }
            | Self::VersionConflict { room, because, .. }
            | Self::RemoteUnmuteDisabled { room, because }
            | Self::RoomFull { room, because, .. }
            | Self::RoomDisabled { room, because }
            | Self::RoomNotOpen { room, because, .. }
            | Self::RoomExpired { room, because, .. }
            | Self::AliasTaken { room, because, .. } => (room, (*because)?),
            Self::NoSuchVersion { .. }
            | Self::NotGranted { .. }
            | Self::ActorMismatch { .. }
            | Self::TokenExpired { .. }
            | Self::TooLarge { .. }
            | Self::TooMany { .. }
            | Self::SameRoom { .. }
            | Self::Invalid { .. }
            | Self::Several(_) => return None,
        };
        Some((room, because))
    }
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
