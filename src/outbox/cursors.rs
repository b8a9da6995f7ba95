//! The cursors of a stopped ledger, looked at without their receivers: for a check, and for a
//! repair that keeps the ones aside that a start refuses. Apart because it needs no engine. It
//! changes no cursor: one that is in doubt is moved, and only when asked.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cursor::CursorFile;
use super::error::OutboxError;
use crate::domain::Digest;
use crate::store::Position;
use crate::store::journal::Disk;

/// A cursor that says nothing about this log.
pub struct Doubt {
    file: CursorFile,
    /// What is wrong with it.
    pub problem: String,
}

impl Doubt {
    /// Where it stands.
    pub fn path(&self) -> PathBuf {
        self.file.path()
    }

    /// Moves it out of the way, where it is never deleted; gives its new name. Without a cursor its
    /// receiver begins at the log's end, or where the server is told to begin.
    ///
    /// # Errors
    /// `Io`.
    pub fn set_aside(&self) -> Result<PathBuf, OutboxError> {
        self.file.set_aside()
    }
}

/// The cursors in `dir` that a start refuses, or that would halt their receiver: damaged, at a
/// position that the log does not have, or with another chain hash than the one that `chain_at`
/// gives for the commit of their position.
///
/// # Errors
/// `Io`.
pub fn cursors_in_doubt(
    disk: &Arc<dyn Disk>,
    dir: &Path,
    chain_at: &dyn Fn(Position) -> Option<Digest>,
) -> Result<Vec<Doubt>, OutboxError> {
    let mut paths = match disk.list(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|error| OutboxError::Io {
            path: dir.display().to_string(),
            operation: "list",
            source: Arc::new(error),
        })?,
    };
    paths.sort();
    let mut doubts = Vec::new();
    for file in paths.iter().filter_map(|path| CursorFile::at(disk, path)) {
        let Some(found) = file.read()? else { continue };
        let problem = match found {
            Err(problem) => problem,
            Ok(cursor) if cursor.through == Position(0) => continue,
            Ok(cursor) => match chain_at(cursor.through) {
                None => format!("is at {}, where the log has nothing", cursor.through),
                Some(chain) if cursor.chain.is_none_or(|known| known == chain) => continue,
                Some(_) => format!("is of another history at {}", cursor.through),
            },
        };
        doubts.push(Doubt { file, problem });
    }
    Ok(doubts)
}
