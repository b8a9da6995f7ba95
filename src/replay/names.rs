//! A directory of one stream: who and what its numbers stand for, and where its versions stand.
//!
//! Apart because stored events name only numbers, and readers want identities, ids and positions.
//! It only grows: what it says of a number once, it says for ever, so an event reads the same
//! whenever it is read.

use std::collections::BTreeMap;

use crate::domain::event::{ConnectionOpened, GivenOut, SessionOpened, TrackKind, TrackPublished};
use crate::domain::state::{connection_sid, session_sid, track_sid};
use crate::domain::{
    Alias, ConnectionNumber, Event, Id, Identity, ParticipantNumber, RoomName, SessionNumber,
    Source, TrackNumber, Version,
};
use crate::replay::former::{Field, Former};
use crate::replay::numbers::check_numbers;
use crate::store::{EventStore, Position, Record, StoreError};

/// The directory of one stream, up to a version of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    room: Option<RoomName>,
    version: Version,
    people: Vec<Identity>,
    by_identity: BTreeMap<Identity, ParticipantNumber>,
    /// Who ever showed a name, in order.
    by_shown_name: BTreeMap<String, Vec<ParticipantNumber>>,
    connections: Vec<ConnectionName>,
    tracks: Vec<TrackName>,
    sessions: Vec<SessionName>,
    /// Where a stretch of versions with consecutive positions begins.
    stretches: Vec<(Version, Position)>,
}

/// Where the numbers of streams are looked up; `None` asks for those of the system stream.
pub trait Directory {
    /// The whole directory of a stream, if it is at hand.
    fn names(&self, room: Option<&RoomName>) -> Option<&Names>;

    /// Who a number stands for.
    fn identity(&self, room: Option<&RoomName>, number: ParticipantNumber) -> Option<&Identity> {
        self.names(room)?.identity(number)
    }

    /// What a number stands for.
    fn connection(
        &self,
        room: Option<&RoomName>,
        number: ConnectionNumber,
    ) -> Option<&ConnectionName> {
        self.names(room)?.connection(number)
    }

    /// What a number stands for.
    fn track(&self, room: Option<&RoomName>, number: TrackNumber) -> Option<&TrackName> {
        self.names(room)?.track(number)
    }

    /// The session that was open at a version.
    fn session_at(&self, room: Option<&RoomName>, version: Version) -> Option<&SessionName> {
        self.names(room)?.session_at(version)
    }

    /// Where a version stands in the whole log.
    fn position(&self, room: Option<&RoomName>, version: Version) -> Option<Position> {
        self.names(room)?.position(version)
    }

    /// How many names of connections and tracks one event shows in its lists. Beyond them it has
    /// the numbers, which are always whole.
    fn names_max(&self) -> usize {
        EVENT_NAMES_MAX
    }

    /// The value that the event of a version had set, where it was read back.
    fn former(&self, _: Option<&RoomName>, _: Version, _: &Field) -> Option<&Former> {
        None
    }
}

impl Directory for Names {
    fn names(&self, room: Option<&RoomName>) -> Option<&Names> {
        (self.room() == room).then_some(self)
    }
}

/// What is always true of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionName {
    /// The minted id.
    pub id: Id,
    /// The caller's own id.
    pub alias: Option<Alias>,
    /// Whose it is.
    pub participant: ParticipantNumber,
    /// The session it belongs to; 0 in a damaged log, and where only its event was read.
    pub session: SessionNumber,
}

/// What is always true of a track.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrackName {
    /// The minted id.
    pub id: Id,
    /// The caller's own id.
    pub alias: Option<Alias>,
    /// What it carries.
    pub kind: TrackKind,
    /// Where it comes from.
    pub source: Source,
    /// The name it was published under.
    pub name: String,
    /// Whose it is.
    pub connection: ConnectionNumber,
}

/// What is always true of a session, and when it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionName {
    /// The minted id.
    pub id: Id,
    /// The event that opened it.
    pub opened: Version,
    /// The event that ended it, if one has.
    pub ended: Option<Version>,
}

impl Names {
    /// The directory of a stream that nothing was read of yet; `None` for the system stream.
    pub const fn new(room: Option<RoomName>) -> Self {
        Self {
            room,
            version: Version(0),
            people: Vec::new(),
            by_identity: BTreeMap::new(),
            by_shown_name: BTreeMap::new(),
            connections: Vec::new(),
            tracks: Vec::new(),
            sessions: Vec::new(),
            stretches: Vec::new(),
        }
    }

    /// The stream.
    pub const fn room(&self) -> Option<&RoomName> {
        self.room.as_ref()
    }

