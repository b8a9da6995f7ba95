//! A server in memory, asked as VideoSDK's clients ask.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::Request;
use axum::http::response::Parts;
use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::auth::rate::RateLimit;
use roomledger::domain::command::{Join, Remove};
use roomledger::domain::{
    ActorKind, Command, Identity, Provenance, Request as Asked, RoomName, Target,
};
use roomledger::engine::{Call, Receipt, SeededIds};
use roomledger::server::router;
use roomledger::testing::virtual_time::VirtualEngine;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

use crate::hs256::{Algorithm, signed};

pub(crate) struct Server {
    pub(crate) engine: VirtualEngine,
    pub(crate) router: Router,
    pub(crate) runtime: Runtime,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::limited(None)
    }

    /// A server on which each key may call only so often.
    pub(crate) fn limited(limit: Option<RateLimit>) -> Self {
        Self::with(KeyRing::dev(), limit)
    }

    /// A server with these keys.
    pub(crate) fn with(keys: KeyRing, limit: Option<RateLimit>) -> Self {
        let engine = VirtualEngine::in_memory().unwrap();
        let keys = Arc::new(keys);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        Self {
            router: router(&engine, &keys, Arc::new(SeededIds::new(1)), limit),
            engine,
            runtime: runtime.unwrap(),
        }
    }

    /// A call of an application; status and body.
    pub(crate) fn call(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.call_as(&application(), method, path, body)
    }

    pub(crate) fn call_as(
        &self,
        token: &str,
        method: &str,
        path: &str,
        body: &str,
    ) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("Authorization", token)
            .header("Content-Type", "application/json")
            .body(Body::from(body.to_owned()));
        let (head, body) = self.send(request.unwrap());
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        (head.status.as_u16(), body)
    }

    /// Any request.
    pub(crate) fn send(&self, request: Request<Body>) -> (Parts, Vec<u8>) {
        self.runtime.block_on(async {
            let answer = self.router.clone().oneshot(request).await.unwrap();
            let (head, body) = answer.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            (head, body.to_vec())
        })
    }

    pub(crate) fn execute(&self, room: &str, command: Command) -> Receipt {
        let request = Asked::new(RoomName::new(room).unwrap(), command);
        let provenance = Provenance::of_engine(ActorKind::ApiKey, "devkey");
        let call = Call::new(request, provenance);
        self.engine.execute_blocking(call).unwrap()
    }

    pub(crate) fn join(&self, room: &str, who: &str) {
        let join = Join::new(Identity::new(who).unwrap());
        self.execute(room, Command::Join(join));
    }

    /// A call that is fine.
    #[track_caller]
    pub(crate) fn fine(&self, token: &str, method: &str, path: &str, body: &str) -> Value {
        let (status, answer) = self.call_as(token, method, path, body);
        assert_eq!(status, 200, "{method} {path}: {answer}");
        answer
    }

    pub(crate) fn remove(&self, room: &str, who: &str) {
        let target = Target::Identity(Identity::new(who).unwrap());
        self.execute(room, Command::Remove(Remove::new(target)));
    }
}

/// A token with these claims; `apikey` and `exp` are added.
pub(crate) fn token(claims: &Value) -> String {
    let mut all = json!({"apikey": "devkey", "exp": 4_102_444_800_u64});
    let own = claims.as_object().unwrap().clone();
    all.as_object_mut().unwrap().extend(own);
    let header = r#"{"alg":"HS256","typ":"JWT"}"#;
    signed(header, &all.to_string(), Algorithm::HS256, "secret")
}

pub(crate) fn application() -> String {
    token(
        &json!({"permissions": ["allow_join", "allow_mod"], "version": 2,
        "roles": ["crawler"]}),
    )
}
