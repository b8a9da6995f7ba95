//! The journal: two rules above all, durable before answered and never silently shorter; apart
//! from sled because each of the two copies heals the other. It knows bytes only: what a payload
//! means is decided elsewhere. (log.md rules 1 to 8, 10, 11, 14 and 20.)
mod aside;
mod chain;
mod check;
mod core;
mod disk;
mod error;
mod footer;
mod frame;
mod head;
mod heal;
mod lock;
mod prepare;
mod reader;
mod recover;
mod scan;
mod segment;
mod survey;
mod writer;

use std::path::Path;
use std::sync::Arc;

pub use self::aside::Aside;
pub use self::check::{CheckReport, Finding, check};
pub use self::disk::{Disk, DiskFile, RealDisk};
pub use self::error::{Damage, JournalError};
pub use self::frame::{Fault, Frame, FrameHeader, FrameKind, Hash, Link, short_hex};

pub use self::heal::FrameSource;
pub use self::reader::{Frames, JournalReader, ReaderEnd};
pub use self::recover::Recovery;
pub use self::segment::Place;

use self::core::Core;
use self::segment::Layout;
use self::writer::Writer;

/// How a journal is opened.
#[derive(Clone)]
pub struct Options {
    /// Size of new segments, in bytes; existing ones keep theirs.
    pub segment_bytes: u64,
    /// Largest frame, overhead included, in bytes; more is refused.
    pub frame_bytes_max: u32,
    /// Free space below which nothing is appended, in bytes.
    pub reserve_bytes: u64,
    /// A random number for this open (log.md rule 10).
    pub epoch: u64,
    /// A random id, used only when a log begins.
    pub log_id: [u8; 16],
    /// The machine's boot id.
    pub boot_id: String,
    /// The hashes of the rooms in a payload, for footers that are written from what was read.
    pub rooms_of: fn(&[u8]) -> Vec<u64>,
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
            disk: Arc::new(RealDisk),
        }
    }

    fn validate(&self) -> Result<(), JournalError> {
        let room = Layout {
            segment_bytes: self.segment_bytes,
        }
        .frame_bytes_max();
        if u64::from(self.frame_bytes_max) <= room {
            return Ok(());
        }
        Err(JournalError::Options(format!(
            "a frame of {} bytes does not fit into a segment of {}, which has room for {room}",
            self.frame_bytes_max, self.segment_bytes
        )))
    }
}

/// What was put right, and from what.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repair {
    /// What it is.
    pub kind: RepairKind,
    /// Ordinal of the segment.
    pub segment: u64,
    /// Where the first byte stands.
    pub offset: u64,
    /// How many bytes were written.
    pub bytes: u64,
    /// First position that can be read again; 0 when no position was lost.
    pub first_position: u64,
    /// Last position that can be read again; 0 when no position was lost.
    pub last_position: u64,
    /// What was wrong.
    pub why: Fault,
}

impl Repair {
    fn of_file(kind: RepairKind, segment: u64, offset: u64, bytes: u64) -> Self {
        let why = Fault::Header;
        Self {
            kind,
            segment,
            offset,
            bytes,
            first_position: 0,
            last_position: 0,
            why,
        }
    }
}

/// What was repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepairKind {
    /// Frames, from the other copy.
    Frames,
    /// A segment's header, from HEAD.
    Header,
    /// A segment's footer, from its frames.
    Footer,
}

/// The journal, open for writing: one per data directory, used by one thread.
pub struct Journal {
    core: Arc<Core>,
    options: Options,
    /// `None` while the end waits for healing.
    writer: Option<Writer>,
    damage: Vec<Damage>,
}

impl Journal {
    /// Opens the journal below `dir`, or begins one; what it returns is durable. When the end is
    /// damaged (`Recovery::waits_for`) it can be read, and appends are refused until [`Self::heal`].
    ///
    /// # Errors
    /// `Locked`, `LockReplaced`; `HeadUnusable`, `OtherLog`, `OtherHistory` when what is there
    /// cannot be trusted; `Options`; `Io`.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Recovery), JournalError> {
        options.validate()?;
        let (core, survey) = recover::lock_and_look(dir, &options)?;
        let (writer, recovery) = match survey {
            None => {
                let (writer, recovery) = recover::begin(&core, &options)?;
                (Some(writer), recovery)
            }
            Some(survey) => {
                let mut recovery = recover::report(&core, &survey);
                let sound = survey.waits_for().is_none();
                let finish = || recover::finish(&core, &options, survey, &mut recovery);
                (sound.then(finish).transpose()?, recovery)
            }
        };
        let damage = recovery.damage.clone();
        Ok((
            Self {
                core,
                options,
                writer,
                damage,
            },
            recovery,
        ))
    }

    /// Appends one commit of `count` positions from `first_position` on; it is durable when this
    /// returns. `rooms` are the hashes of the rooms in it.
    ///
    /// # Errors
    /// `OutOfOrder`, `TooLarge`, `NearlyFull`: nothing was written. `Damaged`: the end waits for
    /// healing. `Io`: the outcome is unknown, and from now on everything is `Poisoned`.
    pub fn append(
        &mut self,
        first_position: u64,
        count: u32,
        payload: &[&[u8]],
        rooms: &[u64],
    ) -> Result<Frame, JournalError> {
        self.writer()?.append(first_position, count, payload, rooms)
    }

    /// Confirms the last commit by a seal frame; `None` when it is confirmed already.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn seal(&mut self) -> Result<Option<Frame>, JournalError> {
        self.writer()?.seal()
    }

    /// Closes the journal: sealed, HEAD marked clean. The caller has sealed before, given the seal
    /// to sled, and synced sled; a journal that is just dropped counts as not closed.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn close(mut self) -> Result<(), JournalError> {
        self.seal()?;
        self.core.write_head(true)
    }

    /// The end of the chain that is durable.
    pub fn end(&self) -> Link {
        self.writer
            .as_ref()
            .map_or_else(|| self.core.live().link, Writer::link)
    }

    /// The log.
    pub fn log_id(&self) -> [u8; 16] {
        self.core.log_id
    }

    /// What only the other copy can heal, as far as it is known.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// A reader of this process, up to what is durable.
    pub fn reader(&self) -> JournalReader {
        JournalReader::live(Arc::clone(&self.core))
    }

    /// The handle that keeps HEAD ahead of sled.
    pub fn head_keeper(&self) -> HeadKeeper {
        HeadKeeper(Arc::clone(&self.core))
    }

    fn writer(&mut self) -> Result<&mut Writer, JournalError> {
        let damage = self.damage.last();
        self.writer.as_mut().ok_or_else(|| match damage {
            Some(damage) => JournalError::Damaged(damage.clone()),
            None => JournalError::Poisoned {
                first: "an earlier recovery failed".to_owned(),
            },
        })
    }
}

/// Keeps HEAD ahead of sled (log.md rule 6), from the thread that applies.
#[derive(Clone)]
pub struct HeadKeeper(Arc<Core>);

impl HeadKeeper {
    /// Whether sled may be given `frame`. `false` means: not yet, ask again in a few milliseconds;
    /// HEAD is written at most every 50 ms of `now_ms`, a clock that never goes back.
    ///
    /// # Errors
    /// `Io`, which poisons the journal; `Poisoned`.
    pub fn admit(&self, frame: &Frame, now_ms: u64) -> Result<bool, JournalError> {
        self.0.admit(frame, now_ms)
    }

    /// Refuses once a write or sync of the journal has failed.
    ///
    /// # Errors
    /// `Poisoned`.
    pub fn sound(&self) -> Result<(), JournalError> {
        self.0.sound()
    }
}
