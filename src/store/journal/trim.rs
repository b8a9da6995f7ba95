//! Gives a segment file that has grown its length back, for `roomledger repair`; apart because it
//! replaces the file, so that whoever has it open must open it anew.
use crate::store::journal::aside;
use crate::store::journal::error::JournalError;
use crate::store::journal::handle::Journal;
use crate::store::journal::segment::journal_dir;

impl Journal {
    /// Cuts what stands behind the end of any segment, with the bytes kept aside; says in which.
    /// The journal is to be dropped afterwards.
    ///
    /// # Errors
    /// `Io`.
    pub fn trim(&mut self) -> Result<Vec<u64>, JournalError> {
        let (disk, dir) = (self.shared.disk.as_ref(), &self.shared.dir);
        let mut trimmed = Vec::new();
        let segments = self.shared.live().segments.clone();
        for segment in segments {
            let (path, length) = (&segment.path, segment.layout.segment_bytes);
            let size = segment.size()?;
            if size <= length {
                continue;
            }
            aside::keep(disk, dir, &segment, length, size)?;
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
            trimmed.push(segment.ordinal);
        }
        Ok(trimmed)
    }
}
