//! Which rooms an earlier request was about: for a call that is asked of many rooms under one id,
//! so that its repeat asks the same. Apart because it reads what the writer remembers, and decides
//! nothing.

use tokio::sync::oneshot;

use super::error::EngineError;
use super::writer::Job;
use super::{Call, Engine};
use crate::domain::RoomName;

impl Engine {
    /// The rooms in which the caller's key asked for the same command under the same request id,
    /// as far as outcomes are remembered (log.md rule 13), by name; none without an id.
    ///
    /// # Errors
    /// [`EngineError::Overloaded`], [`EngineError::Poisoned`] or [`EngineError::Closed`].
    pub async fn earlier_rooms(&self, call: &Call) -> Result<Vec<RoomName>, EngineError> {
        let Some(like) = call.key() else {
            return Ok(Vec::new());
        };
        let (answer, answered) = oneshot::channel();
        self.send(Job::Outcomes(answer))?;
        let outcomes = answered.await.map_err(|_| self.gone())?;
        self.answer(move |_| Ok(outcomes.rooms_of(&like))).await
    }
}