    /// The last version taken in.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Takes in the next record of the stream; any other is left alone.
    ///
    /// # Errors
    /// `Corrupt` when it names numbers that the room never gave out.
    pub fn absorb(&mut self, record: &Record) -> Result<(), StoreError> {
        if record.room != self.room || record.version != self.version.next() {
            return Ok(());
        }
        let given = GivenOut {
            connections: self.last_connection().0,
            tracks: u32::try_from(self.tracks.len()).unwrap_or(u32::MAX),
        };
        check_numbers(record, given)?;
        self.version = record.version;
        self.place(record.version, record.position);
        if let Event::ParticipantRegistered(it) = &record.event.event {
            let identity = it.identity.value();
            self.by_identity.insert(identity.clone(), it.participant);
            self.people.push(identity.clone());
        } else if let Event::ConnectionOpened(it) = &record.event.event {
            self.show(it.participant, it.profile.name.as_str());
            let sessions = u32::try_from(self.sessions.len()).unwrap_or(u32::MAX);
            self.connections
                .push(ConnectionName::of(it, SessionNumber(sessions)));
        } else if let Event::ProfileChanged(it) = &record.event.event
            && let Some(name) = &it.name
        {
            for number in it.who.connections.iter() {
                if let Some(person) = self.connection(number).map(|it| it.participant) {
                    self.show(person, name.value.as_str());
                }
            }
        } else if let Event::TrackPublished(it) = &record.event.event {
            self.tracks.push(TrackName::of(it));
        } else if let Event::SessionOpened(it) = &record.event.event {
            self.sessions.push(SessionName::of(it, record.version));
        } else if let Event::SessionEnded(_) = &record.event.event
            && let Some(last) = self.sessions.last_mut()
        {
            last.ended = Some(record.version);
        }
        Ok(())
    }

    /// Reads on until at least `version` is taken in, or the stream ends.
    ///
    /// # Errors
    /// As [`EventStore::read_room`] and [`Self::absorb`].
    pub fn catch_up(&mut self, store: &dyn EventStore, version: Version) -> Result<(), StoreError> {
        self.read_until(store, |names| names.version >= version)
    }

    /// Reads on until a connection is known, or the stream ends.
    ///
    /// # Errors
    /// As [`Self::catch_up`].
    pub fn know(
        &mut self,
        store: &dyn EventStore,
        number: ConnectionNumber,
    ) -> Result<(), StoreError> {
        self.read_until(store, |names| names.last_connection() >= number)
    }

    fn read_until(
        &mut self,
        store: &dyn EventStore,
        is_enough: impl Fn(&Self) -> bool,
    ) -> Result<(), StoreError> {
        while !is_enough(self) {
            let records = store.read_room(self.room.as_ref(), self.version, BATCH_RECORDS)?;
            let before = self.version;
            for record in &records {
                self.absorb(record)?;
            }
            if self.version == before {
                break;
            }
        }
        Ok(())
    }

    /// The last number that was given to a connection; 0 before the first.
    pub fn last_connection(&self) -> ConnectionNumber {
        ConnectionNumber(u32::try_from(self.connections.len()).unwrap_or(u32::MAX))
    }

    /// Who a number stands for.
    pub fn identity(&self, number: ParticipantNumber) -> Option<&Identity> {
        self.people.get(number.index())
    }

    /// The number of somebody.
    pub fn participant(&self, identity: &str) -> Option<ParticipantNumber> {
        let identity = Identity::new(identity).ok()?;
        self.by_identity.get(&identity).copied()
    }

    /// Everybody who ever showed that name, by number.
    pub fn shown_as(&self, name: &str) -> &[ParticipantNumber] {
        self.by_shown_name.get(name).map_or(&[], Vec::as_slice)
    }

    /// What a number stands for.
    pub fn connection(&self, number: ConnectionNumber) -> Option<&ConnectionName> {
        self.connections.get(number.index())
    }

    /// The newest connection with that id in any form: LiveKit's, a UUID, or the caller's own.
    pub fn connection_by_ref(&self, id: &str) -> Option<ConnectionNumber> {
        let index = self
            .connections
            .iter()
            .rposition(|connection| connection.answers_to(id))?;
        Some(ConnectionNumber(
            u32::try_from(index).ok()?.saturating_add(1),
        ))
    }

    /// What a number stands for.
    pub fn track(&self, number: TrackNumber) -> Option<&TrackName> {
        self.tracks.get(number.index())
    }

    /// What a number stands for.
    pub fn session(&self, number: SessionNumber) -> Option<&SessionName> {
        self.sessions.get(number.index())
    }

