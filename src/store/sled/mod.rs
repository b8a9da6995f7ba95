//! The sled copy: the indexed second copy of the log that history is read from.
//!
//! Apart because sled 0.34.7 is no audit trail: it is contained here, checked whenever it is read,
//! and can be thrown away at any time, since the journal has everything. It decides nothing, and
//! nobody else names sled. (log.md rules 15, 16, 18, 19.)

mod block;
mod contain;
mod copy;
mod error;
mod files;
mod key;
mod recent;
mod salvage;
mod snapshot;
mod source;

pub(crate) use copy::{SledCopy, disk_bytes_for};
pub(crate) use error::CopyError;
pub(crate) use files::{move_sled_aside, sled_folder};
pub(crate) use salvage::Salvage;
pub(crate) use source::SledSource;
