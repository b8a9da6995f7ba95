//! A page of events: the range, the order and the bound of one answer.
//!
//! Apart because the server and the command line must give the same pages. A page looks at a
//! bounded number of records, so that a filter that matches nothing answers too.

use std::borrow::Cow;

use serde_json::Value;

use crate::domain::{RoomName, SessionNumber, Timestamp, Version};
use crate::replay::book::{NamesBook, finds};
use crate::replay::filter::Filter;
use crate::replay::names::{BATCH_RECORDS, Directory};
use crate::replay::view::EventView;
use crate::store::{EventStore, Position, Record, StoreError};

/// In which order events are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Oldest first.
    #[default]
    Ascending,
    /// Newest first.
    Descending,
}

/// What somebody wants to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventQuery {
    /// Only of this room; of all streams when absent.
    pub room: Option<RoomName>,
    /// Only of this run of the room.
    pub session: Option<SessionNumber>,
    /// Only after this position.
    pub after: Option<Position>,
    /// Only before this position.
    pub before: Option<Position>,
    /// Only recorded at this moment or later.
    pub since: Option<Timestamp>,
    /// Only recorded at this moment or earlier.
    pub until: Option<Timestamp>,
    /// Which of them.
    pub filter: Filter,
    /// In which order.
    pub order: Order,
    /// At most so many.
    pub limit: usize,
}

impl Default for EventQuery {
    fn default() -> Self {
        Self {
            room: None,
            session: None,
            after: None,
            before: None,
            since: None,
            until: None,
            filter: Filter::default(),
            order: Order::Ascending,
            limit: 100,
        }
    }
}

/// Some events.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventPage {
    /// In the order asked for.
    pub events: Vec<EventView>,
    /// Where the next page begins, when there may be one: give it as `after`, or as `before` where
    /// the newest come first.
    pub next: Option<u64>,
}

impl EventPage {
    /// This page and another of the same query, in order, as far as both were read.
    fn merged(self, other: Self, query: &EventQuery) -> Self {
        let is_ascending = query.order == Order::Ascending;
        let ends = [self.next, other.next].into_iter().flatten();
        let mut next = if is_ascending { ends.min() } else { ends.max() };
        let mut events = [self.events, other.events].concat();
        events.retain(|event| match next {
            Some(next) if is_ascending => event.position <= next,
            Some(next) => event.position >= next,
            None => true,
        });
        events.sort_by_key(|event| event.position);
        if !is_ascending {
            events.reverse();
        }
        if events.len() > query.limit {
            events.truncate(query.limit);
            next = events.last().map(|event| event.position);
        }
        Self { events, next }
    }
}

/// Reads one page. A room's page has two kinds of events of the system stream as well: refusals
/// that named the room when there was none, and of each sum of refusals the counts of that room. A
/// page ends early where its events come to some megabytes; `next` goes on.
///
/// # Errors
/// As [`EventStore::read_room`].
pub fn read_page(
    store: &dyn EventStore,
    book: &mut NamesBook,
    query: &EventQuery,
) -> Result<EventPage, StoreError> {
    let Some(room) = &query.room else {
        return read_line(store, book, query, Lane::All);
    };
    let page = read_line(store, book, query, Lane::Room(room))?;
    if query.session.is_some() || !query.filter.takes_refusals() {
        return Ok(page);
    }
    let refused = read_line(store, book, query, Lane::Refused(room))?;
    Ok(page.merged(refused, query))
}

