//! What each name in a data directory must be: a file of a size that it can have, or a folder.
//! Apart because an open, a reader, a check and a repair must agree; a pipe or a device where a
//! file belongs would be waited for, a link would lead out of the directory, and a file of any size
//! could be read for hours. Looks at names, kinds and sizes, never at what is in a file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::StoreError;
use crate::store::journal::{Disk, SEGMENT_FILE_BYTES_MAX, has_head, head_fault};
use crate::store::private::kind;
use crate::store::sled::sled_folder;

use super::checkpoint;
use super::convert::of_journal;

/// Something that is not of the kind, or not of a size, that its name says.
pub(crate) struct Misfit {
    pub(crate) path: PathBuf,
    /// What it is, and what it must be.
    pub(crate) what: String,
}

/// Refuses a data directory that cannot be opened as it is, whatever its journal says, with the
/// command that mends it: something is of the wrong kind or size, or all that counts is gone.
///
/// # Errors
/// `Refused`; `Io` when the directory cannot be listed.
pub(crate) fn refuse_unready(disk: &Arc<dyn Disk>, dir: &Path) -> Result<(), StoreError> {
    refuse_misfits(dir)?;
    refuse_a_copy_alone(disk, dir)
}

/// Rule 6 begins anew where there is no HEAD and no frame; not beside what is left of a log.
fn refuse_a_copy_alone(disk: &Arc<dyn Disk>, dir: &Path) -> Result<(), StoreError> {
    if has_head(disk.as_ref(), dir).map_err(of_journal)?
        || head_fault(disk, dir).map_err(of_journal)?.is_some()
    {
        return Ok(());
    }
    let left = if sled_folder(dir).exists() {
        "db/ holds a log".to_owned()
    } else if let Some((_, end)) = checkpoint::end_of(dir) {
        format!(
            "the checkpoint knows of a log up to position {}",
            end.position()
        )
    } else {
        return Ok(());
    };
    Err(StoreError::Refused {
        path: dir.join("HEAD").display().to_string(),
        problem: format!(
            "it is missing, and so is the journal, but {left}; run `roomledger repair --data {}`",
            dir.display()
        ),
    })
}

/// Refuses a data directory in which something is of the wrong kind or size, with the command that
/// mends it.
///
/// # Errors
/// `Refused`; `Io` when the directory cannot be listed.
pub(crate) fn refuse_misfits(dir: &Path) -> Result<(), StoreError> {
    // Without its checkpoint a ledger opens, more slowly (rule 9).
    let mut misfits = misfits(dir)?.into_iter();
    let counts = |misfit: &Misfit| misfit.path != dir.join(checkpoint::NAME);
    let Some(misfit) = misfits.find(counts) else {
        return Ok(());
    };
    Err(StoreError::Refused {
        path: misfit.path.display().to_string(),
        problem: format!(
            "it is {}; put the right one back, or run `roomledger repair --data {}`, which keeps \
             this one aside",
            misfit.what,
            dir.display()
        ),
    })
}

/// Everything below `dir` that is not of the kind that its name says.
///
/// # Errors
/// `Io` when a folder that is there cannot be listed.
pub(crate) fn misfits(dir: &Path) -> Result<Vec<Misfit>, StoreError> {
    let mut found = Vec::new();
    for name in FOLDERS {
        let path = dir.join(name);
        let entry = fs::symlink_metadata(&path).ok();
        // A link to one leads out of the directory; a folder on another disk is mounted here.
        let Some(entry) = entry else { continue };
        if !entry.is_dir() {
            let what = format!("{}, no folder", kind(entry.file_type()));
            found.push(Misfit { path, what });
        } else if name != "aside" {
            let files = entries(&path)?;
            let files = files.into_iter().filter(|path| is_file_of(name, path));
            found.extend(files.filter_map(misfit));
        }
    }
    found.extend(FILES.iter().filter_map(|name| misfit(dir.join(name))));
    Ok(found)
}

/// The entry, where it is there and no regular file, or larger than one can be.
fn misfit(path: PathBuf) -> Option<Misfit> {
    let found = fs::symlink_metadata(&path).ok()?;
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let what = if !found.is_file() {
        let kind = kind(found.file_type());
        // The lock itself refuses one, and only who takes it: no reader does.
        if name == "LOCK" && found.is_symlink() {
            return None;
        }
        format!("{kind}, no regular file")
    } else if found.len() > SEGMENT_FILE_BYTES_MAX && name.ends_with(".seg") {
        let bytes = found.len();
        format!("a file of {bytes} bytes, of which a segment has {SEGMENT_FILE_BYTES_MAX} at most")
    } else {
        return None;
    };
    Some(Misfit { path, what })
}

/// Whether an entry of the folder `folder` is a file that is opened by its name.
fn is_file_of(folder: &str, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let ends = |end: &str| name.ends_with(end);
    match folder {
        "journal" => ends(".seg") || ends(".new"),
        "webhooks" => ends(".cursor") || ends(".new"),
        "db" => name != "blobs",
        "db/blobs" => true,
        _ => false,
    }
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let failed = |error: io::Error| StoreError::Io {
        path: folder.display().to_string(),
        operation: "list",
        source: Arc::new(error),
    };
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(failed)?,
    };
    let mut paths = Vec::new();
    for entry in listed {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

const FOLDERS: [&str; 5] = ["aside", "journal", "db", "db/blobs", "webhooks"];
const FILES: [&str; 5] = [
    "HEAD",
    "HEAD.new",
    "LOCK",
    checkpoint::NAME,
    "checkpoint.new",
];
