//! `repair`, `backup` and `restore` as an operator meets them: what they say, on which stream, and
//! with which exit code.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use roomledger::domain::Digest;
use serde_json::Value;

fn roomledger(arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomledger"));
    command.args(arguments);
    for variable in ["ROOMLEDGER_SERVER", "ROOMLEDGER_DATA", "CLICOLOR_FORCE"] {
        command.env_remove(variable);
    }
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    (status.code(), text(stdout), text(stderr))
}

fn json(arguments: &[&str]) -> Value {
    let (code, out, err) = roomledger(arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {out}{err}");
    serde_json::from_str(&out).expect("JSON")
}

fn damage(data: &Path, offset: u64) {
    let path = data.join("journal/00000001.seg");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(path)
        .expect("opens");
    // More than a seal, which a slow machine puts between any two commits and which holds no event.
    file.write_all_at(&[0x5a; 512], offset).expect("written");
}

#[test]
fn an_operator_repairs_backs_up_and_restores() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let data = path("data");
    let (code, _, err) = roomledger(&["demo", &data, "--participants", "8"]);
    assert_eq!(code, Some(0), "{err}");

    let (code, out, err) = roomledger(&["repair", "--data", &data]);
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
    assert!(err.contains("nothing to repair"), "{err}");

    // One copy is damaged: healed, and said.
    damage(Path::new(&data), 9_000);
    let (code, _, err) = roomledger(&["verify", "--data", &data]);
    assert_eq!(code, Some(5), "{err}");
    assert!(err.contains("roomledger repair"), "{err}");
    let done = json(&["repair", "--data", &data, "--json"]);
    assert_eq!(done[0]["copy"], "journal", "{done}");
    assert_eq!(done[0]["done"], "healed from the indexed copy", "{done}");
    let verified = json(&["verify", "--data", &data, "--sled", "--json"]);
    assert_eq!(
        verified["repaired"].as_array().map(Vec::len),
        Some(1),
        "{verified}"
    );

    // Both are: refused by name, until the loss is accepted.
    damage(Path::new(&data), 9_000);
    fs::remove_dir_all(Path::new(&data).join("db")).expect("removed");
    fs::remove_dir_all(Path::new(&data).join("aside")).expect("removed");
    let (code, out, err) = roomledger(&["repair", "--data", &data]);
    assert_eq!(code, Some(5), "{out}{err}");
    assert!(
        err.contains("in no copy") && err.contains("--accept-loss"),
        "{err}"
    );
    assert!(out.contains("town-hall"), "the rooms are named: {out}");
    let accepted = json(&["repair", "--data", &data, "--accept-loss", "--json"]);
    let done: Vec<&Value> = accepted.as_array().expect("rows").iter().collect();
    assert!(
        done.iter().any(|row| row["done"] == "recorded as lost"),
        "{accepted}"
    );
    let verified = json(&["verify", "--data", &data, "--sled", "--json"]);
    assert_eq!(
        verified["lost"].as_array().map(Vec::len),
        Some(1),
        "{verified}"
    );
    assert_eq!(verified["incomplete_rooms"][0], "town-hall", "{verified}");
    assert_eq!(verified["whole"], true, "{verified}");
    let (code, out, err) = roomledger(&["log", "town-hall", "--data", &data]);
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("incomplete"), "the room says so: {out}");

    // What is known is shown, what is not is refused: the room after the loss.
    let (code, _, err) = roomledger(&["state", "town-hall", "--data", &data]);
    assert_eq!(code, Some(5), "{err}");
    assert!(err.contains("events of it were lost"), "{err}");
    let before = ["state", "town-hall", "--at", "#20", "--data", &data];
    assert_eq!(roomledger(&before).0, Some(0));
    assert_eq!(roomledger(&["rooms", "--data", &data]).0, Some(0));
    backs_up_and_restores(folder.path(), &data, &verified);
}

