//! roomledger, embedded: each append is a command that is decided, folded and recorded with its
//! provenance and hash chain; groups are synced by fdatasync on files that were zeroed ahead.

use std::path::Path;

use roomledger::domain::command::{Join, ProfileUpdate, UpdateParticipant};
use roomledger::domain::{
    ActorKind, Command, Identity, Provenance, Request, RoomName, Target, Version,
};
use roomledger::engine::{Call, Engine, EngineConfig, Status};

use crate::{Caller, Fallible, Peer};

struct Ours(Engine);

pub(crate) fn open(dir: &Path) -> Fallible<Box<dyn Peer>> {
    let (engine, _) = Engine::open_dir(&dir.join("data"), EngineConfig::default())?;
    if engine.live(&RoomName::new(ROOM)?).is_none() {
        engine.execute_blocking(call(Command::Join(Join::new(Identity::new("alice")?)))?)?;
    }
    Ok(Box::new(Ours(engine)))
}

impl Peer for Ours {
    fn caller(&self) -> Fallible<Box<dyn Caller + '_>> {
        Ok(Box::new(Ours(self.0.clone())))
    }

    fn read(&self) -> Fallible<u64> {
        let room = RoomName::new(ROOM)?;
        let mut last = Version(0);
        loop {
            let records = match self.0.store().read_room(Some(&room), last, 1_000) {
                Ok(records) => records,
                Err(roomledger::store::StoreError::Opening) => continue,
                Err(error) => return Err(error.into()),
            };
            let Some(record) = records.last() else {
                return Ok(last.0);
            };
            last = record.version;
        }
    }

    fn close(self: Box<Self>) -> Fallible<()> {
        Ok(self.0.shutdown_blocking()?)
    }
}

impl Caller for Ours {
    fn append(&mut self, payload: &str) -> Fallible<()> {
        let update = UpdateParticipant {
            target: Target::Identity(Identity::new("alice")?),
            profile: ProfileUpdate {
                metadata: Some(payload.to_owned()),
                ..ProfileUpdate::default()
            },
            permission: None,
        };
        let receipt = self
            .0
            .execute_blocking(call(Command::UpdateParticipant(update))?)?;
        match receipt.status {
            // The same text once more changes nothing, and that is recorded.
            Status::Accepted | Status::NoEffect => Ok(()),
            other => Err(format!("{other:?}").into()),
        }
    }
}

fn call(command: Command) -> Fallible<Call> {
    let provenance = Provenance::of_engine(ActorKind::ApiKey, "devkey");
    Ok(Call::new(
        Request::new(RoomName::new(ROOM)?, command),
        provenance,
    ))
}

const ROOM: &str = "stream";
