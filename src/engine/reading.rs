//! Blocking reads of the log for async callers, each in its caller's turn. Apart from what is read,
//! which the callers know.

use std::sync::Arc;

use super::Engine;
use super::error::EngineError;
use super::readers::Lane;
use super::turns::Reader;
use super::watched::Watched;
use crate::store::{EventStore, StoreError};

impl Engine {
    /// The same engine for one caller: what it reads waits in a queue of its own, and takes turns
    /// with what others read.
    #[must_use]
    pub fn reading_as(&self, reader: Reader) -> Self {
        Self {
            readers: self.readers.reading_as(reader),
            ..self.clone()
        }
    }

    /// Runs any blocking read of the log on the engine's own threads. When the future is dropped,
    /// the work gets no more from the log.
    ///
    /// # Errors
    /// As [`Engine::room`], [`EngineError::TooSlow`], and whatever `work` reports.
    pub async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn EventStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.run(Lane::Reads, work).await
    }

    /// As [`Engine::read`], on threads of their own: for what the answer to a command needs, which
    /// waits for no reader.
    ///
    /// # Errors
    /// As [`Engine::read`].
    pub async fn answer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn EventStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, EngineError> {
        self.run(Lane::Answers, work).await
    }

    async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce(&dyn EventStore) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let store = Arc::clone(self.store());
        let watched = self.readers.run(lane, move |patience| {
            let store = &*store;
            let done = work(&Watched { store, patience });
            (done, patience.is_late())
        });
        match watched.await? {
            (Err(_), true) => Err(EngineError::TooSlow),
            (done, _) => Ok(done?),
        }
    }
}
