//! The engine's settings. Apart because each bound stands here once, with its reason. It never
//! holds a secret.

use std::time::Duration;

use super::rules::Rules;
use crate::domain::{Defaults, Digest};
use crate::store::Repaired;

/// How an engine behaves, and what it says of itself in the log.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Name and version of the program, recorded at every start.
    pub software: String,
    /// The server's own settings: what a room gets that says nothing of its own.
    pub defaults: Defaults,
    /// Digest of the effective configuration, recorded at every start.
    pub config_digest: Digest,
    /// The ids of the accepted API keys, recorded at every start.
    pub key_ids: Vec<String>,
    /// What the store healed while it opened, recorded at this start.
    pub repairs: Vec<Repaired>,
    /// Commands that may wait for the writer; more are refused as overload. 16,384 is sixteen
    /// rounds of 1,024 callers, a tenth of a second of work.
    pub queue_max: usize,
    /// Bytes of requests that may wait for the writer: what 64 of the largest batches hold.
    pub queue_bytes_max: u64,
    /// Bytes of requests after which a batch closes (log.md rule 2).
    pub batch_bytes_max: u64,
    /// Commands after which a batch closes: four rounds of 1,024 callers. More would make the
    /// first wait for the last without making the sync cheaper.
    pub batch_commands_max: usize,
    /// Threads that read history for async callers: three, of which one caller has two at most.
    pub reader_threads: usize,
    /// Threads that read what the answers to commands need; as many, for the same reason.
    pub answer_threads: usize,
    /// Reads that may wait for either kind of thread, and a quarter of them of one caller; more
    /// are refused as overload.
    pub reads_max: usize,
    /// Rooms without an open session that stay in memory, the last written first.
    pub idle_rooms_max: usize,
    /// Events after which a checkpoint is taken, unless more outcomes are kept: opening folds at
    /// most about as many again, in a tenth of a second.
    pub checkpoint_events: u64,
    /// Events of a room after which a snapshot is taken, unless it knows more people: looking
    /// back reads at most as many, in about two milliseconds. Half as many took nearly as long.
    pub snapshot_events: u64,
    /// Bytes of the latest records kept for subscribers; who falls farther behind reads the log.
    pub tail_bytes_max: u64,
    /// Outcomes kept at most (log.md rule 13).
    pub outcomes_max: usize,
    /// Outcomes kept however old they are (log.md rule 13).
    pub outcomes_min: usize,
    /// How long outcomes are kept in seconds, within the two bounds (log.md rule 13).
    pub outcomes_s: u32,
    /// Refusals of one actor recorded one by one in a minute, a tenth of them of one call on one
    /// target; the rest of that minute is summed.
    pub refusals_per_minute_max: u32,
    /// A wall clock that jumps farther than this pauses timers (log.md rule 21). Five minutes: more
    /// than any correction by NTP, less than the shortest timeout that would hurt.
    pub clock_jump_max: Duration,
    /// The rules; anything but the default is for tests of the engine itself.
    pub rules: Rules,
}

impl Default for EngineConfig {
    fn default() -> Self {
        Self {
            software: concat!("roomledger ", env!("CARGO_PKG_VERSION")).to_owned(),
            defaults: Defaults::default(),
            config_digest: Digest::of(&[]),
            key_ids: Vec::new(),
            repairs: Vec::new(),
            queue_max: 16_384,
            queue_bytes_max: 64 * MIB,
            batch_bytes_max: MIB,
            batch_commands_max: 4_096,
            reader_threads: 3,
            answer_threads: 3,
            reads_max: 4_096,
            idle_rooms_max: 10_000,
            checkpoint_events: 250_000,
            snapshot_events: 500,
            tail_bytes_max: 16 * MIB,
            outcomes_max: 1_000_000,
            outcomes_min: 100_000,
            outcomes_s: 24 * 60 * 60,
            refusals_per_minute_max: 600,
            clock_jump_max: Duration::from_secs(300),
            rules: Rules::default(),
        }
    }
}

const MIB: u64 = 1024 * 1024;
