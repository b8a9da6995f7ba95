//! Commits as bytes, and back. The only file that names `bincode`, which is positional,
//! unversioned and unmaintained: every record carries its own header, so that the payload alone
//! is its business, on slices, with a size limit and no trailing bytes.
//!
//! ```text
//! commit  := format u8, command count u32, command*
//! command := header length u32, header (bincode), record count u32, record*
//! record  := length u32, format u8, kind u16, schema u16, room length u16, room, version u64,
//!            envelope and payload (bincode)
//! ```
//! Numbers of the frame are little-endian and fixed; bincode's are its `standard` varints.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bincode::config::{Configuration, Limit, LittleEndian, Varint};
use serde::de::DeserializeSeed;
use serde::{Deserialize, Serialize, Serializer};

use super::record::{CommandHeader, CommandRecord, Commit, NewRecord, Position, Record};
use crate::domain::{Event, Kind, NewEvent, RoomName, Version};

/// Why bytes are no commit. The store adds the position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// Fewer bytes than a length promises.
    #[error("{what} ends early: {needed} bytes needed, {left} left")]
    Short {
        /// Which part.
        what: &'static str,
        /// How many it needs.
        needed: usize,
        /// How many there are.
        left: usize,
    },
    /// Bytes where none should be.
    #[error("{what} has {left} bytes too many")]
    Trailing {
        /// Which part.
        what: &'static str,
        /// How many.
        left: usize,
    },
    /// A format, kind or schema of a later version of this program.
    #[error("{what} {number} is unknown here: read this log with a newer roomledger")]
    Unknown {
        /// Which number.
        what: &'static str,
        /// The number.
        number: u16,
    },
    /// The payload does not decode.
    #[error("{what} does not decode: {problem}")]
    Malformed {
        /// Which part.
        what: &'static str,
        /// The decoder's words.
        problem: String,
    },
}

/// The bytes of a commit.
///
/// # Errors
/// [`CodecError::Malformed`] when a value is too large to be stored at all.
pub fn encode_commit(commit: &Commit) -> Result<Vec<u8>, CodecError> {
    let mut out = vec![FORMAT];
    put_u32(&mut out, commit.commands.len())?;
    for command in &commit.commands {
        let start = begin_length(&mut out);
        put(&mut out, "a command header", &*command.header)?;
        end_length(&mut out, start)?;
        put_u32(&mut out, command.events.len())?;
        for record in &command.events {
            let start = begin_length(&mut out);
            put_record(&mut out, record)?;
            end_length(&mut out, start)?;
        }
    }
    Ok(out)
}

/// The records of a commit whose first position is `first`.
///
/// # Errors
/// [`CodecError`] when the bytes are no commit: nothing of it is given then.
pub fn decode_commit(bytes: &[u8], first: Position) -> Result<Vec<Record>, CodecError> {
    decode_where(bytes, first, |_, _| true)
}

/// Those records of a commit that are wanted; the payloads of the others are not looked at.
///
/// # Errors
/// As [`decode_commit`].
pub(crate) fn decode_where(
    bytes: &[u8],
    first: Position,
    wanted: impl Fn(Position, &RecordPlace<'_>) -> bool,
) -> Result<Vec<Record>, CodecError> {
    let mut records = Vec::new();
    let mut position = first;
    let mut lately = Lately::default();
    walk(bytes, |header, events| {
        let command_first = position;
        for event in events {
            if wanted(position, &event.place()) {
                records.push(Record {
                    position,
                    room: lately.room(event.room)?,
                    version: event.version,
                    command: lately.header(header)?,
                    command_first,
                    event: event.decode()?,
                });
            }
            position = position.next();
        }
        Ok(())
    })?;
    Ok(records)
}

/// The commands of a commit, as they were given to [`encode_commit`]: what a checkpoint-less open
/// needs for the outcomes, since a command may stand there without an event.
///
/// # Errors
/// As [`decode_commit`].
pub fn decode_commands(bytes: &[u8]) -> Result<Commit, CodecError> {
    let mut commands = Vec::new();
    let mut lately = Lately::default();
    walk(bytes, |header, events| {
        let header = lately.header(header)?;
        let events = events
            .iter()
            .map(|event| {
                Ok(NewRecord {
                    room: lately.room(event.room)?,
                    version: event.version,
                    event: event.decode()?,
                })
            })
            .collect::<Result<_, CodecError>>()?;
        commands.push(CommandRecord { header, events });
        Ok(())
    })?;
    Ok(Commit { commands })
}

/// Where one record of a commit belongs, read without decoding its payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordPlace<'a> {
    /// The stream's name; empty for the system stream.
    pub room: &'a str,
    /// Its place there.
    pub version: Version,
    /// The number of its kind, known here or not.
    pub kind: u16,
}

/// Where each record of a commit belongs, in order.
///
/// # Errors
/// As [`decode_commit`], but for payloads, which are not looked at.
pub fn places(bytes: &[u8]) -> Result<Vec<RecordPlace<'_>>, CodecError> {
    let mut found = Vec::new();
    walk(bytes, |_, events| {
        found.extend(events.iter().map(RecordBytes::place));
        Ok(())
    })?;
    Ok(found)
}

