//! Every room and every session of the log, found by any of their ids, in the order they began.
//!
//! Apart because no room knows of another, and a room keeps only its latest session: this is what
//! lists over all rooms are made from. It holds one entry for each and never a fold, and can be
//! thrown away: any read of the log gives it again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{PoisonError, RwLock};

use crate::domain::state::{session_key, session_sid};
use crate::domain::{Event, Id, RoomName, SessionNumber, Timestamp, Version};
use crate::replay::names::BATCH_RECORDS;
use crate::store::{EventStore, Position, Record, StoreError};

/// One generation of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomEntry {
    /// Its name.
    pub name: RoomName,
    /// Its id, of this generation alone.
    pub id: Id,
    /// Other names it answers to.
    pub aliases: Vec<String>,
    /// When it was made.
    pub created_at: Timestamp,
    /// The room's version that made it.
    pub created: Version,
    /// When its settings or its metadata changed last.
    pub updated_at: Timestamp,
    /// When its time is over, if that is said.
    pub expires_at: Option<Timestamp>,
    /// Whether somebody asked for it, rather than a join that needed it.
    pub explicit: bool,
    /// When it was deleted, if it was.
    pub deleted_at: Option<Timestamp>,
}

/// One session of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionEntry {
    /// Its room.
    pub room: RoomName,
    /// Its number there.
    pub number: SessionNumber,
    /// Its id.
    pub id: Id,
    /// When it opened.
    pub opened_at: Timestamp,
    /// The room's version that opened it.
    pub opened: Version,
    /// When media flowed first; where Daily's and VideoSDK's sessions start.
    pub active_at: Option<Timestamp>,
    /// When it ended, and the room's version that ended it: fold up to that to see all of it.
    pub ended: Option<(Timestamp, Version)>,
}

/// Rooms and sessions as far as the log was read.
#[derive(Debug, Default)]
pub struct Catalogue {
    read: Position,
    rooms: Vec<RoomEntry>,
    sessions: Vec<SessionEntry>,
    /// The newest generation of each name.
    named: BTreeMap<RoomName, usize>,
    /// The newest entry with an alias; a name comes before it.
    aliased: BTreeMap<String, usize>,
    /// The newest session of each room.
    newest: BTreeMap<RoomName, usize>,
    room_keys: BTreeSet<(Key, usize)>,
    session_keys: BTreeSet<(Key, usize)>,
}

