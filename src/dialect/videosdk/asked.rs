//! One request on its way: its call, its caller, and what it asks for. Apart because every call
//! begins with the same questions; it knows no command.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{Request, header};

use crate::dialect::auth::limits::KeyRight;
use crate::dialect::body::{self, LITTLE_BYTES_MAX};
use crate::dialect::caller::{Said, header_text};
use crate::dialect::coverage::Answered;
use crate::dialect::reach;
use crate::dialect::urlencoded;
use crate::dialect::videosdk::body::{BODY_BYTES_MAX, Fields};
use crate::dialect::videosdk::call::{Call, Route};
use crate::dialect::videosdk::error::{ApiError, VendorCode, cut};
use crate::dialect::videosdk::state::{ENDPOINT, VideoSdk};
use crate::dialect::videosdk::token::Token;
use crate::domain::{Digest, RoomName, Timestamp};
use crate::engine::Reader;
use crate::replay::{RoomEntry, SessionEntry};

/// A request of a known caller.
#[derive(Clone)]
pub(super) struct Asked {
    /// What is called.
    pub(super) call: Call,
    /// What stands in the path for each name.
    pub(super) names: Vec<String>,
    /// The caller's token; whether it may call is not looked at yet.
    pub(super) token: Token,
    /// What the headers say for the record.
    pub(super) said: Said,
    /// Where the caller reaches us, for links.
    pub(super) base: String,
    /// SHA-256 of method, path and body.
    pub(super) digest: Digest,
    /// Size of the body.
    pub(super) bytes: u64,
    /// The pairs of the query.
    pub(super) query: Vec<(String, String)>,
    /// The room that the token is for alone, where there is one of that id.
    bound: Option<RoomName>,
    kind: String,
    body: Bytes,
}

impl Asked {
    /// The name in the path at that place.
    pub(super) fn name(&self, place: usize) -> &str {
        self.names.get(place).map_or("", String::as_str)
    }

    /// Reads the body.
    ///
    /// # Errors
    /// 400 when it is neither JSON nor a form.
    pub(super) fn fields(&self) -> Result<Fields, ApiError> {
        Fields::parse(&self.kind, &self.body)
    }

    /// Why the caller may not do that in the room, if so.
    pub(super) fn denied(&self, room: &RoomName) -> Option<ApiError> {
        if let Err(fault) = self.token.may_call() {
            return Some(fault.into());
        }
        if !self.token.limits.grants(self.rights(), Some(room.as_str())) {
            let key_id = cut(&self.token.key_id);
            let words = format!("key {key_id:?} is not for this call, or not for this room");
            return Some(ApiError::forbidden(VendorCode::UnauthorizedRequest, words));
        }
        let own = self.token.room.as_ref()?;
        let is_own = own == room.as_str() || self.bound.as_ref() == Some(room);
        (!is_own).then(|| self.bound_elsewhere())
    }

    /// The answer about a room that is not there to the caller, under the id that was given: a
    /// token for one room is told of no other whether there is one.
    pub(super) fn no_room(&self, id: &str) -> ApiError {
        let denied = RoomName::new(id).ok().and_then(|name| self.denied(&name));
        denied.unwrap_or_else(|| ApiError::no_room(id))
    }

    /// Whether there is anything that the caller may not do, or not everywhere.
    pub(super) fn is_narrow(&self) -> bool {
        self.token.may_call().is_err() || self.token.room.is_some()
    }

    /// Whether lists show the room to the caller.
    pub(super) fn sees(&self, room: &RoomName) -> bool {
        self.denied(room).is_none()
    }

    /// What the key of the caller has one of.
    fn rights(&self) -> &'static [KeyRight] {
        let makes_or_ends = matches!(
            self.call,
            Call::CreateMeeting | Call::CreateRoom | Call::DeactivateRoom
        );
        if makes_or_ends {
            &[KeyRight::Create]
        } else if self.call.answered() == Answered::Recorded {
            &[KeyRight::Admin]
        } else {
            &[KeyRight::Admin, KeyRight::Audit]
        }
    }

    fn bound_elsewhere(&self) -> ApiError {
        let own = self.token.room.as_deref().unwrap_or_default();
        let words = format!("the token is for room {:?}", cut(own));
        ApiError::forbidden(VendorCode::UnauthorizedMeetingId, words)
    }
}

