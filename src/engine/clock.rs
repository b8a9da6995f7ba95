//! The only file that reads a clock or draws entropy: everywhere else both are arguments.
//!
//! Time in a process is the wall clock at open plus the monotonic clock (log.md rule 21): the
//! ledger's time neither jumps nor goes back. A wall clock that jumps pauses timers alone.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::error::EngineError;
use crate::domain::{Digest, Timestamp};

/// Where an engine reads the time.
pub trait Clock: Send + Sync {
    /// What the wall clock says.
    fn wall(&self) -> Timestamp;

    /// Time since a fixed moment, never going back.
    fn monotonic(&self) -> Duration;

    /// How long to sleep until `left` has passed on this clock; `None` when only a wake-up can
    /// tell, as on a clock that a test moves by hand.
    fn sleep_for(&self, left: Duration) -> Option<Duration> {
        Some(left)
    }
}

/// Where an engine draws the bits that ids are made of.
pub trait IdSource: Send + Sync {
    /// 128 bits that were not drawn before.
    fn draw(&self) -> u128;
}

/// The machine's clocks.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// Starts its monotonic time at 0.
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads a clock"
    )]
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
        }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads a clock"
    )]
    fn wall(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Timestamp::from_micros(since.map_or(0, micros))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock {
    wall_micros: AtomicI64,
    monotonic_micros: AtomicU64,
}

impl ManualClock {
    /// Stands at `wall`.
    pub fn new(wall: Timestamp) -> Self {
        Self {
            wall_micros: AtomicI64::new(wall.micros()),
            monotonic_micros: AtomicU64::new(0),
        }
    }

    /// Lets time pass, on both clocks.
    pub fn advance(&self, by: Duration) {
        self.wall_micros.fetch_add(micros(by), Ordering::SeqCst);
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        self.monotonic_micros.fetch_add(by, Ordering::SeqCst);
    }

    /// Sets the wall clock alone, as somebody with the right to do so might.
    pub fn set_wall(&self, wall: Timestamp) {
        self.wall_micros.store(wall.micros(), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> Timestamp {
        Timestamp::from_micros(self.wall_micros.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_micros(self.monotonic_micros.load(Ordering::SeqCst))
    }

    fn sleep_for(&self, _: Duration) -> Option<Duration> {
        None
    }
}

/// Ids from the operating system's entropy: one secret at the start, hashed with a counter.
#[derive(Debug)]
pub struct RandomIds {
    seed: [u8; 32],
    drawn: AtomicU64,
}

impl RandomIds {
    /// Draws the secret.
    ///
    /// # Errors
    /// [`EngineError::Start`] when the operating system has no entropy.
    pub fn new() -> Result<Self, EngineError> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(|error| EngineError::Start {
            problem: format!("no entropy: {error}"),
        })?;
        Ok(Self {
            seed,
            drawn: AtomicU64::new(0),
        })
    }
}

impl IdSource for RandomIds {
    fn draw(&self) -> u128 {
        hashed(&self.seed, self.drawn.fetch_add(1, Ordering::Relaxed))
    }
}

/// Ids that are the same in every run.
#[derive(Debug)]
pub struct SeededIds {
    seed: [u8; 32],
    drawn: AtomicU64,
}

impl SeededIds {
    /// The sequence of that seed.
    pub fn new(seed: u64) -> Self {
        Self {
            seed: Digest::of(&seed.to_le_bytes()).0,
            drawn: AtomicU64::new(0),
        }
    }
}

impl IdSource for SeededIds {
    fn draw(&self) -> u128 {
        hashed(&self.seed, self.drawn.fetch_add(1, Ordering::Relaxed))
    }
}

/// The ledger's time, made of a clock's readings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LedgerTime {
    /// The ledger's time at the monotonic moment `anchored`.
    anchor: Timestamp,
    anchored: Duration,
    /// By how much the wall may be off the ledger's time without anybody minding.
    trusted_drift: i64,
    hold: Option<Hold>,
    jump_max: i64,
}

/// One look at the clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The ledger's time.
    pub(crate) now: Timestamp,
    /// What the wall clock says.
    pub(crate) wall: Timestamp,
    /// Whether timers began or ceased to rest with this look.
    pub(crate) change: Option<HoldChange>,
}

/// Timers began or ceased to rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HoldChange {
    Held,
    Released { by_operator: bool },
}

/// The state of an engine's clock, for operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClockState {
    /// The ledger's time: what events are recorded with.
    pub now: Timestamp,
    /// What the wall clock says.
    pub wall: Timestamp,
    /// Why timers rest; `None` while they run.
    pub held: Option<Held>,
}

/// A clock that is not trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Whether ten steady minutes end it. A wall clock that is more than a day ahead waits for an
    /// operator.
    pub releases_itself: bool,
}

#[derive(Clone, Copy, Debug)]
struct Hold {
    /// The wall clock less the ledger's time, when it last jumped.
    drift: i64,
    steady_since: Duration,
    recorded: bool,
}

impl Hold {
    const fn releases_itself(&self) -> bool {
        self.drift <= FORWARD_MICROS_MAX
    }
}

