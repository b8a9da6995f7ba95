//! A real `roomledger serve` as a child process, and requests to it. For the tests that need the
//! process itself: its signals, its exit codes, its death.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use roomledger::dialect::auth::claims::{Grants, LedgerGrant};
use roomledger::dialect::auth::keys::Secret;
use roomledger::dialect::auth::token::mint;
use roomledger::engine::{Clock, SystemClock};
use serde_json::Value;
use ureq::Agent;

/// What takes longer hangs, and fails instead of stopping all. No test judges by time.
pub(crate) const LONGEST: Duration = Duration::from_secs(600);
/// How often a server that is still opening is asked again, and how long after the last time.
const TRIES: u32 = 6_000;
const BETWEEN_TRIES: Duration = Duration::from_millis(100);

/// A server that is killed when it is dropped.
pub(crate) struct Served {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    lines: Receiver<String>,
}

/// The binary, without what the environment of the tests may say to it.
pub(crate) fn roomledger() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_roomledger"));
    command.stdin(Stdio::null());
    for variable in [
        "ROOMLEDGER_SERVER",
        "ROOMLEDGER_DATA",
        "ROOMLEDGER_LOG",
        "ROOMLEDGER_WEBHOOKS",
        "LIVEKIT_API_KEY",
        "LIVEKIT_API_SECRET",
        "CLICOLOR_FORCE",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Exit code, answer and notes of one command line.
pub(crate) fn output(command: &mut Command) -> (Option<i32>, String, String) {
    let done = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    (done.status.code(), text(done.stdout), text(done.stderr))
}

impl Served {
    /// Serves a directory with the key of `--dev`, on a port of its own.
    pub(crate) fn dev(data: &Path) -> Self {
        Self::with(data, &[])
    }

    /// The same, with more options.
    pub(crate) fn with(data: &Path, options: &[&str]) -> Self {
        Self::start(data, options, "warn")
    }

    /// The same, and as talkative as `log` says.
    pub(crate) fn start(data: &Path, more: &[&str], log: &str) -> Self {
        Self::begin(data, &[&["--dev"], more].concat(), log)
    }

    /// The same, with keys that the options name.
    pub(crate) fn begin(data: &Path, more: &[&str], log: &str) -> Self {
        let mut command = roomledger();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            .args(more)
            .env("ROOMLEDGER_LOG", log);
        Self::run(command)
    }

    /// A server by a command line of its own.
    pub(crate) fn run(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let stderr = child.stderr.take().expect("it is piped");
        let (heard, lines) = channel();
        // Somebody has to read on, or the server would wait for a full pipe.
        thread::spawn(move || {
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = heard.send(line);
            }
        });
        let mut said = Vec::new();
        let url = loop {
            let Ok(line) = lines.recv_timeout(LONGEST) else {
                panic!("the server did not start: {said:?}");
            };
            if let Some(rest) = line.strip_prefix("listening on ") {
                break rest.split(',').next().expect("a URL").to_owned();
            }
            said.push(line);
        };
        Served { child, url, lines }
    }

    /// The next line of its log that has this in it.
    pub(crate) fn line(&self, part: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(LONGEST).expect(part);
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// `127.0.0.1:PORT`
    pub(crate) fn address(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// SIGKILL: no handler, no flush, no goodbye.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM; gives the exit code and what was said on the way out.
    pub(crate) fn stop(mut self) -> (Option<i32>, Vec<String>) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-TERM", &id]).status();
        assert!(sent.expect("kill runs").success());
        let status = self.child.wait().expect("it ends");
        (status.code(), self.lines.iter().collect())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) position: Option<u64>,
    pub(crate) body: Value,
}

/// A client with connections of its own.
pub(crate) struct Caller {
    agent: Agent,
    url: String,
    token: String,
}

impl Caller {
    /// Holds every right of our own API.
    pub(crate) fn new(url: &str) -> Self {
        Caller::with_token(url, &all_rights())
    }

    pub(crate) fn with_token(url: &str, token: &str) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .proxy(None)
            .timeout_global(Some(LONGEST))
            .build();
        Caller {
            agent: Agent::new_with_config(config),
            url: url.to_owned(),
            token: token.to_owned(),
        }
    }

    /// `GET`; an error when no whole answer came.
    pub(crate) fn get(&self, path: &str) -> Result<Answer, ureq::Error> {
        asked(|| {
            let request = self.agent.get(format!("{}{path}", self.url));
            let bearer = format!("Bearer {}", self.token);
            request.header("Authorization", bearer).call()
        })
    }

    /// Waits until history can be read: the command line, unlike this, does not ask again where
    /// the server is still opening.
    pub(crate) fn await_history(&self) {
        let history = self.get("/api/v1/events?limit=1").expect("an answer");
        assert_eq!(history.status, 200, "{history:?}");
    }

    /// `POST` of JSON under a request id; an error when no whole answer came.
    pub(crate) fn post(&self, path: &str, id: &str, body: &Value) -> Result<Answer, ureq::Error> {
        asked(|| {
            let request = self.agent.post(format!("{}{path}", self.url));
            let request = request
                .header("Authorization", format!("Bearer {}", self.token))
                .header("Content-Type", "application/json")
                .header("Idempotency-Key", id);
            request.send(body.to_string())
        })
    }
}

type Response = ureq::http::Response<ureq::Body>;

/// Asks, and again for as long as the server says to come again: on a slow machine it may take
/// longer to open its copies than it lets a caller wait.
fn asked(ask: impl Fn() -> Result<Response, ureq::Error>) -> Result<Answer, ureq::Error> {
    let come_again = |answer: &Response| {
        answer.status().as_u16() == 503 && answer.headers().contains_key("retry-after")
    };
    let mut answer = ask()?;
    for _ in 0..TRIES {
        if !come_again(&answer) {
            break;
        }
        thread::sleep(BETWEEN_TRIES);
        answer = ask()?;
    }
    read(answer)
}

fn read(mut answer: Response) -> Result<Answer, ureq::Error> {
    let position = answer.headers().get("x-ledger-position");
    let position = position.and_then(|value| value.to_str().ok()?.parse().ok());
    let status = answer.status().as_u16();
    let text = answer.body_mut().read_to_string()?;
    let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Ok(Answer {
        status,
        position,
        body,
    })
}

/// A token of the development key with every right of our own API, for an hour.
pub(crate) fn all_rights() -> String {
    let ledger = LedgerGrant {
        report: true,
        admin: true,
        audit: true,
        room: None,
    };
    let grants = Grants {
        identity: "tester".to_owned(),
        ledger,
        ..Grants::default()
    };
    let now_s = SystemClock::new().wall().seconds();
    mint(&grants, "devkey", &Secret::new("secret"), now_s, 3_600).expect("a token")
}
