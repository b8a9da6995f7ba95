//! An engine in virtual time, and calls to it as a media server and a moderator's console make
//! them. Apart from the story. Never decides: what is refused is refused by the engine.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::cli::failure::{Exit, Failure};
use crate::domain::{
    Actor, Command, Digest, Personal, Provenance, Request, RoomName, Timestamp, Via,
};
use crate::engine::{
    Call, Clock, Engine, EngineConfig, EngineError, ManualClock, Receipt, SeededIds, Status,
};
use crate::store::EventStore;

/// The engine, its clock and the room.
pub(super) struct Stage {
    engine: Engine,
    clock: Arc<ManualClock>,
    runtime: Runtime,
    room: RoomName,
}

/// Who gives a command, and why.
#[derive(Clone, Copy)]
pub(super) struct By<'a> {
    /// The person behind the call.
    pub(super) person: Option<&'a str>,
    /// The person's words.
    pub(super) reason: Option<&'a str>,
}

impl Stage {
    /// Opens an engine on an empty log, at the moment when the story begins.
    pub(super) fn open(store: Arc<dyn EventStore>, ids: Arc<SeededIds>) -> Result<Self, Failure> {
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(BEGINS_S)));
        let config = EngineConfig {
            key_ids: vec![KEY.to_owned()],
            ..EngineConfig::default()
        };
        let engine = Engine::open(store, config, Arc::clone(&clock) as _, ids).map_err(broke)?;
        let runtime = Builder::new_current_thread().build();
        let runtime = runtime.map_err(|error| Failure::new(Exit::No, error.to_string()))?;
        let room = RoomName::new(ROOM).map_err(|error| broke_by(&error.to_string()))?;
        Ok(Stage {
            engine,
            clock,
            runtime,
            room,
        })
    }

    /// What time it is.
    pub(super) fn now(&self) -> Timestamp {
        self.clock.wall()
    }

    /// How many seconds have passed since the story's beginning.
    pub(super) fn second(&self) -> i64 {
        self.now().seconds().saturating_sub(BEGINS_S)
    }

    /// Lets time pass until so many seconds after the story's beginning, timers included.
    pub(super) fn wait_until(&self, after_s: i64) -> Result<(), Failure> {
        let left_s = u64::try_from(after_s.saturating_sub(self.second())).unwrap_or(0);
        self.clock.advance(Duration::from_secs(left_s));
        self.runtime
            .block_on(self.engine.fire_timers())
            .map_err(broke)?;
        Ok(())
    }

    /// Gives one command that is accepted.
    pub(super) fn done(&self, by: By<'_>, command: Command) -> Result<Receipt, Failure> {
        let receipt = self
            .runtime
            .block_on(self.engine.execute(self.call(by, command)));
        accepted(receipt.map_err(broke)?)
    }

    /// Gives one command that is refused.
    pub(super) fn refused(&self, by: By<'_>, command: Command) -> Result<(), Failure> {
        let name = command.name();
        let receipt = self
            .runtime
            .block_on(self.engine.execute(self.call(by, command)));
        match receipt.map_err(broke)?.status {
            Status::Refused(_) => Ok(()),
            Status::Accepted | Status::NoEffect | Status::Unchanged => {
                Err(broke_by(&format!("{name} was not refused")))
            }
        }
    }

    /// Gives many commands at once, in this order.
    pub(super) fn all_done(&self, by: By<'_>, commands: Vec<Command>) -> Result<(), Failure> {
        self.runtime.block_on(async {
            // Tasks of one thread start in the order in which they were spawned.
            let tasks: Vec<_> = commands
                .into_iter()
                .map(|command| {
                    let (engine, call) = (self.engine.clone(), self.call(by, command));
                    tokio::spawn(async move { engine.execute(call).await })
                })
                .collect();
            for task in tasks {
                let receipt = task.await.map_err(|error| broke_by(&error.to_string()))?;
                accepted(receipt.map_err(broke)?)?;
            }
            Ok(())
        })
    }

    /// Stops the engine and closes its log.
    pub(super) fn close(self) -> Result<(), Failure> {
        self.runtime.block_on(self.engine.shutdown()).map_err(broke)
    }

    fn call(&self, by: By<'_>, command: Command) -> Call {
        let text = |text: &str| Personal::new(text.to_owned());
        let name = command.name();
        let provenance = Provenance {
            actor: Actor::of_key(KEY, by.person),
            token_sha256: None,
            via: Via {
                dialect: "ledger".to_owned(),
                call: name.to_owned(),
            },
            request_id: None,
            trace: None,
            reason: by.reason.map(text),
            reason_code: None,
            source_ip: None,
            user_agent: Some(text("roomledger demo")),
            correlation: None,
        };
        let request = Request::new(self.room.clone(), command);
        let written = format!("{:?}", request.command);
        Call {
            request,
            provenance,
            digest: Digest::of(written.as_bytes()),
            request_bytes: u64::try_from(written.len()).unwrap_or(u64::MAX),
            operation: None,
        }
    }
}

fn accepted(receipt: Receipt) -> Result<Receipt, Failure> {
    match &receipt.status {
        Status::Refused(refused) => Err(broke_by(&refused.detail)),
        Status::Accepted | Status::NoEffect | Status::Unchanged => Ok(receipt),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn broke(error: EngineError) -> Failure {
    broke_by(&error.to_string())
}

fn broke_by(cause: &str) -> Failure {
    Failure::new(Exit::No, "the town hall could not be recorded").because(cause)
}

/// The room of the story.
pub(super) const ROOM: &str = "town-hall";

/// The key of the backend that reports and commands.
pub(super) const KEY: &str = "stage";

/// 2026-11-19T13:55:00Z, a Thursday.
const BEGINS_S: i64 = 1_795_096_500;
