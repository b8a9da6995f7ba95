//! roomledger

#[cfg(feature = "server")]
pub mod dialect;
