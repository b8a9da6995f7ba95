//! The units of the log: commit, command, record, and where each stands.
//! Apart because the codec, every store and every fold share them. Nothing here touches bytes.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::{Digest, NewEvent, Personal, Provenance, RoomName, Timestamp, Version};

/// Place of an event in the whole log: dense, from 1; 0 is before the first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Position(pub u64);

impl Position {
    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A point of the chain: a position at the end of a commit, and the hash of all up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link {
    /// The last position of the commit.
    pub position: Position,
    /// SHA-256 over the whole log up to and with it; zero before the first.
    pub chain: Digest,
}

impl Link {
    /// Before the first commit.
    pub const START: Self = Self {
        position: Position(0),
        chain: Digest([0; 32]),
    };
}

/// What one group of commands came to: one frame of the journal, all or nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Commit {
    /// In the order they were decided.
    pub commands: Vec<CommandRecord>,
}

impl Commit {
    /// How many records it holds.
    pub fn count(&self) -> usize {
        self.commands
            .iter()
            .map(|command| command.events.len())
            .sum()
    }

    /// Its records as a reader sees them, the first of them at `first`.
    pub fn records(&self, first: Position) -> impl Iterator<Item = Record> + '_ {
        records_of(self.commands.iter().cloned(), first)
    }

    /// The same without a copy of any event.
    pub fn into_records(self, first: Position) -> impl Iterator<Item = Record> {
        records_of(self.commands.into_iter(), first)
    }
}

fn records_of(
    commands: impl Iterator<Item = CommandRecord>,
    first: Position,
) -> impl Iterator<Item = Record> {
    let mut next = first;
    commands.flat_map(move |command| {
        let command_first = next;
        let count = u64::try_from(command.events.len()).unwrap_or(u64::MAX);
        next = Position(next.0.saturating_add(count));
        let numbered = (command_first.0..).zip(command.events);
        numbered.map(move |(position, new)| Record {
            position: Position(position),
            room: new.room,
            version: new.version,
            command: Arc::clone(&command.header),
            command_first,
            event: new.event,
        })
    })
}

/// One command with all that came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandRecord {
    /// What stands beside every one of its events.
    pub header: Arc<CommandHeader>,
    /// Its events, in order; those of a move stand in two streams.
    pub events: Vec<NewRecord>,
}

/// What is recorded once per command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandHeader {
    /// The ledger's time: never goes back within a log.
    pub recorded_at: Timestamp,
    /// What the wall clock said.
    pub wall_at: Timestamp,
    /// The number of the rules that decided.
    pub ruleset: u16,
    /// Who, through what, why.
    pub provenance: Provenance,
    /// Under which key a repeat finds the outcome; `None` when the caller gave no request id.
    pub request: Option<RequestRecord>,
    /// What it came to.
    pub outcome: Outcome,
}

/// What a repeat of a request is recognised by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// The key.
    pub key: RequestKey,
    /// The digest of the request: the same key with another digest is a conflict.
    pub digest: Digest,
}

/// API key, caller, room, call and request id together name a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestKey {
    /// The id of the API key.
    pub key_id: String,
    /// The actor's id: callers that share an API key do not share request ids.
    pub caller: Personal<String>,
    /// The room; `None` where the call is about none.
    pub room: Option<RoomName>,
    /// The route or method that was called: that of the provenance, but for a route that takes
    /// several commands.
    pub call: String,
    /// The caller's request id.
    pub request_id: String,
}

/// What a command came to, without anything personal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Its events say what.
    Accepted,
    /// It held already.
    NoEffect,
    /// It was refused, with these codes; the first decided the answer.
    Refused(Vec<String>),
}

/// An event on its way into the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// The stream: a room, or the system stream.
    pub room: Option<RoomName>,
    /// Its place there.
    pub version: Version,
    /// The event with its cause.
    pub event: NewEvent,
}

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its place in the whole log.
    pub position: Position,
    /// The stream: a room, or the system stream.
    pub room: Option<RoomName>,
    /// Its place there.
    pub version: Version,
    /// What stands beside every event of its command.
    pub command: Arc<CommandHeader>,
    /// The position of the command's first event.
    pub command_first: Position,
    /// The event with its cause.
    pub event: NewEvent,
}

impl Record {
    /// The record as a reader of one room sees it: of an event of the system stream, the part that
    /// is about the room. `None` where it is not about the room.
    pub fn part_about(&self, room: &RoomName) -> Option<Cow<'_, Self>> {
        if self.room.is_some() {
            return (self.room.as_ref() == Some(room)).then_some(Cow::Borrowed(self));
        }
        Some(match self.event.event.part_about(room)? {
            Cow::Borrowed(_) => Cow::Borrowed(self),
            Cow::Owned(event) => Cow::Owned(Self {
                event: NewEvent {
                    event,
                    ..self.event.clone()
                },
                ..self.clone()
            }),
        })
    }
}

/// A commit as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredCommit {
    /// The position of its first record.
    pub first: Position,
    /// The position of its last record, and the chain hash after it.
    pub link: Link,
    /// Its commands, those without an event included.
    pub commit: Commit,
}

impl StoredCommit {
    /// Its records as a reader sees them.
    pub fn records(&self) -> impl Iterator<Item = Record> + '_ {
        self.commit.records(self.first)
    }

    /// The same without a copy of any event.
    pub fn into_records(self) -> impl Iterator<Item = Record> {
        self.commit.into_records(self.first)
    }
}