impl VideoSdk {
    /// The same, whose reads wait in the queue of one caller.
    pub(super) fn reading_as(&self, token: &Token) -> Self {
        let participant = token.participant.as_deref().unwrap_or_default();
        let room = token.room.as_deref().unwrap_or_default();
        let reader = Reader {
            key: token.key_id.as_str().into(),
            caller: format!("{participant} {room}").into(),
        };
        Self {
            engine: self.engine.reading_as(reader.clone()),
            catalogue: self.catalogue.reading_as(reader),
            ..self.clone()
        }
    }

    /// Takes a request in. The body is read only for calls that have one, and never of a stranger.
    ///
    /// # Errors
    /// 401, 403 for a contradictory token, 429, and what is wrong with a body before it is read.
    pub(super) async fn ask(
        &self,
        request: Request<Body>,
        route: Route,
    ) -> Result<Asked, ApiError> {
        let (parts, body) = request.into_parts();
        let token = Token::of(&self.keys.ring(), &parts.headers, self.now_s())?;
        if let Some(limits) = &self.limits {
            let guest = token.participant.as_deref().unwrap_or_default();
            let guest = token.may_call().is_err().then_some(guest);
            limits.admit_as(&token.key_id, guest)?;
        }
        let has_body = route.call.answered() == Answered::Recorded;
        let body = match token.may_call() {
            _ if !has_body => Bytes::new(),
            Ok(()) => body::whole(&parts, body, BODY_BYTES_MAX).await?,
            Err(fault) => match body::little(&parts, body, LITTLE_BYTES_MAX).await {
                Some(little) => little,
                None => return Err(fault.into()),
            },
        };
        let query = parts.uri.query().unwrap_or_default();
        let query = urlencoded::pairs(query)
            .ok_or_else(|| ApiError::invalid("the query is not percent-encoded UTF-8"))?;
        let bound = match token.room.clone().filter(|_| token.may_call().is_ok()) {
            Some(text) => {
                let kept = self.reading_as(&token).kept(&text).await?;
                kept.map(|entry| entry.name)
            }
            None => None,
        };
        Ok(Asked {
            call: route.call,
            names: route.names,
            token,
            said: Said::new(&parts),
            base: base(&parts),
            digest: body::digest(&parts, &body),
            bytes: u64::try_from(body.len()).unwrap_or(u64::MAX),
            query,
            bound,
            kind: header_text(&parts.headers, &header::CONTENT_TYPE).unwrap_or_default(),
            body,
        })
    }

    /// The room of that id, in any of its forms, if the caller may see it; `None` for one that was
    /// deleted, and for one whose time is over: nobody can join it.
    pub(super) async fn find_room(
        &self,
        asked: &Asked,
        text: &str,
    ) -> Result<Option<RoomEntry>, ApiError> {
        let now = self.engine.clock().wall();
        let found = self.find_kept(asked, text).await?;
        Ok(found.filter(|entry| is_there(entry, now)))
    }

    /// The same, also where its time is over: somebody may be inside still.
    pub(super) async fn find_kept(
        &self,
        asked: &Asked,
        text: &str,
    ) -> Result<Option<RoomEntry>, ApiError> {
        if asked.token.may_call().is_err() {
            return Ok(None);
        }
        let found = self.kept(text).await?;
        Ok(found.filter(|entry| asked.sees(&entry.name)))
    }

    async fn kept(&self, text: &str) -> Result<Option<RoomEntry>, ApiError> {
        let text: Arc<str> = Arc::from(text);
        let found = self.catalogue.read(move |all| all.room(&text).cloned());
        Ok(found.await?.filter(|entry| entry.deleted_at.is_none()))
    }

    /// The session of that id; to this vendor it begins when media flows first.
    ///
    /// # Errors
    /// 403 for whoever may not call at all; 404, also for a session that the caller may not see.
    pub(super) async fn session_entry(
        &self,
        asked: &Asked,
        text: &str,
    ) -> Result<SessionEntry, ApiError> {
        asked.token.may_call()?;
        let id: Arc<str> = Arc::from(text);
        let found = self.catalogue.read(move |all| all.session(&id).cloned());
        let is_there = |entry: &SessionEntry| entry.active_at.is_some() && asked.sees(&entry.room);
        let found = found.await?.filter(is_there);
        found.ok_or_else(|| ApiError::no_session(text))
    }
}

/// Whether rooms of this vendor still have that one among them.
pub(super) fn is_there(entry: &RoomEntry, now: Timestamp) -> bool {
    entry.deleted_at.is_none() && entry.expires_at.is_none_or(|at| at > now)
}

/// Where links begin: as the caller reached us, or, where it does not say, without a host.
fn base(parts: &Parts) -> String {
    format!("{}{ENDPOINT}/v2", reach::base(parts).unwrap_or_default())
}
