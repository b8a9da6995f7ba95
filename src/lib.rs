//! roomledger

pub mod replay;