fn read_line(
    store: &dyn EventStore,
    book: &mut NamesBook,
    query: &EventQuery,
    lane: Lane<'_>,
) -> Result<EventPage, StoreError> {
    let line = Line { store, lane };
    let mut range = range(&line, book, query)?;
    let mut page = EventPage::default();
    let (mut looked_at, mut bytes) = (0, 0);
    while range.low < range.high {
        let records = match query.order {
            Order::Ascending => line.read(range.low, range.high, BATCH_RECORDS)?,
            Order::Descending => line.read_back(range.low, range.high)?,
        };
        let Some(last) = records.last().map(|record| line.key(record)) else {
            break;
        };
        for record in &records {
            looked_at += 1;
            if let Some(part) = line.part_of(record) {
                let shown = take(store, book, query, &part, &mut page)?;
                bytes += shown.map_or(0, weight_of);
            }
            let is_end = line.key(record) == last && range.is_last(last, query.order);
            let is_full = page.events.len() >= query.limit
                || looked_at >= LOOKED_AT_MAX
                || bytes >= PAGE_BYTES;
            if is_full && !is_end {
                page.next = Some(record.position.0);
                return Ok(page);
            }
        }
        match query.order {
            Order::Ascending => range.low = last,
            Order::Descending => range.high = last.saturating_sub(1),
        }
    }
    Ok(page)
}

/// Adds the event of a record to the page where the query wants it.
fn take<'p>(
    store: &dyn EventStore,
    book: &mut NamesBook,
    query: &EventQuery,
    record: &Record,
    page: &'p mut EventPage,
) -> Result<Option<&'p EventView>, StoreError> {
    if query.filter.needs_names() {
        // A name that somebody shows later finds what they did before.
        let room = record.room.as_ref();
        book.up_to(store, room, store.room_head(room)?)?;
        book.prepare(store, record)?;
    }
    let names = book.names(record.room.as_ref());
    if !query.filter.matches(record, names) {
        return Ok(None);
    }
    page.events.push(book.show(store, record)?);
    Ok(page.events.last())
}

/// About how many bytes an event takes as JSON.
fn weight_of(event: &EventView) -> usize {
    let members = event.data.iter();
    let data = members.map(|(name, value)| name.len() + weight(value));
    let reason = event.reason.as_deref().map_or(0, json_len);
    ENVELOPE_BYTES + reason + json_len(&event.sentence) + data.sum::<usize>()
}

/// How many bytes a text takes within the quotes of JSON.
pub(super) fn json_len(text: &str) -> usize {
    let len = |byte: u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 2,
        0x00..=0x1f => 6,
        _ => 1,
    };
    text.bytes().map(len).sum()
}

fn weight(value: &Value) -> usize {
    const PUNCTUATION: usize = 4;
    let inner = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => json_len(text),
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(members) => {
            let members = members.iter();
            members
                .map(|(name, value)| json_len(name) + weight(value))
                .sum()
        }
    };
    PUNCTUATION + inner
}

/// What is left to look at: after `low`, up to and with `high`. In one room these are versions,
/// over all streams positions.
#[derive(Clone, Copy, Debug)]
struct Range {
    low: u64,
    high: u64,
}

impl Range {
    const fn is_last(self, key: u64, order: Order) -> bool {
        match order {
            Order::Ascending => key >= self.high,
            Order::Descending => key <= self.low + 1,
        }
    }
}

fn range(line: &Line<'_>, book: &mut NamesBook, query: &EventQuery) -> Result<Range, StoreError> {
    let last = query.before.map(|before| before.0.saturating_sub(1));
    let range = match line.lane {
        Lane::Refused(_) => {
            let head = line.store.room_head(None)?.0;
            let all = Range { low: 0, high: head };
            let version = |position: u64| line.find(all, |it| it.position.0 <= position);
            Range {
                low: query.after.map_or(Ok(0), |after| version(after.0))?,
                high: last.map_or(Ok(head), version)?,
            }
        }
        Lane::All => {
            let head = line.store.head().position.0;
            Range {
                low: query.after.map_or(0, |after| after.0),
                high: last.map_or(head, |last| last.min(head)),
            }
        }
        Lane::Room(room) => {
            let head = line.store.room_head(Some(room))?;
            if query.session.is_none() && finds(line.store, Some(room))? {
                let all = Range {
                    low: 0,
                    high: head.0,
                };
                let version = |position: u64| line.find(all, |it| it.position.0 <= position);
                return in_time(
                    line,
                    Range {
                        low: query.after.map_or(Ok(0), |after| version(after.0))?,
                        high: last.map_or(Ok(head.0), version)?,
                    },
                    query,
                );
            }
            let names = book.up_to(line.store, Some(room), head)?;
            let known = names.version().0;
            // Behind an accepted loss names are not known, and versions are looked for.
            let beyond = Range {
                low: known,
                high: head.0,
            };
            let version = |position: u64| match names.version_at(Position(position)).0 {
                found if found < known || known == head.0 => Ok(found),
                _ => line.find(beyond, |record| record.position.0 <= position),
            };
            let mut range = Range {
                low: query.after.map_or(Ok(0), |after| version(after.0))?,
                high: last.map_or(Ok(head.0), version)?,
            };
            if let Some(session) = query.session.and_then(|number| names.session(number)) {
                range.low = range.low.max(session.opened.0.saturating_sub(1));
                let ended = session.ended.map_or(head, |ended| ended);
                range.high = range.high.min(ended.0);
            }
            range
        }
    };
    in_time(line, range, query)
}

