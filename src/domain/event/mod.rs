//! What happened: the past-tense facts that the log keeps for ever.
//!
//! NOTE: names, order and fields are the storage format. Kinds are only ever appended, a changed
//! payload gets a new schema number and an upcaster, and golden bytes pin each of them
//! (`tests/golden/format`). An event stores results, never requests to be worked out again; it
//! holds no position of the whole log and no identity string but where a person is registered.

mod connection;
mod named;
mod people;
mod record;
mod room;
mod state;
mod system;
mod track;

use std::borrow::Cow;

use serde::de::DeserializeSeed;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use connection::{
    CloseCause, CloseConfirmed, Closing, ConnectionActivated, ConnectionInterrupted,
    ConnectionKind, ConnectionOpened, ConnectionResumed, ConnectionsClosed, Credential,
    MoveRequested, MovedFrom, Profile, RemovalRequested,
};
pub use named::{GivenOut, Misnamed};
pub use people::{
    FormerBan, FormerRevocation, ParticipantBanned, ParticipantRegistered, ParticipantUnbanned,
    RevocationLifted, TokensRevoked,
};
pub use record::{
    ActivityItem, ActivityReported, CommandRefused, DataSent, NoEffect, NoteAbout, NoteAdded,
};
pub use room::{
    ConfigChange, DuplicatePolicy, EndReason, OpenedBy, RoomConfig, RoomConfigChanged, RoomCreated,
    RoomDeleted, RoomMetadataChanged, SessionDataChanged, SessionEndRequested, SessionEnded,
    SessionOpened,
};
pub use state::{
    AttributesBefore, AttributesChange, Before, ByWhom, PermissionGroup, PermissionsChanged,
    ProfileChanged, Selector, SubscriptionsBefore, SubscriptionsChanged, TextChange, UpdateMode,
    Who,
};
pub use system::{
    ApiKeysChanged, ApiTokenRevocationLifted, ApiTokensRevoked, ClockHeld, ClockReleased,
    DefaultsChanged, EngineStarted, EngineStopped, HistoryRepaired, LossAccepted, RefusalCount,
    RefusalsSuppressed,
};
pub use track::{
    TrackBefore, TrackKind, TrackMuteChanged, TrackPublished, TrackShape, TrackUpdated,
    TracksUnpublished,
};

use super::id::{RoomName, Version};
use super::time::Timestamp;

macro_rules! events {
    ($($code:literal $schema:literal $kind:literal $name:ident,)*) => {
        /// One fact. The payload types say what each stores.
        #[derive(Clone, Debug, PartialEq, Eq)]
        #[non_exhaustive]
        pub enum Event {
            $(#[doc = concat!("`", $kind, "`")] $name($name),)*
        }

        /// Which fact, without its payload. The number is the one in the stored record.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum Kind {
            $(#[doc = concat!("`", $kind, "`")] $name = $code,)*
        }

        impl Event {
            /// Which fact this is.
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$name(_) => Kind::$name,)* }
            }

            /// Writes the payload alone; the kind stands beside it.
            ///
            /// # Errors
            /// Whatever the serializer reports.
            pub fn serialize_payload<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$name(payload) => payload.serialize(to),)* }
            }
        }

        impl Kind {
            /// Every kind, in the order of their numbers.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in the log, the API and the docs.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $kind,)* }
            }

            /// The schema number that payloads of this kind are written with today.
            pub const fn schema(self) -> u16 {
                match self { $(Self::$name => $schema,)* }
            }

            /// The kind with this number in stored records, or `None` when it is unknown here.
            pub const fn from_code(code: u16) -> Option<Self> {
                match code { $($code => Some(Self::$name),)* _ => None }
            }

            /// The kind with this name, or `None`.
            pub fn from_name(name: &str) -> Option<Self> {
                match name { $($kind => Some(Self::$name),)* _ => None }
            }
        }

        impl<'de> DeserializeSeed<'de> for Kind {
            type Value = Event;
            fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Event, D::Error> {
                match self { $(Self::$name => $name::deserialize(from).map(Event::$name),)* }
            }
        }

        $(impl From<$name> for Event {
            fn from(payload: $name) -> Self { Self::$name(payload) }
        })*
    };
}

