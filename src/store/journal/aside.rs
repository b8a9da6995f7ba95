//! Keeps bytes before they are overwritten, apart because every repair must come through here; it
//! never deletes and never overwrites.
use std::io;
use std::path::{Path, PathBuf};

use crate::store::journal::disk::Disk;
use crate::store::journal::error::JournalError;
use crate::store::journal::put_aside::folder;
use crate::store::journal::segment::Segment;

/// Where bytes of an earlier state were put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aside {
    /// Ordinal of the segment they come from.
    pub segment: u64,
    /// Where they stood in it.
    pub offset: u64,
    /// How many there are.
    pub bytes: u64,
    /// The file that has them now.
    pub path: PathBuf,
}

/// Copies `from..to` of a segment into `aside/`, durably; `None` when there are only zeros.
///
/// # Errors
/// `Io`.
pub(crate) fn keep(
    disk: &dyn Disk,
    dir: &Path,
    segment: &Segment,
    from: u64,
    to: u64,
) -> Result<Option<Aside>, JournalError> {
    let Some(end) = segment.content_end(from, to)? else {
        return Ok(None);
    };
    let folder = folder(dir);
    let at = |action, path: &Path, error: &io::Error| JournalError::io(action, path, error);
    let (file, path) = (0..)
        .map(|copy: u32| folder.join(format!("{:08}-{from}-{copy}.bytes", segment.ordinal)))
        .find_map(|path| match disk.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => None,
            Err(error) => Some(Err(at("create", &path, &error))),
            Ok(file) => Some(Ok((file, path))),
        })
        .unwrap_or_else(|| Err(at("create", &folder, &io::ErrorKind::AlreadyExists.into())))?;
    let mut buffer = vec![0; CHUNK];
    let mut offset = from;
    while offset < end {
        let length = usize::try_from(end - offset).map_or(CHUNK, |rest| rest.min(CHUNK));
        let chunk = buffer.get_mut(..length).unwrap_or_default();
        segment.read(chunk, offset)?;
        file.write_at(chunk, offset - from)
            .map_err(|error| at("write", &path, &error))?;
        offset += length as u64;
    }
    file.sync_all().map_err(|error| at("sync", &path, &error))?;
    disk.sync_dir(&folder)
        .map_err(|error| at("sync", &folder, &error))?;
    Ok(Some(Aside {
        segment: segment.ordinal,
        offset: from,
        bytes: end - from,
        path,
    }))
}

/// How much is copied at once.
const CHUNK: usize = 1 << 20;