/// Any value of ours as bytes, for caches that carry a fingerprint and are never trusted.
///
/// # Errors
/// [`CodecError::Malformed`] when the value cannot be encoded.
pub fn encode_cache<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut out = Vec::new();
    put(&mut out, "a cache", value)?;
    Ok(out)
}

/// A value that [`encode_cache`] wrote.
///
/// # Errors
/// [`CodecError`] when the bytes are something else.
pub fn decode_cache<T: for<'de> Deserialize<'de>>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, read) = bincode::serde::decode_from_slice(bytes, CACHE_CONFIG)
        .map_err(|error| malformed("a cache", &error))?;
    let rest = bytes.get(read..).unwrap_or_default();
    Cursor { rest }.end("a cache")?;
    Ok(value)
}

/// What stood in a commit last: commands of one caller at one moment have the same header, and
/// records that follow each other mostly the same room. The same bytes are not decoded again.
#[derive(Default)]
struct Lately<'a> {
    header: Option<(&'a [u8], Arc<CommandHeader>)>,
    room: Option<RoomName>,
}

impl<'a> Lately<'a> {
    fn header(&mut self, bytes: &'a [u8]) -> Result<Arc<CommandHeader>, CodecError> {
        if let Some((last, header)) = &self.header
            && *last == bytes
        {
            return Ok(Arc::clone(header));
        }
        let header = Arc::new(take(bytes, "a command header")?);
        self.header = Some((bytes, Arc::clone(&header)));
        Ok(header)
    }

    fn room(&mut self, name: &str) -> Result<Option<RoomName>, CodecError> {
        if name.is_empty() {
            return Ok(None);
        }
        if self.room.as_ref().is_none_or(|last| last.as_str() != name) {
            let room = RoomName::new(name).map_err(|error| malformed("a room name", &error))?;
            self.room = Some(room);
        }
        Ok(self.room.clone())
    }
}

/// One record, cut out but not decoded.
struct RecordBytes<'a> {
    room: &'a str,
    version: Version,
    kind: u16,
    schema: u16,
    payload: &'a [u8],
}

impl<'a> RecordBytes<'a> {
    fn place(&self) -> RecordPlace<'a> {
        RecordPlace {
            room: self.room,
            version: self.version,
            kind: self.kind,
        }
    }

    fn decode(&self) -> Result<NewEvent, CodecError> {
        let kind = Kind::from_code(self.kind).ok_or(CodecError::Unknown {
            what: "event kind",
            number: self.kind,
        })?;
        upcast(kind, self.schema, self.payload)
    }
}

/// Reads a payload of any schema that was ever written. A new schema gets its arm here, which
/// decodes the old shape and makes today's of it.
fn upcast(kind: Kind, schema: u16, payload: &[u8]) -> Result<NewEvent, CodecError> {
    if schema != kind.schema() {
        return Err(CodecError::Unknown {
            what: "schema of an event",
            number: schema,
        });
    }
    let what = kind.as_str();
    let ((occurred_at, cause), rest) = front(PhantomData, payload, what)?;
    Ok(NewEvent {
        event: seed(kind, rest, what)?,
        cause,
        occurred_at,
    })
}

fn walk<'a>(
    bytes: &'a [u8],
    mut each: impl FnMut(&'a [u8], &[RecordBytes<'a>]) -> Result<(), CodecError>,
) -> Result<(), CodecError> {
    let mut from = Cursor { rest: bytes };
    match from.u8("a commit")? {
        FORMAT => {}
        other => {
            return Err(CodecError::Unknown {
                what: "commit format",
                number: other.into(),
            });
        }
    }
    let mut events = Vec::new();
    for _ in 0..from.u32("a command count")? {
        let header = from.sized("a command header")?;
        events.clear();
        for _ in 0..from.u32("a record count")? {
            events.push(record(from.sized("a record")?)?);
        }
        each(header, &events)?;
    }
    from.end("a commit")
}

fn record(bytes: &[u8]) -> Result<RecordBytes<'_>, CodecError> {
    let mut from = Cursor { rest: bytes };
    match from.u8("a record")? {
        FORMAT => {}
        other => {
            return Err(CodecError::Unknown {
                what: "record format",
                number: other.into(),
            });
        }
    }
    let kind = from.u16("a record's kind")?;
    let schema = from.u16("a record's schema")?;
    let room_bytes = from.u16("a room name's length")?;
    let room = from.bytes("a room name", room_bytes.into())?;
    let room = std::str::from_utf8(room).map_err(|error| malformed("a room name", &error))?;
    let version = Version(from.u64("a record's version")?);
    Ok(RecordBytes {
        room,
        version,
        kind,
        schema,
        payload: from.rest,
    })
}

