//! Data directories that a stranger prepared, or that were left open: nothing outside of them is
//! touched, nothing in them is waited for, and what they hold is nobody else's.

mod files;
mod modes;
mod ranges;

use std::path::Path;
use std::process::{Command, Stdio};

use crate::served::{output, roomledger};

/// A ledger with a small history, stopped.
fn demo(data: &Path) {
    let place = data.display().to_string();
    let (code, _, err) = output(roomledger().args(["demo", &place, "--participants", "8"]));
    assert_eq!(code, Some(0), "{err}");
}

/// Runs a command line; one that hangs is ended, with 124 for its exit code.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let binary = roomledger();
    let mut command = Command::new("timeout");
    command.args(["--kill-after=5", "60"]).stdin(Stdio::null());
    command.arg(binary.get_program()).args(arguments);
    for (name, _) in binary.get_envs() {
        command.env_remove(name);
    }
    output(&mut command)
}

/// Runs a line of [`COMMANDS`] on a directory.
fn run_line(line: &str, data: &Path) -> (Option<i32>, String, String) {
    let copy = data.with_extension("copy");
    let place = |word| match word {
        "DATA" => data.display().to_string(),
        "COPY" => copy.display().to_string(),
        other => other.to_owned(),
    };
    let words: Vec<String> = line.split(' ').map(place).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run(&words)
}

/// Every command that reads a directory, and those that begin by reading it.
const COMMANDS: &[&str] = &[
    "rooms --data DATA",
    "log --data DATA",
    "log --target p-1 --data DATA",
    "state town-hall --data DATA",
    "participants town-hall --data DATA",
    "sessions town-hall --data DATA",
    "who town-hall --can publish --data DATA",
    "who town-hall --removed --data DATA",
    "verify --data DATA",
    "backup --data DATA --to COPY",
    "serve --dev --listen 127.0.0.1:0 --data DATA",
];
