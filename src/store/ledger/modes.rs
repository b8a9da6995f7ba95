//! Who may read a data directory: its owner alone. Apart because everything that writes to one
//! looks at it first. What a log holds is personal, and an earlier program, a copy or a restore may
//! have left it open; it is closed then, and that is said. Reads no file, and follows no link.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::StoreError;
use crate::store::private;

/// Closes a data directory to everybody but its owner, with all that a ledger keeps in it; says so
/// where others could enter it. One that is not there yet is made closed.
///
/// # Errors
/// `Io` when something is open and cannot be closed, or holds files of somebody else's.
pub(crate) fn keep_private(dir: &Path) -> Result<Vec<String>, StoreError> {
    let at = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| StoreError::Io {
            path,
            operation: "close to others",
            source: Arc::new(error),
        }
    };
    let found = match fs::metadata(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(at(dir))?,
    };
    let mut notes = Vec::new();
    if private::is_open(&found) {
        let mode = found.mode() & MODE;
        // A directory that is shared on purpose is not ours to close.
        let is_ours = is_empty(dir) || TRACES.iter().any(|name| is_there(&dir.join(name)));
        if !is_ours {
            return Err(at(dir)(io::Error::other(format!(
                "its mode is {mode:04o}, and it holds other files: name a directory of its own, or \
                 `chmod 0700` it"
            ))));
        }
        // The path may be a link to it; what it leads to is the operator's word.
        let real = fs::canonicalize(dir).map_err(at(dir))?;
        private::shut(&real).map_err(at(dir))?;
        notes.push(format!(
            "{} was open to others (mode {mode:04o}): now its folders are 0700 and its files 0600",
            dir.display()
        ));
    }
    // The indexed copy makes its files as the umask has it, behind the directory's own mode.
    let mut open = Vec::new();
    for name in FOLDERS {
        gather(&dir.join(name), &mut open);
    }
    for name in FILES {
        look(&dir.join(name), &mut open);
    }
    for path in &open {
        private::shut(path).map_err(at(path))?;
    }
    Ok(notes)
}

/// Every open file and folder below, a link aside.
fn gather(folder: &Path, open: &mut Vec<PathBuf>) {
    if !fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir()) {
        return;
    }
    look(folder, open);
    let entries = fs::read_dir(folder).into_iter().flatten();
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
            gather(&path, open);
        } else {
            look(&path, open);
        }
    }
}

/// Notes an entry that is open. A file with another name elsewhere is left alone: that one would
/// change with it.
fn look(path: &Path, open: &mut Vec<PathBuf>) {
    let is_ours = |found: &Metadata| found.is_dir() || (found.is_file() && found.nlink() == 1);
    if fs::symlink_metadata(path).is_ok_and(|found| is_ours(&found) && private::is_open(&found)) {
        open.push(path.to_path_buf());
    }
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_none())
}

fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

const FOLDERS: [&str; 4] = ["aside", "journal", "db", "webhooks"];
const FILES: [&str; 5] = ["HEAD", "HEAD.new", "LOCK", "checkpoint", "checkpoint.new"];
/// What makes a directory one of a ledger.
const TRACES: [&str; 4] = ["HEAD", "journal", "db", "checkpoint"];
/// The bits of a mode that tell rights.
const MODE: u32 = 0o7777;
