//! From a command line to the command: which log, which zone, which form. Apart from the process,
//! so that `demo` and tests run commands as a shell would.

use std::path::Path;
use std::sync::Arc;

use clap::{CommandFactory, Parser};

use crate::cli::args::{Cli, ClockCommand, Command, KeysCommand, ReadArgs, ShowAs};
use crate::cli::commands::{self, Asking};
use crate::cli::demo::demo;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::Format;
use crate::cli::read::{DataReader, Reader, ServerReader, failure_of};
use crate::cli::sanitize;
use crate::cli::serve::serve;
use crate::cli::source::Source;
use crate::cli::terminal::Terminal;
use crate::cli::token::{self, Key};
use crate::cli::zone::TimeFormat;
use crate::domain::Timestamp;
use crate::engine::{Clock, SystemClock};
use crate::store::ledger::LedgerReader;

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
        Command::Serve(args) => serve(args, terminal),
        Command::Demo(args) => demo(args, terminal, &mut run_words),
        Command::Token(args) => token::token(args, now_us(), terminal),
        Command::Rooms(args) => ask(&args.read, terminal, |asking, out| {
            commands::rooms(args, asking, out)
        }),
        Command::Log(args) => ask(&args.read, terminal, |asking, out| {
            commands::log(args, asking, out)
        }),
        Command::Show(args) => ask(&args.read, terminal, |asking, out| {
            commands::show(args, asking, out)
        }),
        Command::State(args) => ask(&args.read, terminal, |asking, out| {
            commands::state(args, asking, out)
        }),
        Command::Participants(args) => ask(&args.read, terminal, |asking, out| {
            commands::participants(args, asking, out)
        }),
        Command::Who(args) => ask(&args.read, terminal, |asking, out| {
            commands::who(args, asking, out)
        }),
        Command::Sessions(args) => ask(&args.read, terminal, |asking, out| {
            commands::sessions(args, asking, out)
        }),
        Command::Verify(args) => {
            exists(&args.data)?;
            let format = format_of(&args.show, terminal);
            commands::verify(args, format, terminal)
        }
        Command::Repair(args) => {
            exists(&args.data)?;
            let format = format_of(&args.show, terminal);
            commands::repair(args, format, terminal)
        }
        Command::Backup(args) => {
            exists(&args.data)?;
            let format = format_of(&args.show, terminal);
            commands::backup(args, format, terminal)
        }
        Command::Clock(ClockCommand::Release(args)) => {
            let key = Key::of_environment()?;
            let bearer = || key.operating(now_us());
            let format = format_of(&args.operated.show, terminal);
            commands::release(&args.operated.server, &bearer, format, terminal)
        }
        Command::Keys(command) => keys(command, terminal),
        Command::Restore(args) => {
            exists(&args.from)?;
            let format = format_of(&args.show, terminal);
            commands::restore(args, format, terminal)
        }
    }
}

fn keys(command: &KeysCommand, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let key = Key::of_environment()?;
    let bearer = || key.operating(now_us());
    match command {
        KeysCommand::Revoke(args) => {
            let format = format_of(&args.operated.show, terminal);
            commands::revoke(args, now_us(), &bearer, format, terminal)
        }
        KeysCommand::Lift(args) => {
            let format = format_of(&args.operated.show, terminal);
            commands::lift(args, &bearer, format, terminal)
        }
    }
}

/// Runs a command line as a shell would.
fn run_words(words: &[String], terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let cli = Cli::try_parse_from(words);
    let cli = cli.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    run(&cli.command, terminal)
}

/// Opens the log that is asked for and puts the question.
fn ask(
    read: &ReadArgs,
    terminal: &mut Terminal<'_>,
    question: impl FnOnce(&Asking<'_>, &mut Terminal<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let times = TimeFormat::new(read.show.time, read.show.tz.as_deref(), now_us())?;
    let format = format_of(&read.show, terminal);
    let put = |reader: &dyn Reader, terminal: &mut Terminal<'_>| {
        let asking = Asking {
            reader,
            times: &times,
            format,
        };
        question(&asking, terminal)
    };
    match Source::find(read) {
        Source::Data(data) => {
            let (reader, warnings) = open(&data)?;
            for warning in warnings {
                writeln!(terminal.err, "note: {}", sanitize::visible(&warning))?;
            }
            put(&reader, terminal)
        }
        Source::Server(base) => {
            let key = Key::of_environment()?;
            let bearer = || key.reading(now_us());
            put(&ServerReader::new(&base, &bearer)?, terminal)
        }
    }
}

/// Opens a data directory for reading, and tells what to know of its end.
fn open(data: &Path) -> Result<(DataReader, Vec<String>), Failure> {
    exists(data)?;
    let place = data.display().to_string();
    let told = |error| failure_of(&error, &place);
    let reader = LedgerReader::open(data).map_err(told)?;
    let warnings = reader.warnings().map_err(told)?;
    let reader = DataReader::new(Arc::new(reader), place.as_str());
    let now = Timestamp::from_micros(now_us());
    Ok((reader.with_present(now), warnings))
}

/// Whether there is a ledger, however damaged.
fn exists(data: &Path) -> Result<(), Failure> {
    let is_there = |name: &&str| data.join(name).symlink_metadata().is_ok();
    if TRACES.iter().any(is_there) {
        return Ok(());
    }
    let failure = Failure::new(Exit::NotFound, format!("no ledger in '{}'", data.display()));
    Err(failure.hint("name the directory of 'serve --data' with --data, or a server with --server"))
}

fn format_of(show: &ShowAs, terminal: &Terminal<'_>) -> Format {
    let asked = if show.json {
        Some(Format::Json)
    } else {
        show.output
    };
    Format::or_default(asked, terminal.is_terminal)
}

fn now_us() -> i64 {
    SystemClock::new().wall().micros()
}

/// What is left of a ledger, however damaged: each tells of one, alone as well.
const TRACES: [&str; 4] = ["HEAD", "journal", "db", "checkpoint"];
