//! A conversation with a server, as it is written, and a server of its own to have it with. Apart
//! from what the answers have to be, which the files say; it never judges one.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use roomledger::dialect::auth::keys::KeyRing;
use roomledger::domain::{Event, Timestamp};
use roomledger::engine::{Clock as _, EngineConfig, SeededIds};
use roomledger::server::router;
use roomledger::store::{EventStore as _, MemoryStore, Position, StoreError};
use roomledger::testing::virtual_time::VirtualEngine;
use serde_json::Value;
use tower::ServiceExt as _;

use super::dialect::{Dialect, Outcome};
use crate::engine::support::{GateStore, START, gate_over};
use crate::hs256::{Algorithm, signed};

/// One request and its answer.
pub(crate) struct Exchange {
    /// As it was sent, names filled in.
    pub(crate) request: Vec<u8>,
    /// Where the log ended before it.
    pub(crate) before: Position,
    /// Status, headers in order, body, as a conversation shows them.
    pub(crate) answer: String,
    /// The status.
    pub(crate) status: u16,
    body: String,
    /// The first code of the refusal that it left on record.
    refused: Option<String>,
}

impl Exchange {
    /// What it shows of a dialect; `None` where it is about another's calls.
    pub(crate) fn outcome(&self, dialect: Dialect) -> Option<Outcome> {
        let call = dialect.asked(&self.request)?;
        let code = dialect.code(&self.body);
        let refused = self.refused.clone();
        Some(Outcome::new(call, self.status, code, refused))
    }
}

/// A server of its own, and what was named so far.
pub(crate) struct Conversation {
    engine: VirtualEngine,
    store: Arc<GateStore>,
    router: Router,
    runtime: tokio::runtime::Runtime,
    names: BTreeMap<String, String>,
    last: Value,
}

impl Conversation {
    /// With an empty server.
    pub(crate) fn new() -> Self {
        Self::on(MemoryStore::new(), EngineConfig::default(), START, 1)
    }

    fn on(log: MemoryStore, config: EngineConfig, start: Timestamp, seed: u64) -> Self {
        let store = Arc::new(gate_over(Box::new(log)));
        let engine = VirtualEngine::open(Arc::clone(&store) as _, config, start).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let ids = Arc::new(SeededIds::new(seed));
        Self {
            router: router(&engine, &Arc::new(KeyRing::dev()), ids, None),
            engine,
            store,
            runtime: runtime.unwrap(),
            names: BTreeMap::new(),
            last: Value::Null,
        }
    }

    /// A server whose log is the same up to a position, and which draws other ids: what is asked
    /// of it changes nothing here.
    pub(crate) fn fork(&self, until: Position) -> Self {
        let log = MemoryStore::new();
        for stored in self.engine.store().read_commits(Position(0)).unwrap() {
            let stored = stored.unwrap();
            if stored.first <= until {
                log.append(&stored.commit).unwrap();
            }
        }
        let config = EngineConfig {
            refusals_per_minute_max: u32::MAX,
            ..EngineConfig::default()
        };
        Self::on(log, config, self.engine.clock().wall(), 2)
    }

    /// The same text with the answers that are given now; each exchange is told with its server.
    pub(crate) fn hold(
        &mut self,
        written: &str,
        mut tell: impl FnMut(&Self, &str, Exchange),
    ) -> String {
        let mut exchanges = written.split("\n=== ");
        let before = exchanges.next().unwrap_or_default();
        self.name(before.lines().filter(|line| !line.starts_with('#')));
        let mut held = before.trim_end().to_owned();
        for exchange in exchanges {
            let (asked, _) = exchange.split_once("\n--- ").unwrap_or((exchange, ""));
            let asked = asked.trim_end();
            write!(held, "\n\n=== {asked}").unwrap();
            let Some((title, asked)) = asked.split_once('\n') else {
                self.happen(asked);
                continue;
            };
            let (lets, request): (Vec<&str>, Vec<&str>) =
                asked.lines().partition(|line| line.starts_with("let "));
            self.name(lets.into_iter());
            let said = self.exchange(self.filled(&request.join("\n")).into_bytes());
            let said = said.unwrap_or_else(|| panic!("{title}: no request"));
            write!(held, "\n--- {}", said.answer).unwrap();
            self.last = serde_json::from_str(&said.body).unwrap_or_default();
            tell(self, title, said);
        }
        held + "\n"
    }

