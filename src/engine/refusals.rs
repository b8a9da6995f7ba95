//! How many refusals are recorded one by one. Apart because an attempt belongs into the record, and
//! a flood of them must not fill it: what is beyond the bounds is counted and recorded in sum. It
//! reads no clock.
//!
//! Two bounds hold in each minute, each for one actor: so many refusals of one call on one target,
//! and so many in all, of which repeats on targets that are recorded already take at most half.
//! So a client in a loop hides neither what others try nor what else the same key tries.
//! A third bound is for all who have a token of one key without the right that they need: guests
//! may be as many as there are browsers.
//! A sum is recorded when counting begins, whenever it has doubled, a second after it has grown,
//! and when its minute ends: a kill loses at most what was counted in the last second.
//!
//! Memory: an actor and a target are known by a record that they left in the running minute, so
//! there are no more of them than the log takes records in a minute; a sum has a bound of its own.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::domain::event::{RefusalCount, RefusalsSuppressed};
use crate::domain::{Actor, Code, Digest, Personal, RoomName, Timestamp};

/// The refusals of the running minute, by actor: the key and the subject of its token.
#[derive(Debug)]
pub(crate) struct Refusals {
    by_actor: BTreeMap<Key, Minute>,
    /// Of the actors who are beyond a bound.
    sums: BTreeMap<Key, Sum>,
    /// For want of a right, by API key: since when, and how many are recorded.
    without_right: BTreeMap<String, (Timestamp, u32)>,
    /// When the first of the minutes ends.
    next_end: Option<Timestamp>,
    per_minute_max: u32,
}

type Key = (Option<String>, Personal<String>);

/// What was refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) room: &'a RoomName,
    /// In the dialect's own words.
    pub(crate) call: &'a str,
    /// Whom the command meant, as it was written.
    pub(crate) target: Option<&'a str>,
    pub(crate) code: Code,
}

#[derive(Debug)]
struct Minute {
    started: Timestamp,
    recorded: u32,
    /// How many of them were not the first on their target.
    repeats: u32,
    /// How often each target is recorded, by the digest of room, call and target.
    targets: BTreeMap<Digest, u32>,
}

/// What was counted of one actor in its minute.
#[derive(Debug)]
struct Sum {
    on_behalf_of: Option<Personal<String>>,
    counts: BTreeMap<Counted, u64>,
    from: Timestamp,
    to: Timestamp,
    /// When the minute ends.
    ends: Timestamp,
    count: u64,
    /// The count that was recorded last, and when.
    written: u64,
    written_at: Timestamp,
}

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Counted {
    room: Option<RoomName>,
    call: Option<String>,
    code: &'static str,
}

impl Refusals {
    pub(crate) const fn new(per_minute_max: u32) -> Self {
        Self {
            by_actor: BTreeMap::new(),
            sums: BTreeMap::new(),
            without_right: BTreeMap::new(),
            next_end: None,
            per_minute_max,
        }
    }

    /// Whether one more refusal of this actor is recorded by itself; it is counted if not.
    pub(crate) fn admit(&mut self, actor: &Actor, attempt: Attempt<'_>, now: Timestamp) -> bool {
        let each_max = (self.per_minute_max / EACH_PART).max(1);
        let repeats_max = self.per_minute_max / 2;
        let mut key = (actor.key.clone(), actor.id.clone());
        let is_one_more = self.by_actor.len() >= ACTORS_MAX && !self.by_actor.contains_key(&key);
        let without_right = actor.key.as_ref().filter(|_| attempt.code == Code::NoRight);
        if is_one_more || without_right.is_some_and(|key| self.has_many_guests(key, now)) {
            // All that are one too many share the place of their key.
            key.1 = Personal::new(actor.key.clone().unwrap_or_default());
        }
        let next_end = &mut self.next_end;
        let minute = self.by_actor.entry(key.clone()).or_insert_with(|| {
            next_end.get_or_insert(now.plus_seconds(MINUTE_S));
            Minute {
                started: now,
                recorded: 0,
                repeats: 0,
                targets: BTreeMap::new(),
            }
        });
        let target = attempt.digest();
        let seen = minute.targets.get(&target).copied().unwrap_or(0);
        let is_first = seen == 0;
        let fits = minute.recorded < self.per_minute_max
            && (is_first || seen < each_max && minute.repeats < repeats_max);
        if fits {
            minute.recorded += 1;
            minute.repeats += u32::from(!is_first);
            minute.targets.insert(target, seen + 1);
            if let Some(of_key) = without_right.and_then(|key| self.without_right.get_mut(key)) {
                of_key.1 += 1;
            }
            return true;
        }
        let ends = minute.started.plus_seconds(MINUTE_S);
        let sum = self.sums.entry(key);
        let sum = sum.or_insert_with(|| Sum::new(actor, now, ends));
        sum.add(actor, attempt, now);
        false
    }

    /// Whether callers without the right have taken what the log has for those of their key in a
    /// minute.
    fn has_many_guests(&mut self, key: &str, now: Timestamp) -> bool {
        let of_key = self.without_right.entry(key.to_owned()).or_insert((now, 0));
        if of_key.0.plus_seconds(MINUTE_S) <= now {
            *of_key = (now, 0);
        }
        of_key.1 >= self.per_minute_max.saturating_mul(GUESTS)
    }

