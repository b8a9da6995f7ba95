//! The way of every write: may the caller, what is wrong with it, what came of it. Apart because
//! refusals must be recorded wherever the room is known, also of what cannot be read; it knows no
//! command.

use crate::dialect::caller::Proven;
use crate::dialect::videosdk::asked::Asked;
use crate::dialect::videosdk::error::ApiError;
use crate::dialect::videosdk::state::{DIALECT, VideoSdk};
use crate::domain::{Command, Rejection, Request, RoomName};
use crate::engine::{self, Receipt, Status};

/// What is wrong with a request before the rules look at it, and what its caller is told.
pub(super) struct Fault {
    /// What is recorded.
    pub(super) rejection: Rejection,
    /// What is answered.
    pub(super) error: ApiError,
}

impl Fault {
    /// A value that cannot be.
    pub(super) fn invalid(what: &'static str, error: ApiError) -> Self {
        let problem = error.message.clone();
        Self {
            rejection: Rejection::Invalid {
                what: what.into(),
                problem,
            },
            error,
        }
    }

    /// What the caller's token is not for.
    pub(super) fn denied(asked: &Asked, room: &RoomName, error: ApiError) -> Self {
        Self {
            rejection: Rejection::NotGranted {
                room: room.to_string(),
                key_id: asked.token.key_id.clone(),
                call: asked.call.name().to_owned(),
            },
            error,
        }
    }
}

impl VideoSdk {
    /// Has a request decided, and waits until what came of it is durable. Whether the caller may is
    /// looked at before any other fault.
    ///
    /// # Errors
    /// The refusal, recorded, or why there is no outcome.
    pub(super) async fn write(
        &self,
        asked: &Asked,
        mut request: Request,
        fault: Option<Fault>,
    ) -> Result<Receipt, ApiError> {
        let room = &request.room;
        let denied = asked.denied(room);
        let denied = denied.map(|error| Fault::denied(asked, room, error));
        let call = asked.call.name();
        let token = &asked.token;
        let proven = Proven {
            key_id: &token.key_id,
            subject: token.participant.as_deref(),
            token_sha256: Some(token.sha256),
            may_speak_for_others: token.limits.may_speak_for_others,
        };
        let mismatch = asked.said.mismatch(&proven).map(|rejection| Fault {
            error: ApiError::rejected(&rejection),
            rejection,
        });
        let fault = denied.or(mismatch).or(fault);
        let provenance = asked.said.provenance(&proven, DIALECT, call);
        let provenance = provenance.map_err(|rejection| ApiError::rejected(&rejection))?;
        request.objection = fault.as_ref().map(|fault| fault.rejection.clone());
        let call = engine::Call::decoded(request, provenance, asked.digest, asked.bytes);
        let receipt = self.engine.execute(call).await?;
        match (&receipt.status, fault) {
            (_, Some(fault)) => Err(fault.error.recorded_by(&receipt)),
            (Status::Refused(refused), None) => Err(ApiError::refused(refused, &receipt)),
            (Status::Accepted | Status::NoEffect | Status::Unchanged, None) => Ok(receipt),
        }
    }

    /// Records an attempt on a room that is not there, or that the caller may not see, under the id
    /// that was given, and gives the error to answer. What can be no room's name is no attempt on a
    /// room.
    pub(super) async fn nowhere(
        &self,
        asked: &Asked,
        id: &str,
        command: &'static str,
        error: ApiError,
    ) -> ApiError {
        let name = match (asked.token.may_call(), RoomName::new(id)) {
            (_, Ok(name)) => name,
            (Err(fault), Err(_)) => return fault.into(),
            (Ok(()), Err(_)) => return error,
        };
        let room = if asked.sees(&name) {
            self.engine.room(&name).await.ok().flatten()
        } else {
            None
        };
        let rejection = Rejection::NoSuchRoom {
            room: name.to_string(),
            because: room.and_then(|room| room.deleted),
        };
        let fault = Fault {
            rejection,
            error: error.clone(),
        };
        let request = Request::new(name, Command::Unread(command));
        let written = self.write(asked, request, Some(fault)).await;
        written.err().unwrap_or(error)
    }

    /// Records that what came for a room could not be read, and gives the error to answer.
    pub(super) async fn unread(
        &self,
        asked: &Asked,
        room: &RoomName,
        command: &'static str,
        error: ApiError,
    ) -> ApiError {
        let fault = Fault::invalid("body", error.clone());
        let request = Request::new(room.clone(), Command::Unread(command));
        let written = self.write(asked, request, Some(fault));
        written.await.err().unwrap_or(error)
    }
}
