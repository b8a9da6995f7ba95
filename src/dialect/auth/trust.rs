//! The keys that hold now, and the tokens that are revoked. Apart, because both change while the
//! server runs: keys when their file is read anew, revocations with the log.

use std::sync::{Arc, PoisonError, RwLock};

use crate::dialect::auth::keys::KeyRing;
use crate::engine::Engine;

/// The keys that hold now; cheap to clone, and the same in all clones.
#[derive(Clone, Debug)]
pub struct Keys(Arc<Held>);

#[derive(Debug)]
struct Held {
    ring: RwLock<KeyRing>,
    engine: Option<Engine>,
}

impl Keys {
    /// Keys whose tokens may be revoked in the log of that engine.
    pub fn of(ring: KeyRing, engine: Engine) -> Self {
        Self(Arc::new(Held {
            ring: RwLock::new(ring),
            engine: Some(engine),
        }))
    }

    /// The keys as they are now, with what is revoked: two pointers, and no wait for anybody.
    pub fn ring(&self) -> KeyRing {
        let ring = self.0.ring.read().unwrap_or_else(PoisonError::into_inner);
        let ring = ring.clone();
        match &self.0.engine {
            Some(engine) => ring.without(engine.api_revocations()),
            None => ring,
        }
    }

    /// Puts other keys in their place; those of requests under way stay what they were.
    pub fn replace(&self, ring: KeyRing) {
        let mut held = self.0.ring.write().unwrap_or_else(PoisonError::into_inner);
        *held = ring;
    }
}

impl From<Arc<KeyRing>> for Keys {
    /// Keys that stay as they are, and whose tokens cannot be revoked.
    fn from(ring: Arc<KeyRing>) -> Self {
        Self(Arc::new(Held {
            ring: RwLock::new((*ring).clone()),
            engine: None,
        }))
    }
}
