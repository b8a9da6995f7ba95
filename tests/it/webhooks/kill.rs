//! A real server, killed again and again while it tells: nothing is missing, each room in order,
//! and what is told twice is the same, id and all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use roomledger::store::ledger::LedgerReader;
use serde_json::json;

use super::hook::{Answer, Hook, Seen, until};
use crate::served::{Caller, Served, output, roomledger};
use crate::told::Teller;

const LIVES: usize = 5;
/// Of each life, to each room.
const VISITS: usize = 4;
const ROOMS: [&str; 3] = ["red", "green", "blue"];

/// Where a receiver's address holds a secret, as some do.
const SECRET: &str = "canary-27182";

/// Visits to each room: `participant_joined`, two of a track, `participant_left`.
fn visits(url: &str, life: usize) {
    let caller = Caller::new(url);
    for number in 0..VISITS {
        for room in ROOMS {
            let id = |step: &str| format!("{life}-{number}-{room}-{step}");
            let joins = format!("/api/v1/rooms/{room}/joins");
            let join = caller.post(&joins, &id("join"), &json!({"identity": id("who")}));
            let joined = join.expect("an answer");
            assert_eq!(joined.status, 201, "{:?}", joined.body);
            let connection = joined.body["connection"].as_str().expect("a connection");
            let at = format!("/api/v1/rooms/{room}/connections/{connection}");
            let track = json!({"type": "audio", "source": "microphone"});
            let published = caller.post(&format!("{at}/tracks"), &id("track"), &track);
            assert_eq!(published.expect("an answer").status, 201);
            let left = caller.post(&format!("{at}/leave"), &id("leave"), &json!({}));
            assert_eq!(left.expect("an answer").status, 200);
        }
    }
}

fn expected(data: &Path) -> Vec<String> {
    let store = LedgerReader::open(data).expect("a ledger");
    let told = Teller::default().told(&store).into_iter();
    told.map(|(_, body)| body).collect()
}

#[test]
fn killed_while_it_tells_nothing_is_missing_and_repeats_are_the_same() {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().join("data");
    let mut requests = 0_u32;
    let hook = Hook::deciding(move |_| {
        requests += 1;
        match requests {
            each if each.is_multiple_of(29) => Answer::Status(503),
            each if each.is_multiple_of(41) => Answer::Close,
            _ => Answer::Take,
        }
    });
    let url = format!("{}/{SECRET}?token={SECRET}", hook.url);
    let file = place.path().join("webhooks");
    fs::write(&file, &url).expect("a file");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("a mode");
    let webhook = ["--webhooks", file.to_str().expect("UTF-8")];
    for life in 0..LIVES {
        let served = Served::start(&data, &webhook, "info");
        let before = hook.taken().len();
        visits(&served.url, life);
        // Somewhere in the middle of telling.
        until(
            || hook.taken().len() > before + 10 * life,
            || format!("life {life}"),
        );
        served.kill();
    }
    let served = Served::start(&data, &webhook, "info");
    let expected = expected(&data);
    let ids = |seen: Vec<Seen>| seen.iter().map(Seen::id).collect::<BTreeSet<_>>().len();
    until(
        || ids(hook.taken()) >= expected.len(),
        || format!("{} events", expected.len()),
    );
    let (code, said) = stopped(served);
    assert_eq!(code, Some(0), "{said:?}");
    assert!(said.iter().all(|line| !line.contains(SECRET)), "{said:?}");
    check(&hook.taken(), &expected);
}

/// What a start answers that is refused: exit code and words.
fn refused(data: &Path, options: &[&str]) -> (Option<i32>, String) {
    let start = ["serve", "--dev", "--listen", "127.0.0.1:0", "--data"];
    let (code, _, said) = output(roomledger().args(start).arg(data).args(options));
    (code, said)
}

/// Stops a server once it answers: before that, it does not listen to signals either.
fn stopped(served: Served) -> (Option<i32>, Vec<String>) {
    let alive = Caller::new(&served.url).get("/healthz");
    assert_eq!(alive.expect("an answer").status, 200);
    served.stop()
}

#[test]
fn a_start_that_cannot_tell_says_why() {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().join("data");
    let webhook = ["--webhook", "http://127.0.0.1:9/hooks"];
    let key = [&webhook[..], &["--webhook-key", "nobody"]].concat();
    let (code, said) = refused(&data, &key);
    assert!(code == Some(2) && said.contains("nobody"), "{said}");
    for address in [
        "ftp://127.0.0.1/",
        "nonsense",
        "https://me:secret@127.0.0.1/",
    ] {
        let (code, said) = refused(&data, &["--webhook", address]);
        assert_eq!(code, Some(2), "{said}");
        assert!(!said.contains("secret@"), "{said}");
    }
    let (code, said) = stopped(Served::start(&data, &webhook, "info"));
    assert_eq!(code, Some(0), "{said:?}");
    let cursors = fs::read_dir(data.join("webhooks")).expect("a folder");
    let cursor = cursors.map(|entry| entry.expect("an entry").path()).next();
    let cursor = cursor.expect("a cursor, though nothing was ever told");
    fs::write(&cursor, "roomledger receiver 1").expect("written");
    let (code, said) = refused(&data, &webhook);
    assert_eq!(code, Some(5), "{said}");
    assert!(said.contains(&cursor.display().to_string()), "{said}");
    assert!(said.contains("--webhook-from 0"), "{said}");
    let from = [&webhook[..], &["--webhook-from", "0"]].concat();
    let (code, said) = stopped(Served::start(&data, &from, "info"));
    assert_eq!(code, Some(0), "{said:?}");
}

fn check(taken: &[Seen], expected: &[String]) {
    let mut first: BTreeMap<String, &Seen> = BTreeMap::new();
    let mut told: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for seen in taken {
        if let Some(earlier) = first.get(&seen.id()) {
            assert_eq!(earlier.body, seen.body, "a repeat is the same");
        } else {
            told.entry(seen.room()).or_default().push(&seen.body);
            first.insert(seen.id(), seen);
        }
    }
    for room in ROOMS {
        let log = expected
            .iter()
            .filter(|body| super::stage::room_of(body) == room);
        let log: Vec<&str> = log.map(String::as_str).collect();
        assert!(
            log.len() > LIVES * VISITS * 4,
            "{} events in {room}",
            log.len()
        );
        assert_eq!(told[room], log, "{room} is told whole and in order");
    }
    assert_eq!(first.len(), expected.len());
}
