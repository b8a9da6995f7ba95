//! Following the log: first what was, then what comes. Apart because a subscriber keeps nothing but
//! its place: the writer never waits for it and holds no queue for it (law 14).

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use super::error::EngineError;
use super::readers::Readers;
use super::shared::{Shared, Visible};
use super::tail::Delivery;
use crate::domain::RoomName;
use crate::store::Position;

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
            let found = match self.shared.tail.after(self.position, PAGE) {
                Some(found) => found,
                None => self.read(visible.head).await?,
            };
            if let Some(last) = found.last() {
                self.position = last.record.position;
                let wanted = found.into_iter().filter(|found| self.filter.wants(found));
                self.ready = wanted.collect();
            } else if visible.closed || self.visible.changed().await.is_err() {
                return Ok(None);
            }
        }
    }

    /// The last position that was looked at, whether it passed the filter or not: where to
    /// subscribe anew once nothing more is ready.
    pub fn position(&self) -> Position {
        let first = self.ready.front();
        first.map_or(self.position, |next| {
            Position(next.record.position.0.saturating_sub(1))
        })
    }

    async fn read(&self, head: Position) -> Result<Vec<Delivery>, EngineError> {
        let shared = Arc::clone(&self.shared);
        let after = self.position;
        self.readers.run(move || page(&shared, after, head)).await?
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.shared.figures.subscriptions.down();
    }
}

impl Filter {
    fn wants(&self, delivery: &Delivery) -> bool {
        self.room.is_none() || self.room == delivery.record.room
    }
}

/// A page of the log, but nothing that is not visible yet.
fn page(shared: &Shared, after: Position, head: Position) -> Result<Vec<Delivery>, EngineError> {
    let mut found: Vec<Delivery> = Vec::new();
    for record in shared.store.read_all(after, PAGE)? {
        if record.position > head {
            break;
        }
        let known = found.last().map(|last| last.commit);
        let commit = match known.filter(|link| record.position <= link.position) {
            Some(link) => link,
            None => shared.store.commit_of(record.position)?,
        };
        found.push(Delivery {
            record: Arc::new(record),
            commit,
        });
    }
    Ok(found)
}

/// Records fetched at a time: enough to make a read of the log worth its while.
const PAGE: usize = 256;
