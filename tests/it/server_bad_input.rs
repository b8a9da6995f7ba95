//! What goes wrong around a server: second writers, forbidden disks, keys, ports, tokens,
//! damage. Each has a clear answer and its exit code, and nothing panics.

use std::fs::{self, OpenOptions, Permissions};
use std::io::{BufRead, BufReader, Lines, Seek, SeekFrom, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use crate::served::{Caller, LONGEST, Served, all_rights, output, roomledger};

/// Runs a command line that fails, and checks code and words.
fn fails(command: &mut Command, exit: i32, parts: &[&str]) {
    let (code, out, err) = output(command);
    assert_eq!((code, out.as_str()), (Some(exit), ""), "{err}");
    for part in parts {
        assert!(err.contains(part), "{part:?} is not in {err}");
    }
    assert!(!err.contains("panicked"), "{err}");
}

fn serve(data: &Path) -> Command {
    let mut command = roomledger();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data);
    command
}

#[test]
fn one_writer_at_a_time_and_an_orderly_end() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    fails(serve(place.path()).arg("--dev"), 6, &["is in use", "hint:"]);
    fails(
        roomledger()
            .args(["verify", "--sled", "--data"])
            .arg(place.path()),
        6,
        &["is in use"],
    );
    let made = Caller::new(&served.url).post(
        "/api/v1/rooms/red/commands",
        "one",
        &json!({"command": "create_room"}),
    );
    assert_eq!(made.expect("an answer").status, 200);
    // A stream that nobody ends is no reason not to stop.
    let mut stream =
        TcpStream::connect(served.url.trim_start_matches("http://")).expect("a server");
    let request = format!(
        "GET /api/v1/stream HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n",
        all_rights()
    );
    stream.set_read_timeout(Some(LONGEST)).expect("a timeout");
    stream.write_all(request.as_bytes()).expect("a request");
    let mut head = String::new();
    BufReader::new(&stream)
        .read_line(&mut head)
        .expect("an answer");
    assert!(head.contains("200"), "{head}");
    let (code, said) = served.stop();
    assert_eq!(code, Some(0), "{said:?}");
    assert_eq!(
        said.last().map(String::as_str),
        Some("stopped, and the ledger is closed")
    );
    let (code, last, err) = output(
        roomledger()
            .args(["log", "-n", "1", "--data"])
            .arg(place.path()),
    );
    assert!(last.contains("engine_stopped"), "{last}");
    assert_eq!(
        (code, err.as_str()),
        (Some(0), ""),
        "a clean end needs no note"
    );
}

#[test]
fn a_port_that_is_taken_leaves_the_directory_alone() {
    let place = tempfile::tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let data = place.path().join("data");
    let mut command = roomledger();
    command
        .args(["serve", "--dev", "--listen", &address, "--data"])
        .arg(&data);
    fails(
        &mut command,
        1,
        &["cannot listen on", "--listen takes another"],
    );
    assert!(!data.exists());
    let mut open = roomledger();
    open.args(["serve", "--dev", "--listen", "0.0.0.0:0", "--data"])
        .arg(&data);
    fails(&mut open, 2, &["loopback only"]);
    assert!(!data.exists());
}

#[test]
fn a_directory_that_cannot_be_written_is_named() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("file");
    fs::write(&file, "not a directory").expect("a file");
    fails(
        serve(&file.join("data")).arg("--dev"),
        1,
        &["cannot ", "file/data"],
    );
    let closed = place.path().join("closed");
    fs::create_dir(&closed).expect("a directory");
    fs::set_permissions(&closed, Permissions::from_mode(0o500)).expect("its owner may");
    // Whoever is root may write anywhere, and there is nothing to refuse.
    if fs::write(closed.join("probe"), "").is_err() {
        fails(
            serve(&closed.join("data")).arg("--dev"),
            1,
            &["cannot ", "closed/data"],
        );
    }
}