    /// Something that is no request.
    fn happen(&mut self, what: &str) {
        if let Some(seconds) = what.strip_prefix("advance ") {
            let by = Duration::from_secs(seconds.parse().unwrap());
            return self.engine.advance(by).unwrap();
        }
        if let Some(limit) = what.strip_prefix("limit ") {
            let limit = Some(limit.parse().unwrap());
            let ids = Arc::new(SeededIds::new(1));
            self.router = router(&self.engine, &Arc::new(KeyRing::dev()), ids, limit);
            return;
        }
        match what {
            "the disk is full" => self.store.fail_after(
                0,
                StoreError::Full {
                    path: "data".to_owned(),
                    free_bytes: 0,
                    reserve_bytes: 1 << 30,
                },
            ),
            "the disk breaks" => self.store.fail_after(
                0,
                StoreError::Poisoned {
                    cause: "data/log: input/output error".to_owned(),
                },
            ),
            "the server stops" => self.engine.shutdown_blocking().unwrap(),
            _ => panic!("{what}: a request below its title, or what happens"),
        }
    }

    fn name<'a>(&mut self, lets: impl Iterator<Item = &'a str>) {
        for line in lets.filter(|line| !line.trim().is_empty()) {
            let named = line
                .strip_prefix("let ")
                .and_then(|line| line.split_once(" = "));
            let (name, value) = named.unwrap_or_else(|| panic!("{line}: let NAME = VALUE"));
            let claims = value
                .strip_prefix("jwt(")
                .and_then(|rest| rest.strip_suffix(')'));
            let value = match (claims, value.split_once(" x "), self.last.pointer(value)) {
                (Some(claims), _, _) => token(claims),
                (None, Some((text, count)), _) => repeated(text, count.parse().unwrap()),
                (None, None, Some(Value::String(text))) => text.clone(),
                (None, None, found) => panic!("{line}: {found:?} in {:#}", self.last),
            };
            self.names.insert(name.to_owned(), value);
        }
    }

    /// Where its log ends.
    pub(crate) fn head(&self) -> Position {
        self.engine.head()
    }

    /// What is named so far and is a token.
    pub(crate) fn tokens(&self) -> impl Iterator<Item = &str> {
        let values = self.names.values().map(String::as_str);
        values.filter(|value| value.starts_with("ey"))
    }

    /// A text with what its names stand for.
    pub(crate) fn filled(&self, text: &str) -> String {
        let mut parts = text.split('{');
        let mut filled = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let named = part.split_once('}');
            let named = named.and_then(|(name, rest)| Some((self.names.get(name)?.as_str(), rest)));
            let (value, rest) = named.unwrap_or(("{", part));
            filled.push_str(value);
            filled.push_str(rest);
        }
        filled
    }

    /// Sends a request; `None` for what HTTP itself would refuse.
    pub(crate) fn exchange(&self, request: Vec<u8>) -> Option<Exchange> {
        let end = request.windows(2).position(|window| window == b"\n\n");
        let (head, body) = request.split_at(end.unwrap_or(request.len()));
        let body = body.get(2..).unwrap_or_default().to_vec();
        let mut lines = std::str::from_utf8(head).ok()?.lines();
        let (method, path) = lines.next()?.split_once(' ')?;
        let mut asked = Request::builder().method(method).uri(path);
        for line in lines {
            let (name, value) = line.split_once(':')?;
            asked = asked.header(name, value.trim());
        }
        let asked = asked.body(Body::from(body)).ok()?;
        let before = self.engine.head();
        let (status, answer, body) = self.runtime.block_on(async {
            let answered = self.router.clone().oneshot(asked).await.unwrap();
            told(answered).await
        });
        Some(Exchange {
            request,
            before,
            answer,
            status,
            body,
            refused: self.refused(before),
        })
    }

    /// The first code of the refusal that stands last behind a position.
    fn refused(&self, before: Position) -> Option<String> {
        let head = self.engine.head();
        let last = Position(head.0.checked_sub(1)?);
        let records = self.engine.store().read_all(last, 1).ok()?;
        match &records.first().filter(|_| head > before)?.event.event {
            Event::CommandRefused(no) => no.codes.first().cloned(),
            _ => None,
        }
    }
}

/// A token with these claims, of the key that servers under `--dev` have.
pub(crate) fn token(claims: &str) -> String {
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    signed(header, claims, Algorithm::HS256, "secret")
}

/// So many of a text, each with its number in place of `#`.
fn repeated(text: &str, count: usize) -> String {
    if text.contains('#') {
        let all = (0..count).map(|number| text.replace('#', &number.to_string()));
        all.collect()
    } else {
        text.repeat(count)
    }
}

/// An answer as it is written: status, headers in order, body.
async fn told(response: Response<Body>) -> (u16, String, String) {
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    let body = String::from_utf8_lossy(&bytes).into_owned();
    let headers = parts.headers.iter();
    let mut lines: Vec<String> = headers
        .map(|(name, value)| format!("\n{name}: {}", value.to_str().unwrap()))
        .filter(|line| !line.starts_with("\ncontent-length"))
        .collect();
    lines.sort();
    let status = parts.status.as_u16();
    let lines: String = lines.concat();
    (
        status,
        format!("{status}{lines}\n\n{body}").trim_end().to_owned(),
        body,
    )
}
