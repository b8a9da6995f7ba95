//! The commands of `roomledger`: they ask the engine, the log or a server, and show the answer.
//! Apart, because the terminal, the arguments and the exit codes are nobody else's business.
//! Never decides, never folds: what is true comes from `replay/` and `engine/`.

pub mod args;
pub mod certificate;
pub mod commands;
pub mod demo;
pub mod failure;
pub mod http;
pub mod letters;
pub mod output;
pub mod position;
pub mod private;
pub mod read;
pub mod run;
pub mod sanitize;
mod secrets;
pub mod serve;
pub mod size;
pub mod source;
pub mod sse;
pub mod terminal;
pub mod token;
pub mod zone;

use std::io::{self, BufWriter, IsTerminal, Write};
use std::process::ExitCode;

use anstream::{AutoStream, ColorChoice};
use clap::Parser;

use crate::cli::args::{Cli, Color};
use crate::cli::failure::Exit;
use crate::cli::terminal::Terminal;
use crate::store::make_all_private;

/// Runs the command line of this process and gives its exit code.
pub fn main() -> ExitCode {
    make_all_private();
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
    let ended = run::run(&cli.command, &mut terminal).and_then(|()| Ok(terminal.out.flush()?));
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

fn exit_code(code: u8) -> ExitCode {
    ExitCode::from(code)
}
