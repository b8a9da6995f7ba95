//! What every call of the dialect needs at hand. Apart from the routes; it holds no state of rooms.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::dialect::auth::rate::RateLimits;
use crate::dialect::auth::trust::Keys;
use crate::dialect::catalogue::SharedCatalogue;
use crate::dialect::daily::auth::Shown;
use crate::engine::{Engine, IdSource, Reader};

/// The dialect on an engine; cheap to clone.
#[derive(Clone)]
pub struct Daily {
    pub(super) engine: Engine,
    pub(super) keys: Keys,
    pub(super) catalogue: SharedCatalogue,
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) limits: Option<Arc<RateLimits>>,
    /// Held while the rights of a room's people are worked out anew and changed.
    pub(super) rights: Arc<Mutex<()>>,
}

impl Daily {
    /// For callers with a secret of these keys; names of rooms that have none are drawn from `ids`.
    pub fn new(
        engine: Engine,
        keys: impl Into<Keys>,
        catalogue: SharedCatalogue,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        Self {
            engine,
            keys: keys.into(),
            catalogue,
            ids,
            limits: None,
            rights: Arc::default(),
        }
    }

    /// Lets each key call only so often.
    #[must_use]
    pub fn limited(mut self, limits: Option<Arc<RateLimits>>) -> Self {
        self.limits = limits;
        self
    }

    /// The same, whose reads wait in the queue of a key: Daily's callers show nothing else.
    pub(super) fn reading_as(&self, shown: &Shown) -> Self {
        let reader = Reader {
            key: shown.key_id.as_str().into(),
            caller: Arc::default(),
        };
        Self {
            engine: self.engine.reading_as(reader.clone()),
            catalogue: self.catalogue.reading_as(reader),
            ..self.clone()
        }
    }
}
