//! A log read in this process: the journal of a data directory, or any store. Apart, because it
//! alone folds. Never takes a lock and never writes, also beside a running server.

use std::cell::RefCell;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::cli::failure::{Exit, Failure};
use crate::cli::read::reader::{EventDetail, Reader, RoomsPage, RoomsQuery, each_event};
use crate::domain::{RoomName, Timestamp, Version};
use crate::replay::position::Pos;
use crate::replay::view::{EventView, RoomSummary, RoomView, SessionView};
use crate::replay::{
    Ability, EventPage, EventQuery, Folded, Moment, NamesBook, Order, Presence, Present, Removal,
    as_of, instant_of, read_page, removals, session_span, session_views,
};
use crate::store::{EventStore, Position, StoreError};

/// A log in this process.
pub struct DataReader {
    store: Arc<dyn EventStore>,
    place: String,
    book: RefCell<NamesBook>,
    now: Timestamp,
}

impl DataReader {
    /// Reads a store that is there already; `place` names it in errors.
    pub fn new(store: Arc<dyn EventStore>, place: impl Into<String>) -> Self {
        DataReader {
            store,
            place: place.into(),
            // An export is whole.
            book: RefCell::new(NamesBook::default().naming(usize::MAX)),
            now: Timestamp::EPOCH,
        }
    }

    /// Takes this for the present, up to which lasts what is still open; without it that is the
    /// last event of each room.
    #[must_use]
    pub fn with_present(self, now: Timestamp) -> Self {
        Self { now, ..self }
    }

    /// The log itself.
    pub fn store(&self) -> &Arc<dyn EventStore> {
        &self.store
    }

    fn told<T>(&self, read: Result<T, StoreError>) -> Result<T, Failure> {
        read.map_err(|error| failure_of(&error, &self.place))
    }

    fn fold(&self, room: &RoomName, at: Option<Pos>) -> Result<(Folded, Timestamp), Failure> {
        let moment = self.moment(room, at)?;
        let folded = self.told(as_of(&*self.store, room, moment))?;
        if folded.room.version == Version(0) {
            return Err(no_room(room.as_str()));
        }
        let now = self.told(instant_of(&*self.store, moment, self.now))?;
        Ok((folded, now))
    }

    fn moment(&self, room: &RoomName, at: Option<Pos>) -> Result<Moment, Failure> {
        let head = self.store.head().position;
        Ok(match at {
            None => Moment::Head,
            Some(at) if at.needs_session() => {
                let now = self.told(last_known(&*self.store, room))?;
                // Nothing is known of what still runs after its last record.
                let last_us = now.room.recorded_at.micros();
                let session = session_span(&now.room).map(|span| span.until_now(last_us));
                Moment::of(at, head, session)?
            }
            Some(at) => Moment::of(at, head, None)?,
        })
    }
}

impl Reader for DataReader {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn head(&self) -> Result<u64, Failure> {
        Ok(self.store.head().position.0)
    }

    fn rooms(&self, query: &RoomsQuery) -> Result<RoomsPage, Failure> {
        let after = query
            .cursor
            .as_deref()
            .and_then(|name| RoomName::new(name).ok());
        let names = self.told(self.store.rooms(after.as_ref(), ROOMS_PAGE))?;
        let prefix = query.prefix.as_deref().unwrap_or_default();
        let mut page = RoomsPage {
            rooms: Vec::new(),
            cursor: names.last().map(ToString::to_string),
        };
        for name in names
            .iter()
            .filter(|name| name.as_str().starts_with(prefix))
        {
            let summary = RoomSummary::of(&self.told(last_known(&*self.store, name))?.room);
            if summary.live || !query.live {
                page.rooms.push(summary);
            }
        }
        Ok(page)
    }

    fn room(&self, room: &str, at: Option<Pos>) -> Result<RoomView, Failure> {
        let name = name_of(room)?;
        let (folded, now) = self.fold(&name, at)?;
        Ok(RoomView::at(&folded.room, &folded.names, now))
    }

    fn sessions(&self, room: &str) -> Result<Vec<SessionView>, Failure> {
        let name = name_of(room)?;
        if self.told(self.store.room_head(Some(&name)))? == Version(0) {
            return Err(no_room(room));
        }
        self.told(session_views(&*self.store, &name, Moment::Head, self.now))
    }

    fn present(
        &self,
        room: &str,
        at: Pos,
        ability: Option<Ability>,
    ) -> Result<Vec<Presence>, Failure> {
        let name = name_of(room)?;
        let (folded, _) = self.fold(&name, Some(at))?;
        let found = Present::of(&folded.room, &folded.names, ability, None, usize::MAX);
        Ok(self.told(found.complete(&*self.store))?.present)
    }

    fn removals(&self, room: &str, at: Pos) -> Result<Vec<Removal>, Failure> {
        let name = name_of(room)?;
        let moment = self.moment(&name, Some(at))?;
        let page = removals(&*self.store, &name, moment, None, usize::MAX);
        Ok(self.told(page)?.removals)
    }

