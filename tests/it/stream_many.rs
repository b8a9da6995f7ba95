//! Many who follow one server: killed and come again, they and the server too, fast ones and slow
//! ones, of one room and of all. Each sees every position once, in order, and none makes the server
//! hold what it does not read.

use std::fs;
use std::future::Future;
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::sync::watch;

use crate::served::{Caller, Served};
use crate::server_protection::{files_max, token};

/// `ROOMLEDGER_STREAM_SUBSCRIBERS` gives more.
const SUBSCRIBERS: usize = 200;
/// What the last event says.
const THE_END: &str = "the-end-of-it-all";
const EVENTS: usize = 60;
const LIVES: usize = 3;
/// What the server may ever have in memory, debug build and all: most of it is the engine's own.
const MEMORY_KIB_MAX: u64 = 512 * 1024;

/// Where the server is now, and whether all is written.
#[derive(Clone, Debug, Default)]
struct Stage {
    address: String,
    is_written: bool,
}

struct Follower {
    number: usize,
    room: Option<&'static str>,
    stage: watch::Receiver<Stage>,
    token: String,
    /// The last id that was wholly received.
    last: Option<String>,
    seen: Vec<u64>,
    is_at_the_end: bool,
}

impl Follower {
    /// Follows to the last event, through every break.
    async fn follow(mut self) -> (Option<&'static str>, Vec<u64>) {
        while !self.is_at_the_end {
            if self.connect_and_read().await.is_err() {
                // The server is gone for a moment.
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        (self.room, self.seen)
    }

    async fn connect_and_read(&mut self) -> std::io::Result<()> {
        // Empty between two lives: its port may by then be somebody else's.
        let is_there = |stage: &Stage| !stage.address.is_empty();
        let there = self.stage.wait_for(is_there).await;
        let address = there.expect("the stage stands").address.clone();
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(self.request().as_bytes()).await?;
        let mut lines = BufReader::new(stream).lines();
        let status = lines.next_line().await?.unwrap_or_default();
        if !status.contains(" 200 ") {
            return Err(std::io::Error::other(status));
        }
        // Every tenth stops reading until all is written; others leave after some events.
        if self.number.is_multiple_of(10) && self.seen.len() > 3 {
            let written = self.stage.wait_for(|stage| stage.is_written).await;
            assert!(written.is_ok(), "the stage stands to the end");
        }
        let patience = 3 + (self.number * 7 + self.seen.len()) % 40;
        let mut id = None;
        let mut taken = 0;
        while taken < patience && (id.is_some() || !self.is_at_the_end) {
            let Some(line) = lines.next_line().await? else {
                break;
            };
            if let Some(given) = line.strip_prefix("id: ") {
                id = Some(given.to_owned());
            } else if line.starts_with("data: ") {
                self.is_at_the_end = line.contains(THE_END);
            } else if line.is_empty()
                && let Some(id) = id.take()
            {
                self.take(id);
                taken += 1;
            }
        }
        // A last event that is cut off before its end comes again.
        self.is_at_the_end &= id.is_none();
        Ok(())
    }

    /// By HTTP/1.0, whose answers end with the connection: no chunks to take apart.
    fn request(&self) -> String {
        let room = self.room.map(|room| format!("&room={room}"));
        let last = self
            .last
            .as_ref()
            .map(|id| format!("Last-Event-ID: {id}\r\n"));
        format!(
            "GET /api/v1/stream?after=0{} HTTP/1.0\r\nAuthorization: Bearer {}\r\n{}\r\n",
            room.unwrap_or_default(),
            self.token,
            last.unwrap_or_default()
        )
    }

    fn take(&mut self, id: String) {
        let position = id.split('-').next().and_then(|text| text.parse().ok());
        let position: u64 = position.expect("a position in the id");
        if let Some(last) = self.seen.last() {
            assert!(
                *last < position,
                "#{position} after #{last}: twice, or out of order"
            );
        }
        if self.room.is_none() {
            let expected = self.seen.last().map_or(1, |last| last + 1);
            assert_eq!(position, expected, "nothing is left out");
        }
        self.seen.push(position);
        self.last = Some(id);
    }
}

/// Writes through three lives of a server, killed between them; gives the last of them.
async fn write(data: &std::path::Path, stage: &watch::Sender<Stage>) -> Served {
    let mut life = 1;
    loop {
        let served = start(data.to_owned()).await;
        stage.send_modify(|stage| stage.address = served.address().to_owned());
        let url = served.url.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let caller = Caller::new(&url);
            for number in 0..EVENTS / LIVES {
                let room = if number % 3 == 0 { "red" } else { "blue" };
                command(&caller, room, &format!("{life}-{number}"));
            }
            if life == LIVES {
                command(&caller, "red", THE_END);
            }
        });
        writing.await.expect("it writes");
        if life == LIVES {
            stage.send_modify(|stage| stage.is_written = true);
            return served;
        }
        stage.send_modify(|stage| stage.address.clear());
        served.kill();
        life += 1;
    }
}

