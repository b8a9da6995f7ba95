//! Streams as numbers: what keys, footers and filters know of a room, so that no name ever stands
//! in a key. Apart because both copies must agree on it. It is never trusted to be unique.

use super::codec::places;

/// The number of a stream: the first 64 bits of the SHA-256 of its name, big-endian; the system
/// stream is the empty name.
///
/// Two rooms may share a number: by chance among 2^32 rooms once in two logs, and on purpose soon,
/// since a pair of names is found in minutes. It only leads to candidates: their names decide.
pub(crate) fn stream_hash(room: &str) -> u64 {
    let digest = crate::domain::Digest::of(room.as_bytes());
    digest
        .0
        .first_chunk()
        .map_or(0, |first| u64::from_be_bytes(*first))
}

/// The numbers of the streams in a frame's payload, each once; none when it is no commit.
pub(crate) fn streams_of(payload: &[u8]) -> Vec<u64> {
    let mut names: Vec<&str> = places(payload)
        .unwrap_or_default()
        .iter()
        .map(|place| place.room)
        .collect();
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(stream_hash).collect()
}
