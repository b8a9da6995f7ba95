//! VideoSDK's admin API, both versions: from a request to a call with its caller, and from what the
//! call gives to the answer. Apart from the other dialects, none of whose words it knows; it
//! decides nothing about rooms.

mod answer;
mod asked;
mod body;
pub mod call;
pub mod causes;
mod crowd;
pub mod error;
mod leaving;
mod modes;
mod page;
mod render;
mod rooms;
mod sessions;
mod state;
mod stint;
pub mod token;
mod write;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use crate::dialect::videosdk::answer::Answer;
use crate::dialect::videosdk::asked::Asked;
use crate::dialect::videosdk::call::{Call, NoRoute, route};
use crate::dialect::videosdk::error::ApiError;

pub use body::BODY_BYTES_MAX;
pub use state::{DIALECT, ENDPOINT, VideoSdk};

impl VideoSdk {
    /// Answers one request, whose path begins with the endpoint's own.
    pub async fn respond(&self, request: axum::http::Request<Body>) -> Response {
        let routed = route(request.method().as_str(), below(request.uri().path()));
        let routed = match routed {
            Ok(routed) => routed,
            Err(NoRoute::Path) => return nowhere(),
            Err(NoRoute::Method) => return wrong_method(),
        };
        match self.ask(request, routed).await {
            Ok(asked) => match self.reading_as(&asked.token).answer(&asked).await {
                Ok(answer) => answer.into_response(),
                Err(error) => error.into_response(),
            },
            Err(error) => error.into_response(),
        }
    }

    async fn answer(&self, asked: &Asked) -> Result<Answer, ApiError> {
        if !is_list(asked.call) {
            page::takes_none(&asked.query)?;
        }
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
}

/// Whether a call reads its query itself.
const fn is_list(call: Call) -> bool {
    matches!(
        call,
        Call::ListMeetings
            | Call::ListRooms
            | Call::ListMeetingSessions
            | Call::ListSessions
            | Call::ListParticipants
            | Call::ListActive
    )
}

/// The dialect's routes.
pub fn router(dialect: VideoSdk) -> Router {
    let respond = any(async move |request: Request| dialect.respond(request).await);
    let paths = ["", "/", "/{*path}"].into_iter();
    paths.fold(Router::new(), |router, path| {
        router.route(&format!("{ENDPOINT}{path}"), respond.clone())
    })
}

/// What a request is called: the call's own name, or `other`.
pub fn call_name(request: &Request) -> String {
    let routed = route(request.method().as_str(), below(request.uri().path()));
    routed.map_or_else(|_| "other".to_owned(), |it| it.call.name().to_owned())
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
