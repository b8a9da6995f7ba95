//! Which requests were answered already (log.md rule 13). Apart because it outlives every room:
//! a repeat gets the recorded outcome, and the same id with another request is a conflict.
//!
//! What left an event in the log is found again after a restart. A report that told nothing new
//! left none: it is remembered as long as the process lives, and telling it again is harmless.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::call::{Remembered, RememberedStatus};
use crate::domain::{Digest, Timestamp, Version};
use crate::store::{Outcome, Position, Record, RequestKey};

/// The outcomes of the last day.
#[derive(Debug)]
pub(crate) struct Outcomes {
    by_key: BTreeMap<Arc<RequestKey>, Entry>,
    by_age: VecDeque<(Timestamp, Arc<RequestKey>)>,
    bounds: Bounds,
}

/// How many are kept, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) at_most: usize,
    pub(crate) at_least: usize,
    pub(crate) for_s: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    digest: Digest,
    outcome: Remembered,
}

/// What is known of a request.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Known {
    /// Nothing: decide it.
    New,
    /// It is a repeat.
    Repeat(Remembered),
    /// Its id belongs to another request.
    Reused,
}

impl Outcomes {
    pub(crate) const fn new(bounds: Bounds) -> Self {
        Self {
            by_key: BTreeMap::new(),
            by_age: VecDeque::new(),
            bounds,
        }
    }

    pub(crate) fn find(&self, key: &RequestKey, digest: Digest) -> Known {
        match self.by_key.get(key) {
            None => Known::New,
            Some(entry) if entry.digest == digest => Known::Repeat(entry.outcome),
            Some(_) => Known::Reused,
        }
    }

    /// Remembers an outcome of `at`, and forgets what is too old.
    pub(crate) fn remember(
        &mut self,
        key: RequestKey,
        digest: Digest,
        outcome: Remembered,
        at: Timestamp,
    ) {
        let key = Arc::new(key);
        let entry = Entry { digest, outcome };
        if self.by_key.insert(Arc::clone(&key), entry).is_none() {
            self.by_age.push_back((at, key));
        }
        while self.oldest_must_go(at) {
            if let Some((_, key)) = self.by_age.pop_front() {
                self.by_key.remove(&key);
            }
        }
    }

    /// Remembers what the log says of the command of this record, after which its room is at
    /// `version`; a later record of the same command extends it.
    pub(crate) fn recall(&mut self, record: &Record, version: Version) {
        let Some(request) = &record.command.request else {
            return;
        };
        let earlier = self.by_key.get(&request.key).map(|entry| entry.outcome);
        let same = earlier.filter(|earlier| earlier.first == record.command_first);
        let outcome = Remembered {
            status: match record.command.outcome {
                Outcome::Accepted => RememberedStatus::Accepted,
                Outcome::NoEffect => RememberedStatus::NoEffect,
                Outcome::Refused(_) => RememberedStatus::Refused,
            },
            first: record.command_first,
            count: same.map_or(0, |earlier| earlier.count).saturating_add(1),
            version,
        };
        let at = record.command.recorded_at;
        self.remember(request.key.clone(), request.digest, outcome, at);
    }

    fn oldest_must_go(&self, now: Timestamp) -> bool {
        let Some((at, _)) = self.by_age.front() else {
            return false;
        };
        let bounds = self.bounds;
        let old = at.plus_seconds(bounds.for_s) < now;
        self.by_age.len() > bounds.at_most || old && self.by_age.len() > bounds.at_least
    }
}

impl Remembered {
    /// The last position that it made durable, or the head that it read.
    pub(crate) fn position(&self) -> Position {
        Position(self.first.0 + u64::from(self.count).saturating_sub(1))
    }
}
