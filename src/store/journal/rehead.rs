//! Says what stands in HEAD and in the segments, and writes HEAD anew where it is missing, bad, or
//! of another log or history than the frames (log.md rule 6: an open refuses), for `roomledger
//! repair`; apart because an open must never do this by itself.
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::journal::disk::Disk;
use crate::store::journal::error::JournalError;
use crate::store::journal::frame::Link;
use crate::store::journal::head::{self, Head, HeadState};
use crate::store::journal::put_aside::set_aside;
use crate::store::journal::scan::holds_a_frame;
use crate::store::journal::segment;
use crate::store::journal::survey::{Scope, survey, survey_with};

/// A HEAD that was written anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewHead {
    /// What was wrong with the old one.
    pub why: String,
    /// Where the old one is kept, if there was one.
    pub kept: Option<PathBuf>,
    /// The end that it vouches for.
    pub link: Link,
}

/// Whether there is a HEAD, good or bad.
///
/// # Errors
/// `Io`.
pub fn has_head(disk: &dyn Disk, dir: &Path) -> Result<bool, JournalError> {
    Ok(Head::read(disk, dir)? != HeadState::Missing)
}

/// What was wrong with HEAD; `None` when it is good, or when no journal was ever begun.
///
/// # Errors
/// `Io`.
pub fn head_fault(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Option<String>, JournalError> {
    Ok(match Head::read(disk.as_ref(), dir)? {
        HeadState::Good(_) => None,
        HeadState::Bad(why) => Some(why),
        HeadState::Missing => {
            let mut frames = false;
            for segment in segment::list(disk, dir)? {
                frames |= segment.has_content()?;
            }
            frames.then(|| "is missing".to_owned())
        }
    })
}

/// What stands in HEAD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadFound {
    /// Nothing, or something that cannot be read: what is wrong with it.
    Unusable(String),
    /// A good one.
    Good {
        /// The log.
        log_id: [u8; 16],
        /// The end of the chain that it vouches for.
        link: Link,
    },
}

/// What stands in HEAD, whatever stands beside it.
///
/// # Errors
/// `Io`.
pub fn head_found(disk: &dyn Disk, dir: &Path) -> Result<HeadFound, JournalError> {
    Ok(match Head::read(disk, dir)? {
        HeadState::Missing => HeadFound::Unusable("is missing".to_owned()),
        HeadState::Bad(why) => HeadFound::Unusable(why),
        HeadState::Good(head) => HeadFound::Good {
            log_id: head.log_id,
            link: head.link,
        },
    })
}

/// Whether HEAD and the journal are of one history; the inner error says how they differ.
///
/// # Errors
/// As a look at a journal, but for `OtherHistory`.
pub fn is_one_history(
    disk: &Arc<dyn Disk>,
    dir: &Path,
) -> Result<Result<(), String>, JournalError> {
    match survey(&Scope::reading(disk, dir)) {
        Ok(_) => Ok(Ok(())),
        Err(JournalError::OtherHistory {
            position,
            head,
            journal,
            ..
        }) => Ok(Err(format!(
            "has hash {head} at position {position}, where the journal has {journal}"
        ))),
        Err(error) => Err(error),
    }
}

/// A segment file, with the log that its header names; `None` where the header is bad.
pub type SegmentFound = (PathBuf, Option<[u8; 16]>);

/// The segment files that hold something.
///
/// # Errors
/// `Io`.
pub fn segments_found(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Vec<SegmentFound>, JournalError> {
    let mut found = Vec::new();
    for segment in segment::list(disk, dir)? {
        if segment.has_content()? {
            found.push((segment.path.clone(), segment.log_id));
        }
    }
    Ok(found)
}

/// Whether any frame of log `log_id` is left.
///
/// # Errors
/// `Io`.
pub fn has_frames(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    log_id: [u8; 16],
) -> Result<bool, JournalError> {
    for segment in segment::list(disk, dir)? {
        if holds_a_frame(&segment, log_id)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Writes HEAD for log `log_id`: at the end of the frames that link up from the first one on, or
/// where `beyond` says that the other copy goes on from that end. The old one is kept aside. The
/// caller holds the LOCK.
///
/// # Errors
/// `Io`; `OtherLog` when a segment belongs to another log.
pub fn write_head_anew(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    (log_id, epoch, boot_id): ([u8; 16], u64, String),
    beyond: &dyn Fn(Link) -> Option<Link>,
    why: String,
) -> Result<NewHead, JournalError> {
    let new = Head {
        log_id,
        epoch,
        boot_id,
        clean: false,
        segment: 1,
        link: Link::GENESIS,
    };
    let scope = Scope::reading(disk, dir);
    let found = survey_with(&scope, HeadState::Good(new.clone()))?;
    let (link, segment) = found.map_or((Link::GENESIS, 1), |survey| {
        (survey.left, survey.end.segment)
    });
    let link = beyond(link).unwrap_or(link);
    let kept = set_aside(disk.as_ref(), dir, &head::path(dir))?;
    let head = Head {
        segment,
        link,
        ..new
    };
    head.write(disk.as_ref(), dir)?;
    Ok(NewHead { why, kept, link })
}
