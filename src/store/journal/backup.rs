//! Copies a journal, frame by frame, into a directory of its own, and adds to it later only what
//! is new: apart because it reads one journal without a lock while it writes another. It never
//! writes to the one it reads, and copies nothing that it has not verified.
//!
//! A last commit that nothing seals is copied too: somebody may have been answered (log.md rule
//! 11). Beside a writer it may also be one that a power cut takes back, and the ledger then goes on
//! with another. So HEAD of a copy knows sealed frames only, and what a copy has behind HEAD gives
//! way to what the original has there, and is kept aside.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::journal::aside;
use crate::store::journal::disk::Disk;
use crate::store::journal::error::JournalError;
use crate::store::journal::footer::Sum;
use crate::store::journal::frame::{Frame, FrameKind, Link, short_hex};
use crate::store::journal::head::{self, Head};
use crate::store::journal::layout::{FRAMES_OFFSET, Layout, Place};
use crate::store::journal::put_aside;
use crate::store::journal::reader::JournalReader;
use crate::store::journal::scan::left_of;
use crate::store::journal::segment::{self, Segment, journal_dir};
use crate::store::journal::survey::{Scope, Tail, survey};

/// What a copy came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// The end of the copy before.
    pub from: Link,
    /// Its end now.
    pub to: Link,
    /// Bytes of the frames that were added.
    pub bytes: u64,
    /// First and last position of its last commit, where nothing seals that yet.
    pub unsealed: Option<(u64, u64)>,
    /// First and last position of an unsealed commit of the copy that is not in the original: what
    /// stands there instead was copied, and the commit is in `aside/`.
    pub replaced: Option<(u64, u64)>,
}

/// Brings the journal below `to` up to the last intact frame of the one below `from`; begins it
/// when there is none. Works beside a writer of `from`, and takes the LOCK of `to`.
///
/// # Errors
/// `Damaged` when `from` has a hole; `OtherBackup` when `to` has something else; `Locked`; `Io`;
/// what a look at either can say.
pub fn backup(
    disk: &Arc<dyn Disk>,
    from: &Path,
    to: &Path,
    rooms_of: fn(&[u8]) -> Vec<u64>,
) -> Result<Copied, JournalError> {
    for path in [to, &journal_dir(to)] {
        let made = disk.create_dir(path);
        made.map_err(|error| JournalError::io("create", path, &error))?;
    }
    let lock = to.join("LOCK");
    let note = format!("pid {} (backup)\n", std::process::id());
    let held = disk.lock(&lock, &note);
    let _held = match held.map_err(|error| JournalError::io("lock", &lock, &error))? {
        Ok(held) => held,
        Err(holder) => return Err(JournalError::Locked { path: lock, holder }),
    };
    let source = JournalReader::open(Arc::clone(disk), from)?;
    let Some(log_id) = source.log_id() else {
        let path = head::path(from);
        let (dir, why) = (from.to_path_buf(), "is missing".to_owned());
        return Err(JournalError::HeadUnusable { path, dir, why });
    };
    let layouts = segment::list(disk, from)?;
    let layout_of = |ordinal: u64| {
        let same = layouts.iter().find(|segment| segment.ordinal == ordinal);
        same.or(layouts.last()).map(|segment| segment.layout)
    };
    let mut target = Target::open(disk, to, log_id, rooms_of)?;
    let before = target.link;
    let (mut bytes, mut replaced) = (0, None);
    let (sealed, mut loose) = (target.sealed(), target.loose.clone());
    let mut known = sealed == Link::GENESIS;
    for frame in source.frames_from(sealed.position())? {
        let frame = frame?;
        if !known {
            known = frame.link() == sealed;
            continue;
        }
        if let Some((loose, place)) = loose.take() {
            if frame.link() == loose.link() {
                continue;
            }
            replaced = Some(reach(&loose));
            target = target.without(&loose, place)?;
        }
        bytes += target.add(&frame, layout_of(frame.header().segment))?;
    }
    if !known {
        let actual = source.frame_containing(sealed.position())?;
        let (position, theirs) = (sealed.position(), short_hex(&sealed.hash));
        let ours = actual.map_or_else(|| "none".to_owned(), |frame| short_hex(frame.hash()));
        return Err(JournalError::OtherBackup {
            path: head::path(to),
            actual: format!("one of two histories, with hash {theirs} at position {position}"),
            expected: format!("the one with hash {ours} there"),
        });
    }
    target.finish()?;
    Ok(Copied {
        from: before,
        to: target.link,
        bytes,
        unsealed: target.loose.map(|(loose, _)| reach(&loose)),
        replaced,
    })
}

fn reach(commit: &Frame) -> (u64, u64) {
    (commit.first_position(), commit.last_position())
}

/// The copy that is written.
pub(crate) struct Target<'a> {
    disk: &'a Arc<dyn Disk>,
    dir: PathBuf,
    log_id: [u8; 16],
    rooms_of: fn(&[u8]) -> Vec<u64>,
    active: Option<Active>,
    pub(crate) link: Link,
    /// Its last commit and where it stands, where nothing seals it and HEAD does not know it.
    loose: Option<(Frame, Place)>,
}

/// The segment that is written to.
struct Active {
    segment: Arc<Segment>,
    offset: u64,
    sum: Sum,
}

