//! The read commands: each asks a [`Reader`] and writes the answer. Apart from where the log is, so
//! that every one of them answers the same over a data directory and over a server.
//!
//! [`Reader`]: crate::cli::read::Reader

mod asking;
mod backup;
mod changes;
mod clock;
mod keys;
mod log;
mod near;
mod people;
mod permission;
mod repair;
mod rooms;
mod sessions;
mod show;
mod state;
mod verify;
mod who;

pub use asking::Asking;
pub use backup::{backup, restore};
pub use clock::release;
pub use keys::{lift, revoke};
pub use log::log;
pub use people::participants;
pub use repair::{repair, repair_options, tell_repair};
pub use rooms::rooms;
pub use sessions::sessions;
pub use show::show;
pub use state::state;
pub use verify::verify;
pub use who::who;
