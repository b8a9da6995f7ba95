//! All that a server answers, on a clock that stands still, and the calls that these tests make.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request as HttpRequest};
use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::auth::rate::RateLimit;
use roomledger::domain::command::{Join, PublishTrack};
use roomledger::domain::event::{TrackKind, TrackShape};
use roomledger::domain::{Command, Identity, Kind, RoomName, Source, Version};
use roomledger::engine::{Receipt, SeededIds};
use roomledger::server::router;
use roomledger::store::Record;
use roomledger::testing::virtual_time::{VirtualEngine, call};
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use tower::ServiceExt as _;

use crate::livekit_service::support::mint;

pub(crate) struct Server {
    pub(crate) engine: VirtualEngine,
    router: Router,
    runtime: Runtime,
}

pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Value,
}

impl Got {
    /// The body, of an answer with that status.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{:#}", self.body);
        self.body
    }

    /// The error's kind and its sentence.
    #[track_caller]
    pub(crate) fn refused(self, status: u16, kind: &str) -> String {
        let body = self.expect(status);
        assert_eq!(body["error"], kind, "{body}");
        body["info"].as_str().unwrap().to_owned()
    }
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(KeyRing::dev(), None)
    }

    /// One with these keys, each of which may call only so often.
    pub(crate) fn with(keys: KeyRing, limit: Option<RateLimit>) -> Self {
        let engine = VirtualEngine::in_memory().unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        let keys = Arc::new(keys);
        Self {
            router: router(&engine, &keys, Arc::new(SeededIds::new(1)), limit),
            engine,
            runtime: runtime.unwrap(),
        }
    }

    /// A call of Daily's, with its path below the mount.
    pub(crate) fn daily(&self, method: &str, path: &str, body: &Value) -> Got {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        self.daily_with(method, path, body.as_bytes(), &[])
    }

    pub(crate) fn get(&self, path: &str) -> Got {
        self.daily("GET", path, &Value::Null)
    }

    pub(crate) fn daily_with(
        &self,
        method: &str,
        path: &str,
        body: &[u8],
        headers: &[(&str, &str)],
    ) -> Got {
        let mut request = HttpRequest::builder()
            .method(method)
            .uri(format!("/daily/v1{path}"))
            .header("Authorization", "Bearer secret");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_vec())).unwrap())
    }

    /// A call of LiveKit's about the room.
    pub(crate) fn livekit(&self, name: &str, room: &str, body: &Value) -> Got {
        let video = json!({"roomAdmin": true, "room": room});
        let claims = json!({"iss": "devkey", "exp": 4_102_444_800_i64, "video": video});
        let request = HttpRequest::post(format!("/twirp/livekit.RoomService/{name}"))
            .header("Content-Type", "application/json")
            .header("Authorization", format!("Bearer {}", mint(&claims)));
        self.send(request.body(Body::from(body.to_string())).unwrap())
    }

    pub(crate) fn send(&self, request: HttpRequest<Body>) -> Got {
        self.runtime.block_on(async {
            let answered = self.router.clone().oneshot(request).await.unwrap();
            let (parts, body) = answered.into_parts();
            let body = to_bytes(body, usize::MAX).await.unwrap();
            Got {
                status: parts.status.as_u16(),
                headers: parts.headers,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            }
        })
    }

    /// The same; `None` where it does not come in time.
    pub(crate) fn send_within(&self, request: HttpRequest<Body>, longest: Duration) -> Option<Got> {
        let answered = self.router.clone().oneshot(request);
        let answered = async { timeout(longest, answered).await };
        let answered = self.runtime.block_on(answered).ok()?.unwrap();
        Some(Got {
            status: answered.status().as_u16(),
            headers: answered.headers().clone(),
            body: Value::Null,
        })
    }

    /// The body of an answer that is text.
    pub(crate) fn text(&self, request: HttpRequest<Body>) -> String {
        self.runtime.block_on(async {
            let answered = self.router.clone().oneshot(request).await.unwrap();
            let body = to_bytes(answered.into_body(), usize::MAX).await.unwrap();
            String::from_utf8(body.to_vec()).unwrap()
        })
    }

    /// Somebody joins with media flowing; the connection's id as Daily shows it.
    pub(crate) fn join(&self, room: &str, who: &str) -> String {
        self.join_as(room, &Join::new(Identity::new(who).unwrap()))
    }

    pub(crate) fn join_as(&self, room: &str, join: &Join) -> String {
        let receipt = self.execute(room, Command::Join(join.clone()));
        let session = receipt.room.as_ref().unwrap().session.as_ref().unwrap();
        session.connections.last().unwrap().id.uuid().to_string()
    }

    pub(crate) fn leave(&self, room: &str, connection: &str) {
        let connection = connection.to_owned();
        let reason = None;
        self.execute(room, Command::Leave { connection, reason });
    }

    pub(crate) fn publish(&self, room: &str, connection: &str, source: Source) {
        let publish = PublishTrack {
            connection: connection.to_owned(),
            alias: None,
            kind: match source {
                Source::Microphone => TrackKind::Audio,
                _ => TrackKind::Video,
            },
            source,
            name: String::new(),
            muted: false,
            shape: TrackShape::default(),
        };
        self.execute(room, Command::PublishTrack(publish));
    }

    pub(crate) fn execute(&self, room: &str, command: Command) -> Receipt {
        let call = call(&RoomName::new(room).unwrap(), command);
        self.engine.execute_blocking(call).unwrap()
    }

    pub(crate) fn room(&self, room: &str) -> Arc<roomledger::domain::Room> {
        self.engine.live(&RoomName::new(room).unwrap()).unwrap()
    }

    pub(crate) fn version(&self, room: &str) -> u64 {
        self.room(room).version.0
    }

    /// What the log holds of that room after a version.
    pub(crate) fn events(&self, room: &str, after: u64) -> Vec<Record> {
        let room = RoomName::new(room).unwrap();
        let read = self
            .engine
            .store()
            .read_room(Some(&room), Version(after), 1_000);
        read.unwrap()
    }

    pub(crate) fn kinds(&self, room: &str, after: u64) -> Vec<Kind> {
        let events = self.events(room, after);
        events.iter().map(|it| it.event.event.kind()).collect()
    }
}
