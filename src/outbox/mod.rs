//! Telling receivers over HTTP what happened: at least once, in order in each room, for as long as
//! it takes. Apart from the engine, which waits for nobody; it never writes to the log.
//!
//! The log itself is the queue: a receiver has a cursor, and nothing else is kept. One task reads
//! on from there; each room with something untold has a task of its own, which reads the room's
//! records, folds them, makes the notices and sends them one after the other. A room whose notices
//! are not taken waits, longer each time, and the others go on.

mod config;
mod cursor;
mod cursors;
mod error;
mod follow;
mod lane;
mod notice;
mod places;
mod post;
mod receiver;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

pub use config::OutboxConfig;
pub use cursors::{Doubt, cursors_in_doubt};
pub use error::OutboxError;
pub use notice::{Notices, Told};
pub use receiver::ReceiverStatus;

use receiver::Receiver;

use crate::engine::Engine;
use crate::store::journal::Disk;

/// Receivers whose cursors are read, and that nothing is sent to yet.
pub struct Outbox {
    receivers: Vec<Arc<Receiver>>,
}

/// How the receivers fare, for whoever shows it; all clones tell the same.
#[derive(Clone, Default)]
pub struct Watch(Vec<Arc<Receiver>>);

/// Receivers that are told; dropping it stops that at once.
pub struct Running {
    receivers: Vec<Arc<Receiver>>,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Outbox {
    /// Finds where each receiver stands, by its cursor in `dir`, which is made when missing. A
    /// receiver without a cursor begins at the configured position, else at the log's present end,
    /// and has a cursor from then on. Blocks.
    ///
    /// # Errors
    /// [`OutboxError`]; no receiver is told anything then.
    pub fn open(
        engine: &Engine,
        config: &OutboxConfig,
        notices: &Arc<dyn Notices>,
        disk: &Arc<dyn Disk>,
        dir: &Path,
    ) -> Result<Self, OutboxError> {
        let mut addresses = config.receivers.clone();
        addresses.sort_unstable();
        addresses.dedup();
        let open = |address: &String| {
            let receiver = Receiver::open(engine, config, notices, disk, dir, address)?;
            Ok(Arc::new(receiver))
        };
        let receivers = addresses.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { receivers })
    }

    /// Where each receiver stands.
    pub fn status(&self) -> Vec<ReceiverStatus> {
        self.receivers.iter().map(|it| it.status()).collect()
    }

    /// For looking on from elsewhere, once it is started too.
    pub fn watch(&self) -> Watch {
        Watch(self.receivers.clone())
    }

    /// Begins to tell. Has to be called inside of an async runtime.
    pub fn start(self) -> Running {
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for receiver in &self.receivers {
            tasks.spawn(follow::run(Arc::clone(receiver), stopped.clone()));
        }
        Running {
            receivers: self.receivers,
            stop,
            tasks,
        }
    }
}

impl Watch {
    /// How each receiver fares.
    pub fn status(&self) -> Vec<ReceiverStatus> {
        self.0.iter().map(|it| it.status()).collect()
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.status()).finish()
    }
}

impl Running {
    /// How each receiver fares.
    pub fn status(&self) -> Vec<ReceiverStatus> {
        self.receivers.iter().map(|it| it.status()).collect()
    }

    /// Gives up what is under way, which is sent again after the next start, and writes the
    /// cursors. Waits for no receiver.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
    }
}
