//! `repair`, `backup` and `restore` as an operator meets them: what they say, on which stream, and
//! with which exit code.

use std::fs;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Output};

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
