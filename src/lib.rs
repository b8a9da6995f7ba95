//! An event-sourced room state engine.
pub mod domain;
pub mod store;
