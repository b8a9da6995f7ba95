//! The files of `db/` around sled: what must be put right before it opens them, and how they are
//! moved aside. Apart because sled does none of it. It deletes nothing but sled's own leftovers.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::CopyError;
use crate::store::private;

/// Where sled lives in a data directory.
pub(crate) fn sled_folder(data: &Path) -> PathBuf {
    data.join("db")
}

/// Makes `db/` fit to be opened.
///
/// # Errors
/// `Damaged` when sled would misread what is there, or an earlier run condemned it; `Io`.
pub(super) fn prepare(db: &Path) -> Result<(), CopyError> {
    let is_new = !db.exists();
    private::make_folder(db).map_err(io_error("create", db))?;
    if is_new {
        sync_folder(db.parent().unwrap_or(db))?;
    }
    if let Ok(why) = private::read(&db.join(CONDEMNED), WHY_BYTES_MAX) {
        let why = String::from_utf8_lossy(&why);
        let why = why.trim();
        return Err(CopyError::Damaged(format!("an earlier run found: {why}")));
    }
    for entry in fs::read_dir(db).map_err(io_error("list", db))? {
        let path = entry.map_err(io_error("list", db))?.path();
        ours_alone(&path)?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        // Killed while it opens, sled leaves this behind and never opens again.
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(&path).map_err(io_error("remove", &path))?;
        }
    }
    // sled takes a configuration of at most 8 bytes for none, and then reads its file anew.
    let length = |name: &str| fs::symlink_metadata(db.join(name)).map_or(0, |found| found.len());
    if length("db") > 0 && length("conf") <= 8 {
        return Err(CopyError::Damaged(
            "its conf is missing or cut short".to_owned(),
        ));
    }
    Ok(())
}

/// Refuses what sled would write to and is, or may be, something outside of `db/`.
fn ours_alone(path: &Path) -> Result<(), CopyError> {
    let found = path.symlink_metadata().map_err(io_error("look at", path))?;
    let is_ours = found.is_dir() || (found.is_file() && found.nlink() == 1);
    if is_ours {
        return Ok(());
    }
    let path = path.display();
    Err(CopyError::Damaged(format!(
        "{path} is no regular file, or has another name elsewhere"
    )))
}

/// Makes what sled created durable: it never syncs a directory.
pub(super) fn settle(db: &Path) -> Result<File, CopyError> {
    for name in ["conf", "db"] {
        let path = db.join(name);
        // sled makes its files as the umask has it.
        private::shut(&path).map_err(io_error("close to others", &path))?;
        let file = private::open(&path, false).map_err(io_error("open", &path))?;
        file.sync_all().map_err(io_error("sync", &path))?;
    }
    sync_folder(db)?;
    let path = db.join("db");
    private::open(&path, false).map_err(io_error("open", &path))
}

/// Remembers durably that this copy is not to be believed at the next open.
pub(super) fn condemn(db: &Path, why: &str) -> Result<(), CopyError> {
    let path = db.join(CONDEMNED);
    let mut file = private::create_anew(&path).map_err(io_error("create", &path))?;
    file.write_all(why.as_bytes())
        .and_then(|()| file.sync_all())
        .map_err(io_error("write", &path))?;
    sync_folder(db)
}

/// Moves `db/` to `aside/`, under a name of its own; `None` when there is none.
///
/// # Errors
/// `Io`.
pub(crate) fn move_sled_aside(data: &Path) -> Result<Option<PathBuf>, CopyError> {
    let db = sled_folder(data);
    if !db.exists() {
        return Ok(None);
    }
    let aside = data.join("aside");
    private::make_folder(&aside).map_err(io_error("create", &aside))?;
    let mut names = (1..=u32::MAX).map(|copy| aside.join(format!("db-{copy}")));
    let free = names
        .find(|path| path.symlink_metadata().is_err())
        .unwrap_or_else(|| aside.join("db"));
    fs::rename(&db, &free).map_err(io_error("move", &db))?;
    sync_folder(&aside)?;
    sync_folder(data)?;
    Ok(Some(free))
}

pub(super) fn sync_folder(path: &Path) -> Result<(), CopyError> {
    private::sync_folder(path).map_err(io_error("sync", path))
}

pub(super) fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> CopyError {
    let path = path.display().to_string();
    move |error| CopyError::Io(format!("cannot {action} {path}: {error}"))
}

/// sled ignores files it does not know, and this one goes where the copy goes.
pub(super) const CONDEMNED: &str = "CONDEMNED";
/// Of the words in it.
const WHY_BYTES_MAX: u64 = 64 << 10;
