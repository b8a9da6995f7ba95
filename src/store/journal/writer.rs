//! The one place where frames are appended: one write and one fdatasync each; apart so that the
//! path every command waits for can be read at a sitting; it never repairs and never retries.
use std::sync::Arc;

use crate::store::journal::error::JournalError;
use crate::store::journal::footer::Sum;
use crate::store::journal::frame::{FRAME_OVERHEAD_BYTES, Frame, FrameHeader, FrameKind, Link};
use crate::store::journal::layout::Place;
use crate::store::journal::prepare::Preparer;
use crate::store::journal::segment::Segment;
use crate::store::journal::shared::Shared;

/// The end of the journal, as its writer knows it.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    active: Arc<Segment>,
    offset: u64,
    link: Link,
    /// Whether the last frame is a seal, or there is none.
    sealed: bool,
    sum: Sum,
    preparer: Preparer,
    scratch: Vec<u8>,
    frame_bytes_max: u32,
    reserve_bytes: u64,
}

/// Where a writer starts.
pub(crate) struct Start {
    pub(crate) active: Arc<Segment>,
    pub(crate) offset: u64,
    pub(crate) sum: Sum,
}

impl Writer {
    pub(crate) fn new(
        shared: Arc<Shared>,
        start: Start,
        preparer: Preparer,
        frame_bytes_max: u32,
        reserve_bytes: u64,
    ) -> Self {
        let Start {
            active,
            offset,
            sum,
        } = start;
        let (link, sealed) = {
            let live = shared.live();
            (live.link, live.sealed)
        };
        let scratch = Vec::new();
        Self {
            shared,
            active,
            offset,
            link,
            sealed,
            sum,
            preparer,
            scratch,
            frame_bytes_max,
            reserve_bytes,
        }
    }

    /// Appends one commit; it is durable when this returns.
    pub(crate) fn append(
        &mut self,
        first_position: u64,
        count: u32,
        payload: &[&[u8]],
        rooms: &[u64],
    ) -> Result<Frame, JournalError> {
        self.shared.sound()?;
        let expected = self.link.next_position;
        let fits = expected.checked_add(u64::from(count)).is_some();
        if first_position != expected || count == 0 || !fits {
            return Err(JournalError::OutOfOrder {
                expected,
                actual: first_position,
                count,
            });
        }
        let payload_bytes = payload.iter().map(|part| part.len() as u64).sum::<u64>();
        let (actual_bytes, max_bytes) = (
            payload_bytes + FRAME_OVERHEAD_BYTES,
            u64::from(self.frame_bytes_max),
        );
        let payload_bytes = u32::try_from(payload_bytes).ok();
        let Some(payload_bytes) = payload_bytes.filter(|_| actual_bytes <= max_bytes) else {
            return Err(JournalError::TooLarge {
                actual_bytes,
                max_bytes,
            });
        };
        self.check_free_space()?;
        self.put(FrameKind::Commit, count, payload_bytes, payload, rooms)
    }

    /// Seals the last commit, if it is not sealed (log.md rule 3).
    pub(crate) fn seal(&mut self) -> Result<Option<Frame>, JournalError> {
        self.shared.sound()?;
        if self.sealed {
            return Ok(None);
        }
        self.put(FrameKind::Seal, 0, 0, &[], &[]).map(Some)
    }

    pub(crate) fn link(&self) -> Link {
        self.link
    }

    /// Adds rooms of frames that were healed in the active segment.
    pub(crate) fn replace_sum(&mut self, ordinal: u64, sum: Sum) {
        if ordinal == self.active.ordinal {
            self.sum = sum;
        }
    }

    fn check_free_space(&self) -> Result<(), JournalError> {
        let path = &self.shared.dir;
        let free = self.shared.disk.free_bytes(path);
        let free_bytes = free.map_err(|error| JournalError::io("measure", path, &error))?;
        let reserve_bytes = self.reserve_bytes;
        if free_bytes >= reserve_bytes {
            return Ok(());
        }
        Err(JournalError::NearlyFull {
            path: path.clone(),
            free_bytes,
            reserve_bytes,
        })
    }

    fn put(
        &mut self,
        kind: FrameKind,
        count: u32,
        payload_bytes: u32,
        payload: &[&[u8]],
        rooms: &[u64],
    ) -> Result<Frame, JournalError> {
        let mut header = FrameHeader {
            kind,
            log_id: self.shared.log_id,
            segment: self.active.ordinal,
            epoch: self.shared.epoch,
            first_position: self.link.next_position,
            count,
            payload_bytes,
            previous: self.link.hash,
        };
        if self.offset + header.frame_bytes() > self.active.layout.footer_offset() {
            self.roll().map_err(|error| self.shared.poison(error))?;
            header.segment = self.active.ordinal;
        }
        let frame = Frame::encode(&mut self.scratch, header, payload);
        let written = self
            .active
            .write(&self.scratch, self.offset)
            .and_then(|()| self.active.sync_data());
        written.map_err(|error| self.shared.poison(error))?;
        self.scratch.shrink_to(SCRATCH_BYTES_KEPT);
        self.sum.add(&frame, self.offset, rooms);
        self.offset += frame.len();
        self.link = frame.link();
        self.sealed = kind == FrameKind::Seal;
        let mut live = self.shared.live();
        live.end = Place {
            segment: self.active.ordinal,
            offset: self.offset,
        };
        (live.link, live.sealed) = (self.link, self.sealed);
        Ok(frame)
    }

    /// Closes the active segment and goes on in the one prepared: footer, HEAD, and only then the
    /// first frame, so that a segment without a footer is the last one or a damaged one.
    fn roll(&mut self) -> Result<(), JournalError> {
        let next = Arc::new(self.preparer.after(self.active.ordinal)?);
        if self.sum.whole {
            let footer = self.sum.encode(self.shared.log_id, self.active.ordinal);
            self.active
                .write(&footer, self.active.layout.footer_offset())?;
        }
        self.active.settle()?;
        self.sum = Sum::new(self.link, next.layout);
        let start = Place::start_of(next.ordinal);
        self.offset = start.offset;
        self.active = Arc::clone(&next);
        {
            let mut live = self.shared.live();
            live.segments.push(next);
            live.end = start;
        }
        self.shared.write_head(false)
    }
}

/// What the frame buffer may keep: a group (log.md rule 2) and its overhead; a rare larger frame
/// gives its memory back.
const SCRATCH_BYTES_KEPT: usize = 2 << 20;
