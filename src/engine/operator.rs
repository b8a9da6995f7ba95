//! What operators see of an engine's clock, and say about it. Apart from the commands, since it
//! concerns no room.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Engine;
use super::call::{Operated, RELEASE_CLOCK, Released};
use super::clock::ClockState;
use super::error::EngineError;
use super::writer::{Job, Operation, What};
use crate::domain::{ActorKind, ApiRevocations, Event, Provenance};

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
        let done = self.operate(provenance, What::ReleaseClock).await?;
        Ok(Released {
            was_held: done.changed,
            position: done.position,
            replayed: done.replayed,
        })
    }

    /// Which tokens of API keys are believed no more. It never waits for the writer.
    pub fn api_revocations(&self) -> Arc<ApiRevocations> {
        self.shared.api_revocations.load_full()
    }

    /// Records a fact of the ledger itself, by a known operator: a revocation of API tokens, or its
    /// end, only where it changes something. A repeat of a request id gives the outcome of the
    /// first call.
    ///
    /// # Errors
    /// As [`Engine::release_clock_by`].
    pub async fn record_by(
        &self,
        provenance: Provenance,
        event: Event,
    ) -> Result<Operated, EngineError> {
        let event = Box::new(event);
        self.operate(provenance, What::Record(event)).await
    }

    async fn operate(&self, provenance: Provenance, what: What) -> Result<Operated, EngineError> {
        let (answer, answered) = oneshot::channel();
        let operation = Operation {
            provenance,
            what,
            answer,
        };
        self.send(Job::Operate(Box::new(operation)))?;
        answered.await.unwrap_or_else(|_| Err(self.gone()))
    }
}
