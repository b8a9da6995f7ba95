//! A decision being made: events so far, and the room as they leave it.
//!
//! Apart because every rule works through it: an event is folded into the working copy the moment
//! it is pushed, so that later rules of the same decision see what earlier ones did, and numbers
//! and versions come out right by construction.

use std::sync::Arc;

use super::context::{Context, Decision};
use crate::domain::command::Request;
use crate::domain::event::{
    CloseCause, Closing, ConnectionsClosed, Event, NewEvent, NoEffect, ParticipantRegistered,
    Reference, Selector, TracksUnpublished, Who,
};
use crate::domain::evolve::evolve;
use crate::domain::id::{
    Alias, ConnectionNumber, Id, Identity, ParticipantNumber, TrackNumber, Version,
};
use crate::domain::permission::Permission;
use crate::domain::personal::Personal;
use crate::domain::rejection::Rejection;
use crate::domain::state::{Connection, Room, Session, Track};

/// The working copy of one decision about one room.
pub(super) struct Draft<'a> {
    pub(super) room: Room,
    pub(super) request: &'a Request,
    pub(super) context: &'a Context<'a>,
    pub(super) events: Vec<NewEvent>,
    /// See [`Decision::refused`].
    pub(super) refused: Option<Rejection>,
    minted: u128,
}

impl<'a> Draft<'a> {
    /// Starts from the room as it is: a clone costs a few pointers.
    pub(super) fn new(room: &Room, request: &'a Request, context: &'a Context<'a>) -> Self {
        Self {
            room: room.clone(),
            request,
            context,
            events: Vec::new(),
            refused: None,
            minted: 0,
        }
    }

    /// All that was pushed, and what the room is by it.
    pub(super) fn finish(self) -> Decision {
        Decision {
            events: self.events,
            room: self.room,
            refused: self.refused.map(Rejection::bounded),
        }
    }

    /// Adds an event that nothing of this room brought about.
    pub(super) fn push(&mut self, event: impl Into<Event>) -> Version {
        self.push_event(event.into(), None)
    }

    /// Adds an event that another of this room brought about.
    pub(super) fn push_because(&mut self, event: impl Into<Event>, cause: Version) -> Version {
        self.push_event(event.into(), Some(Reference::here(cause)))
    }

    /// Adds an event with any cause.
    pub(super) fn push_event(&mut self, event: Event, cause: Option<Reference>) -> Version {
        let version = self.room.version.next();
        let new = NewEvent {
            event,
            cause,
            occurred_at: self.request.occurred_at,
        };
        evolve(&mut self.room, version, self.context.now, &new);
        self.events.push(new);
        version
    }

    /// Records that the command held already.
    pub(super) fn no_effect(&mut self, who: Option<Who>, why: &str) {
        let command = self.request.command.name().to_owned();
        self.push(NoEffect {
            command,
            who,
            why: why.to_owned(),
        });
    }

    /// A fresh id, unlike any that `taken` knows by its short form.
    pub(super) fn mint(&mut self, taken: impl Fn(&Room, u128) -> bool) -> Id {
        loop {
            self.minted = self.minted.wrapping_add(1);
            // Any odd multiplier visits every value; this one spreads neighbours far apart.
            let id = Id(self.context.entropy ^ self.minted.wrapping_mul(SPREAD));
            if !taken(&self.room, id.short_key()) {
                return id;
            }
        }
    }

    /// The number of an identity, registered now if this is its first mention.
    pub(super) fn register(&mut self, identity: &Identity) -> ParticipantNumber {
        if let Some(number) = self.room.by_identity.get(identity) {
            return *number;
        }
        let next = u32::try_from(self.room.people.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1);
        let participant = ParticipantNumber(next);
        let identity = Personal::new(identity.clone());
        self.push(ParticipantRegistered {
            participant,
            identity,
        });
        participant
    }

    /// The room must exist.
    pub(super) fn require_room(&self) -> Result<(), Rejection> {
        match self.room.life {
            Some(_) => Ok(()),
            None => Err(self.no_such_room()),
        }
    }

    /// The room must exist and have an open session.
    pub(super) fn require_session(&self) -> Result<&Session, Rejection> {
        self.require_room()?;
        self.room
            .open_session()
            .ok_or_else(|| Rejection::NoOpenSession {
                room: self.name(),
                because: self.session_ended(),
            })
    }

    /// The refusal where there is no such room.
    pub(super) fn no_such_room(&self) -> Rejection {
        Rejection::NoSuchRoom {
            room: self.name(),
            because: self.room.deleted,
        }
    }

    /// The end of the latest session, if it is over.
    pub(super) fn session_ended(&self) -> Option<Version> {
        let ended = self.room.session.as_ref()?.ended?;
        Some(ended.version)
    }

    /// The room's name, for messages.
    pub(super) fn name(&self) -> String {
        self.room.name.as_str().to_owned()
    }

