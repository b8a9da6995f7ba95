//! The body of the fuzz target of opening a log: any bytes as what became of its directory.
//!
//! Apart from [`super::fuzz`], whose bodies take bytes as what they are; here they are changes to
//! the files of a small journal, so that few bytes reach far.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::store::journal::{Disk, check, head_fault};
use crate::store::journal::{Frame, Journal, JournalError, JournalReader, Options};
use crate::testing::faults::SimulatedDisk;

/// Changes the files of a journal, and opens it: no frame reads otherwise than it was acknowledged,
/// and a journal that opens whole goes on and opens again with all that was read and written.
///
/// The first byte is how many commits the journal has (of none there is no file), the second
/// whether it was closed. Then changes of seven bytes: what (overwrite, cut, remove, copy, flip a
/// bit, make anew), the file, another file, an offset of two bytes, a length, and what it is filled
/// with; where that is above 127, as many bytes as the length are taken from the input. Where
/// "what" is above 127, the header of the file gets the checksum it then needs to be believed.
///
/// # Panics
/// When it does not hold: that is the finding.
pub fn open_log(bytes: &[u8]) {
    let disk = SimulatedDisk::new();
    let (head, changes) = bytes.split_at(bytes.len().min(2));
    let [commits, closed] = [0, 1].map(|at| head.get(at).copied().unwrap_or_default());
    let Ok(written) = fill(&disk, commits % COMMITS_MAX, closed % 2 == 1) else {
        return;
    };
    change(&disk, changes);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let _told: [bool; 2] = [
        check(&shared, dir(), |_| Vec::new(), &mut |_| ()).is_ok(),
        head_fault(&shared, dir()).is_ok(),
    ];
    let beside = JournalReader::open(shared, dir()).map(|reader| read(&reader));
    for frames in beside.into_iter().flatten() {
        as_written(&frames, &written);
    }
    let Ok((journal, _)) = Journal::open(dir(), options(EPOCH + 1, &disk)) else {
        return;
    };
    let before = read(&journal.reader()).unwrap_or_default();
    as_written(&before, &written);
    go_on(journal, &disk, &before);
}

/// What opened whole takes a commit, closes, and opens again with everything.
fn go_on(mut journal: Journal, disk: &SimulatedDisk, before: &[Frame]) {
    if journal.waits() || !journal.damage().is_empty() {
        return;
    }
    let added = match append(&mut journal) {
        Ok(frame) => frame,
        Err(JournalError::Poisoned { .. }) => panic!("poisoned, and no fault was injected"),
        Err(_) => return,
    };
    assert!(journal.close().is_ok(), "closes");
    let again = Journal::open(dir(), options(EPOCH + 2, disk));
    let (again, recovery) = again.unwrap_or_else(|error| panic!("opens again: {error}"));
    let frames = read(&again.reader()).unwrap_or_else(|error| panic!("reads again: {error}"));
    assert!(recovery.was_clean, "it was closed");
    for frame in before.iter().chain([&added]) {
        assert!(
            frames.contains(frame),
            "{} was there",
            frame.last_position()
        );
    }
}

fn fill(disk: &SimulatedDisk, commits: u8, closed: bool) -> Result<Vec<Frame>, JournalError> {
    let mut written = Vec::new();
    if commits == 0 {
        return Ok(written);
    }
    let (mut journal, _) = Journal::open(dir(), options(EPOCH, disk))?;
    for _ in 0..commits {
        written.push(append(&mut journal)?);
    }
    if closed {
        written.extend(journal.seal()?);
        journal.close()?;
    }
    Ok(written)
}

/// Appends a commit of 1 to 3 positions.
fn append(journal: &mut Journal) -> Result<Frame, JournalError> {
    let first = journal.end().next_position;
    let count = u32::try_from(first % 3 + 1).unwrap_or(1);
    let payload = [u8::try_from(first % 251).unwrap_or_default(); PAYLOAD_BYTES];
    journal.append(first, count, &[&payload], &[first % 5])
}

/// All frames from the first position on, those behind damage too.
fn read(reader: &JournalReader) -> Result<Vec<Frame>, JournalError> {
    Ok(reader.frames_from(1)?.filter_map(Result::ok).collect())
}