#[test]
fn keys_that_others_can_read_or_guess_are_refused() {
    let place = tempfile::tempdir().expect("a directory");
    let keys = place.path().join("keys.yaml");
    let data = place.path().join("data");
    let refused = |text: &str, mode: u32, parts: &[&str]| {
        fs::write(&keys, text).expect("a file");
        fs::set_permissions(&keys, Permissions::from_mode(mode)).expect("its owner may");
        fails(serve(&data).arg("--keys").arg(&keys), 2, parts);
        assert!(!data.exists(), "{text}");
    };
    let long = "key: 0123456789abcdef0123456789abcdef";
    refused(
        long,
        0o640,
        &["others can read the keys", "0640", "chmod 0600"],
    );
    refused(long, 0o604, &["others can read the keys"]);
    refused("key: short", 0o600, &["has 5 characters", "openssl rand"]);
    refused("# none", 0o600, &["no key"]);
    refused("nonsense", 0o600, &["line 1"]);
    let missing = place.path().join("missing");
    fails(
        serve(&data).arg("--keys").arg(&missing),
        2,
        &["cannot read the keys in"],
    );
    let mut half = serve(&data);
    half.args(["--api-key", "key"]);
    fails(&mut half, 2, &["no key to sign with"]);
    let mut short = serve(&data);
    short
        .env("LIVEKIT_API_KEY", "key")
        .env("LIVEKIT_API_SECRET", "short");
    fails(&mut short, 2, &["has 5 characters"]);
}

#[test]
fn a_token_is_minted_only_with_a_secret_worth_the_name() {
    let token = |arguments: &[&str]| {
        let mut command = roomledger();
        command.arg("token").args(arguments);
        command
    };
    fails(
        &mut token(&["--audit"]),
        2,
        &["no key to sign with", "LIVEKIT_API_KEY"],
    );
    let mut short = token(&["--audit"]);
    short
        .env("LIVEKIT_API_KEY", "key")
        .env("LIVEKIT_API_SECRET", "short");
    fails(&mut short, 2, &["has 5 characters", "--dev"]);
    let cases: &[(&[&str], &str)] = &[
        (&["--audit"], "\"audit\":true"),
        (&["--report", "--room", "r"], "\"report\":true"),
        (
            &["--join", "--room", "r", "--identity", "i"],
            "\"roomJoin\":true",
        ),
        (&["--admin", "--room", "r"], "\"roomAdmin\":true"),
        (&["--create", "--list"], "\"roomCreate\":true"),
    ];
    for (arguments, claim) in cases {
        let (code, out, err) = output(token(arguments).arg("--dev"));
        assert_eq!((code, err.as_str()), (Some(0), ""));
        let payload = out.split('.').nth(1).expect("three parts");
        let claims = URL_SAFE_NO_PAD.decode(payload).expect("base64");
        let claims = String::from_utf8(claims).expect("UTF-8");
        assert!(claims.contains(claim), "{claims}");
    }
}

#[test]
fn who_asks_a_server_without_right_is_told() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    Caller::new(&served.url).await_history();
    let rooms = |url: &str| {
        let mut command = roomledger();
        command.args(["rooms", "--server", url]);
        command
    };
    fails(&mut rooms(&served.url), 4, &["no key to sign with"]);
    let mut wrong = rooms(&served.url);
    wrong
        .env("LIVEKIT_API_KEY", "devkey")
        .env("LIVEKIT_API_SECRET", "wrong");
    fails(
        &mut wrong,
        4,
        &["signature is invalid", "LIVEKIT_API_SECRET"],
    );
    let mut right = rooms(&served.url);
    right
        .env("LIVEKIT_API_KEY", "devkey")
        .env("LIVEKIT_API_SECRET", "secret");
    let (code, _, err) = output(&mut right);
    assert_eq!(
        (code, err.contains("no room was ever used")),
        (Some(0), true),
        "{err}"
    );
    for token in ["", "nonsense", "a.b.c"] {
        for path in ["/api/v1/rooms", "/api/v1/events", "/api/v1/stream"] {
            let answer = Caller::with_token(&served.url, token)
                .get(path)
                .expect("an answer");
            assert_eq!(answer.status, 401, "{token:?} {path}");
        }
    }
    drop(served);
    let mut nobody = rooms("http://127.0.0.1:1");
    nobody
        .env("LIVEKIT_API_KEY", "devkey")
        .env("LIVEKIT_API_SECRET", "secret");
    fails(
        &mut nobody,
        4,
        &["no answer from http://127.0.0.1:1", "roomledger serve"],
    );
}

