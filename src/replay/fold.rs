//! A room as it was at any moment: the fold of its records up to there.
//!
//! Apart because nothing else turns records into state. Records are read in bounded batches, so
//! that a long history takes no more memory than the room it comes to.

use crate::domain::{Room, RoomName, Timestamp, Version, evolve};
use crate::replay::names::{BATCH_RECORDS, Names};
use crate::replay::numbers::check_numbers;
use crate::replay::position::{Pos, PositionError, Span};
use crate::store::{EventStore, Position, Record, StoreError};

/// A moment of one room's history, of the kinds that records can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Now: after the last record.
    Head,
    /// After the record of this version.
    Version(Version),
    /// After the record at this place of the whole log, or the room's last one before it.
    Position(Position),
    /// After every record of this instant or before.
    Time(Timestamp),
}

impl Moment {
    /// The moment that a written position means, in a log whose last position is `head`. What is
    /// relative to a session is taken in `session`, which has an end.
    ///
    /// # Errors
    /// `NoSession` for what is relative to one, where there is none.
    pub fn of(written: Pos, head: Position, session: Option<Span>) -> Result<Self, PositionError> {
        let anchored = session.map_or(written, |session| written.anchored(session));
        match anchored {
            Pos::Position(position) => Ok(Self::Position(Position(position))),
            Pos::Head { back } => Ok(Self::Position(Position(head.0.saturating_sub(back)))),
            Pos::Time(at_us) => Ok(Self::Time(Timestamp::from_micros(at_us))),
            Pos::StartPlus(_) | Pos::EndMinus(_) => Err(PositionError::NoSession { written }),
        }
    }

    /// Whether a record lies at this moment or before it.
    pub fn includes(self, record: &Record) -> bool {
        match self {
            Self::Head => true,
            Self::Version(version) => record.version <= version,
            Self::Position(position) => record.position <= position,
            Self::Time(at) => record.command.recorded_at <= at,
        }
    }
}

/// A room with the directory of its names, which goes on to the end of the command that the state
/// ends in: an event may point to a later one of the same command.
#[derive(Clone, Debug, PartialEq)]
pub struct Folded {
    /// The state.
    pub room: Room,
    /// Who and what its numbers stand for, and where its versions stand.
    pub names: Names,
}

impl Folded {
    /// A room that nothing ever happened in.
    pub fn new(room: RoomName) -> Self {
        Self {
            names: Names::new(Some(room.clone())),
            room: Room::new(room),
        }
    }

    /// Folds the next record of the room in; any other is left alone.
    ///
    /// # Errors
    /// As [`fold`].
    pub fn absorb(&mut self, record: &Record) -> Result<(), StoreError> {
        fold(&mut self.room, record)?;
        self.names.absorb(record)
    }
}

/// Folds the next record of a room into it; a record of another room or version is left alone.
///
/// # Errors
/// `Corrupt` when it names numbers that the room never gave out; the room stays as it is.
pub fn fold(room: &mut Room, record: &Record) -> Result<(), StoreError> {
    if record.room.as_ref() == Some(&room.name) && record.version == room.version.next() {
        check_numbers(record, room.given_out())?;
        let recorded_at = record.command.recorded_at;
        evolve(room, record.version, recorded_at, &record.event);
    }
    Ok(())
}

/// The room as it was at a moment, with its names; version 0 when nothing had happened in it yet.
///
/// # Errors
/// As [`EventStore::read_room`]; `Incomplete` behind an accepted loss in the room.
pub fn as_of(
    store: &dyn EventStore,
    room: &RoomName,
    moment: Moment,
) -> Result<Folded, StoreError> {
    let mut folded = Folded::new(room.clone());
    let mut command = Position(0);
    let mut after = Version(0);
    let mut known = Known::default();
    loop {
        let records = store.read_room(Some(room), after, BATCH_RECORDS)?;
        let Some(last) = records.last() else {
            return Ok(folded);
        };
        after = last.version;
        for record in &records {
            known.takes(record, moment)?;
            if moment.includes(record) {
                command = record.command_first;
                folded.absorb(record)?;
            } else if record.command_first == command {
                folded.names.absorb(record)?;
            } else {
                return Ok(folded);
            }
        }
    }
}

