//! The commands of `roomledger`: they ask the engine, the log or a server, and show the answer.
//! Apart, because the terminal, the arguments and the exit codes are nobody else's business.
//! Never decides, never folds: what is true comes from `replay/` and `engine/`.

pub mod args;
pub mod failure;
pub mod http;
pub mod output;
pub mod position;
pub mod sanitize;
pub mod source;
pub mod sse;
pub mod token;
pub mod zone;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use clap::{CommandFactory, Parser};

use crate::cli::args::{Cli, Color, Command};
use crate::cli::failure::{Exit, Failure};

/// Where a command writes, and what it may know about the outside.
pub struct Terminal<'a> {
    /// Answers.
    pub out: &'a mut dyn Write,
    /// Status, warnings and failures.
    pub err: &'a mut dyn Write,
    /// Whether `out` is one.
    pub is_terminal: bool,
}

/// Runs the command line of this process and gives its exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // With nobody to read the help, the exit code is all that is left to say.
            let _ = error.print();
            return exit_code(u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8));
        }
    };
    let choice = match cli.color {
        Color::Auto => ColorChoice::Auto,
        Color::Always => ColorChoice::Always,
        Color::Never => ColorChoice::Never,
    };
    choice.write_global();
    let is_terminal = io::stdout().is_terminal();
    let mut out = BufWriter::new(AutoStream::auto(io::stdout().lock()));
    let mut err = AutoStream::auto(io::stderr());
    let mut terminal = Terminal {
        out: &mut out,
        err: &mut err,
        is_terminal,
    };
    let ended = run(&cli.command, &mut terminal).and_then(|()| Ok(terminal.out.flush()?));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_silent() {
                // What was found before the failure is part of the answer.
                let _ = out.flush();
                let _ = failure.write(&mut err);
            }
            exit_code(failure.exit as u8)
        }
    }
}

/// Runs one command.
///
/// # Errors
/// [`Failure`], as each command says.
pub fn run(command: &Command, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    match command {
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "roomledger", &mut script);
            Ok(terminal.out.write_all(&script)?)
        }
        Command::Serve(_)
        | Command::Demo(_)
        | Command::Token(_)
        | Command::Rooms(_)
        | Command::Log(_)
        | Command::Show(_)
        | Command::State(_)
        | Command::Participants(_)
        | Command::Who(_)
        | Command::Sessions(_)
        | Command::Verify(_) => Err(Failure::new(Exit::No, "not built yet")),
    }
}

fn exit_code(code: u8) -> ExitCode {
    ExitCode::from(code)
}
