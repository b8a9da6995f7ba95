//! What a number of a room stands for, and what is looked for to learn it: the event that gave the
//! number out. Apart because an index is written by one and asked by another, and both must agree.

#[cfg(feature = "sled")]
use crate::domain::Kind;
use crate::domain::{ConnectionNumber, Event, ParticipantNumber, TrackNumber, Version};

/// An event of a room that is found without its history.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sought {
    /// The one that gave a number to a person.
    Person(ParticipantNumber),
    /// The one that opened a connection.
    Connection(ConnectionNumber),
    /// The one that published a track.
    Track(TrackNumber),
    /// The last one, at or before a version, with which a session began or ended.
    SessionChange(Version),
}

impl Sought {
    /// As what an event of a version is found; `None` for most.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "numbers are given out by these kinds alone"
    )]
    pub fn of(event: &Event, version: Version) -> Option<Self> {
        match event {
            Event::ParticipantRegistered(it) => Some(Self::Person(it.participant)),
            Event::ConnectionOpened(it) => Some(Self::Connection(it.number)),
            Event::TrackPublished(it) => Some(Self::Track(it.number)),
            Event::SessionOpened(_) | Event::SessionEnded(_) => Some(Self::SessionChange(version)),
            _ => None,
        }
    }

    /// Whether events of a kind are found.
    #[cfg(feature = "sled")]
    pub(crate) fn is_of(kind: u16) -> bool {
        matches!(
            Kind::from_code(kind),
            Some(
                Kind::ParticipantRegistered
                    | Kind::ConnectionOpened
                    | Kind::TrackPublished
                    | Kind::SessionOpened
                    | Kind::SessionEnded
            )
        )
    }

    /// What it is, and its number.
    #[cfg(feature = "sled")]
    pub(crate) const fn code(self) -> (u8, u64) {
        match self {
            Self::Person(number) => (1, number.0 as u64),
            Self::Connection(number) => (2, number.0 as u64),
            Self::Track(number) => (3, number.0 as u64),
            Self::SessionChange(version) => (4, version.0),
        }
    }
}
