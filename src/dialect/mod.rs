//! The vendors' admin APIs and who may call them: wire in, wire out. Apart, because vendor words
//! live only here; it never touches the store.

pub mod auth;
pub mod body;
pub mod body_memory;
pub mod caller;
pub mod catalogue;
pub mod coverage;
pub mod daily;
pub mod javascript;
pub mod join_token;
pub mod json;
pub mod ledger;
pub mod livekit;
pub mod metrics;
pub mod no_outcome;
pub mod path;
mod pieces;
pub mod reach;
pub mod recorded;
pub mod urlencoded;
pub mod videosdk;
pub mod written;
