//! The schema of each kind's `data`. Apart from the data, which exists without a server; a kind
//! that is missing here does not compile.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{people, record, rights, room, system};
use crate::domain::Kind;
use crate::replay::view::refer::ConnectionReference;

/// The schema of each kind's `data`, by the kind's name.
pub fn event_schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
    let kinds = Kind::ALL.iter();
    kinds
        .map(|kind| (kind.as_str(), schema(*kind)(generator)))
        .collect()
}

fn schema(kind: Kind) -> fn(&mut SchemaGenerator) -> Schema {
    match kind {
        Kind::EngineStarted => system::Started::json_schema,
        Kind::ClockHeld => system::Held::json_schema,
        Kind::ClockReleased => system::Released::json_schema,
        Kind::DefaultsChanged => system::Defaults::json_schema,
        Kind::ApiTokensRevoked => system::TokensRevoked::json_schema,
        Kind::ApiTokenRevocationLifted => system::TokensBelieved::json_schema,
        Kind::ApiKeysChanged => system::KeysChanged::json_schema,
        Kind::RefusalsSuppressed => system::Suppressed::json_schema,
        Kind::HistoryRepaired | Kind::LossAccepted => system::Stretch::json_schema,
        Kind::RoomCreated => room::Created::json_schema,
        Kind::RoomConfigChanged => room::ConfigChanged::json_schema,
        Kind::RoomMetadataChanged => room::MetadataChanged::json_schema,
        Kind::SessionOpened => room::Opened::json_schema,
        Kind::SessionEnded => room::Ended::json_schema,
        Kind::SessionDataChanged => room::DataChanged::json_schema,
        Kind::EngineStopped | Kind::RoomDeleted | Kind::SessionEndRequested => {
            |_| json_schema!({ "description": "Nothing more to say.", "type": "object" })
        }
        Kind::ParticipantRegistered => people::Registered::json_schema,
        Kind::ParticipantBanned => people::Banned::json_schema,
        Kind::ParticipantUnbanned => people::Unbanned::json_schema,
        Kind::TokensRevoked => people::Revoked::json_schema,
        Kind::RevocationLifted => people::Lifted::json_schema,
        Kind::ConnectionOpened => people::Opened::json_schema,
        Kind::ConnectionActivated | Kind::ConnectionInterrupted | Kind::ConnectionResumed => {
            ConnectionReference::json_schema
        }
        Kind::RemovalRequested => people::Removal::json_schema,
        Kind::ConnectionsClosed => people::Closed::json_schema,
        Kind::CloseConfirmed => people::Confirmed::json_schema,
        Kind::MoveRequested => people::Move::json_schema,
        Kind::ProfileChanged => rights::Profile::json_schema,
        Kind::PermissionsChanged => rights::Permissions::json_schema,
        Kind::SubscriptionsChanged => rights::Subscriptions::json_schema,
        Kind::TrackPublished => record::Track::json_schema,
        Kind::TrackUpdated => record::TrackChanged::json_schema,
        Kind::TrackMuteChanged => record::Muted::json_schema,
        Kind::TracksUnpublished => record::Unpublished::json_schema,
        Kind::DataSent => record::Sent::json_schema,
        Kind::ActivityReported => record::Activity::json_schema,
        Kind::NoteAdded => record::Note::json_schema,
        Kind::NoEffect => record::Nothing::json_schema,
        Kind::CommandRefused => record::Refused::json_schema,
    }
}
