//! The one test binary: a module per topic, linked once.
// Clippy lets helpers of tests panic, unwrap and index only under this attribute.
#![cfg(test)]

mod readme;
mod tidy;