events! {
    1 1 "engine_started" EngineStarted,
    2 1 "engine_stopped" EngineStopped,
    3 1 "clock_held" ClockHeld,
    4 1 "clock_released" ClockReleased,
    5 1 "defaults_changed" DefaultsChanged,
    6 1 "refusals_suppressed" RefusalsSuppressed,
    7 1 "history_repaired" HistoryRepaired,
    8 1 "loss_accepted" LossAccepted,
    9 1 "api_tokens_revoked" ApiTokensRevoked,
    10 1 "api_token_revocation_lifted" ApiTokenRevocationLifted,
    11 1 "api_keys_changed" ApiKeysChanged,
    20 1 "room_created" RoomCreated,
    21 1 "room_config_changed" RoomConfigChanged,
    22 1 "room_metadata_changed" RoomMetadataChanged,
    23 1 "room_deleted" RoomDeleted,
    30 1 "session_opened" SessionOpened,
    31 1 "session_end_requested" SessionEndRequested,
    32 1 "session_ended" SessionEnded,
    33 1 "session_data_changed" SessionDataChanged,
    40 1 "participant_registered" ParticipantRegistered,
    41 1 "participant_banned" ParticipantBanned,
    42 1 "participant_unbanned" ParticipantUnbanned,
    43 1 "tokens_revoked" TokensRevoked,
    44 1 "revocation_lifted" RevocationLifted,
    50 1 "connection_opened" ConnectionOpened,
    51 1 "connection_activated" ConnectionActivated,
    52 1 "connection_interrupted" ConnectionInterrupted,
    53 1 "connection_resumed" ConnectionResumed,
    54 1 "removal_requested" RemovalRequested,
    55 1 "connections_closed" ConnectionsClosed,
    56 1 "close_confirmed" CloseConfirmed,
    57 1 "move_requested" MoveRequested,
    60 1 "profile_changed" ProfileChanged,
    61 1 "permissions_changed" PermissionsChanged,
    62 1 "subscriptions_changed" SubscriptionsChanged,
    70 1 "track_published" TrackPublished,
    71 1 "track_mute_changed" TrackMuteChanged,
    72 1 "track_updated" TrackUpdated,
    73 1 "tracks_unpublished" TracksUnpublished,
    80 1 "data_sent" DataSent,
    81 1 "activity_reported" ActivityReported,
    82 1 "note_added" NoteAdded,
    83 1 "no_effect" NoEffect,
    84 1 "command_refused" CommandRefused,
}

impl Kind {
    /// The number in stored records.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// Whether events of this kind leave the folded state as it was: an `expected_version` does
    /// not conflict with them.
    pub const fn is_record_only(self) -> bool {
        matches!(
            self,
            Self::DataSent
                | Self::ActivityReported
                | Self::NoteAdded
                | Self::NoEffect
                | Self::CommandRefused
                | Self::CloseConfirmed
                | Self::RemovalRequested
                | Self::MoveRequested
                | Self::SessionEndRequested
                | Self::ParticipantRegistered
        )
    }
}

impl Event {
    /// The room that a refused command named where there was none: the event stands in the system
    /// stream then.
    pub const fn refused_room(&self) -> Option<&RoomName> {
        if let Self::CommandRefused(no) = self {
            no.room.as_ref()
        } else {
            None
        }
    }

    /// The destination of a move that was refused since there was no room to move from.
    pub const fn refused_destination(&self) -> Option<&RoomName> {
        if let Self::CommandRefused(no) = self {
            no.to_room.as_ref()
        } else {
            None
        }
    }

    /// As much of an event of the system stream as is about a room: a refusal that named it, or
    /// what a sum counted of it. `None` for an event that is not about it.
    pub fn part_about(&self, room: &RoomName) -> Option<Cow<'_, Self>> {
        if let Self::RefusalsSuppressed(sum) = self {
            return sum.part_about(room).map(|part| Cow::Owned(part.into()));
        }
        let to_room = self.refused_destination();
        let is_named = [self.refused_room(), to_room].contains(&Some(room));
        is_named.then_some(Cow::Borrowed(self))
    }
}

/// A place in a history: in another room's when one is named, else in the event's own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference {
    /// The other room, or `None` for the room of the event that holds the reference.
    pub room: Option<RoomName>,
    /// The place.
    pub version: Version,
}

impl Reference {
    /// A place in the same room.
    pub const fn here(version: Version) -> Self {
        Self {
            room: None,
            version,
        }
    }
}

/// An event with what stands beside it in its envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvent {
    /// The fact.
    pub event: Event,
    /// The event that brought it about.
    pub cause: Option<Reference>,
    /// When it really happened, as reported; `None` when that is the time of recording.
    pub occurred_at: Option<Timestamp>,
}
