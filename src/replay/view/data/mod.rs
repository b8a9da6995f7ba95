//! What an event says, as `data`: one type and one function a kind, every number resolved.
//!
//! Apart from the envelope, which all kinds share. The same thing has the same word in all of
//! them: `identity`, `connection` (the id that answers use), `sid`, `track`, `targets`, `before`,
//! `after`. The types are the contract too: their schemas stand in the OpenAPI document.

mod people;
mod record;
mod rights;
mod room;
#[cfg(feature = "server")]
mod schemas;
mod system;

use serde::Serialize;
use serde_json::{Map, Value};

#[cfg(feature = "server")]
pub use schemas::event_schemas;

use crate::domain::{Event, Version};
use crate::replay::view::resolve::Resolver;

/// The `data` of an event, and the version it stands at.
pub(super) fn of(event: &Event, at: Version, resolver: &Resolver<'_>) -> Map<String, Value> {
    match event {
        Event::EngineStarted(it) => members(&system::engine_started(it)),
        Event::ClockHeld(it) => members(&system::clock_held(it)),
        Event::ClockReleased(it) => members(&system::clock_released(it)),
        Event::DefaultsChanged(it) => members(&system::defaults_changed(it, resolver)),
        Event::ApiTokensRevoked(it) => members(&system::api_tokens_revoked(it)),
        Event::ApiTokenRevocationLifted(it) => members(&system::api_tokens_believed(it)),
        Event::ApiKeysChanged(it) => members(&system::api_keys_changed(it)),
        Event::RefusalsSuppressed(it) => members(&system::refusals_suppressed(it)),
        Event::HistoryRepaired(it) => members(&system::stretch(it.from, it.to, &it.copy)),
        Event::LossAccepted(it) => members(&system::stretch(it.from, it.to, &it.copy)),
        Event::RoomCreated(it) => members(&room::created(it, resolver)),
        Event::RoomConfigChanged(it) => members(&room::config_changed(it, resolver)),
        Event::RoomMetadataChanged(it) => members(&room::metadata_changed(it, resolver)),
        Event::SessionOpened(it) => members(&room::session_opened(it, resolver)),
        Event::SessionEnded(it) => members(&room::session_ended(it, at, resolver)),
        Event::SessionDataChanged(it) => members(&room::session_data_changed(it, resolver)),
        Event::EngineStopped(_) | Event::RoomDeleted(_) | Event::SessionEndRequested(_) => {
            Map::new()
        }
        Event::ParticipantRegistered(it) => members(&people::registered(it)),
        Event::ParticipantBanned(it) => members(&people::banned(it, resolver)),
        Event::ParticipantUnbanned(it) => members(&people::unbanned(it, resolver)),
        Event::TokensRevoked(it) => members(&people::tokens_revoked(it, resolver)),
        Event::RevocationLifted(it) => members(&people::revocation_lifted(it, resolver)),
        Event::ConnectionOpened(it) => members(&people::opened(it, at, resolver)),
        Event::ConnectionActivated(it) => members(&resolver.connection(it.connection)),
        Event::ConnectionInterrupted(it) => members(&resolver.connection(it.connection)),
        Event::ConnectionResumed(it) => members(&resolver.connection(it.connection)),
        Event::RemovalRequested(it) => members(&people::removal_requested(it, resolver)),
        Event::ConnectionsClosed(it) => members(&people::closed(it, resolver)),
        Event::CloseConfirmed(it) => members(&people::close_confirmed(it, resolver)),
        Event::MoveRequested(it) => members(&people::move_requested(it, resolver)),
        Event::ProfileChanged(it) => members(&rights::profile_changed(it, resolver)),
        Event::PermissionsChanged(it) => members(&rights::permissions_changed(it, resolver)),
        Event::SubscriptionsChanged(it) => members(&rights::subscriptions_changed(it, resolver)),
        Event::TrackPublished(it) => members(&record::track_published(it, resolver)),
        Event::TrackMuteChanged(it) => members(&record::track_mute_changed(it, resolver)),
        Event::TrackUpdated(it) => members(&record::track_updated(it, resolver)),
        Event::TracksUnpublished(it) => members(&record::tracks_unpublished(it, resolver)),
        Event::DataSent(it) => members(&record::data_sent(it, resolver)),
        Event::ActivityReported(it) => members(&record::activity_reported(it, resolver)),
        Event::NoteAdded(it) => members(&record::note_added(it, resolver)),
        Event::NoEffect(it) => members(&record::no_effect(it, resolver)),
        Event::CommandRefused(it) => members(&record::command_refused(it, resolver)),
    }
}

/// None of the types fails to be written, nor is written as anything but an object.
fn members(data: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(data) {
        Ok(Value::Object(members)) => members,
        Ok(_) | Err(_) => Map::new(),
    }
}
