//! When somebody was in a room before its latest session. Apart because a room keeps that session
//! alone: this reads the history before it, of one person, and folds nothing.

use std::collections::BTreeMap;

use crate::domain::state::{connection_sid, session_sid};
use crate::domain::{ConnectionNumber, Event, ParticipantNumber, Room, RoomName, Version};
use crate::replay::fold::{Moment, each_after};
use crate::replay::view::StintView;
use crate::store::{EventStore, Record, StoreError};

/// Whose presence is to be read, and up to where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EarlierStints {
    room: RoomName,
    participant: ParticipantNumber,
    until: Version,
}

impl EarlierStints {
    /// What is left to read of somebody whose presence in the kept session is known; `None` where
    /// they were in no other.
    pub fn of(room: &Room, participant: ParticipantNumber) -> Option<Self> {
        let person = room.person(participant)?;
        let session = room.session.as_ref()?;
        let oldest = room.connections_of(person).last().copied();
        let before = oldest.map_or(person.newest, |oldest| oldest.previous);
        before.map(|_| Self {
            room: room.name.clone(),
            participant,
            until: Version(session.opened.0.saturating_sub(1)),
        })
    }

    /// Reads them, oldest first: one pass over the history before the kept session.
    ///
    /// # Errors
    /// As [`EventStore::read_room`].
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "presence begins and ends with these kinds alone"
    )]
    pub fn read(&self, store: &dyn EventStore) -> Result<Vec<StintView>, StoreError> {
        let mut session = String::new();
        let mut stints: Vec<(StintView, Option<Version>)> = Vec::new();
        let mut open: BTreeMap<ConnectionNumber, usize> = BTreeMap::new();
        let moment = Moment::Version(self.until);
        each_after(store, &self.room, Version(0), moment, |record| {
            let at = record.command.recorded_at;
            match &record.event.event {
                Event::SessionOpened(it) => session = session_sid(it.session_id),
                Event::ConnectionOpened(it) if it.participant == self.participant => {
                    let alias = it.alias.as_ref().map(|alias| alias.as_str().to_owned());
                    let connection = alias.unwrap_or_else(|| connection_sid(it.connection_id));
                    open.insert(it.number, stints.len());
                    stints.push((begun(record, connection, session.clone()), None));
                }
                Event::ConnectionsClosed(it) => {
                    let closes = |number: &ConnectionNumber| it.who.connections.contains(*number);
                    let closed: Vec<_> = open.keys().copied().filter(closes).collect();
                    for number in closed {
                        let place = open.remove(&number);
                        if let Some((stint, cause)) = place.and_then(|it| stints.get_mut(it)) {
                            stint.end = Some(at);
                            stint.end_reported = record.event.occurred_at;
                            *cause = Some(cause_of(record));
                        }
                    }
                }
                _ => {}
            }
            Ok(())
        })?;
        let mut shown = Vec::with_capacity(stints.len());
        for (mut stint, cause) in stints {
            if let Some(cause) = cause {
                let before = Version(cause.0.saturating_sub(1));
                let found = store.read_room(Some(&self.room), before, 1)?;
                stint.cause = found.first().map(|record| record.position.0);
            }
            shown.push(stint);
        }
        Ok(shown)
    }
}

fn begun(record: &Record, connection: String, session: String) -> StintView {
    StintView {
        start: record.command.recorded_at,
        end: None,
        start_reported: record.event.occurred_at,
        end_reported: None,
        cause: None,
        connection,
        session,
    }
}

/// The event of the room that brought a record about: itself, where none did.
fn cause_of(record: &Record) -> Version {
    let cause = record.event.cause.as_ref();
    let own = cause.filter(|cause| cause.room.is_none());
    own.map_or(record.version, |cause| cause.version)
}
