//! The one test binary: a module per topic, linked once.

#[cfg(feature = "sled")]
mod journal;
