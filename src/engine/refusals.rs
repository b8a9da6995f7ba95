//! How many refusals of an actor are recorded one by one. Apart because an attempt belongs into
//! the record, and a flood of them must not fill it: beyond the rate they are counted and recorded
//! in sum. It reads no clock.

use std::collections::BTreeMap;

use crate::domain::event::RefusalsSuppressed;
use crate::domain::{Actor, Personal, Timestamp};

/// The refusals of the running minute, by actor.
#[derive(Debug)]
pub(crate) struct Refusals {
    by_actor: BTreeMap<(Option<String>, Personal<String>), Minute>,
    per_minute_max: u32,
}

#[derive(Debug)]
struct Minute {
    started: Timestamp,
    recorded: u32,
    suppressed: Option<RefusalsSuppressed>,
}

impl Refusals {
    pub(crate) const fn new(per_minute_max: u32) -> Self {
        Self {
            by_actor: BTreeMap::new(),
            per_minute_max,
        }
    }

    /// Whether one more refusal of this actor is recorded by itself; it is counted if not.
    pub(crate) fn admit(&mut self, actor: &Actor, now: Timestamp) -> bool {
        let minute = self
            .by_actor
            .entry((actor.key.clone(), actor.id.clone()))
            .or_insert(Minute {
                started: now,
                recorded: 0,
                suppressed: None,
            });
        if minute.recorded < self.per_minute_max {
            minute.recorded += 1;
            return true;
        }
        match &mut minute.suppressed {
            Some(sum) => {
                sum.count += 1;
                sum.to = now;
                if sum.on_behalf_of != actor.on_behalf_of {
                    sum.on_behalf_of = None::<Personal<String>>;
                }
            }
            none => {
                *none = Some(RefusalsSuppressed {
                    actor: actor.id.as_str().to_owned(),
                    on_behalf_of: actor.on_behalf_of.clone(),
                    count: 1,
                    from: now,
                    to: now,
                });
            }
        }
        false
    }

    /// Ends the minutes that are over, or all of them; gives the sums to be recorded.
    pub(crate) fn settle(&mut self, now: Timestamp, all: bool) -> Vec<RefusalsSuppressed> {
        let mut sums = Vec::new();
        self.by_actor.retain(|_, minute| {
            let over = all || minute.started.plus_seconds(60) <= now;
            if over {
                sums.extend(minute.suppressed.take());
            }
            !over
        });
        sums
    }

    /// When the next minute with a sum is over.
    pub(crate) fn next_due(&self) -> Option<Timestamp> {
        let counting = self.by_actor.values().filter(|m| m.suppressed.is_some());
        counting.map(|minute| minute.started.plus_seconds(60)).min()
    }
}
