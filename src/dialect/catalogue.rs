//! The catalogue of all rooms and sessions, shared by the dialects that list them and kept up with
//! the log. Apart because it may block while it reads; it holds no answer of any dialect.

use std::sync::{Arc, Mutex, PoisonError};

use crate::engine::{Engine, EngineError};
use crate::replay::Catalogue;

/// A [`Catalogue`] that is read on whenever it is asked; cheap to clone.
#[derive(Clone, Debug)]
pub struct SharedCatalogue {
    engine: Engine,
    catalogue: Arc<Mutex<Catalogue>>,
}

impl SharedCatalogue {
    /// Of this engine's log.
    pub fn new(engine: Engine) -> Self {
        Self {
            engine,
            catalogue: Arc::default(),
        }
    }

    /// Looks something up as of now, on the engine's threads for reads. The first one reads the
    /// whole log.
    ///
    /// # Errors
    /// As [`Engine::read`].
    pub async fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Catalogue) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let shared = Arc::clone(&self.catalogue);
        let read = self.engine.read(move |store| {
            // Whoever broke while holding it left it at the end of a record.
            let mut catalogue = shared.lock().unwrap_or_else(PoisonError::into_inner);
            catalogue.catch_up(store)?;
            Ok(look(&catalogue))
        });
        read.await
    }
}
