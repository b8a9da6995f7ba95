//! Whether a log folds: dense places, times that never go back, references that exist, events that
//! apply, and states that equal what was stored or served.
//!
//! Apart from the bytes, which the store checks. It reports every finding and repairs nothing.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::event::{SessionOpened, Who};
use crate::domain::{
    ConnectionNumber, Event, ParticipantNumber, Permission, Reference, Room, RoomName, Timestamp,
    TrackNumber, Version,
};
use crate::replay::fold::Folded;
use crate::replay::names::BATCH_RECORDS;
use crate::store::{EventStore, Position, Record, StoreError};

/// Something that does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Where.
    pub position: u64,
    /// In which room; `None` in the ledger's own stream.
    pub room: Option<String>,
    /// What does not fit.
    pub problem: String,
}

/// What a check came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verified {
    /// How many events were read.
    pub events: u64,
    /// How many rooms they belong to.
    pub rooms: usize,
    /// The last position that was read.
    pub position: u64,
    /// All that does not fit, in order.
    pub findings: Vec<Finding>,
}

/// Reads a whole log and folds it.
///
/// # Errors
/// Errors of the store but for damage, which is a finding.
pub fn verify(store: &dyn EventStore) -> Result<(Verified, Verifier), StoreError> {
    let mut verifier = Verifier::default();
    let mut after = Position(0);
    loop {
        let records = match store.read_all(after, BATCH_RECORDS) {
            Ok(records) => records,
            Err(
                error @ (StoreError::Corrupt { position, .. } | StoreError::Missing { position }),
            ) => {
                verifier.find(position, None, error.to_string());
                break;
            }
            Err(error) => return Err(error),
        };
        let Some(last) = records.last() else {
            break;
        };
        after = last.position;
        for record in &records {
            verifier.absorb(record);
        }
    }
    Ok((verifier.verified(), verifier))
}

/// A check that takes records as they come.
#[derive(Debug, Default)]
pub struct Verifier {
    rooms: BTreeMap<RoomName, Folded>,
    system: Version,
    position: Position,
    recorded_at: Option<Timestamp>,
    events: u64,
    findings: Vec<Finding>,
    /// The first position of the command that is being read.
    command: Position,
    /// What its events name as their causes, with where they stand.
    causes: Vec<(Position, RoomName, Reference)>,
    /// Lost positions that no stream's missing versions explain yet.
    lost: u64,
    /// Whether anything was lost at all.
    has_losses: bool,
    /// Rooms that lack events: what follows in them need not fold.
    incomplete: BTreeMap<RoomName, Version>,
}

impl Verifier {
    /// Takes the next record of the log.
    pub fn absorb(&mut self, record: &Record) {
        let room = record.room.as_ref();
        if record.command_first != self.command {
            self.settle();
            self.command = record.command_first;
        }
        if record.position != self.position.next() {
            let (expected, actual) = (self.position.next(), record.position);
            let problem = format!("position {expected} was expected, {actual} follows");
            self.find(record.position, room, problem);
        }
        let at = record.command.recorded_at;
        if self.recorded_at.is_some_and(|before| before > at) {
            self.find(
                record.position,
                room,
                format!("recorded_at goes back to {at}"),
            );
        }
        self.position = record.position;
        self.recorded_at = Some(at);
        self.events += 1;
        match room {
            None => self.absorb_system(record),
            Some(room) => self.absorb_room(room, record),
        }
    }

    /// Takes a stretch that was lost from every copy and accepted: positions and versions are
    /// missing behind it, and the rooms that lack any are no longer held to their fold.
    pub fn absorb_loss(&mut self, from: Position, to: Position) {
        if from != self.position.next() {
            let expected = self.position.next();
            let problem = format!("position {expected} was expected, a loss from {from} follows");
            self.find(from, None, problem);
        }
        self.has_losses = true;
        self.lost += (to.0 + 1).saturating_sub(from.0);
        self.position = self.position.max(to);
    }

    /// The rooms that lack events.
    pub fn incomplete(&self) -> impl Iterator<Item = &RoomName> {
        self.incomplete.keys()
    }

    /// Compares a state that was stored or served with the fold; it must be of the fold's version.
    pub fn compare(&mut self, stored: &Room) {
        let folded = self.rooms.get(&stored.name).map(|folded| &folded.room);
        let problem = match folded {
            None => "a state is stored of a room that nothing happened in".to_owned(),
            Some(room) if room.version != stored.version => format!(
                "the stored state is of version {}, the log's last is {}",
                stored.version, room.version
            ),
            Some(room) if room != stored => {
                format!(
                    "the stored state of version {} is not the fold",
                    room.version
                )
            }
            Some(_) => return,
        };
        self.find(self.position, Some(&stored.name), problem);
    }

