//! The webhooks of a server: whom to tell, signed by which key, with cursors in the data
//! directory. Apart so that the composition root stays one page; it sends nothing itself.

use std::path::Path;
use std::sync::Arc;

use crate::dialect::auth::keys::KeyRing;
use crate::dialect::livekit::webhook::Webhooks;
use crate::engine::Engine;
use crate::outbox::{Notices, Outbox, OutboxConfig, OutboxError};
use crate::store::journal::{Disk, RealDisk};

/// Who is told what happens; nobody by default.
#[derive(Clone, Debug, Default)]
pub struct WebhookConfig {
    /// Whom to tell, and how patiently.
    pub outbox: OutboxConfig,
    /// The key that signs; the first one when absent.
    pub key_id: Option<String>,
}

/// Finds where each receiver stands. The engine is shut down where one is refused.
pub(super) fn open(
    engine: &Engine,
    config: &WebhookConfig,
    keys: &Arc<KeyRing>,
    data: &Path,
) -> Result<Outbox, WebhookError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let webhooks = Webhooks::new(Arc::clone(keys), config.key_id.as_deref());
    let opened = match webhooks {
        Some(webhooks) => {
            let notices: Arc<dyn Notices> = Arc::new(webhooks);
            let dir = data.join(FOLDER);
            Outbox::open(engine, &config.outbox, &notices, &disk, &dir).map_err(WebhookError::from)
        }
        None => Err(WebhookError::Key {
            key_id: config.key_id.clone().unwrap_or_default(),
        }),
    };
    if opened.is_err() {
        // The refusal says more than a failed goodbye would.
        let _ = engine.shutdown_blocking();
    }
    opened
}

/// Why webhooks cannot be sent.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WebhookError {
    /// There is no such key to sign with.
    #[error("webhooks cannot be signed: there is no key {key_id:?} among the server's keys")]
    Key {
        /// As asked.
        key_id: String,
    },
    /// A receiver cannot be told.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
}

/// Where the cursors stand, inside of the data directory.
const FOLDER: &str = "webhooks";
