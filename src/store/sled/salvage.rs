//! What can still be read of copies that are not believed: `db/` as it stands, and those that were
//! moved aside. Apart because such a copy is opened only to heal the journal, which judges every
//! frame; and only as a copy of its files, since sled writes to whatever it opens.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::copy::SledCopy;
use super::error::CopyError;
use super::files::{CONDEMNED, io_error, sled_folder};
use super::source::SledSource;
use crate::store::journal::FrameSource;
use crate::store::private;

/// Copies of copies, gone when this is dropped.
pub(crate) struct Salvage {
    found: Vec<SledCopy>,
    /// Dropped after them.
    _folder: Option<Scratch>,
}

struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left over is a copy of what is kept beside it, and is removed next time.
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Salvage {
    /// Opens what can be opened: `db/` if `with_db`, then what stands in `aside/`, the newest
    /// first.
    ///
    /// # Errors
    /// `Io` when they cannot be copied; one that cannot be opened is left out.
    pub(crate) fn open(data: &Path, log_id: [u8; 16], with_db: bool) -> Result<Self, CopyError> {
        let mut folders = aside_folders(data);
        if with_db && sled_folder(data).exists() {
            folders.insert(0, sled_folder(data));
        }
        if folders.is_empty() {
            return Ok(Self {
                found: Vec::new(),
                _folder: None,
            });
        }
        let scratch = Scratch(data.join("aside").join("reading"));
        drop(Scratch(scratch.0.clone()));
        let mut found = Vec::new();
        for (number, folder) in folders.iter().take(COPIES_MAX).enumerate() {
            let here = scratch.0.join(number.to_string());
            copy_files(folder, &sled_folder(&here))?;
            match SledCopy::open_unbelieved(&here, log_id, CACHE_BYTES) {
                Ok(copy) => found.push(copy),
                Err(error) => tracing::warn!(%error, from = %folder.display(), "not readable"),
            }
        }
        Ok(Self {
            found,
            _folder: Some(scratch),
        })
    }
}

impl FrameSource for Salvage {
    fn frames_at(&self, first_position: u64) -> Vec<Vec<u8>> {
        let copies = self.found.iter();
        let frames = copies.flat_map(|copy| SledSource::new(copy).frames_at(first_position));
        frames.collect()
    }
}

fn aside_folders(data: &Path) -> Vec<PathBuf> {
    let number = |path: &Path| {
        let name = path.file_name()?.to_str()?;
        name.strip_prefix("db-")?.parse::<u32>().ok()
    };
    let entries = fs::read_dir(data.join("aside")).into_iter().flatten();
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let paths = paths.filter(|path| is_folder(path));
    let mut folders: Vec<(u32, PathBuf)> = paths
        .filter_map(|path| Some((number(&path)?, path)))
        .collect();
    folders.sort_by(|one, other| other.cmp(one));
    folders.into_iter().map(|(_, path)| path).collect()
}

fn copy_files(from: &Path, to: &Path) -> Result<(), CopyError> {
    private::make_folder(to).map_err(io_error("create", to))?;
    for entry in fs::read_dir(from).map_err(io_error("list", from))? {
        let path = entry.map_err(io_error("list", from))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if is_folder(&path) {
            copy_files(&path, &target)?;
        } else if !path.ends_with(CONDEMNED) {
            copy_file(&path, &target).map_err(io_error("copy", &path))?;
        }
    }
    Ok(())
}

/// Copies a regular file; anything else is left out.
fn copy_file(from: &Path, to: &Path) -> io::Result<()> {
    let mut source = match private::open(from, false) {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(()),
        other => other?,
    };
    let mut target = private::create(to)?;
    io::copy(&mut source, &mut target).map(|_| ())
}

/// A link to a folder would lead out of the data directory.
fn is_folder(path: &Path) -> bool {
    path.symlink_metadata().is_ok_and(|found| found.is_dir())
}

/// Older ones have less, and each costs as much disk as it has.
const COPIES_MAX: usize = 4;
const CACHE_BYTES: u64 = 16 << 20;
