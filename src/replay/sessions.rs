//! All runs of a room, and the run of an id over all rooms.
//!
//! Apart because a room keeps only its latest run: the others are folded from its history. The
//! index holds one entry a run, never a fold.

use std::collections::BTreeMap;

use crate::domain::state::{session_key, session_sid};
use crate::domain::{Event, Id, RoomName, SessionNumber};
use crate::replay::fold::{Folded, Moment, each_record};
use crate::replay::names::BATCH_RECORDS;
use crate::replay::view::SessionView;
use crate::store::{EventStore, Position, StoreError};

/// Every run of a room up to a moment, oldest first.
///
/// # Errors
/// As [`EventStore::read_room`].
pub fn session_views(
    store: &dyn EventStore,
    room: &RoomName,
    moment: Moment,
) -> Result<Vec<SessionView>, StoreError> {
    let mut folded = Folded::new(room.clone());
    let mut views = Vec::new();
    each_record(store, room, moment, |record| {
        if matches!(record.event.event, Event::SessionOpened(_)) {
            views.extend(SessionView::of(&folded.room, &folded.names));
        }
        folded.absorb(record);
    })?;
    views.extend(SessionView::of(&folded.room, &folded.names));
    Ok(views)
}

/// Where a run is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPlace {
    /// Its room.
    pub room: RoomName,
    /// Its number there.
    pub number: SessionNumber,
    id: Id,
}

/// Which run an id stands for, over all rooms: read on as the log grows.
#[derive(Debug, Default)]
pub struct SessionIndex {
    read: Position,
    by_key: BTreeMap<u128, Vec<SessionPlace>>,
}

impl SessionIndex {
    /// Takes in what the log has grown by.
    ///
    /// # Errors
    /// As [`EventStore::read_all`].
    pub fn catch_up(&mut self, store: &dyn EventStore) -> Result<(), StoreError> {
        while self.read < store.head().position {
            let records = store.read_all(self.read, BATCH_RECORDS)?;
            let Some(last) = records.last() else {
                break;
            };
            self.read = last.position;
            for record in &records {
                if let (Event::SessionOpened(it), Some(room)) = (&record.event.event, &record.room)
                {
                    let place = SessionPlace {
                        room: room.clone(),
                        number: it.number,
                        id: it.session_id,
                    };
                    let key = it.session_id.short_key();
                    self.by_key.entry(key).or_default().push(place);
                }
            }
        }
        Ok(())
    }

    /// The run with that id, in LiveKit's form or as a UUID; of two that share LiveKit's form, the
    /// newer.
    pub fn find(&self, id: &str) -> Option<&SessionPlace> {
        let places = self.by_key.get(&session_key(id)?)?;
        places
            .iter()
            .rev()
            .find(|place| session_sid(place.id) == id || place.id.uuid().to_string() == id)
    }
}
