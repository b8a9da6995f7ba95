//! Who can read what a ledger, its backup and its restore are made of: the owner alone.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{demo, run};
use crate::served::{output, roomledger};

/// The binary, started by a shell with that umask.
fn with_umask(umask: &str) -> Command {
    let mut command = Command::new("sh");
    let script = format!("umask {umask}; exec \"$@\"");
    command.args(["-c", &script, "sh"]);
    command.arg(roomledger().get_program());
    command.stdin(Stdio::null());
    command
}

/// What others can do anything with, or its owner cannot read.
fn ill_kept(path: &Path) -> Vec<(PathBuf, String)> {
    let found = fs::symlink_metadata(path).expect("it is there");
    let mode = found.mode() & 0o7777;
    let expected = if found.is_dir() { 0o700 } else { 0o600 };
    let mut bad = Vec::new();
    if mode != expected {
        bad.push((path.to_path_buf(), format!("{mode:04o}")));
    }
    if found.is_dir() {
        for entry in fs::read_dir(path).expect("a folder") {
            bad.extend(ill_kept(&entry.expect("an entry").path()));
        }
    }
    bad
}

#[test]
fn whatever_the_umask_only_the_owner_can_read_what_is_made() {
    for umask in ["0000", "0022", "0377"] {
        let folder = tempfile::tempdir().expect("a directory");
        let at = |name: &str| folder.path().join(name);
        let (data, copy, back) = (at("above/data"), at("copy"), at("back"));
        serve_once(&data, umask);
        let commands = [
            vec![
                "backup".into(),
                "--data".into(),
                data.clone(),
                "--to".into(),
                copy.clone(),
            ],
            vec![
                "restore".into(),
                "--from".into(),
                copy.clone(),
                "--data".into(),
                back.clone(),
            ],
            vec!["demo".into(), at("demo")],
            vec!["repair".into(), "--data".into(), at("demo")],
        ];
        for words in commands {
            let (code, _, err) = output(with_umask(umask).args(&words));
            assert_eq!(code, Some(0), "{umask}, {words:?}: {err}");
        }
        assert!(data.join("webhooks").is_dir(), "it has a receiver");
        for made in [at("above"), copy, back, at("demo")] {
            assert_eq!(ill_kept(&made), [], "{umask}");
        }
    }
}

/// A server with a receiver, stopped once it serves.
fn serve_once(data: &Path, umask: &str) {
    let mut server = with_umask(umask)
        .args(["serve", "--dev", "--listen", "127.0.0.1:0"])
        .args(["--webhook", "http://127.0.0.1:9/hook", "--data"])
        .arg(data)
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    let mut lines = BufReader::new(server.stderr.take().expect("a pipe")).lines();
    let is_up = lines.any(|line| line.is_ok_and(|line| line.contains("/readyz")));
    assert!(is_up, "it serves");
    let id = server.id().to_string();
    let sent = Command::new("kill").args(["-TERM", &id]).status();
    assert!(sent.expect("kill runs").success());
    // It may not have come to its handlers yet.
    server.wait().expect("it ends");
}

#[test]
fn a_directory_that_was_open_is_closed_and_that_is_said() {
    for open in [0o755, 0o701, 0o777] {
        let folder = tempfile::tempdir().expect("a directory");
        let (data, copy) = (folder.path().join("data"), folder.path().join("copy"));
        demo(&data);
        let (from, to) = (data.display().to_string(), copy.display().to_string());
        let backup = ["backup", "--data", &from, "--to", &to];
        assert_eq!(run(&backup).0, Some(0));
        for path in [&data, &copy] {
            fs::set_permissions(path.join("HEAD"), fs::Permissions::from_mode(0o644)).expect("set");
            fs::set_permissions(path, fs::Permissions::from_mode(open)).expect("set");
        }
        // A reader changes nothing.
        assert_eq!(run(&["rooms", "--data", &from]).0, Some(0));
        assert_eq!(ill_kept(&data).len(), 2);
        let (code, _, err) = run(&["repair", "--data", &from]);
        assert_eq!(code, Some(0), "{err}");
        assert!(err.contains("was open to others"), "{err}");
        assert!(err.contains(&format!("mode {open:04o}")), "{err}");
        assert_eq!(ill_kept(&data), []);
        let (code, _, err) = run(&backup);
        assert_eq!(code, Some(0), "{err}");
        assert!(err.contains("was open to others"), "{err}");
        assert_eq!(ill_kept(&copy), []);
    }
}

#[test]
fn a_directory_that_others_share_is_refused_and_stays_as_it_is() {
    let folder = tempfile::tempdir().expect("a directory");
    let shared = folder.path().join("shared");
    fs::create_dir(&shared).expect("a directory");
    fs::write(shared.join("of somebody else"), "x").expect("written");
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).expect("set");
    let place = shared.display().to_string();
    let (code, _, err) = run(&[
        "serve",
        "--dev",
        "--listen",
        "127.0.0.1:0",
        "--data",
        &place,
    ]);
    assert_eq!(code, Some(1), "{err}");
    assert!(err.contains("chmod 0700"), "{err}");
    let mode = fs::metadata(&shared).expect("it is there").mode() & 0o7777;
    assert_eq!(mode, 0o1777);
    assert_eq!(fs::read_dir(&shared).expect("a folder").count(), 1);
}
