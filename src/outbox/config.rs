//! The outbox's settings. Apart because each bound stands here once, with its reason. It never
//! holds a secret.

use std::time::Duration;

use crate::store::Position;

/// Whom to tell, and how patiently.
#[derive(Clone, Debug)]
pub struct OutboxConfig {
    /// Their addresses, `http://` or `https://`.
    pub receivers: Vec<String>,
    /// Where a receiver without a good cursor begins: after this position. `None`: at the log's
    /// end, since the whole history would come unexpected; a damaged cursor is refused then.
    pub from: Option<Position>,
    /// For one attempt, from the look-up of the name to the head of the answer. Longer than any
    /// sensible receiver takes; a hanging one costs a slot for as long.
    pub attempt_max: Duration,
    /// Before the second attempt; doubled each time, and spread by up to a half.
    pub wait_min: Duration,
    /// Before any attempt: a receiver that comes back hears of everything within about a minute.
    pub wait_max: Duration,
    /// Between writes of a cursor: what is sent again after a kill is at most about as old.
    pub save_every: Duration,
}

impl Default for OutboxConfig {
    fn default() -> Self {
        Self {
            receivers: Vec::new(),
            from: None,
            attempt_max: Duration::from_secs(10),
            wait_min: Duration::from_millis(500),
            wait_max: Duration::from_secs(60),
            save_every: Duration::from_secs(1),
        }
    }
}
