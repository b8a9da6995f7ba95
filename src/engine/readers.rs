//! A few threads that read the log for async callers. Apart because stores block and an async
//! caller must not; the engine spawns no task of anybody's runtime.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::oneshot;

use super::error::EngineError;

type Work = Box<dyn FnOnce() + Send>;

/// A handle to the threads; they end with the last of these.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    queue: SyncSender<Work>,
    reads_max: usize,
}

impl Readers {
    pub(crate) fn start(threads: usize, reads_max: usize) -> Result<Self, EngineError> {
        let (queue, work) = sync_channel(reads_max);
        let work = Arc::new(Mutex::new(work));
        for number in 1..=threads.max(1) {
            let work = Arc::clone(&work);
            let name = format!("roomledger-read-{number}");
            let spawned = thread::Builder::new()
                .name(name)
                .spawn(move || serve(&work));
            spawned.map_err(|error| EngineError::Start {
                problem: error.to_string(),
            })?;
        }
        Ok(Self { queue, reads_max })
    }

    /// Runs blocking work on one of the threads. Dropping the future abandons only the answer.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let (answer, answered) = oneshot::channel();
        let work: Work = Box::new(move || {
            if !answer.is_closed() {
                let _nobody_waits = answer.send(work());
            }
        });
        self.queue.try_send(work).map_err(|error| match error {
            TrySendError::Full(_) => EngineError::Overloaded {
                what: "reads",
                waiting_max: self.reads_max,
            },
            TrySendError::Disconnected(_) => EngineError::Closed,
        })?;
        // The sender is gone only if the work panicked.
        answered.await.map_err(|_| EngineError::Closed)
    }
}

fn serve(queue: &Mutex<Receiver<Work>>) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(work) = next else {
            return;
        };
        // A damaged log may panic in a decoder; the thread lives on, the caller hears of it.
        let _told_by_the_dropped_answer =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    }
}
