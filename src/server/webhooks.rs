//! The webhooks of a server: whom to tell, signed by which key, with cursors in the data
//! directory. Apart so that the composition root stays one page; it sends nothing itself.

use std::path::Path;
use std::sync::Arc;

use crate::dialect::auth::trust::Keys;
use crate::dialect::livekit::webhook::Webhooks;
use crate::engine::Engine;
use crate::outbox::{Doubt, Notices, Outbox, OutboxConfig, OutboxError, cursors_in_doubt};
use crate::store::journal::{Disk, RealDisk};
use crate::store::ledger::LedgerReader;
use crate::store::{EventStore as _, StoreError};

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
    keys: &Keys,
    data: &Path,
) -> Result<Outbox, WebhookError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let webhooks = Webhooks::new(keys.clone(), config.key_id.as_deref());
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

/// What is wrong with the cursors below a data directory, each with what to do about it.
///
/// # Errors
/// [`StoreError`]: the log or the cursors cannot be read.
pub fn bad_cursors(data: &Path) -> Result<Vec<String>, StoreError> {
    let doubts = doubts(data)?;
    let words = doubts.iter().map(|doubt| {
        format!(
            "{} {}: a start with its receiver is refused or halts it; `roomledger repair --data \
             {}` keeps it aside",
            doubt.path().display(),
            doubt.problem,
            data.display()
        )
    });
    Ok(words.collect())
}

/// Keeps the cursors aside that say nothing about the log of a stopped server, and says so.
///
/// # Errors
/// As [`bad_cursors`].
pub fn set_cursors_aside(data: &Path) -> Result<Vec<String>, StoreError> {
    let mut notes = Vec::new();
    for doubt in doubts(data)? {
        let kept = doubt.set_aside().map_err(of_outbox)?;
        notes.push(format!(
            "{} {}: how far its receiver was told is not known, and it begins at the log's end; \
             start once with --webhook-from N to tell it again what came after position N; the \
             cursor is kept in {}",
            doubt.path().display(),
            doubt.problem,
            kept.display()
        ));
    }
    Ok(notes)
}

fn doubts(data: &Path) -> Result<Vec<Doubt>, StoreError> {
    let folder = data.join(FOLDER);
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let log = LedgerReader::open(data)?;
    let chain_at = |position| log.commit_of(position).ok().map(|link| link.chain);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    cursors_in_doubt(&disk, &folder, &chain_at).map_err(of_outbox)
}

fn of_outbox(error: OutboxError) -> StoreError {
    match error {
        OutboxError::Io {
            path,
            operation,
            source,
        } => StoreError::Io {
            path,
            operation,
            source,
        },
        OutboxError::Address { .. } | OutboxError::Cursor { .. } => StoreError::Refused {
            path: FOLDER.to_owned(),
            problem: error.to_string(),
        },
    }
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
