//! The way of every write: who calls, may they, what do they want, what came of it.
//!
//! Apart because refusals must be recorded wherever the caller is known (also of what cannot be
//! read), and because every answer tells where it stands. It knows no command.

use std::fmt::Debug;

use axum::Json;
use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequest, FromRequestParts, Path, Request as HttpRequest};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::dialect::auth::claims::{Claims, Right};
use crate::dialect::body::{self, LITTLE_BYTES_MAX, NoBody};
use crate::dialect::body_memory;
use crate::dialect::caller::Caller;
use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::query::Query;
use crate::dialect::ledger::state::{DIALECT, Ledger, room_name};
use crate::dialect::recorded::Recorded;
use crate::domain::{Code, Command, Digest, Rejection, Request, RoomName};
use crate::engine::{Call, Receipt, Status};

/// A request of a known caller. Its body is read once it is known that the caller may say
/// something: nobody else makes the server wait, or hold 10 MiB.
pub(super) struct Asked {
    parts: Parts,
    claims: Claims,
    body: Taken,
    /// What is wrong with the query, which no write takes.
    stray_query: Option<String>,
}

/// A body, as far as it is read.
enum Taken {
    Nothing(Body),
    Whole(Result<Bytes, NoBody>),
}

impl FromRequest<Ledger> for Asked {
    type Rejection = Problem;

    async fn from_request(request: HttpRequest, ledger: &Ledger) -> Result<Self, Problem> {
        let claims = ledger.claims(request.headers())?;
        let (parts, body) = request.into_parts();
        let stray_query = Query::of(&parts.uri).and_then(Query::finish).err();
        Ok(Self {
            parts,
            claims,
            body: Taken::Nothing(body),
            stray_query: stray_query.map(|problem| problem.detail().to_owned()),
        })
    }
}

impl Asked {
    pub(super) const fn claims(&self) -> &Claims {
        &self.claims
    }

    pub(super) const fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(super) fn into_parts(self) -> Parts {
        self.parts
    }

    /// Reads the body of a call about no one room.
    ///
    /// # Errors
    /// 400 when it cannot be read, 403 when it is long and the caller may do nothing, 413 when it
    /// is too large, 503 when others hold all that bodies may; none recorded.
    pub(super) async fn read_alone<T>(
        &mut self,
        read: impl FnOnce(&mut Fields) -> Result<T, Wrong>,
    ) -> Result<T, Problem> {
        if let Some(detail) = &self.stray_query {
            return Err(Problem::malformed(detail.clone()));
        }
        if !self.claims.may_act() && self.take_little().await.is_none() {
            return Err(Problem::no_right("the token allows nothing but joining"));
        }
        let body = self.take().await?;
        let body = body.map_err(not_taken_in)?;
        whole(&body, read).map_err(|wrong| Problem::malformed(wrong.to_string()))
    }

    /// How many bytes the body has at the least, as its head says.
    fn declared_bytes(&self) -> u64 {
        match &self.body {
            Taken::Nothing(body) => body.size_hint().lower(),
            Taken::Whole(_) => 0,
        }
    }

    /// As [`body::little`], once.
    async fn take_little(&mut self) -> Option<Bytes> {
        match &mut self.body {
            Taken::Nothing(body) => {
                let body = std::mem::take(body);
                let little = body::little(&self.parts, body, LITTLE_BYTES_MAX).await;
                self.body = Taken::Whole(Ok(little.clone().unwrap_or_default()));
                little
            }
            Taken::Whole(taken) => taken.clone().ok(),
        }
    }

    /// The body, or what is wrong with it.
    ///
    /// # Errors
    /// 503 when others hold all that bodies may.
    async fn take(&mut self) -> Result<Result<Bytes, NoBody>, Problem> {
        if let Taken::Nothing(body) = &mut self.body {
            let body = std::mem::take(body);
            self.body = Taken::Whole(body::taken(&self.parts, body, BODY_BYTES_MAX).await);
        }
        match &self.body {
            Taken::Whole(Err(crowded @ NoBody::Crowded(_))) => Err(not_taken_in(*crowded)),
            Taken::Whole(taken) => Ok(taken.clone()),
            Taken::Nothing(_) => Ok(Err(NoBody::Broken)),
        }
    }
}