fn backs_up_and_restores(folder: &Path, data: &str, verified: &Value) {
    let path = |name: &str| folder.join(name).display().to_string();
    let (kept, fresh) = (path("kept"), path("fresh"));
    let first = json(&["backup", "--data", data, "--to", &kept, "--json"]);
    let again = json(&["backup", "--data", data, "--to", &kept, "--json"]);
    assert_eq!(again["bytes_added"], 0, "{again}");
    assert_eq!(again["chain"], first["chain"], "{again}");
    let read = json(&["verify", "--data", &kept, "--json"]);
    assert_eq!(read["chain"], verified["chain"], "{read}");
    let (code, _, err) = roomledger(&["restore", "--from", &kept, "--data", &fresh]);
    assert_eq!(code, Some(0), "{err}");
    assert!(err.contains("a history of its own"), "{err}");
    let restored = json(&["verify", "--data", &fresh, "--sled", "--json"]);
    assert_eq!(
        restored["events"].as_u64(),
        read["events"].as_u64().map(|all| all + 1),
        "{restored}"
    );
    let (code, _, err) = roomledger(&["restore", "--from", &kept, "--data", &fresh]);
    assert_eq!(code, Some(2), "{err}");
    assert!(err.contains("cannot restore into"), "{err}");
    let (code, _, err) = roomledger(&["repair", "--data", &path("nowhere")]);
    assert_eq!(code, Some(3), "{err}");
}

#[test]
fn a_ledger_is_not_copied_into_itself() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data");
    let place = data.display().to_string();
    let (code, _, err) = roomledger(&["demo", &place, "--participants", "8"]);
    assert_eq!(code, Some(0), "{err}");
    let head = fs::read(data.join("HEAD")).expect("a HEAD");
    let link = folder.path().join("link");
    std::os::unix::fs::symlink(&data, &link).expect("a link");
    let inside = data.join("journal/copy");
    for to in [
        &data,
        &link,
        &data.join("gone/.."),
        &inside,
        &link.join("journal"),
    ] {
        let to = to.display().to_string();
        let (code, _, err) = roomledger(&["backup", "--data", &place, "--to", &to]);
        assert_eq!(code, Some(2), "{to}: {err}");
        assert!(err.contains("cannot back up into"), "{err}");
    }
    assert!(!inside.exists() && !data.join("gone").exists());
    assert_eq!(fs::read(data.join("HEAD")).expect("a HEAD"), head);
    let beside = folder.path().join("new/../copy").display().to_string();
    let (code, _, err) = roomledger(&["backup", "--data", &place, "--to", &beside]);
    assert_eq!(code, Some(0), "{err}");
}

/// Starts a server with one receiver and stops it once it serves; what it said when it refuses.
fn served(data: &str) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomledger"));
    let receiver = "http://127.0.0.1:9/hook";
    command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data", data]);
    command.args(["--webhook", receiver]).stderr(Stdio::piped());
    let mut server = command.spawn().expect("the binary runs");
    let mut said = String::new();
    let lines = BufReader::new(server.stderr.take().expect("a pipe")).lines();
    for line in lines.map_while(Result::ok) {
        if line.contains("/readyz") {
            server.kill().expect("stopped");
            server.wait().expect("ended");
            return Ok(());
        }
        said.push_str(&line);
        said.push('\n');
    }
    assert_eq!(server.wait().expect("ended").code(), Some(5), "{said}");
    Err(said)
}

fn events(data: &str) -> Vec<String> {
    let (code, out, err) = roomledger(&["log", "--data", data, "-o", "jsonl", "-n", "1000"]);
    assert_eq!(code, Some(0), "{err}");
    out.lines().map(str::to_owned).collect()
}

