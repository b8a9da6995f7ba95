//! What an engine counts of itself while it runs. Apart because operators watch it and nothing
//! depends on it: figures are never read back, and name no room and nobody.

use std::sync::atomic::{AtomicU64, Ordering};

/// Figures since the engine was opened.
#[derive(Debug)]
pub struct Figures {
    /// Microseconds from a batch's decision until it was durable: encoded, written, synced.
    pub commit_us: Histogram,
    /// Events in each commit.
    pub commit_events: Histogram,
    /// Commands that wait for the writer.
    pub waiting: Count,
    /// Commands that were turned away because too many waited.
    pub overloaded: Count,
    /// Commands that the rules refused.
    pub refused: Count,
    /// Commands that had their outcome already.
    pub repeated: Count,
    /// Stretches of a copy of the log that were bad and were restored from the other.
    pub repaired: Count,
    /// Stretches of a copy of the log that are bad.
    pub damaged: Count,
    /// Subscriptions that are open.
    pub subscriptions: Count,
}

impl Default for Figures {
    fn default() -> Self {
        Self {
            commit_us: Histogram::new(LATENCY_US),
            commit_events: Histogram::new(COMMIT_EVENTS),
            waiting: Count::default(),
            overloaded: Count::default(),
            refused: Count::default(),
            repeated: Count::default(),
            repaired: Count::default(),
            damaged: Count::default(),
            subscriptions: Count::default(),
        }
    }
}

/// A number that is counted up, and down where it counts what is there now.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less.
    pub fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// The number.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often values were up to each of some bounds.
#[derive(Debug)]
pub struct Histogram {
    bounds: &'static [u64],
    /// One for each bound, and one for what is beyond.
    counts: Vec<AtomicU64>,
    sum: AtomicU64,
}

impl Histogram {
    /// Counts nothing yet. The bounds rise.
    pub fn new(bounds: &'static [u64]) -> Self {
        let counts = std::iter::repeat_with(AtomicU64::default);
        Self {
            bounds,
            counts: counts.take(bounds.len() + 1).collect(),
            sum: AtomicU64::new(0),
        }
    }

    /// Counts a value.
    pub fn observe(&self, value: u64) {
        let at = self.bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get(at) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sum.fetch_add(value, Ordering::Relaxed);
    }

    /// Each bound with how many values were up to it; the last is that of all.
    pub fn cumulative(&self) -> Vec<(Option<u64>, u64)> {
        let bounds = self.bounds.iter().copied().map(Some).chain([None]);
        let mut total = 0;
        let counted = bounds.zip(&self.counts).map(|(bound, count)| {
            total += count.load(Ordering::Relaxed);
            (bound, total)
        });
        counted.collect()
    }

    /// All values added up.
    pub fn sum(&self) -> u64 {
        self.sum.load(Ordering::Relaxed)
    }
}

/// Bounds of latencies in microseconds: from a read in memory to a disk that is in trouble.
pub const LATENCY_US: &[u64] = &[
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 10_000_000,
];

/// Bounds of the events in a commit: from one to a full batch.
const COMMIT_EVENTS: &[u64] = &[1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500];
