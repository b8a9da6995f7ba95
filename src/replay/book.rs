//! The directories of many streams, the least used of which are forgotten.
//!
//! Apart because an event may refer to another room (a move), and because a server keeps some
//! directories at hand and not all. It holds no state but names, which any store gives again.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    ConnectionNumber, Event, Identity, ParticipantNumber, RoomName, TrackNumber, Version,
};
use crate::replay::former::{Field, Former, Formers};
use crate::replay::known::Known;
use crate::replay::names::{
    ConnectionName, Directory, EVENT_NAMES_MAX, Names, SessionName, TrackName,
};
use crate::replay::noting::{Missed, Noting, Partial};
use crate::replay::view::EventView;
use crate::replay::window::Window;
use crate::store::{EventStore, Position, Record, StoreError};

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
    /// All of the stream, as far as it was read for a search, or where no event is found by number.
    names: Names,
    /// What was met, or looked up by number.
    known: Known,
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
        let names = &mut self.at_hand(room).names;
        names.catch_up(store, version)?;
        Ok(names)
    }

    /// Makes ready what a record needs to be shown: the names in it, and the values that it
    /// replaced. Afterwards the book is a [`Directory`] for it.
    ///
    /// Each name that is not at hand, and each old value, costs a read of one record; where the
    /// store finds no event by number, a whole directory is read on from where it is.
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    pub fn prepare(&mut self, store: &dyn EventStore, record: &Record) -> Result<(), StoreError> {
        self.show(store, record).map(drop)
    }

    /// Makes sure that names of a room up to a version can be had: where they cannot yet, this
    /// says so.
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    pub fn can_name(
        &mut self,
        store: &dyn EventStore,
        room: &RoomName,
        version: Version,
    ) -> Result<(), StoreError> {
        if finds(store, Some(room))? {
            return Ok(());
        }
        self.up_to(store, Some(room), version).map(drop)
    }

    /// Makes the directories of all that a record refers to.
    fn read_on(&mut self, store: &dyn EventStore, record: &Record) -> Result<(), StoreError> {
        let mut last = record.version;
        for (room, version) in references(record) {
            if room.is_none() {
                last = last.max(version);
            } else {
                self.up_to(store, room, version)?;
            }
        }
        let names = &mut self.at_hand(record.room.as_ref()).names;
        names.absorb(record)?;
        names.catch_up(store, last)?;
        // Those who are moved together have rules about each other, and open one by one.
        if let Event::ConnectionOpened(it) = &record.event.event
            && let Some((number, _)) = it.permission.receive.by_connection.last_key_value()
        {
            names.know(store, *number)?;
        }
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
        let room = record.room.as_ref();
        let finds = finds(store, room)?;
        if finds {
            let known = &mut self.at_hand(room).known;
            known.trim();
            known.learn(record);
            known.check(store, record)?;
        } else {
            self.read_on(store, record)?;
        }
        let window = Window::of(&record.event.event, names_after, self.names_max);
        self.formers = Formers::read(store, record, window)?;
        if !finds {
            return Ok(EventView::after(record, self, names_after));
        }
        self.shown(store, |names| EventView::after(record, names, names_after))
    }

    /// Shows something with all the names that it needs: those that are missing are looked up,
    /// until nothing is missing that can be found.
    fn shown<T>(
        &mut self,
        store: &dyn EventStore,
        show: impl Fn(&dyn Directory) -> T,
    ) -> Result<T, StoreError> {
        let mut sought = Missed::new();
        loop {
            let noting = Noting::new(self);
            let shown = show(&noting);
            let mut is_whole = true;
            for (room, mut wanted) in noting.into_missed() {
                let sought = sought.entry(room.clone()).or_default();
                wanted.retain(|wanted| sought.insert(*wanted));
                if !wanted.is_empty() {
                    is_whole = false;
                    self.at_hand(room.as_ref()).known.look_up(store, &wanted)?;
                }
            }
            if is_whole {
                return Ok(shown);
            }
        }
    }

    fn entry(&self, room: Option<&RoomName>) -> Option<&Entry> {
        self.entries.get(&room.cloned())
    }

    fn at_hand(&mut self, room: Option<&RoomName>) -> &mut Entry {
        self.uses = self.uses.saturating_add(1);
        let room = room.cloned();
        if !self.entries.contains_key(&room) && self.entries.len() >= self.rooms_max {
            self.forget_one();
        }
        let entry = self.entries.entry(room.clone()).or_insert_with(|| Entry {
            known: Known::new(room.clone()),
            names: Names::new(room),
            used: 0,
        });
        entry.used = self.uses;
        entry
    }

    fn forget_one(&mut self) {
        let least = self.entries.iter().min_by_key(|(_, entry)| entry.used);
        if let Some(room) = least.map(|(room, _)| room.clone()) {
            self.entries.remove(&room);
        }
    }
}

impl Partial for NamesBook {
    fn session_known(
        &self,
        room: Option<&RoomName>,
        version: Version,
    ) -> Option<Option<&SessionName>> {
        let entry = self.entry(room)?;
        let names = &entry.names;
        let read = (version <= names.version()).then(|| names.session_at(version));
        entry.known.session_at(version).or(read)
    }
}

impl Directory for NamesBook {
    fn names(&self, room: Option<&RoomName>) -> Option<&Names> {
        self.entry(room).map(|entry| &entry.names)
    }

    fn identity(&self, room: Option<&RoomName>, number: ParticipantNumber) -> Option<&Identity> {
        let entry = self.entry(room)?;
        let known = entry.known.identity(number);
        known.or_else(|| entry.names.identity(number))
    }

    fn connection(
        &self,
        room: Option<&RoomName>,
        number: ConnectionNumber,
    ) -> Option<&ConnectionName> {
        let entry = self.entry(room)?;
        let known = entry.known.connection(number);
        known.or_else(|| entry.names.connection(number))
    }

    fn track(&self, room: Option<&RoomName>, number: TrackNumber) -> Option<&TrackName> {
        let entry = self.entry(room)?;
        let known = entry.known.track(number);
        known.or_else(|| entry.names.track(number))
    }

    fn session_at(&self, room: Option<&RoomName>, version: Version) -> Option<&SessionName> {
        self.session_known(room, version)?
    }

    fn position(&self, room: Option<&RoomName>, version: Version) -> Option<Position> {
        let entry = self.entry(room)?;
        let known = entry.known.position(version);
        known.or_else(|| entry.names.position(version))
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

/// Whether events of a stream are found by number, without its history.
pub(super) fn finds(store: &dyn EventStore, room: Option<&RoomName>) -> Result<bool, StoreError> {
    let found = store.find(room, &BTreeSet::new())?;
    Ok(found.is_some())
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
