//! Where a command writes, and what it may know about the outside. Apart, so that tests and `demo`
//! can stand in for a terminal. Never decides what is written.

use std::io::Write;

/// The two streams of a command.
pub struct Terminal<'a> {
    /// Answers.
    pub out: &'a mut dyn Write,
    /// Status, warnings and failures.
    pub err: &'a mut dyn Write,
    /// Whether `out` is one.
    pub is_terminal: bool,
}
