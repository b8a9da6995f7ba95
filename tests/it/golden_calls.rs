//! What each dialect answers, byte by byte: conversations in `tests/golden/<dialect>`, whose
//! answers `ROOMLEDGER_BLESS=1` writes. A change of them is a change of what clients see.
//!
//! A conversation begins with remarks (`#`) and names: `let admin = jwt({...})` is a token with
//! these claims, signed with `devkey`; `let long = n x 300` is 300 of them, each with its number
//! for a `#`. Each exchange is a line `=== what it shows`, then the request as it is sent, then
//! `--- ` with the answer. `{admin}` stands for what a name stands for; between the title and the
//! request, `let id = /pointer/into/json` names a part of the answer before. A title without a
//! request is something that happens: `advance 90` (seconds pass), `limit 1/s` (a key may call so
//! often), `the disk is full`, `the disk breaks`, `the server stops`. Ids and clock are the same in
//! each run.

mod any;
mod changed;
mod conversation;
mod dialect;
mod whole;

use std::path::{Path, PathBuf};

use conversation::Conversation;
use dialect::{Dialect, Outcome};
use roomledger::dialect::coverage::Answered;

#[test]
fn livekit_answers_as_written() {
    check(Dialect::LiveKit);
}

#[test]
fn daily_answers_as_written() {
    check(Dialect::Daily);
}

#[test]
fn videosdk_answers_as_written() {
    check(Dialect::VideoSdk);
}

/// Holds every conversation of a dialect, and looks for each of its calls in them.
fn check(dialect: Dialect) {
    let mut shown: Vec<Outcome> = Vec::new();
    for (path, written) in written(dialect) {
        let held = Conversation::new().hold(&written, |_, _, exchange| {
            shown.extend(exchange.outcome(dialect));
        });
        if std::env::var_os("ROOMLEDGER_BLESS").is_some() {
            std::fs::write(&path, held).unwrap();
        } else if let Err(differs) = similar(&written, &held) {
            let name = path.display();
            panic!("{name}:{differs}\nROOMLEDGER_BLESS=1 writes what is answered");
        }
    }
    for (call, answered) in dialect.calls() {
        let statuses = shown.iter().filter(|it| it.call == call);
        let statuses: Vec<u16> = statuses.map(|it| it.status).collect();
        let is_done = answered != Answered::NeedsMedia;
        assert_eq!(statuses.contains(&200), is_done, "{call}: {statuses:?}");
        assert_eq!(statuses.contains(&501), !is_done, "{call}: {statuses:?}");
    }
}

/// A dialect's conversations, with where they are.
fn written(dialect: Dialect) -> Vec<(PathBuf, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(dialect.name());
    let files = std::fs::read_dir(&folder).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{}: nothing there", folder.display());
    let read = |path: PathBuf| {
        let text = std::fs::read_to_string(&path).unwrap();
        (path, text)
    };
    paths.into_iter().map(read).collect()
}

/// # Errors
/// The first line that differs, by its number from 1.
fn similar(written: &str, held: &str) -> Result<(), String> {
    let lines = written.lines().zip(held.lines()).enumerate();
    for (at, (written, held)) in lines {
        if written != held {
            return Err(format!("{}\nwritten: {written}\nanswered: {held}", at + 1));
        }
    }
    let (written, held) = (written.lines().count(), held.lines().count());
    let same = (written == held).then_some(());
    same.ok_or_else(|| format!("{written} lines are written, {held} answered"))
}
