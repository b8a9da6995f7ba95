//! Who was in a session and when, as VideoSDK groups it: one participant an identity, one interval
//! a connection, in the order of the first join. Apart from the shapes that show it; it never looks
//! at another session.

use std::sync::Arc;

use crate::domain::state::{Connection, Session};
use crate::domain::{ParticipantNumber, Room, Timestamp, Version};

/// A session as of a version of its room. An answer to a removal shows the moment of the request:
/// what the same command brought about after it is not yet there.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    room: &'a Room,
    session: &'a Session,
    until: Version,
    now: Timestamp,
}

/// Somebody in a session.
pub(super) struct Presence<'a> {
    /// Their number in the room.
    pub(super) number: ParticipantNumber,
    /// `participantId`
    pub(super) identity: String,
    /// Their connections that media flowed through, oldest first.
    pub(super) stints: Vec<&'a Arc<Connection>>,
}

impl<'a> Seen<'a> {
    /// The session that the room keeps, as of a version; `None` where it keeps none. The present is
    /// that of the room's last event.
    pub(super) fn of(room: &'a Room, until: Version) -> Option<Self> {
        let session = room.session.as_ref()?;
        Some(Self {
            room,
            session,
            until,
            now: room.recorded_at,
        })
    }

    /// The same at a later moment, up to which nothing more was recorded in the room.
    pub(super) fn at(self, now: Timestamp) -> Self {
        Self {
            now: now.max(self.now),
            ..self
        }
    }

    /// The moment that is shown.
    pub(super) const fn now(&self) -> Timestamp {
        self.now
    }

    pub(super) const fn room(&self) -> &'a Room {
        self.room
    }

    pub(super) const fn session(&self) -> &'a Session {
        self.session
    }

    /// When media flowed first; when it opened, where none did yet.
    pub(super) fn start(&self) -> Timestamp {
        let first = self.session.connections.iter();
        let first = first.filter_map(|connection| connection.activated_at).min();
        first.unwrap_or(self.session.opened_at)
    }

    pub(super) fn end(&self) -> Option<Timestamp> {
        let ended = self
            .session
            .ended
            .filter(|ended| ended.version <= self.until);
        ended.map(|ended| ended.at)
    }

    /// When somebody left; `None` while they are there.
    pub(super) fn left(&self, connection: &Connection) -> Option<Timestamp> {
        let closed = connection.closed.as_ref();
        let closed = closed.filter(|closed| closed.version <= self.until);
        closed.map(|closed| closed.at)
    }

    /// Everybody, each made when their turn comes. Who joined and never became active was never
    /// there.
    pub(super) fn everybody(&self) -> impl Iterator<Item = Presence<'a>> + Send + use<'a> {
        let (seen, room) = (*self, self.room);
        let mut is_met = vec![false; room.people.len()];
        let joined = self.session.connections.iter();
        let joined = joined.filter(|connection| connection.activated_at.is_some());
        joined.filter_map(move |connection| {
            let number = connection.participant;
            let is_met = is_met.get_mut(number.index())?;
            if std::mem::replace(is_met, true) {
                return None;
            }
            seen.presence(number)
        })
    }

    /// Who is there, likewise.
    pub(super) fn present(&self) -> impl Iterator<Item = Presence<'a>> + Send + use<'a> {
        let seen = *self;
        let is_here = move |connection: &Connection| seen.left(connection).is_none();
        self.everybody()
            .filter(move |presence| presence.stints.iter().any(|it| is_here(it)))
    }

    /// Somebody, if they were ever there.
    pub(super) fn presence(&self, number: ParticipantNumber) -> Option<Presence<'a>> {
        let person = self.room.person(number)?;
        let mut stints = self.room.connections_of(person);
        stints.retain(|connection| connection.activated_at.is_some());
        stints.reverse();
        (!stints.is_empty()).then(|| Presence {
            number,
            identity: person.identity.to_string(),
            stints,
        })
    }
}
