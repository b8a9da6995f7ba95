//! Makes the files of a journal fit what is in them: one that has grown gets its length back, one
//! that is no part of the journal goes aside; apart because it replaces and moves whole files. No
//! byte is lost: what is cut off is kept aside first.
use std::path::Path;
use std::sync::Arc;

use crate::store::journal::aside;
use crate::store::journal::disk::Disk;
use crate::store::journal::error::JournalError;
use crate::store::journal::layout::Place;
use crate::store::journal::put_aside::set_aside;
use crate::store::journal::segment::{Segment, journal_dir};

/// Where something was taken away, and how many bytes.
pub(crate) type Taken = (Place, u64);

/// Moves files that are no part of the journal to `aside/`.
///
/// # Errors
/// `Io`.
pub(crate) fn set_strays_aside(
    disk: &dyn Disk,
    dir: &Path,
    strays: &[Arc<Segment>],
) -> Result<Vec<Taken>, JournalError> {
    let mut taken = Vec::new();
    for stray in strays {
        let at = Place {
            segment: stray.ordinal,
            offset: 0,
        };
        taken.push((at, stray.size()?));
        set_aside(disk, dir, &stray.path)?;
    }
    Ok(taken)
}

/// Cuts off what stands behind the end of any segment, with the bytes kept aside. The file is
/// replaced, so nobody may hold it open.
///
/// # Errors
/// `Io`.
pub(crate) fn trim(
    disk: &dyn Disk,
    dir: &Path,
    segments: &[Arc<Segment>],
) -> Result<Vec<Taken>, JournalError> {
    let mut taken = Vec::new();
    for segment in segments {
        let (path, length) = (&segment.path, segment.layout.segment_bytes);
        let size = segment.size()?;
        if size <= length {
            continue;
        }
        aside::keep(disk, dir, segment, length, size)?;
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        segment.read(&mut bytes, 0)?;
        let fresh = path.with_extension("new");
        // What an earlier run left there is a part of the same.
        let _ = disk.remove(&fresh);
        let file = disk.create(&fresh);
        let file = file.map_err(|error| JournalError::io("create", &fresh, &error))?;
        let written = file.write_at(&bytes, 0).and_then(|()| file.sync_all());
        written.map_err(|error| JournalError::io("write", &fresh, &error))?;
        let renamed = disk.rename(&fresh, path);
        renamed.map_err(|error| JournalError::io("rename", &fresh, &error))?;
        let folder = journal_dir(dir);
        let synced = disk.sync_dir(&folder);
        synced.map_err(|error| JournalError::io("sync", &folder, &error))?;
        let at = Place {
            segment: segment.ordinal,
            offset: length,
        };
        taken.push((at, size - length));
    }
    Ok(taken)
}