    /// Ends the minutes that are over, or all of them; gives the sums that are to be recorded now.
    pub(crate) fn settle(&mut self, now: Timestamp, all: bool) -> Vec<RefusalsSuppressed> {
        let is_over = |ends: Timestamp| all || ends <= now;
        if self.next_end.is_some_and(is_over) {
            let ends = |minute: &Minute| minute.started.plus_seconds(MINUTE_S);
            self.by_actor.retain(|_, minute| !is_over(ends(minute)));
            self.next_end = self.by_actor.values().map(ends).min();
        }
        let mut events = Vec::new();
        self.sums.retain(|key, sum| {
            let ends = is_over(sum.ends);
            events.extend(ends.then(|| sum.event(key, true)));
            !ends
        });
        events.extend(self.grown(now));
        events
    }

    /// The sums that have grown enough to be recorded again.
    pub(crate) fn grown(&mut self, now: Timestamp) -> Vec<RefusalsSuppressed> {
        let mut events = Vec::new();
        for (key, sum) in &mut self.sums {
            if sum.is_due(now) {
                sum.written = sum.count;
                sum.written_at = now;
                events.push(sum.event(key, false));
            }
        }
        events
    }

    /// When the next sum is to be recorded.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let due = self.sums.values().map(|sum| {
            let is_behind = sum.count > sum.written;
            let step = is_behind.then(|| sum.written_at.plus_seconds(STEP_S));
            step.map_or(sum.ends, |step| step.min(sum.ends))
        });
        due.min()
    }
}

impl Attempt<'_> {
    /// Lengths stand before the words, so that no two attempts read alike.
    fn digest(self) -> Digest {
        let (room, target) = (self.room.as_str(), self.target.unwrap_or_default());
        let lengths = (room.len(), self.call.len(), self.target.is_some());
        Digest::of(format!("{lengths:?}{room}{}{target}", self.call).as_bytes())
    }
}

impl Sum {
    fn new(actor: &Actor, now: Timestamp, ends: Timestamp) -> Self {
        Self {
            on_behalf_of: actor.on_behalf_of.clone(),
            counts: BTreeMap::new(),
            from: now,
            to: now,
            ends,
            count: 0,
            written: 0,
            written_at: now,
        }
    }

    fn add(&mut self, actor: &Actor, attempt: Attempt<'_>, now: Timestamp) {
        self.count += 1;
        self.to = now;
        if self.on_behalf_of != actor.on_behalf_of {
            self.on_behalf_of = None;
        }
        let mut counted = Counted {
            room: Some(attempt.room.clone()),
            call: Some(attempt.call.to_owned()),
            code: attempt.code.as_str(),
        };
        if self.counts.len() >= COUNTS_MAX && !self.counts.contains_key(&counted) {
            // There are far fewer codes than rooms, so that these have an end.
            counted = counted.of_any_room();
        }
        *self.counts.entry(counted).or_insert(0) += 1;
    }

    /// The counts of the most frequent kinds, and of all others by code alone.
    fn most_frequent(&self) -> BTreeMap<Counted, u64> {
        let mut kinds: Vec<(&Counted, &u64)> = self.counts.iter().collect();
        kinds.sort_by_key(|(_, count)| Reverse(**count));
        let mut counts = BTreeMap::new();
        for (place, (counted, count)) in kinds.into_iter().enumerate() {
            let counted = if place < INTERIM_MAX {
                counted.clone()
            } else {
                counted.of_any_room()
            };
            *counts.entry(counted).or_insert(0) += count;
        }
        counts
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let has_doubled = self.count >= self.written.saturating_mul(2);
        let has_waited = self.written_at.plus_seconds(STEP_S) <= now;
        self.count > self.written && (has_doubled || has_waited)
    }

    /// One that goes on tells fewer kinds apart than the last: it comes every second.
    fn event(&self, (key, id): &Key, ended: bool) -> RefusalsSuppressed {
        let counts = if ended {
            self.counts.clone()
        } else {
            self.most_frequent()
        };
        let counts = counts.into_iter().map(|(counted, count)| RefusalCount {
            room: counted.room,
            call: counted.call,
            code: counted.code.to_owned(),
            count,
        });
        RefusalsSuppressed {
            actor: id.clone(),
            key: key.clone(),
            on_behalf_of: self.on_behalf_of.clone(),
            counts: counts.collect(),
            from: self.from,
            to: self.to,
            ended,
        }
    }
}

impl Counted {
    /// The same, told apart by its code alone.
    fn of_any_room(&self) -> Self {
        Self {
            room: None,
            call: None,
            code: self.code,
        }
    }
}

const MINUTE_S: u32 = 60;
/// The part of an actor's bound that one call on one target may take: a loop shows that it is one
/// long before.
const EACH_PART: u32 = 10;
/// How long a count waits to be recorded: what a kill may take with it.
const STEP_S: u32 = 1;
/// Kinds of one sum that are told apart, so that it stays below 64 KiB with the longest names.
const COUNTS_MAX: usize = 100;
/// Kinds that a sum which goes on tells apart: sixty of them a minute stay below 200 KiB.
const INTERIM_MAX: usize = 8;
/// As many guests of one key have a bound of their own: at 600 a minute and a kibibyte each, all
/// guests of a key add some six megabytes a minute.
const GUESTS: u32 = 10;
/// Actors that are told apart in a minute. They are as many as tokens can be signed, and each
/// takes some hundred bytes.
const ACTORS_MAX: usize = 10_000;