    /// The rooms as folded.
    pub fn rooms(&self) -> impl Iterator<Item = &Folded> {
        self.rooms.values()
    }

    /// What it came to so far, at the end of a command.
    pub fn verified(&mut self) -> Verified {
        self.settle();
        Verified {
            events: self.events,
            rooms: self.rooms.len(),
            position: self.position.0,
            findings: self.findings.clone(),
        }
    }

    fn absorb_system(&mut self, record: &Record) {
        self.expect_version(record, self.system);
        self.system = record.version;
    }

    fn absorb_room(&mut self, room: &RoomName, record: &Record) {
        let mut folded = self
            .rooms
            .remove(room)
            .unwrap_or_else(|| Folded::new(room.clone()));
        let known = self.incomplete.get(room).copied();
        self.expect_version(record, known.unwrap_or(folded.room.version));
        if let Some(cause) = &record.event.cause {
            let cause = (record.position, room.clone(), cause.clone());
            self.causes.push(cause);
        }
        let is_complete = !self.incomplete.contains_key(room);
        let event = &record.event.event;
        if is_complete && let Err(problem) = event.check_numbers(folded.room.given_out()) {
            let problem = format!("{} does not decode: {problem}", event.kind().as_str());
            self.find(record.position, Some(room), problem);
            // What it came to is not known, so that nothing later in the room is held to the fold.
            self.incomplete.insert(room.clone(), record.version);
        } else if let Some(problem) = is_complete.then(|| misfit(&folded, event)).flatten() {
            self.find(record.position, Some(room), problem);
        }
        // What cannot be folded was found above.
        let _ = folded.absorb(record);
        self.rooms.insert(room.clone(), folded);
    }

    fn expect_version(&mut self, record: &Record, before: Version) {
        let missing = record.version.0.checked_sub(before.next().0);
        if let Some(missing) = missing.filter(|missing| (1..=self.lost).contains(missing)) {
            self.lost -= missing;
            if let Some(room) = &record.room {
                self.incomplete.insert(room.clone(), record.version);
            }
        } else if record.version != before.next() {
            let problem = format!(
                "version {} was expected, {} follows",
                before.next(),
                record.version
            );
            self.find(record.position, record.room.as_ref(), problem);
        }
        let known = record
            .room
            .as_ref()
            .and_then(|room| self.incomplete.get_mut(room));
        if let Some(known) = known {
            *known = record.version;
        }
    }

    /// A cause comes before, or later in the same command: looked at when that is over.
    fn settle(&mut self) {
        for (position, room, cause) in std::mem::take(&mut self.causes) {
            let stream = cause.room.as_ref().unwrap_or(&room);
            let last = self.rooms.get(stream).map(|folded| folded.room.version);
            // What it names may be among what was lost.
            let exists = self.has_losses
                || last.is_some_and(|last| (Version(1)..=last).contains(&cause.version));
            if !exists {
                let problem = format!("its cause, version {}, does not exist", cause.version);
                self.find(position, Some(&room), problem);
            }
        }
    }

    fn find(&mut self, position: Position, room: Option<&RoomName>, problem: String) {
        self.findings.push(Finding {
            position: position.0,
            room: room.map(ToString::to_string),
            problem,
        });
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "#{}", self.position)?;
        if let Some(room) = &self.room {
            write!(out, " in room {room:?}")?;
        }
        write!(out, ": {}", self.problem)
    }
}

