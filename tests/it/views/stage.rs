//! A short recorded history on which single events are shown.

use std::sync::Arc;

use roomledger::domain::event::{
    Before, ConnectionKind, ConnectionOpened, Credential, OpenedBy, ParticipantRegistered,
    RoomCreated, SessionOpened, TrackKind, TrackPublished, TrackShape, Who,
};
use roomledger::domain::{
    Actor, ActorKind, Allowed, ConnectionNumber, Defaults, Digest, Event, Id, Identity, NewEvent,
    ParticipantNumber, Permission, Personal, Provenance, Reference, RoomName, SessionNumber,
    Source, Timestamp, TrackNumber, Version, Via,
};
use roomledger::replay::NamesBook;
use roomledger::replay::view::EventView;
use roomledger::store::{CommandRecord, Commit, EventStore as _, MemoryStore, NewRecord};
use serde_json::{Value, json};

use crate::replay::header;

pub(super) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_seconds(1_700_000_000 + seconds)
}

/// A log whose first events set a stage, each further one at the next version.
pub(super) struct Stage {
    pub(super) store: MemoryStore,
    version: Version,
}

pub(super) const ALICE: ConnectionNumber = ConnectionNumber(1);
pub(super) const BOB: ConnectionNumber = ConnectionNumber(2);

impl Stage {
    /// A session with alice (who publishes a microphone) and bob, recorded at the versions 1 to 7.
    pub(super) fn new() -> Self {
        let mut stage = Self {
            store: MemoryStore::new(),
            version: Version(0),
        };
        let config = Arc::new(Defaults::default().config);
        stage.record(RoomCreated {
            room_id: Id(1),
            generation: 1,
            aliases: Vec::new(),
            config: Arc::clone(&config),
            metadata: Personal::from(""),
            explicit: true,
        });
        stage.record(SessionOpened {
            session_id: Id(2),
            number: SessionNumber(1),
            by: OpenedBy::Create,
            config,
            metadata: None,
        });
        for (number, identity) in [(1, "alice"), (2, "bob")] {
            stage.record(ParticipantRegistered {
                participant: ParticipantNumber(number),
                identity: Personal::new(Identity::new(identity).unwrap()),
            });
            stage.record(opened(number));
        }
        stage.record(TrackPublished {
            track_id: Id(30),
            number: TrackNumber(1),
            connection: ALICE,
            alias: None,
            kind: TrackKind::Audio,
            source: Source::Microphone,
            name: Personal::from("mic"),
            muted: false,
            shape: TrackShape::default(),
        });
        stage
    }

    /// Opens connections up to that number, in one commit.
    pub(super) fn open_up_to(&mut self, last: u32) {
        let numbers = BOB.0 + 1..=last;
        let events = numbers.map(|number| {
            self.version = self.version.next();
            NewRecord {
                room: Some(room()),
                version: self.version,
                event: NewEvent {
                    event: opened(number).into(),
                    cause: None,
                    occurred_at: None,
                },
            }
        });
        let command = CommandRecord {
            events: events.collect(),
            header: header(moderator(), at(1)),
        };
        let commands = vec![command];
        self.store.append(&Commit { commands }).unwrap();
    }

    pub(super) fn record(&mut self, event: impl Into<Event>) -> EventView {
        self.record_by(moderator(), event.into(), None)
    }

    pub(super) fn record_by(
        &mut self,
        provenance: Provenance,
        event: Event,
        cause: Option<u64>,
    ) -> EventView {
        self.version = self.version.next();
        let seconds = i64::try_from(self.version.0).unwrap();
        let record = NewRecord {
            room: Some(room()),
            version: self.version,
            event: NewEvent {
                event,
                cause: cause.map(|version| Reference::here(Version(version))),
                occurred_at: None,
            },
        };
        let command = CommandRecord {
            header: header(provenance, at(seconds)),
            events: vec![record],
        };
        let commands = vec![command];
        let commit = Commit { commands };
        let appended = self.store.append(&commit).unwrap();
        let record = commit.into_records(appended.first).next().unwrap();
        let mut book = NamesBook::default();
        book.prepare(&self.store, &record).unwrap();
        EventView::of(&record, &book)
    }
}
pub(super) fn room() -> RoomName {
    RoomName::new("town").unwrap()
}
pub(super) fn opened(number: u32) -> ConnectionOpened {
    ConnectionOpened {
        connection_id: Id(10 + u128::from(number)),
        number: ConnectionNumber(number),
        participant: ParticipantNumber(number),
        alias: None,
        kind: ConnectionKind::Standard,
        profile: Box::default(),
        permission: Arc::new(Permission::standard()),
        credential: Arc::new(Credential {
            kind: "none".into(),
            ..Credential::default()
        }),
        reporter: None,
        eject_at: None,
        activate_by: None,
        replaces: None,
        moved_from: None,
        unheeded: Personal::default(),
    }
}
pub(super) fn moderator() -> Provenance {
    Provenance {
        actor: Actor::of_key("devkey", None),
        token_sha256: None,
        via: Via {
            dialect: "ledger".into(),
            call: "commands".into(),
        },
        ..Provenance::of_engine(ActorKind::ApiKey, "devkey")
    }
}

pub(super) fn alice() -> Who {
    Who::connection(ALICE)
}

/// One event on the stage: its sentence, and `data` at least as expected.
pub(super) fn check(event: impl Into<Event>, sentence: &str, data: &Value) {
    let view = Stage::new().record(event);
    assert_eq!(view.sentence, sentence);
    let shown = Value::Object(view.data);
    assert!(
        holds(&shown, data),
        "{sentence}:\n{shown:#}\nlacks part of\n{data:#}"
    );
}

/// Whether every member of the expected object is there, however deep.
pub(super) fn holds(shown: &Value, expected: &Value) -> bool {
    match (shown, expected) {
        (Value::Object(shown), Value::Object(expected)) => expected
            .iter()
            .all(|(name, value)| shown.get(name).is_some_and(|shown| holds(shown, value))),
        (Value::Array(shown), Value::Array(expected)) => {
            shown.len() == expected.len()
                && shown
                    .iter()
                    .zip(expected)
                    .all(|(shown, expected)| holds(shown, expected))
        }
        _ => shown == expected,
    }
}

pub(super) fn of_alice() -> Value {
    json!({ "identity": "alice", "connection": "PA_22222222222D", "sid": "PA_22222222222D" })
}

pub(super) fn muted() -> Permission {
    Permission {
        send: roomledger::domain::Send {
            enabled: false,
            allowed: Allowed::Listed(vec![Source::Microphone]),
        },
        ..Permission::standard()
    }
}

pub(super) const SET: Before = Before {
    version: Version(4),
    digest: Digest([0; 32]),
};
