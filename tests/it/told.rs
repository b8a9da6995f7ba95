//! What a log comes to in webhooks, told without an outbox: what receivers have to hear.

use std::collections::BTreeMap;
use std::sync::Arc;

use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::livekit::webhook::Webhooks;
use roomledger::domain::{Room, RoomName};
use roomledger::outbox::{Notices, Told};
use roomledger::replay::fold;
use roomledger::store::{EventStore, Position, Record};

/// A reader of a log, from its beginning.
#[derive(Default)]
pub(crate) struct Teller {
    rooms: BTreeMap<RoomName, Room>,
    after: Position,
}

impl Teller {
    /// Position and body of each webhook since the last time, in the order of the log.
    pub(crate) fn told(&mut self, store: &dyn EventStore) -> Vec<(Position, String)> {
        let notices = webhooks();
        let mut told = Vec::new();
        loop {
            let records = store.read_all(self.after, 1_000).unwrap();
            let Some(last) = records.last() else {
                return told;
            };
            self.after = last.position;
            for record in &records {
                told.extend(self.of(store, record, &notices));
            }
        }
    }

    fn of(
        &mut self,
        store: &dyn EventStore,
        record: &Record,
        notices: &dyn Notices,
    ) -> Vec<(Position, String)> {
        let Some(name) = &record.room else {
            return Vec::new();
        };
        let room = self.rooms.entry(name.clone());
        let room = room.or_insert_with(|| Room::new(name.clone()));
        let before = room.clone();
        fold(room, record).expect("folds");
        let event = Told {
            before: &before,
            after: room,
            event: &record.event.event,
            recorded_at: record.command.recorded_at,
            position: record.position,
            chain: store.commit_of(record.position).unwrap().chain,
        };
        let bodies = (0..).map_while(|number| notices.body(&event, number));
        let bodies: Vec<_> = bodies.map(|body| (record.position, body)).collect();
        let concerns = notices.concerns(record.event.event.kind());
        assert_eq!(bodies.is_empty(), !concerns, "{record:?}");
        bodies
    }
}

/// LiveKit's, signed by the key of `--dev`.
pub(crate) fn webhooks() -> Webhooks {
    Webhooks::new(Arc::new(KeyRing::dev()), None).unwrap()
}
