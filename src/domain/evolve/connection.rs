//! Folding what happens to connections, with every count and index that hangs on them.
//!
//! Apart because [`change`] is the one door: whatever a change does to liveness, rights or
//! deadlines, the session's tallies follow here and nowhere else.

use std::collections::BTreeMap;
use std::sync::Arc;

use rpds::RedBlackTreeMapSync;

use super::place::Place;
use super::room::{change_person, text};
use crate::domain::event::{
    AttributesChange, CloseCause, CloseConfirmed, ConnectionActivated, ConnectionInterrupted,
    ConnectionOpened, ConnectionResumed, ConnectionsClosed, PermissionsChanged, ProfileChanged,
    Selector, SubscriptionsChanged,
};
use crate::domain::id::{Alias, ConnectionNumber, ParticipantNumber, TrackNumber, Version};
use crate::domain::state::{
    Aliased, Closed, Connection, ConnectionState, Interruption, Room, Session, Taken, Text,
};
use crate::domain::time::Timestamp;

pub(super) fn opened(room: &mut Room, place: Place, it: &ConnectionOpened) {
    let previous = room.person(it.participant).and_then(|person| person.newest);
    let Some(session) = &mut room.session else {
        return;
    };
    if session.index(it.number) != Some(session.connections.len()) {
        return;
    }
    let connection = new_connection(place, it, previous);
    let tally = Tally::of(&connection);
    session
        .by_short_id
        .insert_mut(it.connection_id.short_key(), it.number);
    session.connections.push_back_mut(Arc::new(connection));
    session.live.insert_mut(it.number);
    session.joined_ever |= tally.counts;
    Tally::NONE.replace(tally, session, it.number);
    room.next_connection = ConnectionNumber(it.number.0.saturating_add(1));
    if let Some(alias) = &it.alias {
        take_alias(room, place, alias, Aliased::Connection(it.number));
    }
    change_person(room, it.participant, |person| {
        person.newest = Some(it.number);
        person.live.push(it.number);
    });
}

pub(super) fn activated(room: &mut Room, place: Place, it: &ConnectionActivated) {
    change(room, it.connection, |connection| {
        connection.state = ConnectionState::Active;
        connection.was_active = true;
        if connection.activated_at.is_none() {
            connection.activated_at = Some(place.at);
            connection.activated_reported_at = place.reported_at;
        }
        connection.interrupted = None;
        connection.changes = connection.changes.saturating_add(1);
    });
}

pub(super) fn interrupted(room: &mut Room, place: Place, it: &ConnectionInterrupted) {
    change(room, it.connection, |connection| {
        connection.state = ConnectionState::Interrupted;
        connection.interrupted = Some(Interruption {
            at: place.at,
            reported_at: place.reported_at,
        });
    });
}

pub(super) fn resumed(room: &mut Room, it: &ConnectionResumed) {
    change(room, it.connection, |connection| {
        connection.interrupted = None;
        connection.state = if connection.was_active {
            ConnectionState::Active
        } else {
            ConnectionState::Joining
        };
    });
}

pub(super) fn closed(room: &mut Room, place: Place, it: &ConnectionsClosed) {
    for number in it.who.connections.up_to(last(room)) {
        let Some(connection) = room.connection(number).filter(|open| open.is_live()) else {
            continue;
        };
        let participant = connection.participant;
        let alias = connection.alias.clone();
        let counted = counts(room, number);
        let subscriptions = connection.subscriptions.clone();
        change(room, number, |connection| {
            connection.subscriptions = RedBlackTreeMapSync::new_sync();
            connection.state = ConnectionState::Closed;
            connection.changes = connection.changes.saturating_add(1);
            connection.closed = Some(Closed {
                at: place.at,
                reported_at: place.reported_at,
                version: place.version,
                because: place.because,
                cause: it.closing.cause,
                reported_reason: it.closing.reported_reason.as_deref().map(Arc::from),
                confirmed: false,
            });
        });
        change_person(room, participant, |person| {
            person.live.retain(|open| *open != number);
            person.left = Some(place.version);
        });
        if let Some(alias) = &alias {
            leave_alias(room, place, alias);
        }
        if let Some(alias) = alias.filter(|_| it.closing.cause == CloseCause::Moved) {
            release_alias(room, &alias, participant);
        }
        if let Some(session) = &mut room.session {
            session.live.remove_mut(&number);
            for track in subscriptions.keys() {
                session.subscribers.remove_mut(&(*track, number));
            }
            if counted {
                session.last_left_at = Some(place.at);
            }
        }
    }
}

