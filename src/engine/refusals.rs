//! How many refusals are recorded one by one. Apart because an attempt belongs into the record, and
//! a flood of them must not fill it: what is beyond the bounds is counted and recorded in sum. It
//! reads no clock.
//!
//! Two bounds hold in each minute, each for one actor: so many refusals of one call on one target,
//! and so many in all, of which repeats on targets that are recorded already take at most half.
//! So a client in a loop hides neither what others try nor what else the same key tries.
//!
//! Callers that may not do what they ask, such as guests with a token to join, have a third bound:
//! so many of their refusals for each API key, and so many sums. Anybody may get hold of many
//! guests' tokens, and together they must not fill the log. What is beyond is in one sum for the
//! key. Such refusals are counted apart from all others, so that they take no share of a caller
//! with rights nor of another key.
//!
//! A sum is recorded when counting begins, whenever it has doubled, a second after it has grown,
//! and when its minute ends: a kill loses at most what was counted in the last second.
//!
//! Memory: an actor and a target are known by a record that they left in the running minute, so
//! there are no more of them than the log takes records in a minute; a sum has a bound of its own.
//! Keys are those of the keys file.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::domain::event::{RefusalCount, RefusalsSuppressed};
use crate::domain::{Actor, Code, Digest, Personal, RoomName, Timestamp};

/// The refusals of the running minute, by actor: the key and the subject of its token.
#[derive(Debug)]
pub(crate) struct Refusals {
    by_actor: BTreeMap<Key, Minute>,
    /// The same of what the actors' tokens do not grant.
    denied_by_actor: BTreeMap<Key, Minute>,
    /// What the callers of each API key left together of what their tokens do not grant.
    denied_by_key: BTreeMap<Option<String>, Denied>,
    /// Of the actors who are beyond a bound.
    sums: BTreeMap<SumKey, Sum>,
    /// When the first of the minutes ends.
    next_end: Option<Timestamp>,
    per_minute_max: u32,
}

type Key = (Option<String>, Personal<String>);
/// Whether the sum is of what the actor's token does not grant, and the actor.
type SumKey = (bool, Key);

/// What was refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt<'a> {
    pub(crate) room: &'a RoomName,
    /// In the dialect's own words.
    pub(crate) call: &'a str,
    /// Whom the command meant, as it was written.
    pub(crate) target: Option<&'a str>,
    pub(crate) code: Code,
    /// Whether the caller's token does not grant the call.
    pub(crate) is_denied: bool,
}

