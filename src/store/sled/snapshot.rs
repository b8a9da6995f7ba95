//! Snapshots of rooms in the copy: caches in chunks of at most 64 KiB, each whole or absent. Apart
//! from frames because nothing is ever rebuilt for them: what does not hash is as if not there.

use super::block::Entry;
use super::copy::SledCopy;
use super::error::CopyError;
use super::key;
use crate::domain::Digest;

impl SledCopy {
    /// Keeps the snapshot of a stream at a version, in the place of an earlier one there.
    ///
    /// # Errors
    /// Any [`CopyError`].
    pub(crate) fn put_snapshot(
        &self,
        stream: u64,
        version: u64,
        bytes: &[u8],
    ) -> Result<(), CopyError> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let mut content = Digest::of(bytes).0.to_vec();
        content.extend_from_slice(&length.to_be_bytes());
        content.extend_from_slice(bytes);
        let chunks = content.chunks(CHUNK_BYTES_MAX).zip(0..=u16::MAX);
        let entries = chunks.map(|(part, chunk)| Entry {
            key: key::snapshot(stream, version, chunk).to_vec(),
            value: part.to_vec(),
        });
        self.put(entries.collect())
    }

    /// The last snapshot of a stream at or before a version, with its version; one that does not
    /// hash is passed over.
    ///
    /// # Errors
    /// Any [`CopyError`] of reading.
    pub(crate) fn snapshot_up_to(
        &self,
        stream: u64,
        version: u64,
    ) -> Result<Option<(u64, Vec<u8>)>, CopyError> {
        let mut up_to = version;
        loop {
            let least = key::snapshot(stream, 0, 0).to_vec();
            let greatest = key::snapshot(stream, up_to, u16::MAX).to_vec();
            let newest = self
                .sled
                .call(|db| db.range(least..=greatest).keys().next_back().transpose())?;
            let Some(found) = newest.and_then(|key| key::parse_snapshot(&key)) else {
                return Ok(None);
            };
            if let Some(bytes) = self.snapshot_at(stream, found)? {
                return Ok(Some((found, bytes)));
            }
            let Some(before) = found.checked_sub(1) else {
                return Ok(None);
            };
            up_to = before;
        }
    }

    fn snapshot_at(&self, stream: u64, version: u64) -> Result<Option<Vec<u8>>, CopyError> {
        let least = key::snapshot(stream, version, 0).to_vec();
        let greatest = key::snapshot(stream, version, u16::MAX).to_vec();
        let parts = self.sled.call(|db| {
            let values = db.range(least..=greatest).values();
            values.collect::<Result<Vec<_>, _>>()
        })?;
        let parts: Vec<&[u8]> = parts.iter().map(|part| &**part).collect();
        let content = parts.concat();
        // A longer one that stood here before leaves chunks behind the end of this one.
        let whole = || {
            let (digest, rest) = content.split_first_chunk::<32>()?;
            let (length, rest) = rest.split_first_chunk()?;
            let bytes = rest.get(..usize::try_from(u64::from_be_bytes(*length)).ok()?)?;
            (Digest::of(bytes).0 == *digest).then(|| bytes.to_vec())
        };
        Ok(whole())
    }
}

const CHUNK_BYTES_MAX: usize = 64 << 10;
