//! roomledger

pub mod store;