impl Catalogue {
    /// Looks something up in a catalogue that several threads share: reads on where the log has
    /// more, then looks beside others who look.
    ///
    /// # Errors
    /// As [`EventStore::read_all`].
    pub fn look_up<T>(
        shared: &RwLock<Self>,
        store: &dyn EventStore,
        look: impl FnOnce(&Self) -> T,
    ) -> Result<T, StoreError> {
        // Whoever broke while holding it left it at the end of a record.
        let known = shared.read().unwrap_or_else(PoisonError::into_inner);
        if known.read >= store.head().position {
            return Ok(look(&known));
        }
        drop(known);
        let mut catalogue = shared.write().unwrap_or_else(PoisonError::into_inner);
        catalogue.catch_up(store)?;
        drop(catalogue);
        Ok(look(&shared.read().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Takes in what the log has grown by.
    ///
    /// # Errors
    /// As [`EventStore::read_all`].
    pub fn catch_up(&mut self, store: &dyn EventStore) -> Result<(), StoreError> {
        while self.read < store.head().position {
            let records = store.read_all(self.read, BATCH_RECORDS)?;
            if records.is_empty() {
                break;
            }
            for record in &records {
                self.absorb(record);
                self.read = record.position;
            }
        }
        Ok(())
    }

    /// Every generation of every room, oldest first, deleted ones too.
    pub fn rooms(&self) -> &[RoomEntry] {
        &self.rooms
    }

    /// Every session, in the order they opened.
    pub fn sessions(&self) -> &[SessionEntry] {
        &self.sessions
    }

    /// The newest generation of the room of that name or alias; else the one of that id, as a UUID,
    /// as 24 hexadecimal digits or as VideoSDK's `xxxx-xxxx-xxxx`. Of two that share a short form,
    /// the newer; one that was deleted only where no other answers to it.
    pub fn room(&self, text: &str) -> Option<&RoomEntry> {
        let name = RoomName::new(text).ok();
        let named = name.and_then(|name| self.named.get(&name));
        let aliased = self.aliased.get(text);
        let by_word = named.into_iter().chain(aliased).copied();
        let keys = Key::of_text(text).into_iter();
        let by_id = keys.flat_map(|key| places(&self.room_keys, key));
        let is_own = |place: &usize| {
            self.rooms
                .get(*place)
                .is_some_and(|it| is_form(it.id, text))
        };
        let places = by_word.chain(by_id.filter(is_own));
        let mut found = places.filter_map(|place| self.rooms.get(place)).peekable();
        let first = found.peek().copied();
        found.find(|room| room.deleted_at.is_none()).or(first)
    }

    /// The session with that id, in LiveKit's form, as a UUID or as 24 hexadecimal digits; of two
    /// that share a short form, the newer.
    pub fn session(&self, text: &str) -> Option<&SessionEntry> {
        let keys = Key::of_text(text).into_iter();
        let mut found = keys.flat_map(|key| places(&self.session_keys, key));
        let at = |place: usize| self.sessions.get(place);
        let place = found.find(|&place| {
            at(place).is_some_and(|it| is_form(it.id, text) || session_sid(it.id) == text)
        })?;
        at(place)
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "a new kind of event begins no room and no session unless it is added here"
    )]
    fn absorb(&mut self, record: &Record) {
        let Some(room) = &record.room else {
            return;
        };
        let at = record.command.recorded_at;
        match &record.event.event {
            Event::RoomCreated(it) => {
                let place = self.rooms.len();
                self.named.insert(room.clone(), place);
                let aliases = it.aliases.iter().cloned();
                self.aliased.extend(aliases.map(|alias| (alias, place)));
                self.room_keys
                    .extend(Key::of_id(it.room_id).map(|key| (key, place)));
                self.rooms.push(RoomEntry {
                    name: room.clone(),
                    id: it.room_id,
                    aliases: it.aliases.clone(),
                    created_at: at,
                    created: record.version,
                    updated_at: at,
                    expires_at: it.config.expires_at,
                    explicit: it.explicit,
                    deleted_at: None,
                });
            }
            Event::RoomConfigChanged(it) => {
                if let (Some(entry), Some(change)) = (self.named_mut(room), &it.room) {
                    entry.updated_at = at;
                    entry.expires_at = change.after.expires_at;
                }
            }
            Event::RoomMetadataChanged(it) if it.room.is_some() => {
                if let Some(entry) = self.named_mut(room) {
                    entry.updated_at = at;
                }
            }
            Event::RoomDeleted(_) => {
                if let Some(entry) = self.named_mut(room) {
                    entry.deleted_at = Some(at);
                }
            }
            Event::SessionOpened(it) => {
                let place = self.sessions.len();
                self.session_keys
                    .extend(Key::of_id(it.session_id).map(|key| (key, place)));
                self.newest.insert(room.clone(), place);
                self.sessions.push(SessionEntry {
                    room: room.clone(),
                    number: it.number,
                    id: it.session_id,
                    opened_at: at,
                    opened: record.version,
                    active_at: None,
                    ended: None,
                });
            }
            Event::ConnectionActivated(_) => {
                if let Some(session) = self.newest_mut(room) {
                    session.active_at.get_or_insert(at);
                }
            }
            Event::SessionEnded(_) => {
                if let Some(session) = self.newest_mut(room) {
                    session.ended = Some((at, record.version));
                }
            }
            _ => {}
        }
    }

    fn named_mut(&mut self, room: &RoomName) -> Option<&mut RoomEntry> {
        self.rooms.get_mut(*self.named.get(room)?)
    }

    fn newest_mut(&mut self, room: &RoomName) -> Option<&mut SessionEntry> {
        self.sessions.get_mut(*self.newest.get(room)?)
    }
}

/// A part of an id that one of its written forms tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Short(u128),
    Object(u128),
    Meeting(u128),
}

impl Key {
    fn of_id(id: Id) -> [Self; 3] {
        [
            Self::Short(id.short_key()),
            Self::Object(id.object_key()),
            Self::Meeting(id.meeting_key()),
        ]
    }

    fn of_text(text: &str) -> Option<Self> {
        let object = || Id::parse_object_id(text).map(Self::Object);
        let meeting = || Id::parse_meeting_code(text).map(Self::Meeting);
        let short = session_key(text).map(Self::Short);
        short.or_else(object).or_else(meeting)
    }
}

/// The entries with that key, newest first.
fn places(keys: &BTreeSet<(Key, usize)>, key: Key) -> impl Iterator<Item = usize> {
    let all = keys.range((key, 0)..=(key, usize::MAX));
    all.rev().map(|(_, place)| *place)
}

fn is_form(id: Id, text: &str) -> bool {
    [id.uuid().to_string(), id.object_id(), id.meeting_code()].contains(&text.to_owned())
}
