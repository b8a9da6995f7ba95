//! What every call has at hand. Apart from the routes; it holds no state of rooms.

use std::sync::Arc;

use crate::dialect::auth::rate::RateLimits;
use crate::dialect::auth::trust::Keys;
use crate::dialect::catalogue::SharedCatalogue;
use crate::engine::{Engine, IdSource};

/// The dialect on an engine.
#[derive(Clone)]
pub struct VideoSdk {
    pub(super) engine: Engine,
    pub(super) keys: Keys,
    pub(super) catalogue: SharedCatalogue,
    /// Names rooms that are made without one.
    pub(super) ids: Arc<dyn IdSource>,
    pub(super) limits: Option<Arc<RateLimits>>,
}

impl VideoSdk {
    /// On a running engine, for callers with tokens of these keys. The catalogue is of the same
    /// engine.
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
        }
    }

    /// Lets each key call only so often.
    #[must_use]
    pub fn limited(mut self, limits: Option<Arc<RateLimits>>) -> Self {
        self.limits = limits;
        self
    }

    /// Seconds since 1970, by the wall clock: tokens are judged by it (log.md rule 21).
    pub(super) fn now_s(&self) -> i64 {
        self.engine.clock().wall().seconds()
    }
}

/// What clients set their endpoint to, behind the host; their paths go on with `/v1` and `/v2`.
pub const ENDPOINT: &str = "/videosdk";

/// How events and figures name the dialect.
pub const DIALECT: &str = "videosdk";
