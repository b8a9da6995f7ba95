//! Where things stand in a segment file, apart because everything that touches one must agree; it
//! knows no bytes.

use std::ops::RangeInclusive;

/// Where things stand in a segment of a given size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) segment_bytes: u64,
}

impl Layout {
    /// Bytes of the room filter: 1/1024 of the segment, so 64 KiB at 64 MiB (10 bits each for
    /// 50,000 rooms: one segment in a hundred is read in vain).
    pub(crate) fn filter_bytes(self) -> u64 {
        (self.segment_bytes / 1024).clamp(64, 65_536)
    }

    /// Where the footer starts, and frames must end.
    pub(crate) fn footer_offset(self) -> u64 {
        let footer = FOOTER_BYTES as u64 + self.filter_bytes();
        self.segment_bytes.saturating_sub(footer)
    }

    /// The largest frame that fits into an empty segment.
    pub(crate) fn frame_bytes_max(self) -> u64 {
        self.footer_offset().saturating_sub(FRAMES_OFFSET)
    }
}

/// A place in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Segment ordinal, from 1.
    pub segment: u64,
    /// Byte offset in the segment.
    pub offset: u64,
}

impl Place {
    /// Where the first frame of a segment stands.
    pub(crate) fn start_of(segment: u64) -> Self {
        Self {
            segment,
            offset: FRAMES_OFFSET,
        }
    }
}

/// A segment's own header, zero filled.
pub(crate) const HEADER_BYTES: usize = 64;
/// Frames start behind the header.
pub(crate) const FRAMES_OFFSET: u64 = HEADER_BYTES as u64;
/// A footer without its room filter, zero filled.
pub(crate) const FOOTER_BYTES: usize = 128;
/// Sizes that a segment can have: a header and a footer at least; at most one that is read whole
/// into memory. A header that says otherwise is a bad one, whatever its checksum.
pub(crate) const SEGMENT_BYTES: RangeInclusive<u64> = 256..=1 << 28;
/// What a segment's file can be at most: what stands behind a segment's own end is cut off at the
/// next open, once it was read, and twice a segment is soon read.
pub(crate) const SEGMENT_FILE_BYTES_MAX: u64 = 1 << 29;
