//! Who had been removed from a room, in any of its sessions, by whom and why.
//!
//! Apart because a room keeps its latest session alone: one pass over its history finds them all. A
//! page of them is shown; what is kept of the others is a few numbers.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use crate::domain::event::CloseCause;
use crate::domain::{
    ConnectionNumber, Event, ParticipantNumber, Room, RoomName, SessionNumber, Timestamp, Version,
};
use crate::replay::fold::{Folded, Moment, each_record};
use crate::replay::names::SessionName;
use crate::replay::view::resolve::Resolver;
use crate::replay::view::{ActorView, Removal, RemovalPage};
use crate::store::{EventStore, Record, StoreError};

/// The removals in all sessions of a room up to a moment: at most `limit`, after the one that
/// `cursor` stands for. Presence is that of the moment.
///
/// # Errors
/// As [`EventStore::read_room`].
pub fn removals(
    store: &dyn EventStore,
    room: &RoomName,
    moment: Moment,
    cursor: Option<u32>,
    limit: usize,
) -> Result<RemovalPage, StoreError> {
    let mut folded = Folded::new(room.clone());
    let mut found = Vec::new();
    each_record(store, room, moment, |record| {
        folded.absorb(record)?;
        closed_by(record, &folded.room, &mut found);
        Ok(())
    })?;
    found.sort_by_key(|one| (Reverse(one.session), one.version, one.number));
    let first = cursor.map_or(0, |cursor| {
        let shown = found.iter().position(|one| one.number.0 == cursor);
        shown.map_or(found.len(), |shown| shown + 1)
    });
    let rest = found.get(first..).unwrap_or_default();
    let page = rest.get(..limit).unwrap_or(rest);
    let is_last = page.len() == rest.len();
    let mut requests = BTreeMap::new();
    let mut shown = Vec::with_capacity(page.len());
    for one in page {
        let request = match requests.entry(one.because) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let before = Version(one.because.0.saturating_sub(1));
                place.insert(store.read_room(Some(room), before, 1)?.pop())
            }
        };
        shown.push(removal(one, request.as_ref(), &folded));
    }
    let last = page.last().map(|one| one.number.0);
    Ok(RemovalPage {
        removals: shown,
        cursor: last.filter(|_| !is_last),
    })
}

/// What is kept of a removal during the pass.
struct Closed {
    number: ConnectionNumber,
    participant: ParticipantNumber,
    session: SessionNumber,
    version: Version,
    because: Version,
    at: Timestamp,
    name: Arc<str>,
}

/// Notes who was removed by a record that was just folded in.
fn closed_by(record: &Record, room: &Room, found: &mut Vec<Closed>) {
    let Event::ConnectionsClosed(it) = &record.event.event else {
        return;
    };
    if it.closing.cause != CloseCause::Removed {
        return;
    }
    let Some(session) = &room.session else {
        return;
    };
    for number in it.who.connections.iter() {
        let Some(one) = session.connection(number) else {
            continue;
        };
        let closed = one.closed.as_ref();
        found.extend(
            closed
                .filter(|closed| closed.version == record.version)
                .map(|closed| Closed {
                    number,
                    participant: one.participant,
                    session: session.number,
                    version: closed.version,
                    because: closed.because,
                    at: closed.at,
                    name: Arc::clone(&one.name.value),
                }),
        );
    }
}

fn removal(one: &Closed, request: Option<&Record>, folded: &Folded) -> Removal {
    let Folded { room, names } = folded;
    let resolver = Resolver::new(names, Some(&room.name));
    let person = room.person(one.participant);
    let live = person
        .map(|person| person.live.as_slice())
        .unwrap_or_default();
    let opened = live
        .iter()
        .filter_map(|number| Some(room.connection(*number)?.opened));
    let came_back = |opened: &Version| *opened > one.version;
    let provenance = request.map(|request| &request.command.provenance);
    let reason = provenance.and_then(|it| it.reason.as_ref());
    Removal {
        identity: resolver.identity(one.participant),
        name: one.name.to_string(),
        session: names
            .session(one.session)
            .map(SessionName::sid)
            .unwrap_or_default(),
        connection: resolver.connection_id(one.number),
        sid: resolver.connection_sid(one.number),
        at: one.at,
        because: resolver.position(one.because),
        actor: provenance.map(|it| ActorView::of(&it.actor, &resolver)),
        reason: reason.map(|reason| reason.as_str().to_owned()),
        is_back: opened.clone().any(|opened| came_back(&opened)),
        never_left: opened.clone().any(|opened| !came_back(&opened)),
    }
}