    /// All sessions, oldest first.
    pub fn sessions(&self) -> &[SessionName] {
        &self.sessions
    }

    /// The session with that id: LiveKit's form or a UUID.
    pub fn session_by_ref(&self, id: &str) -> Option<&SessionName> {
        self.sessions.iter().find(|session| session.answers_to(id))
    }

    /// The session that was open at a version.
    pub fn session_at(&self, version: Version) -> Option<&SessionName> {
        let opened = self
            .sessions
            .partition_point(|session| session.opened <= version);
        let session = self.sessions.get(opened.checked_sub(1)?)?;
        let is_over = session.ended.is_some_and(|ended| ended < version);
        (!is_over).then_some(session)
    }

    /// Where a version stands in the whole log; `None` when it was not taken in.
    pub fn position(&self, version: Version) -> Option<Position> {
        if version > self.version {
            return None;
        }
        let stretch = self
            .stretches
            .partition_point(|(first, _)| *first <= version)
            .checked_sub(1)?;
        let (first, position) = self.stretches.get(stretch)?;
        Some(Position(
            position.0.saturating_add(version.0.saturating_sub(first.0)),
        ))
    }

    /// The last version taken in that stands at or before a position; 0 when none does.
    pub fn version_at(&self, position: Position) -> Version {
        let next = self
            .stretches
            .partition_point(|(_, first)| *first <= position);
        let Some((first, start)) = next
            .checked_sub(1)
            .and_then(|stretch| self.stretches.get(stretch))
        else {
            return Version(0);
        };
        let last = self
            .stretches
            .get(next)
            .map_or(self.version.0, |(version, _)| version.0.saturating_sub(1));
        Version(
            first
                .0
                .saturating_add(position.0.saturating_sub(start.0))
                .min(last),
        )
    }

    fn show(&mut self, person: ParticipantNumber, name: &str) {
        if name.is_empty() {
            return;
        }
        match self.by_shown_name.get_mut(name) {
            Some(people) => {
                if let Err(place) = people.binary_search(&person) {
                    people.insert(place, person);
                }
            }
            None => {
                self.by_shown_name.insert(name.to_owned(), vec![person]);
            }
        }
    }

    fn place(&mut self, version: Version, position: Position) {
        let continues = self.stretches.last().is_some_and(|(first, start)| {
            position.0.checked_sub(start.0) == version.0.checked_sub(first.0)
        });
        if !continues {
            self.stretches.push((version, position));
        }
    }
}

impl ConnectionName {
    pub(super) fn of(it: &ConnectionOpened, session: SessionNumber) -> Self {
        Self {
            id: it.connection_id,
            alias: it.alias.clone(),
            participant: it.participant,
            session,
        }
    }

    /// LiveKit's form of the id.
    pub fn sid(&self) -> String {
        connection_sid(self.id)
    }

    /// The id by which answers name the connection: the caller's own, else LiveKit's form.
    pub fn name_id(&self) -> String {
        self.alias
            .as_ref()
            .map_or_else(|| self.sid(), |alias| alias.as_str().to_owned())
    }

    /// Whether that is its id, in any form.
    pub fn answers_to(&self, id: &str) -> bool {
        let is_alias = self.alias.as_ref().is_some_and(|own| own.as_str() == id);
        is_alias || self.sid() == id || self.id.uuid().to_string() == id
    }
}

impl TrackName {
    pub(super) fn of(it: &TrackPublished) -> Self {
        Self {
            id: it.track_id,
            alias: it.alias.clone(),
            kind: it.kind,
            source: it.source,
            name: it.name.as_str().to_owned(),
            connection: it.connection,
        }
    }

    /// The id by which answers name the track: the caller's own, else LiveKit's form.
    pub fn sid(&self) -> String {
        self.alias.as_ref().map_or_else(
            || track_sid(self.kind, self.source, self.id),
            |alias| alias.as_str().to_owned(),
        )
    }
}

impl SessionName {
    pub(super) const fn of(it: &SessionOpened, opened: Version) -> Self {
        Self {
            id: it.session_id,
            opened,
            ended: None,
        }
    }

    /// LiveKit's form of the id.
    pub fn sid(&self) -> String {
        session_sid(self.id)
    }

    fn answers_to(&self, id: &str) -> bool {
        self.sid() == id || self.id.uuid().to_string() == id
    }
}

/// A name takes about 130 bytes as JSON, so an event to everybody stays below 2 MB.
pub(super) const EVENT_NAMES_MAX: usize = 10_000;

/// Records read at once: enough to spread the cost of a read, few enough to stay in cache.
pub(super) const BATCH_RECORDS: usize = 1_024;
