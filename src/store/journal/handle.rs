//! The handles of an open journal: the writer's, and the applier's on HEAD; apart because they are
//! all that the store above holds. They decide nothing.
use std::path::Path;
use std::sync::Arc;

use crate::store::journal::error::{Damage, JournalError};
use crate::store::journal::frame::{Frame, Link};
use crate::store::journal::options::Options;
use crate::store::journal::reader::JournalReader;
use crate::store::journal::recover::{self, Recovery};
use crate::store::journal::shared::Shared;
use crate::store::journal::writer::Writer;

/// The journal, open for writing: one per data directory, used by one thread.
pub struct Journal {
    pub(crate) shared: Arc<Shared>,
    pub(crate) options: Options,
    /// `None` while the end waits for healing.
    pub(crate) writer: Option<Writer>,
    pub(crate) damage: Vec<Damage>,
}

impl Journal {
    /// Opens the journal below `dir`, or begins one; what it returns is durable. While the end
    /// is damaged (`Recovery::waits_for`) it can be read, and appends are refused until
    /// [`Self::heal`]. The lock is held until the last handle, readers included, is dropped.
    ///
    /// # Errors
    /// `Locked`, `LockReplaced`; `HeadUnusable`, `OtherLog`, `OtherHistory` when what is there
    /// cannot be trusted; `Options`; `Io`.
    pub fn open(dir: &Path, options: Options) -> Result<(Self, Recovery), JournalError> {
        options.validate()?;
        let (shared, survey) = recover::lock_and_look(dir, &options)?;
        let (writer, recovery) = match survey {
            None => {
                let (writer, recovery) = recover::begin(&shared, &options)?;
                (Some(writer), recovery)
            }
            Some(survey) => {
                let mut recovery = recover::report(&shared, &survey);
                let sound = survey.waits_for().is_none();
                let finish = || recover::finish(&shared, &options, survey, &mut recovery);
                (sound.then(finish).transpose()?, recovery)
            }
        };
        let damage = recovery.damage.clone();
        Ok((
            Self {
                shared,
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
    /// `OutOfOrder`, `TooLarge`, `NearlyFull`, `Unmeasured`: nothing was written. `Damaged`: the
    /// end waits for healing. `Io`: the outcome is unknown, and from now on all is `Poisoned`.
    pub fn append(
        &mut self,
        first_position: u64,
        count: u32,
        payload: &[&[u8]],
        rooms: &[u64],
    ) -> Result<Frame, JournalError> {
        self.writer()?.append(first_position, count, payload, rooms)
    }

    /// Says how much the other copy has yet to write to the same file system: the next append asks
    /// for as much above the reserve (log.md rule 14).
    pub fn set_owed(&mut self, owed_bytes: u64) {
        if let Some(writer) = &mut self.writer {
            writer.owed_bytes = owed_bytes;
        }
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
        self.shared.write_head(true)
    }

    /// The end of the chain that is durable.
    pub fn end(&self) -> Link {
        self.writer
            .as_ref()
            .map_or_else(|| self.shared.live().link, Writer::link)
    }

    /// The log.
    pub fn log_id(&self) -> [u8; 16] {
        self.shared.log_id
    }

    /// What only the other copy can heal, as far as it is known.
    pub fn damage(&self) -> &[Damage] {
        &self.damage
    }

    /// Whether the end waits for healing, so that nothing can be appended.
    pub fn waits(&self) -> bool {
        self.writer.is_none()
    }

    /// Whether every byte is as it should be, read afresh.
    ///
    /// # Errors
    /// `Io`.
    pub fn is_whole(&self) -> Result<bool, JournalError> {
        let mut frames = self.reader().frames_from(1)?;
        let damaged = frames.any(|frame| frame.is_err());
        Ok(!damaged && !self.waits())
    }

    /// A reader of this process, up to what is durable.
    pub fn reader(&self) -> JournalReader {
        JournalReader::live(Arc::clone(&self.shared))
    }

    /// The handle that keeps HEAD ahead of sled.
    pub fn head_keeper(&self) -> HeadKeeper {
        HeadKeeper(Arc::clone(&self.shared))
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
pub struct HeadKeeper(Arc<Shared>);

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
