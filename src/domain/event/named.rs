//! Which numbers an event names by ranges, held against those that its room has given out. Apart
//! because a few bytes of a log name four billion numbers: whatever walks them holds this first.
//! It knows no room.

use super::{Event, Who};
use crate::domain::id::{ConnectionNumber, TrackNumber};
use crate::domain::limits::SUBSCRIPTION_PAIRS_MAX;
use crate::domain::ranges::{Number, Ranges};

/// How many numbers a room has given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenOut {
    /// To connections, over all sessions.
    pub connections: u32,
    /// To tracks, over all sessions.
    pub tracks: u32,
}

/// Why an event cannot have happened in its room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misnamed {
    /// A number that nothing has.
    #[error("it names {what} {number}, and the room has given out {given}")]
    Beyond {
        /// What the number is of.
        what: &'static str,
        /// The largest one that is named.
        number: u32,
        /// The last one that was given out.
        given: u32,
    },
    /// More than can have been decided at once.
    #[error("it names {named} {what}, and there are {most} at most")]
    TooMany {
        /// What is named.
        what: &'static str,
        /// How many.
        named: usize,
        /// How many there can be.
        most: usize,
    },
}

impl Event {
    /// Checks that every number that this event names by ranges was given out, and that no walk
    /// over them is longer than what the room holds.
    ///
    /// # Errors
    /// [`Misnamed`]: the log that has it is damaged.
    pub fn check_numbers(&self, given: GivenOut) -> Result<(), Misnamed> {
        let who = |who: &Who| connections(&who.connections, given);
        match self {
            Self::RemovalRequested(it) => who(&it.who),
            Self::MoveRequested(it) => who(&it.who),
            Self::ConnectionsClosed(it) => who(&it.who),
            Self::ProfileChanged(it) => who(&it.who),
            Self::NoEffect(it) => it.who.iter().try_for_each(who),
            Self::DataSent(it) => it.who.iter().try_for_each(who),
            Self::TracksUnpublished(it) => tracks(&it.tracks, given),
            Self::SubscriptionsChanged(it) => {
                who(&it.who)?;
                tracks(&it.tracks, given)?;
                let pairs = it.who.connections.len().saturating_mul(it.tracks.len());
                at_most("pairs", pairs, SUBSCRIPTION_PAIRS_MAX)
            }
            Self::PermissionsChanged(it) => {
                it.who.iter().try_for_each(who)?;
                // No connection is in two groups.
                let named = it.groups.iter().map(|group| group.connections.len());
                let most = usize::try_from(given.connections).unwrap_or(usize::MAX);
                at_most("connections", named.sum(), most)?;
                let mut groups = it.groups.iter();
                groups.try_for_each(|group| connections(&group.connections, given))
            }
            Self::RoomCreated(_)
            | Self::RoomConfigChanged(_)
            | Self::RoomMetadataChanged(_)
            | Self::RoomDeleted(_)
            | Self::SessionOpened(_)
            | Self::SessionEndRequested(_)
            | Self::SessionEnded(_)
            | Self::SessionDataChanged(_)
            | Self::ParticipantRegistered(_)
            | Self::ParticipantBanned(_)
            | Self::ParticipantUnbanned(_)
            | Self::TokensRevoked(_)
            | Self::RevocationLifted(_)
            | Self::ConnectionOpened(_)
            | Self::ConnectionActivated(_)
            | Self::ConnectionInterrupted(_)
            | Self::ConnectionResumed(_)
            | Self::CloseConfirmed(_)
            | Self::TrackPublished(_)
            | Self::TrackMuteChanged(_)
            | Self::TrackUpdated(_)
            | Self::EngineStarted(_)
            | Self::EngineStopped(_)
            | Self::ClockHeld(_)
            | Self::ClockReleased(_)
            | Self::DefaultsChanged(_)
            | Self::ApiTokensRevoked(_)
            | Self::ApiTokenRevocationLifted(_)
            | Self::ApiKeysChanged(_)
            | Self::RefusalsSuppressed(_)
            | Self::HistoryRepaired(_)
            | Self::LossAccepted(_)
            | Self::ActivityReported(_)
            | Self::NoteAdded(_)
            | Self::CommandRefused(_) => Ok(()),
        }
    }
}

fn connections(named: &Ranges<ConnectionNumber>, given: GivenOut) -> Result<(), Misnamed> {
    within("connection", named, given.connections)
}

fn tracks(named: &Ranges<TrackNumber>, given: GivenOut) -> Result<(), Misnamed> {
    within("track", named, given.tracks)
}

fn within<N: Number>(what: &'static str, named: &Ranges<N>, given: u32) -> Result<(), Misnamed> {
    let number = named.last().map_or(0, Number::as_u32);
    if number <= given {
        return Ok(());
    }
    Err(Misnamed::Beyond {
        what,
        number,
        given,
    })
}

fn at_most(what: &'static str, named: usize, most: usize) -> Result<(), Misnamed> {
    if named <= most {
        return Ok(());
    }
    Err(Misnamed::TooMany { what, named, most })
}
