//! Keys and secrets of a real server: read anew, taken back over restarts, and kept off the command
//! line.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use roomledger::dialect::auth::claims::{Grants, LedgerGrant};
use roomledger::dialect::auth::keys::Secret;
use roomledger::dialect::auth::token::mint;
use roomledger::engine::{Clock as _, SystemClock};
use serde_json::json;

use crate::served::{Caller, Served, output, roomledger};

fn write(file: &Path, text: &str, mode: u32) {
    fs::write(file, text).expect("a file");
    fs::set_permissions(file, Permissions::from_mode(mode)).expect("a mode");
}

/// A token of that key with every right of our own API.
fn token(key: &str, secret: &str) -> String {
    let ledger = LedgerGrant {
        admin: true,
        audit: true,
        ..LedgerGrant::default()
    };
    let grants = Grants {
        ledger,
        ..Grants::default()
    };
    let now_s = SystemClock::new().wall().seconds();
    mint(&grants, key, &Secret::new(secret), now_s, 3_600).expect("a token")
}

#[test]
fn keys_are_read_anew_at_a_sighup_and_that_is_on_record() {
    let place = tempfile::tempdir().expect("a directory");
    let keys = place.path().join("keys");
    write(&keys, &format!("a: {A}\n"), 0o600);
    let mut command = roomledger();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(place.path().join("data"))
        .arg("--keys")
        .arg(&keys);
    let served = Served::run(command);
    let status = |key, secret| {
        let caller = Caller::with_token(&served.url, &token(key, secret));
        caller.get("/api/v1/events?limit=100").expect("an answer")
    };
    let hang_up = || {
        let id = served.id().to_string();
        let sent = Command::new("kill").args(["-HUP", &id]).status();
        assert!(sent.expect("kill runs").success());
        served.line("keys")
    };
    assert_eq!((status("a", A).status, status("b", B).status), (200, 401));

    write(
        &keys,
        &format!("a:\n  secret: {A}\n  rights: audit\nb: {B}\n"),
        0o600,
    );
    assert!(hang_up().contains("read anew"));
    assert_eq!((status("a", A).status, status("b", B).status), (200, 200));
    let post = |key, secret| {
        let caller = Caller::with_token(&served.url, &token(key, secret));
        let made = json!({"command": "create_room"});
        caller
            .post("/api/v1/rooms/r/commands", key, &made)
            .expect("an answer")
            .status
    };
    assert_eq!(
        (post("a", A), post("b", B)),
        (403, 200),
        "a is narrowed now"
    );
    let events = status("b", B).body;
    let events = events["events"].as_array().expect("events");
    let changed = events
        .iter()
        .find(|event| event["kind"] == "api_keys_changed");
    let told = &changed.expect("it is on record")["data"];
    let want = json!({"key_ids": ["a", "b"], "added": ["b"], "removed": [], "changed": ["a"]});
    assert_eq!(*told, want);

    write(&keys, &format!("b: {B}\nc: {B}\n"), 0o600);
    let line = hang_up();
    assert!(
        line.contains("the earlier keys go on") && line.contains("secret of key"),
        "{line}"
    );
    assert!(!line.contains(B), "{line}");
    write(&keys, &format!("b: {B}\n"), 0o644);
    assert!(hang_up().contains("others can read"));
    assert_eq!((status("a", A).status, status("b", B).status), (200, 200));
    write(&keys, &format!("b: {B}\n"), 0o600);
    assert!(hang_up().contains("read anew"));
    assert_eq!((status("a", A).status, status("b", B).status), (401, 200));
}

/// Once folded from the log after a kill, once from what a clean stop leaves behind.
#[test]
fn what_is_taken_back_stays_so_over_restarts() {
    let place = tempfile::tempdir().expect("a directory");
    let served = Served::dev(place.path());
    let old = token("devkey", "secret");
    let moment = SystemClock::new().wall().plus_seconds(30);
    let revoked = Caller::with_token(&served.url, &old).post(
        "/api/v1/keys/devkey/revocations",
        "one",
        &json!({"before": moment}),
    );
    assert_eq!(revoked.expect("an answer").status, 200);
    let is_believed = |url: &str| {
        let status = Caller::with_token(url, &old).get("/api/v1/rooms");
        status.expect("an answer").status == 200
    };
    assert!(!is_believed(&served.url));
    served.kill();
    let served = Served::dev(place.path());
    assert!(!is_believed(&served.url), "after a kill");
    served.stop();
    let served = Served::dev(place.path());
    assert!(!is_believed(&served.url), "after a stop");
}

#[test]
fn no_secret_stands_on_the_command_line() {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().join("data");
    let serve = |words: &[&str]| {
        let mut command = roomledger();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(&data)
            .args(words);
        command
    };
    let refused = |command: &mut Command, parts: &[&str]| {
        let (code, out, err) = output(command);
        assert_eq!((code, out.as_str()), (Some(2), ""), "{err}");
        for part in parts {
            assert!(err.contains(part), "{part:?} is not in {err}");
        }
        assert!(
            !err.contains("WEBHOOKPATHSECRET") && !err.contains(A),
            "{err}"
        );
    };
    let file = ["--webhooks FILE", "ROOMLEDGER_WEBHOOKS"];
    for address in [
        "http://127.0.0.1:9/hook?secret=WEBHOOKPATHSECRET",
        "http://WEBHOOKPATHSECRET@127.0.0.1:9/hook",
        "http://user:WEBHOOKPATHSECRET@127.0.0.1:9",
        "http://127.0.0.1:9?WEBHOOKPATHSECRET",
    ] {
        refused(&mut serve(&["--dev", "--webhook", address]), &file);
    }
    let environment = ["LIVEKIT_API_SECRET", "--keys FILE"];
    refused(
        &mut serve(&["--api-key", "a", "--api-secret", A]),
        &environment,
    );
    let joined = format!("--api-secret={A}");
    refused(&mut serve(&["--api-key", "a", &joined]), &environment);
    refused(
        &mut serve(&["--dev", "--webhook-from", "0"]),
        &["there are none"],
    );

    let hooks = place.path().join("hooks");
    let words = ["--dev", "--webhooks", hooks.to_str().expect("UTF-8")];
    refused(&mut serve(&words), &["cannot read the addresses"]);
    write(
        &hooks,
        "http://127.0.0.1:9/hook?secret=WEBHOOKPATHSECRET\n",
        0o644,
    );
    refused(&mut serve(&words), &["others can read", "chmod 0600"]);
    write(&hooks, "# none\n\n", 0o600);
    refused(&mut serve(&words), &["there is no address"]);
    let hook = "# ours\nhttp://127.0.0.1:9/hook?secret=WEBHOOKPATHSECRET\n";
    write(&hooks, hook, 0o600);
    let mut command = serve(&words);
    command.env(
        "ROOMLEDGER_WEBHOOKS",
        "http://127.0.0.1:9/other?WEBHOOKPATHSECRET",
    );
    let served = Served::run(command);
    let words = fs::read(format!("/proc/{}/cmdline", served.id())).expect("Linux");
    assert!(!String::from_utf8_lossy(&words).contains("WEBHOOKPATHSECRET"));
    for _ in 0..2 {
        let line = served.line("webhooks ");
        assert!(
            line.contains("127.0.0.1:9") && !line.contains("WEBHOOKPATHSECRET"),
            "{line}"
        );
    }
}

const A: &str = "0123456789abcdef0123456789abcdef";
const B: &str = "fedcba9876543210fedcba9876543210";
