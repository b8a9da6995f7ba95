//! Who was in a session and when, as VideoSDK groups it: one participant an identity, one interval
//! a connection, in the order of the first join. Apart from the shapes that show it; it never looks
//! at another session.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::state::{Connection, Session};
use crate::domain::{Room, Timestamp, Version};

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

    /// Everybody. Who joined and never became active was never there.
    pub(super) fn everybody(&self) -> Vec<Presence<'a>> {
        let mut places = BTreeMap::new();
        let mut found: Vec<Presence<'a>> = Vec::new();
        for connection in &self.session.connections {
            let Some(person) = self.room.person(connection.participant) else {
                continue;
            };
            if connection.activated_at.is_none() {
                continue;
            }
            let place = *places.entry(connection.participant).or_insert_with(|| {
                found.push(Presence {
                    identity: person.identity.to_string(),
                    stints: Vec::new(),
                });
                found.len() - 1
            });
            if let Some(presence) = found.get_mut(place) {
                presence.stints.push(connection);
            }
        }
        found
    }
}
