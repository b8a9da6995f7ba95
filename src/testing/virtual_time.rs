//! An engine in virtual time: nothing happens but what the test says, and the same every time.
//!
//! Apart from [`super::scenario`], since this is the real engine with its threads, queue and store;
//! only the clock stands still until it is moved, and ids come from a seed.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use crate::domain::{Actor, ActorKind, Command, Provenance, Request, RoomName, Timestamp, Via};
use crate::engine::{Call, Clock, Engine, EngineConfig, EngineError, ManualClock, SeededIds};
use crate::store::{EventStore, MemoryStore};

/// An engine on a clock that stands still.
#[derive(Clone, Debug)]
pub struct VirtualEngine {
    engine: Engine,
    clock: Arc<ManualClock>,
}

impl VirtualEngine {
    /// On an empty log in memory.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn in_memory() -> Result<Self, EngineError> {
        Self::open(
            Arc::new(MemoryStore::new()),
            EngineConfig::default(),
            Timestamp::from_seconds(START_S),
        )
    }

    /// On any store, beginning at that time. Ids are the same for the same log head.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open(
        store: Arc<dyn EventStore>,
        config: EngineConfig,
        start: Timestamp,
    ) -> Result<Self, EngineError> {
        let clock = Arc::new(ManualClock::new(start));
        let ids = Arc::new(SeededIds::new(store.head().position.0));
        let clock_too = Arc::clone(&clock);
        let engine = Engine::open(store, config, clock_too, ids)?;
        Ok(Self { engine, clock })
    }

    /// The clock.
    pub fn clock(&self) -> &ManualClock {
        &self.clock
    }

    /// Lets time pass, stopping at every timer on the way to let it fire. Blocks; panics inside of
    /// an async runtime.
    ///
    /// # Errors
    /// As [`Engine::fire_timers`].
    pub fn advance(&self, by: Duration) -> Result<(), EngineError> {
        let target = self.clock.monotonic() + by;
        loop {
            let due = self.engine.fire_timers_blocking()?;
            let left = target.saturating_sub(self.clock.monotonic());
            // Timers are due by the ledger's time, which may differ from the wall clock.
            let now = self.engine.clock_state().now;
            let until_due = due.map_or(left, |due| {
                let micros = due.micros().saturating_sub(now.micros());
                Duration::from_micros(u64::try_from(micros).unwrap_or(0))
            });
            if left.is_zero() {
                return Ok(());
            }
            // A deadline that passed and yet stands would hold time up for ever.
            let step = if until_due.is_zero() { left } else { until_due };
            self.clock.advance(step.min(left));
        }
    }
}

impl Deref for VirtualEngine {
    type Target = Engine;

    fn deref(&self) -> &Engine {
        &self.engine
    }
}

/// A call as a server with API key `devkey` makes it, without a request id.
pub fn call(room: &RoomName, command: Command) -> Call {
    let mut provenance = Provenance::of_engine(ActorKind::ApiKey, "devkey");
    provenance.actor = Actor::of_key("devkey", None);
    provenance.via = Via {
        dialect: "ledger".to_owned(),
        call: command.name().to_owned(),
    };
    Call::new(Request::new(room.clone(), command), provenance)
}

/// A day in 2027, as in [`super::scenario`].
const START_S: i64 = 1_800_000_000;
