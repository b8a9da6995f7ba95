//! Reads of the live ledger: the tail, before it the indexed copy, and the journal where the copy
//! is not there or bad (log.md rules 17 and 20). Apart because every read has the same three
//! sources. It repairs nothing: it notes what was bad, and answers from the other copy.

use std::cell::Cell;

use crate::domain::{RoomName, Version};
use crate::store::codec::{RecordPlace, decode_where, places};
use crate::store::journal::{Frame, FrameKind};
use crate::store::record::{Link, Position, Record};
use crate::store::sled::{CopyError, SledCopy};
use crate::store::stream::stream_hash;
use crate::store::{Linked, StoreError};

use super::convert::{corrupt_at, link_of};
use super::heads::name_of;
use super::shared::Shared;

/// As `EventStore::read_room`.
pub(crate) fn read_room(
    shared: &Shared,
    room: Option<&RoomName>,
    after: Version,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let name = name_of(room);
    let first = after.0.saturating_add(1);
    let (last, tail) = {
        let recent = shared.recent();
        let last = last_of(first, limit).min(recent.heads.of(room).0);
        let tail = recent.tail.frames_of(name, first, limit);
        (last, tail)
    };
    if last < first {
        return Ok(Vec::new());
    }
    let older = tail.starts.map_or(last, |starts| last.min(starts - 1));
    let mut frames = if older < first {
        Vec::new()
    } else {
        room_history(shared, name, first, older)?
    };
    frames.extend(tail.frames);
    let found = by_version(&frames, name, first, last)?;
    // Where a stream's last events were lost, nothing is left to be read.
    let at_a_loss = frames.iter().any(|frame| frame.kind() == FrameKind::Loss);
    if found.is_empty() && !at_a_loss {
        let problem = format!("version {first} of stream {name:?} is in neither copy");
        let position = Position(0);
        return Err(StoreError::Corrupt { position, problem });
    }
    Ok(found)
}

/// As `EventStore::read_all`.
pub(crate) fn read_all(
    shared: &Shared,
    after: Position,
    limit: usize,
) -> Result<Vec<Record>, StoreError> {
    let linked = read_linked(shared, after, limit)?;
    Ok(linked.into_iter().map(|(record, _)| record).collect())
}

/// As `EventStore::read_linked`.
pub(crate) fn read_linked(
    shared: &Shared,
    after: Position,
    limit: usize,
) -> Result<Linked, StoreError> {
    let first = after.0.saturating_add(1);
    let (frames, last) = commits_from(shared, first, limit)?;
    let mut commits = frames
        .iter()
        .filter(|frame| frame.kind() == FrameKind::Commit)
        .peekable();
    let mut found = Vec::new();
    for record in by_position(&frames, first, last)? {
        let is_before = |frame: &&Frame| frame.last_position() < record.position.0;
        while commits.next_if(is_before).is_some() {}
        let link = commits.peek().map(|frame| link_of(frame.link()));
        found.extend(link.map(|link| (record, link)));
    }
    if !found.is_empty() || first > last {
        return Ok(found);
    }
    match behind_loss(&frames, first) {
        Some(behind) => read_linked(shared, behind, limit),
        None => Err(StoreError::Missing {
            position: Position(first),
        }),
    }
}

/// The commits that hold up to `limit` positions from `first` on, and the last of those that is
/// there; none where the log ends before.
fn commits_from(
    shared: &Shared,
    first: u64,
    limit: usize,
) -> Result<(Vec<Frame>, u64), StoreError> {
    let (last, tail) = {
        let recent = shared.recent();
        let last = last_of(first, limit).min(recent.head.position.0);
        (last, recent.tail.frames_between(first, last))
    };
    if last < first {
        return Ok((Vec::new(), last));
    }
    let older = tail.starts.map_or(last, |starts| last.min(starts - 1));
    let mut frames = if older < first {
        Vec::new()
    } else {
        history(shared, first, older)?
    };
    frames.extend(tail.frames);
    Ok((frames, last))
}

/// The last position of the accepted loss that holds `position`, where nothing else was read.
pub(crate) fn behind_loss(frames: &[Frame], position: u64) -> Option<Position> {
    let last = frames.last()?;
    let is_loss = last.kind() == FrameKind::Loss && holds(position)(&last);
    is_loss.then(|| Position(last.last_position()))
}

