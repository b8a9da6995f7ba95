//! LiveKit's calls a second over loopback, beside a handler that does nothing on the same stack.
//!
//! `roomledger serve --dev` and the bare handler are processes of their own; the load comes from
//! this one, over connections that stay open, as JSON with a token. The bare handler (axum, as
//! many threads) reads a body of the same size and gives the bytes that ours gave: no token is
//! looked at, nothing is kept. They take turns, round by round, so that other load on the machine
//! meets both. Printed are medians and their ratio. Run it by `cargo bench --bench http`.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::serve::ListenerExt as _;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|it| it == BARE) {
        let answer = arguments.get(at + 1).ok_or("no answer is given")?;
        return serve_bare(std::fs::read(answer)?);
    }
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let ours = Server::start(
        Command::new(env!("CARGO_BIN_EXE_roomledger"))
            .args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"])
            .arg(dir.path().join("ledger")),
    )?;
    let admin = token(&["--admin", "--room", ROOM])?;
    for number in 0..PEOPLE {
        let join = format!(
            "{{\"identity\":\"{}\",\"name\":\"Person {number}\"}}",
            who(number)
        );
        Wire::to(&ours)?.post(&format!("/api/v1/rooms/{ROOM}/joins"), &admin, &join)?;
    }
    let listeners = (0..LISTENERS).map(|_| listen(&ours, &admin));
    listeners.collect::<Fallible<Vec<()>>>()?;
    println!(
        "{ROUNDS} rounds of {ROUND:?}, medians in answers a second; one room of {PEOPLE} people,"
    );
    println!("{LISTENERS} listeners on its stream; livekit-server as recorded, on another day");
    println!(
        "call                connections   bytes     ours      bare   ours/bare   livekit  \
         ours/livekit"
    );
    for load in LOADS {
        measure(load, &ours, &admin, dir.path())?;
    }
    Ok(())
}

/// One line of the table.
struct Load {
    call: &'static str,
    connections: usize,
    /// livekit-server 1.13.4 on a machine of 2 cores, by wrk, which shared them.
    livekit: f64,
}

const LOADS: &[Load] = &[
    Load {
        call: "GetParticipant",
        connections: 1,
        livekit: f64::NAN,
    },
    Load {
        call: "GetParticipant",
        connections: 16,
        livekit: 14_000.0,
    },
    Load {
        call: "ListParticipants",
        connections: 1,
        livekit: f64::NAN,
    },
    Load {
        call: "ListParticipants",
        connections: 16,
        livekit: 750.0,
    },
    Load {
        call: "UpdateParticipant",
        connections: 1,
        livekit: 1_900.0,
    },
    Load {
        call: "UpdateParticipant",
        connections: 16,
        livekit: 3_200.0,
    },
];

fn measure(load: &Load, ours: &Server, admin: &str, dir: &Path) -> Fallible<()> {
    let path = format!("/twirp/livekit.RoomService/{}", load.call);
    let answer = Wire::to(ours)?.post(&path, admin, &body(load.call, 0, 0))?;
    let file = dir.join("answer");
    std::fs::write(&file, &answer)?;
    let bare = Server::start(Command::new(std::env::current_exe()?).arg(BARE).arg(file))?;
    let mut rates = [Vec::new(), Vec::new()];
    for _ in 0..ROUNDS {
        for (rates, server) in rates.iter_mut().zip([ours, &bare]) {
            rates.push(round(load, server, &path, admin)?);
        }
    }
    let [ours, bare] = rates.map(median);
    println!(
        "{:18}  {:11}  {:6}  {ours:7.0}  {bare:8.0}  {:10.2}  {:8.0}  {:12.1}",
        load.call,
        load.connections,
        answer.len(),
        ours / bare,
        load.livekit,
        ours / load.livekit
    );
    Ok(())
}

/// Every connection asks, reads, and asks again until the time is over.
fn round(load: &Load, server: &Server, path: &str, admin: &str) -> Fallible<f64> {
    let started = now();
    let asking = (0..load.connections).map(|connection| {
        let mut wire = Wire::to(server)?;
        let (path, admin, call) = (path.to_owned(), admin.to_owned(), load.call);
        Ok(thread::spawn(move || {
            let mut answers = 0_u32;
            while started.elapsed() < ROUND {
                wire.post(&path, &admin, &body(call, connection, answers))?;
                answers += 1;
            }
            Ok::<_, Box<dyn Error + Send + Sync>>(answers)
        }))
    });
    let mut answers = 0;
    for asked in asking.collect::<Fallible<Vec<_>>>()? {
        answers += asked.join().map_err(|_| "a connection panicked")??;
    }
    Ok(f64::from(answers) / started.elapsed().as_secs_f64())
}

