//! Folding one event into a room: total. It never fails, never panics and never decides.
//!
//! It copies what the event says. An event that cannot apply is the mark of a damaged log: it
//! changes nothing but the version here, and `verify` names it.

mod connection;
mod place;
mod room;
mod track;

use self::place::Place;
use super::event::{Event, NewEvent};
use super::id::Version;
use super::state::Room;
use super::time::Timestamp;

/// Folds the event of that version, recorded at that time, into the room.
pub fn evolve(room: &mut Room, version: Version, recorded_at: Timestamp, event: &NewEvent) {
    let because = match &event.cause {
        Some(cause) if cause.room.is_none() => cause.version,
        Some(_) | None => version,
    };
    let place = Place {
        version,
        because,
        at: recorded_at,
        reported_at: event.occurred_at,
    };
    room.version = version;
    room.recorded_at = recorded_at;
    if !event.event.kind().is_record_only() {
        room.changed = version;
    }
    apply(room, place, &event.event);
}

fn apply(room: &mut Room, place: Place, event: &Event) {
    match event {
        Event::RoomCreated(it) => room::created(room, place, it),
        Event::RoomConfigChanged(it) => room::config_changed(room, place, it),
        Event::RoomMetadataChanged(it) => room::metadata_changed(room, place, it),
        Event::RoomDeleted(_) => room::deleted(room, place),
        Event::SessionOpened(it) => room::session_opened(room, place, it),
        Event::SessionEnded(it) => room::session_ended(room, place, it),
        Event::SessionDataChanged(it) => room::session_data_changed(room, place, it),
        Event::ParticipantRegistered(it) => room::registered(room, it),
        Event::ParticipantBanned(it) => room::banned(room, place, it),
        Event::ParticipantUnbanned(it) => room::unbanned(room, it),
        Event::TokensRevoked(it) => room::tokens_revoked(room, place, it),
        Event::RevocationLifted(it) => room::revocation_lifted(room, it),
        Event::ConnectionOpened(it) => connection::opened(room, place, it),
        Event::ConnectionActivated(it) => connection::activated(room, place, it),
        Event::ConnectionInterrupted(it) => connection::interrupted(room, place, it),
        Event::ConnectionResumed(it) => connection::resumed(room, it),
        Event::ConnectionsClosed(it) => connection::closed(room, place, it),
        Event::CloseConfirmed(it) => connection::close_confirmed(room, it),
        Event::ProfileChanged(it) => connection::profile_changed(room, place, it),
        Event::PermissionsChanged(it) => connection::permissions_changed(room, place, it),
        Event::SubscriptionsChanged(it) => connection::subscriptions_changed(room, it),
        Event::TrackPublished(it) => track::published(room, place, it),
        Event::TrackMuteChanged(it) => track::mute_changed(room, it),
        Event::TrackUpdated(it) => track::updated(room, it),
        Event::TracksUnpublished(it) => track::unpublished(room, place, it),
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
        | Event::LossAccepted(_)
        | Event::SessionEndRequested(_)
        | Event::RemovalRequested(_)
        | Event::MoveRequested(_)
        | Event::DataSent(_)
        | Event::ActivityReported(_)
        | Event::NoteAdded(_)
        | Event::NoEffect(_)
        | Event::CommandRefused(_) => {}
    }
}
