//! An event-sourced room state engine.
#[cfg(feature = "server")]
pub mod dialect;
pub mod domain;
pub mod store;
