//! An event in a line that a person can read: who, what, through what and why.
//!
//! Apart because it is written for people and may change, where `data` may not. Names stand in it
//! as they were given: whoever prints it makes them safe to show.

mod clause;
mod people;
mod record;
mod rights;
mod room;

use clause::Clause;
use clause::Clause::{Did, Happened, Told};

use crate::domain::{Event, Provenance, Version};
use crate::replay::view::actor::ActorView;
use crate::replay::view::resolve::Resolver;
use crate::store::Record;

/// The whole line.
pub(super) fn of(record: &Record, resolver: &Resolver<'_>) -> String {
    let provenance = &record.command.provenance;
    let did = |what: String| {
        let actor = ActorView::name_of(&provenance.actor, resolver);
        let comma = if provenance.actor.on_behalf_of.is_some() {
            ","
        } else {
            ""
        };
        format!("{actor}{comma} {what}{}", through(provenance))
    };
    let line = match clause(&record.event.event, record.version, resolver) {
        Did(what) => did(what),
        Told(what, more) => format!("{}: {more}", did(what)),
        Happened(what) => what,
    };
    match &provenance.reason {
        Some(reason) => format!("{line}, reason {:?}", reason.as_str()),
        None => line,
    }
}

fn clause(event: &Event, at: Version, resolver: &Resolver<'_>) -> Clause {
    match event {
        Event::EngineStarted(it) => Happened(room::engine_started(it)),
        Event::EngineStopped(_) => Happened("the ledger was closed in order".to_owned()),
        Event::ClockHeld(it) => Happened(room::clock_held(it)),
        Event::ClockReleased(it) if it.by_operator => {
            Did("released the clock: timers run".to_owned())
        }
        Event::ClockReleased(_) => Happened("the clock is trusted again: timers run".to_owned()),
        Event::DefaultsChanged(_) => Did("changed the defaults of new rooms".to_owned()),
        Event::ApiTokensRevoked(it) => Did(room::api_tokens_revoked(it)),
        Event::ApiTokenRevocationLifted(it) => Did(room::api_tokens_believed(it)),
        Event::ApiKeysChanged(it) => Happened(room::api_keys_changed(it)),
        Event::RefusalsSuppressed(it) => Happened(room::refusals_suppressed(it)),
        Event::HistoryRepaired(it) => Happened(room::history_repaired(it)),
        Event::LossAccepted(it) => Did(room::loss_accepted(it)),
        Event::RoomCreated(it) if it.explicit => Did("created the room".to_owned()),
        Event::RoomCreated(_) => Happened("the room was created for a join".to_owned()),
        Event::RoomConfigChanged(it) => room::config_changed(it, resolver),
        Event::RoomMetadataChanged(_) => Did("changed the metadata of the room".to_owned()),
        Event::RoomDeleted(_) => Did("deleted the room".to_owned()),
        Event::SessionOpened(_) => Happened(room::session_opened(at, resolver)),
        Event::SessionEndRequested(_) => Did("asked for the end of the session".to_owned()),
        Event::SessionEnded(it) => Happened(room::session_ended(it, at, resolver)),
        Event::SessionDataChanged(_) => Did("changed the shared data of the session".to_owned()),
        Event::ParticipantRegistered(it) => Happened(people::registered(it)),
        Event::ParticipantBanned(it) => Did(people::banned(it, resolver)),
        Event::ParticipantUnbanned(it) => Did(people::unbanned(it, resolver)),
        Event::TokensRevoked(it) => Did(people::tokens_revoked(it, resolver)),
        Event::RevocationLifted(it) => Did(people::revocation_lifted(it, resolver)),
        Event::ConnectionOpened(it) => Happened(people::opened(it, resolver)),
        Event::ConnectionActivated(it) => {
            Happened(people::of_one(it.connection, "became active", resolver))
        }
        Event::ConnectionInterrupted(it) => {
            Happened(people::of_one(it.connection, "was interrupted", resolver))
        }
        Event::ConnectionResumed(it) => {
            Happened(people::of_one(it.connection, "came back", resolver))
        }
        Event::RemovalRequested(it) => Did(people::removal(it, resolver)),
        Event::ConnectionsClosed(it) => Happened(people::closed(it, resolver)),
        Event::CloseConfirmed(it) => {
            Happened(people::of_one(it.connection, "is really gone", resolver))
        }
        Event::MoveRequested(it) => Did(people::moved(it, resolver)),
        Event::ProfileChanged(it) => people::profile(it, resolver),
        Event::PermissionsChanged(it) => rights::changed(it, resolver),
        Event::SubscriptionsChanged(it) => Did(record::subscriptions(it, resolver)),
        Event::TrackPublished(it) => Happened(record::published(it, resolver)),
        Event::TrackMuteChanged(it) => record::mute(it, resolver),
        Event::TrackUpdated(it) => Happened(record::updated(it, resolver)),
        Event::TracksUnpublished(it) => Happened(record::unpublished(it, resolver)),
        Event::DataSent(it) => Did(record::sent(it, resolver)),
        Event::ActivityReported(it) => Happened(record::activity(it)),
        Event::NoteAdded(it) => record::note(it, resolver),
        Event::NoEffect(it) => record::no_effect(it, resolver),
        Event::CommandRefused(it) => record::refused(it, resolver),
    }
}

/// Through which interface, where it was one.
fn through(provenance: &Provenance) -> String {
    let via = &provenance.via;
    if via.dialect == ENGINE {
        return String::new();
    }
    format!(" via {} {}", via.dialect, via.call)
}

/// The dialect of what the engine does by itself, see [`Provenance::of_engine`].
const ENGINE: &str = "engine";
