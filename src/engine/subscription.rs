//! Following the log: first what was, then what comes. Apart because a subscriber keeps nothing but
//! its place: the writer never waits for it and holds no queue for it (law 14).

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use super::error::EngineError;
use super::history::version_at;
use super::readers::Readers;
use super::shared::{Shared, Visible};
use super::tail::{Delivery, Page};
use crate::domain::RoomName;
use crate::replay::Moment;
use crate::store::{EventStore, Position, Record, StoreError};

/// Which records a subscriber wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// One room's; everybody's when absent.
    pub room: Option<RoomName>,
}

/// A place in the log that moves on.
#[derive(Debug)]
pub struct Subscription {
    shared: Arc<Shared>,
    readers: Readers,
    visible: watch::Receiver<Visible>,
    filter: Filter,
    /// All up to here has been given out or filtered away, or waits in `ready`.
    position: Position,
    ready: VecDeque<Delivery>,
}

impl Subscription {
    pub(crate) fn new(
        shared: Arc<Shared>,
        readers: Readers,
        after: Position,
        filter: Filter,
    ) -> Self {
        shared.figures.subscriptions.up();
        Self {
            visible: shared.visible(),
            shared,
            readers,
            filter,
            position: after,
            ready: VecDeque::new(),
        }
    }

    /// The next record that passes the filter: every position once, in order. `None` once the
    /// engine is shut down and all has been given out.
    ///
    /// Cancel safe: a dropped future loses no record.
    ///
    /// # Errors
    /// [`EngineError::Store`] when the log cannot be read here, [`EngineError::Opening`] while
    /// history is not ready, [`EngineError::Overloaded`] when too many readers wait. The place is
    /// kept: ask again, or subscribe anew after the last position given.
    pub async fn next(&mut self) -> Result<Option<Delivery>, EngineError> {
        loop {
            if let Some(delivery) = self.ready.pop_front() {
                return Ok(Some(delivery));
            }
            let visible = *self.visible.borrow_and_update();
            let wants = |record: &Record| self.filter.wants(record);
            let page = match self.shared.tail.after(self.position, PAGE, wants) {
                Some(page) => page,
                None => self.read(visible.head).await?,
            };
            if page.up_to > self.position {
                self.position = page.up_to;
                self.ready = page.found;
            } else if visible.closed || self.visible.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// The next record, if it is at hand: never waits.
    pub fn next_ready(&mut self) -> Option<Delivery> {
        self.ready.pop_front()
    }

    /// Lets go of what is at hand, and keeps only the place: for whoever has to wait for a slow
    /// reader. It is read again later.
    pub fn rest(&mut self) {
        self.position = self.position();
        self.ready = VecDeque::new();
    }

    /// The last position that was looked at, whether it passed the filter or not: where to
    /// subscribe anew once nothing more is ready.
    pub fn position(&self) -> Position {
        let first = self.ready.front();
        first.map_or(self.position, |next| {
            Position(next.record.position.0.saturating_sub(1))
        })
    }

    async fn read(&self, head: Position) -> Result<Page, EngineError> {
        let shared = Arc::clone(&self.shared);
        let (after, room) = (self.position, self.filter.room.clone());
        let read = move || match room {
            None => page(&*shared.store, after, head),
            Some(room) => page_of_room(&*shared.store, &room, after, head),
        };
        Ok(self.readers.run(read).await??)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.figures.subscriptions.down();
    }
}

impl Filter {
    fn wants(&self, record: &Record) -> bool {
        self.room.is_none() || self.room == record.room
    }
}

/// A page of the log, but nothing that is not visible yet.
fn page(store: &dyn EventStore, after: Position, head: Position) -> Result<Page, StoreError> {
    let linked = store.read_linked(after, PAGE)?.into_iter();
    let visible = linked.take_while(|(record, _)| record.position <= head);
    let found: VecDeque<Delivery> = visible
        .map(|(record, commit)| Delivery {
            record: Arc::new(record),
            commit,
        })
        .collect();
    let up_to = found.back().map_or(after, |last| last.record.position);
    Ok(Page { up_to, found })
}

/// A page of one room's stream: what happened elsewhere is not even read.
fn page_of_room(
    store: &dyn EventStore,
    room: &RoomName,
    after: Position,
    head: Position,
) -> Result<Page, StoreError> {
    let version = version_at(store, room, Moment::Position(after))?;
    let records = store.read_room(Some(room), version, PAGE)?;
    let is_the_end = records.last().is_none_or(|last| last.position > head);
    let mut found: VecDeque<Delivery> = VecDeque::new();
    for record in records {
        if record.position > head {
            break;
        }
        let known = found.back().map(|last| last.commit);
        let commit = match known.filter(|link| record.position <= link.position) {
            Some(link) => link,
            None => store.commit_of(record.position)?,
        };
        let record = Arc::new(record);
        found.push_back(Delivery { record, commit });
    }
    let last = found.back().map_or(after, |last| last.record.position);
    let up_to = if is_the_end { head.max(after) } else { last };
    Ok(Page { up_to, found })
}

/// Records fetched at a time: enough to make a read of the log worth its while, few enough for a
/// thousand who catch up at once.
const PAGE: usize = 128;
