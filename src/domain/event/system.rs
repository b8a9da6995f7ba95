//! Facts of the ledger itself, in the system stream: starts, stops, the clock, repairs.
//!
//! Apart because they belong to no room. Positions may stand in these events alone.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::digest::Digest;
use crate::domain::event::RoomConfig;
use crate::domain::id::RoomName;
use crate::domain::personal::Personal;
use crate::domain::time::Timestamp;

/// The engine opened the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineStarted {
    /// Name and version of the program.
    pub software: String,
    /// The rules that its decisions follow.
    pub ruleset: u16,
    /// Digest of the effective configuration, without secrets.
    pub config_digest: Digest,
    /// The ids of the API keys it accepts.
    pub key_ids: Vec<String>,
    /// Whether the log had been closed in order.
    pub clean: bool,
}

/// The engine closed the log in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineStopped {}

/// The wall clock jumped beyond the bound: timers rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockHeld {
    /// What the wall clock says.
    pub wall: Timestamp,
    /// Where the ledger's time stands.
    pub held_at: Timestamp,
}

/// The clock is trusted again: timers run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockReleased {
    /// Whether an operator said so, rather than ten steady minutes.
    pub by_operator: bool,
}

/// The server's defaults for new rooms differ from those of the last start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DefaultsChanged {
    /// The defaults as recorded last; `None` at the first start.
    pub before: Option<Arc<RoomConfig>>,
    /// The defaults from now on.
    pub config: Arc<RoomConfig>,
}

/// Tokens of an API key are believed no more: one, or all that were issued before a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiTokensRevoked {
    /// The id of the key.
    pub key: String,
    /// The one token, by its id (`jti`) as a tag that only the key's secret makes of it.
    pub tag: Option<Digest>,
    /// Tokens issued before this moment.
    pub before: Option<Timestamp>,
}

/// Tokens of an API key that were revoked are believed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiTokenRevocationLifted {
    /// The id of the key.
    pub key: String,
    /// The one token, by the tag of its id; `None` for all of the key.
    pub tag: Option<Digest>,
}

/// The API keys were read anew while the server runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeysChanged {
    /// The ids of the keys that are accepted from now on.
    pub key_ids: Vec<String>,
    /// Those of them that are new.
    pub added: Vec<String>,
    /// Those that are accepted no more.
    pub removed: Vec<String>,
    /// Those whose secret or limits are others now.
    pub changed: Vec<String>,
}

/// Refusals of one actor that were counted instead of recorded one by one: one event when counting
/// begins, more as the sum grows, and one when it ends. Each holds all that was counted so far.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalsSuppressed {
    /// The actor's id.
    pub actor: Personal<String>,
    /// The id of the key that the calls came with.
    pub key: Option<String>,
    /// The person behind the calls, where one was named, and the same in all.
    pub on_behalf_of: Option<Personal<String>>,
    /// What was counted.
    pub counts: Vec<RefusalCount>,
    /// When the first was counted.
    pub from: Timestamp,
    /// When the last was counted.
    pub to: Timestamp,
    /// Whether counting is over.
    pub ended: bool,
}

/// Refusals that have room, call and code in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalCount {
    /// The room that was named; `None` where there were too many to tell apart.
    pub room: Option<RoomName>,
    /// The call in the dialect's own words; `None` where there were too many to tell apart.
    pub call: Option<String>,
    /// The reason that decided the answer.
    pub code: String,
    /// How many.
    pub count: u64,
}

impl RefusalsSuppressed {
    /// What was counted of a room; `None` where nothing was. Readers of one room learn nothing of
    /// others.
    pub fn part_about(&self, room: &RoomName) -> Option<Self> {
        let counts = self.counts.iter();
        let own = counts.filter(|counted| counted.room.as_ref() == Some(room));
        let counts: Vec<RefusalCount> = own.cloned().collect();
        (!counts.is_empty()).then(|| Self {
            counts,
            ..self.clone()
        })
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        let counts = self.counts.iter().map(|counted| counted.count);
        counts.fold(0, u64::saturating_add)
    }
}

/// A damaged stretch of one copy was restored from the other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryRepaired {
    /// First restored position.
    pub from: u64,
    /// Last restored position.
    pub to: u64,
    /// The copy that was damaged: `journal` or `sled`; `backup` when all was restored from one.
    pub copy: String,
}

/// An operator accepted that a stretch is gone from both copies.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LossAccepted {
    /// First lost position.
    pub from: u64,
    /// Last lost position.
    pub to: u64,
    /// What was damaged.
    pub copy: String,
}
