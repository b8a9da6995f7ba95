//! The footer of a closed segment: what is inside and which rooms, apart because it only saves
//! reading; it never outranks the frames it sums up.
use crate::store::journal::frame::{Fields, Frame, FrameKind, Hash, Link};
use crate::store::journal::layout::{FOOTER_BYTES, FRAMES_OFFSET, Layout};

/// What a closed segment holds (log.md rule 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footer {
    /// The first position inside, or the next one if there is none.
    pub(crate) first_position: u64,
    /// The end of the chain in this segment.
    pub(crate) link: Link,
    /// Number of frames, seals included.
    pub(crate) frames: u64,
    /// Where the last frame starts, in bytes.
    pub(crate) last_frame_offset: u64,
    /// Where the frames end, in bytes.
    pub(crate) end_offset: u64,
    /// Checksum of the room filter behind the fixed part.
    pub(crate) filter_crc: u32,
}

/// What stands where a footer would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FooterState {
    /// Zeros: the segment was not closed.
    Absent,
    /// Not zeros, and no footer of this segment.
    Bad,
    /// Intact.
    Good(Footer),
}

impl FooterState {
    pub(crate) fn good(self) -> Option<Footer> {
        match self {
            Self::Good(footer) => Some(footer),
            Self::Absent | Self::Bad => None,
        }
    }
}

impl Footer {
    /// The fixed part and the filter, as they stand at the end of the segment.
    pub(crate) fn encode(&self, log_id: [u8; 16], ordinal: u64, filter: &RoomFilter) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FOOTER_BYTES + filter.0.len());
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&log_id);
        let numbers = [
            ordinal,
            self.first_position,
            self.link.next_position,
            self.frames,
            self.last_frame_offset,
            self.end_offset,
        ];
        for number in numbers {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.link.hash);
        bytes.extend_from_slice(&self.filter_crc.to_le_bytes());
        bytes.resize(FOOTER_BYTES - 4, 0);
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_le_bytes());
        bytes.extend_from_slice(&filter.0);
        bytes
    }

    pub(crate) fn decode(
        bytes: &[u8; FOOTER_BYTES],
        log_id: [u8; 16],
        ordinal: u64,
    ) -> FooterState {
        if bytes.iter().all(|byte| *byte == 0) {
            return FooterState::Absent;
        }
        let (body, crc) = bytes.split_at(FOOTER_BYTES - 4);
        let mut fields = Fields(body);
        let ours = crc32c::crc32c(body).to_le_bytes() == *crc
            && fields.take::<4>() == MAGIC
            && fields.take::<16>() == log_id
            && fields.u64() == ordinal;
        if !ours {
            return FooterState::Bad;
        }
        let (first_position, next_position) = (fields.u64(), fields.u64());
        let (frames, last_frame_offset, end_offset) = (fields.u64(), fields.u64(), fields.u64());
        let hash: Hash = fields.take();
        FooterState::Good(Self {
            first_position,
            link: Link {
                next_position,
                hash,
            },
            frames,
            last_frame_offset,
            end_offset,
            filter_crc: fields.u32(),
        })
    }
}

/// What a segment holds, summed up frame by frame: by the writer as it writes, by recovery as it
/// reads.
pub(crate) struct Sum {
    first_position: u64,
    link: Link,
    frames: u64,
    last_frame_offset: u64,
    end_offset: u64,
    filter: RoomFilter,
    /// Whether every frame was seen.
    pub(crate) whole: bool,
}

impl Sum {
    /// An empty segment that continues the chain at `left`.
    pub(crate) fn new(left: Link, layout: Layout) -> Self {
        Self {
            first_position: left.next_position,
            link: left,
            frames: 0,
            last_frame_offset: FRAMES_OFFSET,
            end_offset: FRAMES_OFFSET,
            filter: RoomFilter::new(layout.filter_bytes()),
            whole: true,
        }
    }

    pub(crate) fn add(&mut self, frame: &Frame, offset: u64, rooms: &[u64]) {
        self.link = frame.link();
        self.frames += 1;
        self.last_frame_offset = offset;
        self.end_offset = offset + frame.len();
        for room in rooms {
            self.filter.insert(*room);
        }
        if frame.kind() == FrameKind::Loss {
            // Any room may be among what was lost: no reader may skip this segment.
            self.filter.0.fill(u8::MAX);
        }
    }

    pub(crate) fn footer(&self) -> Footer {
        Footer {
            first_position: self.first_position,
            link: self.link,
            frames: self.frames,
            last_frame_offset: self.last_frame_offset,
            end_offset: self.end_offset,
            filter_crc: self.filter.crc(),
        }
    }

    /// The footer's bytes, filter included.
    pub(crate) fn encode(&self, log_id: [u8; 16], ordinal: u64) -> Vec<u8> {
        self.footer().encode(log_id, ordinal, &self.filter)
    }
}

/// A Bloom filter over room hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RoomFilter(Vec<u8>);

impl RoomFilter {
    /// An empty filter of `bytes` bytes.
    pub(crate) fn new(bytes: u64) -> Self {
        Self(vec![0; usize::try_from(bytes).unwrap_or(0)])
    }

    /// The filter as it was stored, if its checksum holds.
    pub(crate) fn from_bytes(bytes: Vec<u8>, crc: u32) -> Option<Self> {
        (crc32c::crc32c(&bytes) == crc).then_some(Self(bytes))
    }

    pub(crate) fn crc(&self) -> u32 {
        crc32c::crc32c(&self.0)
    }

    pub(crate) fn insert(&mut self, room: u64) {
        for (byte, mask) in probes(room, self.0.len() as u64) {
            if let Some(byte) = self.0.get_mut(byte) {
                *byte |= mask;
            }
        }
    }

    pub(crate) fn may_contain(&self, room: u64) -> bool {
        probes(room, self.0.len() as u64)
            .all(|(byte, mask)| self.0.get(byte).is_some_and(|found| found & mask != 0))
    }
}

/// The byte and bit of each probe, by double hashing.
fn probes(room: u64, bytes: u64) -> impl Iterator<Item = (usize, u8)> {
    // The caller's hash may have few good bits: splitmix64's finisher spreads them over all 64.
    let mut mixed = room.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    let (start, step) = (mixed ^ (mixed >> 31), mixed.rotate_left(32) | 1);
    (0..PROBES).map(move |probe| {
        let bit = start.wrapping_add(step.wrapping_mul(probe)) % (bytes * 8).max(1);
        (
            usize::try_from(bit / 8).unwrap_or(usize::MAX),
            1 << (bit % 8),
        )
    })
}

/// Seven probes are the best at ten bits a room.
const PROBES: u64 = 7;
/// Marks a footer, and its format.
const MAGIC: [u8; 4] = *b"RLe1";
