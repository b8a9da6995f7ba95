//! An operator who does what the messages say, on the way to a ledger that opens.

use std::path::Path;

use clap::Parser as _;
use roomledger::cli::args::{Cli, Command, RepairArgs};
use roomledger::cli::commands::{repair_options, tell_repair};
use roomledger::cli::failure::Failure;
use roomledger::cli::output::Format;
use roomledger::cli::read::failure_of;
use roomledger::cli::terminal::Terminal;
use roomledger::domain::Timestamp;
use roomledger::engine::repair;
use roomledger::store::Position;
use roomledger::store::ledger::{Ledger, OpenReport, RepairReport};

use super::options;

/// All that an operator is told on the way to a ledger that opens, and how far they came.
pub(super) struct Way {
    pub(super) said: String,
    pub(super) commands: u32,
}

impl Way {
    pub(super) fn new() -> Self {
        Self {
            said: String::new(),
            commands: 0,
        }
    }

    /// Does what the messages say until the ledger opens.
    /// `prefers` is the copy to go on with where a choice is left: `db` or `journal`.
    pub(super) fn follow(dir: &Path, case: &str, prefers: &str) -> (Self, Ledger, OpenReport) {
        let mut way = Self::new();
        let place = dir.display().to_string();
        loop {
            let refused = match Ledger::open(dir, options()) {
                Ok((ledger, report)) => return (way, ledger, report),
                Err(error) => failure_of(&error, &place),
            };
            let mut refused = Some(refused);
            while let Some(failure) = refused {
                let text = text_of(&failure);
                way.said.push_str(&text);
                way.commands += 1;
                assert!(way.commands <= COMMANDS_MAX, "{case}: no end: {}", way.said);
                if let Some(link) = removed_in(&text) {
                    assert!(Path::new(link).starts_with(dir), "{case}: {}", way.said);
                    std::fs::remove_file(link).expect("removed");
                    break;
                }
                let words = command_in(&text, dir, prefers);
                let words = words.unwrap_or_else(|| panic!("{case}: no command: {}", way.said));
                refused = way.run(dir, &words);
            }
        }
    }

    /// Runs a repair; gives its failure.
    pub(super) fn run(&mut self, dir: &Path, words: &[String]) -> Option<Failure> {
        let args = arguments(words);
        let report = repair(dir, options(), repair_options(&args), Timestamp::EPOCH);
        let lost = report.as_ref().map(lost_of).unwrap_or_default();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut terminal = Terminal {
            out: &mut out,
            err: &mut err,
            is_terminal: false,
        };
        let told = tell_repair(&args, report, Format::Tsv, &mut terminal);
        for text in [out, err] {
            self.said.push_str(&String::from_utf8_lossy(&text));
        }
        self.said.push_str(&lost);
        told.err()
    }

    /// Whether the words name the position among those that are lost.
    pub(super) fn names(&self, position: Position) -> bool {
        let words: Vec<&str> = self.said.split_whitespace().collect();
        words.windows(3).any(|words| {
            let number = |word: &str| {
                let digits = word.trim_matches(|it: char| !it.is_ascii_digit());
                digits.parse::<u64>().ok()
            };
            let [from, "to", to] = words else {
                return false;
            };
            let (from, to) = (number(from), number(to));
            from.zip(to)
                .is_some_and(|(from, to)| (from..=to).contains(&position.0))
        })
    }
}

fn lost_of(report: &RepairReport) -> String {
    let lost = report.lost.iter().map(|lost| {
        let to = lost.to.unwrap_or(lost.from);
        format!(" positions {} to {to} ", lost.from)
    });
    lost.collect::<Vec<_>>().join(" ")
}

pub(super) fn text_of(failure: &Failure) -> String {
    let rest = [&failure.cause, &failure.hint].into_iter().flatten();
    let mut text = failure.error.clone();
    for line in rest {
        text.push('\n');
        text.push_str(line);
    }
    text.push('\n');
    text
}

/// What a message says to remove: a link in the place of LOCK, which is never followed.
fn removed_in(text: &str) -> Option<&str> {
    text.split_once("remove it: `rm ")?.1.split('`').next()
}

/// The repair that a message names, the first one where nothing is to be chosen, with the directory
/// where it leaves it out.
fn command_in(text: &str, dir: &Path, prefers: &str) -> Option<Vec<String>> {
    let choice = format!("--continue-from {prefers}");
    let mut commands = text.split("roomledger repair").skip(1);
    let first = commands.clone().next()?;
    let rest = commands.find(|it| it.contains(&choice)).unwrap_or(first);
    let end = rest.find(['`', '\'', '\n']).unwrap_or(rest.len());
    let mut words: Vec<String> = vec!["roomledger".to_owned(), "repair".to_owned()];
    words.extend(rest[..end].split_whitespace().map(str::to_owned));
    if !words.contains(&"--data".to_owned()) {
        words.extend(["--data".to_owned(), dir.display().to_string()]);
    }
    Some(words)
}

fn arguments(words: &[String]) -> RepairArgs {
    let cli = Cli::try_parse_from(words).unwrap_or_else(|error| panic!("{words:?}: {error}"));
    let Command::Repair(args) = cli.command else {
        panic!("a repair, not {words:?}");
    };
    args
}

/// A repair, one with what the first one asked for, and one more for what that found.
const COMMANDS_MAX: u32 = 4;
