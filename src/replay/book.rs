//! The directories of many streams, the least used of which are forgotten.
//!
//! Apart because an event may refer to another room (a move), and because a server keeps some
//! directories at hand and not all. It holds no state but names, which any store gives again.

use std::collections::BTreeMap;

use crate::domain::{ConnectionNumber, Event, RoomName, Version};
use crate::replay::former::{Field, Former, Formers};
use crate::replay::names::{Directory, EVENT_NAMES_MAX, Names};
use crate::replay::view::EventView;
use crate::replay::window::Window;
use crate::store::{EventStore, Record, StoreError};

/// Directories at hand, at most so many.
#[derive(Debug)]
pub struct NamesBook {
    entries: BTreeMap<Option<RoomName>, Entry>,
    rooms_max: usize,
    /// How many names one event shows.
    names_max: usize,
    /// What the record replaced that was made ready last.
    formers: Formers,
    /// Counts uses, so that the least recent is known.
    uses: u64,
}

#[derive(Debug)]
struct Entry {
    names: Names,
    used: u64,
}

impl NamesBook {
    /// A book of at most `rooms_max` directories, and never fewer than one record may need.
    pub fn new(rooms_max: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            rooms_max: rooms_max.max(ROOMS_MIN),
            names_max: EVENT_NAMES_MAX,
            formers: Formers::default(),
            uses: 0,
        }
    }

    /// The same, with at most `names_max` names in the lists of one event: fewer where many readers
    /// hold an event in memory, `usize::MAX` for an export.
    #[must_use]
    pub fn naming(mut self, names_max: usize) -> Self {
        self.names_max = names_max;
        self
    }

    /// The directory of a stream, read on until at least `version`.
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    pub fn up_to(
        &mut self,
        store: &dyn EventStore,
        room: Option<&RoomName>,
        version: Version,
    ) -> Result<&Names, StoreError> {
        let names = self.at_hand(room);
        names.catch_up(store, version)?;
        Ok(names)
    }

    /// Makes ready what a record needs to be shown: its own room's directory, that of a room it
    /// refers to, and the values that it replaced. Afterwards the book is a [`Directory`] for it.
    ///
    /// A directory is read on from where it is. Each old value that is shown costs a read of
    /// one record.
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    pub fn prepare(&mut self, store: &dyn EventStore, record: &Record) -> Result<(), StoreError> {
        self.prepare_after(store, record, ConnectionNumber(0))
    }

    fn prepare_after(
        &mut self,
        store: &dyn EventStore,
        record: &Record,
        names_after: ConnectionNumber,
    ) -> Result<(), StoreError> {
        let mut last = record.version;
        for (room, version) in references(record) {
            if room.is_none() {
                last = last.max(version);
            } else {
                self.up_to(store, room, version)?;
            }
        }
        let names = self.at_hand(record.room.as_ref());
        names.absorb(record)?;
        names.catch_up(store, last)?;
        // Those who are moved together have rules about each other, and open one by one.
        if let Event::ConnectionOpened(it) = &record.event.event
            && let Some((number, _)) = it.permission.receive.by_connection.last_key_value()
        {
            names.know(store, *number)?;
        }
        let window = Window::of(&record.event.event, names_after, self.names_max);
        self.formers = Formers::read(store, record, window)?;
        Ok(())
    }

    /// A record as readers see it.
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    pub fn show(
        &mut self,
        store: &dyn EventStore,
        record: &Record,
    ) -> Result<EventView, StoreError> {
        self.show_after(store, record, ConnectionNumber(0))
    }

    /// The same, with lists of connections that go on after one.
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    pub fn show_after(
        &mut self,
        store: &dyn EventStore,
        record: &Record,
        names_after: ConnectionNumber,
    ) -> Result<EventView, StoreError> {
        self.prepare_after(store, record, names_after)?;
        Ok(EventView::after(record, self, names_after))
    }

    fn at_hand(&mut self, room: Option<&RoomName>) -> &mut Names {
        self.uses = self.uses.saturating_add(1);
        let room = room.cloned();
        if !self.entries.contains_key(&room) && self.entries.len() >= self.rooms_max {
            self.forget_one();
        }
        let entry = self.entries.entry(room.clone()).or_insert_with(|| Entry {
            names: Names::new(room),
            used: 0,
        });
        entry.used = self.uses;
        &mut entry.names
    }

    fn forget_one(&mut self) {
        let least = self.entries.iter().min_by_key(|(_, entry)| entry.used);
        if let Some(room) = least.map(|(room, _)| room.clone()) {
            self.entries.remove(&room);
        }
    }
}

impl Directory for NamesBook {
    fn names(&self, room: Option<&RoomName>) -> Option<&Names> {
        self.entries.get(&room.cloned()).map(|entry| &entry.names)
    }

    fn names_max(&self) -> usize {
        self.names_max
    }

    fn former(&self, room: Option<&RoomName>, version: Version, field: &Field) -> Option<&Former> {
        self.formers.get(room, version, field)
    }
}

impl Default for NamesBook {
    fn default() -> Self {
        Self::new(ROOMS_MAX)
    }
}

/// The places that a record names, in its own stream (`None`) or another room: its cause may be a
/// later event of the same command. Where it names a connection elsewhere, the version that opened
/// that is not stored, so all of the room is asked for.
fn references(record: &Record) -> Vec<(Option<&RoomName>, Version)> {
    let mut found = Vec::new();
    if let Some(cause) = &record.event.cause {
        found.push((cause.room.as_ref(), cause.version));
    }
    if let Event::ConnectionOpened(it) = &record.event.event
        && let Some(from) = &it.moved_from
    {
        found.push((Some(&from.room), Version(u64::MAX)));
    }
    if let Event::CommandRefused(it) = &record.event.event {
        let reasons = it.because.iter();
        found.extend(reasons.map(|at| (at.room.as_ref(), at.version)));
    }
    found
}

/// A directory of a room of a hundred people takes some tens of kilobytes; a thousand of them are
/// what a small server can spare.
const ROOMS_MAX: usize = 1_000;

/// A record may name its own room, the one its cause stands in and the one somebody came from.
const ROOMS_MIN: usize = 4;
