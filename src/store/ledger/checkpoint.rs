//! The file `checkpoint`: the heads of all streams, and the engine's folded state, each with the
//! link it belongs to (log.md rules 9 and 22). Apart because it is a cache: what does not fit in
//! every respect is as if not there. It is only ever replaced whole.
//!
//! ```text
//! magic, log id, section (heads), section (engine)
//! section := link position u64, chain 32, fingerprint 32, length u64, bytes, crc32c u32
//! ```

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use crate::domain::{Digest, Version};
use crate::store::StoreError;
use crate::store::journal::Link as ChainEnd;
use crate::store::private;
use crate::store::record::{Link, Position};

use super::heads::Heads;
use super::shared::Shared;

/// What stands in the file.
pub(crate) struct Checkpoint {
    pub(crate) heads_link: Link,
    pub(crate) heads: Heads,
    pub(crate) state: Section,
}

/// Opaque bytes and where they belong.
pub(crate) struct Section {
    pub(crate) link: Link,
    pub(crate) fingerprint: Digest,
    pub(crate) bytes: Vec<u8>,
}

/// Writes the file durably: temporary file, fsync, rename, directory fsync.
///
/// # Errors
/// `Io`.
pub(crate) fn save(shared: &Shared, state: &Section) -> Result<(), StoreError> {
    let (link, heads) = gather(shared);
    let heads = Section {
        link,
        fingerprint: HEADS_FINGERPRINT,
        bytes: heads,
    };
    let (path, temporary) = (shared.dir.join(NAME), shared.dir.join("checkpoint.new"));
    let failed = |operation: &'static str| {
        let path = path.display().to_string();
        move |error: io::Error| StoreError::Io {
            path,
            operation,
            source: Arc::new(error),
        }
    };
    let mut file = private::create_anew(&temporary).map_err(failed("create"))?;
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&shared.log_id);
    let written = file
        .write_all(&head)
        .and_then(|()| heads.write(&mut file))
        .and_then(|()| state.write(&mut file))
        .and_then(|()| file.sync_all());
    written.map_err(failed("write"))?;
    fs::rename(&temporary, &path).map_err(failed("rename"))?;
    private::sync_folder(&shared.dir).map_err(failed("sync"))
}

/// The file, when it is there, whole and of log `log_id`. One that cannot be read is as if not
/// there, and noted: the journal has all that it says.
pub(crate) fn load(dir: &Path, log_id: [u8; 16], notes: &mut Vec<String>) -> Option<Checkpoint> {
    let path = dir.join(NAME);
    match private::read(&path, BYTES_MAX) {
        Ok(bytes) => decode(&bytes, log_id),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => {
            let path = path.display();
            notes.push(format!(
                "{path} cannot be read ({error}): the journal is read instead"
            ));
            None
        }
    }
}

/// The log that the file belongs to, and the end of the log that it knows, where it is whole.
pub(crate) fn end_of(dir: &Path) -> Option<([u8; 16], ChainEnd)> {
    let bytes = private::read(&dir.join(NAME), BYTES_MAX).ok()?;
    let (log_id, _) = bytes.strip_prefix(MAGIC)?.split_first_chunk::<16>()?;
    let saved = decode(&bytes, *log_id)?;
    let link = saved.heads_link;
    let end = ChainEnd {
        next_position: link.position.next().0,
        hash: link.chain.0,
    };
    (link.position > Position(0)).then_some((*log_id, end))
}

/// The heads, page by page, so that commits go on meanwhile: each entry is at most newer than the
/// link, which is that of the beginning, and replaying from there gives the same in the end.
fn gather(shared: &Shared) -> (Link, Vec<u8>) {
    let link = shared.recent().head;
    let mut bytes = Vec::new();
    let mut after: Option<Arc<str>> = None;
    loop {
        let page = shared.recent().heads.page(after.as_deref(), HEADS_PER_PAGE);
        let Some((last, _)) = page.last() else {
            return (link, bytes);
        };
        after = Some(Arc::clone(last));
        for (name, version) in &page {
            // A name has at most 256 bytes.
            let length = u16::try_from(name.len()).unwrap_or(u16::MAX);
            bytes.extend_from_slice(&length.to_le_bytes());
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(&version.0.to_le_bytes());
        }
    }
}

fn decode(bytes: &[u8], log_id: [u8; 16]) -> Option<Checkpoint> {
    let mut rest = bytes.strip_prefix(MAGIC)?.strip_prefix(&log_id)?;
    let heads = Section::read(&mut rest)?;
    let state = Section::read(&mut rest)?;
    if !rest.is_empty() || heads.fingerprint != HEADS_FINGERPRINT {
        return None;
    }
    Some(Checkpoint {
        heads_link: heads.link,
        heads: decode_heads(&heads.bytes)?,
        state,
    })
}

fn decode_heads(mut bytes: &[u8]) -> Option<Heads> {
    let mut heads = Heads::default();
    while !bytes.is_empty() {
        let length = u16::from_le_bytes(take(&mut bytes)?);
        let (name, rest) = bytes.split_at_checked(length.into())?;
        bytes = rest;
        let version = u64::from_le_bytes(take(&mut bytes)?);
        heads.set(std::str::from_utf8(name).ok()?, Version(version));
    }
    Some(heads)
}

impl Section {
    fn write(&self, file: &mut File) -> io::Result<()> {
        let mut head = self.link.position.0.to_le_bytes().to_vec();
        head.extend_from_slice(&self.link.chain.0);
        head.extend_from_slice(&self.fingerprint.0);
        let length = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        head.extend_from_slice(&length.to_le_bytes());
        let crc = crc32c::crc32c_append(crc32c::crc32c(&head), &self.bytes);
        file.write_all(&head)?;
        file.write_all(&self.bytes)?;
        file.write_all(&crc.to_le_bytes())
    }

    fn read(rest: &mut &[u8]) -> Option<Self> {
        let all = *rest;
        let position = u64::from_le_bytes(take(rest)?);
        let chain = take(rest)?;
        let fingerprint = take(rest)?;
        let length = usize::try_from(u64::from_le_bytes(take(rest)?)).ok()?;
        let (bytes, after) = rest.split_at_checked(length)?;
        *rest = after;
        let covered = all.get(..all.len() - rest.len())?;
        let crc = u32::from_le_bytes(take(rest)?);
        (crc32c::crc32c(covered) == crc).then(|| Self {
            link: Link {
                position: Position(position),
                chain: Digest(chain),
            },
            fingerprint: Digest(fingerprint),
            bytes: bytes.to_vec(),
        })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

/// Where it stands in the data directory.
pub(crate) const NAME: &str = "checkpoint";
const MAGIC: &[u8] = b"RLc1";
/// Heads are folded by nothing that could change.
const HEADS_FINGERPRINT: Digest = Digest([0; 32]);
/// How long commits wait: some tens of microseconds.
const HEADS_PER_PAGE: usize = 1_024;
/// Far above a million outcomes and a hundred full rooms; one that is larger is as if not there.
const BYTES_MAX: u64 = 1 << 30;
