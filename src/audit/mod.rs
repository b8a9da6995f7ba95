//! Hashes over bytes: what makes a change of history visible.
//!
//! Apart because proofs must be checkable without the ledger: bytes in, hashes out. Nothing here
//! knows an event, a frame or a disk.

mod chain;

pub use chain::{CHAIN_START, ChainHash, chain};
