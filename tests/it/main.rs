//! The one test binary: a module per topic, linked once.

// `cfg(test)` so that the lints know these helpers for tests.
#[cfg(test)]
#[cfg(feature = "sled")]
mod journal;
