//! An engine on a data directory, as a host wants it that has nothing to vary. Apart because it
//! alone knows a particular store; everything else here takes any.

use std::path::Path;
use std::sync::Arc;

use super::Engine;
use super::clock::{IdSource, RandomIds, SystemClock};
use super::config::EngineConfig;
use super::error::EngineError;
use crate::store::ledger::{Ledger, LedgerOptions, OpenReport, boot_id};

impl Engine {
    /// Opens the ledger below `dir`, or begins one, with the machine's clock and entropy, and an
    /// engine on it. What the store put right is recorded at this start.
    ///
    /// # Errors
    /// [`EngineError::Store`] with `Locked` when another process has it, `Refused` or `Corrupt`
    /// when it cannot be trusted, or `Io`; [`EngineError::Start`] without threads or entropy.
    pub fn open_dir(
        dir: &Path,
        mut config: EngineConfig,
    ) -> Result<(Self, OpenReport), EngineError> {
        let ids = RandomIds::new()?;
        let epoch = u64::try_from(ids.draw() >> 64).unwrap_or_default();
        let options = LedgerOptions::new(epoch, ids.draw().to_le_bytes(), boot_id());
        let (ledger, report) = Ledger::open(dir, options)?;
        config.repairs.extend(report.repairs.iter().cloned());
        let clock = Arc::new(SystemClock::new());
        let engine = Self::open(Arc::new(ledger), config, clock, Arc::new(ids))?;
        Ok((engine, report))
    }
}
