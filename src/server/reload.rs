//! Other API keys while the server runs: recorded first, then in force. Apart from the server,
//! which is consumed by running.

use crate::dialect::auth::keys::KeyRing;
use crate::dialect::auth::trust::Keys;
use crate::domain::event::ApiKeysChanged;
use crate::domain::{ActorKind, Event, Provenance};
use crate::engine::{Engine, EngineError};
use crate::outbox::Outbox;

/// What puts other keys in the place of a server's.
#[derive(Clone, Debug)]
pub struct Reload {
    keys: Keys,
    engine: Engine,
    has_receivers: bool,
}

impl Reload {
    pub(super) fn new(keys: Keys, engine: Engine, outbox: &Outbox) -> Self {
        Self {
            keys,
            engine,
            has_receivers: !outbox.status().is_empty(),
        }
    }

    /// Puts these keys in force, once that is recorded; `None` where they are what holds already.
    /// Tokens of a key that is gone, or has another secret, are believed no more.
    ///
    /// # Errors
    /// [`ReloadError`]: the earlier keys go on.
    pub async fn keys(&self, ring: KeyRing) -> Result<Option<ApiKeysChanged>, ReloadError> {
        let earlier = self.keys.ring();
        let [added, removed, changed] = ring.differences(&earlier);
        if self.has_receivers && ring.signer(None).is_none() {
            return Err(ReloadError::Signer);
        }
        if added.is_empty() && removed.is_empty() && changed.is_empty() {
            return Ok(None);
        }
        let event = ApiKeysChanged {
            key_ids: ring.ids().map(str::to_owned).collect(),
            added,
            removed,
            changed,
        };
        let by = Provenance::of_engine(ActorKind::System, RELOAD_KEYS);
        self.engine
            .record_by(by, Event::from(event.clone()))
            .await?;
        self.keys.replace(ring);
        Ok(Some(event))
    }
}

/// Why other keys are not in force.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// Nothing could sign webhooks any more.
    #[error("none of the keys signs webhooks, and there are receivers: leave `webhooks` of one on")]
    Signer,
    /// It cannot be recorded.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// How the event names what brought it about.
const RELOAD_KEYS: &str = "reload_keys";