pub(super) fn close_confirmed(room: &mut Room, it: &CloseConfirmed) {
    change(room, it.connection, |connection| {
        if let Some(closed) = &mut connection.closed {
            closed.confirmed = true;
        }
    });
}

pub(super) fn profile_changed(room: &mut Room, place: Place, it: &ProfileChanged) {
    for number in it.who.connections.up_to(last(room)) {
        change(room, number, |connection| {
            if let Some(name) = &it.name {
                set_text(
                    &mut connection.name,
                    text(&name.value, place),
                    &mut connection.changes,
                );
            }
            if let Some(metadata) = &it.metadata {
                let value = text(&metadata.value, place);
                set_text(&mut connection.metadata, value, &mut connection.changes);
            }
            if let Some(attributes) = &it.attributes {
                set_attributes(connection, place, attributes);
            }
        });
    }
}

pub(super) fn permissions_changed(room: &mut Room, place: Place, it: &PermissionsChanged) {
    // Rules that follow a moved connection to its new number are no update of anybody's rights.
    let is_asked = it.who.iter().any(|who| who.asked != Selector::Chosen);
    for group in &it.groups {
        for number in group.connections.up_to(last(room)) {
            let counted = counts(room, number);
            change(room, number, |connection| {
                connection.permission = Arc::clone(&group.after);
                connection.permission_set = place.version;
                if is_asked {
                    connection.is_publisher = group.after.send.enabled;
                }
                connection.changes = connection.changes.saturating_add(1);
            });
            let counts = counts(room, number);
            if let Some(session) = &mut room.session {
                session.joined_ever |= counts;
                // Who counts no longer has left, as far as the end of the session goes.
                if counted && !counts {
                    session.last_left_at = Some(place.at);
                }
            }
        }
    }
}

pub(super) fn subscriptions_changed(room: &mut Room, it: &SubscriptionsChanged) {
    for number in it.who.connections.up_to(last(room)) {
        if room.connection(number).is_none_or(|open| !open.is_live()) {
            continue;
        }
        change(room, number, |connection| {
            for track in it.tracks.iter() {
                connection.subscriptions.insert_mut(track, it.subscribe);
            }
        });
        if let Some(session) = &mut room.session {
            for track in it.tracks.iter() {
                session.subscribers.insert_mut((track, number));
            }
        }
    }
}

/// The last number that a connection has: a log that names a later one is damaged.
fn last(room: &Room) -> ConnectionNumber {
    ConnectionNumber(room.given_out().connections)
}

/// A track is gone, and with it what an admin said of receiving it.
pub(super) fn forget_track(room: &mut Room, track: TrackNumber) {
    let Some(session) = &mut room.session else {
        return;
    };
    let all = (track, ConnectionNumber(0))..=(track, ConnectionNumber(u32::MAX));
    let pairs: Vec<_> = session.subscribers.range(all).copied().collect();
    for pair in &pairs {
        session.subscribers.remove_mut(pair);
    }
    for (_, number) in pairs {
        change(room, number, |connection| {
            connection.subscriptions.remove_mut(&track);
        });
    }
}

/// From now on the id stands for that connection or track.
pub(super) fn take_alias(room: &mut Room, place: Place, alias: &Alias, by: Aliased) {
    room.moved_aliases.remove_mut(alias.as_str());
    let taken = Taken {
        by,
        since: place.version,
        gone: None,
    };
    room.aliases.insert_mut(Arc::clone(alias.shared()), taken);
}

/// What the id stands for is closed or unpublished. The id stays taken.
pub(super) fn leave_alias(room: &mut Room, place: Place, alias: &Alias) {
    if let Some(taken) = room.aliases.get_mut(alias.as_str()) {
        taken.gone = Some(place.version);
    }
}

