//! All runs of a room. Apart because a room keeps only its latest run: the others are folded from
//! its history. It never looks at another room.

use crate::domain::{Event, Room, RoomName, SessionNumber, Timestamp, Version};
use crate::replay::fold::{Folded, Moment, each_record, instant_of};
use crate::replay::names::Names;
use crate::replay::view::SessionView;
use crate::store::{EventStore, StoreError};

/// Every run of a room up to a moment, oldest first; one that is open goes on up to then, where the
/// present is `now`.
///
/// # Errors
/// As [`EventStore::read_room`].
pub fn session_views(
    store: &dyn EventStore,
    room: &RoomName,
    moment: Moment,
    now: Timestamp,
) -> Result<Vec<SessionView>, StoreError> {
    let mut folded = Folded::new(room.clone());
    let mut views = Vec::new();
    each_record(store, room, moment, |record| {
        if matches!(record.event.event, Event::SessionOpened(_)) {
            views.extend(SessionView::of(&folded.room, &folded.names));
        }
        folded.absorb(record)
    })?;
    let now = instant_of(store, moment, now)?;
    views.extend(SessionView::at(&folded.room, &folded.names, now));
    Ok(views)
}

/// The runs of a room up to a version, or one of them, where a directory says when each began:
/// `fold_to` gives the state at a version, from an earlier one on or in a shorter way. A run that
/// is open at the version goes on up to `now`.
///
/// # Errors
/// Those of `fold_to`.
pub fn sessions_by(
    names: &Names,
    (room, version): (Room, Version),
    now: Timestamp,
    only: Option<SessionNumber>,
    mut fold_to: impl FnMut(Room, Version) -> Result<Room, StoreError>,
) -> Result<Vec<SessionView>, StoreError> {
    let begun = names.sessions().iter().map(|session| session.opened);
    let mut begun = begun.take_while(|opened| *opened <= version).peekable();
    let (mut room, mut views, mut number) = (room, Vec::new(), SessionNumber(0));
    while begun.next().is_some() {
        number.0 = number.0.saturating_add(1);
        if only.is_some_and(|only| only != number) {
            continue;
        }
        // A run is kept until the next one begins: what is said of it meanwhile is part of it.
        let next = begun.peek();
        let last = next.map_or(version, |next| Version(next.0.saturating_sub(1)));
        room = fold_to(room, last)?;
        views.extend(match next {
            Some(_) => SessionView::of(&room, names),
            None => SessionView::at(&room, names, now),
        });
    }
    Ok(views)
}
