//! What is known of a stream's numbers without having read its history: the events that gave them
//! out are found one by one, and those that pass by are remembered.
//!
//! Apart from the whole directory of a stream, which only searches need. It may be thrown away at
//! any time; what it says of a number is the same whenever it is asked.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::event::{GivenOut, Misnamed};
use crate::domain::{
    ConnectionNumber, Event, Identity, ParticipantNumber, RoomName, SessionNumber, TrackNumber,
    Version,
};
use crate::replay::former::read_near;
use crate::replay::names::{ConnectionName, SessionName, TrackName};
use crate::store::{EventStore, Position, Record, Sought, StoreError};

/// The numbers of one stream, as far as they were met.
#[derive(Debug, Default)]
pub(super) struct Known {
    room: Option<RoomName>,
    people: BTreeMap<ParticipantNumber, Identity>,
    connections: BTreeMap<ConnectionNumber, ConnectionName>,
    tracks: BTreeMap<TrackNumber, TrackName>,
    positions: BTreeMap<Version, Position>,
    /// Stretches of versions within one session, or within none, by their first.
    stretches: BTreeMap<Version, Stretch>,
    /// About how many bytes all of it takes.
    bytes: usize,
}

/// What somebody wants to know of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Wanted {
    Person(ParticipantNumber),
    Connection(ConnectionNumber),
    Track(TrackNumber),
    /// Where a version stands.
    Position(Version),
    /// The session that was open at a version.
    Session(Version),
}

#[derive(Clone, Debug)]
struct Stretch {
    last: Version,
    session: Option<SessionName>,
}

impl Known {
    pub(super) fn new(room: Option<RoomName>) -> Self {
        Self {
            room,
            ..Self::default()
        }
    }

    pub(super) fn identity(&self, number: ParticipantNumber) -> Option<&Identity> {
        self.people.get(&number)
    }

    pub(super) fn connection(&self, number: ConnectionNumber) -> Option<&ConnectionName> {
        self.connections.get(&number)
    }

    pub(super) fn track(&self, number: TrackNumber) -> Option<&TrackName> {
        self.tracks.get(&number)
    }

    pub(super) fn position(&self, version: Version) -> Option<Position> {
        self.positions.get(&version).copied()
    }

