//! The binary as scripts meet it: exit codes, which stream says what, and help for every command.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use roomledger::cli::args::ReadArgs;
use roomledger::cli::source::Source;

pub(crate) fn roomledger(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomledger"));
    command.args(arguments).stdin(Stdio::null());
    for variable in [
        "ROOMLEDGER_SERVER",
        "ROOMLEDGER_DATA",
        "LIVEKIT_API_KEY",
        "LIVEKIT_API_SECRET",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(variable);
    }
    command
}

fn output(arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = roomledger(arguments).output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn every_command_has_help_on_stdout() {
    let (code, help, _) = output(&["--help"]);
    assert_eq!(code, Some(0));
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert_eq!(commands.len(), 18, "{help}");
    for command in commands.iter().filter(|command| **command != "help") {
        let (code, help, err) = output(&[command, "--help"]);
        assert_eq!((code, err.as_str()), (Some(0), ""), "{command}");
        assert!(help.contains("Usage: roomledger"), "{help}");
    }
}

#[test]
fn a_wrong_command_line_exits_with_two_and_says_so_on_stderr() {
    let cases: &[&[&str]] = &[
        &[],
        &["lgo"],
        &["log", "--sinse", "1m ago"],
        &["log", ""],
        &["log", "--actor", ""],
        &["log", "--target", ""],
        &["log", "--kind", ""],
        &["log", "--since", ""],
        &["log", "--until", ""],
        &["rooms", "--prefix", ""],
        &["who", "", "--removed"],
        &["state", "r", "--at", ""],
        &["log", "--data", "d", "--server", "http://localhost:1"],
        &["log", "--json", "-o", "csv"],
        &["show"],
        &["who", "town"],
        &["who", "town", "--present", "--removed"],
        &["who", "town", "--can", "fly"],
        &["who", "town", "--can", "publish:cam"],
        &["token"],
        &["token", "--join", "--room", "town"],
        &["token", "--admin"],
        &["token", "--audit", "--dev", "--room", ""],
        &[
            "token",
            "--join",
            "--dev",
            "--room",
            "town",
            "--identity",
            "",
        ],
        &["token", "--audit", "--ttl", "soon"],
        &["serve"],
        &["serve", "--dev", "--listen", "7880"],
        &["demo", "--participants", "7"],
        &["demo", "--participants", "100001"],
    ];
    for arguments in cases {
        let (code, out, err) = output(arguments);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{arguments:?}");
        assert!(!err.is_empty(), "{arguments:?}");
    }
}

#[test]
fn completions_exist_and_a_closed_pipe_is_no_failure() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, script, _) = output(&["completions", shell]);
        assert_eq!(code, Some(0), "{shell}");
        assert!(script.contains("participants"), "{shell}");
        let mut child = roomledger(&["completions", shell])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        drop(child.stdout.take());
        let Output { status, stderr, .. } = child.wait_with_output().expect("it ends");
        assert_eq!(
            (status.code(), stderr.as_slice()),
            (Some(0), &b""[..]),
            "{shell}"
        );
    }
}

#[test]
fn a_flag_names_the_source_before_anything_else() {
    let read = |data: Option<&str>, server: Option<&str>| ReadArgs {
        data: data.map(Into::into),
        server: server.map(Into::into),
        show: roomledger::cli::args::ShowAs {
            output: None,
            json: false,
            time: None,
            tz: None,
        },
    };
    let server = Source::Server("http://a".to_owned());
    let data = Source::Data(Path::new("d").to_owned());
    assert_eq!(Source::find(&read(None, Some("http://a"))), server);
    assert_eq!(Source::find(&read(Some("d"), None)), data);
}
