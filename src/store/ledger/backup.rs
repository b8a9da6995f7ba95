//! Backups: a copy of the journal, which is a data directory of its own that every reading command
//! can read. Apart because neither the ledger nor sled is needed for it. It never writes to what it
//! copies (log.md rule 11).

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::store::journal::{self, Disk, RealDisk};
use crate::store::record::{Link, Position};
use crate::store::stream::streams_of;
use crate::store::{EventStore as _, StoreError};

use super::convert::{link_of, of_journal};
use super::files::refuse_misfits;
use super::modes::keep_private;
use super::reader::LedgerReader;

/// What a backup came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupReport {
    /// Where the backup ended before.
    pub from: Position,
    /// Its last commit now.
    pub to: Link,
    /// Bytes that were added.
    pub bytes: u64,
    /// First and last position of its last commit, where nothing seals that yet: it is intact, but
    /// whether anyone was answered cannot be told. A later run completes or replaces it.
    pub unsealed: Option<(Position, Position)>,
    /// First and last position of an unsealed commit of the backup that the ledger does not have:
    /// it gave way to what the ledger has there, and is in the backup's `aside/`.
    pub replaced: Option<(Position, Position)>,
    /// What a person should know: who could read the backup before.
    pub notes: Vec<String>,
}

/// Brings the backup below `to` up to the last intact commit of the ledger below `from`, which may
/// be running, or be a backup itself; begins it when there is none.
///
/// # Errors
/// `Corrupt` where `from` is damaged: repair it first; `Refused` when `to` belongs to another log
/// or history, or is what would be copied; `Locked` while another backup writes to it; `Io`.
pub fn backup(from: &Path, to: &Path) -> Result<BackupReport, StoreError> {
    are_apart(from, to)?;
    refuse_misfits(from)?;
    refuse_misfits(to)?;
    let notes = keep_private(to)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let copied = journal::backup(&disk, from, to, streams_of).map_err(of_journal)?;
    let reach = |(first, last)| (Position(first), Position(last));
    Ok(BackupReport {
        from: link_of(copied.from).position,
        to: LedgerReader::open(to)?.head(),
        bytes: copied.bytes,
        unsealed: copied.unsealed.map(reach),
        replaced: copied.replaced.map(reach),
        notes,
    })
}

/// As [`backup`], into a directory in which there is nothing yet: what a restore begins with.
///
/// # Errors
/// `Refused` when there is something; as [`backup`].
pub fn copy_to_new(from: &Path, to: &Path) -> Result<BackupReport, StoreError> {
    let is_free = fs::read_dir(to).map_or(true, |mut entries| entries.next().is_none());
    if is_free {
        return backup(from, to);
    }
    Err(StoreError::Refused {
        path: to.display().to_string(),
        problem: "there is something there already: name a directory that does not exist"
            .to_owned(),
    })
}

/// Refuses a copy that would be written over what it copies, or among its segments.
fn are_apart(from: &Path, to: &Path) -> Result<(), StoreError> {
    let (source, target) = (resolved(from), resolved(to));
    let is_among = |one: &Path, other: &Path| one.starts_with(other.join("journal"));
    if source != target && !is_among(&source, &target) && !is_among(&target, &source) {
        return Ok(());
    }
    Err(StoreError::Refused {
        path: to.display().to_string(),
        problem: format!("{} would be copied into itself", from.display()),
    })
}

/// The path without links, also where its end does not exist yet.
fn resolved(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf());
    let known = path
        .ancestors()
        .find_map(|known| Some((known, fs::canonicalize(known).ok()?)));
    let Some((known, mut found)) = known else {
        return path;
    };
    for missing in path.strip_prefix(known).unwrap_or(&path).components() {
        if missing == Component::ParentDir {
            found.pop();
        } else {
            found.push(missing);
        }
    }
    found
}