impl<'a> Target<'a> {
    /// The copy in `to`, or the beginning of one.
    ///
    /// # Errors
    /// `OtherBackup`; `Damaged`; `Io`; what a look at it can say.
    pub(crate) fn open(
        disk: &'a Arc<dyn Disk>,
        to: &Path,
        log_id: [u8; 16],
        rooms_of: fn(&[u8]) -> Vec<u64>,
    ) -> Result<Self, JournalError> {
        let scope = Scope {
            rooms_of,
            ..Scope::reading(disk, to)
        };
        let mut target = Self {
            disk,
            dir: to.to_path_buf(),
            log_id,
            rooms_of,
            active: None,
            link: Link::GENESIS,
            loose: None,
        };
        let Some(mut found) = survey(&scope)? else {
            // HEAD first: a copy that was cut short is then the beginning of one.
            target.write_head(1)?;
            return Ok(target);
        };
        if found.head.log_id != log_id {
            return Err(JournalError::OtherBackup {
                path: head::path(to),
                actual: format!("log {}", super::frame::hex(&found.head.log_id)),
                expected: format!("log {}", super::frame::hex(&log_id)),
            });
        }
        if let Some(damage) = found.damage().into_iter().next() {
            return Err(JournalError::Damaged(damage));
        }
        target.link = found.left;
        let active = found.segments.last().cloned();
        // A footer is written only once there is something to follow.
        let is_open = match &active {
            Some(segment) => segment.footer(log_id)?.good().is_none(),
            None => false,
        };
        target.loose = found.last.take().filter(|(last, _)| {
            is_open && last.kind() == FrameKind::Commit && last.link() != found.head.link
        });
        target.active = active.map(|segment| {
            let new = || Sum::new(found.left, segment.layout);
            let sum = found.sums.remove(&segment.ordinal).unwrap_or_else(new);
            let offset = found.end.offset;
            Active {
                segment,
                offset,
                sum,
            }
        });
        if let (Tail::Unsealed(_), Some(active)) = (found.tail, &target.active) {
            // What an earlier run left half written; it is in the original.
            let segment = &active.segment;
            segment.zero(active.offset, segment.layout.footer_offset())?;
        }
        Ok(target)
    }

    /// Where the chain of the copy is what the original's must be.
    fn sealed(&self) -> Link {
        self.loose
            .as_ref()
            .map_or(self.link, |(loose, _)| left_of(loose))
    }

    /// The copy without its last commit, which stands at `place` and is kept aside.
    fn without(self, loose: &Frame, place: Place) -> Result<Self, JournalError> {
        let (disk, dir) = (self.disk, self.dir);
        let (from, to) = (place.offset, place.offset + loose.len());
        if let Some(Active { segment, .. }) = self.active {
            let folder = put_aside::folder(&dir);
            let made = disk.create_dir(&folder);
            made.map_err(|error| JournalError::io("create", &folder, &error))?;
            aside::keep(disk.as_ref(), &dir, &segment, from, to)?;
            segment.zero(from, to)?;
            segment.settle()?;
        }
        Self::open(disk, &dir, self.log_id, self.rooms_of)
    }

    /// Adds a frame that follows; `layout` is that of its segment.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn add(
        &mut self,
        frame: &Frame,
        layout: Option<Layout>,
    ) -> Result<u64, JournalError> {
        let ordinal = frame.header().segment;
        let is_here = |active: &Active| active.segment.ordinal == ordinal;
        if !self.active.as_ref().is_some_and(is_here) {
            self.close_segment()?;
            let default = Layout {
                segment_bytes: DEFAULT_SEGMENT_BYTES,
            };
            let layout = layout.unwrap_or(default);
            let (disk, dir) = (self.disk, &self.dir);
            let segment = Segment::prepare(disk, dir, ordinal, self.log_id, layout)?;
            self.active = Some(Active {
                segment: Arc::new(segment),
                offset: FRAMES_OFFSET,
                sum: Sum::new(left_of(frame), layout),
            });
        }
        let rooms = (self.rooms_of)(frame.payload());
        let Some(active) = &mut self.active else {
            return Ok(0);
        };
        active.segment.write(frame.bytes(), active.offset)?;
        active.sum.add(frame, active.offset, &rooms);
        let place = Place {
            segment: ordinal,
            offset: active.offset,
        };
        let is_loose = frame.kind() == FrameKind::Commit;
        self.loose = is_loose.then(|| (frame.clone(), place));
        active.offset += frame.len();
        self.link = frame.link();
        Ok(frame.len())
    }

    /// The footer, as the writer of a ledger gives it to a segment that it leaves (rule 7).
    fn close_segment(&mut self) -> Result<(), JournalError> {
        let Some(active) = self.active.take() else {
            return Ok(());
        };
        let footer = active.sum.encode(self.log_id, active.segment.ordinal);
        let offset = active.segment.layout.footer_offset();
        active.segment.write(&footer, offset)?;
        active.segment.settle()
    }

    /// Makes all of it durable.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn finish(&mut self) -> Result<(), JournalError> {
        if let Some(active) = &self.active {
            active.segment.sync_data()?;
        }
        let ordinal = self
            .active
            .as_ref()
            .map_or(1, |active| active.segment.ordinal);
        self.write_head(ordinal)
    }

    fn write_head(&self, segment: u64) -> Result<(), JournalError> {
        let head = Head {
            log_id: self.log_id,
            epoch: 0,
            boot_id: String::new(),
            clean: false,
            segment,
            link: self.sealed(),
        };
        head.write(self.disk.as_ref(), &self.dir)
    }
}

/// Where the original does not tell: as log.md has it.
const DEFAULT_SEGMENT_BYTES: u64 = 64 << 20;
