//! Facts that change no state: what was sent, noted, refused, or came to nothing.
//! Apart because the record of attempts is the audit trail's other half.

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::event::{Reference, Selector, Who};
use crate::domain::id::{ConnectionNumber, ParticipantNumber, RoomName, Version};
use crate::domain::personal::Personal;
use crate::domain::rejection::Rejection;
use crate::domain::time::Timestamp;
use crate::domain::words::cut;

/// A data message was sent by an admin. The content is not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSent {
    /// Its topic.
    pub topic: Option<Personal<String>>,
    /// Whether it may be lost.
    pub lossy: bool,
    /// Its size.
    pub bytes: u64,
    /// Its SHA-256.
    pub digest: Digest,
    /// To whom, one entry for each target asked; one `Everyone` when none was.
    pub who: Vec<Who>,
}

/// One thing that somebody did: speaking, a raised hand, a measured quality.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityItem {
    /// Which kind, in the reporter's words.
    pub kind: String,
    /// Whose.
    pub connection: Option<ConnectionNumber>,
    /// When it happened, as reported.
    pub occurred_at: Option<Timestamp>,
    /// The rest of the item: JSON text.
    pub detail: Personal<String>,
}

/// A media server reported activity, many items at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityReported {
    /// In the order reported.
    pub items: Vec<ActivityItem>,
}

/// What a note is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoteAbout {
    /// The room.
    Room,
    /// An event of the room.
    Event(Version),
    /// A person.
    Participant(ParticipantNumber),
    /// A connection.
    Connection(ConnectionNumber),
}

/// A reviewer wrote something down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteAdded {
    /// About what.
    pub about: NoteAbout,
    /// What.
    pub text: Personal<String>,
}

/// A command was accepted and changed nothing, because it held already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoEffect {
    /// Which command.
    pub command: String,
    /// Whom it meant.
    pub who: Option<Who>,
    /// Why nothing changed.
    pub why: String,
}

/// A command was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandRefused {
    /// Which command.
    pub command: String,
    /// The room that it named, where there is none: the event stands in the system stream then.
    pub room: Option<RoomName>,
    /// The destination of a move, where the event stands in the system stream.
    pub to_room: Option<RoomName>,
    /// Whom it meant, when that could be told.
    pub who: Option<Selector>,
    /// Every failing reason, as codes; the first decides the answer.
    pub codes: Vec<String>,
    /// The reason that decides the answer, of which its sentence is made.
    pub reason: Personal<Rejection>,
    /// The events that are the reasons.
    pub because: Vec<Reference>,
    /// SHA-256 of the request.
    pub request_digest: Digest,
    /// Size of the request.
    pub request_bytes: u64,
}

impl CommandRefused {
    /// Cuts what is kept of the caller's words: the target and the words of the reason.
    pub fn shorten(&mut self, bytes_max: usize) {
        if let Some(Selector::Unknown(text)) = &mut self.who {
            cut(text.value_mut(), bytes_max);
        }
        shorten(self.reason.value_mut(), bytes_max);
    }
}

/// Cuts every word of a single reason, the name of the room too. The events that are the reasons
/// cannot be told from it any more.
fn shorten(reason: &mut Rejection, bytes_max: usize) {
    reason.cut(bytes_max, bytes_max);
    if let Rejection::NoSuchRoom { room, .. }
    | Rejection::NoOpenSession { room, .. }
    | Rejection::SessionOver { room, .. }
    | Rejection::NoSuchParticipant { room, .. }
    | Rejection::Absent { room, .. }
    | Rejection::NoSuchConnection { room, .. }
    | Rejection::ConnectionClosed { room, .. }
    | Rejection::NoSuchTrack { room, .. }
    | Rejection::NoSuchVersion { room, .. }
    | Rejection::VersionConflict { room, .. }
    | Rejection::RemoteUnmuteDisabled { room, .. }
    | Rejection::NoRight { room, .. }
    | Rejection::NotGranted { room, .. }
    | Rejection::Banned { room, .. }
    | Rejection::TokenRevoked { room, .. }
    | Rejection::TokenExpired { room, .. }
    | Rejection::RoomFull { room, .. }
    | Rejection::RoomDisabled { room, .. }
    | Rejection::RoomNotOpen { room, .. }
    | Rejection::RoomExpired { room, .. }
    | Rejection::AliasTaken { room, .. }
    | Rejection::SameRoom { room }
    | Rejection::NotMovable { room, .. } = reason
    {
        cut(room, bytes_max);
    }
}
