//! An engine on a clock that stands still, and the calls that tests make.

use std::sync::Arc;

use roomledger::domain::command::{Join, ProfileUpdate, Remove};
use roomledger::domain::event::{ConnectionKind, Credential};
use roomledger::domain::{
    Actor, ActorKind, Command, Digest, Identity, Provenance, Request, RoomName, Target, Timestamp,
    Via,
};
use roomledger::engine::{Call, Engine, EngineConfig, ManualClock, SeededIds};
use roomledger::store::{EventStore, MemoryStore};

pub(crate) const START_S: i64 = 1_800_000_000;

pub(crate) fn open() -> Engine {
    open_on(Arc::new(MemoryStore::new()), EngineConfig::default())
}

pub(crate) fn open_on(store: Arc<dyn EventStore>, config: EngineConfig) -> Engine {
    let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(START_S)));
    Engine::open(store, config, clock, Arc::new(SeededIds::new(7))).unwrap()
}

pub(crate) fn room(name: &str) -> RoomName {
    RoomName::new(name).unwrap()
}

pub(crate) fn identity(name: &str) -> Identity {
    Identity::new(name).unwrap()
}

pub(crate) fn join(name: &str, who: &str) -> Call {
    call(
        name,
        Command::Join(Join {
            identity: Some(identity(who)),
            alias: None,
            active: true,
            kind: ConnectionKind::Standard,
            profile: ProfileUpdate::default(),
            permission: None,
            credential: Credential::default(),
            reporter: None,
            eject_at: None,
            config: Default::default(),
            room_metadata: None,
            moved_from: None,
        }),
    )
}

pub(crate) fn remove(name: &str, who: &str) -> Call {
    call(
        name,
        Command::Remove(Remove {
            target: Target::Identity(identity(who)),
            ban: false,
            revoke_before: None,
        }),
    )
}

pub(crate) fn call(name: &str, command: Command) -> Call {
    let digest = Digest::of(format!("{command:?}").as_bytes());
    Call {
        provenance: Provenance {
            actor: Actor {
                kind: ActorKind::ApiKey,
                id: "devkey".to_owned(),
                connection: None,
                on_behalf_of: None,
            },
            via: Via {
                dialect: "ledger".to_owned(),
                call: command.name().to_owned(),
            },
            ..Provenance::of_engine(ActorKind::System, "test")
        },
        request: Request::new(room(name), command),
        digest,
        request_bytes: 100,
    }
}

pub(crate) fn with_id(mut call: Call, request_id: &str) -> Call {
    call.provenance.request_id = Some(request_id.to_owned());
    call
}
