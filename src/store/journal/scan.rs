//! Walks the frames of one segment, and says what stands between them; apart because recovery,
//! readers and checks must judge alike; it never writes.
use std::sync::Arc;

use crate::store::journal::error::JournalError;
use crate::store::journal::frame::{
    FRAME_OVERHEAD_BYTES, Fault, Frame, FrameHeader, HEADER_BYTES, Link, MAGIC,
};
use crate::store::journal::layout::FRAMES_OFFSET;
use crate::store::journal::segment::Segment;

/// What a scan of one segment meets next.
pub(crate) enum SegmentStep {
    /// A frame that follows the one before it.
    Frame(Frame, u64),
    /// Bytes that are no such frame, before one that is intact: never an end (log.md rule 4).
    Gap {
        from: u64,
        right: Link,
        fault: Fault,
    },
    /// Bytes that are not zero, and no intact frame behind them in this segment.
    Rest { from: u64, fault: Fault },
    /// Zeros up to the footer.
    End { offset: u64 },
}

/// A scan of one segment.
pub(crate) struct SegmentScan {
    segment: Arc<Segment>,
    log_id: [u8; 16],
    left: Link,
    /// Whether the next frame must link to `left`; else it need only lie behind it.
    linked: bool,
    offset: u64,
    /// Where frames must end: the footer, or what is durable.
    limit: u64,
    /// Whether `limit` is an exact end, behind which nothing is looked at.
    exact: bool,
    window: Window,
    done: bool,
}

impl SegmentScan {
    /// A scan from the first frame; `durable_end` stops it before what is not yet durable.
    pub(crate) fn new(
        segment: Arc<Segment>,
        log_id: [u8; 16],
        left: Link,
        linked: bool,
        durable_end: Option<u64>,
    ) -> Self {
        let footer = segment.layout.footer_offset();
        let limit = durable_end.unwrap_or(footer).min(footer);
        let window = Window::ahead();
        let (offset, exact) = (FRAMES_OFFSET, durable_end.is_some());
        Self {
            segment,
            log_id,
            left,
            linked,
            offset,
            limit,
            exact,
            window,
            done: false,
        }
    }

    /// The same from a later place, where the chain is known.
    pub(crate) fn resumed(mut self, offset: u64) -> Self {
        self.offset = offset;
        self
    }

    /// The next step; `None` after `Rest` and `End`.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn step(&mut self) -> Result<Option<SegmentStep>, JournalError> {
        if self.done {
            return Ok(None);
        }
        if self.exact && self.offset >= self.limit {
            self.done = true;
            return Ok(Some(SegmentStep::End {
                offset: self.offset,
            }));
        }
        let (fault, resume) = match self.frame_at(self.offset)? {
            Ok(frame) if self.follows(&frame) => return Ok(Some(self.accept(frame))),
            Ok(frame) if self.is_behind(&frame) => (Fault::Link, Some((frame, self.offset))),
            Ok(_) => (Fault::Link, self.next_intact()?),
            Err(fault) => {
                let rest = self.segment.content_end(self.offset, self.limit)?;
                if rest.is_none() && !self.exact {
                    self.done = true;
                    return Ok(Some(SegmentStep::End {
                        offset: self.offset,
                    }));
                }
                (fault, self.next_intact()?)
            }
        };
        self.judge(fault, resume)
    }

    /// Says what is wrong at the current offset, after one more look: beside a running writer the
    /// first one may have met a frame half written.
    fn judge(
        &mut self,
        fault: Fault,
        resume: Option<(Frame, u64)>,
    ) -> Result<Option<SegmentStep>, JournalError> {
        self.window.forget();
        if let Ok(frame) = self.frame_at(self.offset)?
            && self.follows(&frame)
        {
            return Ok(Some(self.accept(frame)));
        }
        let from = self.offset;
        let Some((frame, offset)) = resume else {
            self.done = true;
            return Ok(Some(SegmentStep::Rest { from, fault }));
        };
        let right = left_of(&frame);
        (self.left, self.linked, self.offset) = (right, true, offset);
        Ok(Some(SegmentStep::Gap { from, right, fault }))
    }

    fn follows(&self, frame: &Frame) -> bool {
        if self.linked {
            frame.follows(&self.left)
        } else {
            self.is_behind(frame)
        }
    }

    /// Positions never go back: an intact frame of the past is out of place, whatever surrounds it.
    /// A seal takes no position, so a copy of the last one is known by its hash.
    fn is_behind(&self, frame: &Frame) -> bool {
        frame.first_position() >= self.left.next_position && frame.link() != self.left
    }

    fn accept(&mut self, frame: Frame) -> SegmentStep {
        let offset = self.offset;
        self.offset += frame.len();
        (self.left, self.linked) = (frame.link(), true);
        SegmentStep::Frame(frame, offset)
    }

    /// The first intact frame behind the current offset that is no frame of the past. Where the
    /// header of the bad frame is good it tells the place; else every byte is tried, since a
    /// length cannot be trusted.
    fn next_intact(&mut self) -> Result<Option<(Frame, u64)>, JournalError> {
        let header = self.window.at(&self.segment, self.offset, HEADER_BYTES)?;
        if let Ok(header) = FrameHeader::decode(header)
            && let Some(next) = self.offset.checked_add(header.frame_bytes())
            && let Ok(frame) = self.frame_at(next)?
            && self.is_behind(&frame)
        {
            return Ok(Some((frame, next)));
        }
        let mut offset = self.offset + 1;
        while offset + FRAME_OVERHEAD_BYTES <= self.limit {
            let rest = usize::try_from(self.limit - offset).unwrap_or(SEARCH_BYTES);
            let chunk = self
                .window
                .at(&self.segment, offset, rest.min(SEARCH_BYTES))?;
            let starts = chunk.windows(MAGIC.len()).enumerate();
            let found: Vec<u64> = starts
                .filter(|(_, bytes)| *bytes == MAGIC)
                .map(|(index, _)| offset + index as u64)
                .collect();
            // The next chunk overlaps by what a cut magic may need.
            let step = chunk.len().saturating_sub(MAGIC.len() - 1).max(1);
            for candidate in found {
                if let Ok(frame) = self.frame_at(candidate)?
                    && self.is_behind(&frame)
                {
                    return Ok(Some((frame, candidate)));
                }
            }
            offset += step as u64;
        }
        Ok(None)
    }

    /// The frame at `offset`, if it is intact, of this log and segment, and inside the limit.
    fn frame_at(&mut self, offset: u64) -> Result<Result<Frame, Fault>, JournalError> {
        frame_at(
            &mut self.window,
            &self.segment,
            self.log_id,
            offset,
            self.limit,
        )
    }
}