/// As `EventStore::commit_of`.
pub(crate) fn commit_of(shared: &Shared, position: Position) -> Result<Link, StoreError> {
    let missing = StoreError::Missing { position };
    let tail = {
        let recent = shared.recent();
        if position.0 == 0 || position > recent.head.position {
            return Err(missing);
        }
        recent.tail.frames_between(position.0, position.0)
    };
    let older = match tail.starts {
        Some(starts) if starts <= position.0 => Vec::new(),
        _ => history(shared, position.0, position.0)?,
    };
    let commits = tail.frames.iter().chain(&older);
    let mut commits = commits.filter(|frame| frame.kind() == FrameKind::Commit);
    let mut commits = commits.by_ref().filter(holds(position.0));
    let link = commits.next().map(|frame| link_of(frame.link()));
    link.ok_or(missing)
}

/// The commits that hold `first..=last`, all before the tail; a beginning of them where the
/// journal has to answer and is damaged further on.
fn history(shared: &Shared, first: u64, last: u64) -> Result<Vec<Frame>, StoreError> {
    let Some(copy) = shared.copy_now() else {
        return shared.scan()?.commits_between(first, last);
    };
    match commits_of_copy(&copy, first, last) {
        Ok(frames) => Ok(frames),
        Err(error) => {
            shared.distrust(&copy, first, last, &error);
            shared.scan()?.commits_between(first, last)
        }
    }
}

/// As [`history`], of one stream, by version.
fn room_history(
    shared: &Shared,
    room: &str,
    first: u64,
    last: u64,
) -> Result<Vec<Frame>, StoreError> {
    // Through the journal alone this reads every segment the room is in: better to wait a little.
    let Some(copy) = shared.copy()? else {
        return shared.scan()?.commits_of(room, first, last);
    };
    match commits_of_room(&copy, room, first, last) {
        Ok(frames) => Ok(frames),
        Err(error) => {
            // Over a loss that was accepted versions are missing, and only the journal tells which.
            if !copy.has_losses().unwrap_or(false) {
                shared.distrust(&copy, 0, copy.mark().position(), &error);
            }
            shared.scan()?.commits_of(room, first, last)
        }
    }
}

/// The commits of the copy that hold `first..=last`; all of them, or an error.
pub(crate) fn commits_of_copy(
    copy: &SledCopy,
    first: u64,
    last: u64,
) -> Result<Vec<Frame>, CopyError> {
    let mut found = Vec::new();
    let mut next = first;
    while next <= last {
        let before = next;
        for frame in copy.block_at(next)?.iter() {
            if next <= last && holds(next)(&frame) {
                next = frame.link().next_position;
                found.push(frame.clone());
            }
        }
        if next == before {
            return Err(CopyError::Damaged(format!("position {next} is not in it")));
        }
    }
    Ok(found)
}

/// The commits of the copy that hold the versions `first..=last` of a stream; all, or an error.
fn commits_of_room(
    copy: &SledCopy,
    room: &str,
    first: u64,
    last: u64,
) -> Result<Vec<Frame>, CopyError> {
    let stream = stream_hash(room);
    let mut walk = RoomWalk {
        copy,
        room,
        next: first,
        last,
        found: Vec::new(),
    };
    while walk.next <= last {
        let places = copy.places_of(stream, walk.next, PLACES_PER_READ)?;
        let mut places = places.into_iter();
        let mut start = places.next();
        loop {
            let Some(place) = start else {
                return Err(walk.missing());
            };
            match walk.take(place)? {
                Met::Next => break,
                Met::Room => return Err(walk.missing()),
                Met::Other => start = copy.place_before(stream, place)?,
            }
        }
        for place in places {
            if place.0 > last || walk.next > last {
                break;
            }
            walk.take(place)?;
        }
    }
    Ok(walk.found)
}

/// A walk along the versions of a stream, by places that may be those of another stream with the
/// same number.
struct RoomWalk<'a> {
    copy: &'a SledCopy,
    room: &'a str,
    /// The version that comes next, and the last one wanted.
    next: u64,
    last: u64,
    found: Vec<Frame>,
}

