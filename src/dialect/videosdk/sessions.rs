//! Sessions and who was in them, read. Apart from their end, which is a write; past ones are folded
//! from the log, each as of its end.

use std::sync::Arc;

use axum::http::StatusCode;

use crate::dialect::videosdk::answer::Answer;
use crate::dialect::videosdk::asked::Asked;
use crate::dialect::videosdk::crowd::Crowd;
use crate::dialect::videosdk::error::ApiError;
use crate::dialect::videosdk::page::{Page, Paging, text};
use crate::dialect::videosdk::render::session::Shape;
use crate::dialect::videosdk::render::user_id;
use crate::dialect::videosdk::state::VideoSdk;
use crate::dialect::videosdk::stint::Presence;
use crate::dialect::written::{around, written};
use crate::domain::{Identity, Room, RoomName};
use crate::replay::SessionEntry;

impl VideoSdk {
    pub(super) async fn get_session(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let (entry, crowd) = self.asked_session(asked).await?;
        let shape = if asked.call.is_older() {
            Shape::Meeting { with_details: true }
        } else {
            Shape::Session
        };
        let body = crowd.body(asked, shape).await;
        body.map(Answer::written).ok_or_else(|| gone(&entry))
    }

    /// All sessions that the caller may see and asks for, the newest first.
    pub(super) async fn list_sessions(&self, asked: &Asked) -> Result<Answer, ApiError> {
        asked.token.may_call()?;
        let paging = Paging::of(&asked.query, FILTERS)?;
        let wanted = self.wanted(asked).await?;
        let asks = asked.clone();
        let page = self.catalogue.read(move |all| {
            let sessions = all.sessions().iter().rev();
            let begun = sessions.filter(|entry| entry.active_at.is_some());
            let wanted = begun.filter(|entry| asks.sees(&entry.room) && wanted.takes(entry));
            let (entries, page_info) = paging.cut(wanted);
            let entries: Vec<SessionEntry> = entries.into_iter().cloned().collect();
            (entries, page_info)
        });
        let (entries, page_info) = page.await?;
        let shape = if asked.call.is_older() {
            Shape::Meeting { with_details: true }
        } else {
            Shape::Listed
        };
        let (this, asked) = (self.clone(), asked.clone());
        let body = written(move |mut pen| async move {
            let data: [(); 0] = [];
            let whole = serde_json::to_string(&Page { page_info, data }).unwrap_or_default();
            let (begin, end) = around(&whole, "data");
            pen.write(begin).await;
            let mut is_first = true;
            for entry in entries {
                // One that cannot be shown must not hide the others.
                if let Some(room) = this.catalogue.room_of(&entry).await? {
                    let crowd = Crowd::now(room, this.engine.now());
                    crowd.write(&mut pen, &asked, shape, &mut is_first).await;
                }
            }
            pen.write(end).await;
            Ok::<_, ApiError>(pen)
        });
        Ok(Answer::written(body.await?))
    }

    /// Everybody who was ever in a session; `data` is one object.
    pub(super) async fn list_participants(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let paging = Paging::of(&asked.query, &[])?;
        let (entry, crowd) = self.asked_session(asked).await?;
        let asks = asked.clone();
        // Counting takes a look at everybody.
        let page = self.engine.read(move |_| {
            Ok(crowd.shown(&asks).map(|shown| {
                let (page, page_info) = paging.cut(shown.seen().everybody());
                let data = shown.with_participants(&page);
                Answer::read(&Page { page_info, data })
            }))
        });
        page.await?.ok_or_else(|| gone(&entry))
    }

    /// Who is in a session now; `data` is a list of one object.
    pub(super) async fn list_active(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let paging = Paging::of(&asked.query, &[])?;
        let (entry, crowd) = self.asked_session(asked).await?;
        let (asks, looked_at) = (asked.clone(), crowd.clone());
        let page = self.engine.read(move |_| {
            Ok(looked_at.shown(&asks).map(|shown| {
                let numbers = shown.seen().present().map(|presence| presence.number);
                paging.cut(numbers)
            }))
        });
        let (numbers, page_info) = page.await?.ok_or_else(|| gone(&entry))?;
        let shown = crowd.shown(asked).ok_or_else(|| gone(&entry))?;
        let page = numbers.into_iter();
        let page: Vec<Presence<'_>> = page.filter_map(|it| shown.seen().presence(it)).collect();
        let modes = self.modes(&entry.room, &page).await?;
        let data = shown.with_active(&page, &modes);
        Ok(Answer::read(&Page { page_info, data }))
    }

