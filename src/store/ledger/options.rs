//! How a ledger is opened. Apart because entropy and sizes come in here as arguments, so that
//! tests can have small ones. It draws nothing itself.

use std::sync::Arc;
use std::time::Duration;

use crate::store::journal::{self, Disk, RealDisk};
use crate::store::stream::streams_of;

/// How a ledger is opened.
#[derive(Clone)]
pub struct LedgerOptions {
    /// A random number for this open (log.md rule 10).
    pub epoch: u64,
    /// A random id, used only when a log begins.
    pub log_id: [u8; 16],
    /// The machine's boot id, see [`boot_id`].
    pub boot_id: String,
    /// Size of new segments of the journal, in bytes, up to 256 MiB.
    pub segment_bytes: u64,
    /// Largest frame, overhead included, in bytes.
    pub frame_bytes_max: u32,
    /// Free space below which nothing is appended, in bytes, beside what the indexed copy still has
    /// to write; 0: none is kept, and nobody looks.
    pub reserve_bytes: u64,
    /// How far the indexed copy may lag behind, in bytes of frames kept in memory.
    pub tail_bytes_max: u64,
    /// What sled may keep in memory, in bytes.
    pub sled_cache_bytes: u64,
    /// How long an open waits for history. What it learns later is not in the [`OpenReport`], and
    /// stops the ledger where it would have refused to open.
    ///
    /// [`OpenReport`]: crate::store::ledger::OpenReport
    pub open_wait: Duration,
    /// How long a read of history waits while the indexed copy is still being opened.
    pub read_wait: Duration,
    /// How fast both copies are read through in the background, in bytes of the journal a second;
    /// 0 for not at all.
    pub scrub_bytes_per_s: u64,
    /// How long that rests before each pass.
    pub scrub_pause: Duration,
    /// The file system under the journal.
    pub disk: Arc<dyn Disk>,
}

impl LedgerOptions {
    /// The sizes of log.md.
    pub fn new(epoch: u64, log_id: [u8; 16], boot_id: String) -> Self {
        let journal = journal::Options::new(epoch, log_id, String::new());
        Self {
            epoch,
            log_id,
            boot_id,
            segment_bytes: journal.segment_bytes,
            frame_bytes_max: journal.frame_bytes_max,
            reserve_bytes: journal.reserve_bytes,
            // Two of the largest frames, and seconds of the usual ones.
            tail_bytes_max: 64 << 20,
            sled_cache_bytes: 64 << 20,
            open_wait: Duration::from_millis(500),
            // log.md rule 9: then the caller is told to come again.
            read_wait: Duration::from_secs(2),
            // A gigabyte in nine minutes, and a hundredth of what a disk does.
            scrub_bytes_per_s: 2 << 20,
            scrub_pause: Duration::from_secs(60 * 60),
            disk: Arc::new(RealDisk),
        }
    }

    pub(crate) fn journal(&self) -> journal::Options {
        journal::Options {
            segment_bytes: self.segment_bytes,
            frame_bytes_max: self.frame_bytes_max,
            reserve_bytes: self.reserve_bytes,
            rooms_of: streams_of,
            disk: Arc::clone(&self.disk),
            ..journal::Options::new(self.epoch, self.log_id, self.boot_id.clone())
        }
    }
}

/// The id of the machine's present boot: after another one, what was written and not synced may be
/// gone. Empty where the system does not tell, which counts as another boot every time.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}
