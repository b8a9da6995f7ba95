//! Intervals of presence, apart because their laws (ordered, disjoint, at most one open, inside
//! the session) are what reviewers rely on. It never decides when one starts or ends.

use serde::{Deserialize, Serialize};

use super::id::Version;
use super::time::Timestamp;

/// One stint: a presence from join to leave, by the ledger's own time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// When it opened.
    pub start: Timestamp,
    /// When it closed; `None` while open.
    pub end: Option<Timestamp>,
    /// The event that caused the end, in the room's own history.
    pub cause: Option<Version>,
}

/// The presence of one person in one session, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timelog(Vec<Interval>);

impl Timelog {
    /// Adds a stint. Stints of several connections at once are kept side by side.
    pub fn push(&mut self, interval: Interval) {
        let at = self
            .0
            .partition_point(|known| order(known) <= order(&interval));
        self.0.insert(at, interval);
    }

    /// The stints, by start.
    pub fn intervals(&self) -> &[Interval] {
        &self.0
    }

    /// Whether a stint is open.
    pub fn is_open(&self) -> bool {
        self.0.iter().any(|interval| interval.end.is_none())
    }

    /// Whether the stints are ordered and disjoint, with at most one open and that one last: what
    /// holds for every person wherever one connection replaces the other.
    pub fn is_sequential(&self) -> bool {
        self.0
            .iter()
            .all(|interval| interval.end.is_none_or(|end| interval.start <= end))
            && self.0.windows(2).all(|pair| match pair {
                [first, second] => first.end.is_some_and(|end| end <= second.start),
                _ => true,
            })
    }

    /// Microseconds of presence up to `now`, time on several connections at once counted once.
    pub fn presence_micros(&self, now: Timestamp) -> i64 {
        let mut total = 0_i64;
        let mut covered = i64::MIN;
        for interval in &self.0 {
            let end = interval.end.unwrap_or(now).micros();
            let start = interval.start.micros().max(covered);
            total = total.saturating_add(end.saturating_sub(start).max(0));
            covered = covered.max(end);
        }
        total
    }
}

/// By start, then by end, an open stint last: several may start at one moment.
fn order(interval: &Interval) -> (Timestamp, bool, Option<Timestamp>) {
    (interval.start, interval.end.is_none(), interval.end)
}
