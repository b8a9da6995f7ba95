//! The keys of the one tree: a prefix and fixed-width big-endian numbers, so that order is the
//! order of numbers and no name can reach into another's range. They hold no names.
//!
//! ```text
//! b  first position u64, starts with u8, chunk u16     frames, verbatim
//! i  stream u64, version u64, position u64             where a stream's records begin in a block
//! g  stream u64, what u8, number u64, version u64      an event that is found by a number
//! g                                                    all such events are found
//! l  first position u64                                an accepted loss
//! s  stream u64, version u64, chunk u16                a snapshot
//! w                                                    complete through which link
//! ```

/// Where the watermark stands.
pub(super) const MARK: &[u8] = b"w";

/// What the keys of events that are found by a number start with, and the key that tells that all
/// of them are.
pub(super) const FOUND: &[u8] = b"g";

/// What the keys of accepted losses start with.
pub(super) const LOSSES: &[u8] = b"l";

/// Where a block, or a chunk of a large frame, stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockKey {
    /// First position of its first frame.
    pub(super) first: u64,
    /// A seal has the first position of the commit after it, and stands before it.
    pub(super) starts: Starts,
    /// 0 but for the later chunks of a large frame.
    pub(super) chunk: u16,
}

/// What a block starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Starts {
    /// A seal.
    Seal,
    /// A commit.
    Commit,
}

impl BlockKey {
    pub(super) fn bytes(self) -> [u8; BLOCK_BYTES] {
        let starts = match self.starts {
            Starts::Seal => 0,
            Starts::Commit => 1,
        };
        let mut key = [0; BLOCK_BYTES];
        write(
            &mut key,
            &[
                b"b",
                &self.first.to_be_bytes(),
                &[starts],
                &self.chunk.to_be_bytes(),
            ],
        );
        key
    }

    /// Reads a key back; `None` when it is another kind of key.
    pub(super) fn parse(key: &[u8]) -> Option<Self> {
        let rest = key.strip_prefix(b"b")?;
        let (first, rest) = rest.split_first_chunk()?;
        let (starts, chunk) = rest.split_first()?;
        Some(Self {
            first: u64::from_be_bytes(*first),
            starts: match starts {
                0 => Starts::Seal,
                1 => Starts::Commit,
                _ => return None,
            },
            chunk: u16::from_be_bytes(chunk.try_into().ok()?),
        })
    }

    /// The least and the greatest key of the blocks that start at or before `position`.
    pub(super) fn up_to(position: u64) -> ([u8; BLOCK_BYTES], [u8; BLOCK_BYTES]) {
        let greatest = Self {
            first: position,
            starts: Starts::Commit,
            chunk: u16::MAX,
        };
        (Self::least(0).bytes(), greatest.bytes())
    }

    /// The same, but for the block that starts with the commit of `position`: the last one is then
    /// what a seal before that commit stands in.
    pub(super) fn up_to_seal(position: u64) -> ([u8; BLOCK_BYTES], [u8; BLOCK_BYTES]) {
        let greatest = Self {
            chunk: u16::MAX,
            ..Self::least(position)
        };
        (Self::least(0).bytes(), greatest.bytes())
    }

    /// The least key of the blocks that start at or after `position`.
    pub(super) fn least(position: u64) -> Self {
        Self {
            first: position,
            starts: Starts::Seal,
            chunk: 0,
        }
    }
}

/// Where the records of `stream` from `version` on begin in a block, at `position`.
pub(super) fn index(stream: u64, version: u64, position: u64) -> [u8; INDEX_BYTES] {
    let mut key = [0; INDEX_BYTES];
    write(
        &mut key,
        &[
            b"i",
            &stream.to_be_bytes(),
            &version.to_be_bytes(),
            &position.to_be_bytes(),
        ],
    );
    key
}

/// An accepted loss.
pub(super) fn loss(first: u64) -> [u8; LOSS_BYTES] {
    let mut key = [0; LOSS_BYTES];
    write(&mut key, &[LOSSES, &first.to_be_bytes()]);
    key
}

/// An event of `stream` at `version` that is found by `what` it gave out and the `number`.
pub(super) fn found(stream: u64, (what, number): (u8, u64), version: u64) -> [u8; FOUND_BYTES] {
    let mut key = [0; FOUND_BYTES];
    write(
        &mut key,
        &[
            FOUND,
            &stream.to_be_bytes(),
            &[what],
            &number.to_be_bytes(),
            &version.to_be_bytes(),
        ],
    );
    key
}

/// The version of the key of an event that is found.
pub(super) fn parse_found(key: &[u8]) -> Option<u64> {
    let version = key.strip_prefix(FOUND)?.get(1 + 8 + 8..)?;
    Some(u64::from_be_bytes(version.try_into().ok()?))
}

/// Version and position of an index key.
pub(super) fn parse_index(key: &[u8]) -> Option<(u64, u64)> {
    let (_stream, rest) = key.strip_prefix(b"i")?.split_first_chunk::<8>()?;
    let (version, position) = rest.split_first_chunk()?;
    let position = position.try_into().ok()?;
    Some((u64::from_be_bytes(*version), u64::from_be_bytes(position)))
}

/// A chunk of the snapshot of `stream` at `version`.
pub(super) fn snapshot(stream: u64, version: u64, chunk: u16) -> [u8; SNAPSHOT_BYTES] {
    let mut key = [0; SNAPSHOT_BYTES];
    write(
        &mut key,
        &[
            b"s",
            &stream.to_be_bytes(),
            &version.to_be_bytes(),
            &chunk.to_be_bytes(),
        ],
    );
    key
}

/// The version of a snapshot's key.
pub(super) fn parse_snapshot(key: &[u8]) -> Option<u64> {
    let (_stream, rest) = key.strip_prefix(b"s")?.split_first_chunk::<8>()?;
    let (version, _chunk) = rest.split_first_chunk()?;
    Some(u64::from_be_bytes(*version))
}

fn write(key: &mut [u8], parts: &[&[u8]]) {
    let bytes = parts.iter().flat_map(|part| part.iter());
    key.iter_mut().zip(bytes).for_each(|(to, from)| *to = *from);
}

const BLOCK_BYTES: usize = 1 + 8 + 1 + 2;
const INDEX_BYTES: usize = 1 + 8 + 8 + 8;
const FOUND_BYTES: usize = 1 + 8 + 1 + 8 + 8;
const LOSS_BYTES: usize = 1 + 8;
const SNAPSHOT_BYTES: usize = 1 + 8 + 8 + 2;
