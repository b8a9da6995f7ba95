//! Values that an event replaced, read back from the events that had set them.
//!
//! Apart because a stored event names the event that had set the old value, and readers want the
//! value itself. It reads those records alone, or a few together where they are near, as many as
//! the event shows values: never the history between them.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{Event, RoomName, Version};
use crate::replay::window::Window;
use crate::store::{EventStore, Record, StoreError};

/// Which value an event had set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Field {
    /// The name that a connection shows.
    Name,
    /// The metadata of a connection.
    Metadata,
    /// One attribute of a connection.
    Attribute(String),
    /// The metadata of a room or of its session.
    RoomMetadata,
    /// The data that everybody in the session shares.
    SessionData,
}

/// A value as it was, or the beginning of a long one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Former {
    /// The value, or its first 1,024 bytes.
    pub start: String,
    /// The size of the whole value.
    pub bytes: usize,
}

/// The values that one record replaced.
#[derive(Debug, Default)]
pub(super) struct Formers {
    room: Option<RoomName>,
    by_version: BTreeMap<Version, BTreeMap<Field, Former>>,
}

impl Former {
    fn of(text: &str) -> Self {
        Self {
            start: text.chars().scan(0, short_enough).collect(),
            bytes: text.len(),
        }
    }

    /// Whether `start` is all of it.
    pub const fn is_whole(&self) -> bool {
        self.start.len() == self.bytes
    }
}

impl Formers {
    /// Reads what a record replaced, for the connections of a window.
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    pub(super) fn read(
        store: &dyn EventStore,
        record: &Record,
        window: Window,
    ) -> Result<Self, StoreError> {
        let wanted = wanted(&record.event.event, window);
        let mut by_version: BTreeMap<Version, BTreeMap<Field, Former>> = BTreeMap::new();
        let versions = wanted.keys().copied().filter(|version| version.0 > 0);
        read_near(store, record.room.as_ref(), &versions.collect(), |found| {
            if let Some(fields) = wanted.get(&found.version) {
                let values = values(&found.event.event, fields);
                by_version.insert(found.version, values);
            }
        })?;
        Ok(Self {
            room: record.room.clone(),
            by_version,
        })
    }

    /// The value that an event of a room had set.
    pub(super) fn get(
        &self,
        room: Option<&RoomName>,
        version: Version,
        field: &Field,
    ) -> Option<&Former> {
        let values = self.by_version.get(&version)?;
        values.get(field).filter(|_| self.room.as_ref() == room)
    }
}

/// Reads the records of some versions, and perhaps others near them, one by one or a few together.
///
/// # Errors
/// As [`EventStore::read_room`].
pub(super) fn read_near(
    store: &dyn EventStore,
    room: Option<&RoomName>,
    versions: &BTreeSet<Version>,
    mut take: impl FnMut(&Record),
) -> Result<(), StoreError> {
    let mut versions = versions.iter().peekable();
    while let Some(version) = versions.next() {
        // Those who joined one after another lie near each other.
        let nearby = |next: &&Version| next.0.saturating_sub(version.0) < NEARBY_RECORDS;
        let is_dense = versions.peek().is_some_and(nearby);
        let limit = if is_dense { NEARBY_RECORDS } else { 1 };
        let limit = usize::try_from(limit).unwrap_or(1);
        let before = Version(version.0.saturating_sub(1));
        let found = store.read_room(room, before, limit)?;
        found.iter().for_each(&mut take);
        // Behind an accepted loss another record comes first: what is there is not known.
        let last = found.last().map_or(*version, |last| last.version);
        while versions.next_if(|next| **next <= last).is_some() {}
    }
    Ok(())
}

fn values(event: &Event, fields: &BTreeSet<Field>) -> BTreeMap<Field, Former> {
    let values = fields.iter().filter_map(|field| {
        let value = value_set(event, field)?;
        Some((field.clone(), Former::of(value)))
    });
    values.collect()
}

/// The values that an event replaced, by the versions that had set them.
fn wanted(event: &Event, window: Window) -> BTreeMap<Version, BTreeSet<Field>> {
    let mut wanted: BTreeMap<Version, BTreeSet<Field>> = BTreeMap::new();
    let mut want = |version: Version, field: Field| {
        wanted.entry(version).or_default().insert(field);
    };
    if let Event::ProfileChanged(it) = event {
        let texts = [(&it.name, Field::Name), (&it.metadata, Field::Metadata)];
        for (change, field) in texts {
            let befores = change.iter().flat_map(|change| &change.before);
            for (_, before) in befores.filter(|(number, _)| window.holds(*number)) {
                want(before.version, field.clone());
            }
        }
        let attributes = it.attributes.iter().flat_map(|change| &change.before);
        let attributes = attributes.filter(|(number, _)| window.holds(*number));
        for (key, version) in attributes.flat_map(|(_, before)| before.set.value()) {
            want(*version, Field::Attribute(key.clone()));
        }
    } else if let Event::RoomMetadataChanged(it) = event {
        for before in it.room.iter().chain(&it.session) {
            want(before.version, Field::RoomMetadata);
        }
    } else if let Event::SessionDataChanged(it) = event {
        want(it.before.version, Field::SessionData);
    }
    wanted
}

/// The value that an event set.
fn value_set<'e>(event: &'e Event, field: &Field) -> Option<&'e str> {
    match (event, field) {
        (Event::ConnectionOpened(it), Field::Name) => Some(it.profile.name.as_str()),
        (Event::ConnectionOpened(it), Field::Metadata) => Some(it.profile.metadata.as_str()),
        (Event::ConnectionOpened(it), Field::Attribute(key)) => {
            it.profile.attributes.value().get(key).map(String::as_str)
        }
        (Event::ProfileChanged(it), Field::Name) => Some(it.name.as_ref()?.value.as_str()),
        (Event::ProfileChanged(it), Field::Metadata) => Some(it.metadata.as_ref()?.value.as_str()),
        (Event::ProfileChanged(it), Field::Attribute(key)) => {
            let set = it.attributes.as_ref()?.set.value();
            set.get(key).map(String::as_str)
        }
        (Event::RoomCreated(it), Field::RoomMetadata) => Some(it.metadata.as_str()),
        (Event::SessionOpened(it), Field::RoomMetadata) => Some(it.metadata.as_ref()?.as_str()),
        (Event::RoomMetadataChanged(it), Field::RoomMetadata) => Some(it.metadata.as_str()),
        (Event::SessionDataChanged(it), Field::SessionData) => Some(it.data.as_str()),
        _ => None,
    }
}

/// Takes characters until they would be more than a value may show.
fn short_enough(bytes: &mut usize, character: char) -> Option<char> {
    *bytes += character.len_utf8();
    (*bytes <= VALUE_BYTES_MAX).then_some(character)
}

/// Records read at once where old values stand near each other.
const NEARBY_RECORDS: u64 = 64;

/// A longer value is shown by its beginning: an event to a thousand people would else take 64 MB.
const VALUE_BYTES_MAX: usize = 1_024;
