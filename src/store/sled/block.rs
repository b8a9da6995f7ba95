//! Frames as values: runs of whole frames, or chunks of a large one, each at most 64 KiB, and the
//! entries that lead to them. Apart from the tree because here bytes are judged: what does not
//! hash to what it should is damage. Nothing here calls sled.

use std::collections::BTreeMap;

use super::error::CopyError;
use super::key::{self, BlockKey, Starts};
use crate::domain::RoomName;
use crate::store::codec::{RecordPlace, decode_where, places};
use crate::store::journal::{Frame, FrameKind, Hash};
use crate::store::record::Position;
use crate::store::sought::Sought;
use crate::store::stream::stream_hash;

/// One value and its key.
pub(super) struct Entry {
    pub(super) key: Vec<u8>,
    pub(super) value: Vec<u8>,
}

impl Entry {
    pub(super) fn bytes(&self) -> usize {
        self.key.len() + self.value.len()
    }
}

/// Frames that become one block, or one large frame.
pub(super) fn runs(frames: &[Frame]) -> Vec<&[Frame]> {
    let mut runs = Vec::new();
    let mut rest = frames;
    while !rest.is_empty() {
        let mut bytes = 0;
        let fitting = rest.iter().take_while(|frame| {
            bytes += frame.bytes().len();
            bytes <= CONTENT_BYTES_MAX
        });
        let count = fitting.count().max(1);
        let (run, later) = rest.split_at(count.min(rest.len()));
        runs.push(run);
        rest = later;
    }
    runs
}

/// The entries of a run: its value or chunks, then its index.
///
/// # Errors
/// `Damaged` when a payload is no commit: such a frame was never written by us.
pub(super) fn entries(run: &[Frame]) -> Result<Vec<Entry>, CopyError> {
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return Ok(Vec::new());
    };
    let at = |chunk| BlockKey {
        first: first.first_position(),
        // Without positions of its own, a frame stands before the commit that has its first one.
        starts: match first.header().count {
            0 => Starts::Seal,
            _ => Starts::Commit,
        },
        chunk,
    };
    let mut entries = Vec::new();
    let frames: Vec<&[u8]> = run.iter().map(Frame::bytes).collect();
    let content = frames.concat();
    for (chunk, part) in (0..).zip(content.chunks(CONTENT_BYTES_MAX)) {
        let mut value = Vec::with_capacity(HEADER_BYTES + part.len());
        value.push(FORMAT);
        value.extend_from_slice(last.hash());
        value.extend_from_slice(part);
        entries.push(Entry {
            key: at(chunk).bytes().to_vec(),
            value,
        });
    }
    entries.extend(index(run)?);
    Ok(entries)
}

/// The frames of a block from its values: one, or the chunks of a large frame in order.
///
/// # Errors
/// `Damaged` when anything does not hash to what stands beside it.
pub(super) fn decode<'a>(
    first: u64,
    values: impl IntoIterator<Item = &'a [u8]>,
) -> Result<Vec<Frame>, CopyError> {
    let bad = |what: &str| CopyError::Damaged(format!("the block at position {first} {what}"));
    let mut content = Vec::new();
    let mut end: Option<Hash> = None;
    for value in values {
        let (&format, rest) = value.split_first().ok_or_else(|| bad("is empty"))?;
        let (hash, part) = rest
            .split_first_chunk()
            .ok_or_else(|| bad("is cut short"))?;
        if format != FORMAT {
            return Err(bad("has an unknown format"));
        }
        if end.is_some_and(|end| end != *hash) {
            return Err(bad("has chunks of two frames"));
        }
        end = Some(*hash);
        content.extend_from_slice(part);
    }
    let mut frames: Vec<Frame> = Vec::new();
    let mut rest = content.as_slice();
    while !rest.is_empty() {
        let frame = Frame::decode(rest).map_err(|fault| bad(&format!("holds a {fault}")))?;
        if frames
            .last()
            .is_some_and(|left| !frame.follows(&left.link()))
        {
            return Err(bad("holds frames that do not follow each other"));
        }
        rest = rest.get(frame.bytes().len()..).unwrap_or_default();
        frames.push(frame);
    }
    let last = frames.last().map(|frame| *frame.hash());
    if last.is_none() || last != end || frames.first().map(Frame::first_position) != Some(first) {
        return Err(bad("does not hash to what stands beside it"));
    }
    Ok(frames)
}

/// One entry per stream: the first of its records in this run; and one per accepted loss.
fn index(run: &[Frame]) -> Result<Vec<Entry>, CopyError> {
    let mut firsts: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    for frame in run.iter().filter(|frame| frame.kind() == FrameKind::Commit) {
        let found = places(frame.payload()).map_err(|error| {
            let position = frame.first_position();
            CopyError::Damaged(format!("the commit at position {position}: {error}"))
        })?;
        for (position, place) in (frame.first_position()..).zip(found) {
            firsts
                .entry(place.room)
                .or_insert((place.version.0, position));
        }
    }
    let found = found(run);
    let entry = |(room, (version, position)): (&str, (u64, u64))| Entry {
        key: key::index(stream_hash(room), version, position).to_vec(),
        value: Vec::new(),
    };
    let losses = run.iter().filter(|frame| frame.kind() == FrameKind::Loss);
    let loss = |frame: &Frame| Entry {
        key: key::loss(frame.first_position()).to_vec(),
        value: Vec::new(),
    };
    Ok(firsts
        .into_iter()
        .map(entry)
        .chain(losses.map(loss))
        .chain(found)
        .collect())
}

/// One entry for each event that is found by a number.
fn found(run: &[Frame]) -> Vec<Entry> {
    let mut found = Vec::new();
    for frame in run.iter().filter(|frame| frame.kind() == FrameKind::Commit) {
        let first = Position(frame.first_position());
        let is_sought = |_, place: &RecordPlace<'_>| Sought::is_of(place.kind);
        let records = decode_where(frame.payload(), first, is_sought);
        // A commit of a later version of this program has what is unknown here.
        for record in records.unwrap_or_default() {
            if let Some(sought) = Sought::of(&record.event.event, record.version) {
                let stream = stream_hash(record.room.as_ref().map_or("", RoomName::as_str));
                let key = key::found(stream, sought.code(), record.version.0).to_vec();
                let value = Vec::new();
                found.push(Entry { key, value });
            }
        }
    }
    found
}

/// log.md rule 15: 64 KiB, so that sixteen values of a leaf stay far below sled's blob bound.
const VALUE_BYTES_MAX: usize = 64 << 10;
/// Format and the chain hash after the last frame.
const HEADER_BYTES: usize = 1 + 32;
const CONTENT_BYTES_MAX: usize = VALUE_BYTES_MAX - HEADER_BYTES;
const FORMAT: u8 = 1;