/// The running minute of all callers of one API key, for what their tokens do not grant.
#[derive(Debug)]
struct Denied {
    started: Timestamp,
    recorded: u32,
    /// How many of them have a sum of their own.
    sums: u32,
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
            denied_by_actor: BTreeMap::new(),
            denied_by_key: BTreeMap::new(),
            sums: BTreeMap::new(),
            next_end: None,
            per_minute_max,
        }
    }

    /// Whether one more refusal of this actor is recorded by itself; it is counted if not.
    pub(crate) fn admit(&mut self, actor: &Actor, attempt: Attempt<'_>, now: Timestamp) -> bool {
        let key = (actor.key.clone(), actor.id.clone());
        let admitted = if attempt.is_denied {
            self.admit_denied(key, attempt, now)
        } else {
            let is_one_too_many =
                self.by_actor.len() >= ACTORS_MAX && !self.by_actor.contains_key(&key);
            // All that are one too many share the place of their key.
            let key = if is_one_too_many { of_key(&key) } else { key };
            let minute = minute_of(&mut self.by_actor, &mut self.next_end, &key, now);
            minute
                .admit(attempt, self.per_minute_max)
                .map_err(|ends| (key, ends))
        };
        let Err((key, ends)) = admitted else {
            return true;
        };
        let sum = self.sums.entry((attempt.is_denied, key));
        let sum = sum.or_insert_with(|| Sum::new(actor, now, ends));
        sum.add(actor, attempt, now);
        false
    }

    /// The same of what the actor's token does not grant; if not, whose sum counts it, and when
    /// that ends.
    fn admit_denied(
        &mut self,
        key: Key,
        attempt: Attempt<'_>,
        now: Timestamp,
    ) -> Result<(), (Key, Timestamp)> {
        let next_end = &mut self.next_end;
        let together = self.denied_by_key.entry(key.0.clone()).or_insert_with(|| {
            next_end.get_or_insert(now.plus_seconds(MINUTE_S));
            Denied {
                started: now,
                recorded: 0,
                sums: 0,
            }
        });
        let together_max = self.per_minute_max.saturating_mul(DENIED_TOGETHER);
        let has_sum = self.sums.contains_key(&(true, key.clone()));
        let ends = if together.recorded < together_max {
            let minute = minute_of(&mut self.denied_by_actor, next_end, &key, now);
            let Err(ends) = minute.admit(attempt, self.per_minute_max) else {
                together.recorded += 1;
                return Ok(());
            };
            ends
        } else {
            together.ends()
        };
        if has_sum {
            return Err((key, ends));
        }
        if together.recorded >= together_max || together.sums >= DENIED_TOGETHER {
            return Err((of_key(&key), together.ends()));
        }
        together.sums += 1;
        Err((key, ends))
    }

    /// Ends the minutes that are over, or all of them; gives the sums that are to be recorded now.
    pub(crate) fn settle(&mut self, now: Timestamp, all: bool) -> Vec<RefusalsSuppressed> {
        let is_over = |ends: Timestamp| all || ends <= now;
        if self.next_end.is_some_and(is_over) {
            self.by_actor.retain(|_, minute| !is_over(minute.ends()));
            self.denied_by_actor
                .retain(|_, minute| !is_over(minute.ends()));
            self.denied_by_key
                .retain(|_, denied| !is_over(denied.ends()));
            let minutes = self.by_actor.values().chain(self.denied_by_actor.values());
            let denied = self.denied_by_key.values().map(Denied::ends);
            self.next_end = minutes.map(Minute::ends).chain(denied).min();
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

impl Denied {
    fn ends(&self) -> Timestamp {
        self.started.plus_seconds(MINUTE_S)
    }
}

impl Minute {
    /// Takes one more, or says when the minute ends.
    fn admit(&mut self, attempt: Attempt<'_>, max: u32) -> Result<(), Timestamp> {
        let each_max = (max / EACH_PART).max(1);
        let target = attempt.digest();
        let seen = self.targets.get(&target).copied().unwrap_or(0);
        let is_first = seen == 0;
        let fits = self.recorded < max && (is_first || seen < each_max && self.repeats < max / 2);
        if !fits {
            return Err(self.ends());
        }
        self.recorded += 1;
        self.repeats += u32::from(!is_first);
        self.targets.insert(target, seen + 1);
        Ok(())
    }

    fn ends(&self) -> Timestamp {
        self.started.plus_seconds(MINUTE_S)
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
    fn event(&self, (_, (key, id)): &SumKey, ended: bool) -> RefusalsSuppressed {
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

/// The running minute of an actor, which begins now if there is none.
fn minute_of<'a>(
    minutes: &'a mut BTreeMap<Key, Minute>,
    next_end: &mut Option<Timestamp>,
    key: &Key,
    now: Timestamp,
) -> &'a mut Minute {
    minutes.entry(key.clone()).or_insert_with(|| {
        next_end.get_or_insert(now.plus_seconds(MINUTE_S));
        Minute {
            started: now,
            recorded: 0,
            repeats: 0,
            targets: BTreeMap::new(),
        }
    })
}

/// The place that all share who have none of their own: the one of their API key.
fn of_key((key, _): &Key) -> Key {
    (key.clone(), Personal::new(key.clone().unwrap_or_default()))
}

const MINUTE_S: u32 = 60;
/// The part of an actor's bound that one call on one target may take: a loop shows that it is one
/// long before.
const EACH_PART: u32 = 10;
/// What callers of one API key may leave together in a minute of what their tokens do not grant:
/// this many times the bound of one of them, and this many sums of their own. One that does all it
/// can leaves less than a mebibyte, so that all of a key leave less than eleven.
const DENIED_TOGETHER: u32 = 10;
/// How long a count waits to be recorded: what a kill may take with it.
const STEP_S: u32 = 1;
/// Kinds of one sum that are told apart, so that it stays below 64 KiB with the longest names.
const COUNTS_MAX: usize = 100;
/// Kinds that a sum which goes on tells apart: sixty of them a minute stay below 200 KiB.
const INTERIM_MAX: usize = 8;
/// Actors that are told apart in a minute. They are as many as tokens can be signed, and each
/// takes some hundred bytes.
const ACTORS_MAX: usize = 10_000;
