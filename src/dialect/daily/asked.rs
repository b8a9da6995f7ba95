//! A request of a known caller on its way: what it names, what its body says, what came of it.
//! Apart because refusals are recorded wherever a room is named, and every answer tells where it
//! stands. It knows no call.

use std::fmt::Debug;
use std::sync::OnceLock;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use crate::dialect::body::{self, NoBody};
use crate::dialect::body_memory;
use crate::dialect::caller::{Proven, Said};
use crate::dialect::coverage::Answered;
use crate::dialect::daily::auth::Shown;
use crate::dialect::daily::call::{Call, DIALECT};
use crate::dialect::daily::error::{Error, Kind};
use crate::dialect::daily::fields::{Fields, Wrong};
use crate::dialect::daily::query::Query;
use crate::dialect::daily::state::Daily;
use crate::dialect::javascript;
use crate::dialect::reach;
use crate::dialect::recorded::Recorded;
use crate::domain::{Command, Digest, Rejection, Request, RoomName};
use crate::engine::{self, Receipt, Status};

/// A request whose caller and call are known.
pub(super) struct Asked {
    pub(super) daily: Daily,
    pub(super) call: Call,
    pub(super) key: Shown,
    pub(super) said: Said,
    named: Vec<String>,
    parts: Parts,
    body: Result<Bytes, NoBody>,
    digest: Digest,
    /// What all commands of a call about several rooms come to.
    whole: OnceLock<Digest>,
}

/// What a call came to.
pub(super) struct Answer {
    body: Body,
    recorded: Option<Recorded>,
}

impl Answer {
    /// Of something read.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is answered is made for the answer"
    )]
    pub(super) fn read(body: Value) -> Self {
        Self::written(javascript::json(&body).into())
    }

    /// Of something read that is written as it is made.
    pub(super) const fn written(body: Body) -> Self {
        Self {
            body,
            recorded: None,
        }
    }

    /// Of something recorded.
    pub(super) fn recorded(body: Value, receipt: &Receipt) -> Self {
        Self {
            recorded: Some(Recorded::of(receipt)),
            ..Self::read(body)
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let kind = HeaderValue::from_static("application/json");
        let mut response = ([(header::CONTENT_TYPE, kind)], self.body).into_response();
        if let Some(recorded) = self.recorded {
            recorded.mark(response.headers_mut());
        }
        response
    }
}

impl Asked {
    /// Takes in a request and its body, as far as it can be.
    ///
    /// # Errors
    /// 503 where other bodies hold all that they may; not recorded.
    pub(super) async fn take_in(
        daily: Daily,
        call: Call,
        named: Vec<String>,
        key: Shown,
        parts: Parts,
        body: Body,
    ) -> Result<Self, Error> {
        let body = body::whole(&parts, body, BODY_BYTES_MAX).await;
        if let Err(NoBody::Crowded(_)) = body {
            body.as_ref().map_err(|crowded| Error::from(*crowded))?;
        }
        Ok(Self {
            daily,
            call,
            key,
            said: Said::new(&parts),
            named,
            digest: body::digest(&parts, body.as_deref().unwrap_or_default()),
            parts,
            body,
            whole: OnceLock::new(),
        })
    }

    /// Makes each of several commands known by all of them: a repeat has the same ones.
    pub(super) fn of_several(&self, all: &impl Debug) {
        self.whole
            .get_or_init(|| Digest::of(format!("{all:?}").as_bytes()));
    }

    /// What stands in the path behind the first colon of the route.
    pub(super) fn named(&self) -> &str {
        self.named.first().map_or("", String::as_str)
    }

    /// The room that the path names.
    ///
    /// # Errors
    /// 404 for what can be no room's name: nothing can be recorded of it.
    pub(super) fn room(&self) -> Result<RoomName, Error> {
        RoomName::new(self.named()).map_err(|error| Error::not_found(error.to_string()))
    }

    /// Refuses what the key that is shown is not for; recorded where it would be a write to a room.
    ///
    /// # Errors
    /// 403.
    pub(super) async fn allow(&self) -> Result<(), Error> {
        let named = if self.call == Call::CreateRoom {
            self.text_of_body("name")
        } else if self.call == Call::CreateMeetingToken {
            self.token_room()
        } else {
            let is_of_one = self.call.path().starts_with(ONE_ROOM);
            is_of_one.then(|| self.named().to_owned())
        };
        if self.key.may(self.call, named.as_deref()) {
            return Ok(());
        }
        let named = named.unwrap_or_else(|| EVERY_ROOM.to_owned());
        let denied = Rejection::NotGranted {
            room: named.clone(),
            key_id: self.key.key_id.clone(),
            call: self.call.name().to_owned(),
        }
        .bounded();
        Err(match RoomName::new(&named) {
            Ok(room) if self.call.answered() == Answered::Recorded => {
                self.object(&room, denied).await
            }
            _ => Error::rejected(&denied),
        })
    }

    fn token_room(&self) -> Option<String> {
        let body: Value = serde_json::from_slice(self.body.as_ref().ok()?).ok()?;
        let room = body.get("properties")?.get("room_name")?;
        room.as_str().map(str::to_owned)
    }

    /// The query.
    ///
    /// # Errors
    /// 400 when it is none.
    pub(super) fn query(&self) -> Result<Query, Error> {
        Query::of(&self.parts.uri)
    }

