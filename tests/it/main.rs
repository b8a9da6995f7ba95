//! The one test binary: a module per topic, linked once.

mod cli_position;