impl LedgerTime {
    /// Starts after a log whose last record is of `last`, and at whose end the clock `was_held`.
    /// What is too far ahead of the log is no time to go on with: the ledger's time then goes on
    /// from `last`.
    pub(crate) fn start(
        clock: &dyn Clock,
        (last, was_held): (Timestamp, bool),
        jump_max: Duration,
    ) -> Self {
        let wall = clock.wall();
        let jump_max = micros(jump_max);
        let since = wall.micros().saturating_sub(last.micros());
        let fresh = last == Timestamp::EPOCH;
        let ahead_max = if was_held {
            FORWARD_MICROS_MAX
        } else {
            ABSENCE_MICROS_MAX
        };
        let is_ahead = since > ahead_max;
        let suspicious = !fresh && (is_ahead || since < -jump_max);
        let anchored = clock.monotonic();
        let anchor = if suspicious && is_ahead {
            last
        } else {
            wall.max(last)
        };
        let drift = wall.micros().saturating_sub(anchor.micros());
        Self {
            anchor,
            anchored,
            trusted_drift: drift,
            hold: suspicious.then_some(Hold {
                drift,
                steady_since: anchored,
                recorded: false,
            }),
            jump_max,
        }
    }

    /// Whether timers rest.
    pub(crate) const fn is_held(&self) -> bool {
        self.hold.is_some()
    }

    /// What operators see of it.
    pub(crate) fn state(&self, clock: &dyn Clock) -> ClockState {
        ClockState {
            now: self.now(clock),
            wall: clock.wall(),
            held: self.hold.map(|hold| Held {
                releases_itself: hold.releases_itself(),
            }),
        }
    }

    /// The ledger's time.
    pub(crate) fn now(&self, clock: &dyn Clock) -> Timestamp {
        self.at(clock.monotonic())
    }

    /// Reads the clock, and finds out whether it is to be trusted.
    pub(crate) fn read(&mut self, clock: &dyn Clock) -> Reading {
        let wall = clock.wall();
        let monotonic = clock.monotonic();
        let now = self.at(monotonic);
        let drift = wall.micros().saturating_sub(now.micros());
        let change = match &mut self.hold {
            None if off(drift, self.trusted_drift) > self.jump_max => {
                self.hold = Some(Hold {
                    drift,
                    steady_since: monotonic,
                    recorded: true,
                });
                Some(HoldChange::Held)
            }
            Some(hold) if !hold.recorded => {
                hold.recorded = true;
                Some(HoldChange::Held)
            }
            Some(hold) if off(drift, hold.drift) > STEADY_MICROS => {
                hold.drift = drift;
                hold.steady_since = monotonic;
                None
            }
            Some(hold)
                if hold.releases_itself()
                    && monotonic.saturating_sub(hold.steady_since) >= STEADY_FOR =>
            {
                return self.release(clock, false);
            }
            None | Some(_) => None,
        };
        Reading { now, wall, change }
    }

    /// Trusts the wall clock again; the ledger's time follows it forward, never back.
    pub(crate) fn release(&mut self, clock: &dyn Clock, by_operator: bool) -> Reading {
        let wall = clock.wall();
        let monotonic = clock.monotonic();
        self.anchor = self.at(monotonic).max(wall);
        self.anchored = monotonic;
        self.trusted_drift = wall.micros().saturating_sub(self.anchor.micros());
        let change = self.hold.take();
        Reading {
            now: self.anchor,
            wall,
            change: change.map(|_| HoldChange::Released { by_operator }),
        }
    }

    fn at(&self, monotonic: Duration) -> Timestamp {
        let passed = micros(monotonic.saturating_sub(self.anchored));
        Timestamp::from_micros(self.anchor.micros().saturating_add(passed))
    }
}

/// The time of a record after one of `last`, where a program that is no engine writes it.
#[cfg(feature = "sled")]
pub(crate) fn goes_on(wall: Timestamp, last: Timestamp) -> Timestamp {
    if wall.micros().saturating_sub(last.micros()) > ABSENCE_MICROS_MAX {
        last
    } else {
        wall.max(last)
    }
}

fn hashed(seed: &[u8; 32], number: u64) -> u128 {
    let mut bytes = [0; 40];
    let (front, back) = bytes.split_at_mut(32);
    front.copy_from_slice(seed);
    back.copy_from_slice(&number.to_le_bytes());
    let digest = Digest::of(&bytes).0;
    digest
        .iter()
        .take(16)
        .fold(0, |id, byte| id << 8 | u128::from(*byte))
}

fn off(one: i64, other: i64) -> i64 {
    one.saturating_sub(other).saturating_abs()
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// Ten minutes in which the wall clock goes on evenly are trusted (log.md rule 21).
const STEADY_FOR: Duration = Duration::from_secs(600);
/// Evenly: NTP slews by at most 500 ppm, 0.3 s in ten minutes.
const STEADY_MICROS: i64 = 1_000_000;
/// A wall clock that jumped farther ahead than this is trusted by an operator alone: no correction
/// is as large, and to follow it would end every idle session (log.md rule 21).
const FORWARD_MICROS_MAX: i64 = DAY_MICROS;
/// A ledger may rest for a week without doubt about the wall clock at its next start. One that
/// rested longer goes on from its last record, and waits for an operator.
const ABSENCE_MICROS_MAX: i64 = 7 * DAY_MICROS;
const DAY_MICROS: i64 = 24 * 60 * 60 * 1_000_000;
