//! Daily's REST API at `/daily/v1`: rooms, tokens, and all that it lets an admin do and read in a
//! meeting. Apart from the rules: it reads strictly, asks the engine, and answers in Daily's words;
//! it decides nothing.

mod asked;
mod auth;
mod batch;
pub mod call;
pub mod causes;
pub mod error;
mod fields;
mod form;
mod logs;
mod meetings;
mod page;
mod people;
pub mod permission;
mod presence;
mod properties;
mod query;
mod rooms;
mod shared;
mod state;
pub mod token;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::any;

use asked::{Answer, Asked};
use call::{Call, Route, route};
use error::{Error, Kind};
use query::Query;
pub use state::Daily;

use crate::dialect::coverage::Answered;
use crate::dialect::metrics::{Counting, Requests};
use crate::dialect::recorded::Recorded;

impl Daily {
    /// Answers one request.
    pub async fn respond(&self, request: Request) -> Response {
        let writes = request.method() != Method::GET;
        let mut response = match self.answer(request).await {
            Ok(answer) => answer.into_response(),
            Err(error) => error.into_response(),
        };
        if writes && !Recorded::is_marked(response.headers()) {
            let head = Recorded {
                position: self.engine.head().0,
                replayed: false,
            };
            head.mark(response.headers_mut());
        }
        response
    }

    async fn answer(&self, request: Request<Body>) -> Result<Answer, Error> {
        let (parts, body) = request.into_parts();
        // Before the body is read: nobody unknown makes us hold it.
        let key = auth::key(&self.keys.ring(), &parts.headers)?;
        if let Some(limits) = &self.limits {
            let admitted = limits.admit_as(&key.key_id, None);
            admitted.map_err(|too_often| Error::from(&too_often))?;
        }
        let (call, named) = match route(parts.method.as_str(), below(parts.uri.path())) {
            Route::Call(call, named) => (call, named),
            Route::WrongMethod => {
                let status = StatusCode::METHOD_NOT_ALLOWED;
                let info = "this route takes another method";
                return Err(Error::new(status, Kind::InvalidRequest, info));
            }
            Route::Unknown => return Err(Error::not_found("there is no such route")),
        };
        let asked = Asked::take_in(self.reading_as(&key), call, named, key, parts, body).await?;
        asked.allow().await?;
        carry_out(&asked).await
    }
}

/// Refuses a query where a call takes none; where the call names a room, that is recorded.
async fn refuse_query(asked: &Asked) -> Result<(), Error> {
    let needs_media = asked.call.answered() == Answered::NeedsMedia;
    if takes_query(asked.call) || needs_media {
        return Ok(());
    }
    let Err(error) = asked.query().and_then(Query::finish) else {
        return Ok(());
    };
    let is_recorded = asked.call.answered() == Answered::Recorded;
    match asked.room() {
        Ok(room) if is_recorded => Err(asked.refuse(&room, error).await),
        Ok(_) | Err(_) => Err(error),
    }
}

/// Whether a call reads its query itself.
const fn takes_query(call: Call) -> bool {
    matches!(
        call,
        Call::ListRooms
            | Call::GetPresence
            | Call::GetRoomPresence
            | Call::GetMeetingInfo
            | Call::GetIndividualMeetingInfo
            | Call::GetMeetingParticipants
            | Call::ListApiLogs
            | Call::ValidateMeetingToken
    )
}

async fn carry_out(asked: &Asked) -> Result<Answer, Error> {
    refuse_query(asked).await?;
    match asked.call {
        Call::GetDomainConfig => Ok(rooms::domain()),
        Call::ListRooms => rooms::list(asked).await,
        Call::CreateRoom => rooms::create(asked).await,
        Call::GetRoomConfig => rooms::get(asked).await,
        Call::SetRoomConfig => rooms::update(asked).await,
        Call::DeleteRoom => rooms::delete(asked).await,
        Call::UpdatePermissions => people::update_permissions(asked).await,
        Call::Eject => people::eject(asked).await,
        Call::SendAppMessage => shared::send_app_message(asked).await,
        Call::GetSessionData => shared::get_session_data(asked).await,
        Call::SetSessionData => shared::set_session_data(asked).await,
        Call::GetPresence => presence::everywhere(asked).await,
        Call::GetRoomPresence => presence::in_room(asked).await,
        Call::GetMeetingInfo => meetings::list(asked).await,
        Call::GetIndividualMeetingInfo => meetings::one(asked).await,
        Call::GetMeetingParticipants => meetings::people(asked).await,
        Call::ListApiLogs => logs::list(asked).await,
        Call::CreateMeetingToken => token::create(asked).await,
        Call::ValidateMeetingToken => token::validate(asked),
        Call::BatchRoomCreate => batch::create(asked).await,
        Call::BatchRoomDelete => batch::delete(asked).await,
        Call::RecordingsStart
        | Call::RecordingsUpdate
        | Call::RecordingsStop
        | Call::LiveStreamingStart
        | Call::LiveStreamingUpdate
        | Call::LiveStreamingStop
        | Call::TranscriptionStart
        | Call::TranscriptionUpdate
        | Call::TranscriptionStop
        | Call::DialOutStart
        | Call::DialOutSendDtmf
        | Call::DialOutStop
        | Call::SipCallTransfer
        | Call::SipRefer
        | Call::ListRecordings
        | Call::GetRecordingInfo
        | Call::DeleteRecording
        | Call::GetRecordingLink => Err(Error::needs_media(asked.call.name())),
    }
}

/// All routes, at `/daily/v1`; whatever else is below `/daily` is no route of Daily's.
pub fn router(daily: Daily, requests: Requests) -> Router {
    let counting = Counting {
        requests,
        clock: Arc::clone(daily.engine.clock()),
        dialect: call::DIALECT,
        call: call_name,
    };
    let answer = any(async move |request: Request| daily.respond(request).await);
    let routes = ["", "/", "/{*rest}"].into_iter();
    let router = routes.fold(Router::new(), |router, rest| {
        router.route(&format!("{DAILY}{rest}"), answer.clone())
    });
    counting.of(router)
}

/// A call's own name, so that there are as many as calls.
fn call_name(request: &Request) -> String {
    let routed = route(request.method().as_str(), below(request.uri().path()));
    let name = match routed {
        Route::Call(call, _) => Call::name(call),
        Route::WrongMethod | Route::Unknown => "other",
    };
    name.to_owned()
}

/// The path below the version; the whole of one that has none, which is no route.
fn below(path: &str) -> &str {
    let own = path.strip_prefix(DAILY);
    let own = own.and_then(|path| path.strip_prefix(VERSION));
    let own = own.filter(|path| path.is_empty() || path.starts_with('/'));
    own.unwrap_or(path)
}

const DAILY: &str = "/daily";
const VERSION: &str = "/v1";
