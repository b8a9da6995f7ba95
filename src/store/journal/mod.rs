//! The journal: durable before answered, and never silently shorter.
//!
//! Apart from sled because each of the two copies heals the other. It knows bytes only: what a
//! payload means is decided elsewhere. (log.md rules 1 to 8, 10, 11, 14 and 20.)
mod accept;
mod aside;
mod backup;
mod chain;
mod check;
mod disk;
mod error;
mod footer;
mod frame;
mod handle;
mod head;
mod heal;
mod hole;
mod layout;
mod lock;
mod options;
mod prepare;
mod reader;
mod recover;
mod rehead;
mod scan;
mod segment;
mod shared;
mod survey;
mod trim;
mod writer;

pub use self::accept::Bridged;
pub use self::aside::Aside;
pub use self::backup::{Copied, backup};
pub(crate) use self::chain::Gap;
pub use self::check::{CheckReport, Finding, check};
pub use self::disk::{Disk, DiskFile, RealDisk};
pub use self::error::{Damage, JournalError};
pub use self::frame::{Fault, Frame, FrameHeader, FrameKind, Hash, Link, short_hex};
pub use self::handle::{HeadKeeper, Journal};
pub use self::heal::FrameSource;
pub(crate) use self::heal::Mended;
pub use self::layout::Place;
pub use self::options::Options;
pub use self::reader::{Frames, JournalReader, ReaderEnd};
pub use self::recover::{Recovery, Repair, RepairKind};
pub use self::rehead::{NewHead, has_head, head_fault, log_of_segments, write_head_anew};
