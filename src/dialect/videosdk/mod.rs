//! VideoSDK's admin API, both versions: from a request to a call with its caller, and from what the
//! call gives to the answer. Apart from the other dialects, none of whose words it knows; it
//! decides nothing about rooms.

mod asked;
mod body;
pub mod call;
pub mod causes;
pub mod error;
mod leaving;
mod page;
mod render;
mod rooms;
mod sessions;
mod stint;
pub mod token;
pub mod urlencoded;
mod write;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use serde::Serialize;

use crate::dialect::auth::keys::KeyRing;
use crate::dialect::auth::rate::RateLimits;
use crate::dialect::catalogue::SharedCatalogue;
use crate::dialect::recorded::Recorded;
use crate::dialect::videosdk::asked::Asked;
use crate::dialect::videosdk::call::{Call, NoRoute, route};
use crate::dialect::videosdk::error::ApiError;
use crate::engine::{Engine, IdSource, Receipt};

pub use body::BODY_BYTES_MAX;

/// The dialect on an engine.
#[derive(Clone)]
pub struct VideoSdk {
    engine: Engine,
    keys: Arc<KeyRing>,
    catalogue: SharedCatalogue,
    /// Names rooms that are made without one.
    ids: Arc<dyn IdSource>,
    limits: Option<Arc<RateLimits>>,
}

impl VideoSdk {
    /// On a running engine, for callers with tokens of these keys. The catalogue is of the same
    /// engine.
    pub fn new(
        engine: Engine,
        keys: Arc<KeyRing>,
        catalogue: SharedCatalogue,
        ids: Arc<dyn IdSource>,
    ) -> Self {
        Self {
            engine,
            keys,
            catalogue,
            ids,
            limits: None,
        }
    }

    /// Lets each key call only so often.
    #[must_use]
    pub fn limited(mut self, limits: Option<Arc<RateLimits>>) -> Self {
        self.limits = limits;
        self
    }

    /// Answers one request, whose path begins with the endpoint's own.
    pub async fn respond(&self, request: axum::http::Request<Body>) -> Response {
        let routed = route(request.method().as_str(), below(request.uri().path()));
        let routed = match routed {
            Ok(routed) => routed,
            Err(NoRoute::Path) => return nowhere(),
            Err(NoRoute::Method) => return wrong_method(),
        };
        match self.ask(request, routed).await {
            Ok(asked) => match self.answer(&asked).await {
                Ok(answer) => answer.into_response(),
                Err(error) => error.into_response(),
            },
            Err(error) => error.into_response(),
        }
    }

    async fn answer(&self, asked: &Asked) -> Result<Answer, ApiError> {
        match asked.call {
            Call::CreateMeeting | Call::CreateRoom => self.create_room(asked).await,
            Call::ListMeetings | Call::ListRooms => self.list_rooms(asked).await,
            Call::ValidateMeeting | Call::GetMeeting | Call::ValidateRoom | Call::GetRoom => {
                self.get_room(asked).await
            }
            Call::DeactivateRoom => self.deactivate_room(asked).await,
            Call::UpdateRoom => self.update_room(asked).await,
            Call::ListMeetingSessions | Call::ListSessions => self.list_sessions(asked).await,
            Call::GetMeetingSession | Call::GetSession => self.get_session(asked).await,
            Call::EndMeetingSession | Call::EndSession => self.end_session(asked).await,
            Call::RemoveFromMeeting | Call::RemoveParticipant => self.remove(asked).await,
            Call::ListParticipants => self.list_participants(asked).await,
            Call::ListActive => self.list_active(asked).await,
            Call::GetParticipant => self.get_participant(asked).await,
            Call::SessionStats | Call::ParticipantStats => self.stats(asked).await,
        }
    }

    /// Seconds since 1970, by the wall clock: tokens are judged by it (log.md rule 21).
    fn now_s(&self) -> i64 {
        self.engine.clock().wall().seconds()
    }
}

/// The dialect's routes.
pub fn router(dialect: VideoSdk) -> Router {
    let respond = async move |request: Request| dialect.respond(request).await;
    Router::new().route(&format!("{ENDPOINT}/{{*path}}"), any(respond))
}

/// What a request is called: the call's own name, or `other`.
pub fn call_name(request: &Request) -> String {
    let routed = route(request.method().as_str(), below(request.uri().path()));
    routed.map_or_else(|_| "other".to_owned(), |it| it.call.name().to_owned())
}

/// What a call gives.
struct Answer {
    body: Vec<u8>,
    recorded: Option<Recorded>,
}

impl Answer {
    /// An answer that the log knows nothing of.
    fn read(body: &impl Serialize) -> Self {
        Self {
            body: serde_json::to_vec(body).unwrap_or_default(),
            recorded: None,
        }
    }

    /// The answer to a write.
    fn recorded(body: &impl Serialize, receipt: &Receipt) -> Self {
        Self {
            recorded: Some(Recorded::of(receipt)),
            ..Self::read(body)
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let json = HeaderValue::from_static("application/json");
        let mut response = ([(header::CONTENT_TYPE, json)], self.body).into_response();
        if let Some(recorded) = self.recorded {
            recorded.mark(response.headers_mut());
        }
        response
    }
}

/// The path below the endpoint.
fn below(path: &str) -> &str {
    path.strip_prefix(ENDPOINT).unwrap_or(path)
}

fn nowhere() -> Response {
    let words = "there is no such call: docs/videosdk.md lists them";
    ApiError::new(StatusCode::NOT_FOUND, "no-such-route", words).into_response()
}

fn wrong_method() -> Response {
    let words = "the call takes another method: docs/videosdk.md lists them";
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", words).into_response()
}

/// What clients set their endpoint to, behind the host; their paths go on with `/v1` and `/v2`.
pub const ENDPOINT: &str = "/videosdk";

/// How events and figures name the dialect.
pub const DIALECT: &str = "videosdk";