/// The parts of a path that are names.
pub(super) struct Named<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = Path::<T>::from_request_parts(parts, state).await;
        let Path(named) = read.map_err(|error| Problem::malformed(error.body_text()))?;
        Ok(Self(named))
    }
}

/// What the caller must be allowed to do in the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// Report what happens.
    Report,
    /// Give commands.
    Admin,
}

impl Need {
    /// Whether a token meets it in a room. Making and deleting rooms is a right of its own, which
    /// holds in all rooms, and for those commands alone.
    fn is_met(self, claims: &Claims, room: &str) -> bool {
        claims.may(self.right(room)) || self == Self::Admin && claims.may(Right::RoomCreate(room))
    }

    fn is_met_somewhere(self, claims: &Claims) -> bool {
        claims.may_somewhere(|room| self.right(room))
            || self == Self::Admin && claims.may_somewhere(Right::RoomCreate)
    }

    const fn right(self, room: &str) -> Right<'_> {
        match self {
            Self::Report => Right::Report(room),
            Self::Admin => Right::Admin(room),
        }
    }
}

/// One write on its way.
#[derive(Clone)]
pub(super) struct Write {
    ledger: Ledger,
    caller: Caller,
    room: RoomName,
    need: Need,
    /// The route, where it takes several commands.
    operation: Option<&'static str>,
    digest: Digest,
    /// What all commands of a report about several rooms come to.
    whole: Option<Digest>,
    body: Result<Bytes, NoBody>,
    /// How many bytes the body has, read or not.
    bytes: u64,
    /// As in [`Asked`].
    stray_query: Option<String>,
}

impl Write {
    /// Takes a request in.
    ///
    /// # Errors
    /// 400 for a room that cannot be: it cannot be recorded.
    pub(super) async fn begin(
        ledger: &Ledger,
        asked: Asked,
        room: &str,
        need: Need,
    ) -> Result<Self, Problem> {
        let mut asked = asked;
        let name = room_name(room)?;
        let claims = &asked.claims;
        let may = |room: &RoomName| need.is_met(claims, room.as_str());
        // Whoever may nothing anywhere is refused under the name as it was given.
        let meant = if need.is_met_somewhere(claims) {
            ledger.meant(name.clone(), may).await?
        } else {
            None
        };
        let declared_bytes = asked.declared_bytes();
        // A caller that may do nothing there is refused whatever the body says.
        let body = if meant.is_some() {
            asked.take().await?
        } else {
            Ok(asked.take_little().await.unwrap_or_default())
        };
        let read_bytes = body.as_ref().map_or(0, Bytes::len);
        let bytes = declared_bytes.max(u64::try_from(read_bytes).unwrap_or(u64::MAX));
        let Asked {
            parts,
            claims,
            stray_query,
            ..
        } = asked;
        let caller = Caller::new(claims, &parts);
        Ok(Self {
            ledger: ledger.clone(),
            room: meant.unwrap_or(name),
            caller,
            need,
            operation: None,
            digest: body::digest(&parts, body.as_deref().unwrap_or_default()),
            whole: None,
            body,
            bytes,
            stray_query,
        })
    }

    /// Makes all commands of a route calls of one name: under one idempotency key, another command
    /// is another body.
    pub(super) fn of_route(self, operation: &'static str) -> Self {
        Self {
            operation: Some(operation),
            ..self
        }
    }

    /// Makes each of several commands known by all of them: a repeat has the same ones.
    pub(super) fn of_several(self, all: &impl Debug) -> Self {
        Self {
            whole: Some(Digest::of(format!("{all:?}").as_bytes())),
            ..self
        }
    }

    /// The same request as it concerns another room.
    pub(super) fn in_room(&self, room: &RoomName) -> Self {
        Self {
            room: room.clone(),
            ..self.clone()
        }
    }