/// The state of a room at a moment, folded on from an earlier state of it.
///
/// # Errors
/// As [`as_of`].
pub fn fold_on(store: &dyn EventStore, from: Room, moment: Moment) -> Result<Room, StoreError> {
    let mut room = from;
    let name = room.name.clone();
    each_after(store, &name, room.version, moment, |record| {
        fold(&mut room, record)
    })?;
    Ok(room)
}

/// From when to when the kept session of a room ran; without an end, while it is open.
pub fn session_span(room: &Room) -> Option<Span> {
    let session = room.session.as_ref()?;
    let end_us = session.ended.map(|ended| ended.at.micros());
    Some(Span {
        start_us: session.opened_at.micros(),
        end_us: end_us.unwrap_or(Span::OPEN_US),
    })
}

/// The instant that things last up to which still run at a moment, where the present is `now`; of
/// a version, the beginning of time: the room's last event is later.
///
/// # Errors
/// As [`EventStore::read_all`].
pub fn instant_of(
    store: &dyn EventStore,
    moment: Moment,
    now: Timestamp,
) -> Result<Timestamp, StoreError> {
    match moment {
        Moment::Head => Ok(now),
        Moment::Version(_) => Ok(Timestamp::EPOCH),
        Moment::Position(position) => {
            let before = Position(position.0.saturating_sub(1));
            let found = store.read_all(before, 1)?;
            Ok(found
                .first()
                .map_or(now, |record| record.command.recorded_at))
        }
        Moment::Time(at) => Ok(at.min(now)),
    }
}

/// Gives every record of a room up to a moment to `take`, in order.
///
/// # Errors
/// As [`as_of`], and those of `take`.
pub fn each_record(
    store: &dyn EventStore,
    room: &RoomName,
    moment: Moment,
    take: impl FnMut(&Record) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    each_after(store, room, Version(0), moment, take)
}

/// How far a room is known: behind an accepted loss it is not.
#[derive(Default)]
struct Known {
    version: Version,
    position: Position,
    at: Option<Timestamp>,
}

impl Known {
    /// Goes on to the next record.
    ///
    /// # Errors
    /// `Incomplete` where versions are missing before it, and the moment lies behind what is known.
    fn takes(&mut self, record: &Record, moment: Moment) -> Result<(), StoreError> {
        let from = self.version.next();
        let is_behind = match moment {
            Moment::Head => true,
            Moment::Version(version) => version > self.version,
            Moment::Position(position) => position > self.position,
            Moment::Time(at) => Some(at) > self.at,
        };
        if record.version > from && is_behind {
            return Err(StoreError::Incomplete {
                room: record
                    .room
                    .as_ref()
                    .map(ToString::to_string)
                    .unwrap_or_default(),
                from,
                position: record.position,
            });
        }
        self.version = record.version;
        self.position = record.position;
        self.at = Some(record.command.recorded_at);
        Ok(())
    }
}

/// Gives every record of a room after a version and up to a moment to `take`, in order.
///
/// # Errors
/// As [`as_of`], and those of `take`.
pub(super) fn each_after(
    store: &dyn EventStore,
    room: &RoomName,
    after: Version,
    moment: Moment,
    mut take: impl FnMut(&Record) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut known = Known {
        version: after,
        ..Known::default()
    };
    let mut after = after;
    loop {
        let limit = left(moment, after).min(BATCH_RECORDS);
        if limit == 0 {
            return Ok(());
        }
        let records = store.read_room(Some(room), after, limit)?;
        let Some(last) = records.last() else {
            return Ok(());
        };
        after = last.version;
        for record in &records {
            known.takes(record, moment)?;
            if !moment.includes(record) {
                return Ok(());
            }
            take(record)?;
        }
    }
}

/// How many records after a version may lie before a moment: reading is most of what a fold costs.
fn left(moment: Moment, after: Version) -> usize {
    match moment {
        Moment::Version(version) => {
            usize::try_from(version.0.saturating_sub(after.0)).unwrap_or(usize::MAX)
        }
        Moment::Head | Moment::Position(_) | Moment::Time(_) => usize::MAX,
    }
}
