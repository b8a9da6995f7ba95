//! Opens a journal for writing: takes the lock, judges what is there, and makes it durable before
//! anything is served (log.md rules 4, 6 and 8); apart from the judging, which writes nothing. It
//! never makes a journal shorter without keeping what it zeroes.
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use crate::store::journal::aside::{self, Aside};
use crate::store::journal::chain::Gap;
use crate::store::journal::disk::Disk;
use crate::store::journal::error::{Damage, JournalError};
use crate::store::journal::fit;
use crate::store::journal::footer::Sum;
use crate::store::journal::frame::{Fault, FrameKind, Hash, Link};
use crate::store::journal::head::Head;
use crate::store::journal::layout::{FRAMES_OFFSET, Layout, Place};
use crate::store::journal::options::Options;
use crate::store::journal::prepare::{Mould, Preparer};
use crate::store::journal::put_aside;
use crate::store::journal::segment::{Segment, journal_dir};
use crate::store::journal::shared::{Live, Shared};
use crate::store::journal::survey::{Scope, Survey, Tail, survey};
use crate::store::journal::writer::{Start, Writer};

/// What an open, or a later healing, found and did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// The log.
    pub log_id: [u8; 16],
    /// Whether the log was begun by this open.
    pub is_new: bool,
    /// The last position, 0 in an empty log.
    pub end_position: u64,
    /// Chain hash at the end.
    pub end_hash: Hash,
    /// Whether the last process closed the ledger, with sled synced.
    pub was_clean: bool,
    /// Whether the machine has not been started anew since.
    pub same_boot: bool,
    /// Where the last frame was written and synced again (rule 8).
    pub resynced: Option<Place>,
    /// An unsealed frame's bytes: unacknowledged or damaged, which cannot be told (rule 3).
    pub tail_aside: Option<Aside>,
    /// What was put right.
    pub repairs: Vec<Repair>,
    /// What only the other copy can heal. Its positions cannot be read; the rest can.
    pub damage: Vec<Damage>,
    /// The one of them that commands must wait for, since it is the end itself (rule 6).
    pub waits_for: Option<Damage>,
}

/// What was put right, with the bad bytes aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repair {
    /// What it is, and from what it was repaired.
    pub kind: RepairKind,
    /// The first byte that was written.
    pub at: Place,
    /// How many bytes were written.
    pub bytes: u64,
}

/// What was repaired.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RepairKind {
    /// Frames, from the other copy.
    Frames {
        /// First position that was written again.
        first_position: u64,
        /// Last position that was written again; less than the first if it was only a seal.
        last_position: u64,
        /// What was wrong.
        fault: Fault,
    },
    /// Bytes behind the last frame of a segment, which belong to no frame: kept aside, zeroed.
    Rest,
    /// A segment's header, from HEAD.
    Header,
    /// A segment's footer, from its frames.
    Footer,
    /// Bytes behind the end of a segment's file: kept aside, and cut off.
    Length,
    /// A file among the segments that is no part of the journal: kept aside.
    Stray,
}

/// Takes the lock and looks; no survey when there is no journal yet.
pub(crate) fn lock_and_look(
    dir: &Path,
    options: &Options,
) -> Result<(Arc<Shared>, Option<Survey>), JournalError> {
    let disk = Arc::clone(&options.disk);
    make_dirs(disk.as_ref(), dir)?;
    let path = dir.join("LOCK");
    let note = format!("pid {}\nboot {}\n", std::process::id(), options.boot_id);
    let lock = match disk.lock(&path, &note) {
        Ok(Ok(lock)) => lock,
        Ok(Err(holder)) => return Err(JournalError::Locked { path, holder }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(JournalError::LockReplaced { path });
        }
        Err(error) => return Err(JournalError::io("lock", &path, &error)),
    };
    let survey = survey(&scope(dir, options, &BTreeSet::new(), None))?;
    let new = Head {
        log_id: options.log_id,
        epoch: options.epoch,
        boot_id: options.boot_id.clone(),
        clean: false,
        segment: 1,
        link: Link::GENESIS,
    };
    let head = survey.as_ref().map_or_else(
        || new.clone(),
        |survey| Head {
            log_id: survey.head.log_id,
            link: survey.head.link,
            ..new.clone()
        },
    );
    let live = survey.as_ref().map_or_else(
        || Live {
            segments: Vec::new(),
            end: Place::start_of(1),
            link: Link::GENESIS,
            sealed: true,
        },
        live_of,
    );
    Ok((
        Arc::new(Shared::new(disk, dir.to_path_buf(), &head, lock, live)),
        survey,
    ))
}

/// What to look at, for a writer.
pub(crate) fn scope<'a>(
    dir: &'a Path,
    options: &'a Options,
    suspects: &'a BTreeSet<u64>,
    durable_end: Option<Place>,
) -> Scope<'a> {
    Scope {
        rooms_of: options.rooms_of,
        suspects,
        durable_end,
        ..Scope::reading(&options.disk, dir)
    }
}

