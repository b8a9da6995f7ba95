//! The store: where commits are kept.
#[cfg(feature = "sled")]
pub mod journal;
