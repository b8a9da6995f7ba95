//! What a repair is given and what it answers. Apart because every part of a repair adds to it.

use crate::domain::RoomName;
use crate::store::caches::{LogCopy, Repaired};
use crate::store::record::Position;

/// What an operator allows a repair to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairOptions {
    /// Whether what no copy has is given up, and recorded as lost.
    pub accept_loss: bool,
    /// The copy to go on with where the two tell different histories; the other one is kept aside.
    pub continue_from: Option<LogCopy>,
}

/// What a repair found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RepairReport {
    /// What was put right from the other copy.
    pub repaired: Vec<Repaired>,
    /// What no copy has.
    pub lost: Vec<Lost>,
    /// What else was done, in words, with where the originals are kept.
    pub notes: Vec<String>,
}

/// A stretch that no copy has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The first lost position.
    pub from: Position,
    /// The last one; before the first when only a seal was lost. `None` when nothing tells.
    pub to: Option<Position>,
    /// The rooms known to have lost events there, with the versions they lack: between two
    /// events, or behind the last one.
    pub rooms: Vec<LostVersions>,
    /// Whether the chain leads over it now.
    pub is_accepted: bool,
}

/// What one stream has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostVersions {
    /// The room; `None` for the system stream.
    pub room: Option<RoomName>,
    /// The first missing version.
    pub from: u64,
    /// The last one; `None` where it was the room's last.
    pub to: Option<u64>,
}

impl RepairReport {
    /// Whether the ledger can be opened as it is now.
    pub fn is_whole(&self) -> bool {
        self.lost.iter().all(|lost| lost.is_accepted)
    }
}
