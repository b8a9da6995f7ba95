//! Reads every byte of a journal and says what is wrong with it, for `verify`; apart because it
//! trusts no footer. It writes nothing and takes no lock.
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::journal::chain::{ChainScan, Step};
use crate::store::journal::disk::Disk;
use crate::store::journal::error::{Damage, JournalError};
use crate::store::journal::footer::{FooterState, Sum};
use crate::store::journal::frame::{Frame, FrameKind, Link};
use crate::store::journal::layout::{Layout, Place};
use crate::store::journal::scan::left_of;
use crate::store::journal::segment::Segment;
use crate::store::journal::survey::{Scope, Survey, Tail, survey};

/// What a check meets.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Finding {
    /// An intact frame, linked to the one before it or the first behind a hole.
    Frame(Frame),
    /// Sealed frames that are damaged or gone.
    Damage(Damage),
    /// The end lies before what HEAD knows.
    BehindHead(Damage),
    /// Bytes behind the last frame that are none: being written, unacknowledged, or damaged.
    Unfinished(Place),
    /// A segment's header is bad; an open for writing puts it right.
    Header(PathBuf),
    /// A closed segment's footer or room filter is bad or missing; an open puts it right.
    Footer(PathBuf),
    /// A segment is shorter or longer than its header says.
    Length(PathBuf),
    /// A file among the segments that is no part of the journal; an open keeps it aside.
    Stray(PathBuf),
}

/// What a check has counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct CheckReport {
    /// Segments with frames.
    pub segments: u64,
    /// Commits.
    pub commits: u64,
    /// Seals.
    pub seals: u64,
    /// Accepted losses.
    pub losses: u64,
    /// The last position.
    pub end_position: u64,
    /// Findings that are not frames.
    pub faults: u64,
}

/// Checks the journal below `dir`, telling `visit` of every frame and every fault, in order.
///
/// # Errors
/// `HeadUnusable`, `OtherLog`, `OtherHistory`: nothing more can be said. `Io`.
pub fn check(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    rooms_of: fn(&[u8]) -> Vec<u64>,
    visit: &mut dyn FnMut(Finding),
) -> Result<CheckReport, JournalError> {
    let everything: BTreeSet<u64> = BTreeSet::from([1]);
    let suspects = &everything;
    let scope = Scope {
        rooms_of,
        suspects,
        ..Scope::reading(disk, dir)
    };
    let Some(survey) = survey(&scope)? else {
        return Ok(CheckReport::default());
    };
    let log_id = survey.head.log_id;
    let mut check = Check {
        report: CheckReport::default(),
        visit,
    };
    check.report.segments = survey.segments.len() as u64;
    check.files(&survey)?;
    let start = Place::start_of(1);
    let segments = survey.segments.iter().cloned();
    let mut scan = ChainScan::new(log_id, segments, Link::GENESIS, start, None);
    let layouts: BTreeMap<u64, Layout> = survey
        .segments
        .iter()
        .map(|segment| (segment.ordinal, segment.layout))
        .collect();
    let mut sums: BTreeMap<u64, Sum> = BTreeMap::new();
    let mut holed: BTreeSet<u64> = BTreeSet::new();
    while let Some(step) = scan.step()? {
        match step {
            Step::Frame(frame, place) => {
                if let Some(layout) = layouts.get(&place.segment) {
                    let new = || Sum::new(left_of(&frame), *layout);
                    let rooms = rooms_of(frame.payload());
                    sums.entry(place.segment)
                        .or_insert_with(new)
                        .add(&frame, place.offset, &rooms);
                }
                check.frame(frame);
            }
            Step::Gap(gap) => {
                // What a footer there says of the lost frames cannot be compared.
                holed.extend(gap.at.segment..=gap.seen.segment);
                check.fault(Finding::Damage(gap.damage()));
            }
            Step::End { .. } | Step::Tail(_) => {}
        }
    }
    match survey.tail {
        Tail::Clean => {}
        Tail::Unsealed(gap) => check.fault(Finding::Unfinished(gap.seen)),
        Tail::Damaged(gap) => check.fault(Finding::BehindHead(gap.damage())),
    }
    let last = survey.segments.last().map_or(0, |segment| segment.ordinal);
    sums.retain(|segment, _| !holed.contains(segment));
    for segment in &survey.segments {
        check.footer(
            segment,
            log_id,
            sums.get(&segment.ordinal),
            segment.ordinal < last,
        )?;
    }
    Ok(check.report)
}

struct Check<'a> {
    report: CheckReport,
    visit: &'a mut dyn FnMut(Finding),
}

impl Check<'_> {
    fn fault(&mut self, finding: Finding) {
        self.report.faults += 1;
        (self.visit)(finding);
    }

    fn frame(&mut self, frame: Frame) {
        match frame.kind() {
            FrameKind::Commit => self.report.commits += 1,
            FrameKind::Seal => self.report.seals += 1,
            FrameKind::Loss => self.report.losses += 1,
        }
        self.report.end_position = frame.last_position();
        (self.visit)(Finding::Frame(frame));
    }

    fn files(&mut self, survey: &Survey) -> Result<(), JournalError> {
        for segment in &survey.segments {
            if segment.log_id.is_none() {
                self.fault(Finding::Header(segment.path.clone()));
            }
            if segment.size()? != segment.layout.segment_bytes {
                self.fault(Finding::Length(segment.path.clone()));
            }
        }
        for stray in &survey.strays {
            self.fault(Finding::Stray(stray.path.clone()));
        }
        Ok(())
    }

    /// A footer must be there in a closed segment, and say what the frames say.
    fn footer(
        &mut self,
        segment: &Segment,
        log_id: [u8; 16],
        sum: Option<&Sum>,
        closed: bool,
    ) -> Result<(), JournalError> {
        let layout = segment.layout;
        let footer = layout.footer_offset();
        let good = match (segment.footer(log_id)?, sum) {
            (FooterState::Good(_), Some(sum)) => {
                let expected = sum.encode(log_id, segment.ordinal);
                let mut found = vec![0; expected.len()];
                segment.read(&mut found, footer)?;
                found == expected
            }
            (FooterState::Good(_), None) => true,
            (FooterState::Absent | FooterState::Bad, _) => {
                !closed && segment.content_end(footer, layout.segment_bytes)?.is_none()
            }
        };
        if !good {
            self.fault(Finding::Footer(segment.path.clone()));
        }
        Ok(())
    }
}
