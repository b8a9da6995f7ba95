//! The log as the read commands ask for it, whichever source it comes from. Apart, so that a
//! command cannot tell a data directory from a server: both answer in the same views. Never
//! writes, never prints.

mod data;
mod reader;
mod server;

pub use data::{DataReader, failure_of};
pub use reader::{EventDetail, Reader, RoomsPage, RoomsQuery, each_event, each_room};
pub use server::ServerReader;