/// As much of a range as lies in the time that is wanted.
fn in_time(line: &Line<'_>, range: Range, query: &EventQuery) -> Result<Range, StoreError> {
    let mut range = range;
    if let Some(since) = query.since {
        range.low = line.find(range, |record| record.command.recorded_at < since)?;
    }
    if let Some(until) = query.until {
        range.high = line.find(range, |record| record.command.recorded_at <= until)?;
    }
    Ok(range)
}

/// What a page is read from.
#[derive(Clone, Copy)]
enum Lane<'a> {
    /// All streams, by position.
    All,
    /// A room's stream, by version.
    Room(&'a RoomName),
    /// Refusals where there was no room of that name, and what sums counted of it: in the system
    /// stream, by version.
    Refused(&'a RoomName),
}

/// One stream by version, or all of them by position.
struct Line<'a> {
    store: &'a dyn EventStore,
    lane: Lane<'a>,
}

impl Line<'_> {
    fn key(&self, record: &Record) -> u64 {
        match self.lane {
            Lane::Room(_) | Lane::Refused(_) => record.version.0,
            Lane::All => record.position.0,
        }
    }

    /// As much of a record as is wanted here.
    fn part_of<'r>(&self, record: &'r Record) -> Option<Cow<'r, Record>> {
        match self.lane {
            Lane::All | Lane::Room(_) => Some(Cow::Borrowed(record)),
            Lane::Refused(room) => record.part_about(room),
        }
    }

    fn read(&self, low: u64, high: u64, limit: usize) -> Result<Vec<Record>, StoreError> {
        let mut records = match self.lane {
            Lane::Room(room) => self.store.read_room(Some(room), Version(low), limit)?,
            Lane::Refused(_) => self.store.read_room(None, Version(low), limit)?,
            Lane::All => self.store.read_all(Position(low), limit)?,
        };
        records.retain(|record| self.key(record) <= high);
        Ok(records)
    }

    /// The last batch of a range, newest first.
    fn read_back(&self, low: u64, high: u64) -> Result<Vec<Record>, StoreError> {
        let batch = u64::try_from(BATCH_RECORDS).unwrap_or(u64::MAX);
        let start = high.saturating_sub(batch).max(low);
        let mut records = self.read(start, high, BATCH_RECORDS)?;
        records.reverse();
        Ok(records)
    }

    /// The last key of a range whose record `is_before`: moments and positions never go back, so
    /// half of what is left is left out at each look.
    fn find(&self, range: Range, is_before: impl Fn(&Record) -> bool) -> Result<u64, StoreError> {
        let Range { mut low, mut high } = range;
        while low < high {
            let middle = low + (high - low) / 2;
            match self.read(middle, high, 1)?.first() {
                Some(record) if is_before(record) => low = self.key(record),
                Some(_) | None => high = middle,
            }
        }
        Ok(low)
    }
}

/// A page ends with the event that makes it so long: a few events may name everybody in a large
/// room.
pub(super) const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// What an event takes beside its `data` and its longest texts, roughly.
const ENVELOPE_BYTES: usize = 512;

/// A page looks at no more records than these, in each of the lanes that it is made of: a search
/// takes a thread for some tens of milliseconds, and whoever goes on waits for the next turn.
const LOOKED_AT_MAX: usize = 10_000;
