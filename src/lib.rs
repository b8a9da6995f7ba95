//! An event-sourced room state engine.

pub mod audit;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "server")]
pub mod dialect;
pub mod domain;
#[cfg(feature = "engine")]
pub mod engine;
pub mod replay;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