    /// The session that was open at a version; nothing at all where that is not known.
    #[expect(
        clippy::option_option,
        reason = "no session is known, or none is known of"
    )]
    pub(super) fn session_at(&self, version: Version) -> Option<Option<&SessionName>> {
        let (_, stretch) = self.stretches.range(..=version).next_back()?;
        (version <= stretch.last).then_some(stretch.session.as_ref())
    }

    /// Forgets everything where it has become much.
    pub(super) fn trim(&mut self) {
        if self.bytes > BYTES_MAX {
            *self = Self::new(self.room.take());
        }
    }

    /// Remembers what a record of the stream tells.
    pub(super) fn learn(&mut self, record: &Record) {
        let version = record.version;
        if self.positions.insert(version, record.position).is_none() {
            self.bytes += ENTRY_BYTES;
        }
        self.follow(record);
        let bytes = if let Event::ParticipantRegistered(it) = &record.event.event {
            let identity = it.identity.value().clone();
            let bytes = identity.as_str().len();
            let is_new = self.people.insert(it.participant, identity).is_none();
            is_new.then_some(bytes)
        } else if let Event::ConnectionOpened(it) = &record.event.event {
            let name = ConnectionName::of(it, SessionNumber(0));
            let bytes = name.alias.as_ref().map_or(0, |alias| alias.as_str().len());
            let is_new = self.connections.insert(it.number, name).is_none();
            is_new.then_some(bytes)
        } else if let Event::TrackPublished(it) = &record.event.event {
            let name = TrackName::of(it);
            let bytes = name.name.len();
            let is_new = self.tracks.insert(it.number, name).is_none();
            is_new.then_some(bytes)
        } else {
            None
        };
        self.bytes += bytes.map_or(0, |bytes| bytes + ENTRY_BYTES);
    }

    /// Looks up what is wanted; what is not found stays unknown.
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    pub(super) fn look_up(
        &mut self,
        store: &dyn EventStore,
        wanted: &BTreeSet<Wanted>,
    ) -> Result<(), StoreError> {
        let mut sought = BTreeSet::new();
        let mut versions = BTreeSet::new();
        for wanted in wanted {
            match *wanted {
                Wanted::Person(number) => drop(sought.insert(Sought::Person(number))),
                Wanted::Connection(number) => drop(sought.insert(Sought::Connection(number))),
                Wanted::Track(number) => drop(sought.insert(Sought::Track(number))),
                Wanted::Position(version) => drop(versions.insert(version)),
                Wanted::Session(version) => self.look_up_session(store, version)?,
            }
        }
        if !sought.is_empty() {
            let found = store.find(self.room.as_ref(), &sought)?;
            versions.extend(found.unwrap_or_default());
        }
        let room = self.room.clone();
        read_near(store, room.as_ref(), &versions, |record| self.learn(record))
    }

    /// Holds what a record names by ranges against the numbers that the room has given out: a few
    /// bytes of a log name four billion.
    ///
    /// # Errors
    /// `Corrupt`; as [`EventStore::read_room`].
    pub(super) fn check(
        &mut self,
        store: &dyn EventStore,
        record: &Record,
    ) -> Result<(), StoreError> {
        let event = &record.event.event;
        let last = |number: Option<u32>| number.unwrap_or(0);
        let mut given = GivenOut {
            connections: last(self.connections.last_key_value().map(|it| it.0.0)),
            tracks: last(self.tracks.last_key_value().map(|it| it.0.0)),
        };
        while let Err(problem) = event.check_numbers(given) {
            let (named, number) = match &problem {
                Misnamed::Beyond { what, number, .. } => (*what, Some(*number)),
                Misnamed::TooMany { what, named, .. } => (*what, u32::try_from(*named).ok()),
            };
            let corrupt = || StoreError::Corrupt {
                position: record.position,
                problem: format!("{} does not decode: {problem}", event.kind().as_str()),
            };
            let number = number.ok_or_else(corrupt)?;
            let (wanted, given) = match named {
                "connection" | "connections" => (
                    Wanted::Connection(ConnectionNumber(number)),
                    &mut given.connections,
                ),
                "track" => (Wanted::Track(TrackNumber(number)), &mut given.tracks),
                _ => return Err(corrupt()),
            };
            self.look_up(store, &BTreeSet::from([wanted]))?;
            if !self.knows(wanted) || number <= *given {
                return Err(corrupt());
            }
            *given = number;
        }
        Ok(())
    }

    pub(super) fn knows(&self, wanted: Wanted) -> bool {
        match wanted {
            Wanted::Person(number) => self.people.contains_key(&number),
            Wanted::Connection(number) => self.connections.contains_key(&number),
            Wanted::Track(number) => self.tracks.contains_key(&number),
            Wanted::Position(version) => self.positions.contains_key(&version),
            Wanted::Session(version) => self.session_at(version).is_some(),
        }
    }

    /// Goes on with the session that the version before was in.
    fn follow(&mut self, record: &Record) {
        let version = record.version;
        if let Event::SessionOpened(it) = &record.event.event {
            self.note(version, version, Some(SessionName::of(it, version)));
            return;
        }
        let before = Version(version.0.saturating_sub(1));
        let Some(session) = self.session_at(before).map(Option::<&_>::cloned) else {
            return;
        };
        let session = session.filter(|session| session.ended.is_none());
        if matches!(record.event.event, Event::SessionEnded(_)) {
            let ended = session.map(|session| SessionName {
                ended: Some(version),
                ..session
            });
            self.note(version, version, ended);
        } else if self.session_at(version).is_none() {
            self.note(version, version, session);
        }
    }

    /// Notes that a stretch of versions lies in a session; joins it to the one before, if that
    /// goes on.
    fn note(&mut self, first: Version, last: Version, session: Option<SessionName>) {
        let before = self.stretches.range_mut(..first).next_back();
        if let Some((_, stretch)) = before
            && stretch.last.next() == first
            && stretch.session == session
        {
            stretch.last = last;
            return;
        }
        // A change that is met again must not cut short what is known behind it.
        let same = self.stretches.get(&first).map(|stretch| stretch.last);
        let last = same.map_or(last, |same| same.max(last));
        let stretch = Stretch { last, session };
        if self.stretches.insert(first, stretch).is_none() {
            self.bytes += ENTRY_BYTES;
        }
    }

    fn look_up_session(
        &mut self,
        store: &dyn EventStore,
        version: Version,
    ) -> Result<(), StoreError> {
        let Some(change) = self.change_before(store, version)? else {
            self.note(Version(0), version, None);
            return Ok(());
        };
        let at = change.version;
        if let Event::SessionOpened(it) = &change.event.event {
            self.note(at, version, Some(SessionName::of(it, at)));
        } else if at < version {
            self.note(at.next(), version, None);
        } else {
            let before = Version(at.0.saturating_sub(1));
            let opened = self.change_before(store, before)?;
            let session = opened.and_then(|opened| {
                let Event::SessionOpened(it) = &opened.event.event else {
                    return None;
                };
                Some(SessionName {
                    ended: Some(at),
                    ..SessionName::of(it, opened.version)
                })
            });
            self.note(at, at, session);
        }
        Ok(())
    }

    /// The last event at or before a version with which a session began or ended.
    fn change_before(
        &self,
        store: &dyn EventStore,
        version: Version,
    ) -> Result<Option<Record>, StoreError> {
        let room = self.room.as_ref();
        let mut up_to = version;
        loop {
            let sought = BTreeSet::from([Sought::SessionChange(up_to)]);
            let found = store.find(room, &sought)?.unwrap_or_default();
            let Some(least) = found.first().copied() else {
                return Ok(None);
            };
            // Those of another stream with the same number lead to something else here.
            for candidate in found.into_iter().rev() {
                let before = Version(candidate.0.saturating_sub(1));
                let records = store.read_room(room, before, 1)?;
                let change = records.into_iter().next().filter(|record| {
                    let found = Sought::of(&record.event.event, record.version);
                    found == Some(Sought::SessionChange(candidate))
                });
                if change.is_some() {
                    return Ok(change);
                }
            }
            let Some(before) = least.0.checked_sub(1) else {
                return Ok(None);
            };
            up_to = Version(before);
        }
    }
}

/// What an entry takes beside its text, roughly.
const ENTRY_BYTES: usize = 160;

/// Enough for ten thousand names: as many as one event shows.
const BYTES_MAX: usize = 2 * 1024 * 1024;
