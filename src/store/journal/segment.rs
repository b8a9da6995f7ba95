//! A segment file: header, frames, zeros, and a footer once it is closed; apart because writer,
//! recovery and readers share its layout; it never decides which frames are good.
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::journal::disk::{Disk, DiskFile};
use crate::store::journal::error::JournalError;
use crate::store::journal::footer::{Footer, FooterState};
use crate::store::journal::frame::Fields;
use crate::store::journal::layout::{
    FOOTER_BYTES, FRAMES_OFFSET, HEADER_BYTES, Layout, SEGMENT_BYTES,
};
use crate::store::journal::put_aside;

/// A segment file. It is open while it is written to; a read opens it for itself, so that the
/// files a process holds do not grow with the log.
pub(crate) struct Segment {
    pub(crate) ordinal: u64,
    pub(crate) path: PathBuf,
    pub(crate) layout: Layout,
    /// The log id of the header; `None` when the header is bad or another segment's.
    pub(crate) log_id: Option<[u8; 16]>,
    disk: Arc<dyn Disk>,
    /// From the first write until [`Self::settle`]: a sync must tell of the writes before it, and
    /// only the file they went through is sure to.
    held: Mutex<Option<Arc<dyn DiskFile>>>,
}

impl Segment {
    /// Looks at the segment at `path`; a bad header is no error, it can be written again. One whose
    /// size no journal of ours can have is bad, too: a checksum can be forged.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn open(
        disk: &Arc<dyn Disk>,
        path: PathBuf,
        ordinal: u64,
    ) -> Result<Self, JournalError> {
        let file = disk
            .open(&path, false)
            .map_err(|error| JournalError::io("open", &path, &error))?;
        let size = file
            .size()
            .map_err(|error| JournalError::io("measure", &path, &error))?;
        let mut bytes = [0; HEADER_BYTES];
        file.read_at(&mut bytes, 0)
            .map_err(|error| JournalError::io("read", &path, &error))?;
        let layout = Layout {
            segment_bytes: size.min(*SEGMENT_BYTES.end()),
        };
        let mut segment = Self {
            ordinal,
            path,
            layout,
            log_id: None,
            disk: Arc::clone(disk),
            held: Mutex::default(),
        };
        if let Some((log_id, found, segment_bytes)) = decode_header(&bytes)
            && found == ordinal
            && SEGMENT_BYTES.contains(&segment_bytes)
        {
            segment.log_id = Some(log_id);
            segment.layout = Layout { segment_bytes };
        }
        Ok(segment)
    }

    /// Makes the segment durable before its first frame (log.md rule 5): its name, zeros, fsync of
    /// the file, fsync of the directory. A frameless one that exists is zeroed again, since its
    /// zeros may never have reached the medium; one that holds anything, or is longer, is moved
    /// aside first.
    ///
    /// # Errors
    /// `Io`.
    pub(crate) fn prepare(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        ordinal: u64,
        log_id: [u8; 16],
        layout: Layout,
    ) -> Result<Self, JournalError> {
        let path = path(dir, ordinal);
        let file = match disk.create(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = Self::open(disk, path.clone(), ordinal)?;
                if found.size()? > layout.segment_bytes || found.has_content()? {
                    put_aside::set_aside(disk.as_ref(), dir, &path)?;
                    disk.create(&path)
                } else {
                    disk.open(&path, true)
                }
            }
            other => other,
        };
        let file = file.map_err(|error| JournalError::io("create", &path, &error))?;
        let segment = Self {
            ordinal,
            path,
            layout,
            log_id: Some(log_id),
            disk: Arc::clone(disk),
            held: Mutex::new(Some(Arc::from(file))),
        };
        segment.zero(0, layout.segment_bytes)?;
        segment.write_header(log_id)?;
        segment.sync_all()?;
        let journal = journal_dir(dir);
        disk.sync_dir(&journal)
            .map_err(|error| JournalError::io("sync", &journal, &error))?;
        Ok(segment)
    }

    /// Writes the header; the caller syncs.
    pub(crate) fn write_header(&self, log_id: [u8; 16]) -> Result<(), JournalError> {
        self.write(&encode_header(log_id, self.ordinal, self.layout), 0)
    }

    /// Zeros from `from` to `to`; the caller syncs.
    pub(crate) fn zero(&self, from: u64, to: u64) -> Result<(), JournalError> {
        let zeros =
            vec![0; usize::try_from(to.saturating_sub(from)).map_or(CHUNK, |all| all.min(CHUNK))];
        let mut offset = from;
        while offset < to {
            let length = usize::try_from(to - offset).map_or(CHUNK, |rest| rest.min(CHUNK));
            self.write(zeros.get(..length).unwrap_or_default(), offset)?;
            offset += length as u64;
        }
        Ok(())
    }

    /// Fills `buffer` from `offset`; what lies behind the end of the file reads as zero, and so
    /// does a file that is gone: the chain names what is missing.
    pub(crate) fn read(&self, buffer: &mut [u8], offset: u64) -> Result<(), JournalError> {
        let file = self.for_reading()?;
        let read = file.map_or(Ok(0), |file| file.read_at(buffer, offset));
        let read = read.map_err(|error| JournalError::io("read", &self.path, &error))?;
        buffer.get_mut(read..).unwrap_or_default().fill(0);
        Ok(())
    }

    /// Writes, and holds the file until [`Self::settle`].
    pub(crate) fn write(&self, bytes: &[u8], offset: u64) -> Result<(), JournalError> {
        let written = self.for_writing()?.write_at(bytes, offset);
        written.map_err(|error| JournalError::io("write", &self.path, &error))
    }

    /// Makes what was written durable; more is to be written.
    pub(crate) fn sync_data(&self) -> Result<(), JournalError> {
        self.for_writing()?
            .sync_data()
            .map_err(|error| JournalError::io("sync", &self.path, &error))
    }

    /// As [`Self::sync_data`], where the file may have grown.
    pub(crate) fn sync_all(&self) -> Result<(), JournalError> {
        self.for_writing()?
            .sync_all()
            .map_err(|error| JournalError::io("sync", &self.path, &error))
    }

    /// Makes what was written durable, and lets the file go.
    pub(crate) fn settle(&self) -> Result<(), JournalError> {
        self.sync_data()?;
        self.held().take();
        Ok(())
    }

    /// Bytes in the file; none when it is gone.
    pub(crate) fn size(&self) -> Result<u64, JournalError> {
        let size = self.for_reading()?.map_or(Ok(0), |file| file.size());
        size.map_err(|error| JournalError::io("measure", &self.path, &error))
    }

    /// Makes the next read the medium's.
    pub(crate) fn drop_cache(&self) {
        // What cannot be opened is named by the read that follows.
        if let Ok(Some(file)) = self.for_reading() {
            file.drop_cache();
        }
    }

    /// The end of the last byte between `from` and `to` that is not zero; `None` if all are.
    pub(crate) fn content_end(&self, from: u64, to: u64) -> Result<Option<u64>, JournalError> {
        let all = usize::try_from(to.saturating_sub(from)).unwrap_or(CHUNK);
        let mut buffer = vec![0; all.min(CHUNK)];
        let (mut offset, mut end) = (from, None);
        while offset < to {
            let length = usize::try_from(to - offset).map_or(CHUNK, |rest| rest.min(CHUNK));
            let chunk = buffer.get_mut(..length).unwrap_or_default();
            self.read(chunk, offset)?;
            if let Some(last) = last_content(chunk) {
                end = Some(offset + last as u64 + 1);
            }
            offset += length as u64;
        }
        Ok(end)
    }

    /// Whether there is anything but the header.
    pub(crate) fn has_content(&self) -> Result<bool, JournalError> {
        let end = self.layout.segment_bytes.max(self.size()?);
        Ok(self.content_end(FRAMES_OFFSET, end)?.is_some())
    }

    /// The footer as it stands.
    pub(crate) fn footer(&self, log_id: [u8; 16]) -> Result<FooterState, JournalError> {
        let mut bytes = [0; FOOTER_BYTES];
        self.read(&mut bytes, self.layout.footer_offset())?;
        Ok(Footer::decode(&bytes, log_id, self.ordinal))
    }

    fn for_reading(&self) -> Result<Option<Arc<dyn DiskFile>>, JournalError> {
        if let Some(file) = self.held().as_ref() {
            return Ok(Some(Arc::clone(file)));
        }
        match self.disk.open(&self.path, false) {
            Ok(file) => Ok(Some(Arc::from(file))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(JournalError::io("open", &self.path, &error)),
        }
    }

    fn for_writing(&self) -> Result<Arc<dyn DiskFile>, JournalError> {
        let mut held = self.held();
        if let Some(file) = held.as_ref() {
            return Ok(Arc::clone(file));
        }
        let file = self.disk.open(&self.path, true);
        let file = file.map_err(|error| JournalError::io("write", &self.path, &error))?;
        Ok(Arc::clone(held.insert(Arc::from(file))))
    }

    fn held(&self) -> MutexGuard<'_, Option<Arc<dyn DiskFile>>> {
        // Replaced in one step: a panic elsewhere leaves it whole.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The segments below `dir`, by ordinal; files with other names are left alone.
///
/// # Errors
/// `Io`.
pub(crate) fn list(disk: &Arc<dyn Disk>, dir: &Path) -> Result<Vec<Arc<Segment>>, JournalError> {
    let journal = journal_dir(dir);
    let files = match disk.list(&journal) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        other => other.map_err(|error| JournalError::io("list", &journal, &error))?,
    };
    let mut named: Vec<(u64, PathBuf)> = files
        .into_iter()
        .filter_map(|path| Some((ordinal_of(&path)?, path)))
        .collect();
    named.sort();
    let open = |(ordinal, path)| Segment::open(disk, path, ordinal);
    let mut segments = named.into_iter().map(open).collect::<Result<Vec<_>, _>>()?;
    // A file without a header may have lost bytes as well: its neighbours tell its size better.
    let known = segments.iter().find(|segment| segment.log_id.is_some());
    if let Some(layout) = known.map(|segment| segment.layout) {
        for segment in segments
            .iter_mut()
            .filter(|segment| segment.log_id.is_none())
        {
            segment.layout = layout;
        }
    }
    Ok(segments.into_iter().map(Arc::new).collect())
}