/// Metadata differs from call to call, else nothing would change.
fn body(call: &str, connection: usize, turn: u32) -> String {
    let identity = who(0);
    match call {
        "ListParticipants" => format!("{{\"room\":\"{ROOM}\"}}"),
        "UpdateParticipant" => format!(
            "{{\"room\":\"{ROOM}\",\"identity\":\"{identity}\",\
             \"metadata\":\"{connection:04}-{turn:08}-hand-raised\"}}"
        ),
        _ => format!("{{\"room\":\"{ROOM}\",\"identity\":\"{identity}\"}}"),
    }
}

fn who(number: usize) -> String {
    format!("person-{number:03}")
}

/// A connection that stays open.
struct Wire {
    stream: BufReader<TcpStream>,
    host: String,
}

impl Wire {
    fn to(server: &Server) -> Fallible<Self> {
        let stream = TcpStream::connect(&server.address)?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream: BufReader::with_capacity(BUFFER_BYTES, stream),
            host: server.address.clone(),
        })
    }

    /// The body of the answer, which must be a success.
    fn post(&mut self, path: &str, token: &str, body: &str) -> Fallible<Vec<u8>> {
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.host,
            body.len()
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut body = vec![0; self.head()?];
        self.stream.read_exact(&mut body)?;
        Ok(body)
    }

    /// Reads the head; gives the length of the body.
    fn head(&mut self) -> Fallible<usize> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if !line.starts_with("HTTP/1.1 20") {
            return Err(format!("the server said {line:?}").into());
        }
        let mut length = 0;
        while line != "\r\n" {
            line.clear();
            if self.stream.read_line(&mut line)? == 0 {
                return Err("the server hung up".into());
            }
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse()?;
            }
        }
        Ok(length)
    }
}

/// Follows the room's stream on a thread of its own until the server ends.
fn listen(server: &Server, token: &str) -> Fallible<()> {
    let mut wire = Wire::to(server)?;
    let request = format!(
        "GET /api/v1/stream?room={ROOM} HTTP/1.1\r\nHost: {}\r\n\
         Authorization: Bearer {token}\r\n\r\n",
        wire.host
    );
    wire.stream.get_mut().write_all(request.as_bytes())?;
    wire.head()?;
    thread::spawn(move || std::io::copy(&mut wire.stream, &mut std::io::sink()));
    Ok(())
}

/// A process that serves; it is ended when this is dropped.
struct Server {
    child: Child,
    address: String,
}

impl Server {
    fn start(command: &mut Command) -> Fallible<Self> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut said = BufReader::new(child.stderr.take().ok_or("no stderr")?);
        let mut line = String::new();
        let address = loop {
            line.clear();
            if said.read_line(&mut line)? == 0 {
                return Err("a server ended before it listened".into());
            }
            if let Some((_, rest)) = line.split_once("listening on http://") {
                let end = rest.find([',', '\n']).unwrap_or(rest.len());
                break rest.get(..end).unwrap_or_default().to_owned();
            }
        };
        thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
        Ok(Self { child, address })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is over either way, and its files are temporary.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The bare handler: reads the body, gives these bytes.
fn serve_bare(answer: Vec<u8>) -> Fallible<()> {
    let answer = Bytes::from(answer);
    let json = [(header::CONTENT_TYPE, "application/json")];
    let router = Router::new().fallback(async move |_body: Bytes| (json, answer));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        writeln!(
            std::io::stderr(),
            "listening on http://{}",
            listener.local_addr()?
        )?;
        let listener = listener.tap_io(|stream| {
            // As ours does; without it answers wait.
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await
    })?;
    Ok(())
}

/// A token of the dev key.
fn token(grants: &[&str]) -> Fallible<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomledger"));
    let minted = command
        .args(["token", "--dev", "--ttl", "1h"])
        .args(grants)
        .output()?;
    Ok(String::from_utf8(minted.stdout)?.trim().to_owned())
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> Instant {
    Instant::now()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

/// The argument that makes this program the bare handler.
const BARE: &str = "serve-bare";
const ROOM: &str = "town-hall";
const PEOPLE: usize = 100;
/// As many as listened when livekit-server was measured.
const LISTENERS: usize = 10;
/// Odd, so that the median is one of them.
const ROUNDS: usize = 7;
/// Short turns, so that whatever else the machine does meets both.
const ROUND: Duration = Duration::from_millis(500);
/// More than a head; bodies are read past it.
const BUFFER_BYTES: usize = 8 * 1024;
