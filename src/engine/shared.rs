//! What the writer, the readers and every handle have in common. Apart so that none of them owns
//! another: the writer ends when the last handle is gone.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::watch;

use super::cache::Rooms;
use super::clock::{Clock, LedgerTime};
use super::config::EngineConfig;
use super::error::EngineError;
use super::figures::Figures;
use super::tail::Tail;
use crate::domain::{ApiRevocations, Event, Timestamp};
use crate::store::{EventStore, Position};

pub(crate) struct Shared {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) config: EngineConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) rooms: Rooms,
    pub(crate) tail: Tail,
    pub(crate) figures: Figures,
    /// Which tokens of API keys are believed no more, as far as that is durable.
    pub(crate) api_revocations: ArcSwap<ApiRevocations>,
    /// Bytes of requests that wait for the writer.
    pub(crate) waiting_bytes: AtomicU64,
    visible: watch::Sender<Visible>,
    poison: Mutex<Option<String>>,
    /// The ledger's time as the writer read it last.
    time: Mutex<LedgerTime>,
}

/// How far readers may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Visible {
    /// The last position whose effect on rooms and tail can be seen.
    pub(crate) head: Position,
    /// Whether nothing more will come.
    pub(crate) closed: bool,
}

impl Shared {
    pub(crate) fn new(
        store: Arc<dyn EventStore>,
        config: EngineConfig,
        clock: Arc<dyn Clock>,
    ) -> Self {
        let head = store.head().position;
        let new = (Timestamp::EPOCH, false);
        let time = LedgerTime::start(&*clock, new, config.clock_jump_max);
        Self {
            store,
            clock,
            rooms: Rooms::new(),
            figures: Figures::default(),
            api_revocations: ArcSwap::default(),
            tail: Tail::new(head, config.tail_bytes_max),
            visible: watch::Sender::new(Visible {
                head,
                closed: false,
            }),
            waiting_bytes: AtomicU64::new(0),
            poison: Mutex::new(None),
            time: Mutex::new(time),
            config,
        }
    }

    pub(crate) fn head(&self) -> Position {
        self.visible.borrow().head
    }

    pub(crate) fn visible(&self) -> watch::Receiver<Visible> {
        self.visible.subscribe()
    }

    /// Lets readers see all up to `head`: rooms and tail hold it already.
    pub(crate) fn reveal(&self, head: Position) {
        self.visible.send_modify(|visible| visible.head = head);
    }

    /// Lets every verification know of a revocation of API tokens that is durable.
    pub(crate) fn believe(&self, event: &Event) {
        if matches!(
            event,
            Event::ApiTokensRevoked(_) | Event::ApiTokenRevocationLifted(_)
        ) {
            let mut revoked = (**self.api_revocations.load()).clone();
            revoked.apply(event);
            self.api_revocations.store(Arc::new(revoked));
        }
    }

    pub(crate) fn close(&self) {
        self.visible.send_modify(|visible| visible.closed = true);
    }

    /// The ledger's time, for those that only look at it.
    pub(crate) fn time(&self) -> LedgerTime {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn keep_time(&self, time: LedgerTime) {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }

    pub(crate) fn poison(&self, cause: &str) {
        let mut poison = self.poison.lock().unwrap_or_else(PoisonError::into_inner);
        poison.get_or_insert_with(|| cause.to_owned());
    }

    /// Why nothing more can be recorded, if that is so.
    pub(crate) fn stopped(&self) -> Option<EngineError> {
        let poison = self.poison.lock().unwrap_or_else(PoisonError::into_inner);
        match poison.clone() {
            Some(cause) => Some(EngineError::Poisoned { cause }),
            None => self.visible.borrow().closed.then_some(EngineError::Closed),
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("head", &self.head())
            .finish_non_exhaustive()
    }
}
