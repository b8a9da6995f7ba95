//! Builds a journal from the frames of the other copy, where there is none or an operator chose
//! that copy; apart because an open never does it. It writes the frames bit for bit, and nothing
//! over what is there: the caller has moved the old journal aside.
use std::path::Path;
use std::sync::Arc;

use crate::store::journal::backup::Target;
use crate::store::journal::disk::Disk;
use crate::store::journal::error::JournalError;
use crate::store::journal::frame::{Frame, LOSS_BYTES_MIN, Link};
use crate::store::journal::head::Head;
use crate::store::journal::layout::{FRAMES_OFFSET, Layout};
use crate::store::journal::options::Options;
use crate::store::journal::scan::left_of;
use crate::store::journal::segment::journal_dir;

/// Writes `frames`, in order, as the journal of log `log_id` below `dir`, and a HEAD at `end`, or
/// at the last frame where that is farther. Where the frames lack some, a loss frame leads over
/// them; the caller asks an operator first. Gives the end of the chain. The caller holds the LOCK.
///
/// # Errors
/// `Io`, also of `frames`; `TooLarge` where a frame does not fit the segments of `options`.
pub fn rebuild(
    dir: &Path,
    options: &Options,
    log_id: [u8; 16],
    frames: &mut dyn Iterator<Item = Frame>,
    end: Link,
) -> Result<Link, JournalError> {
    let (disk, journal): (&Arc<dyn Disk>, _) = (&options.disk, journal_dir(dir));
    disk.create_dir(&journal)
        .map_err(|error| JournalError::io("create", &journal, &error))?;
    let layout = Layout {
        segment_bytes: options.segment_bytes,
    };
    let mut building = Building {
        target: Target::open(disk, dir, log_id, options.rooms_of)?,
        layout,
        segment: 1,
        offset: FRAMES_OFFSET,
    };
    for frame in frames {
        let (left, right) = (building.target.link, left_of(&frame));
        if frame.first_position() < left.next_position {
            // Of the past: no part of this chain.
            continue;
        }
        if !frame.follows(&left) {
            building.lead_over((log_id, options.epoch), left, right, &frame)?;
        }
        building.add(&frame)?;
    }
    building.target.finish()?;
    let link = building.target.link;
    let head = Head {
        log_id,
        epoch: options.epoch,
        boot_id: options.boot_id.clone(),
        clean: false,
        segment: building.segment,
        link: if end.next_position > link.next_position {
            end
        } else {
            link
        },
    };
    head.write(disk.as_ref(), dir)?;
    Ok(link)
}

/// A journal that is being built.
struct Building<'a> {
    target: Target<'a>,
    layout: Layout,
    /// Where the next frame goes, if it belongs to the same segment.
    segment: u64,
    offset: u64,
}

impl Building<'_> {
    fn add(&mut self, frame: &Frame) -> Result<(), JournalError> {
        let segment = frame.header().segment;
        let offset = self.offset_in(segment);
        if offset + frame.len() > self.layout.footer_offset() {
            return Err(JournalError::TooLarge {
                actual_bytes: frame.len(),
                max_bytes: self.layout.footer_offset().saturating_sub(offset),
            });
        }
        self.target.add(frame, Some(self.layout))?;
        (self.segment, self.offset) = (segment, offset + frame.len());
        Ok(())
    }

    /// Puts a loss frame between `left` and `right`: where the chain stands, or before the frame
    /// behind the hole when that begins another segment and there is no more room.
    fn lead_over(
        &mut self,
        (log_id, epoch): ([u8; 16], u64),
        left: Link,
        right: Link,
        next: &Frame,
    ) -> Result<(), JournalError> {
        let fits = self.offset + LOSS_BYTES_MIN <= self.layout.footer_offset();
        let segment = if fits {
            self.segment
        } else {
            next.header().segment
        };
        let ids = (log_id, segment, epoch);
        let loss = Frame::loss(ids, &left, &right, LOSS_BYTES_MIN);
        let loss = loss.ok_or(JournalError::OutOfOrder {
            expected: left.next_position,
            actual: right.next_position,
            count: 0,
        })?;
        self.add(&loss)
    }

    fn offset_in(&self, segment: u64) -> u64 {
        if segment == self.segment {
            self.offset
        } else {
            FRAMES_OFFSET
        }
    }
}
