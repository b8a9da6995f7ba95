//! Events of a room that are found by the number they gave out: the indexed copy knows those that
//! it has taken in, and the tail has the others. Apart because it answers with versions and no
//! records.

use std::collections::BTreeSet;

use crate::domain::{RoomName, Version};
use crate::store::codec::{RecordPlace, decode_where};
use crate::store::record::Position;
use crate::store::sled::SledCopy;
use crate::store::stream::stream_hash;
use crate::store::{Sought, StoreError};

use super::convert::corrupt_at;
use super::heads::name_of;
use super::shared::Shared;

/// As `EventStore::find`.
pub(crate) fn find(
    shared: &Shared,
    room: Option<&RoomName>,
    sought: &BTreeSet<Sought>,
) -> Result<Option<BTreeSet<Version>>, StoreError> {
    let Some(copy) = shared.copy()? else {
        return Ok(None);
    };
    let name = name_of(room);
    // The tail first: what the copy takes in meanwhile is found twice, and not missed.
    let mut found = in_tail(shared, name, sought)?;
    let Some(older) = in_copy(shared, &copy, name, sought) else {
        return Ok(None);
    };
    found.extend(older);
    Ok(Some(found))
}

fn in_copy(
    shared: &Shared,
    copy: &SledCopy,
    room: &str,
    sought: &BTreeSet<Sought>,
) -> Option<BTreeSet<Version>> {
    if !copy.finds() {
        return None;
    }
    let stream = stream_hash(room);
    let mut found = BTreeSet::new();
    for sought in sought {
        match copy.find(stream, *sought) {
            Ok(versions) => found.extend(versions.into_iter().map(Version)),
            Err(error) => {
                shared.distrust(copy, 0, copy.mark().position(), &error);
                return None;
            }
        }
    }
    Some(found)
}

fn in_tail(
    shared: &Shared,
    room: &str,
    sought: &BTreeSet<Sought>,
) -> Result<BTreeSet<Version>, StoreError> {
    let mut found = BTreeSet::new();
    if sought.is_empty() {
        return Ok(found);
    }
    let tail = shared.recent().tail.frames_of(room, 0, usize::MAX);
    let mut changes = BTreeSet::new();
    for frame in &tail.frames {
        let first = Position(frame.first_position());
        let is_wanted =
            |_, place: &RecordPlace<'_>| place.room == room && Sought::is_of(place.kind);
        let records = decode_where(frame.payload(), first, is_wanted);
        for record in records.map_err(corrupt_at(first))? {
            match Sought::of(&record.event.event, record.version) {
                Some(Sought::SessionChange(version)) => {
                    changes.insert(version);
                }
                Some(other) if sought.contains(&other) => {
                    found.insert(record.version);
                }
                Some(_) | None => {}
            }
        }
    }
    for sought in sought {
        if let Sought::SessionChange(version) = sought {
            found.extend(changes.range(..=*version).next_back());
        }
    }
    Ok(found)
}