    fn page(&self, query: &EventQuery) -> Result<EventPage, Failure> {
        let mut book = self.book.borrow_mut();
        let read = read_page(&*self.store, &mut book, query);
        let readable = readable_before(query, &read);
        let Some(bad) = readable else {
            return self.told(read);
        };
        // What lies before the damage is an answer; the next page meets the damage itself.
        let before = EventQuery {
            before: Some(bad),
            ..query.clone()
        };
        let mut page = self.told(read_page(&*self.store, &mut book, &before))?;
        page.next = page.next.or(Some(bad.0.saturating_sub(1)));
        Ok(page)
    }

    fn event(&self, position: u64) -> Result<EventDetail, Failure> {
        let query = EventQuery {
            after: Some(Position(position.saturating_sub(1))),
            before: Some(Position(position.saturating_add(1))),
            limit: 1,
            ..EventQuery::default()
        };
        let found = self.page(&query)?.events.into_iter().next();
        let event = found
            .filter(|event| event.position == position)
            .ok_or_else(|| Failure::new(Exit::NotFound, format!("there is no #{position}")))?;
        let before = Position(position.saturating_sub(1));
        let record = self.told(self.store.read_all(before, 1))?.pop();
        let commit = self.told(self.store.commit_of(Position(position)))?;
        Ok(EventDetail {
            event,
            command: record.map_or(position, |record| record.command_first.0),
            commit: commit.position.0,
            chain: commit.chain.to_string(),
        })
    }

    fn follow(
        &self,
        query: &EventQuery,
        each: &mut dyn FnMut(EventView) -> Result<(), Failure>,
        _lost: &mut dyn FnMut(&str),
    ) -> Failure {
        let mut query = query.clone();
        loop {
            let head = self.store.head().position;
            query.before = Some(head.next());
            if let Err(failure) = each_event(self, &query, each) {
                return failure;
            }
            query.after = query.after.max(Some(head));
            thread::sleep(POLL_PAUSE);
        }
    }
}

/// What a store's error is to somebody at a terminal; `place` names the log.
pub fn failure_of(error: &StoreError, place: &str) -> Failure {
    match error {
        StoreError::Corrupt { position, problem } => {
            Failure::new(Exit::Damaged, format!("the log is damaged at #{position}"))
                .because(problem)
                .hint("'roomledger verify' names all that is damaged; nothing is skipped over")
        }
        StoreError::Missing { position } => Failure::new(
            Exit::Damaged,
            format!("#{position} is missing from the log"),
        )
        .because(format!("{place} ends before it, or has a hole"))
        .hint("'roomledger verify' names all that is damaged"),
        StoreError::Incomplete {
            room,
            from,
            position,
        } => Failure::new(
            Exit::Damaged,
            format!("'{room}' is not known from @{from} on: events of it were lost"),
        )
        .because(format!("an accepted loss before #{position}"))
        .hint("'roomledger log' shows what is left; --at takes a moment before it"),
        StoreError::Locked { path, owner } => {
            Failure::new(Exit::InUse, format!("the log in {path} is in use"))
                .because(format!("{owner} has it open"))
                .hint("one server writes a log; 'log', 'state' and the like can read it meanwhile")
        }
        StoreError::Full { .. } => Failure::new(Exit::No, "the disk is nearly full")
            .because(error)
            .hint("make room; nothing was written"),
        StoreError::Unmeasured { .. } => {
            Failure::new(Exit::No, "the free space cannot be told").because(error)
        }
        StoreError::Refused { path, problem } => {
            Failure::new(Exit::Damaged, format!("{path} cannot be opened as a log"))
                .because(problem)
        }
        StoreError::Io {
            path,
            operation,
            source,
        } => Failure::new(Exit::No, format!("cannot {operation} {path}"))
            .because(source)
            .hint("check that the directory is there, and whose it is"),
        StoreError::Conflict { .. }
        | StoreError::TooLarge { .. }
        | StoreError::Poisoned { .. }
        | StoreError::Closed
        | StoreError::Opening
        | StoreError::Behind { .. } => Failure::new(Exit::No, error.to_string()),
    }
}

/// A room as it is now, or as it was before events of it were lost.
fn last_known(store: &dyn EventStore, room: &RoomName) -> Result<Folded, StoreError> {
    match as_of(store, room, Moment::Head) {
        Err(StoreError::Incomplete { from, .. }) => {
            let before = Version(from.0.saturating_sub(1));
            as_of(store, room, Moment::Version(before))
        }
        other => other,
    }
}

/// The bad position in whose way a page came, if there is something before it.
fn readable_before(query: &EventQuery, read: &Result<EventPage, StoreError>) -> Option<Position> {
    let (StoreError::Corrupt { position, .. } | StoreError::Missing { position }) =
        read.as_ref().err()?
    else {
        return None;
    };
    let first = query.after.unwrap_or_default().next();
    (query.order == Order::Ascending && *position > first).then_some(*position)
}

fn name_of(room: &str) -> Result<RoomName, Failure> {
    RoomName::new(room).map_err(|error| Failure::new(Exit::Usage, error.to_string()))
}

fn no_room(room: &str) -> Failure {
    Failure::new(Exit::NotFound, format!("no room '{room}'"))
}

/// Rooms folded for one page: each may be large.
const ROOMS_PAGE: usize = 100;

/// How long a follower sleeps: nobody sees a shorter delay, and the journal is read rarely.
const POLL_PAUSE: Duration = Duration::from_millis(200);