    pub(super) async fn get_participant(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let (entry, crowd) = self.asked_session(asked).await?;
        let shown = crowd.shown(asked).ok_or_else(|| gone(&entry))?;
        let id = asked.name(1);
        let person = Identity::new(id).ok();
        let person = person.and_then(|it| crowd.room.person_by_identity(&it));
        let found = person.and_then(|(number, _)| shown.seen().presence(number));
        let found = found.ok_or_else(|| ApiError::no_participant(id))?;
        Ok(Answer::read(&shown.participant(&found, true)))
    }

    /// Quality is measured by a media server alone.
    pub(super) async fn stats(&self, asked: &Asked) -> Result<Answer, ApiError> {
        self.session_entry(asked, asked.name(0)).await?;
        let words = "it needs a media server, and this is none: quality is not measured here";
        let status = StatusCode::NOT_IMPLEMENTED;
        Err(ApiError::new(status, "unimplemented", words))
    }

    /// The session that the path names, with its room, if the caller may see it.
    async fn asked_session(&self, asked: &Asked) -> Result<(SessionEntry, Crowd), ApiError> {
        let entry = self.session_entry(asked, asked.name(0)).await?;
        let room = self.room_of(&entry).await?;
        Ok((entry, Crowd::now(room, self.engine.now())))
    }

    /// The room as it keeps that session.
    pub(super) async fn room_of(&self, entry: &SessionEntry) -> Result<Arc<Room>, ApiError> {
        let room = self.catalogue.room_of(entry).await?;
        room.ok_or_else(|| gone(entry))
    }

    /// What a query asks for.
    async fn wanted(&self, asked: &Asked) -> Result<Wanted, ApiError> {
        let mut wanted = Wanted::default();
        for name in ROOM_FILTERS {
            if let Some(id) = text(&asked.query, name) {
                let found = self.find_kept(asked, id).await?.map(|entry| entry.name);
                // An id that nobody has is a filter that nothing passes.
                let known = found.or_else(|| RoomName::new(id).ok());
                wanted.nothing |= known.is_none();
                wanted.rooms.extend(known);
            }
        }
        wanted.nothing |=
            text(&asked.query, "userId").is_some_and(|user| user != user_id(&asked.token.key_id));
        wanted.ended = match text(&asked.query, "status") {
            None => None,
            Some("ongoing") => Some(false),
            Some("ended") => Some(true),
            Some(_) => return Err(ApiError::invalid("status has to be ongoing or ended")),
        };
        wanted.from_ms = millis(asked, "startDate")?;
        wanted.until_ms = millis(asked, "endDate")?;
        Ok(wanted)
    }
}

fn gone(entry: &SessionEntry) -> ApiError {
    ApiError::no_session(&entry.id.object_id())
}

/// Which sessions a list is about.
#[derive(Debug, Default)]
struct Wanted {
    nothing: bool,
    rooms: Vec<RoomName>,
    ended: Option<bool>,
    from_ms: Option<i64>,
    until_ms: Option<i64>,
}

impl Wanted {
    fn takes(&self, entry: &SessionEntry) -> bool {
        let start_ms = entry.active_at.unwrap_or(entry.opened_at).millis();
        !self.nothing
            && self.rooms.iter().all(|room| *room == entry.room)
            && self
                .ended
                .is_none_or(|ended| ended == entry.ended.is_some())
            && self.from_ms.is_none_or(|from| from <= start_ms)
            && self.until_ms.is_none_or(|until| start_ms <= until)
    }
}

/// A moment of the query, in milliseconds since 1970.
fn millis(asked: &Asked, name: &str) -> Result<Option<i64>, ApiError> {
    let Some(text) = text(&asked.query, name) else {
        return Ok(None);
    };
    let wrong = |_| ApiError::invalid(format!("{name} has to be milliseconds since 1970"));
    text.parse().map(Some).map_err(wrong)
}

/// The names by which a room is asked for.
const ROOM_FILTERS: [&str; 4] = ["roomId", "customRoomId", "meetingId", "query"];
/// What a list of sessions can be narrowed by.
const FILTERS: &[&str] = &[
    "roomId",
    "customRoomId",
    "meetingId",
    "query",
    "userId",
    "status",
    "startDate",
    "endDate",
];
