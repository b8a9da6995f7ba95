//! What operators see of an engine's clock, and say about it. Apart from the commands, since it
//! concerns no room.

use tokio::sync::oneshot;

use super::Engine;
use super::call::{RELEASE_CLOCK, Released};
use super::clock::ClockState;
use super::error::EngineError;
use super::writer::{Job, Release};
use crate::domain::{ActorKind, Provenance};

impl Engine {
    /// What the clock of the engine says, and whether it is trusted. It never waits for the writer.
    pub fn clock_state(&self) -> ClockState {
        self.shared.time().state(&*self.shared.clock)
    }

    /// Trusts the wall clock again after it jumped: an operator's word (log.md rule 21).
    ///
    /// # Errors
    /// As [`Engine::fire_timers`].
    pub async fn release_clock(&self) -> Result<(), EngineError> {
        let operator = Provenance::of_engine(ActorKind::System, RELEASE_CLOCK);
        self.release_clock_by(operator).await.map(drop)
    }

    /// The same by a known operator, who stands on record. A repeat of a request id gives the
    /// outcome of the first call.
    ///
    /// # Errors
    /// As [`Engine::fire_timers`]; [`EngineError::RequestIdReused`]; [`EngineError::Store`] when it
    /// cannot be recorded.
    pub async fn release_clock_by(&self, provenance: Provenance) -> Result<Released, EngineError> {
        let (answer, answered) = oneshot::channel();
        let release = Release { provenance, answer };
        self.send(Job::ReleaseClock(Box::new(release)))?;
        answered.await.unwrap_or_else(|_| Err(self.gone()))
    }
}
