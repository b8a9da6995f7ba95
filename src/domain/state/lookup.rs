//! Finding people, connections and tracks in a room by what callers know them by.
//! Apart because every form of an id is accepted everywhere. It never changes anything.

use std::sync::Arc;

use uuid::Uuid;

use super::{Aliased, Connection, Person, Room, Session, SettingsSet, Taken, Text, Track};
use crate::domain::event::RoomConfig;
use crate::domain::id::{ConnectionNumber, Id, Identity, ParticipantNumber, Version};
use crate::domain::time::Timestamp;
use crate::domain::timelog::{Interval, Timelog};

impl Room {
    /// The session, while it is open.
    pub fn open_session(&self) -> Option<&Session> {
        self.session.as_ref().filter(|session| session.is_open())
    }

    /// The person of that number.
    pub fn person(&self, number: ParticipantNumber) -> Option<&Person> {
        self.people.get(number.index())
    }

    /// The person of that identity, with their number.
    pub fn person_by_identity(&self, identity: &Identity) -> Option<(ParticipantNumber, &Person)> {
        let number = *self.by_identity.get(identity)?;
        Some((number, self.person(number)?))
    }

    /// The live connections of that identity, oldest first.
    pub fn live_of(&self, identity: &Identity) -> Vec<&Arc<Connection>> {
        let numbers = self
            .person_by_identity(identity)
            .map(|(_, person)| person.live.as_slice());
        numbers
            .unwrap_or_default()
            .iter()
            .filter_map(|number| self.connection(*number))
            .collect()
    }

    /// The connection of that number, if it is of the kept session.
    pub fn connection(&self, number: ConnectionNumber) -> Option<&Arc<Connection>> {
        self.session.as_ref()?.connection(number)
    }

    /// About how many bytes its people's texts and permissions take as they are shown, at least
    /// once each.
    pub fn weight(&self) -> usize {
        let connections = self
            .session
            .iter()
            .flat_map(|session| session.connections.iter());
        connections.map(|connection| connection.weight()).sum()
    }

    /// The connections of that person in the kept session, newest first.
    pub fn connections_of(&self, person: &Person) -> Vec<&Arc<Connection>> {
        let mut found = Vec::new();
        let mut next = person.newest;
        while let Some(connection) = next.and_then(|number| self.connection(number)) {
            next = connection.previous;
            found.push(connection);
        }
        found
    }

    /// The presence of that person in the kept session.
    pub fn timelog_of(&self, person: &Person) -> Timelog {
        let mut log = Timelog::default();
        for connection in self.connections_of(person) {
            let closed = connection.closed.as_ref();
            log.push(Interval {
                start: connection.opened_at,
                end: closed.map(|closed| closed.at),
                cause: closed.map(|closed| closed.because),
            });
        }
        log
    }

    /// The connection with that id: LiveKit's form, a UUID, or the caller's own.
    pub fn connection_by_ref(&self, id: &str) -> Option<&Arc<Connection>> {
        if let Some(Aliased::Connection(number)) = self.taken(id).map(|taken| taken.by) {
            return self.connection(number);
        }
        let key = short_key(id, CONNECTION_PREFIX)?;
        let session = self.session.as_ref()?;
        let found = session.connection(*session.by_short_id.get(&key)?)?;
        same_id(found.id, id).then_some(found)
    }

    /// The open track with that id in any form, and the connection that has it.
    pub fn track_by_ref(&self, id: &str) -> Option<(&Arc<Connection>, &Arc<Track>)> {
        let owner = match self.taken(id).map(|taken| taken.by) {
            Some(Aliased::Track(_, connection)) => connection,
            Some(Aliased::Connection(_)) => return None,
            None => *self.session.as_ref()?.track_owners.get(&track_key(id)?)?,
        };
        let connection = self.connection(owner)?;
        Some((connection, connection.track_by_ref(id)?))
    }

    /// What an id that a caller brought stands for, in whichever session that was.
    pub fn taken(&self, id: &str) -> Option<&Taken> {
        self.aliases.get(id)
    }

    /// The event that unpublished the track with that id: of any session by the caller's own id, of
    /// the kept session by the others.
    pub fn track_gone(&self, id: &str) -> Option<Version> {
        if let Some(taken) = self.taken(id) {
            let is_track = matches!(taken.by, Aliased::Track(..));
            return taken.gone.filter(|_| is_track);
        }
        let gone = &self.session.as_ref()?.gone_tracks;
        gone.get(&track_key(id)?).copied()
    }

    /// The event that closed the connection with that id of the caller's own, in whichever session.
    pub fn connection_gone(&self, id: &str) -> Option<Version> {
        let taken = self.taken(id)?;
        let is_connection = matches!(taken.by, Aliased::Connection(_));
        taken.gone.filter(|_| is_connection)
    }

    /// Whether an id means a connection or track of this room, in any form, or ever was brought.
    pub fn is_taken(&self, id: &str) -> bool {
        self.aliases.contains_key(id)
            || self.connection_by_ref(id).is_some()
            || self.track_by_ref(id).is_some()
    }

    /// Whether an id that a caller brought was moved away with that person and so may come back.
    pub fn may_come_back(&self, id: &str, participant: ParticipantNumber) -> bool {
        self.moved_aliases.get(id) == Some(&participant)
    }

