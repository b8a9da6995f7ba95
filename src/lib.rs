//! roomledger

pub mod replay;

#[cfg(feature = "cli")]
pub mod cli;