    /// An id of the caller's own must not mean anything in this room yet; one that was moved away
    /// may come back with the person `moved`.
    pub(super) fn require_free(
        &self,
        alias: Option<&Alias>,
        moved: Option<ParticipantNumber>,
    ) -> Result<(), Rejection> {
        let comes_back = |alias: &Alias| {
            moved.is_some_and(|person| self.room.may_come_back(alias.as_str(), person))
        };
        match alias.filter(|alias| self.room.is_taken(alias.as_str())) {
            None => Ok(()),
            Some(alias) if comes_back(alias) => Ok(()),
            Some(alias) => Err(Rejection::AliasTaken {
                room: self.name(),
                alias: alias.as_str().to_owned(),
                because: self.taken_by(alias.as_str()),
            }),
        }
    }

    /// The event that gave an id to a connection or track: of any session where the caller brought
    /// it, else of the kept one.
    fn taken_by(&self, id: &str) -> Option<Version> {
        if let Some(taken) = self.room.taken(id) {
            return Some(taken.since);
        }
        let connection = self.room.connection_by_ref(id);
        let track = || self.room.track_by_ref(id).map(|(_, track)| track.published);
        connection.map(|it| it.opened).or_else(track)
    }

    /// The open connection with that id.
    pub(super) fn open_connection(&self, id: &str) -> Result<Arc<Connection>, Rejection> {
        let connection = self.any_connection(id)?;
        match &connection.closed {
            None => Ok(connection),
            Some(closed) => Err(Rejection::ConnectionClosed {
                room: self.name(),
                connection: id.to_owned(),
                closed: closed.version,
            }),
        }
    }

    /// The connection with that id, open or closed, of the kept session.
    pub(super) fn any_connection(&self, id: &str) -> Result<Arc<Connection>, Rejection> {
        self.room
            .connection_by_ref(id)
            .cloned()
            .ok_or_else(|| self.no_such_connection(id))
    }

    /// The refusal for an id that means no connection of the kept session.
    pub(super) fn no_such_connection(&self, id: &str) -> Rejection {
        Rejection::NoSuchConnection {
            room: self.name(),
            connection: id.to_owned(),
            because: self.room.connection_gone(id),
        }
    }

    /// How a connection's owner is called, for messages.
    pub(super) fn identity_of(&self, connection: &Connection) -> String {
        self.room
            .person(connection.participant)
            .map(|person| person.identity.as_str().to_owned())
            .unwrap_or_default()
    }

    /// Unpublishes those tracks of a connection that its permission no longer allows.
    pub(super) fn unpublish_lost(&mut self, number: ConnectionNumber, cause: Version) {
        let Some(connection) = self.room.connection(number) else {
            return;
        };
        let tracks: Vec<TrackNumber> = connection
            .tracks
            .iter()
            .filter(|track| !may_publish(&connection.permission, track))
            .map(|track| track.number)
            .collect();
        self.unpublish(number, tracks, None, cause);
    }

    /// Closes connections: their tracks first, then all of them in one event. The cause is the
    /// request, or the closing event itself where nobody asked for it.
    pub(super) fn close(
        &mut self,
        asked: Selector,
        numbers: &[ConnectionNumber],
        closing: Closing,
        cause: Option<Version>,
    ) -> Version {
        let with_tracks: Vec<(ConnectionNumber, Vec<TrackNumber>)> = numbers
            .iter()
            .filter_map(|number| self.room.connection(*number))
            .filter(|connection| !connection.tracks.is_empty())
            .map(|connection| {
                let tracks = connection.tracks.iter().map(|track| track.number).collect();
                (connection.number, tracks)
            })
            .collect();
        let ahead = u64::try_from(with_tracks.len()).unwrap_or(u64::MAX);
        let closing_version = Version(self.room.version.0.saturating_add(ahead)).next();
        for (number, tracks) in with_tracks {
            self.unpublish(
                number,
                tracks,
                Some(closing.cause),
                cause.unwrap_or(closing_version),
            );
        }
        let who = Who {
            asked,
            connections: numbers.iter().copied().collect(),
        };
        let closed = ConnectionsClosed { who, closing };
        self.push_event(closed.into(), cause.map(Reference::here))
    }

    fn unpublish(
        &mut self,
        connection: ConnectionNumber,
        tracks: Vec<TrackNumber>,
        closing: Option<CloseCause>,
        cause: Version,
    ) {
        if !tracks.is_empty() {
            let tracks = tracks.into_iter().collect();
            self.push_because(
                TracksUnpublished {
                    connection,
                    tracks,
                    closing,
                },
                cause,
            );
        }
    }
}

/// Whether that permission lets a track of that kind and source be published.
pub(super) fn may_publish(permission: &Permission, track: &Track) -> bool {
    match track.kind {
        crate::domain::event::TrackKind::Data => permission.data,
        crate::domain::event::TrackKind::Audio | crate::domain::event::TrackKind::Video => {
            permission.send.allows(track.source)
        }
    }
}

/// The odd number nearest to 2^128 divided by the golden ratio.
const SPREAD: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
