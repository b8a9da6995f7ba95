//! Moves whole files of a data directory out of the way, into `aside/`; apart because everything
//! that replaces a file comes through here. It never deletes and never overwrites.
use std::io;
use std::path::{Path, PathBuf};

use crate::store::journal::disk::Disk;
use crate::store::journal::error::JournalError;

/// Moves a file or a folder of the data directory into `aside/`, durably, under a name that is
/// free; gives the new path, `None` when nothing stands at `path`.
///
/// # Errors
/// `Io`.
pub fn set_aside(
    disk: &dyn Disk,
    dir: &Path,
    path: &Path,
) -> Result<Option<PathBuf>, JournalError> {
    let folder = folder(dir);
    let at = |action, path: &Path, error: &io::Error| JournalError::io(action, path, error);
    disk.create_dir(&folder)
        .map_err(|error| at("create", &folder, &error))?;
    let taken = disk.list(&folder);
    let taken = taken.map_err(|error| at("list", &folder, &error))?;
    let name = path.strip_prefix(dir).unwrap_or(path).to_string_lossy();
    let name = name.replace('/', "-");
    let mut names = (1..u32::MAX).map(|copy| folder.join(format!("{name}-{copy}")));
    let free = names.find(|name| !taken.contains(name));
    let kept = free.unwrap_or_else(|| folder.join(name));
    match disk.rename(path, &kept) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at("rename", path, &error)),
    }
    for folder in [folder.as_path(), path.parent().unwrap_or(dir)] {
        disk.sync_dir(folder)
            .map_err(|error| at("sync", folder, &error))?;
    }
    Ok(Some(kept))
}

/// Where the files stand.
pub(crate) fn folder(dir: &Path) -> PathBuf {
    dir.join("aside")
}
