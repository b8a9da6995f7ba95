//! The README as a test: its commands run as printed, in order, in one fresh directory, and none
//! is left out without a word.
//!
//! A command block is a fence of `sh` or `console`; in a `console` fence only the lines behind
//! `$ ` are commands. What can't run here carries `<!-- not run: WHY -->` on the line before its
//! fence.

use std::fs;
use std::path::Path;
#[cfg(feature = "cli")]
use std::process::{Command, Stdio};

/// What a newcomer reads in ten minutes.
const README_LINES_MAX: usize = 250;

/// How a README names our binary: installed, or from a clone.
const OURS: &[&str] = &["roomledger ", "cargo run -- ", "cargo run --release -- "];

const NOT_RUN: &str = "<!-- not run: ";

#[derive(Debug, PartialEq)]
struct Block {
    /// Of the fence, counted from 1.
    line: usize,
    /// One complete command each.
    commands: Vec<String>,
    /// Why it isn't run.
    not_run: Option<String>,
}

#[test]
fn readme_is_short() {
    let lines = readme().lines().count();
    assert!(
        lines <= README_LINES_MAX,
        "README.md has {lines} lines of {README_LINES_MAX}"
    );
}

#[cfg(feature = "cli")]
#[test]
fn every_command_block_runs_or_says_why_not() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut ran = 0;
    for block in blocks(&readme()) {
        if block.not_run.is_some() {
            continue;
        }
        for command in &block.commands {
            assert!(
                is_ours(command),
                "README.md:{}: not marked, not ours: {command}",
                block.line
            );
            run(directory.path(), command, block.line);
            ran += 1;
        }
    }
    assert!(ran > 0, "README.md shows no command that runs");
}

#[test]
fn blocks_are_read_as_a_person_reads_them() {
    let text = "\
words\n\n<!-- not run: installs -->\n```sh\ncargo install roomledger\n```\n\
```sh\n# first\nroomledger demo \\\n  --seed 7\n\nroomledger rooms | head -n 1\n```\n\
```rust\nlet x = 1;\n```\n```console\n$ roomledger log a\n12 joined\n```\n";
    let block = |line, commands: &[&str], not_run: Option<&str>| Block {
        line,
        commands: commands
            .iter()
            .map(|command| (*command).to_owned())
            .collect(),
        not_run: not_run.map(str::to_owned),
    };
    let expected = [
        block(4, &["cargo install roomledger"], Some("installs")),
        block(
            7,
            &["roomledger demo   --seed 7", "roomledger rooms | head -n 1"],
            None,
        ),
        block(17, &["roomledger log a"], None),
    ];
    assert_eq!(blocks(text), expected);
    assert!(is_ours("cargo run -- demo") && is_ours("roomledger rooms"));
    assert!(!is_ours("cargo install roomledger") && !is_ours("rm -r x; roomledger demo"));
}

fn readme() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    fs::read_to_string(path).expect("README.md is read")
}

fn blocks(text: &str) -> Vec<Block> {
    let mut found: Vec<Block> = Vec::new();
    let mut fence: Option<&str> = None;
    let mut mark: Option<String> = None;
    let mut continued = false;
    for (number, line) in text.lines().enumerate() {
        let opened = line.trim_start().strip_prefix("```");
        match (fence, opened) {
            (None, Some(language)) => {
                fence = Some(language.trim());
                if is_shell(language.trim()) {
                    let not_run = mark.take();
                    found.push(Block {
                        line: number + 1,
                        commands: vec![],
                        not_run,
                    });
                }
            }
            (Some(_), Some(_)) => (fence, continued) = (None, false),
            (Some(language), None) if is_shell(language) => {
                if let Some(block) = found.last_mut() {
                    continued = add_line(&mut block.commands, language, line, continued);
                }
            }
            (Some(_), None) => {}
            (None, None) => {
                let why = line
                    .strip_prefix(NOT_RUN)
                    .and_then(|why| why.strip_suffix(" -->"));
                mark = why.map(str::to_owned);
            }
        }
    }
    found
}

fn is_shell(language: &str) -> bool {
    matches!(language, "sh" | "console")
}

/// Adds one line of a fence; true when the next line belongs to the same command.
fn add_line(commands: &mut Vec<String>, language: &str, line: &str, continued: bool) -> bool {
    let typed = match (language, continued) {
        ("console", false) => line.strip_prefix("$ ").unwrap_or(""),
        _ => line,
    };
    if !continued && (typed.trim().is_empty() || typed.starts_with('#')) {
        return false;
    }
    let (part, goes_on) = typed
        .strip_suffix('\\')
        .map_or((typed, false), |part| (part, true));
    match commands.last_mut() {
        Some(last) if continued => last.push_str(part),
        _ => commands.push(part.to_owned()),
    }
    goes_on
}

fn is_ours(command: &str) -> bool {
    OURS.iter().any(|start| command.starts_with(start))
}

/// Runs one command by the shell, with our binary found by name.
#[cfg(feature = "cli")]
fn run(directory: &Path, command: &str, line: usize) {
    let binary = Path::new(env!("CARGO_BIN_EXE_roomledger"));
    let folder = binary.parent().expect("a binary lies in a folder");
    let path = std::env::var("PATH").expect("a search path");
    let typed = OURS
        .iter()
        .find_map(|start| command.strip_prefix(start))
        .unwrap_or(command);
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", &format!("roomledger {typed}")])
        .env("PATH", format!("{}:{path}", folder.display()))
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .expect("bash runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "README.md:{line}: {command}: {}\n{said}",
        output.status
    );
}
