//! Following the log: first what was, then what comes. Apart because a subscriber keeps nothing but
//! its place: the writer never waits for it and holds no queue for it (law 14).

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use super::error::EngineError;
use super::history::version_at;
use super::readers::{Lane, Readers};
use super::shared::{Shared, Visible};
use super::tail::{Delivery, Page};
use super::watched::Patience;
use crate::domain::{RoomName, Version};
use crate::replay::Moment;
use crate::store::{EventStore, Position, Record, StoreError};

/// Which records a subscriber wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// One room's, with the refusals that named it when there was no such room, and what sums of
    /// refusals counted of it; everybody's when absent.
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
            let part_of = |record: &Arc<Record>| self.filter.part_of(record);
            let page = match self.shared.tail.after(self.position, PAGE, part_of) {
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

    /// What [`Subscription::next_ready`] will give, in order.
    pub(crate) fn ready(&self) -> impl Iterator<Item = &Delivery> {
        self.ready.iter()
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
        let read = move |_: &Patience| match room {
            None => page(&*shared.store, after, head),
            Some(room) => page_of_room(&*shared.store, &room, after, head),
        };
        Ok(self.readers.run(Lane::Reads, read).await??)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.figures.subscriptions.down();
    }
}

impl Filter {
    fn part_of(&self, record: &Arc<Record>) -> Option<Arc<Record>> {
        let Some(room) = &self.room else {
            return Some(Arc::clone(record));
        };
        Some(match record.part_about(room)? {
            Cow::Borrowed(_) => Arc::clone(record),
            Cow::Owned(part) => Arc::new(part),
        })
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

/// A page of one room: of its stream, and of what the system stream tells of refusals there. What
/// happened in other rooms is not even read.
fn page_of_room(
    store: &dyn EventStore,
    room: &RoomName,
    after: Position,
    head: Position,
) -> Result<Page, StoreError> {
    let version = version_at(store, room, Moment::Position(after))?;
    let own = stretch(store, Some(room), version, (after, head))?;
    let refused = stretch(store, None, system_version(store, after)?, (after, head))?;
    let up_to = own.up_to.min(refused.up_to);
    let refused_records = refused.records.iter();
    let named = refused_records.filter_map(|it| it.part_about(room).map(Cow::into_owned));
    let mut records: Vec<Record> = own.records.into_iter().chain(named).collect();
    records.retain(|record| record.position <= up_to);
    records.sort_by_key(|record| record.position);
    let mut found: VecDeque<Delivery> = VecDeque::new();
    for record in records {
        let known = found.back().map(|last| last.commit);
        let commit = match known.filter(|link| record.position <= link.position) {
            Some(link) => link,
            None => store.commit_of(record.position)?,
        };
        let record = Arc::new(record);
        found.push_back(Delivery { record, commit });
    }
    Ok(Page { up_to, found })
}

/// Some records of one stream, and the position up to which there are no more of it.
struct Stretch {
    records: Vec<Record>,
    up_to: Position,
}

fn stretch(
    store: &dyn EventStore,
    stream: Option<&RoomName>,
    version: Version,
    (after, head): (Position, Position),
) -> Result<Stretch, StoreError> {
    let mut records = store.read_room(stream, version, PAGE)?;
    let is_the_end = records.last().is_none_or(|last| last.position > head);
    records.retain(|record| record.position <= head);
    let last = records.last().map_or(after, |last| last.position);
    let up_to = if is_the_end { head.max(after) } else { last };
    Ok(Stretch { records, up_to })
}

/// The version of the system stream at a position, by halves: it has no directory to look in.
fn system_version(store: &dyn EventStore, at: Position) -> Result<Version, StoreError> {
    let (mut low, mut high) = (0, store.room_head(None)?.0);
    while low < high {
        let middle = low + (high - low) / 2;
        match store.read_room(None, Version(middle), 1)?.first() {
            Some(record) if record.position <= at => low = record.version.0,
            Some(_) | None => high = middle,
        }
    }
    Ok(Version(low))
}

/// Records fetched at a time: about as many as one piece of a stream shows, so that no read is
/// done for nothing, and few enough for a thousand who catch up at once.
const PAGE: usize = 256;