/// Begins a log: no HEAD and no frame (rule 6).
pub(crate) fn begin(
    shared: &Arc<Shared>,
    options: &Options,
) -> Result<(Writer, Recovery), JournalError> {
    let layout = Layout {
        segment_bytes: options.segment_bytes,
    };
    let writer = start_in_new_segment(shared, options, layout, 1)?;
    let recovery = Recovery {
        log_id: shared.log_id,
        is_new: true,
        end_position: 0,
        end_hash: Link::GENESIS.hash,
        was_clean: true,
        same_boot: true,
        resynced: None,
        tail_aside: None,
        repairs: Vec::new(),
        damage: Vec::new(),
        waits_for: None,
    };
    Ok((writer, recovery))
}

/// What a look found, before anything is done about it.
pub(crate) fn report(shared: &Shared, survey: &Survey) -> Recovery {
    Recovery {
        log_id: shared.log_id,
        is_new: false,
        end_position: survey.left.position(),
        end_hash: survey.left.hash,
        was_clean: survey.head.clean,
        same_boot: survey.head.boot_id == shared.boot_id,
        resynced: None,
        tail_aside: None,
        repairs: Vec::new(),
        damage: survey.damage(),
        waits_for: survey.waits_for().as_ref().map(Gap::damage),
    }
}

/// Makes the good end durable and starts the writer there; the end must not wait for healing.
pub(crate) fn finish(
    shared: &Arc<Shared>,
    options: &Options,
    mut survey: Survey,
    recovery: &mut Recovery,
) -> Result<Writer, JournalError> {
    fit_files(shared, &survey, recovery)?;
    repair_headers(shared, &survey, recovery)?;
    write_footers(shared, &survey, recovery)?;
    let layout = Layout {
        segment_bytes: options.segment_bytes,
    };
    let Some(active) = survey.segments.last().cloned() else {
        return start_in_new_segment(shared, options, layout, 1);
    };
    if let Tail::Unsealed(gap) = survey.tail {
        recovery.tail_aside = clear(
            shared,
            &active,
            gap.seen.offset,
            active.layout.footer_offset(),
        )?;
    }
    rewrite_last_frame(shared, &survey, recovery)?;
    *shared.live() = live_of(&survey);
    if active.footer(shared.log_id)?.good().is_some() {
        // Closed, but its footer may never have reached the medium.
        rewrite(
            &active,
            active.layout.footer_offset(),
            active.layout.segment_bytes,
        )?;
        return start_in_new_segment(shared, options, layout, active.ordinal + 1);
    }
    clear(
        shared,
        &active,
        active.layout.footer_offset(),
        active.layout.segment_bytes,
    )?;
    fill_up(&active)?;
    shared.write_head(false)?;
    let new_sum = || Sum::new(survey.left, active.layout);
    let sum = survey.sums.remove(&active.ordinal).unwrap_or_else(new_sum);
    let offset = survey.end.offset;
    writer(
        shared,
        options,
        Start {
            active,
            offset,
            sum,
        },
        layout,
    )
}

/// Leaves no file in `journal/` that is longer than it may be, or no part of it.
fn fit_files(
    shared: &Shared,
    survey: &Survey,
    recovery: &mut Recovery,
) -> Result<(), JournalError> {
    let (disk, dir) = (shared.disk.as_ref(), &shared.dir);
    let strays = fit::set_strays_aside(disk, dir, &survey.strays)?;
    let cut = fit::trim(disk, dir, &survey.segments)?;
    let of_kind = |kind| move |(at, bytes)| Repair { kind, at, bytes };
    let strays = strays.into_iter().map(of_kind(RepairKind::Stray));
    let cut = cut.into_iter().map(of_kind(RepairKind::Length));
    recovery.repairs.extend(strays.chain(cut));
    Ok(())
}

/// Prepares segment `ordinal` and starts a writer in it: HEAD first, then frames.
fn start_in_new_segment(
    shared: &Arc<Shared>,
    options: &Options,
    layout: Layout,
    ordinal: u64,
) -> Result<Writer, JournalError> {
    let active = Arc::new(Segment::prepare(
        &shared.disk,
        &shared.dir,
        ordinal,
        shared.log_id,
        layout,
    )?);
    let link = {
        let mut live = shared.live();
        live.segments.push(Arc::clone(&active));
        live.end = Place::start_of(ordinal);
        live.link
    };
    shared.write_head(false)?;
    let sum = Sum::new(link, layout);
    writer(
        shared,
        options,
        Start {
            active,
            offset: FRAMES_OFFSET,
            sum,
        },
        layout,
    )
}

fn writer(
    shared: &Arc<Shared>,
    options: &Options,
    start: Start,
    layout: Layout,
) -> Result<Writer, JournalError> {
    let (disk, dir) = (Arc::clone(&shared.disk), shared.dir.clone());
    let mould = Mould {
        disk,
        dir,
        log_id: shared.log_id,
        layout,
    };
    let preparer = if options.prepare_ahead {
        Preparer::start_ahead(mould, start.active.ordinal + 1)?
    } else {
        Preparer::Inline(mould)
    };
    let (frame_bytes_max, reserve_bytes) = (options.frame_bytes_max, options.reserve_bytes);
    Ok(Writer::new(
        Arc::clone(shared),
        start,
        preparer,
        frame_bytes_max,
        reserve_bytes,
    ))
}

