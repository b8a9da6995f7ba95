//! The two writes to a session: somebody is removed, everybody is. Apart because both answer with
//! the moment of the request: that they left is a later event, and a later read.

use std::sync::Arc;

use crate::dialect::recorded::Recorded;
use crate::dialect::videosdk::answer::Answer;
use crate::dialect::videosdk::asked::Asked;
use crate::dialect::videosdk::body::Fields;
use crate::dialect::videosdk::call::Call;
use crate::dialect::videosdk::crowd::Crowd;
use crate::dialect::videosdk::error::{ApiError, VendorCode, cut};
use crate::dialect::videosdk::render::session::Shape;
use crate::dialect::videosdk::state::VideoSdk;
use crate::dialect::videosdk::token::has_space;
use crate::dialect::videosdk::write::Fault;
use crate::domain::command::{Remove, Target};
use crate::domain::{Code, Command, Event, Identity, Request, Room, RoomName, Version};
use crate::engine::{Receipt, Status};
use crate::replay::SessionEntry;

use axum::http::StatusCode;

impl VideoSdk {
    /// Removes a participant; they may come back.
    pub(super) async fn remove(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let (meant, fields) = self.meant(asked, "remove").await?;
        let wanted = match participant(&fields) {
            Ok(wanted) => wanted,
            Err(error) => return Err(self.unread(asked, &meant.room, "remove", error).await),
        };
        let fault = not_theirs(asked, &meant, wanted).or(meant.fault());
        let misnamed = |problem: String| {
            let error = ApiError::invalid(problem).coded(VendorCode::InvalidParticipantId);
            Some(Fault::invalid("participantId", error))
        };
        let (target, misnamed) = match Identity::new(wanted) {
            // Other vendors' people may have such names, and be removed by them.
            Ok(identity) if has_space(&identity) && !self.knows(&meant.room, &identity).await? => {
                let problem = "participantId must not have whitespace".to_owned();
                (Target::Identity(identity), misnamed(problem))
            }
            Ok(identity) => (Target::Identity(identity), None),
            Err(error) => (Target::Connection(cut(wanted)), misnamed(error.to_string())),
        };
        let request = meant.request(Command::Remove(Remove::new(target)));
        let written = self.write(asked, request, fault.or(misnamed)).await;
        answered(asked, &written.map_err(|error| meant.told(error))?).await
    }

    async fn knows(&self, room: &RoomName, identity: &Identity) -> Result<bool, ApiError> {
        let room = self.engine.room(room).await?;
        Ok(room.is_some_and(|room| room.person_by_identity(identity).is_some()))
    }

    /// Ends the session.
    pub(super) async fn end_session(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let (meant, fields) = self.meant(asked, "end_session").await?;
        let tolerant = match fields.flag("ignoreClosed") {
            Ok(tolerant) => tolerant,
            Err(error) => return Err(self.unread(asked, &meant.room, "end_session", error).await),
        };
        let request = meant.request(if tolerant {
            Command::EndSessionIfOpen
        } else {
            Command::EndSession
        });
        let ended = self.write(asked, request, meant.fault()).await;
        let receipt = ended.map_err(|error| meant.told(error))?;
        if receipt.status == Status::NoEffect {
            return self.ended_already(asked, &meant, &receipt).await;
        }
        answered(asked, &receipt).await
    }

    /// The room, and the session where one is named: by the path, else by the body.
    ///
    /// # Errors
    /// 404; 400 for a body that does not say, or that cannot be read.
    async fn meant(
        &self,
        asked: &Asked,
        command: &'static str,
    ) -> Result<(Meant, Fields), ApiError> {
        let fields = asked.fields();
        if !asked.names.is_empty() {
            let entry = self.known_session(asked, asked.name(0), command).await?;
            return match fields {
                Ok(fields) => Ok((Meant::of(entry), fields)),
                Err(error) => Err(self.unread(asked, &entry.room, command, error).await),
            };
        }
        let fields = fields?;
        let mut room = None;
        if let Some(id) = fields.text("roomId")? {
            let Some(entry) = self.find_kept(asked, id).await? else {
                let error = ApiError::no_room(id);
                return Err(self.nowhere(asked, id, command, error).await);
            };
            room = Some(entry.name);
        }
        let session = match fields.text("sessionId")? {
            Some(id) => Some(self.known_session(asked, id, command).await?),
            None => None,
        };
        let meant = match (room, session) {
            (room, Some(entry)) => Meant {
                elsewhere: room.is_some_and(|room| room != entry.room),
                ..Meant::of(entry)
            },
            (Some(room), None) => Meant {
                room,
                session: None,
                elsewhere: false,
            },
            (None, None) => return Err(ApiError::invalid("give roomId or sessionId")),
        };
        Ok((meant, fields))
    }