#[test]
fn a_ledger_of_which_only_db_is_left_is_repaired_by_the_command_that_the_server_names() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data").display().to_string();
    let (code, _, err) = roomledger(&["demo", &data, "--participants", "8"]);
    assert_eq!(code, Some(0), "{err}");
    let written = events(&data);
    fs::remove_dir_all(Path::new(&data).join("journal")).expect("removed");
    fs::remove_file(Path::new(&data).join("HEAD")).expect("removed");
    let command = format!("roomledger repair --data {data}");
    let refused = served(&data).expect_err("refused");
    assert!(refused.contains(&command), "{refused}");
    for reading in ["verify", "log"] {
        let (code, _, err) = roomledger(&[reading, "--data", &data]);
        assert_eq!(code, Some(5), "{reading}: {err}");
        assert!(err.contains(&command), "{reading}: {err}");
    }
    let (code, out, err) = roomledger(&["repair", "--data", &data]);
    assert_eq!(code, Some(0), "{out}{err}");
    let position = format!("up to position {}", written.len());
    assert!(err.contains(&position), "{err}");
    let verified = json(&["verify", "--data", &data, "--sled", "--json"]);
    assert_eq!(verified["whole"], true, "{verified}");
    assert_eq!(
        verified["repaired"].as_array().map(Vec::len),
        Some(1),
        "it is on record: {verified}"
    );
    assert_eq!(events(&data)[..written.len()], written[..]);
    assert_eq!(served(&data), Ok(()));
}

fn cursor(data: &str) -> PathBuf {
    let folder = fs::read_dir(Path::new(data).join("webhooks")).expect("a folder");
    let mut paths = folder.map(|entry| entry.expect("an entry").path());
    let is_cursor = |path: &PathBuf| path.extension().is_some_and(|it| it == "cursor");
    paths.find(is_cursor).expect("a cursor")
}

fn cursor_text(through: u64, chain: &str) -> String {
    let text = format!("roomledger receiver 1\nthrough {through}\nchain {chain}\n");
    let sum = Digest::of(text.as_bytes());
    format!("{text}sum {sum}\n")
}

#[test]
fn a_cursor_of_a_receiver_that_stops_the_server_is_named_by_verify_and_kept_aside_by_repair() {
    let folder = tempfile::tempdir().expect("a directory");
    let data = folder.path().join("data").display().to_string();
    let (code, _, err) = roomledger(&["demo", &data, "--participants", "8"]);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(served(&data), Ok(()));
    let harms = [
        ("no text", "\u{0}".to_owned(), true),
        ("empty", String::new(), true),
        ("cut", cursor_text(3, "unknown")[..40].to_owned(), true),
        ("beyond the end", cursor_text(10_000, "unknown"), true),
        ("another history", cursor_text(3, &"7".repeat(64)), false),
    ];
    for (name, content, is_refused) in harms {
        let path = cursor(&data);
        fs::write(&path, &content).expect("written");
        let command = format!("roomledger repair --data {data}");
        let (code, out, err) = roomledger(&["verify", "--data", &data]);
        assert_eq!(code, Some(5), "{name}: {out}{err}");
        assert!(
            out.contains("webhooks") && out.contains(&command),
            "{name}: {out}"
        );
        if is_refused {
            let refused = served(&data).expect_err(name);
            assert!(refused.contains(&command), "{name}: {refused}");
        }
        let (code, out, err) = roomledger(&["repair", "--data", &data]);
        assert_eq!(code, Some(0), "{name}: {out}{err}");
        assert!(err.contains("--webhook-from"), "{name}: {err}");
        let (code, out, err) = roomledger(&["verify", "--data", &data]);
        assert_eq!(code, Some(0), "{name}: {out}{err}");
        let kept = fs::read_dir(Path::new(&data).join("webhooks")).expect("a folder");
        let kept = kept.filter_map(|entry| fs::read_to_string(entry.ok()?.path()).ok());
        assert!(kept.into_iter().any(|kept| kept == content), "{name}: kept");
        assert_eq!(served(&data), Ok(()), "{name}");
    }
}
