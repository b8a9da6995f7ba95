//! The demo: it makes a directory of its own, prints commands that run as they stand, and its
//! story is in the log.

use std::path::Path;

use crate::served::{output, roomledger};

fn demo(arguments: &[&str]) -> (Option<i32>, String, String) {
    output(roomledger().arg("demo").args(arguments))
}

/// The printed commands, each with the answer printed below it.
fn questions(printed: &str) -> Vec<(Vec<String>, String)> {
    printed
        .split("\n\n")
        .filter_map(|part| {
            let (_, rest) = part.split_once("\n$ roomledger ")?;
            let (command, answer) = rest.split_once('\n')?;
            let words = command.split(' ').map(str::to_owned).collect();
            Some((words, format!("{}\n", answer.trim_end())))
        })
        .collect()
}

#[test]
fn the_three_questions_are_answered_by_the_commands_as_printed() {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().join("town");
    let (code, printed, err) = demo(&[data.to_str().expect("UTF-8")]);
    assert_eq!(code, Some(0), "{err}");
    assert!(
        printed.starts_with("A town hall of 40 people, "),
        "{printed}"
    );
    let questions = questions(&printed);
    assert_eq!(questions.len(), 3, "{printed}");
    for (words, answer) in &questions {
        let (code, out, err) = output(roomledger().args(words).args(["-o", "table"]));
        assert_eq!((code, &out), (Some(0), answer), "{words:?}: {err}");
    }
    let [removed, could_speak, changed] = [0, 1, 2].map(|index| questions[index].1.as_str());
    let line = removed.lines().last().expect("an answer");
    for fact in [
        "alice",
        "mod-1",
        "went on advertising in the chat",
        "2026-11-19T14:03:55",
    ] {
        assert!(line.contains(fact), "{fact} in {line}");
    }
    let speakers: Vec<&str> = could_speak
        .lines()
        .skip(1)
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert_eq!(speakers, ["host-1", "mod-1", "priya", "tomas", "alice"]);
    for kind in [
        "permissions_changed",
        "track_mute_changed",
        "tracks_unpublished",
        "removal_requested",
        "tokens_revoked",
        "connections_closed",
        "command_refused",
    ] {
        assert!(changed.contains(kind), "{kind} in {changed}");
    }
    story(&data);
}

/// What the issue promises of the incident, read back from the log.
fn story(data: &Path) {
    let log = |arguments: &[&str]| {
        let mut command = roomledger();
        command
            .args(["log", "town-hall", "--data"])
            .arg(data)
            .args(arguments);
        let (code, out, err) = output(&mut command);
        assert_eq!(code, Some(0), "{err}");
        out
    };
    let refused = log(&["--refused"]);
    let refusals: Vec<&str> = refused.lines().collect();
    assert_eq!(refusals.len(), 2, "{refused}");
    assert!(
        refusals[0].contains("join") && refusals[0].contains("revoked"),
        "{refused}"
    );
    assert!(
        refusals[1].contains("remote unmute is not enabled"),
        "{refused}"
    );
    let removal = log(&["--kind", "removal_requested", "-o", "name"]);
    let (code, shown, _) = output(
        roomledger()
            .args([
                "show",
                &format!("#{}", removal.trim()),
                "-o",
                "json",
                "--data",
            ])
            .arg(data),
    );
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(
        (code, shown["actor"]["id"].as_str()),
        (Some(0), Some("mod-1"))
    );
    let effects = shown["effects"].as_array().expect("effects").len();
    assert_eq!(effects, 2, "the revocation and the close: {shown}");
    let (code, whole, err) = output(roomledger().args(["verify", "--data"]).arg(data));
    assert_eq!(code, Some(0), "{whole}{err}");
}

#[test]
fn the_same_seed_gives_the_same_story_and_nothing_is_overwritten() {
    let place = tempfile::tempdir().expect("a directory");
    let events = |name: &str, seed: &str| {
        let data = place.path().join(name);
        let (code, _, err) = demo(&["--seed", seed, data.to_str().expect("UTF-8")]);
        assert_eq!(code, Some(0), "{err}");
        let (_, events, _) = output(
            roomledger()
                .args(["log", "-o", "jsonl", "--data"])
                .arg(&data),
        );
        assert!(events.lines().count() > 100, "{events}");
        events
    };
    let first = events("a", "7");
    assert_eq!(events("b", "7"), first);
    assert_ne!(events("c", "8"), first);
    let (code, out, err) = demo(&[place.path().join("a").to_str().expect("UTF-8")]);
    assert_eq!((code, out.as_str()), (Some(1), ""), "{err}");
    assert!(err.contains("overwrites nothing"), "{err}");
    let here = || {
        let mut command = roomledger();
        output(
            command
                .current_dir(place.path())
                .args(["demo", "--participants", "8"]),
        )
    };
    let (first, second) = (here(), here());
    assert!(
        first.1.contains("recorded in ./roomledger-demo."),
        "{}",
        first.1
    );
    assert!(
        second.1.contains("recorded in ./roomledger-demo-2."),
        "{}",
        second.1
    );
}
