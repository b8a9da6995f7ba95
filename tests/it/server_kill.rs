//! The server killed under load, again and again: what was acknowledged is there, once, in order,
//! and the refold equals what was served.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, ScopedJoinHandle};
use std::time::Duration;

use roomledger::cli::read::{DataReader, Reader};
use roomledger::replay::position::Pos;
use roomledger::store::ledger::LedgerReader;
use roomledger::store::{EventStore, Position};
use serde_json::{Value, json};

use crate::served::{Caller, Served, output, roomledger};

const KILLS: u32 = 20;
const CLIENTS: usize = 6;
const ROOMS: [&str; 2] = ["red", "blue"];

/// What one client knows, across the lives of the server.
#[derive(Default)]
struct Client {
    number: usize,
    /// The command that it gives next, or again, where it has no answer yet.
    next: u64,
    /// Where the acknowledged ones ended.
    acknowledged: BTreeMap<u64, u64>,
    /// What rooms looked like, as served.
    seen: Vec<(&'static str, u64, Value)>,
}

impl Client {
    /// Gives commands until there is no answer.
    fn work(mut self, url: &str, life: &Life) -> Self {
        let caller = Caller::new(url);
        let room = ROOMS[self.number % ROOMS.len()];
        let path = format!("/api/v1/rooms/{room}/commands");
        while !life.is_over.load(Ordering::Relaxed) {
            let metadata = self.id(self.next);
            let body = json!({"command": "update_room", "metadata": metadata});
            let Ok(answer) = caller.post(&path, &metadata, &body) else {
                break;
            };
            assert_eq!(answer.status, 200, "{:?}", answer.body);
            let position = answer
                .position
                .expect("a position on every answer to a write");
            self.acknowledged.insert(self.next, position);
            self.next += 1;
            life.answers.fetch_add(1, Ordering::Relaxed);
            if self.next % 16 == 1 {
                let path = format!("/api/v1/rooms/{room}?at={position}");
                let Ok(answer) = caller.get(&path) else {
                    break;
                };
                assert_eq!(answer.status, 200, "{:?}", answer.body);
                self.seen.push((room, position, answer.body));
                life.states.fetch_add(1, Ordering::Relaxed);
            }
        }
        self
    }