/// The frame at `offset` of `segment`, read afresh.
///
/// # Errors
/// `Io`.
pub(crate) fn read_frame(
    segment: &Segment,
    log_id: [u8; 16],
    offset: u64,
) -> Result<Result<Frame, Fault>, JournalError> {
    frame_at(
        &mut Window::exact(),
        segment,
        log_id,
        offset,
        segment.layout.footer_offset(),
    )
}

/// Whether there is any intact frame of the log in its own segment.
///
/// # Errors
/// `Io`.
pub(crate) fn holds_a_frame(
    segment: &Arc<Segment>,
    log_id: [u8; 16],
) -> Result<bool, JournalError> {
    let mut scan = SegmentScan::new(Arc::clone(segment), log_id, Link::GENESIS, false, None);
    while let Some(step) = scan.step()? {
        if let SegmentStep::Frame(..) = step {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The chain before a frame, as the frame itself tells it.
pub(crate) fn left_of(frame: &Frame) -> Link {
    Link {
        next_position: frame.first_position(),
        hash: frame.header().previous,
    }
}

fn frame_at(
    window: &mut Window,
    segment: &Segment,
    log_id: [u8; 16],
    offset: u64,
    limit: u64,
) -> Result<Result<Frame, Fault>, JournalError> {
    let bytes = window.at(segment, offset, HEADER_BYTES)?;
    if bytes.iter().all(|byte| *byte == 0) {
        return Ok(Err(Fault::Missing));
    }
    let header = match FrameHeader::decode(bytes) {
        Ok(header) => header,
        Err(fault) => return Ok(Err(fault)),
    };
    if header.log_id != log_id {
        return Ok(Err(Fault::OtherLog));
    }
    if header.segment != segment.ordinal {
        return Ok(Err(Fault::OtherSegment));
    }
    let inside = offset
        .checked_add(header.frame_bytes())
        .is_some_and(|end| end <= limit);
    let Ok(length) = usize::try_from(header.frame_bytes()) else {
        return Ok(Err(Fault::Short));
    };
    if !inside {
        return Ok(Err(Fault::Short));
    }
    Ok(Frame::decode(window.at(segment, offset, length)?))
}

/// A buffer over a segment.
struct Window {
    bytes: Vec<u8>,
    start: u64,
    ahead_bytes: usize,
}

impl Window {
    /// One that reads ahead, so that small frames do not cost a system call each.
    fn ahead() -> Self {
        Self {
            ahead_bytes: WINDOW_BYTES,
            ..Self::exact()
        }
    }

    /// One for a single frame.
    fn exact() -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            ahead_bytes: 0,
        }
    }

    /// `length` bytes from `offset`; zeros stand for what lies behind the end of the file.
    fn at(&mut self, segment: &Segment, offset: u64, length: usize) -> Result<&[u8], JournalError> {
        let inside = |window: &Self| {
            let skip = usize::try_from(offset.checked_sub(window.start)?).ok()?;
            Some(skip..skip.checked_add(length)?).filter(|range| range.end <= window.bytes.len())
        };
        let range = if let Some(range) = inside(self) {
            range
        } else {
            let rest = segment.layout.segment_bytes.saturating_sub(offset);
            let ahead = usize::try_from(rest)
                .unwrap_or(WINDOW_BYTES)
                .min(self.ahead_bytes);
            self.bytes.resize(length.max(ahead), 0);
            self.start = offset;
            segment.read(&mut self.bytes, offset)?;
            0..length
        };
        Ok(self.bytes.get(range).unwrap_or_default())
    }

    /// Makes the next read a fresh one.
    fn forget(&mut self) {
        self.bytes.clear();
    }
}

/// Read ahead: far beyond a small frame, far below what the processor's caches hold.
const WINDOW_BYTES: usize = 256 << 10;
/// How much is searched for an intact frame at once.
const SEARCH_BYTES: usize = 64 << 10;