    /// The metadata in force: the open session's own, else the room's.
    pub fn metadata(&self) -> Option<&Text> {
        self.open_session()
            .and_then(|session| session.metadata.as_ref())
            .or_else(|| self.life.as_ref().map(|life| &life.metadata))
    }

    /// The settings in force: the open session's, else the room's.
    pub fn config(&self) -> Option<&Arc<RoomConfig>> {
        self.open_session()
            .map(|session| &session.config)
            .or_else(|| self.life.as_ref().map(|life| &life.config))
    }

    /// The events that set the settings in force.
    pub fn config_set(&self) -> Option<SettingsSet> {
        self.open_session()
            .map(|session| session.config_set)
            .or_else(|| self.life.as_ref().map(|life| life.config_set))
    }

    /// When the room's time was over, if it is: nobody comes in from then on, but who is inside may
    /// stay.
    pub fn expired(&self, now: Timestamp) -> Option<Timestamp> {
        let expires_at = self.life.as_ref()?.config.expires_at;
        expires_at.filter(|at| *at <= now)
    }

    /// Whether its time is over and nobody is inside any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        let mut inside = self.open_session().into_iter().flat_map(Session::live);
        self.expired(now).is_some() && inside.next().is_none()
    }

    /// When the next timer of this room is due; `None` when none runs.
    pub fn next_due(&self) -> Option<Timestamp> {
        let session = self.open_session()?;
        let first = session.deadlines.first().map(|(at, _)| *at);
        let expiry = session
            .config
            .expires_at
            .filter(|_| session.config.eject_at_expiry);
        [first, expiry, session.idle_deadline()]
            .into_iter()
            .flatten()
            .min()
    }
}

impl Connection {
    /// The open track with that id: LiveKit's form, a UUID, or the caller's own.
    pub fn track_by_ref(&self, id: &str) -> Option<&Arc<Track>> {
        self.tracks.iter().find(|track| {
            track
                .alias
                .as_ref()
                .is_some_and(|alias| alias.as_str() == id)
                || track_key(id) == Some(track.id.short_key()) && same_id(track.id, id)
        })
    }

    /// The id by which answers name the connection: the caller's own, else LiveKit's form.
    pub fn name_id(&self) -> String {
        self.alias
            .as_ref()
            .map_or_else(|| self.sid(), |alias| alias.as_str().to_owned())
    }

    /// LiveKit's form of the id.
    pub fn sid(&self) -> String {
        connection_sid(self.id)
    }
}

impl Track {
    /// The id by which answers name the track: the caller's own, else LiveKit's form, in which two
    /// letters tell kind and source.
    pub fn sid(&self) -> String {
        self.alias.as_ref().map_or_else(
            || track_sid(self.kind, self.source, self.id),
            |alias| alias.as_str().to_owned(),
        )
    }
}

impl Session {
    /// LiveKit's form of the id.
    pub fn sid(&self) -> String {
        session_sid(self.id)
    }
}

/// LiveKit's form of a connection's id.
pub fn connection_sid(id: Id) -> String {
    format!("{CONNECTION_PREFIX}{}", id.short())
}

/// LiveKit's form of a session's id.
pub fn session_sid(id: Id) -> String {
    format!("{SESSION_PREFIX}{}", id.short())
}

/// The index key of a session id in any form, or `None` when `text` is no id.
pub fn session_key(text: &str) -> Option<u128> {
    short_key(text, SESSION_PREFIX)
}

/// LiveKit's form of a track's id, as recorded of a real server: `AM` audio microphone, `VC` video
/// camera, `VS` video screen share, and the like.
pub fn track_sid(
    kind: crate::domain::event::TrackKind,
    source: crate::domain::permission::Source,
    id: Id,
) -> String {
    use crate::domain::event::TrackKind;
    use crate::domain::permission::Source;
    let kind = match kind {
        TrackKind::Audio => 'A',
        TrackKind::Video => 'V',
        TrackKind::Data => 'D',
    };
    let source = match source {
        Source::Camera => 'C',
        Source::Microphone => 'M',
        Source::ScreenShare => 'S',
        Source::ScreenShareAudio => 'A',
        Source::CustomAudio | Source::CustomVideo | Source::Unknown => 'U',
    };
    format!("{TRACK_PREFIX}{kind}{source}{}", id.short())
}

fn track_key(text: &str) -> Option<u128> {
    let letters = text
        .strip_prefix(TRACK_PREFIX)
        .and_then(|rest| rest.get(2..));
    letters.map_or_else(|| uuid_key(text), Id::parse_short)
}

fn short_key(text: &str, prefix: &str) -> Option<u128> {
    text.strip_prefix(prefix)
        .map_or_else(|| uuid_key(text), Id::parse_short)
}

fn uuid_key(text: &str) -> Option<u128> {
    Uuid::try_parse(text)
        .ok()
        .map(|uuid| Id(uuid.as_u128()).short_key())
}

/// A short form tells less than the id; a UUID must be the whole of it.
fn same_id(id: Id, text: &str) -> bool {
    Uuid::try_parse(text).map_or(true, |uuid| uuid.as_u128() == id.0)
}

const SESSION_PREFIX: &str = "RM_";
const CONNECTION_PREFIX: &str = "PA_";
const TRACK_PREFIX: &str = "TR_";