    fn id(&self, number: u64) -> String {
        format!("client-{}-{number}", self.number)
    }
}

/// What the clients of one life of the server have come to.
#[derive(Default)]
struct Life {
    /// Commands answered.
    answers: AtomicU64,
    /// States read.
    states: AtomicU64,
    is_over: AtomicBool,
}

impl Life {
    /// Enough to lose something, and something to hold it against.
    fn is_busy(&self) -> bool {
        self.answers.load(Ordering::Relaxed) >= 40 && self.states.load(Ordering::Relaxed) >= 2
    }
}

/// One life of the server: opened, used by all clients at once, killed.
fn live_and_die(data: &Path, clients: Vec<Client>) -> Vec<Client> {
    let served = Served::dev(data);
    let life = Life::default();
    thread::scope(|scope| {
        let (url, life) = (served.url.clone(), &life);
        let work = |client: Client| {
            let url = url.clone();
            scope.spawn(move || client.work(&url, life))
        };
        let working: Vec<_> = clients.into_iter().map(work).collect();
        // Killed in the middle of work, wherever that is.
        while !life.is_busy() && !working.iter().all(ScopedJoinHandle::is_finished) {
            thread::sleep(Duration::from_millis(1));
        }
        served.kill();
        life.is_over.store(true, Ordering::Relaxed);
        working
            .into_iter()
            .map(|one| one.join().expect("a client"))
            .collect()
    })
}

#[test]
fn what_was_acknowledged_survives_twenty_kills_under_load() {
    let place = tempfile::tempdir().expect("a directory");
    let data = place.path().join("data");
    let served = Served::dev(&data);
    let admin = Caller::new(&served.url);
    for room in ROOMS {
        let path = format!("/api/v1/rooms/{room}/commands");
        let made = admin.post(&path, room, &json!({"command": "create_room"}));
        assert_eq!(made.expect("an answer").status, 200);
    }
    served.kill();
    let mut clients: Vec<Client> = (0..CLIENTS)
        .map(|number| Client {
            number,
            ..Client::default()
        })
        .collect();
    for _ in 1..KILLS {
        clients = live_and_die(&data, clients);
    }
    let acknowledged: usize = clients.iter().map(|client| client.acknowledged.len()).sum();
    assert!(
        acknowledged > 400,
        "only {acknowledged} commands were acknowledged"
    );
    check(&data, &clients);
    let (code, out, err) = output(roomledger().args(["verify", "--data"]).arg(&data));
    assert_eq!(code, Some(0), "{out}{err}");
}

#[test]
fn rule_11_a_restore_of_a_killed_server_has_its_last_answer() {
    let place = tempfile::tempdir().expect("a directory");
    let (data, fresh) = (place.path().join("data"), place.path().join("fresh"));
    let served = Served::dev(&data);
    let admin = Caller::new(&served.url);
    let mut last = None;
    for number in 0..5 {
        let room = format!("r{number}");
        let path = format!("/api/v1/rooms/{room}/commands");
        let made = admin.post(&path, &room, &json!({"command": "create_room"}));
        last = made.expect("an answer").position;
    }
    served.kill();
    let mut restore = roomledger();
    restore.args(["restore", "--json", "--from"]).arg(&data);
    let (code, out, err) = output(restore.arg("--data").arg(&fresh));
    assert_eq!(code, Some(0), "{out}{err}");
    let told: Value = serde_json::from_str(&out).expect("JSON");
    assert_eq!(told["position"].as_u64(), last, "{told}");
    assert_eq!(
        told["unsealed"].is_array(),
        err.contains("not sealed"),
        "{told}{err}"
    );
    let (code, out, err) = output(roomledger().args(["state", "r4", "--data"]).arg(&fresh));
    assert_eq!(code, Some(0), "{out}{err}");
}

fn check(data: &Path, clients: &[Client]) {
    let store: Arc<dyn EventStore> = Arc::new(LedgerReader::open(data).expect("a ledger"));
    let positions = by_request(&*store);
    for client in clients {
        let mut before = 0;
        for (number, acknowledged) in &client.acknowledged {
            let id = client.id(*number);
            let found = positions.get(&id).map_or(&[][..], Vec::as_slice);
            assert_eq!(
                found,
                [*acknowledged],
                "{id} stands once, where it was acknowledged"
            );
            assert!(
                *acknowledged > before,
                "{id} stands after the one before it"
            );
            before = *acknowledged;
        }
        let unanswered = positions.get(&client.id(client.next)).map_or(0, Vec::len);
        assert!(
            unanswered <= 1,
            "{} stands {unanswered} times",
            client.id(client.next)
        );
    }
    let reader = DataReader::new(store, "here");
    let seen: Vec<_> = clients.iter().flat_map(|client| &client.seen).collect();
    assert!(seen.len() > 20, "{} states were compared", seen.len());
    for (room, position, served) in seen {
        let folded = reader
            .room(room, Some(Pos::Position(*position)))
            .expect("a room");
        let folded = serde_json::to_value(folded).expect("a view");
        assert_eq!(&folded, served, "{room} at #{position}");
    }
}

/// Where the last event of each command stands, by request id.
fn by_request(store: &dyn EventStore) -> BTreeMap<String, Vec<u64>> {
    let mut found: BTreeMap<String, BTreeMap<u64, u64>> = BTreeMap::new();
    let mut after = Position(0);
    loop {
        let records = store
            .read_all(after, 1_000)
            .expect("every position can be read");
        let Some(last) = records.last() else {
            break;
        };
        after = last.position;
        for record in &records {
            if let Some(id) = &record.command.provenance.request_id {
                let commands = found.entry(id.clone()).or_default();
                commands.insert(record.command_first.0, record.position.0);
            }
        }
    }
    let last = found.into_iter();
    last.map(|(id, commands)| (id, commands.into_values().collect()))
        .collect()
}
