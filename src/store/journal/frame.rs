//! One frame: a commit or a seal as bytes, apart because everything else trusts only what is
//! checked here; it never looks into a payload.
use std::sync::Arc;

use crate::audit::chain;

/// A SHA-256 chain hash.
pub type Hash = [u8; 32];

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// One commit: at least one position.
    Commit,
    /// Nothing but the confirmation of the frame before it (log.md rule 3): no position.
    Seal,
    /// Stands where frames were lost from both copies and an operator accepted it: it covers
    /// their positions and leads the chain on to what followed them. Written by a repair alone.
    Loss,
}

/// The state of the chain after a frame, which the next one must continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The first position of the next commit; positions are dense, from 1.
    pub next_position: u64,
    /// Chain hash of the last frame; all zero before the first.
    pub hash: Hash,
}

impl Link {
    /// The chain before its first frame.
    pub const GENESIS: Self = Self {
        next_position: 1,
        hash: [0; 32],
    };

    /// The last position that was given out, 0 when none was.
    pub fn position(&self) -> u64 {
        self.next_position.saturating_sub(1)
    }
}

/// What is wrong with the bytes where a frame should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// There is no frame, although there must be one.
    #[error("no frame")]
    Missing,
    /// The file ends inside the frame, or the segment has no room for it.
    #[error("frame cut short")]
    Short,
    /// The header's checksum does not match.
    #[error("bad header")]
    Header,
    /// The payload's checksum does not match.
    #[error("bad payload checksum")]
    Payload,
    /// A frame of another log.
    #[error("frame of another log")]
    OtherLog,
    /// A frame of another segment.
    #[error("frame of another segment")]
    OtherSegment,
    /// An intact frame that does not follow the one before it.
    #[error("intact frame that does not link to the one before it")]
    Link,
}

/// The fixed part of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameHeader {
    /// Commit or seal.
    pub kind: FrameKind,
    /// The log it belongs to.
    pub log_id: [u8; 16],
    /// Ordinal of the segment it was written to.
    pub segment: u64,
    /// The open (random) that wrote it.
    pub epoch: u64,
    /// First position; of a seal, the next one.
    pub first_position: u64,
    /// Number of positions; 0 for a seal.
    pub count: u32,
    /// Bytes of the payload.
    pub payload_bytes: u32,
    /// Chain hash of the frame before.
    pub previous: Hash,
}

impl FrameHeader {
    /// Appends the header, with its checksum, to `out`.
    fn encode(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&[match self.kind {
            FrameKind::Commit => 1,
            FrameKind::Seal => 2,
            FrameKind::Loss => 3,
        }]);
        out.extend_from_slice(&[0; 3]);
        out.extend_from_slice(&self.log_id);
        out.extend_from_slice(&self.segment.to_le_bytes());
        out.extend_from_slice(&self.epoch.to_le_bytes());
        out.extend_from_slice(&self.first_position.to_le_bytes());
        out.extend_from_slice(&self.count.to_le_bytes());
        out.extend_from_slice(&self.payload_bytes.to_le_bytes());
        out.extend_from_slice(&self.previous);
        let crc = crc32c::crc32c(out.get(start..).unwrap_or_default());
        out.extend_from_slice(&crc.to_le_bytes());
    }

    /// Reads a header from the start of `bytes`.
    ///
    /// # Errors
    /// `Short` when there are too few bytes, `Header` when they are not an intact header.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let header = bytes.first_chunk::<HEADER_BYTES>().ok_or(Fault::Short)?;
        let (body, crc) = header.split_at(HEADER_BYTES - 4);
        if crc32c::crc32c(body).to_le_bytes() != *crc {
            return Err(Fault::Header);
        }
        let mut fields = Fields(body);
        if fields.take::<4>() != MAGIC {
            return Err(Fault::Header);
        }
        let kind = match fields.take::<4>() {
            [1, 0, 0, 0] => FrameKind::Commit,
            [2, 0, 0, 0] => FrameKind::Seal,
            [3, 0, 0, 0] => FrameKind::Loss,
            _ => return Err(Fault::Header),
        };
        let header = Self {
            kind,
            log_id: fields.take(),
            segment: fields.u64(),
            epoch: fields.u64(),
            first_position: fields.u64(),
            count: fields.u32(),
            payload_bytes: fields.u32(),
            previous: fields.take(),
        };
        let counts = match header.kind {
            FrameKind::Commit => header.count > 0,
            FrameKind::Seal => header.count == 0,
            // Where only a seal was lost, no position was.
            FrameKind::Loss => true,
        };
        let fits = header
            .first_position
            .checked_add(u64::from(header.count))
            .is_some();
        if counts && fits && header.first_position > 0 {
            Ok(header)
        } else {
            Err(Fault::Header)
        }
    }

    /// Bytes of the whole frame: header, payload, payload checksum.
    pub fn frame_bytes(&self) -> u64 {
        FRAME_OVERHEAD_BYTES + u64::from(self.payload_bytes)
    }
}

/// A whole frame, verbatim and checked; cloning it shares the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    bytes: Arc<[u8]>,
    header: FrameHeader,
    hash: Hash,
}

