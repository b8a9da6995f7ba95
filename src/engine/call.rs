//! What goes into the engine and what comes out. Apart because every dialect speaks these, and
//! only these.

use std::sync::Arc;

use crate::domain::{
    Code, Command, Digest, Personal, Provenance, Reference, Rejection, Request, Room, RoomName,
    Version,
};
use crate::store::{Position, Record, RequestKey};

/// One command with all that is known of where it came from.
#[derive(Clone, Debug)]
pub struct Call {
    /// What is wanted.
    pub request: Request,
    /// Who wants it, through what, why.
    pub provenance: Provenance,
    /// SHA-256 of the request as decoded: a repeat under the same request id has the same. Of the
    /// bytes as they came, where they could not be decoded.
    pub digest: Digest,
    /// Size of the request as it came.
    pub request_bytes: u64,
    /// The route or method that was called, where it takes several commands: a request id names a
    /// request together with it. `None` where the call of the provenance is that.
    pub operation: Option<&'static str>,
}

impl Call {
    /// A call of a host that has no request body: digest and size are those of the request's debug
    /// form, which is the same as long as the program is.
    pub fn new(request: Request, provenance: Provenance) -> Self {
        let form = format!("{request:?}");
        let bytes = u64::try_from(form.len()).unwrap_or(u64::MAX);
        Self::decoded(request, provenance, Digest::of(&[]), bytes)
    }

    /// A call that came as so many bytes with the digest `sent`. Two calls are the same if they
    /// were decoded to the same, however they were written: spaces, order and defaults do not
    /// count.
    pub fn decoded(
        request: Request,
        provenance: Provenance,
        sent: Digest,
        request_bytes: u64,
    ) -> Self {
        let digest = if request.objection.is_some() {
            sent
        } else {
            Digest::of(format!("{request:?}").as_bytes())
        };
        Self {
            request,
            provenance,
            digest,
            request_bytes,
            operation: None,
        }
    }

    /// By what a repeat is recognised; `None` when the caller gave no request id, or has no right
    /// to the earlier outcome.
    pub fn key(&self) -> Option<RequestKey> {
        if self.request.objection.is_some() {
            return None;
        }
        let key = request_key(&self.provenance, Some(&self.request.room))?;
        Some(match self.operation {
            Some(operation) => RequestKey {
                call: operation.to_owned(),
                ..key
            },
            None => key,
        })
    }

    /// The rooms that deciding it takes: its own, and the destination of a move; none where the
    /// caller has no right.
    pub(crate) fn rooms(&self) -> impl Iterator<Item = &RoomName> {
        let destination = if let Command::Move { to_room, .. } = &self.request.command {
            Some(to_room)
        } else {
            None
        };
        let rooms = [&self.request.room].into_iter().chain(destination);
        rooms.filter(|_| !self.request.is_denied())
    }
}

/// By what a repeat of a call about that room is recognised; `None` without a request id.
pub(crate) fn request_key(provenance: &Provenance, room: Option<&RoomName>) -> Option<RequestKey> {
    let request_id = provenance.request_id.clone()?;
    let actor = &provenance.actor;
    Some(RequestKey {
        key_id: actor.key.clone().unwrap_or_default(),
        caller: actor.id.clone(),
        room: room.cloned(),
        call: provenance.via.call.clone(),
        request_id,
    })
}

/// What a call came to, all of it durable.
#[derive(Clone, Debug)]
pub struct Receipt {
    /// In one word.
    pub status: Status,
    /// The last position that the call made durable; what its decision read, if it made none.
    pub position: Position,
    /// The room's version right after it.
    pub version: Version,
    /// Its events, in order; those of a move stand in two rooms.
    pub records: Vec<Arc<Record>>,
    /// The room right after it, for a repeat as of then; `None` when nothing ever happened there.
    pub room: Option<Arc<Room>>,
    /// The destination of a move right after it.
    pub destination: Option<Arc<Room>>,
    /// Whether this is the outcome of an earlier call with the same request id.
    pub replayed: bool,
}

/// The outcome of what an operator does to the ledger itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operated {
    /// Whether it changed anything: otherwise nothing is recorded.
    pub changed: bool,
    /// Where it is recorded; the head where nothing was.
    pub position: Position,
    /// Whether this is the outcome of an earlier call with the same request id.
    pub replayed: bool,
}

/// The outcome of a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Released {
    /// Whether the clock was held: otherwise nothing changes, and nothing is recorded.
    pub was_held: bool,
    /// The position of `clock_released`; of the head where nothing was recorded.
    pub position: Position,
    /// Whether this is the outcome of an earlier call with the same request id.
    pub replayed: bool,
}

/// What a call came to, in one word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its events say what.
    Accepted,
    /// It held already; that is recorded.
    NoEffect,
    /// A report that told nothing new; nothing is recorded.
    Unchanged,
    /// No.
    Refused(Box<Refused>),
}

/// Why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What kind of refusal; of several reasons, the first.
    pub code: Code,
    /// The sentence to answer.
    pub detail: String,
    /// The positions of the events that are the reasons.
    pub because: Vec<Position>,
    /// The refusal itself; in a repeat the reason that decides the answer.
    pub rejection: Option<Rejection>,
}

/// What the writer answers: a receipt, or what one is made of by reading the log.
#[derive(Debug)]
pub(crate) enum Answer {
    /// All but the positions of the reasons.
    Done {
        receipt: Box<Receipt>,
        because: Vec<Reference>,
    },
    /// An earlier outcome.
    Repeat(Box<Repeat>),
}

/// A call with the outcome that it had before.
#[derive(Debug)]
pub(crate) struct Repeat {
    pub(crate) call: Call,
    pub(crate) outcome: Remembered,
    /// The refusal, where no record tells it.
    pub(crate) counted: Option<Arc<Counted>>,
}

/// An outcome as it is remembered: status and references, nothing personal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Remembered {
    pub(crate) status: RememberedStatus,
    /// The position of its first event, or of the head that it read when it has none.
    pub(crate) first: Position,
    /// How many events it has.
    pub(crate) count: u32,
    /// The room's version right after it.
    pub(crate) version: Version,
}

/// A refusal that was only counted: its record would tell the same.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Counted {
    /// The reason that decided the answer, with a caller's words as a record keeps them.
    pub(crate) reason: Personal<Rejection>,
    pub(crate) because: Vec<Reference>,
}

/// See [`Status`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) enum RememberedStatus {
    Accepted,
    NoEffect,
    Unchanged,
    Refused,
}

impl Remembered {
    /// The last position that it made durable, or the head that it read.
    pub(crate) fn position(&self) -> Position {
        Position(self.first.0 + u64::from(self.count).saturating_sub(1))
    }
}

/// How events name the release of the clock.
pub const RELEASE_CLOCK: &str = "release_clock";
