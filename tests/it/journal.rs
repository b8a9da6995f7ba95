//! The journal: each rule of the log has a test that fails without it, named after the rule.
mod backup;
mod beside;
mod damage;
mod faults;
mod rules;
mod rules_history;
mod writing;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roomledger::store::journal::{
    Disk, Frame, FrameSource, Journal, JournalError, JournalReader, Options, Recovery,
};
use roomledger::testing::faults::SimulatedDisk;

const LOG_ID: [u8; 16] = [7; 16];
const SEGMENT_BYTES: u64 = 4096;
/// Where the footer starts in a segment of that size.
const FOOTER_OFFSET: usize = 4096 - 128 - 64;
const FRAMES_OFFSET: usize = 64;
const PAYLOAD_BYTES: usize = 150;

/// A journal on a simulated disk, and all the frames it ever acknowledged.
struct Rig {
    disk: SimulatedDisk,
    written: Vec<Frame>,
    epoch: u64,
}

impl Rig {
    fn new() -> Self {
        Self {
            disk: SimulatedDisk::new(),
            written: Vec::new(),
            epoch: 0,
        }
    }

    /// One with `commits` commits, not closed.
    fn filled(commits: u64) -> Self {
        let mut rig = Self::new();
        let mut journal = rig.open().0;
        rig.fill(&mut journal, commits);
        rig
    }

    /// The same on a disk of its own.
    fn copied(&self) -> Self {
        Self {
            disk: self.disk.power_cut(&mut || true),
            written: self.written.clone(),
            epoch: self.epoch,
        }
    }

    fn open(&mut self) -> (Journal, Recovery) {
        self.try_open().expect("opens")
    }

    fn try_open(&mut self) -> Result<(Journal, Recovery), JournalError> {
        self.epoch += 1;
        Journal::open(dir(), options(self.epoch, &self.disk))
    }

    fn reader(&self) -> JournalReader {
        JournalReader::open(self.shared_disk(), dir()).expect("opens for reading")
    }

    fn shared_disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.disk.clone())
    }

    fn fill(&mut self, journal: &mut Journal, commits: u64) {
        for _ in 0..commits {
            let frame = append(journal).expect("appends");
            self.written.push(frame);
        }
    }

    /// Where the frame with this index stands.
    fn place(&self, index: usize) -> (PathBuf, usize) {
        let segment = self.written[index].header().segment;
        let before = self.written[..index].iter();
        let same = before.filter(|frame| frame.header().segment == segment);
        (
            segment_path(segment),
            FRAMES_OFFSET + same.map(|f| f.bytes().len()).sum::<usize>(),
        )
    }

    fn edit_frame(&self, index: usize, change: impl FnOnce(&mut [u8])) {
        let (path, offset) = self.place(index);
        let end = offset + self.written[index].bytes().len();
        // Earlier damage may have taken the place away.
        self.disk
            .edit(&path, |data| data.get_mut(offset..end).map_or((), change));
    }

    fn source(&self) -> Copy {
        Copy::of(&self.written)
    }
}

/// The other copy.
struct Copy(BTreeMap<u64, Vec<Vec<u8>>>);

impl Copy {
    fn of(frames: &[Frame]) -> Self {
        let mut copy = BTreeMap::<_, Vec<_>>::new();
        for frame in frames {
            copy.entry(frame.first_position())
                .or_default()
                .push(frame.bytes().to_vec());
        }
        Self(copy)
    }
}

impl FrameSource for Copy {
    fn frames_at(&self, first_position: u64) -> Vec<Vec<u8>> {
        self.0.get(&first_position).cloned().unwrap_or_default()
    }
}

fn dir() -> &'static Path {
    Path::new("/data")
}

/// What a campaign came to, for who runs it by hand with `--nocapture`.
pub(crate) fn tell(what: &str) {
    // Nobody waits for it.
    let _ = writeln!(std::io::stderr(), "{what}");
}

fn segment_path(ordinal: u64) -> PathBuf {
    dir().join(format!("journal/{ordinal:08}.seg"))
}

fn options(epoch: u64, disk: &SimulatedDisk) -> Options {
    Options {
        disk: Arc::new(disk.clone()),
        prepare_ahead: false,
        ..real_options(epoch)
    }
}

fn real_options(epoch: u64) -> Options {
    Options {
        segment_bytes: SEGMENT_BYTES,
        frame_bytes_max: 2048,
        reserve_bytes: 1,
        rooms_of: |payload| {
            payload
                .first()
                .map(|byte| u64::from(*byte))
                .into_iter()
                .collect()
        },
        ..Options::new(epoch, LOG_ID, "boot-1".to_owned())
    }
}

/// Appends a commit of 1 to 3 positions, with a payload of its own.
fn append(journal: &mut Journal) -> Result<Frame, JournalError> {
    let first = journal.end().next_position;
    let count = u32::try_from(first % 3 + 1).expect("small");
    let payload = [u8::try_from(first % 251).expect("small"); PAYLOAD_BYTES];
    let (head, rest) = payload.split_at(50);
    journal.append(first, count, &[head, rest], &[u64::from(payload[0])])
}

fn read(reader: &JournalReader, from: u64) -> Vec<Result<Frame, JournalError>> {
    reader.frames_from(from).expect("reads").collect()
}

fn read_whole(reader: &JournalReader) -> Vec<Frame> {
    read(reader, 1)
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("no damage")
}
