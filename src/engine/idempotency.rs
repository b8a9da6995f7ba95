//! Which requests were answered already (log.md rule 13). Apart because it outlives every room:
//! a repeat gets the recorded outcome, and the same id with another request is a conflict.
//!
//! What left an event in the log is found again after a crash. A report that told nothing new and a
//! refusal that was only counted left none: they are found again after a checkpoint, such as that
//! of a clean stop, and are decided anew after a crash.
//!
//! Outcomes of refused calls are counted apart for each caller, so that a flood of one caller
//! pushes out no outcome of another.

use std::sync::Arc;

use rpds::{QueueSync, RedBlackTreeMapSync};

use super::call::{Counted, Remembered, RememberedStatus};
use super::checkpoint::SavedOutcome;
use super::shares::Shares;
use crate::domain::{Digest, RoomName, Timestamp, Version};
use crate::store::{Outcome, Record, RequestKey};

/// The outcomes of the last day. A clone costs nothing, and is saved while this one goes on.
#[derive(Clone, Debug)]
pub(crate) struct Outcomes {
    by_key: RedBlackTreeMapSync<Arc<RequestKey>, Entry>,
    /// Of calls that were not refused.
    by_age: QueueSync<Arc<RequestKey>>,
    /// Of refused calls that are on record one by one.
    refused: Shares,
    /// Of refused calls that were only counted: their answers are kept here alone.
    counted: Shares,
    bounds: Bounds,
}

/// How many are kept, and how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) at_most: usize,
    pub(crate) at_least: usize,
    pub(crate) for_s: u32,
}

#[derive(Clone, Debug)]
struct Entry {
    digest: Digest,
    outcome: Remembered,
    counted: Option<Arc<Counted>>,
    at: Timestamp,
}

/// What is known of a request.
#[derive(Clone, Debug)]
pub(crate) enum Known {
    /// Nothing: decide it.
    New,
    /// It is a repeat; with the refusal, where no record tells it.
    Repeat(Remembered, Option<Arc<Counted>>),
    /// Its id belongs to another request.
    Reused,
}

impl Outcomes {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            by_key: RedBlackTreeMapSync::new_sync(),
            by_age: QueueSync::new_sync(),
            refused: Shares::new(bounds.at_most / EACH_PART, bounds.at_most),
            counted: Shares::new(COUNTED_EACH_MAX, COUNTED_MAX),
            bounds,
        }
    }

    pub(crate) fn find(&self, key: &RequestKey, digest: Digest) -> Known {
        match self.by_key.get(key) {
            None => Known::New,
            Some(entry) if entry.digest == digest => {
                Known::Repeat(entry.outcome, entry.counted.clone())
            }
            Some(_) => Known::Reused,
        }
    }

    /// The rooms, by name, in which the same caller asked for the same call under the same id.
    pub(crate) fn rooms_of(&self, like: &RequestKey) -> Vec<RoomName> {
        let from = RequestKey {
            room: None,
            ..like.clone()
        };
        let of_key = self.by_key.range(from..).map(|(key, _)| key);
        of_key
            .take_while(|key| key.key_id == like.key_id && key.caller == like.caller)
            .filter(|key| key.call == like.call && key.request_id == like.request_id)
            .filter_map(|key| key.room.clone())
            .collect()
    }

    /// Remembers an outcome, and forgets what is too old.
    pub(crate) fn remember(&mut self, saved: SavedOutcome) {
        let SavedOutcome {
            key,
            digest,
            outcome,
            counted,
            at,
        } = saved;
        let is_new = !self.by_key.contains_key(&key);
        let is_counted = counted.is_some();
        let entry = Entry {
            digest,
            outcome,
            counted,
            at,
        };
        self.by_key.insert_mut(Arc::clone(&key), entry);
        if !is_new {
            return;
        }
        if outcome.status == RememberedStatus::Refused {
            let shares = if is_counted {
                &mut self.counted
            } else {
                &mut self.refused
            };
            let beyond = shares.add(Arc::clone(&key));
            let old = shares.drop_old(&key, self.bounds.at_least, |key| {
                let is_young = |entry: &Entry| entry.at.plus_seconds(self.bounds.for_s) >= at;
                !self.by_key.get(key).is_some_and(is_young)
            });
            for gone in beyond.into_iter().chain(old) {
                self.by_key.remove_mut(&gone);
            }
            return;
        }
        self.by_age.enqueue_mut(key);
        while let Some(oldest) = self.by_age.peek().filter(|key| self.must_go(key, at)) {
            self.by_key.remove_mut(oldest);
            self.by_age.dequeue_mut();
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
        self.remember(SavedOutcome {
            key: Arc::new(request.key.clone()),
            digest: request.digest,
            outcome,
            counted: None,
            at: record.command.recorded_at,
        });
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.size()
    }

    /// All of them, of each caller the oldest first.
    pub(crate) fn saved(&self) -> Vec<SavedOutcome> {
        let refused = self.refused.iter().chain(self.counted.iter());
        let kept = self.by_age.iter().chain(refused).filter_map(|key| {
            let entry = self.by_key.get(key)?;
            Some(SavedOutcome {
                key: Arc::clone(key),
                digest: entry.digest,
                outcome: entry.outcome,
                counted: entry.counted.clone(),
                at: entry.at,
            })
        });
        kept.collect()
    }

    fn must_go(&self, key: &RequestKey, now: Timestamp) -> bool {
        let at = self
            .by_key
            .get(key)
            .map_or(Timestamp::EPOCH, |entry| entry.at);
        let old = at.plus_seconds(self.bounds.for_s) < now;
        let kept = self.by_age.len();
        kept > self.bounds.at_most || old && kept > self.bounds.at_least
    }
}

/// The part of all outcomes that the refusals of one caller may take: more than it can have put on
/// record one by one in two hours.
const EACH_PART: usize = 10;
/// Refusals of one caller whose answers are kept though they were only counted: clients repeat a
/// call soon after it, or not at all.
const COUNTED_EACH_MAX: usize = 128;
/// The same of all callers, at up to a kilobyte each: some tens of megabytes at most.
const COUNTED_MAX: usize = 256 * COUNTED_EACH_MAX;
