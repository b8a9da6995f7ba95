//! How often a key may call: a token bucket for the application behind each key, and one for each
//! person that it gave a token, counted in time by the engine's clock.
//!
//! Apart from tokens, because it is off unless an operator asks for it; it never counts a caller
//! whose token was not verified, so nobody can use up what is another's.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use thiserror::Error;

use crate::dialect::auth::claims::Claims;
use crate::engine::Clock;

/// So many calls a second, and so many at once after a pause. Written `100/s`, or `100/s:500`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    per_second: u32,
    burst: u32,
}

impl FromStr for RateLimit {
    type Err = RateLimitError;

    fn from_str(text: &str) -> Result<Self, RateLimitError> {
        let (rate, burst) = match text.split_once(':') {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (text, None),
        };
        let number = |text: &str| match text.parse() {
            Ok(number @ 1..=CALLS_MAX) => Ok(number),
            Ok(_) | Err(_) => Err(RateLimitError),
        };
        let per_second = number(rate.strip_suffix("/s").ok_or(RateLimitError)?)?;
        let burst = burst.map_or(Ok(per_second), number)?;
        Ok(Self { per_second, burst })
    }
}

impl fmt::Display for RateLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s:{}", self.per_second, self.burst)
    }
}

/// What every key has used up.
pub struct RateLimits {
    limit: RateLimit,
    clock: Arc<dyn Clock>,
    /// When all that a caller was let in for is paid for, on the monotonic clock.
    paid: Mutex<BTreeMap<Bucket, Duration>>,
}

/// Who shares a bucket: the application behind a key, or a guest by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Bucket {
    key_id: String,
    guest: Option<String>,
}

impl RateLimits {
    /// The same limit for every key, by this clock.
    pub fn new(limit: RateLimit, clock: Arc<dyn Clock>) -> Self {
        Self {
            limit,
            clock,
            paid: Mutex::default(),
        }
    }

    /// Lets one call of this caller in. A token that somebody joins with, or that grants nothing,
    /// has a bucket for its subject: nobody in a room can use up what the application behind the
    /// key needs, nor what a moderator does.
    ///
    /// # Errors
    /// [`TooOften`] says when there is room again; the call is not counted then.
    pub fn admit(&self, claims: &Claims) -> Result<(), TooOften> {
        self.admit_to(bucket(claims))
    }

    /// Lets one call in that an application made with its key itself, or the guest of that name.
    ///
    /// # Errors
    /// As [`RateLimits::admit`].
    pub fn admit_as(&self, key_id: &str, guest: Option<&str>) -> Result<(), TooOften> {
        self.admit_to(Bucket {
            key_id: key_id.to_owned(),
            guest: guest.map(str::to_owned),
        })
    }

    fn admit_to(&self, bucket: Bucket) -> Result<(), TooOften> {
        let key_id = bucket.key_id.clone();
        let now = self.clock.monotonic();
        let cost = self.cost(1);
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = paid_by(&mut paid, bucket, now);
        let after = now.max(*paid).saturating_add(cost);
        let full = now.saturating_add(self.cost(self.limit.burst));
        if after > full {
            let wait = after.saturating_sub(full);
            // Rounded up, or the caller would come too early.
            let wait_s = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            return Err(TooOften {
                key_id,
                limit: self.limit,
                retry_after_s: u32::try_from(wait_s).unwrap_or(u32::MAX),
            });
        }
        *paid = after;
        Ok(())
    }

    /// Counts what a call brought beyond itself, as a batch does: it was let in whole, and the
    /// calls after it wait until all of it is paid for.
    pub fn charge(&self, claims: &Claims, calls: usize) {
        let calls = u32::try_from(calls).unwrap_or(u32::MAX);
        let now = self.clock.monotonic();
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        let paid = paid_by(&mut paid, bucket(claims), now);
        *paid = now.max(*paid).saturating_add(self.cost(calls));
    }

    fn cost(&self, calls: u32) -> Duration {
        let one = Duration::from_secs(1) / self.limit.per_second;
        one.saturating_mul(calls)
    }
}

impl fmt::Debug for RateLimits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RateLimits")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}

fn bucket(claims: &Claims) -> Bucket {
    let video = claims.grants.video.as_ref();
    let joins = video.is_some_and(|video| video.room_join);
    let guest = joins || !claims.may_act();
    Bucket {
        key_id: claims.key_id.clone(),
        guest: guest.then(|| claims.subject.clone().unwrap_or_default()),
    }
}

/// A bucket that is paid for need not be kept. Guests that are too many to be told apart share the
/// bucket of those without a name.
fn paid_by(
    paid: &mut BTreeMap<Bucket, Duration>,
    mut bucket: Bucket,
    now: Duration,
) -> &mut Duration {
    if paid.len() >= BUCKETS_MAX && !paid.contains_key(&bucket) {
        paid.retain(|_, until| *until > now);
        if paid.len() >= BUCKETS_MAX && bucket.guest.is_some() {
            bucket.guest = Some(String::new());
        }
    }
    paid.entry(bucket).or_default()
}

/// A key called more often than it may.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "key {key_id:?} called more often than {limit} allows, nothing was recorded: try again in \
     {retry_after_s} s"
)]
pub struct TooOften {
    /// Whose calls are too many.
    pub key_id: String,
    /// What was allowed.
    pub limit: RateLimit,
    /// When the next call may come, in seconds.
    pub retry_after_s: u32,
}

/// The text is no rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a rate is written 100/s, or 100/s:500 where 500 may come at once; each 1 to {CALLS_MAX}")]
pub struct RateLimitError;

/// More than any server answers.
const CALLS_MAX: u32 = 1_000_000;
/// Some megabytes, with the longest names.
const BUCKETS_MAX: usize = 10_000;