/// What a place leads to.
enum Met {
    /// The version that comes next.
    Next,
    /// Other versions of the room. Where it is the last place before the next version, that one is
    /// nowhere, since versions are dense.
    Room,
    /// Another room, or nothing: the room's own places may be before it.
    Other,
}

impl RoomWalk<'_> {
    /// Takes the commits behind a place, in its block, that go on with the room.
    fn take(&mut self, (_, position): (u64, u64)) -> Result<Met, CopyError> {
        let before = self.next;
        let mut met = Met::Other;
        for frame in self.copy.block_at(position)?.iter() {
            if frame.last_position() < position {
                continue;
            }
            let here = places(frame.payload()).unwrap_or_default();
            let mut numbered = (frame.first_position()..).zip(&here);
            if numbered.any(|(at, place)| at == position && place.room == self.room) {
                met = Met::Room;
            }
            let mut versions = here.iter().filter(|place| place.room == self.room);
            if self.next <= self.last && versions.any(|place| place.version.0 == self.next) {
                let end = versions
                    .next_back()
                    .map_or(self.next, |last| last.version.0);
                self.next = end + 1;
                self.found.push(frame.clone());
            }
        }
        Ok(if self.next > before { Met::Next } else { met })
    }

    fn missing(&self) -> CopyError {
        let (version, room) = (self.next, self.room);
        CopyError::Damaged(format!("version {version} of {room:?} is not in it"))
    }
}

/// The records of `frames` whose number, as `number` tells it, is in `first..=last`, without gap
/// but for accepted losses, behind which at least one comes. A source may end early, never leave
/// one out.
fn in_order(
    frames: &[Frame],
    first: u64,
    last: u64,
    number: impl Fn(Position, &RecordPlace<'_>) -> Option<u64>,
) -> Result<Vec<Record>, StoreError> {
    let mut found = Vec::new();
    let (next, last) = (Cell::new(first), Cell::new(last));
    // Set by an accepted loss, until the next record of what is read: that may leave a gap.
    let lost = Cell::new(false);
    // After a beginning that ended early, what follows is left for the next read.
    let wanted = |position: Position, place: &RecordPlace<'_>| {
        let Some(number) = number(position, place) else {
            return false;
        };
        if lost.replace(false) && number > next.get() {
            next.set(number);
            last.set(last.get().max(number));
        }
        let is_next = next.get() <= last.get() && number == next.get();
        next.set(next.get() + u64::from(is_next));
        is_next
    };
    for frame in frames {
        match frame.kind() {
            FrameKind::Commit => {}
            FrameKind::Seal => continue,
            FrameKind::Loss => {
                lost.set(true);
                continue;
            }
        }
        let at = Position(frame.first_position());
        found.extend(decode_where(frame.payload(), at, wanted).map_err(corrupt_at(at))?);
    }
    Ok(found)
}

/// The records at the positions `first..=last`, of commits in order.
pub(crate) fn by_position(
    frames: &[Frame],
    first: u64,
    last: u64,
) -> Result<Vec<Record>, StoreError> {
    in_order(frames, first, last, |position, _| Some(position.0))
}

/// The records of a stream with the versions `first..=last`, of commits in order.
pub(crate) fn by_version(
    frames: &[Frame],
    room: &str,
    first: u64,
    last: u64,
) -> Result<Vec<Record>, StoreError> {
    in_order(frames, first, last, |_, place| {
        (place.room == room).then_some(place.version.0)
    })
}

/// Whether a frame is the commit that holds `position`.
fn holds(position: u64) -> impl Fn(&&Frame) -> bool {
    move |frame| (frame.first_position()..=frame.last_position()).contains(&position)
}

/// The last of `limit` numbers from `first` on.
pub(crate) fn last_of(first: u64, limit: usize) -> u64 {
    let limit = u64::try_from(limit).unwrap_or(u64::MAX);
    first.saturating_add(limit).saturating_sub(1)
}

/// How many places of a stream are looked up at once: a page of a busy room, little for a quiet
/// one.
const PLACES_PER_READ: usize = 64;
