//! Makes the next segment ready (log.md rule 5), by a thread while the active one fills; apart so
//! that a roll costs no zeroing. It never touches the active segment.
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::store::journal::disk::Disk;
use crate::store::journal::error::JournalError;
use crate::store::journal::layout::Layout;
use crate::store::journal::segment::Segment;

/// What a new segment needs but its ordinal.
pub(crate) struct Mould {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) dir: PathBuf,
    pub(crate) log_id: [u8; 16],
    pub(crate) layout: Layout,
}

impl Mould {
    pub(crate) fn cast(&self, ordinal: u64) -> Result<Segment, JournalError> {
        Segment::prepare(&self.disk, &self.dir, ordinal, self.log_id, self.layout)
    }
}

/// Prepares one segment after the other.
pub(crate) enum Preparer {
    /// By a thread, one ahead.
    Ahead(Ahead),
    /// When it is asked for.
    Inline(Mould),
}

/// The thread.
pub(crate) struct Ahead {
    requests: Option<Sender<u64>>,
    ready: Receiver<Result<Segment, JournalError>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Preparer {
    /// Starts the thread, and with it the preparation of segment `next`.
    ///
    /// # Errors
    /// `Io` when no thread can be started.
    pub(crate) fn start_ahead(mould: Mould, next: u64) -> Result<Self, JournalError> {
        let (requests, orders) = channel::<u64>();
        let (results, ready) = channel();
        let dir = mould.dir.clone();
        let work = move || {
            for ordinal in orders {
                if results.send(mould.cast(ordinal)).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new()
            .name("journal-prepare".to_owned())
            .spawn(work);
        let thread =
            thread.map_err(|error| JournalError::io("start a thread for", &dir, &error))?;
        let ahead = Ahead {
            requests: Some(requests),
            ready,
            thread: Some(thread),
        };
        ahead.request(next);
        Ok(Self::Ahead(ahead))
    }

    /// The segment after `ordinal`, ready for its first frame.
    ///
    /// # Errors
    /// Why it could not be prepared.
    pub(crate) fn after(&self, ordinal: u64) -> Result<Segment, JournalError> {
        match self {
            Self::Inline(mould) => mould.cast(ordinal + 1),
            Self::Ahead(ahead) => {
                let gone = |_| {
                    let first = "the preparing thread is gone".to_owned();
                    JournalError::Poisoned { first }
                };
                let segment = ahead.ready.recv().map_err(gone)??;
                ahead.request(segment.ordinal + 1);
                Ok(segment)
            }
        }
    }
}

impl Ahead {
    fn request(&self, ordinal: u64) {
        // A thread that is gone shows when its segment is asked for.
        if let Some(requests) = &self.requests {
            let _ = requests.send(ordinal);
        }
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
