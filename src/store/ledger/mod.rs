//! The log on disk: the journal, which makes a commit durable before anyone is answered, and sled,
//! the indexed copy that history is read from, applied by a second thread.
//!
//! Apart from both because it alone knows that there are two: what is read from where, who heals
//! whom, and when neither may be believed. It never looks into a payload beyond where its records
//! belong. (log.md rules 9 to 12, 14, 17, 18, 20, 22.)

mod applier;
mod backup;
mod beside;
mod checkpoint;
mod convert;
mod files;
mod find;
mod handle;
mod heads;
mod heal;
mod history;
mod judge;
mod losses;
mod modes;
mod open;
mod options;
mod reader;
mod repair;
mod report;
mod scan;
mod scrub;
mod shared;
mod sort;
mod tail;
mod verify;

pub use backup::{BackupReport, backup, copy_to_new};
pub use handle::Ledger;
pub use open::OpenReport;
pub use options::{LedgerOptions, boot_id};
pub use reader::LedgerReader;
pub use repair::repair;
pub use report::{Lost, LostVersions, RepairOptions, RepairReport};
pub use verify::{Met, Problem, VerifyReport, verify};
