//! What a run is told, and how it opens the ledger. Apart so that `load` and `check` open alike.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use roomledger::engine::{Engine, EngineConfig, EngineError, IdSource, RandomIds, SystemClock};
use roomledger::store::journal::RealDisk;
use roomledger::store::ledger::{Ledger, LedgerOptions, OpenReport, boot_id};

use super::Fallible;
use super::disk::Unsynced;

/// The options, each `--name value`; see the fields.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// The data directory.
    pub(crate) data: PathBuf,
    /// Where acknowledgements are written: outside of what is cut.
    pub(crate) acks: PathBuf,
    /// How much of that file counts for a check.
    pub(crate) acks_bytes: u64,
    /// Number of the first caller, and how many there are.
    pub(crate) first_caller: u64,
    pub(crate) callers: u64,
    /// Size of the metadata in a command.
    pub(crate) bytes: usize,
    /// Commands of each caller; without end by default.
    pub(crate) commands: u64,
    /// What all callers together may write in a second.
    pub(crate) rate_kib: u64,
    /// Size of a segment of the journal.
    pub(crate) segment_kib: u64,
    /// Free space below which commands are refused.
    pub(crate) reserve_kib: u64,
    /// Events between snapshots of a room, and between checkpoints.
    pub(crate) snapshot_events: u64,
    pub(crate) checkpoint_events: u64,
    /// Leaves fdatasync of the journal out, to show that the rig sees it.
    pub(crate) unsynced: bool,
    /// How long a soak lasts, in how many rooms, and how many commands a second it gives.
    pub(crate) seconds: u64,
    pub(crate) rooms: u64,
    pub(crate) commands_per_second: u64,
    /// Outcomes kept for repeats: what makes memory grow until there are so many.
    pub(crate) outcomes: usize,
    /// How long an open waits for the indexed copy.
    pub(crate) open_wait: Duration,
}

impl Options {
    pub(crate) fn parse(mut words: impl Iterator<Item = String>) -> Fallible<Self> {
        let config = EngineConfig::default();
        let mut options = Self {
            data: PathBuf::new(),
            acks: PathBuf::new(),
            acks_bytes: u64::MAX,
            first_caller: 0,
            callers: 1,
            bytes: 120,
            commands: u64::MAX,
            rate_kib: u64::MAX,
            segment_kib: 64 << 10,
            reserve_kib: 16 << 10,
            snapshot_events: config.snapshot_events,
            checkpoint_events: config.checkpoint_events,
            unsynced: false,
            seconds: 60,
            rooms: 10_000,
            commands_per_second: 1_000,
            outcomes: config.outcomes_max,
            open_wait: LedgerOptions::new(0, [0; 16], String::new()).open_wait,
        };
        while let Some(name) = words.next() {
            if name == "--unsynced" {
                options.unsynced = true;
                continue;
            }
            let value = words.next().ok_or(format!("{name} needs a value"))?;
            let number = || value.parse::<u64>();
            match name.as_str() {
                "--data" => options.data = value.into(),
                "--acks" => options.acks = value.into(),
                "--acks-bytes" => options.acks_bytes = number()?,
                "--first-caller" => options.first_caller = number()?,
                "--callers" => options.callers = number()?,
                "--bytes" => options.bytes = value.parse()?,
                "--commands" => options.commands = number()?,
                "--rate-kib" => options.rate_kib = number()?,
                "--segment-kib" => options.segment_kib = number()?,
                "--reserve-kib" => options.reserve_kib = number()?,
                "--snapshot-events" => options.snapshot_events = number()?,
                "--checkpoint-events" => options.checkpoint_events = number()?,
                "--seconds" => options.seconds = number()?,
                "--rooms" => options.rooms = number()?,
                "--commands-per-second" => options.commands_per_second = number()?,
                "--outcomes" => options.outcomes = value.parse()?,
                _ => return Err(format!("no option {name}").into()),
            }
        }
        Ok(options)
    }

    /// The ledger and an engine on it, as a server opens them but for sizes.
    ///
    /// # Errors
    /// Why it does not open.
    pub(crate) fn open(&self) -> Result<(Engine, OpenReport), EngineError> {
        let ids = RandomIds::new()?;
        let epoch = u64::try_from(ids.draw() >> 64).unwrap_or_default();
        let mut options = LedgerOptions::new(epoch, ids.draw().to_le_bytes(), boot_id());
        options.segment_bytes = self.segment_kib << 10;
        let fits = u32::try_from(options.segment_bytes / 2).unwrap_or(u32::MAX);
        options.frame_bytes_max = options.frame_bytes_max.min(fits);
        options.reserve_bytes = self.reserve_kib << 10;
        options.read_wait = READ_WAIT;
        options.open_wait = self.open_wait;
        if self.unsynced {
            options.disk = Arc::new(Unsynced(RealDisk));
        }
        let (ledger, report) = Ledger::open(&self.data, options)?;
        let config = EngineConfig {
            repairs: report.repairs.clone(),
            snapshot_events: self.snapshot_events,
            checkpoint_events: self.checkpoint_events,
            outcomes_max: self.outcomes,
            outcomes_min: EngineConfig::default().outcomes_min.min(self.outcomes),
            ..EngineConfig::default()
        };
        let clock = Arc::new(SystemClock::new());
        let engine = Engine::open(Arc::new(ledger), config, clock, Arc::new(ids))?;
        Ok((engine, report))
    }
}

/// A rebuild of the indexed copy on a busy machine must not look like a failure to read.
pub(crate) const READ_WAIT: Duration = Duration::from_secs(60);
