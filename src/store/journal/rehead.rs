//! Writes HEAD anew where it is missing or bad beside frames (log.md rule 6: an open refuses), for
//! `roomledger repair`; apart because an open must never do this by itself.
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::journal::aside;
use crate::store::journal::disk::Disk;
use crate::store::journal::error::JournalError;
use crate::store::journal::frame::Link;
use crate::store::journal::head::{self, Head, HeadState};
use crate::store::journal::segment;
use crate::store::journal::survey::{Scope, survey_with};

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

/// The log whose segments these are, as most of their headers say.
///
/// # Errors
/// `Io`.
pub fn log_of_segments(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Option<[u8; 16]>, JournalError> {
    let mut votes: BTreeMap<[u8; 16], usize> = BTreeMap::new();
    for segment in segment::list(disk, dir)? {
        if let Some(log_id) = segment.log_id {
            *votes.entry(log_id).or_default() += 1;
        }
    }
    let most = votes.into_iter().max_by_key(|(_, count)| *count);
    Ok(most.map(|(log_id, _)| log_id))
}

/// Writes HEAD for log `log_id`: at the end of the frames that link up from the first one on, or
/// at `other` (what the other copy has) if that is farther. The old one is kept aside. The caller
/// holds the LOCK.
///
/// # Errors
/// `Io`; `OtherLog` when a segment belongs to another log.
pub fn write_head_anew(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    (log_id, epoch, boot_id): ([u8; 16], u64, String),
    other: Link,
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
    let farther = other.next_position > link.next_position;
    let link = if farther { other } else { link };
    let kept = keep_old(disk.as_ref(), dir)?;
    let head = Head {
        segment,
        link,
        ..new
    };
    head.write(disk.as_ref(), dir)?;
    Ok(NewHead { why, kept, link })
}

fn keep_old(disk: &dyn Disk, dir: &Path) -> Result<Option<PathBuf>, JournalError> {
    let (path, folder) = (head::path(dir), aside::folder(dir));
    let made = disk.create_dir(&folder);
    made.map_err(|error| JournalError::io("create", &folder, &error))?;
    let taken = disk.list(&folder);
    let taken = taken.map_err(|error| JournalError::io("list", &folder, &error))?;
    let mut names = (1..u32::MAX).map(|copy| folder.join(format!("HEAD-{copy}")));
    let free = names.find(|name| !taken.contains(name));
    let kept = free.unwrap_or_else(|| folder.join("HEAD"));
    match disk.rename(&path, &kept) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(JournalError::io("rename", &path, &error)),
    }
    for folder in [folder.as_path(), dir] {
        let synced = disk.sync_dir(folder);
        synced.map_err(|error| JournalError::io("sync", folder, &error))?;
    }
    Ok(Some(kept))
}
