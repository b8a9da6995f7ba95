//! The latest records, kept for subscribers. Apart because the writer and every subscriber meet
//! here under one lock, so that catching up and following leave no gap and no double (log.md rule
//! 17). Bounded in bytes: who falls behind its beginning reads the log instead.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::store::{Link, Position, Record};

/// One record on its way to a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The record.
    pub record: Arc<Record>,
    /// Its commit: the last position of it, and the chain hash there.
    pub commit: Link,
}

/// Some of what comes next.
#[derive(Debug)]
pub(crate) struct Page {
    /// The last position that was looked at.
    pub(crate) up_to: Position,
    /// What was wanted of all up to there.
    pub(crate) found: VecDeque<Delivery>,
}

/// A commit that is durable, with its records as readers see them.
#[derive(Debug)]
pub(crate) struct Committed {
    pub(crate) first: Position,
    pub(crate) link: Link,
    pub(crate) records: Vec<Arc<Record>>,
}

/// The last commits, as far as they fit.
#[derive(Debug)]
pub(crate) struct Tail {
    kept: Mutex<Kept>,
    bytes_max: u64,
}

#[derive(Debug)]
struct Kept {
    commits: VecDeque<(u64, Arc<Committed>)>,
    bytes: u64,
    /// The last position before the first kept commit.
    before: Position,
}

impl Tail {
    /// An empty tail after `head`.
    pub(crate) const fn new(head: Position, bytes_max: u64) -> Self {
        Self {
            kept: Mutex::new(Kept {
                commits: VecDeque::new(),
                bytes: 0,
                before: head,
            }),
            bytes_max,
        }
    }

    /// Adds a commit of about that many bytes.
    pub(crate) fn push(&self, committed: Arc<Committed>, bytes: u64) {
        let mut kept = self.lock();
        kept.bytes += bytes;
        kept.commits.push_back((bytes, committed));
        while kept.bytes > self.bytes_max {
            let Some((bytes, gone)) = kept.commits.pop_front() else {
                break;
            };
            kept.bytes -= bytes;
            kept.before = gone.link.position;
        }
    }

    /// What `part_of` leaves of the next `limit` records after a position, or `None` when that is
    /// before the tail's beginning.
    pub(crate) fn after(
        &self,
        position: Position,
        limit: usize,
        part_of: impl Fn(&Arc<Record>) -> Option<Arc<Record>>,
    ) -> Option<Page> {
        let kept = self.lock();
        if position < kept.before {
            return None;
        }
        let start = kept
            .commits
            .partition_point(|(_, commit)| commit.link.position <= position);
        let later = kept.commits.iter().skip(start).flat_map(|(_, committed)| {
            let commit = committed.link;
            committed.records.iter().map(move |record| (record, commit))
        });
        let unseen = later.filter(|(record, _)| record.position > position);
        let mut page = Page {
            up_to: position,
            found: VecDeque::new(),
        };
        for (record, commit) in unseen.take(limit) {
            page.up_to = record.position;
            if let Some(record) = part_of(record) {
                page.found.push_back(Delivery { record, commit });
            }
        }
        Some(page)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing here panics half way: the queue holds whole commits.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
