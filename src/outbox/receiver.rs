//! One receiver: its cursor, the task that reads the log for it, and how it fares. Apart because
//! receivers have nothing in common: one that hangs is no other's business.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::config::OutboxConfig;
use super::cursor::{Cursor, CursorFile};
use super::error::OutboxError;
use super::notice::Notices;
use super::places::Places;
use super::post::Poster;
use crate::engine::{Engine, EngineError};
use crate::store::journal::Disk;
use crate::store::{Position, StoreError};

/// Somebody who is told.
pub(crate) struct Receiver {
    pub(crate) engine: Engine,
    pub(crate) notices: Arc<dyn Notices>,
    pub(crate) poster: Poster,
    pub(crate) places: Places,
    /// How many attempts may be under way.
    pub(crate) slots: Semaphore,
    pub(crate) wait_min: Duration,
    pub(crate) wait_max: Duration,
    pub(crate) save_every: Duration,
    file: CursorFile,
    /// Its address without its path, which may hold a secret, and what its cursor is called by.
    pub(crate) shown: String,
    told: AtomicU64,
    failed: AtomicU64,
    is_halted: AtomicBool,
    /// The last failure that nobody was told of yet.
    trouble: Mutex<Option<String>>,
}

/// How a receiver fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReceiverStatus {
    /// Its address without its path, which may hold a secret, and what its cursor is called by.
    pub receiver: String,
    /// What its cursor is called by: a digest, which says nothing of its address.
    pub id: String,
    /// The log has been read for it up to here.
    pub through: Position,
    /// Rooms with something untold up to there.
    pub rooms_waiting: usize,
    /// Notices that it took since the start.
    pub told: u64,
    /// Attempts that failed since the start.
    pub failed: u64,
    /// Whether nothing more is sent, because its cursor is of another history.
    pub is_halted: bool,
}

impl Receiver {
    /// Finds where it stands, or where it begins.
    ///
    /// # Errors
    /// [`OutboxError`].
    pub(crate) fn open(
        engine: &Engine,
        config: &OutboxConfig,
        notices: &Arc<dyn Notices>,
        disk: &Arc<dyn Disk>,
        dir: &Path,
        address: &str,
    ) -> Result<Self, OutboxError> {
        let file = CursorFile::of(disk, dir, address);
        let shown = format!("{} ({})", without_path(address), file.id());
        let poster = Poster::new(address, ATTEMPTS_MAX, config.attempt_max);
        let poster = poster.map_err(|problem| OutboxError::Address {
            receiver: shown.clone(),
            problem,
        })?;
        let cursor = cursor_of(engine, config.from, &file, &shown)?;
        Ok(Self {
            engine: engine.clone(),
            notices: Arc::clone(notices),
            poster,
            places: Places::new(cursor),
            slots: Semaphore::new(ATTEMPTS_MAX),
            wait_min: config.wait_min,
            wait_max: config.wait_max,
            save_every: config.save_every,
            file,
            shown,
            told: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            is_halted: AtomicBool::new(false),
            trouble: Mutex::new(None),
        })
    }

    pub(crate) fn id(&self) -> &str {
        self.file.id()
    }

    pub(crate) fn status(&self) -> ReceiverStatus {
        ReceiverStatus {
            receiver: self.shown.clone(),
            id: self.id().to_owned(),
            through: self.places.through(),
            rooms_waiting: self.places.waiting(),
            told: self.told.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            is_halted: self.is_halted.load(Ordering::Relaxed),
        }
    }

    /// Nothing more is sent: the cursor is of another history.
    pub(crate) fn halt(&self) {
        self.is_halted.store(true, Ordering::Relaxed);
        tracing::error!(
            receiver = self.shown,
            cursor = %self.file.path().display(),
            "the cursor is of another history than this log: nothing is sent; stop the server, \
             then `roomledger repair` keeps the cursor aside"
        );
    }

    pub(crate) fn has_told(&self) {
        self.told.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn has_trouble(&self, problem: String) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(problem);
    }

    pub(crate) async fn save(&self) {
        let Some(cursor) = self.places.take_changed() else {
            return;
        };
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || file.write(&cursor)).await;
        if let Ok(Err(error)) = written {
            // What is told meanwhile is told again after a restart, nothing else is lost.
            tracing::error!(receiver = self.shown, %error, "a cursor could not be written");
            self.places.unsaved();
        }
    }

    /// Says what failed last, if something did since this was last asked.
    pub(crate) fn complain(&self) -> bool {
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(problem) = trouble.take() else {
            return false;
        };
        let rooms = self.places.waiting();
        tracing::warn!(
            receiver = self.shown,
            rooms_waiting = rooms,
            problem,
            "a receiver could not be told; it is tried again"
        );
        true
    }

    /// Whether the cursor is of this log. A place that cannot be read yet is asked for again.
    pub(crate) async fn is_of_this_history(&self) -> bool {
        let cursor = self.places.now();
        let Some(chain) = cursor.chain.filter(|_| cursor.through > Position(0)) else {
            return true;
        };
        loop {
            match self
                .engine
                .read(move |store| store.commit_of(cursor.through))
                .await
            {
                Ok(link) => return link.chain == chain,
                Err(EngineError::Store(StoreError::Missing { .. })) => return false,
                Err(EngineError::Closed) => return true,
                Err(_) => sleep(READ_PAUSE).await,
            }
        }
    }
}

/// The cursor of the file, or a new one, which is written at once: a kill before the first notice
/// must not make the receiver new again.
fn cursor_of(
    engine: &Engine,
    from: Option<Position>,
    file: &CursorFile,
    shown: &str,
) -> Result<Cursor, OutboxError> {
    let head = engine.head();
    let found = file.read()?.map(|read| {
        read.and_then(|cursor| match cursor.through {
            through if through > head => Err(format!("is at {through}, beyond the log's end")),
            _ => Ok(cursor),
        })
    });
    match (found, from) {
        (Some(Ok(cursor)), _) => return Ok(cursor),
        (Some(Err(problem)), None) => {
            return Err(OutboxError::Cursor {
                path: file.path().display().to_string(),
                receiver: shown.to_owned(),
                problem,
                head,
            });
        }
        (Some(Err(problem)), Some(from)) => {
            let aside = file.set_aside()?.display().to_string();
            tracing::warn!(receiver = shown, problem, aside, %from, "a cursor is set aside");
        }
        (None, _) => {}
    }
    let cursor = Cursor {
        through: from.unwrap_or(head).min(head),
        chain: None,
        lanes: BTreeMap::new(),
    };
    file.write(&cursor)?;
    Ok(cursor)
}

/// Scheme, host and port: the rest may hold a secret.
fn without_path(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or_default();
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    format!("{scheme}://{host}")
}

/// Attempts under way for one receiver: as many rooms are told at once. Each holds at most a page
/// of records.
const ATTEMPTS_MAX: usize = 16;

/// A log that cannot be read now may be readable soon.
pub(crate) const READ_PAUSE: Duration = Duration::from_secs(1);