    pub(super) const fn room(&self) -> &RoomName {
        &self.room
    }

    pub(super) const fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Reads the body, all of it, for a call of that name.
    ///
    /// # Errors
    /// 400 when it cannot be read, 413 when it is too large, 403 when the caller may not call at
    /// all; each recorded.
    pub(super) async fn read<T>(
        &self,
        call: &'static str,
        read: impl FnOnce(&mut Fields) -> Result<T, Wrong>,
    ) -> Result<T, Problem> {
        if let Some(detail) = &self.stray_query {
            return Err(self.unread(call, Problem::malformed(detail.clone())).await);
        }
        match &self.body {
            Ok(body) => match whole(body, read) {
                Ok(read) => Ok(read),
                Err(wrong) => Err(self
                    .unread(call, Problem::malformed(wrong.to_string()))
                    .await),
            },
            Err(error) => Err(self.unread(call, not_taken_in(*error)).await),
        }
    }

    /// Records that what came could not be done, and answers with the problem.
    pub(super) async fn unread(&self, call: &'static str, problem: Problem) -> Problem {
        let mut request = self.request(Command::Unread(call));
        request.objection = Some(Rejection::Invalid {
            what: call.into(),
            problem: problem.detail().to_owned(),
        });
        if !self.may(&request.command) || self.caller.mismatch().is_some() {
            return match self.execute(request).await {
                Err(refused) => refused,
                Ok(_) => problem,
            };
        }
        match self.engine_call(request) {
            Err(other) => other,
            Ok(call) => match self.ledger.engine.execute(call).await {
                Ok(receipt) => problem.recorded_by(&receipt),
                Err(error) => error.into(),
            },
        }
    }

    /// Records that the token does not grant a call, and answers with the problem.
    pub(super) async fn not_granted(&self, call: &'static str, problem: Problem) -> Problem {
        let objection = Rejection::NotGranted {
            room: self.room.to_string(),
            key_id: self.caller.claims.key_id.clone(),
            call: call.to_owned(),
        };
        self.objected(call, objection, problem).await
    }

    /// Records why a call is refused, and answers with the problem.
    pub(super) async fn objected(
        &self,
        call: &'static str,
        why: Rejection,
        problem: Problem,
    ) -> Problem {
        let mut request = self.request(Command::Unread(call));
        request.objection = Some(why);
        match self.engine_call(request) {
            Err(other) => other,
            Ok(call) => match self.ledger.engine.execute(call).await {
                Ok(receipt) => problem.recorded_by(&receipt),
                Err(error) => error.into(),
            },
        }
    }

    /// A request about the room, with nothing but the command.
    pub(super) fn request(&self, command: Command) -> Request {
        Request::new(self.room.clone(), command)
    }

    /// Refuses a command that the caller may not give, before anything is looked up for it.
    ///
    /// # Errors
    /// The refusal, recorded.
    pub(super) async fn require(&self, command: &Command) -> Result<(), Problem> {
        if self.may(command) {
            return Ok(());
        }
        self.execute(self.request(command.clone())).await.map(drop)
    }

    /// The room that a move of this write goes to, of those that the caller may move to.
    ///
    /// # Errors
    /// As [`Ledger::meant`].
    pub(super) async fn destination(&self, named: &RoomName) -> Result<RoomName, Problem> {
        if !self.caller.claims.may(self.need.right(self.room.as_str())) {
            return Ok(named.clone());
        }
        let may = |to: &RoomName| self.may_move(to);
        let meant = self.ledger.meant(named.clone(), may).await?;
        Ok(meant.unwrap_or_else(|| named.clone()))
    }

