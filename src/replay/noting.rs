//! A book as it is, with a note of what was asked in vain. Apart because a view says by itself
//! which names it needs: it is made, what it missed is looked up, and it is made again.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::domain::{
    ConnectionNumber, Identity, ParticipantNumber, RoomName, TrackNumber, Version,
};
use crate::replay::former::{Field, Former};
use crate::replay::known::Wanted;
use crate::replay::names::{ConnectionName, Directory, Names, SessionName, TrackName};
use crate::store::Position;

/// What was asked in vain, by stream.
pub(super) type Missed = BTreeMap<Option<RoomName>, BTreeSet<Wanted>>;

/// A directory that tells a session that is not known from none.
pub(super) trait Partial: Directory {
    /// The session that was open at a version; nothing at all where that is not known.
    #[expect(
        clippy::option_option,
        reason = "no session is known, or none is known of"
    )]
    fn session_known(
        &self,
        room: Option<&RoomName>,
        version: Version,
    ) -> Option<Option<&SessionName>>;
}

/// A directory that notes what it does not know.
pub(super) struct Noting<'a> {
    book: &'a dyn Partial,
    missed: RefCell<Missed>,
}

impl<'a> Noting<'a> {
    pub(super) fn new(book: &'a dyn Partial) -> Self {
        Self {
            book,
            missed: RefCell::default(),
        }
    }

    pub(super) fn into_missed(self) -> Missed {
        self.missed.into_inner()
    }

    fn found<T>(&self, room: Option<&RoomName>, wanted: Wanted, found: Option<T>) -> Option<T> {
        if found.is_none() {
            let mut missed = self.missed.borrow_mut();
            missed.entry(room.cloned()).or_default().insert(wanted);
        }
        found
    }
}

impl Directory for Noting<'_> {
    fn names(&self, room: Option<&RoomName>) -> Option<&Names> {
        self.book.names(room)
    }

    fn identity(&self, room: Option<&RoomName>, number: ParticipantNumber) -> Option<&Identity> {
        let found = self.book.identity(room, number);
        self.found(room, Wanted::Person(number), found)
    }

    fn connection(
        &self,
        room: Option<&RoomName>,
        number: ConnectionNumber,
    ) -> Option<&ConnectionName> {
        let found = self.book.connection(room, number);
        self.found(room, Wanted::Connection(number), found)
    }

    fn track(&self, room: Option<&RoomName>, number: TrackNumber) -> Option<&TrackName> {
        let found = self.book.track(room, number);
        self.found(room, Wanted::Track(number), found)
    }

    fn session_at(&self, room: Option<&RoomName>, version: Version) -> Option<&SessionName> {
        let found = self.book.session_known(room, version);
        self.found(room, Wanted::Session(version), found).flatten()
    }

    fn position(&self, room: Option<&RoomName>, version: Version) -> Option<Position> {
        if version == Version(0) {
            return None;
        }
        let found = self.book.position(room, version);
        self.found(room, Wanted::Position(version), found)
    }

    fn names_max(&self) -> usize {
        self.book.names_max()
    }

    fn former(&self, room: Option<&RoomName>, version: Version, field: &Field) -> Option<&Former> {
        self.book.former(room, version, field)
    }
}