/// The id went to another room with that person and may come back with them.
pub(super) fn release_alias(room: &mut Room, alias: &Alias, participant: ParticipantNumber) {
    room.moved_aliases
        .insert_mut(Arc::clone(alias.shared()), participant);
}

/// Changes one connection of the kept session, and the session's tallies with it.
pub(super) fn change(
    room: &mut Room,
    number: ConnectionNumber,
    change: impl FnOnce(&mut Connection),
) {
    let Some(session) = &mut room.session else {
        return;
    };
    let Some(index) = session.index(number) else {
        return;
    };
    let Some(slot) = session.connections.get_mut(index) else {
        return;
    };
    let before = Tally::of(slot);
    change(Arc::make_mut(slot));
    let after = Tally::of(slot);
    before.replace(after, session, number);
}

fn counts(room: &Room, number: ConnectionNumber) -> bool {
    let connection = room.connection(number);
    connection.is_some_and(|connection| Tally::of(connection).counts)
}

/// What a session counts of one connection.
#[derive(Clone, Copy)]
struct Tally {
    counts: bool,
    publishes: bool,
    deadline: Option<Timestamp>,
}

impl Tally {
    const NONE: Self = Self {
        counts: false,
        publishes: false,
        deadline: None,
    };

    fn of(connection: &Connection) -> Self {
        if !connection.is_live() {
            return Self::NONE;
        }
        let counts = !connection.is_dependent();
        Self {
            counts,
            publishes: counts && connection.is_publisher,
            deadline: connection.deadline(),
        }
    }

    fn replace(self, after: Self, session: &mut Session, number: ConnectionNumber) {
        recount(&mut session.counted, self.counts, after.counts);
        recount(&mut session.publishers, self.publishes, after.publishes);
        if self.deadline != after.deadline {
            if let Some(at) = self.deadline {
                session.deadlines.remove_mut(&(at, number));
            }
            if let Some(at) = after.deadline {
                session.deadlines.insert_mut((at, number));
            }
        }
    }
}

fn recount(count: &mut u32, before: bool, after: bool) {
    *count = count
        .saturating_add(after.into())
        .saturating_sub(before.into());
}

fn new_connection(
    place: Place,
    it: &ConnectionOpened,
    previous: Option<ConnectionNumber>,
) -> Connection {
    Connection {
        number: it.number,
        id: it.connection_id,
        alias: it.alias.clone(),
        participant: it.participant,
        previous,
        kind: it.kind,
        state: ConnectionState::Joining,
        was_active: false,
        opened_at: place.at,
        opened_reported_at: place.reported_at,
        opened: place.version,
        activated_at: None,
        activated_reported_at: None,
        interrupted: None,
        closed: None,
        name: text(&it.profile.name, place),
        metadata: text(&it.profile.metadata, place),
        attributes: Arc::new(it.profile.attributes.value().clone()),
        attributes_set: place.version,
        attribute_versions: Arc::new(set_at(it.profile.attributes.value(), place)),
        permission: Arc::clone(&it.permission),
        permission_set: place.version,
        tracks: Vec::new(),
        is_publisher: false,
        subscriptions: RedBlackTreeMapSync::new_sync(),
        credential: Arc::clone(&it.credential),
        reporter: it.reporter.as_deref().map(Arc::from),
        eject_at: it.eject_at,
        activate_by: it.activate_by,
        moved_from: it.moved_from.clone(),
        changes: 0,
    }
}

fn set_at(attributes: &BTreeMap<String, String>, place: Place) -> BTreeMap<String, Version> {
    let keys = attributes.keys();
    keys.map(|key| (key.clone(), place.version)).collect()
}

fn set_text(field: &mut Text, value: Text, changes: &mut u32) {
    *field = value;
    *changes = changes.saturating_add(1);
}

fn set_attributes(connection: &mut Connection, place: Place, change: &AttributesChange) {
    let attributes = Arc::make_mut(&mut connection.attributes);
    let versions = Arc::make_mut(&mut connection.attribute_versions);
    for key in change.removed.value() {
        attributes.remove(key);
        versions.remove(key);
    }
    versions.extend(set_at(change.set.value(), place));
    let set = change
        .set
        .value()
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()));
    attributes.extend(set);
    connection.attributes_set = place.version;
    connection.changes = connection.changes.saturating_add(1);
}
