//! Durable appends, one stream read and one start, of roomledger and of others in one run.
//!
//! Every peer keeps 200 bytes of an application in one stream, and answers an append once it is
//! durable by its own account (each file says how). They take turns, round by round, so that other
//! load on the machine meets all of them; printed are medians, and what roomledger is of them.
//!
//!   cargo run --release --locked --manifest-path benches/peers/Cargo.toml [-- PEER...]

mod bare_sled;
mod message_db;
mod ours;
mod sqlite;
mod umadb;
#[cfg(feature = "umadb-server")]
mod umadb_server;

use std::error::Error;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub(crate) type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A store that is open.
pub(crate) trait Peer: Send + Sync {
    /// What one caller appends by. Made once for each caller.
    fn caller(&self) -> Fallible<Box<dyn Caller + '_>>;

    /// Reads the whole stream, record by record, and counts them.
    fn read(&self) -> Fallible<u64>;

    /// Closes it as a program does that ends well.
    fn close(self: Box<Self>) -> Fallible<()>;
}

/// One who appends and waits for the answer.
pub(crate) trait Caller {
    fn append(&mut self, payload: &str) -> Fallible<()>;
}

type Open = fn(&Path) -> Fallible<Box<dyn Peer>>;

const PEERS: &[(&str, Open)] = &[
    ("roomledger", ours::open),
    ("UmaDB, embedded", umadb::open),
    #[cfg(feature = "umadb-server")]
    ("UmaDB, server", umadb_server::open),
    ("SQLite event store", sqlite::open_events),
    ("bare SQLite", sqlite::open_bare),
    ("bare sled", bare_sled::open),
    ("Postgres, Message DB's shape", message_db::open),
];

struct Measured {
    name: &'static str,
    open: Open,
    dir: PathBuf,
    peer: Option<Box<dyn Peer>>,
    rates: Vec<f64>,
    read: f64,
    open_s: f64,
}

fn main() -> Fallible<()> {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let place = tempfile::tempdir_in(".")?;
    // Postgres does not run as root, and must come through here.
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o755))?;
    let mut peers = Vec::new();
    for (number, (name, open)) in PEERS.iter().enumerate() {
        let is_wanted = |word: &String| name.to_lowercase().contains(&word.to_lowercase());
        if !wanted.is_empty() && *name != "roomledger" && !wanted.iter().any(is_wanted) {
            continue;
        }
        let dir = place.path().join(number.to_string());
        std::fs::create_dir(&dir)?;
        match open(&dir) {
            Ok(peer) => peers.push(Measured {
                name,
                open: *open,
                dir,
                peer: Some(peer),
                rates: Vec::new(),
                read: 0.0,
                open_s: 0.0,
            }),
            Err(error) => println!("{name}: left out: {error}"),
        }
    }
    for callers in CALLERS {
        let mut rates = vec![Vec::new(); peers.len()];
        for _ in 0..ROUNDS {
            for (measured, rates) in peers.iter().zip(&mut rates) {
                rates.push(appends(measured.peer(), callers, ROUND)?.1);
            }
        }
        for (measured, rates) in peers.iter_mut().zip(rates) {
            measured.rates.push(median(rates));
        }
    }
    for measured in &mut peers {
        measured.reads_and_opens()?;
    }
    print(&peers);
    peers
        .into_iter()
        .try_for_each(|measured| measured.peer.map_or(Ok(()), Peer::close))
}

impl Measured {
    fn peer(&self) -> &dyn Peer {
        self.peer
            .as_deref()
            .expect("it is open between its measurements")
    }

    /// Fills the stream up, reads all of it, and opens it again.
    fn reads_and_opens(&mut self) -> Fallible<()> {
        let mut count = self.peer().read()?;
        while count < STREAM {
            appends(self.peer(), 256, ROUND)?;
            count = self.peer().read()?;
        }
        let mut rates = Vec::new();
        for _ in 0..ROUNDS {
            let began = Instant::now();
            let read = self.peer().read()?;
            rates.push(read as f64 / began.elapsed().as_secs_f64());
        }
        self.read = median(rates);
        let mut opens = Vec::new();
        for _ in 0..ROUNDS {
            if let Some(peer) = self.peer.take() {
                peer.close()?;
            }
            let began = Instant::now();
            let peer = (self.open)(&self.dir)?;
            peer.caller()?.append(&payload(0, 0))?;
            opens.push(began.elapsed().as_secs_f64());
            self.peer = Some(peer);
        }
        self.open_s = median(opens);
        Ok(())
    }
}

/// How many were appended by so many callers in that time, and how many a second.
fn appends(peer: &dyn Peer, callers: usize, time: Duration) -> Fallible<(u64, f64)> {
    let began = Instant::now();
    let counts: Vec<Fallible<u64>> = thread::scope(|scope| {
        let asking: Vec<_> = (0..callers)
            .map(|number| {
                scope.spawn(move || {
                    let mut caller = peer.caller()?;
                    let mut count = 0;
                    while began.elapsed() < time {
                        caller.append(&payload(number, count))?;
                        count += 1;
                    }
                    Ok(count)
                })
            })
            .collect();
        asking
            .into_iter()
            .map(|one| one.join().expect("no caller panics"))
            .collect()
    });
    let mut count = 0;
    for one in counts {
        count += one?;
    }
    Ok((count, count as f64 / began.elapsed().as_secs_f64()))
}

fn print(peers: &[Measured]) {
    println!(
        "| | append, 1 caller | 16 | 256 | ours is: 1 | 16 | 256 | read, events/s | ours is \
         | open, ms |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|");
    let Some(ours) = peers.iter().find(|one| one.name == "roomledger") else {
        return;
    };
    for one in peers {
        print!("| {} |", one.name);
        one.rates.iter().for_each(|rate| print!(" {rate:.0} |"));
        one.rates
            .iter()
            .zip(&ours.rates)
            .for_each(|(rate, ours)| print!(" {:.2} |", ours / rate));
        println!(
            " {:.0} | {:.2} | {:.0} |",
            one.read,
            ours.read / one.read,
            one.open_s * 1000.0
        );
    }
}

/// 200 bytes, as JSON.
fn payload(caller: usize, turn: u64) -> String {
    format!(
        "{{\"caller\":{caller:05},\"turn\":{turn:09},\"text\":\"{}\"}}",
        "x".repeat(157)
    )
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

const CALLERS: [usize; 3] = [1, 16, 256];
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_millis(800);
const STREAM: u64 = 100_000;