/// The readable part of what was found.
fn live_of(survey: &Survey) -> Live {
    let sealed = survey
        .last
        .as_ref()
        .is_none_or(|(frame, _)| frame.kind() != FrameKind::Commit);
    Live {
        segments: survey.segments.clone(),
        end: survey.end,
        link: survey.left,
        sealed,
    }
}

/// Writes the bytes of the last frame again and syncs them: read back from the page cache, they
/// may never have reached the medium (rule 8). All frames before it were synced before it was
/// written.
fn rewrite_last_frame(
    shared: &Shared,
    survey: &Survey,
    recovery: &mut Recovery,
) -> Result<(), JournalError> {
    let Some((frame, place)) = &survey.last else {
        return Ok(());
    };
    let Some(segment) = survey.segments.iter().find(|s| s.ordinal == place.segment) else {
        return Ok(());
    };
    segment.write(frame.bytes(), place.offset)?;
    segment.settle()?;
    let journal = journal_dir(&shared.dir);
    shared
        .disk
        .sync_dir(&journal)
        .map_err(|error| JournalError::io("sync", &journal, &error))?;
    recovery.resynced = Some(*place);
    Ok(())
}

/// Keeps `from..to` aside, zeroes it and syncs (rule 4).
pub(crate) fn clear(
    shared: &Shared,
    segment: &Segment,
    from: u64,
    to: u64,
) -> Result<Option<Aside>, JournalError> {
    let kept = aside::keep(shared.disk.as_ref(), &shared.dir, segment, from, to)?;
    if let Some(kept) = &kept {
        segment.zero(from, from + kept.bytes)?;
        segment.settle()?;
    }
    Ok(kept)
}

/// Gives a file that was cut short its zeros back, so that appending does not grow it.
fn fill_up(segment: &Segment) -> Result<(), JournalError> {
    let size = segment.size()?;
    if size < segment.layout.segment_bytes {
        segment.zero(size, segment.layout.segment_bytes)?;
        segment.sync_all()?;
    }
    Ok(())
}

fn rewrite(segment: &Segment, from: u64, to: u64) -> Result<(), JournalError> {
    let mut bytes = vec![0; usize::try_from(to.saturating_sub(from)).unwrap_or(0)];
    segment.read(&mut bytes, from)?;
    segment.write(&bytes, from)?;
    segment.settle()
}

/// Writes headers that are bad; everything in them is known from elsewhere.
fn repair_headers(
    shared: &Shared,
    survey: &Survey,
    recovery: &mut Recovery,
) -> Result<(), JournalError> {
    for segment in survey
        .segments
        .iter()
        .filter(|segment| segment.log_id.is_none())
    {
        aside::keep(shared.disk.as_ref(), &shared.dir, segment, 0, FRAMES_OFFSET)?;
        segment.write_header(shared.log_id)?;
        segment.settle()?;
        let at = Place {
            segment: segment.ordinal,
            offset: 0,
        };
        let (kind, bytes) = (RepairKind::Header, FRAMES_OFFSET);
        recovery.repairs.push(Repair { kind, at, bytes });
    }
    Ok(())
}

/// Writes the footers that closed segments lack, where every frame of them was read.
pub(crate) fn write_footers(
    shared: &Shared,
    survey: &Survey,
    recovery: &mut Recovery,
) -> Result<(), JournalError> {
    let closed = survey
        .segments
        .split_last()
        .map_or(&[][..], |(_, closed)| closed);
    for segment in closed {
        let Some(sum) = survey.sums.get(&segment.ordinal).filter(|sum| sum.whole) else {
            continue;
        };
        // Filter included: its checksum alone would let a changed bit of it stand for ever.
        let expected = sum.encode(shared.log_id, segment.ordinal);
        let mut found = vec![0; expected.len()];
        segment.read(&mut found, segment.layout.footer_offset())?;
        if found == expected {
            continue;
        }
        let (from, to) = (segment.layout.footer_offset(), segment.layout.segment_bytes);
        aside::keep(shared.disk.as_ref(), &shared.dir, segment, from, to)?;
        segment.write(&expected, from)?;
        segment.settle()?;
        let at = Place {
            segment: segment.ordinal,
            offset: from,
        };
        recovery.repairs.push(Repair {
            kind: RepairKind::Footer,
            at,
            bytes: to - from,
        });
    }
    Ok(())
}

fn make_dirs(disk: &dyn Disk, dir: &Path) -> Result<(), JournalError> {
    let (journal, aside) = (journal_dir(dir), put_aside::folder(dir));
    for path in [dir, &journal, &aside] {
        disk.create_dir(path)
            .map_err(|error| JournalError::io("create", path, &error))?;
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    for path in [Some(dir), parent].into_iter().flatten() {
        disk.sync_dir(path)
            .map_err(|error| JournalError::io("sync", path, &error))?;
    }
    Ok(())
}
