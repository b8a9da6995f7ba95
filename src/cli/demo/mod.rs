//! `roomledger demo`: a town hall with an incident, recorded in a new directory, then three
//! questions with the commands that answer them and their answers. Apart, because it is the one
//! command that makes things up; it never touches a directory that is there already.

mod cast;
mod questions;
mod stage;
mod story;

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cli::args::DemoArgs;
use crate::cli::demo::stage::Stage;
use crate::cli::failure::{Exit, Failure};
use crate::cli::read::failure_of;
use crate::cli::terminal::Terminal;
use crate::engine::{IdSource, SeededIds};
use crate::store::EventStore;
use crate::store::ledger::{Ledger, LedgerOptions, boot_id};

pub use questions::Question;

/// Runs a question of the demo as a shell would, and writes its answer.
pub type Runner<'a> = &'a mut dyn FnMut(&[String], &mut Terminal<'_>) -> Result<(), Failure>;

/// Records the town hall, then asks; `run` answers a command line.
///
/// # Errors
/// `No` when the directory is there already or cannot be made; what the ledger or a question say.
pub fn demo(args: &DemoArgs, terminal: &mut Terminal<'_>, run: Runner<'_>) -> Result<(), Failure> {
    let directory = make(args.directory.as_deref())?;
    let place = directory.display().to_string();
    let people = args.participants;
    writeln!(
        terminal.err,
        "recording a town hall of {people} in {place} ..."
    )?;
    let (questions, events) = record(&directory, args)?;
    let town = format!("A town hall of {people} people, {events} events, is recorded in {place}.");
    writeln!(terminal.out, "{town}")?;
    // What a terminal shows, also where the demo is read through a pipe.
    let mut terminal = Terminal {
        out: &mut *terminal.out,
        err: &mut *terminal.err,
        is_terminal: true,
    };
    let terminal = &mut terminal;
    for (number, question) in (1..).zip(&questions) {
        let words = question.words(&place);
        writeln!(terminal.out, "\n{BOLD}{number}. {}{PLAIN}", question.text)?;
        writeln!(terminal.out, "$ {}", shell(&words))?;
        run(&words, terminal)?;
    }
    let show = vec![
        "roomledger".to_owned(),
        "log".to_owned(),
        "town-hall".to_owned(),
    ];
    let all = shell(&[show, vec!["--data".to_owned(), place]].concat());
    Ok(writeln!(terminal.out, "\nAll of it: {all}")?)
}

/// A directory of our own: the one that was named, or the first free name.
fn make(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let refused = |directory: &Path, error: &io::Error| {
        let failure = Failure::new(Exit::No, format!("cannot make '{}'", directory.display()));
        if error.kind() == io::ErrorKind::AlreadyExists {
            return failure
                .because("it is there already, and the demo overwrites nothing")
                .hint("name another directory, or none");
        }
        failure.because(error)
    };
    if let Some(directory) = named {
        let made = create(directory);
        return made
            .map(|()| directory.to_path_buf())
            .map_err(|error| refused(directory, &error));
    }
    let numbered = (2..=NAMES_MAX).map(|number| format!("{DIRECTORY}-{number}"));
    for name in std::iter::once(DIRECTORY.to_owned()).chain(numbered) {
        let directory = PathBuf::from(name);
        match create(&directory) {
            Ok(()) => return Ok(directory),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(refused(&directory, &error)),
        }
    }
    let failure = Failure::new(
        Exit::No,
        format!("{DIRECTORY} to {DIRECTORY}-{NAMES_MAX} exist"),
    );
    Err(failure.hint("remove some, or name a directory: roomledger demo DIR"))
}

/// Makes a directory that its owner alone can enter.
fn create(directory: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(directory)
}

/// Records the story through the engine, and closes the ledger.
fn record(directory: &Path, args: &DemoArgs) -> Result<(Vec<Question>, u64), Failure> {
    let place = directory.display().to_string();
    let told = |error| failure_of(&error, &place);
    let ids = Arc::new(SeededIds::new(args.seed));
    let [epoch, ..] = ids.draw().to_be_bytes();
    let options = LedgerOptions {
        segment_bytes: SEGMENT_BYTES,
        frame_bytes_max: FRAME_BYTES_MAX,
        ..LedgerOptions::new(u64::from(epoch), ids.draw().to_be_bytes(), boot_id())
    };
    let (ledger, _) = Ledger::open(directory, options).map_err(told)?;
    let ledger: Arc<dyn EventStore> = Arc::new(ledger);
    let stage = Stage::open(Arc::clone(&ledger), ids)?;
    let questions = story::play(&stage, args.participants, args.seed)?;
    stage.close()?;
    Ok((questions, ledger.head().position.0))
}

/// Words as a shell takes them.
fn shell(words: &[String]) -> String {
    let quoted = words.iter().map(|word| {
        let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@=+".contains(letter);
        if word.chars().all(is_plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

const DIRECTORY: &str = "./roomledger-demo";

/// Whoever has so many of them wants to hear of it.
const NAMES_MAX: u32 = 99;

/// A demo is small, and its disk space is somebody else's: a segment is zeroed ahead.
const SEGMENT_BYTES: u64 = 4 * 1024 * 1024;
const FRAME_BYTES_MAX: u32 = 2 * 1024 * 1024;

const BOLD: &str = "\x1b[1m";
const PLAIN: &str = "\x1b[0m";
