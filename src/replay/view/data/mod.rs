//! What an event says, as `data`: one function a kind, every number resolved.
//!
//! Apart from the envelope, which all kinds share. The same thing has the same word in all of
//! them: `identity`, `connection` (the id that answers use), `sid`, `track`, `targets`, `before`,
//! `after`.

mod json;
mod people;
mod record;
mod room;
mod system;

use serde_json::{Map, Value};

use crate::domain::{Event, Version};
use crate::replay::view::resolve::Resolver;

/// The `data` of an event, and the version it stands at.
pub(super) fn of(event: &Event, at: Version, resolver: &Resolver<'_>) -> Map<String, Value> {
    match event {
        Event::EngineStarted(it) => system::engine_started(it),
        Event::ClockHeld(it) => system::clock_held(it),
        Event::ClockReleased(it) => system::clock_released(it),
        Event::DefaultsChanged(it) => system::defaults_changed(it, resolver),
        Event::RefusalsSuppressed(it) => system::refusals_suppressed(it),
        Event::HistoryRepaired(it) => system::stretch(it.from, it.to, &it.copy),
        Event::LossAccepted(it) => system::stretch(it.from, it.to, &it.copy),
        Event::RoomCreated(it) => room::created(it, resolver),
        Event::RoomConfigChanged(it) => room::config_changed(it, resolver),
        Event::RoomMetadataChanged(it) => room::metadata_changed(it, resolver),
        Event::SessionOpened(it) => room::session_opened(it, resolver),
        Event::SessionEnded(it) => room::session_ended(it, at, resolver),
        Event::SessionDataChanged(it) => room::session_data_changed(it, resolver),
        Event::EngineStopped(_) | Event::RoomDeleted(_) | Event::SessionEndRequested(_) => {
            Map::new()
        }
        Event::ParticipantRegistered(it) => people::registered(it),
        Event::ParticipantBanned(it) => people::banned(it, resolver),
        Event::ParticipantUnbanned(it) => people::unbanned(it, resolver),
        Event::TokensRevoked(it) => people::tokens_revoked(it, resolver),
        Event::ConnectionOpened(it) => people::opened(it, at, resolver),
        Event::ConnectionActivated(it) => resolver.connection(it.connection),
        Event::ConnectionInterrupted(it) => resolver.connection(it.connection),
        Event::ConnectionResumed(it) => resolver.connection(it.connection),
        Event::RemovalRequested(it) => people::removal_requested(it, resolver),
        Event::ConnectionsClosed(it) => people::closed(it, resolver),
        Event::CloseConfirmed(it) => people::close_confirmed(it, resolver),
        Event::MoveRequested(it) => people::move_requested(it, resolver),
        Event::ProfileChanged(it) => people::profile_changed(it, resolver),
        Event::PermissionsChanged(it) => people::permissions_changed(it, resolver),
        Event::SubscriptionsChanged(it) => people::subscriptions_changed(it, resolver),
        Event::TrackPublished(it) => record::track_published(it, resolver),
        Event::TrackMuteChanged(it) => record::track_mute_changed(it, resolver),
        Event::TrackUpdated(it) => record::track_updated(it, resolver),
        Event::TracksUnpublished(it) => record::tracks_unpublished(it, resolver),
        Event::DataSent(it) => record::data_sent(it, resolver),
        Event::ActivityReported(it) => record::activity_reported(it, resolver),
        Event::NoteAdded(it) => record::note_added(it, resolver),
        Event::NoEffect(it) => record::no_effect(it, resolver),
        Event::CommandRefused(it) => record::command_refused(it, resolver),
    }
}