fn as_written(frames: &[Frame], written: &[Frame]) {
    let written: BTreeMap<u64, &Frame> = written
        .iter()
        .map(|frame| (frame.first_position(), frame))
        .collect();
    for frame in frames
        .iter()
        .filter(|frame| frame.last_position() >= frame.first_position())
    {
        let first = frame.first_position();
        let acknowledged = written.get(&first);
        assert!(
            acknowledged.is_none_or(|it| it.payload() == frame.payload()),
            "position {first} reads otherwise than it was written"
        );
    }
}

fn change(disk: &SimulatedDisk, changes: &[u8]) {
    let mut rest = changes;
    for _ in 0..CHANGES_MAX {
        let Some((&[what, file, other, high, low, length, fill], after)) =
            rest.split_first_chunk::<7>()
        else {
            return;
        };
        rest = after;
        let length = usize::from(length);
        let mut content = vec![fill; length];
        if fill > 127 {
            let (taken, after) = rest.split_at(length.min(rest.len()));
            content = taken.to_vec();
            rest = after;
        }
        let offset = usize::from(u16::from_be_bytes([high, low]));
        let (file, other) = (path(file), path(other));
        match what % 6 {
            0 => overwrite(disk, &file, offset, &content),
            1 => disk.edit(&file, |data| data.truncate(offset)),
            2 => disk.lose(&file),
            3 => {
                let copied = disk.files().remove(&other).unwrap_or_default();
                make(disk, &file);
                disk.edit(&file, |data| *data = copied);
            }
            4 => disk.edit(&file, |data| {
                if let Some(byte) = data.get_mut(offset) {
                    *byte ^= 1 << (length % 8);
                }
            }),
            _ => {
                make(disk, &file);
                overwrite(disk, &file, offset, &content);
            }
        }
        if what > 127 {
            forge(disk, &file);
        }
    }
}

/// Gives HEAD, or the header of a segment, the checksum of what it says.
fn forge(disk: &SimulatedDisk, path: &Path) {
    let is_head = path.ends_with("HEAD");
    disk.edit(path, |data| {
        if is_head {
            let sum = data.windows(SUM.len()).rposition(|bytes| bytes == SUM);
            data.truncate(sum.unwrap_or(data.len()));
            let crc = crc32c::crc32c(data);
            data.extend_from_slice(SUM);
            data.extend_from_slice(format!("{crc:08x}\n").as_bytes());
        } else if let Some(header) = data.first_chunk_mut::<SEGMENT_HEADER_BYTES>() {
            let (body, crc) = header.split_at_mut(SEGMENT_HEADER_BYTES - 4);
            crc.copy_from_slice(&crc32c::crc32c(body).to_le_bytes());
        }
    });
}

fn make(disk: &SimulatedDisk, path: &Path) {
    // Where it exists already, it stays.
    let _made = disk.create(path).is_ok();
}

fn overwrite(disk: &SimulatedDisk, path: &Path, offset: usize, content: &[u8]) {
    disk.edit(path, |data| {
        let end = offset + content.len();
        data.resize(data.len().max(end), 0);
        if let Some(place) = data.get_mut(offset..end) {
            place.copy_from_slice(content);
        }
    });
}

fn path(number: u8) -> PathBuf {
    match number % 10 {
        0 => dir().join("HEAD"),
        1 => dir().join("HEAD.new"),
        2 => dir().join("journal/stray"),
        3 => dir().join("journal/00000001.new"),
        ordinal => dir().join(format!("journal/{:08}.seg", ordinal - 3)),
    }
}

fn dir() -> &'static Path {
    Path::new("/data")
}

fn options(epoch: u64, disk: &SimulatedDisk) -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        frame_bytes_max: FRAME_BYTES_MAX,
        reserve_bytes: 1,
        prepare_ahead: false,
        disk: Arc::new(disk.clone()),
        ..Options::new(epoch, [7; 16], "boot-1".to_owned())
    }
}

const EPOCH: u64 = 1;
/// What comes before the checksum in HEAD.
const SUM: &[u8] = b"crc ";
/// With the checksum at its end.
const SEGMENT_HEADER_BYTES: usize = 64;
const SEGMENT_BYTES: u64 = 4096;
const FRAME_BYTES_MAX: u32 = 2048;
const PAYLOAD_BYTES: usize = 150;
/// Four segments of that size.
const COMMITS_MAX: u8 = 50;
/// More of them only make an emptier directory.
const CHANGES_MAX: usize = 32;
