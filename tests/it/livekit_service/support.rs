//! A LiveKit dialect on an engine of its own, and the calls and reports that tests make.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderMap, Request as HttpRequest};
use roomledger::dialect::auth::keys::KeyRing;
use roomledger::dialect::auth::rate::{RateLimit, RateLimits};
use roomledger::dialect::auth::token;
use roomledger::dialect::join_token::join_of;
use roomledger::dialect::livekit::LiveKit;
use roomledger::dialect::livekit::service::Service;
use roomledger::domain::command::{Join, PublishTrack};
use roomledger::domain::event::{TrackKind, TrackShape};
use roomledger::domain::{
    ActorKind, Command, Digest, Identity, Kind, Provenance, Request, RoomName, Source, Timestamp,
    Version,
};
use roomledger::engine::{
    Call, Clock as _, Engine, EngineConfig, ManualClock, Receipt, SeededIds, Status,
};
use roomledger::store::{MemoryStore, Record};
use serde_json::{Value, json};

use crate::hs256::{Algorithm, signed};

pub(crate) const NOW_S: i64 = 1_795_310_400;

/// A server without its socket.
pub(crate) struct Server {
    pub(crate) engine: Engine,
    pub(crate) clock: Arc<ManualClock>,
    dialect: LiveKit<Service>,
}

/// What came back.
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Got {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(EngineConfig::default())
    }

    pub(crate) fn with(config: EngineConfig) -> Self {
        Self::limited(config, None)
    }

    /// A server on which each key may call only so often.
    pub(crate) fn limited(config: EngineConfig, limit: Option<RateLimit>) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::from_seconds(NOW_S)));
        let ids = Arc::new(SeededIds::new(11));
        let store = Arc::new(MemoryStore::new());
        let engine = Engine::open(store, config, Arc::clone(&clock) as _, ids).unwrap();
        let service = Service::new(engine.clone());
        let wall = Arc::clone(&clock);
        let now_s = move || wall.wall().seconds();
        let limits = limit.map(|limit| {
            let clock = Arc::clone(engine.clock());
            Arc::new(RateLimits::new(limit, clock))
        });
        let dialect = LiveKit::new(service, Arc::new(KeyRing::dev()), now_s).limited(limits);
        Self {
            engine,
            clock,
            dialect,
        }
    }

    pub(crate) async fn send(&self, request: HttpRequest<Body>) -> Got {
        let (parts, body) = self.dialect.respond(request).await.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
        Got {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: body.to_vec(),
        }
    }

    /// A call in JSON under these grants.
    pub(crate) async fn call(&self, method: &str, video: Value, body: Value) -> Got {
        self.call_with(method, video, body, &[]).await
    }

    pub(crate) async fn call_with(
        &self,
        method: &str,
        video: Value,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Got {
        let mut request = HttpRequest::post(format!("/twirp/livekit.RoomService/{method}"))
            .header("Content-Type", "application/json")
            .header("Authorization", format!("Bearer {}", bearer(&video)));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let body = Body::from(body.to_string());
        self.send(request.body(body).unwrap()).await
    }

    /// Reports a join with this token, as our own API does.
    pub(crate) async fn join(&self, token: &str) -> Receipt {
        let (room, join) = self.parsed(token);
        self.report(room.as_str(), Command::Join(join)).await
    }

    /// A token as a join.
    pub(crate) fn parsed(&self, token: &str) -> (RoomName, Join) {
        let now_s = self.clock.wall().seconds();
        let claims = token::verify(&KeyRing::dev(), token, now_s).unwrap();
        join_of(&claims).unwrap()
    }

    /// LiveKit's id of the track of that name.
    pub(crate) fn track(&self, room: &str, who: &str, name: &str) -> String {
        let room = self.engine.live(&RoomName::new(room).unwrap()).unwrap();
        let live = room.live_of(&Identity::new(who).unwrap());
        let tracks = &live.last().unwrap().tracks;
        tracks
            .iter()
            .find(|track| *track.name == *name)
            .unwrap()
            .sid()
    }

    /// Reports a track of that participant's newest connection.
    pub(crate) async fn publish(
        &self,
        room: &str,
        who: &str,
        source: Source,
        name: &str,
    ) -> Receipt {
        let kind = match source {
            Source::Microphone | Source::ScreenShareAudio | Source::CustomAudio => TrackKind::Audio,
            _ => TrackKind::Video,
        };
        let (width, height) = match kind {
            TrackKind::Video => (320, 240),
            _ => (0, 0),
        };
        let publish = PublishTrack {
            connection: self.newest(room, who),
            alias: None,
            kind,
            source,
            name: name.to_owned(),
            muted: false,
            shape: TrackShape {
                width,
                height,
                ..TrackShape::default()
            },
        };
        self.report(room, Command::PublishTrack(publish)).await
    }

    /// LiveKit's id of that participant's newest connection.
    pub(crate) fn newest(&self, room: &str, who: &str) -> String {
        let room = self.engine.live(&RoomName::new(room).unwrap()).unwrap();
        let live = room.live_of(&Identity::new(who).unwrap());
        live.last().unwrap().sid()
    }

    pub(crate) async fn report(&self, room: &str, command: Command) -> Receipt {
        let call = Call {
            digest: Digest::of(format!("{command:?}").as_bytes()),
            request_bytes: 1,
            operation: None,
            provenance: Provenance::of_engine(ActorKind::ApiKey, "devkey"),
            request: Request::new(RoomName::new(room).unwrap(), command),
        };
        self.engine.execute(call).await.unwrap()
    }

    /// What the log holds of that room after a version.
    pub(crate) async fn events(&self, room: &str, after: u64) -> Vec<Record> {
        let room = RoomName::new(room).unwrap();
        let read = self.engine.history(Some(room), Version(after), 1_000);
        read.await.unwrap()
    }

    /// The version that the room is at.
    pub(crate) fn version(&self, room: &str) -> u64 {
        let room = self.engine.live(&RoomName::new(room).unwrap()).unwrap();
        room.version.0
    }
}

pub(crate) fn accepted(receipt: &Receipt) -> bool {
    !matches!(receipt.status, Status::Refused(_))
}

/// A token of the dev key with these grants.
pub(crate) fn bearer(video: &Value) -> String {
    mint(&json!({"iss": "devkey", "nbf": NOW_S, "exp": NOW_S + 600, "video": video}))
}

pub(crate) fn mint(claims: &Value) -> String {
    let header = json!({"alg": "HS256", "typ": "JWT"}).to_string();
    signed(&header, &claims.to_string(), Algorithm::HS256, "secret")
}

pub(crate) fn admin(room: &str) -> Value {
    json!({"roomAdmin": true, "room": room})
}

pub(crate) fn create() -> Value {
    json!({"roomCreate": true})
}

/// A token to join with.
pub(crate) fn join_token(who: &str, room: &str) -> String {
    mint(
        &json!({"iss": "devkey", "sub": who, "nbf": NOW_S - 10, "exp": NOW_S + 600,
        "video": {"roomJoin": true, "room": room}}),
    )
}

/// A room "r" with alice in it, who publishes a microphone and a camera.
pub(crate) async fn room_with_alice() -> Server {
    let server = Server::start();
    assert!(accepted(&server.join(&join_token("alice", "r")).await));
    for (source, name) in [(Source::Microphone, "mic"), (Source::Camera, "cam")] {
        assert!(accepted(&server.publish("r", "alice", source, name).await));
    }
    server
}

/// The kinds of events, in order.
pub(crate) fn kinds(events: &[Record]) -> Vec<Kind> {
    events.iter().map(|it| it.event.event.kind()).collect()
}
