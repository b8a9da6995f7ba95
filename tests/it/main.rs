//! The one test binary: a module per topic, linked once.

// Clippy lets helpers of tests panic, unwrap and index only under this attribute.
#![cfg(test)]

#[cfg(feature = "cli")]
mod cli_http;
#[cfg(feature = "cli")]
mod cli_output;
mod cli_position;
#[cfg(feature = "cli")]
mod cli_run;
mod readme;
mod tidy;