    /// Has it decided, and waits until what came of it is durable. The decision goes on when the
    /// client goes away.
    ///
    /// # Errors
    /// The refusal, or why there is no outcome.
    pub(super) async fn execute(&self, request: Request) -> Result<Receipt, Problem> {
        let mut request = request;
        if !self.may(&request.command) {
            request.objection = Some(Rejection::NotGranted {
                room: self.not_reached(&request.command).to_string(),
                key_id: self.caller.claims.key_id.clone(),
                call: request.command.name().to_owned(),
            });
        } else if let Some(mismatch) = self.caller.mismatch() {
            request.objection = Some(mismatch);
        }
        let call = self.engine_call(request)?;
        let receipt = self.ledger.engine.execute(call).await?;
        match &receipt.status {
            Status::Refused(refused) => Err(Problem::refused(refused, &receipt)),
            Status::Accepted | Status::NoEffect | Status::Unchanged => Ok(receipt),
        }
    }

    /// The rooms of the call that this one repeats, as far as that is remembered.
    ///
    /// # Errors
    /// 400 for headers that cannot be recorded; why the engine does not answer.
    pub(super) async fn earlier_rooms(&self, command: Command) -> Result<Vec<RoomName>, Problem> {
        let call = self.engine_call(self.request(command))?;
        Ok(self.ledger.engine.earlier_rooms(&call).await?)
    }

    fn engine_call(&self, request: Request) -> Result<Call, Problem> {
        let provenance = self.caller.provenance(DIALECT, request.command.name());
        let provenance = provenance.map_err(|error| Problem::malformed(error.to_string()))?;
        let mut call = Call::decoded(request, provenance, self.digest, self.bytes);
        call.operation = self.operation;
        if let (None, Some(whole)) = (&call.request.objection, self.whole) {
            call.digest = whole;
        }
        Ok(call)
    }

    fn may(&self, command: &Command) -> bool {
        let claims = &self.caller.claims;
        let room = self.room.as_str();
        let makes_rooms = matches!(command, Command::CreateRoom(_) | Command::DeleteRoom);
        if makes_rooms && claims.may(Right::RoomCreate(room)) {
            return true;
        }
        if let Command::Move { to_room, .. } = command {
            return self.may_move(to_room);
        }
        claims.may(self.need.right(room))
    }

    /// The room that a refused command is not allowed in: of a move, the other one where this is.
    fn not_reached<'a>(&'a self, command: &'a Command) -> &'a RoomName {
        if let Command::Move { to_room, .. } = command
            && self.caller.claims.may(self.need.right(self.room.as_str()))
        {
            return to_room;
        }
        &self.room
    }

    fn may_move(&self, to_room: &RoomName) -> bool {
        let claims = &self.caller.claims;
        let (from, to) = (self.room.as_str(), to_room.as_str());
        let both = claims.may(Right::Admin(from)) && claims.may(Right::Admin(to));
        both || claims.may(Right::MoveTo { from, to })
    }
}

/// The answer to a write, with where it stands in the log.
pub(super) fn answer(status: StatusCode, receipt: &Receipt, body: &impl Serialize) -> Response {
    let mut response = (status, Json(body)).into_response();
    Recorded::of(receipt).mark(response.headers_mut());
    response
}

fn whole<T>(body: &[u8], read: impl FnOnce(&mut Fields) -> Result<T, Wrong>) -> Result<T, Wrong> {
    let mut fields = Fields::parse(body)?;
    let value = read(&mut fields)?;
    fields.finish()?;
    Ok(value)
}

fn not_taken_in(error: NoBody) -> Problem {
    let (status, detail) = (error.status(), error.to_string());
    match error {
        NoBody::TooLarge { .. } => Problem::new(status, Code::TooLarge.as_str(), detail),
        NoBody::Packed => Problem::new(status, "unsupported-encoding", detail),
        NoBody::Crowded(_) => Problem::new(status, "overloaded", detail)
            .retry_after(error.retry_after_s().unwrap_or_default()),
        NoBody::Broken => Problem::malformed(detail),
    }
}

/// As LiveKit's newer builds: what a message of the largest size needs.
pub(super) const BODY_BYTES_MAX: usize = body_memory::BODY_BYTES_MAX;

/// What a refused call about all rooms is recorded under.
pub(super) const EVERY_ROOM: &str = "*";
