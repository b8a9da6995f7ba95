//! How a journal is opened, apart because clock, entropy and disk come in here as arguments; it
//! never reads any of them itself.
use std::sync::Arc;

use crate::store::journal::disk::{Disk, RealDisk};
use crate::store::journal::error::JournalError;
use crate::store::journal::layout::{Layout, SEGMENT_BYTES};

/// How a journal is opened.
#[derive(Clone)]
pub struct Options {
    /// Size of new segments, in bytes, up to 256 MiB; existing ones keep theirs.
    pub segment_bytes: u64,
    /// Largest frame, overhead included, in bytes; more is refused.
    pub frame_bytes_max: u32,
    /// Free space below which nothing is appended, in bytes; 0: none is kept, and nobody looks.
    pub reserve_bytes: u64,
    /// A random number for this open (log.md rule 10).
    pub epoch: u64,
    /// A random id, used only when a log begins.
    pub log_id: [u8; 16],
    /// The machine's boot id.
    pub boot_id: String,
    /// The hashes of the rooms in a payload, for footers that are written from what was read.
    pub rooms_of: fn(&[u8]) -> Vec<u64>,
    /// Whether a thread prepares the next segment while one fills. Without it the writer does so
    /// itself at the roll: for simulations, in which every operation has its turn.
    pub prepare_ahead: bool,
    /// The file system.
    pub disk: Arc<dyn Disk>,
}

impl Options {
    /// The options of log.md: segments of 64 MiB, frames up to 32 MiB, 64 MiB in reserve.
    pub fn new(epoch: u64, log_id: [u8; 16], boot_id: String) -> Self {
        Self {
            segment_bytes: 64 << 20,
            frame_bytes_max: 32 << 20,
            // One segment can always be prepared, and what is in flight be applied.
            reserve_bytes: 64 << 20,
            epoch,
            log_id,
            boot_id,
            rooms_of: |_| Vec::new(),
            prepare_ahead: true,
            disk: Arc::new(RealDisk),
        }
    }

    pub(crate) fn validate(&self) -> Result<(), JournalError> {
        let room = Layout {
            segment_bytes: self.segment_bytes,
        }
        .frame_bytes_max();
        if !SEGMENT_BYTES.contains(&self.segment_bytes) {
            let (least, most) = (SEGMENT_BYTES.start(), SEGMENT_BYTES.end());
            return Err(JournalError::Options(format!(
                "a segment of {} bytes is not between {least} and {most}",
                self.segment_bytes
            )));
        }
        if u64::from(self.frame_bytes_max) <= room {
            return Ok(());
        }
        Err(JournalError::Options(format!(
            "a frame of {} bytes does not fit into a segment of {}, which has room for {room}",
            self.frame_bytes_max, self.segment_bytes
        )))
    }
}
