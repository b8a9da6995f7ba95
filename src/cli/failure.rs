//! How a command ends when it does not succeed: what went wrong, why, what to do next, and the
//! exit code that scripts rely on. Apart, because every command ends through it. Never prints.

use std::fmt;
use std::io;

use crate::cli::sanitize;

/// What an exit code says; the numbers are a promise to scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Done, or the reader of our output went away.
    Success = 0,
    /// The answer is "no", or something that no other code names went wrong.
    No = 1,
    /// The command line is wrong; clap's own code.
    Usage = 2,
    /// No such room, participant, position or log.
    NotFound = 3,
    /// The server refused, or could not be reached.
    Refused = 4,
    /// The log is damaged, or failed its verification.
    Damaged = 5,
    /// Another process has the log.
    InUse = 6,
}

/// Why a command did not succeed, in the words that are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong, in one line; empty when there is nothing to say.
    pub error: String,
    /// Why, where that is known.
    pub cause: Option<String>,
    /// What to do next.
    pub hint: Option<String>,
}

impl Failure {
    /// A failure with its first line.
    pub fn new(exit: Exit, error: impl Into<String>) -> Self {
        Failure {
            exit,
            error: error.into(),
            cause: None,
            hint: None,
        }
    }

    /// The same, with its cause.
    #[must_use]
    pub fn because(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// The same, with what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Whether there is anything to tell: a closed pipe and a plain "no" are silent.
    pub fn is_silent(&self) -> bool {
        self.error.is_empty()
    }

    /// A plain "no": exit code 1 and no words.
    pub fn no() -> Self {
        Failure::new(Exit::No, "")
    }

    /// Writes the `error:`, `cause:` and `hint:` lines, coloured; the stream drops the colour
    /// where there should be none.
    ///
    /// # Errors
    /// Those of `err`.
    pub fn write(&self, err: &mut dyn io::Write) -> io::Result<()> {
        writeln!(err, "{RED}error:{PLAIN} {}", sanitize::visible(&self.error))?;
        let further = [("cause", &self.cause), ("hint", &self.hint)];
        for (label, text) in further {
            if let Some(text) = text {
                writeln!(err, "{BOLD}{label}:{PLAIN} {}", sanitize::visible(text))?;
            }
        }
        Ok(())
    }
}

impl From<io::Error> for Failure {
    /// Of writing to standard output: a closed pipe is a quiet success.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::new(Exit::Success, "")
        } else {
            Failure::new(Exit::No, "cannot write the answer").because(error)
        }
    }
}

const RED: &str = "\x1b[1;31m";
const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";
