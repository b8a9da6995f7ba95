//! Sessions and who was in them, read. Apart from their end, which is a write; past ones are folded
//! from the log, each as of its end.

use std::sync::Arc;

use axum::http::StatusCode;

use crate::dialect::videosdk::answer::Answer;
use crate::dialect::videosdk::asked::Asked;
use crate::dialect::videosdk::error::ApiError;
use crate::dialect::videosdk::page::{Page, Paging, text};
use crate::dialect::videosdk::render::session::SessionShown;
use crate::dialect::videosdk::render::user_id;
use crate::dialect::videosdk::state::VideoSdk;
use crate::dialect::videosdk::stint::Seen;
use crate::domain::{Room, RoomName, Version};
use crate::replay::SessionEntry;

impl VideoSdk {
    pub(super) async fn get_session(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let (entry, room) = self.asked_session(asked).await?;
        let shown = self.shown_one(asked, &entry, &room)?;
        Ok(if asked.call.is_older() {
            Answer::read(&shown.meeting(true))
        } else {
            Answer::read(&shown.session())
        })
    }

    /// All sessions that the caller may see and asks for, the newest first.
    pub(super) async fn list_sessions(&self, asked: &Asked) -> Result<Answer, ApiError> {
        asked.token.may_call()?;
        let paging = Paging::of(&asked.query, FILTERS)?;
        let entries = self.catalogue.read(|all| {
            let sessions = all.sessions().iter().rev();
            let begun = sessions.filter(|entry| entry.active_at.is_some());
            begun.cloned().collect::<Vec<SessionEntry>>()
        });
        let mut entries = entries.await?;
        let wanted = self.wanted(asked).await?;
        entries.retain(|entry| asked.sees(&entry.room) && wanted.takes(entry));
        let (entries, page_info) = paging.cut(entries);
        let mut rooms = Vec::new();
        for entry in &entries {
            rooms.extend(self.catalogue.room_of(entry).await?);
        }
        // One that cannot be shown must not hide the others.
        let shown: Vec<SessionShown<'_>> = rooms
            .iter()
            .filter_map(|room| self.shown_session(asked, room))
            .collect();
        Ok(if asked.call.is_older() {
            let data: Vec<_> = shown.iter().map(|it| it.meeting(true)).collect();
            Answer::read(&Page { page_info, data })
        } else {
            let data: Vec<_> = shown.iter().map(SessionShown::listed).collect();
            Answer::read(&Page { page_info, data })
        })
    }

    /// Everybody who was ever in a session; `data` is one object.
    pub(super) async fn list_participants(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let paging = Paging::of(&asked.query, &[])?;
        let (entry, room) = self.asked_session(asked).await?;
        let shown = self.shown_one(asked, &entry, &room)?;
        let (page, page_info) = paging.cut(shown.everybody());
        let data = shown.with_participants(&page);
        Ok(Answer::read(&Page { page_info, data }))
    }

    /// Who is in a session now; `data` is a list of one object.
    pub(super) async fn list_active(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let paging = Paging::of(&asked.query, &[])?;
        let (entry, room) = self.asked_session(asked).await?;
        let shown = self.shown_one(asked, &entry, &room)?;
        let (page, page_info) = paging.cut(shown.present());
        let modes = self.modes(&entry.room, &page).await?;
        let data = shown.with_active(&page, &modes);
        Ok(Answer::read(&Page { page_info, data }))
    }

    pub(super) async fn get_participant(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let (entry, room) = self.asked_session(asked).await?;
        let shown = self.shown_one(asked, &entry, &room)?;
        let id = asked.name(1);
        let everybody = shown.everybody();
        let found = everybody.iter().find(|presence| presence.identity == id);
        let found = found.ok_or_else(|| ApiError::no_participant(id))?;
        Ok(Answer::read(&shown.participant(found, true)))
    }

    /// Quality is measured by a media server alone.
    pub(super) async fn stats(&self, asked: &Asked) -> Result<Answer, ApiError> {
        self.session_entry(asked, asked.name(0)).await?;
        let words = "it needs a media server, and this is none: quality is not measured here";
        let status = StatusCode::NOT_IMPLEMENTED;
        Err(ApiError::new(status, "unimplemented", words))
    }

    /// The session that the path names, with its room, if the caller may see it.
    async fn asked_session(&self, asked: &Asked) -> Result<(SessionEntry, Arc<Room>), ApiError> {
        let entry = self.session_entry(asked, asked.name(0)).await?;
        let room = self.room_of(&entry).await?;
        Ok((entry, room))
    }

    /// The room as it keeps that session.
    pub(super) async fn room_of(&self, entry: &SessionEntry) -> Result<Arc<Room>, ApiError> {
        let room = self.catalogue.room_of(entry).await?;
        room.ok_or_else(|| ApiError::no_session(&entry.id.object_id()))
    }

    /// The session as it is in its room; `None` where the room keeps none.
    fn shown_session<'a>(&self, asked: &Asked, room: &'a Room) -> Option<SessionShown<'a>> {
        let seen = Seen::of(room, Version(u64::MAX))?;
        SessionShown::of(asked, seen.at(self.engine.now()))
    }

    /// The same of the one session that is asked for.
    fn shown_one<'a>(
        &self,
        asked: &Asked,
        entry: &SessionEntry,
        room: &'a Room,
    ) -> Result<SessionShown<'a>, ApiError> {
        let shown = self.shown_session(asked, room);
        shown.ok_or_else(|| ApiError::no_session(&entry.id.object_id()))
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