    /// The session of that id. An attempt of a caller that may not call, or not there, is recorded
    /// under the id, whatever it is the id of.
    async fn known_session(
        &self,
        asked: &Asked,
        id: &str,
        command: &'static str,
    ) -> Result<SessionEntry, ApiError> {
        match self.session_entry(asked, id).await {
            Err(error) if asked.is_narrow() => Err(self.nowhere(asked, id, command, error).await),
            found => found,
        }
    }

    /// The session that was over before its end was asked for, where the caller tolerates that.
    async fn ended_already(
        &self,
        asked: &Asked,
        meant: &Meant,
        receipt: &Receipt,
    ) -> Result<Answer, ApiError> {
        let room = match &meant.session {
            Some(entry) => Some(self.room_of(entry).await?),
            None => receipt.room.clone(),
        };
        shown(asked, receipt, room, Version(u64::MAX)).await
    }
}

/// The session as of the request: who leaves by it is still there.
async fn answered(asked: &Asked, receipt: &Receipt) -> Result<Answer, ApiError> {
    let requested = receipt.records.iter().find(|record| {
        let event = &record.event.event;
        matches!(
            event,
            Event::RemovalRequested(_) | Event::SessionEndRequested(_)
        )
    });
    let until = requested.map_or(receipt.version, |record| record.version);
    shown(asked, receipt, receipt.room.clone(), until).await
}

/// The session that a room keeps, as of a version and of its last event.
async fn shown(
    asked: &Asked,
    receipt: &Receipt,
    room: Option<Arc<Room>>,
    until: Version,
) -> Result<Answer, ApiError> {
    let now = None;
    let crowd = room.map(|room| Crowd { room, until, now });
    let body = match crowd {
        Some(crowd) => crowd.body(asked, shape(asked)).await,
        None => None,
    };
    let body = body.ok_or_else(|| nothing_to_show(receipt))?;
    Ok(Answer::written(body).standing(Some(Recorded::of(receipt))))
}

fn nothing_to_show(receipt: &Receipt) -> ApiError {
    let words = "it is recorded, but there is no session to show: report this";
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", words).recorded_by(receipt)
}

/// Which session a write is about.
struct Meant {
    room: RoomName,
    /// The one that is named; else the room's open one.
    session: Option<SessionEntry>,
    /// Whether the room that is named beside it is another.
    elsewhere: bool,
}

impl Meant {
    fn of(entry: SessionEntry) -> Self {
        Self {
            room: entry.room.clone(),
            session: Some(entry),
            elsewhere: false,
        }
    }

    /// A request about it, which must not meet the next session where this one is over. That is
    /// the rules' to say: it may end at any moment, and a repeat of a request which ended it is
    /// answered as the first was.
    fn request(&self, command: Command) -> Request {
        Request {
            session: self.session.as_ref().map(|entry| entry.id),
            ..Request::new(self.room.clone(), command)
        }
    }

    /// What is wrong with what was named.
    fn fault(&self) -> Option<Fault> {
        self.elsewhere.then(|| {
            let error = ApiError::invalid("the session is not of that room");
            Fault::invalid("sessionId", error)
        })
    }

    /// A refusal as it is told: by the id that the vendor knows, where the session is over.
    fn told(&self, error: ApiError) -> ApiError {
        match &self.session {
            Some(entry) if error.slug == Code::NoOpenSession.as_str() => ApiError {
                message: format!("session {:?} is over", entry.id.object_id()),
                ..error
            },
            _ => error,
        }
    }
}

fn participant(fields: &Fields) -> Result<&str, ApiError> {
    let missing = || ApiError::invalid("participantId is missing");
    let given = fields
        .text("participantId")
        .and_then(|text| text.ok_or_else(missing));
    given.map_err(|error| error.coded(VendorCode::InvalidParticipantId))
}

/// A token for one participant is for no other.
fn not_theirs(asked: &Asked, meant: &Meant, wanted: &str) -> Option<Fault> {
    let own = asked.token.participant.as_deref()?;
    (own != wanted).then(|| {
        let words = format!("the token is for participant {:?}", cut(own));
        let error = ApiError::forbidden(VendorCode::UnauthorizedParticipantId, words);
        Fault::denied(asked, &meant.room, error)
    })
}

/// Each call's own shape: the older one where a session ends.
fn shape(asked: &Asked) -> Shape {
    if asked.call.is_older() {
        Shape::Meeting {
            with_details: false,
        }
    } else if asked.call == Call::RemoveParticipant {
        Shape::Removal
    } else {
        Shape::Ending
    }
}