impl Frame {
    /// Takes the frame at the start of `bytes`, with both checksums verified.
    ///
    /// # Errors
    /// The [`Fault`] of the bytes; whether the frame links to its neighbours is not judged here.
    pub fn decode(bytes: &[u8]) -> Result<Self, Fault> {
        let header = FrameHeader::decode(bytes)?;
        let length = usize::try_from(header.frame_bytes()).map_err(|_| Fault::Short)?;
        let bytes = bytes.get(..length).ok_or(Fault::Short)?;
        let (body, crc) = bytes.split_at(length - 4);
        if crc32c::crc32c(payload_of(body)).to_le_bytes() != *crc {
            return Err(Fault::Payload);
        }
        let hash = match header.kind {
            FrameKind::Commit | FrameKind::Seal => chain_hash(&header.previous, body),
            FrameKind::Loss => *payload_of(body).first_chunk().ok_or(Fault::Payload)?,
        };
        let bytes = Arc::from(bytes);
        Ok(Self {
            bytes,
            header,
            hash,
        })
    }

    /// A frame of exactly `frame_bytes` bytes that leads from `left` over what was lost to `right`;
    /// `None` when there is no room for one, or the two do not lie in this order.
    pub(crate) fn loss(
        (log_id, segment, epoch): ([u8; 16], u64, u64),
        left: &Link,
        right: &Link,
        frame_bytes: u64,
    ) -> Option<Self> {
        let count = right.next_position.checked_sub(left.next_position)?;
        let payload_bytes = frame_bytes.checked_sub(FRAME_OVERHEAD_BYTES)?;
        let header = FrameHeader {
            kind: FrameKind::Loss,
            log_id,
            segment,
            epoch,
            first_position: left.next_position,
            count: u32::try_from(count).ok()?,
            payload_bytes: u32::try_from(payload_bytes).ok()?,
            previous: left.hash,
        };
        let mut payload = right.hash.to_vec();
        let length = usize::try_from(payload_bytes).ok()?;
        (length >= payload.len()).then(|| payload.resize(length, 0))?;
        let mut frame = Self::encode(&mut Vec::new(), header, &[&payload]);
        frame.hash = right.hash;
        Some(frame)
    }

    /// Builds a frame in `scratch`, whose capacity is reused: one allocation per frame, its own.
    pub(crate) fn encode(scratch: &mut Vec<u8>, header: FrameHeader, payload: &[&[u8]]) -> Self {
        scratch.clear();
        header.encode(scratch);
        for part in payload {
            scratch.extend_from_slice(part);
        }
        let crc = crc32c::crc32c(payload_of(scratch));
        let hash = chain_hash(&header.previous, scratch);
        scratch.extend_from_slice(&crc.to_le_bytes());
        Self {
            bytes: Arc::from(scratch.as_slice()),
            header,
            hash,
        }
    }

    /// The frame as it stands on disk.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The caller's bytes.
    pub fn payload(&self) -> &[u8] {
        let end = self.bytes.len().saturating_sub(4);
        self.bytes.get(HEADER_BYTES..end).unwrap_or_default()
    }

    /// The fixed part.
    pub fn header(&self) -> &FrameHeader {
        &self.header
    }

    /// Commit or seal.
    pub fn kind(&self) -> FrameKind {
        self.header.kind
    }

    /// First position; of a seal, the next one.
    pub fn first_position(&self) -> u64 {
        self.header.first_position
    }

    /// Last position; of a seal, that of the commit it seals.
    pub fn last_position(&self) -> u64 {
        self.link().position()
    }

    /// SHA-256 of (previous hash, header, payload); of a loss, the hash of the last lost frame, as
    /// what follows it says.
    pub fn hash(&self) -> &Hash {
        &self.hash
    }

    /// The state of the chain after this frame.
    pub fn link(&self) -> Link {
        let next_position = self.header.first_position + u64::from(self.header.count);
        Link {
            next_position,
            hash: self.hash,
        }
    }

    /// Whether this frame continues the chain that ends in `left`.
    pub fn follows(&self, left: &Link) -> bool {
        self.header.previous == left.hash && self.header.first_position == left.next_position
    }

    /// Bytes of the whole frame.
    pub(crate) fn len(&self) -> u64 {
        self.header.frame_bytes()
    }
}

/// The first 8 hexadecimal digits of a hash, as people compare them.
pub fn short_hex(hash: &Hash) -> String {
    let mut text = hex(hash);
    text.truncate(8);
    text
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// Fixed-width little-endian fields from the front of a slice; zeros once it is exhausted, so it
/// is used only on slices whose length was checked.
pub(crate) struct Fields<'a>(pub(crate) &'a [u8]);

impl Fields<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((chunk, rest)) => {
                self.0 = rest;
                *chunk
            }
            None => [0; N],
        }
    }

    pub(crate) fn u32(&mut self) -> u32 {
        u32::from_le_bytes(self.take())
    }

    pub(crate) fn u64(&mut self) -> u64 {
        u64::from_le_bytes(self.take())
    }
}

fn payload_of(header_and_payload: &[u8]) -> &[u8] {
    header_and_payload.get(HEADER_BYTES..).unwrap_or_default()
}

fn chain_hash(previous: &Hash, header_and_payload: &[u8]) -> Hash {
    chain(previous, &[header_and_payload])
}

/// Marks the start of a frame, and the format of its header.
pub(crate) const MAGIC: [u8; 4] = *b"RLf1";
/// Magic, kind, log id, segment, epoch, first position, count, length, previous, checksum.
pub(crate) const HEADER_BYTES: usize = 4 + 4 + 16 + 8 + 8 + 8 + 4 + 4 + 32 + 4;
/// The smallest frame that stands for a loss: overhead and the hash it leads on to.
pub(crate) const LOSS_BYTES_MIN: u64 = FRAME_OVERHEAD_BYTES + 32;
/// What a frame adds to its payload: the header and the payload's checksum.
pub(crate) const FRAME_OVERHEAD_BYTES: u64 = HEADER_BYTES as u64 + 4;
