//! All runs of a room. Apart because a room keeps only its latest run: the others are folded from
//! its history. It never looks at another room.

use crate::domain::{Event, RoomName, Timestamp};
use crate::replay::fold::{Folded, Moment, each_record, instant_of};
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