/// Where the segments stand.
pub(crate) fn journal_dir(dir: &Path) -> PathBuf {
    dir.join("journal")
}

/// Where the last byte is that is not zero; by whole pages, since most of a segment is zero.
fn last_content(chunk: &[u8]) -> Option<usize> {
    let mut pages = chunk.chunks(PAGE).enumerate().rev();
    let (index, page) = pages.find(|(_, page)| ZERO_PAGE.get(..page.len()) != Some(page))?;
    let last = page.iter().rposition(|byte| *byte != 0)?;
    Some(index * PAGE + last)
}

fn path(dir: &Path, ordinal: u64) -> PathBuf {
    journal_dir(dir).join(format!("{ordinal:08}.seg"))
}

fn ordinal_of(path: &Path) -> Option<u64> {
    let digits = path.file_name()?.to_str()?.strip_suffix(".seg")?;
    let ordinal = digits.parse().ok().filter(|ordinal| *ordinal > 0)?;
    (format!("{ordinal:08}") == digits).then_some(ordinal)
}

fn encode_header(log_id: [u8; 16], ordinal: u64, layout: Layout) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&log_id);
    bytes.extend_from_slice(&ordinal.to_le_bytes());
    bytes.extend_from_slice(&layout.segment_bytes.to_le_bytes());
    bytes.resize(HEADER_BYTES - 4, 0);
    let crc = crc32c::crc32c(&bytes);
    bytes.extend_from_slice(&crc.to_le_bytes());
    bytes
}

fn decode_header(bytes: &[u8; HEADER_BYTES]) -> Option<([u8; 16], u64, u64)> {
    let (body, crc) = bytes.split_at(HEADER_BYTES - 4);
    let mut fields = Fields(body);
    let intact = crc32c::crc32c(body).to_le_bytes() == *crc && fields.take::<4>() == MAGIC;
    intact.then(|| (fields.take(), fields.u64(), fields.u64()))
}

/// Marks a segment file, and its format.
const MAGIC: [u8; 4] = *b"RLs1";
/// How much is zeroed or looked at in one call: large enough that the call does not count.
const CHUNK: usize = 1 << 20;
/// How much is compared in one call.
const PAGE: usize = 4096;
const ZERO_PAGE: [u8; PAGE] = [0; PAGE];
