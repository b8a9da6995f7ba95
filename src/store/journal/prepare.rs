//! The thread that makes the next segment ready while the active one fills (log.md rule 5), apart
//! so that a roll costs no zeroing; it never touches the active segment.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::store::journal::disk::Disk;
use crate::store::journal::error::JournalError;
use crate::store::journal::layout::Layout;
use crate::store::journal::segment::Segment;

/// A thread that prepares one segment per request.
pub(crate) struct Preparer {
    requests: Option<Sender<u64>>,
    ready: Receiver<Result<Segment, JournalError>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Preparer {
    /// Starts the thread, and with it the preparation of segment `ordinal`.
    ///
    /// # Errors
    /// `Io` when no thread can be started.
    pub(crate) fn start(
        disk: Arc<dyn Disk>,
        dir: PathBuf,
        log_id: [u8; 16],
        layout: Layout,
        ordinal: u64,
    ) -> Result<Self, JournalError> {
        let (requests, orders) = channel::<u64>();
        let (results, ready) = channel();
        let failed_in = dir.clone();
        let work = move || {
            for ordinal in orders {
                let segment = Segment::prepare(disk.as_ref(), &dir, ordinal, log_id, layout);
                if results.send(segment).is_err() {
                    return;
                }
            }
        };
        let named = thread::Builder::new().name("journal-prepare".to_owned());
        let thread = named.spawn(work);
        let thread =
            thread.map_err(|error| JournalError::io("start a thread for", &failed_in, &error))?;
        let preparer = Self {
            requests: Some(requests),
            ready,
            thread: Some(thread),
        };
        preparer.request(ordinal);
        Ok(preparer)
    }

    /// Waits for the segment that is being prepared, and has the one after it prepared.
    ///
    /// # Errors
    /// Why it could not be prepared.
    pub(crate) fn take(&self) -> Result<Segment, JournalError> {
        let gone = |_| JournalError::Poisoned {
            first: "the preparing thread is gone".to_owned(),
        };
        let segment = self.ready.recv().map_err(gone)??;
        self.request(segment.ordinal + 1);
        Ok(segment)
    }

    fn request(&self, ordinal: u64) {
        // A thread that is gone shows at the next `take`.
        if let Some(requests) = &self.requests {
            let _ = requests.send(ordinal);
        }
    }
}

impl Drop for Preparer {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
