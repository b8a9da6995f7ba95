//! What a ledger holds that was recorded over HTTP, as the binary shows it from either source.

use std::path::Path;
use std::process::Command;

use roomledger::domain::Digest;
use serde_json::{Value, json};

use crate::served::{Caller, Served, output, roomledger};

/// A command line over both sources.
fn over_both(line: &str, served: &Served, data: &Path) -> [Command; 2] {
    let asked = || {
        let mut command = roomledger();
        command
            .args(line.split(' '))
            .env("LIVEKIT_API_KEY", "devkey")
            .env("LIVEKIT_API_SECRET", "secret");
        command
    };
    let (mut remote, mut local) = (asked(), asked());
    remote.args(["--server", &served.url]);
    local.arg("--data").arg(data);
    [remote, local]
}

/// A server whose history can be read, and who asks it.
fn serve(data: &Path) -> (Served, Caller) {
    let served = Served::dev(data);
    let caller = Caller::new(&served.url);
    caller.await_history();
    (served, caller)
}

/// What is posted, and the position of what it made durable.
#[track_caller]
fn post(caller: &Caller, path: &str, body: &Value, status: u16) -> u64 {
    let path = format!("/api/v1/rooms/{path}");
    let id = Digest::of(body.to_string().as_bytes()).to_string();
    let answer = caller.post(&path, &id, body).expect("an answer");
    assert_eq!(answer.status, status, "{body}: {answer:?}");
    answer.position.expect("a position")
}

#[test]
fn a_time_beyond_what_can_be_written_is_refused_and_nothing_is_poisoned() {
    let place = tempfile::tempdir().expect("a directory");
    let (served, caller) = serve(place.path());
    let join = json!({ "identity": "alice", "occurred_at": "9999-12-31T23:59:59-12:00" });
    post(&caller, "town/joins", &join, 400);
    let ban = json!({ "command": "ban", "identity": "bob", "until": "0000-01-01T00:00:00+12:00" });
    post(&caller, "town/commands", &ban, 400);
    let last = json!({ "command": "ban", "identity": "bob", "until": "9999-12-31T23:59:59Z" });
    let create = json!({ "command": "create_room" });
    post(&caller, "hall/commands", &create, 200);
    post(&caller, "hall/commands", &last, 200);
    for line in ["state hall", "log -n 9"] {
        for mut command in over_both(line, &served, place.path()) {
            let (code, _, err) = output(&mut command);
            assert_eq!(code, Some(0), "{line}: {err}");
        }
    }
}

#[test]
fn a_moment_of_a_session_needs_one() {
    let place = tempfile::tempdir().expect("a directory");
    let (served, caller) = serve(place.path());
    let create = json!({ "command": "create_room" });
    post(&caller, "quiet/commands", &create, 200);
    for line in [
        "state quiet --at start+5m",
        "participants quiet --at end-30s",
        "who quiet --present --at start",
    ] {
        for mut command in over_both(line, &served, place.path()) {
            let (code, out, err) = output(&mut command);
            assert_eq!((code, out.as_str()), (Some(2), ""), "{line}: {err}");
            assert!(err.contains("needs a session"), "{line}: {err}");
        }
    }
    for mut command in over_both("state nowhere --at start+5m", &served, place.path()) {
        assert_eq!(output(&mut command).0, Some(3));
    }
    for (path, status) in [
        ("quiet?at=start%2B5m", 400),
        ("quiet/participants/alice?at=end-30s", 400),
        ("nowhere?at=start%2B5m", 404),
    ] {
        let answer = caller.get(&format!("/api/v1/rooms/{path}"));
        assert_eq!(answer.expect("an answer").status, status, "{path}");
    }
}

#[test]
fn effects_that_stand_before_their_cause_are_shown_with_it() {
    let place = tempfile::tempdir().expect("a directory");
    let (served, caller) = serve(place.path());
    let join = json!({ "identity": "alice", "connection": "c1" });
    post(&caller, "town/joins", &join, 201);
    let track = json!({ "type": "audio", "source": "microphone" });
    post(&caller, "town/connections/c1/tracks", &track, 201);
    let left = post(&caller, "town/connections/c1/leave", &json!({}), 200);
    let unpublished = left - 1;
    for (line, effects) in [
        (format!("show {left} --json"), json!([unpublished])),
        (format!("show {unpublished} --json"), json!([])),
    ] {
        for mut command in over_both(&line, &served, place.path()) {
            let (code, out, err) = output(&mut command);
            assert_eq!(code, Some(0), "{err}");
            let shown: Value = serde_json::from_str(&out).expect("JSON");
            assert_eq!(shown["effects"], effects, "{line}: {shown:#}");
        }
    }
}

/// The eye takes one for the other: each is written so that it does not, and the log says so.
#[test]
fn names_that_look_alike_are_flagged_in_the_log() {
    let place = tempfile::tempdir().expect("a directory");
    let (served, caller) = serve(place.path());
    let names = [
        ("alice", None),
        ("ali\u{200d}ce", Some("invisible characters")),
        ("\u{430}lice", Some("look-alike letters")),
        ("alice\u{a0}", Some("unusual spaces")),
        ("alic\u{e9}", None),
        ("alice\u{301}", Some("combining marks")),
    ];
    for (name, _) in names {
        post(&caller, "hall/joins", &json!({ "identity": name }), 201);
    }
    for mut command in over_both("log hall --kind connection_opened", &served, place.path()) {
        let (code, out, err) = output(&mut command);
        assert_eq!(code, Some(0), "{err}");
        assert_eq!(out.lines().count(), names.len(), "{out}");
        for (line, (name, oddity)) in out.lines().zip(names) {
            let flag = oddity.map(|oddity| format!("[look twice: {oddity}]"));
            let is_flagged = flag
                .as_ref()
                .map_or(!line.contains("look twice"), |it| line.contains(it));
            assert!(is_flagged, "{name:?}: {line}");
            assert_eq!(line.contains(name), oddity.is_none(), "{name:?}: {line}");
        }
    }
}
