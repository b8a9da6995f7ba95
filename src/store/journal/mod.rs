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
mod fit;
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
mod put_aside;
mod reader;
mod rebuild;
mod recover;
mod rehead;
mod scan;
mod segment;
mod shared;
mod survey;
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
pub(crate) use self::layout::SEGMENT_FILE_BYTES_MAX;
pub use self::options::Options;
pub use self::put_aside::set_aside;
pub use self::reader::{Frames, JournalReader, ReaderEnd};
pub use self::rebuild::rebuild;
pub use self::recover::{Recovery, Repair, RepairKind};
pub use self::rehead::{
    HeadFound, NewHead, SegmentFound, has_frames, has_head, head_fault, head_found, is_one_history,
    segments_found, write_head_anew,
};