    /// Scheme and host by which the caller reached us, without a slash at the end.
    pub(super) fn origin(&self) -> String {
        reach::base(&self.parts).unwrap_or_else(|| "http://localhost".to_owned())
    }

    /// Reads the body, all of it, of a call about no one room.
    ///
    /// # Errors
    /// 400 when it cannot be read, 413 when it is too large; not recorded.
    pub(super) fn read<T>(
        &self,
        read: impl FnOnce(&mut Fields) -> Result<T, Wrong>,
    ) -> Result<T, Error> {
        let body = self.body.as_ref().map_err(|error| Error::from(*error))?;
        let all = || {
            let mut fields = Fields::parse(body)?;
            let value = read(&mut fields)?;
            fields.finish().map(|()| value)
        };
        all().map_err(|wrong| {
            let kind = if wrong.is_json {
                Kind::InvalidRequest
            } else {
                Kind::JsonParsing
            };
            Error::new(StatusCode::BAD_REQUEST, kind, wrong.to_string())
        })
    }

    /// A text of the body, also where the body as a whole cannot be read.
    pub(super) fn text_of_body(&self, name: &str) -> Option<String> {
        let body: Value = serde_json::from_slice(self.body.as_ref().ok()?).ok()?;
        body.get(name)?.as_str().map(str::to_owned)
    }

    /// Reads the body of a call about this room.
    ///
    /// # Errors
    /// As [`Asked::read`], recorded.
    pub(super) async fn read_about<T>(
        &self,
        room: &RoomName,
        read: impl FnOnce(&mut Fields) -> Result<T, Wrong>,
    ) -> Result<T, Error> {
        match self.read(read) {
            Ok(read) => Ok(read),
            Err(error) => Err(self.refuse(room, error).await),
        }
    }

    /// Records that what came could not be done, and answers with the error.
    pub(super) async fn refuse(&self, room: &RoomName, error: Error) -> Error {
        let objection = Rejection::Invalid {
            what: recorded_as(&error).unwrap_or(self.call.name()).into(),
            problem: error.info().to_owned(),
        };
        self.record(room, objection, error).await
    }

    /// Records why what came cannot be done, and answers with that.
    pub(super) async fn object(&self, room: &RoomName, objection: Rejection) -> Error {
        let error = Error::rejected(&objection);
        self.record(room, objection, error).await
    }

    async fn record(&self, room: &RoomName, objection: Rejection, error: Error) -> Error {
        let mut request = Request::new(room.clone(), Command::Unread(self.call.name()));
        request.objection = Some(objection);
        match self.send(request).await {
            Ok(receipt) => error.recorded_by(Recorded::of(&receipt)),
            Err(other) => other,
        }
    }

    /// Has a command decided, and waits until what came of it is durable. The decision goes on when
    /// the client goes away.
    ///
    /// # Errors
    /// The refusal, or why there is no outcome.
    pub(super) async fn execute(
        &self,
        room: &RoomName,
        command: Command,
    ) -> Result<Receipt, Error> {
        self.settle(Request::new(room.clone(), command)).await
    }

    /// The same for a request that says more than its command.
    ///
    /// # Errors
    /// As there.
    pub(super) async fn settle(&self, request: Request) -> Result<Receipt, Error> {
        let receipt = self.send(request).await?;
        match &receipt.status {
            Status::Refused(refused) => Err(Error::refused(refused, &receipt)),
            Status::Accepted | Status::NoEffect | Status::Unchanged => Ok(receipt),
        }
    }

    /// Has a request decided, whatever comes of it.
    ///
    /// # Errors
    /// Why there is no outcome.
    pub(super) async fn send(&self, request: Request) -> Result<Receipt, Error> {
        // The key by itself is the application: it may speak for whom it names.
        let proven = Proven {
            key_id: &self.key.key_id,
            subject: None,
            token_sha256: None,
            may_speak_for_others: true,
        };
        let provenance = self.said.provenance(&proven, DIALECT, self.call.name());
        let provenance = provenance.map_err(|rejection| Error::rejected(&rejection))?;
        let bytes = self.body.as_ref().map_or(0, Bytes::len);
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let mut call = engine::Call::decoded(request, provenance, self.digest, bytes);
        if let (None, Some(whole)) = (&call.request.objection, self.whole.get()) {
            call.digest = *whole;
        }
        Ok(self.daily.engine.execute(call).await?)
    }
}

/// What stands on record before the sentence about a body that could not be read, where it was
/// answered with more than 400 and `invalid-request-error`.
fn recorded_as(error: &Error) -> Option<&'static str> {
    let told = (error.status(), error.kind());
    let mut known = UNREAD.iter();
    let found = known.find(|(_, status, kind)| (*status, *kind) == told);
    found.map(|(what, _, _)| *what)
}

/// Bodies that could not be read: what is recorded, and what was answered.
pub(super) const UNREAD: &[(&str, StatusCode, Kind)] = &[
    ("json", StatusCode::BAD_REQUEST, Kind::JsonParsing),
    ("size", StatusCode::PAYLOAD_TOO_LARGE, Kind::InvalidRequest),
    (
        "content-encoding",
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::InvalidRequest,
    ),
];

/// As the other dialects: what rights of everybody in the largest room need.
const BODY_BYTES_MAX: usize = body_memory::BODY_BYTES_MAX;

/// What a refused call is recorded under that names no room.
const EVERY_ROOM: &str = "*";
/// How the routes about one room begin.
const ONE_ROOM: &str = "/rooms/:name";