/// Why an event cannot apply to a room: the fold then leaves the state as it was.
fn misfit(folded: &Folded, event: &Event) -> Option<String> {
    let check = Check(folded);
    match event {
        Event::ParticipantRegistered(it) => check.next_person(it.participant),
        Event::ParticipantBanned(it) => check.person(it.participant),
        Event::ParticipantUnbanned(it) => check.person(it.participant),
        Event::TokensRevoked(it) => it.participant.and_then(|number| check.person(number)),
        Event::RevocationLifted(it) => it.participant.and_then(|number| check.person(number)),
        Event::SessionOpened(it) => check.next_session(it),
        Event::ConnectionOpened(it) => check
            .next_connection(it.number)
            .or_else(|| check.person(it.participant)),
        Event::ConnectionActivated(it) => check.connection(it.connection),
        Event::ConnectionInterrupted(it) => check.connection(it.connection),
        Event::ConnectionResumed(it) => check.connection(it.connection),
        Event::CloseConfirmed(it) => check.connection(it.connection),
        Event::ConnectionsClosed(it) => check.open(&it.who),
        Event::ProfileChanged(it) => check.open(&it.who),
        Event::SubscriptionsChanged(it) => check.open(&it.who),
        Event::PermissionsChanged(it) => it.groups.iter().find_map(|group| {
            let mut numbers = group.connections.iter();
            numbers.find_map(|number| check.before(number, &group.before))
        }),
        Event::TrackPublished(it) => check
            .next_track(it.number)
            .or_else(|| check.connection(it.connection)),
        Event::TrackMuteChanged(it) => check.track(it.connection, it.track),
        Event::TrackUpdated(it) => check.track(it.connection, it.track),
        Event::TracksUnpublished(it) => {
            let mut tracks = it.tracks.iter();
            tracks.find_map(|number| check.track(it.connection, number))
        }
        Event::EngineStarted(_)
        | Event::EngineStopped(_)
        | Event::ClockHeld(_)
        | Event::ClockReleased(_)
        | Event::DefaultsChanged(_)
        | Event::ApiTokensRevoked(_)
        | Event::ApiTokenRevocationLifted(_)
        | Event::ApiKeysChanged(_)
        | Event::RefusalsSuppressed(_)
        | Event::HistoryRepaired(_)
        | Event::LossAccepted(_) => Some("an event of the ledger itself stands in a room".into()),
        Event::RoomCreated(_)
        | Event::RoomConfigChanged(_)
        | Event::RoomMetadataChanged(_)
        | Event::RoomDeleted(_)
        | Event::SessionEndRequested(_)
        | Event::SessionEnded(_)
        | Event::SessionDataChanged(_)
        | Event::RemovalRequested(_)
        | Event::MoveRequested(_)
        | Event::DataSent(_)
        | Event::ActivityReported(_)
        | Event::NoteAdded(_)
        | Event::NoEffect(_)
        | Event::CommandRefused(_) => None,
    }
}

struct Check<'a>(&'a Folded);

impl Check<'_> {
    fn next_person(&self, number: ParticipantNumber) -> Option<String> {
        let expected = self.0.room.people.len();
        (number.index() != expected).then(|| format!("participant {number} is not the next"))
    }

    fn person(&self, number: ParticipantNumber) -> Option<String> {
        let known = self.0.room.person(number).is_some();
        (!known).then(|| format!("participant {number} was never registered"))
    }

    fn next_session(&self, it: &SessionOpened) -> Option<String> {
        if self.0.room.open_session().is_some() {
            return Some("a session opens while one is open".to_owned());
        }
        let expected = self.0.room.next_session;
        (it.number != expected).then(|| format!("session {} is not the next", it.number))
    }

    fn next_connection(&self, number: ConnectionNumber) -> Option<String> {
        if self.0.room.open_session().is_none() {
            return Some("a connection opens while no session is open".to_owned());
        }
        let expected = self.0.room.next_connection;
        (number != expected).then(|| format!("connection {number} is not the next"))
    }

    fn next_track(&self, number: TrackNumber) -> Option<String> {
        let expected = self.0.room.next_track;
        (number != expected).then(|| format!("track {number} is not the next"))
    }

    fn connection(&self, number: ConnectionNumber) -> Option<String> {
        let known = self.0.room.connection(number).is_some();
        (!known).then(|| format!("connection {number} is not of the session"))
    }

    fn open(&self, who: &Who) -> Option<String> {
        let mut numbers = who.connections.iter();
        numbers.find_map(|number| {
            let connection = self.0.room.connection(number);
            let is_open = connection.is_some_and(|connection| connection.is_live());
            (!is_open).then(|| format!("connection {number} is not open"))
        })
    }

    fn before(&self, number: ConnectionNumber, before: &Permission) -> Option<String> {
        let connection = self.0.room.connection(number);
        let same = connection.is_some_and(|connection| *connection.permission == *before);
        (!same).then(|| format!("connection {number} did not have that permission before"))
    }

    fn track(&self, connection: ConnectionNumber, number: TrackNumber) -> Option<String> {
        let tracks = self.0.room.connection(connection);
        let mut tracks = tracks.into_iter().flat_map(|connection| &connection.tracks);
        let known = tracks.any(|track| track.number == number);
        (!known).then(|| format!("connection {connection} has no open track {number}"))
    }
}
