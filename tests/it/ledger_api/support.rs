//! A server in memory and its callers.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request};
use roomledger::dialect::auth::claims::{Grants, LedgerGrant, VideoGrant};
use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::auth::rate::{RateLimit, RateLimits};
use roomledger::dialect::auth::token::mint;
use roomledger::dialect::ledger::{Ledger, router};
use roomledger::domain::Timestamp;
use roomledger::engine::{Clock as _, Engine, EngineConfig};
use roomledger::store::ledger::{Ledger as StoredLedger, LedgerOptions};
use roomledger::store::{Appended, Commit, EventStore, StoreError};
use roomledger::testing::front::Front;
use roomledger::testing::virtual_time::VirtualEngine;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use super::contract::Contract;

/// A server with one key, `devkey`.
pub(crate) struct Server {
    pub(crate) engine: VirtualEngine,
    pub(crate) router: Router,
    pub(crate) runtime: Runtime,
    keys: Arc<KeyRing>,
}

/// A log that counts the records it gives.
#[derive(Debug, Default)]
pub(crate) struct Counting<L> {
    pub(crate) log: L,
    pub(crate) records: AtomicUsize,
}

impl<L: EventStore> Front for Counting<L> {
    fn log(&self) -> &dyn EventStore {
        &self.log
    }

    fn append(&self, commit: &Commit) -> Result<Appended, StoreError> {
        self.log.append(commit)
    }

    fn close(&self) -> Result<(), StoreError> {
        self.log.close()
    }

    fn gave(&self, records: usize) {
        self.records.fetch_add(records, Ordering::Relaxed);
    }
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Answer {
    /// The body, of an answer with that status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(VirtualEngine::in_memory().unwrap(), None)
    }

    /// The same on a log.
    pub(crate) fn on(log: Arc<dyn EventStore>, config: EngineConfig) -> Self {
        let start = Timestamp::from_seconds(1_800_000_000);
        Self::with(VirtualEngine::open(log, config, start).unwrap(), None)
    }

    /// The same on the ledger below a directory.
    pub(crate) fn on_ledger(data: &Path, options: LedgerOptions) -> Self {
        let (ledger, _) = StoredLedger::open(data, options).unwrap();
        Self::on(Arc::new(ledger), EngineConfig::default())
    }

    /// The same, where each key may call only so often.
    pub(crate) fn limited(limit: &str) -> Self {
        let limit = limit.parse().unwrap();
        Self::with(VirtualEngine::in_memory().unwrap(), Some(limit))
    }

    fn with(engine: VirtualEngine, limit: Option<RateLimit>) -> Self {
        let keys = Arc::new(KeyRing::dev());
        let clock = Engine::clock(&engine);
        let limits = limit.map(|limit| Arc::new(RateLimits::new(limit, Arc::clone(clock))));
        let ledger = Ledger::new((*engine).clone(), Arc::clone(&keys)).limited(limits);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        Self {
            engine,
            router: router(ledger),
            runtime,
            keys,
        }
    }

    /// A token with these grants, valid for an hour from now on.
    pub(crate) fn token(&self, grants: &Grants) -> String {
        let now_s = self.engine.clock().wall().seconds();
        mint(
            grants,
            "devkey",
            self.keys.secret("devkey").unwrap(),
            now_s,
            3_600,
        )
        .unwrap()
    }

    pub(crate) fn join_token(&self, room: &str, identity: &str) -> String {
        self.token(&Grants {
            identity: identity.to_owned(),
            video: Some(VideoGrant {
                room_join: true,
                room: room.to_owned(),
                ..VideoGrant::default()
            }),
            ..Grants::default()
        })
    }

    /// A call with any right, `headers` beside.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a call in a test reads as it is sent"
    )]
    pub(crate) fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Answer {
        let all = Grants {
            ledger: LedgerGrant {
                report: true,
                admin: true,
                audit: true,
                room: None,
            },
            ..Grants::default()
        };
        let bearer = format!("Bearer {}", self.token(&all));
        let authorized = headers.iter().any(|(name, _)| *name == "authorization");
        let bearer = (!authorized).then_some(("authorization", bearer.as_str()));
        self.send_as_is(&method, path, headers.iter().copied().chain(bearer), &body)
    }

    /// What a call without a token is answered, by the whole path.
    pub(crate) fn status_of(&self, method: Method, path: &str) -> u16 {
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::empty()).unwrap();
        let answered = self.router.clone().oneshot(request);
        let response = self.runtime.block_on(answered).unwrap();
        response.status().as_u16()
    }

    fn send_as_is<'a>(
        &self,
        method: &Method,
        path: &str,
        headers: impl Iterator<Item = (&'a str, &'a str)>,
        body: &[u8],
    ) -> Answer {
        let path = format!("/api/v1{path}");
        let mut request = Request::builder().method(method).uri(&path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Body::from(body.to_vec())).unwrap();
        let answer = self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let headers = response.headers().clone();
            let body = to_bytes(response.into_body(), usize::MAX).await.unwrap();
            let text = String::from_utf8(body.to_vec()).unwrap();
            let body = serde_json::from_str(&text).unwrap_or(Value::String(text));
            Answer {
                status,
                headers,
                body,
            }
        });
        Contract::of(self).judge(method, &path, body, &answer);
        answer
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[], body.to_string().into_bytes())
    }

    pub(crate) fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.send(Method::POST, path, headers, body.to_string().into_bytes())
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Vec::new())
    }

    #[track_caller]
    pub(crate) fn read(&self, path: &str) -> Value {
        self.get(path).expect(200)
    }

    /// A join by identity; its answer.
    #[track_caller]
    pub(crate) fn join(&self, room: &str, identity: &str) -> Value {
        let answer = self.post(
            &format!("/rooms/{room}/joins"),
            &json!({ "identity": identity }),
        );
        answer.expect(201)
    }

    #[track_caller]
    pub(crate) fn command(&self, room: &str, body: &Value) -> Value {
        self.post(&format!("/rooms/{room}/commands"), body)
            .expect(200)
    }

    #[track_caller]
    pub(crate) fn events(&self, query: &str) -> Vec<Value> {
        let body = self.read(&format!("/events?{query}"));
        body["events"].as_array().unwrap().clone()
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.engine.advance(Duration::from_secs(seconds)).unwrap();
    }
}

/// The kinds of events, in order.
pub(crate) fn kinds(events: &[Value]) -> Vec<&str> {
    events
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect()
}