#[test]
fn damage_is_named_by_its_position() {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().join("data");
    fails(
        roomledger().args(["rooms", "--data"]).arg(&data),
        3,
        &["no ledger in"],
    );
    fails(
        roomledger().args(["verify", "--data"]).arg(&data),
        3,
        &["no ledger in"],
    );
    let (code, _, err) = output(roomledger().arg("demo").arg(&data));
    assert_eq!(code, Some(0), "{err}");
    damage(&data.join("journal/00000001.seg"));
    let (code, out, err) = output(roomledger().args(["log", "--data"]).arg(&data));
    assert_eq!(code, Some(5), "{err}");
    let next = out.lines().count() + 1;
    assert!(
        err.contains(&format!("the log is damaged at #{next}")),
        "{next}: {err}"
    );
    let (code, out, err) = output(
        roomledger()
            .args(["verify", "-o", "json", "--data"])
            .arg(&data),
    );
    assert_eq!(code, Some(5), "{err}");
    let report: serde_json::Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(report["whole"], false);
    assert_eq!(report["problems"][0]["from"], next, "{report}");
}

/// Changes a byte in the middle of what a segment holds.
fn damage(segment: &Path) {
    let mut bytes = fs::read(segment).expect("a segment");
    let end = bytes.iter().rposition(|byte| *byte != 0).expect("content");
    // The footer at the end, if there is one, is not what is meant.
    let middle = bytes
        .iter()
        .take(end / 2)
        .rposition(|byte| *byte != 0)
        .expect("content")
        / 2;
    bytes[middle] ^= 0x20;
    let mut file = OpenOptions::new()
        .write(true)
        .open(segment)
        .expect("a segment");
    file.seek(SeekFrom::Start(middle as u64)).expect("a place");
    file.write_all(&bytes[middle..=middle]).expect("a byte");
}

#[test]
fn followers_of_both_sources_see_what_happens() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    let caller = Caller::new(&served.url);
    let command = |id: &str, body| {
        let answer = caller.post("/api/v1/rooms/red/commands", id, &body);
        assert_eq!(answer.expect("an answer").status, 200);
    };
    caller.await_history();
    command("one", json!({"command": "create_room"}));
    let source = |words: &[&std::ffi::OsStr]| {
        let mut follower = roomledger();
        follower.args([
            "log",
            "red",
            "-f",
            "-n",
            "1",
            "-o",
            "jsonl",
            "--kind",
            "note_added",
        ]);
        follower.args(["--kind", "room_created"]).args(words);
        follower
            .env("LIVEKIT_API_KEY", "devkey")
            .env("LIVEKIT_API_SECRET", "secret");
        let mut child = follower
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        (child, lines)
    };
    let kind = |lines: &mut Lines<BufReader<ChildStdout>>| {
        let line = lines.next().expect("a line").expect("UTF-8");
        let event: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        event["kind"].as_str().expect("a kind").to_owned()
    };
    let mut followers = [
        source(&["--data".as_ref(), place.path().as_os_str()]),
        source(&["--server".as_ref(), served.url.as_ref()]),
    ];
    // Both have read what was there before anything follows it.
    for (_, lines) in &mut followers {
        assert_eq!(kind(lines), "room_created");
    }
    command("two", json!({"command": "update_room", "metadata": "m"}));
    let note = json!({"command": "add_note", "about": "room", "text": "seen"});
    command("three", note);
    for (mut child, mut lines) in followers {
        assert_eq!(kind(&mut lines), "note_added");
        child.kill().expect("it runs");
        child.wait().expect("it ends");
    }
}