fn put_record(out: &mut Vec<u8>, record: &NewRecord) -> Result<(), CodecError> {
    let kind = record.event.event.kind();
    let room = record.room.as_ref().map_or("", RoomName::as_str);
    let room_bytes = u16::try_from(room.len()).map_err(|error| malformed("a room name", &error))?;
    out.push(FORMAT);
    out.extend_from_slice(&kind.code().to_le_bytes());
    out.extend_from_slice(&kind.schema().to_le_bytes());
    out.extend_from_slice(&room_bytes.to_le_bytes());
    out.extend_from_slice(room.as_bytes());
    out.extend_from_slice(&record.version.0.to_le_bytes());
    let event = &record.event;
    put(out, kind.as_str(), &(&event.occurred_at, &event.cause))?;
    put(out, kind.as_str(), &Payload(&event.event))
}

/// Reads little-endian numbers and counted bytes off the front of a slice.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn bytes(&mut self, what: &'static str, needed: usize) -> Result<&'a [u8], CodecError> {
        let short = CodecError::Short {
            what,
            needed,
            left: self.rest.len(),
        };
        let (taken, rest) = self.rest.split_at_checked(needed).ok_or(short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], CodecError> {
        let bytes = self.bytes(what, N)?;
        bytes.try_into().map_err(|_| CodecError::Short {
            what,
            needed: N,
            left: bytes.len(),
        })
    }

    fn u8(&mut self, what: &'static str) -> Result<u8, CodecError> {
        self.array(what).map(u8::from_le_bytes)
    }

    fn u16(&mut self, what: &'static str) -> Result<u16, CodecError> {
        self.array(what).map(u16::from_le_bytes)
    }

    fn u32(&mut self, what: &'static str) -> Result<u32, CodecError> {
        self.array(what).map(u32::from_le_bytes)
    }

    fn u64(&mut self, what: &'static str) -> Result<u64, CodecError> {
        self.array(what).map(u64::from_le_bytes)
    }

    fn sized(&mut self, what: &'static str) -> Result<&'a [u8], CodecError> {
        let length = self.u32(what)?;
        self.bytes(what, usize::try_from(length).unwrap_or(usize::MAX))
    }

    fn end(&self, what: &'static str) -> Result<(), CodecError> {
        if self.rest.is_empty() {
            return Ok(());
        }
        Err(CodecError::Trailing {
            what,
            left: self.rest.len(),
        })
    }
}

fn put_u32(out: &mut Vec<u8>, number: usize) -> Result<(), CodecError> {
    let number = u32::try_from(number).map_err(|error| malformed("a count", &error))?;
    out.extend_from_slice(&number.to_le_bytes());
    Ok(())
}

/// Leaves room for a length, which [`end_length`] fills in.
fn begin_length(out: &mut Vec<u8>) -> usize {
    out.extend_from_slice(&[0; 4]);
    out.len()
}

fn end_length(out: &mut [u8], start: usize) -> Result<(), CodecError> {
    let length = u32::try_from(out.len() - start).map_err(|error| malformed("a length", &error))?;
    if let Some(place) = out.get_mut(start - 4..start) {
        place.copy_from_slice(&length.to_le_bytes());
    }
    Ok(())
}

fn put<T: Serialize>(out: &mut Vec<u8>, what: &'static str, value: &T) -> Result<(), CodecError> {
    bincode::serde::encode_into_std_write(value, out, CONFIG)
        .map(|_| ())
        .map_err(|error| malformed(what, &error))
}

fn take<T: for<'de> Deserialize<'de>>(bytes: &[u8], what: &'static str) -> Result<T, CodecError> {
    seed(PhantomData::<T>, bytes, what)
}

fn seed<'de, S: DeserializeSeed<'de>>(
    seed: S,
    bytes: &'de [u8],
    what: &'static str,
) -> Result<S::Value, CodecError> {
    let (value, rest) = front(seed, bytes, what)?;
    Cursor { rest }.end(what)?;
    Ok(value)
}

/// A value off the front of the bytes, and the bytes behind it.
fn front<'de, S: DeserializeSeed<'de>>(
    seed: S,
    bytes: &'de [u8],
    what: &'static str,
) -> Result<(S::Value, &'de [u8]), CodecError> {
    let (value, read) = bincode::serde::seed_decode_from_slice(seed, bytes, CONFIG)
        .map_err(|error| malformed(what, &error))?;
    Ok((value, bytes.get(read..).unwrap_or_default()))
}

fn malformed(what: &'static str, problem: &dyn fmt::Display) -> CodecError {
    CodecError::Malformed {
        what,
        problem: problem.to_string(),
    }
}

/// The payload alone: its kind stands in the record's header.
struct Payload<'a>(&'a Event);

impl Serialize for Payload<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize_payload(serializer)
    }
}

/// The layout described at the top of this file.
const FORMAT: u8 = 1;
/// No value is larger than the largest frame.
const VALUE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Caches are ours alone and checksummed: the bound is against a damaged length, and far above what
/// a million outcomes and a hundred full rooms take.
const CACHE_BYTES_MAX: usize = u32::MAX as usize;
const CONFIG: Configuration<LittleEndian, Varint, Limit<VALUE_BYTES_MAX>> =
    bincode::config::standard().with_limit::<VALUE_BYTES_MAX>();
const CACHE_CONFIG: Configuration<LittleEndian, Varint, Limit<CACHE_BYTES_MAX>> =
    bincode::config::standard().with_limit::<CACHE_BYTES_MAX>();
