//! An event-sourced room state engine.
pub mod domain;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