async fn start(data: std::path::PathBuf) -> Served {
    let started = tokio::task::spawn_blocking(move || Served::dev(&data));
    started.await.expect("it starts")
}

fn command(caller: &Caller, room: &str, id: &str) {
    let body = json!({"command": "update_room", "metadata": format!("{id} {}", "m".repeat(200))});
    let create = json!({"command": "create_room"});
    let path = format!("/api/v1/rooms/{room}/commands");
    let made = caller.post(&path, &format!("{id}-create"), &create);
    assert_eq!(made.expect("an answer").status, 200);
    let answer = caller.post(&path, id, &body).expect("an answer");
    assert_eq!(answer.status, 200, "{:?}", answer.body);
}

/// The most memory that a process ever had, in KiB.
fn peak_kib(id: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.expect("a figure")
}

/// Waits, but not for ever: what never comes fails the test.
async fn in_time<T>(what: impl Future<Output = T>) -> T {
    let longest = Duration::from_secs(300);
    tokio::time::timeout(longest, what).await.expect("it ends")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_of_many_sees_every_position_once_in_order() {
    let place = tempfile::tempdir().expect("a directory");
    let asked = std::env::var("ROOMLEDGER_STREAM_SUBSCRIBERS");
    let asked = asked.map_or(SUBSCRIBERS, |text| text.parse().expect("a number"));
    let stage = watch::Sender::new(Stage::default());
    let followers: Vec<_> = (0..asked.min(files_max() / 2))
        .map(|number| {
            let follower = Follower {
                number,
                room: [None, None, Some("red")][number % 3],
                stage: stage.subscribe(),
                token: token(),
                last: None,
                seen: Vec::new(),
                is_at_the_end: false,
            };
            tokio::spawn(follower.follow())
        })
        .collect();
    let served = in_time(write(place.path(), &stage)).await;
    let mut all = Vec::new();
    for follower in followers {
        all.push(in_time(follower).await.expect("it follows"));
    }
    let memory_kib = peak_kib(served.id());
    assert!(memory_kib < MEMORY_KIB_MAX, "{memory_kib} KiB");
    let caller = Caller::new(&served.url);
    let red = tokio::task::spawn_blocking(move || {
        let events = caller
            .get("/api/v1/events?room=red&limit=1000")
            .expect("an answer");
        let events = events.body["events"].as_array().expect("a list").clone();
        events
            .iter()
            .filter_map(|event| event["position"].as_u64())
            .collect::<Vec<_>>()
    });
    let red = red.await.expect("it reads");
    assert!(red.len() > EVENTS / 3, "{red:?}");
    let end = all
        .iter()
        .filter_map(|(_, seen)| seen.last())
        .max()
        .copied();
    let end = end.expect("somebody saw something");
    for (room, seen) in all {
        let expected: Vec<u64> = match room {
            Some(_) => red
                .iter()
                .copied()
                .filter(|position| *position <= end)
                .collect(),
            None => (1..=end).collect(),
        };
        assert_eq!(seen, expected, "{room:?}");
    }
}
