//! The one test binary: a module per topic, linked once.

#[cfg(feature = "cli")]
mod cli_http;
#[cfg(feature = "cli")]
mod cli_output;
mod cli_position;
#[cfg(feature = "cli")]
mod cli_run;
