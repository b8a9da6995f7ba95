//! Rooms: made, found, listed, switched off and on. Apart from sessions: making a room opens none.

use serde_json::Value;

use crate::dialect::videosdk::answer::Answer;
use crate::dialect::videosdk::asked::{Asked, is_there};
use crate::dialect::videosdk::body::Fields;
use crate::dialect::videosdk::error::{ApiError, VendorCode, cut};
use crate::dialect::videosdk::page::{Page, Paging, text};
use crate::dialect::videosdk::render::room::RoomShown;
use crate::dialect::videosdk::render::{RoomIds, user_id};
use crate::dialect::videosdk::state::VideoSdk;
use crate::dialect::videosdk::token::{ALLOWED, Token};
use crate::dialect::videosdk::write::Fault;
use crate::domain::command::{ConfigPatch, CreateRoom, UpdateRoom};
use crate::domain::{Command, Digest, Event, Id, Request, RoomName, Timestamp};
use crate::engine::Receipt;
use crate::replay::RoomEntry;

use axum::http::StatusCode;

impl VideoSdk {
    /// Makes a room, or finds the one of that custom id.
    pub(super) async fn create_room(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let fields = asked.fields()?;
        let is_older = asked.call.is_older();
        let own = if is_older {
            "userMeetingId"
        } else {
            "customRoomId"
        };
        let name = match fields.text(own)? {
            Some(custom) => match self.find_kept(asked, custom).await? {
                Some(entry) => entry.name,
                None => RoomName::new(custom).map_err(|error| {
                    ApiError::invalid(error.to_string()).coded(VendorCode::InvalidMeetingId)
                })?,
            },
            None => self.fresh_name(asked)?,
        };
        let settings = match settings(&fields) {
            Ok(settings) => settings,
            Err(error) => return Err(self.unread(asked, &name, "create_room", error).await),
        };
        let command = Command::CreateRoom(CreateRoom {
            config: settings,
            replaces_expired: true,
            ..CreateRoom::default()
        });
        let request = Request::new(name.clone(), command);
        let receipt = self.write(asked, request, None).await?;
        let shown = self.after(asked, &name, &receipt).await?;
        Ok(if is_older {
            Answer::recorded(&shown.meeting(), &receipt)
        } else {
            Answer::recorded(&shown.room(), &receipt)
        })
    }

    pub(super) async fn get_room(&self, asked: &Asked) -> Result<Answer, ApiError> {
        asked.token.may_call()?;
        let id = asked.name(0);
        let entry = self.find_room(asked, id).await?;
        let entry = entry.ok_or_else(|| asked.no_room(id))?;
        let shown = self.shown(asked, &entry).await?;
        Ok(if asked.call.is_older() {
            Answer::read(&shown.meeting())
        } else {
            Answer::read(&shown.room())
        })
    }

    /// All rooms that the caller may see, the newest first.
    pub(super) async fn list_rooms(&self, asked: &Asked) -> Result<Answer, ApiError> {
        asked.token.may_call()?;
        let paging = Paging::of(&asked.query, &["query", "userId"])?;
        let now = self.engine.clock().wall();
        let query = text(&asked.query, "query").map(str::to_owned);
        let is_other = text(&asked.query, "userId").is_some_and(|it| it != own_user(asked));
        let asks = asked.clone();
        let page = self.catalogue.read(move |all| {
            let rooms = all.rooms().iter().rev();
            let there = rooms.filter(|entry| is_there(entry, now) && !is_other);
            let (entries, page_info) = paging
                .cut(there.filter(|it| asks.sees(&it.name) && is_named(it, query.as_deref())));
            let entries: Vec<RoomEntry> = entries.into_iter().cloned().collect();
            (entries, page_info)
        });
        let (entries, page_info) = page.await?;
        let mut shown = Vec::new();
        for entry in &entries {
            shown.push(self.shown(asked, entry).await?);
        }
        Ok(if asked.call.is_older() {
            let data: Vec<_> = shown.iter().map(RoomShown::meeting).collect();
            Answer::read(&Page { page_info, data })
        } else {
            let data: Vec<_> = shown.iter().map(RoomShown::room).collect();
            Answer::read(&Page { page_info, data })
        })
    }

    /// Switches a room off for good; 402 for what is no `roomId`, as there.
    pub(super) async fn deactivate_room(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let fields = asked.fields()?;
        let given = fields.text("roomId")?;
        let given = given.ok_or_else(|| ApiError::invalid("roomId is missing"))?;
        let Some(entry) = self.find_room(asked, given).await? else {
            let error = payment(ApiError::no_room(given));
            return Err(self.nowhere(asked, given, "update_room", error).await);
        };
        let ids = RoomIds::of(&entry.name, entry.id);
        let fault = (ids.room != given).then(|| {
            let words = format!("{:?} is no roomId: this call takes no other id", cut(given));
            let error = ApiError::invalid(words).coded(VendorCode::InvalidMeetingId);
            Fault::invalid("roomId", payment(error))
        });
        let request = switch(&entry.name, true);
        let receipt = self.write(asked, request, fault).await?;
        let shown = self.after(asked, &entry.name, &receipt).await?;
        Ok(Answer::recorded(&shown.deactivated(), &receipt))
    }

    /// Switches a room off or on.
    pub(super) async fn update_room(&self, asked: &Asked) -> Result<Answer, ApiError> {
        let id = asked.name(0);
        let Some(entry) = self.find_room(asked, id).await? else {
            let error = ApiError::no_room(id);
            return Err(self.nowhere(asked, id, "update_room", error).await);
        };
        let disabled = match status(asked) {
            Ok(disabled) => disabled,
            Err(error) => return Err(self.unread(asked, &entry.name, "update_room", error).await),
        };
        let request = switch(&entry.name, disabled);
        let receipt = self.write(asked, request, None).await?;
        let shown = self.after(asked, &entry.name, &receipt).await?;
        Ok(Answer::recorded(&shown.status(), &receipt))
    }

    /// A room as it is now.
    async fn shown(&self, asked: &Asked, entry: &RoomEntry) -> Result<RoomShown, ApiError> {
        let room = self.engine.room(&entry.name).await?;
        let life = room.as_ref().and_then(|room| room.life.as_ref());
        let life = life.ok_or_else(|| ApiError::no_room(entry.name.as_str()))?;
        Ok(RoomShown::of(asked, &entry.name, life, entry.updated_at))
    }

    /// A room right after a write.
    async fn after(
        &self,
        asked: &Asked,
        name: &RoomName,
        receipt: &Receipt,
    ) -> Result<RoomShown, ApiError> {
        let room = receipt.room.as_ref();
        let life = room.and_then(|room| room.life.as_ref());
        let life = life.ok_or_else(|| {
            let words = "it is recorded, but the room has nothing to show for it: report this";
            ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "broken", words).recorded_by(receipt)
        })?;
        let updated_at = if let Some(at) = changed_at(receipt) {
            at
        } else {
            let entry = self.find_room(asked, name.as_str()).await?;
            entry.map_or(life.created_at, |entry| entry.updated_at)
        };
        Ok(RoomShown::of(asked, name, life, updated_at))
    }

    /// A name of the vendor's form for a room that is made without one; a repeat of the request
    /// means the same room.
    fn fresh_name(&self, asked: &Asked) -> Result<RoomName, ApiError> {
        let drawn = match &asked.said.request_id {
            Some(request_id) => {
                let Token {
                    key_id,
                    participant,
                    ..
                } = &asked.token;
                let seed = format!("{key_id} {participant:?} {request_id}");
                let digest = Digest::of(seed.as_bytes()).0;
                digest
                    .iter()
                    .take(16)
                    .fold(0, |bits, byte| bits << 8 | u128::from(*byte))
            }
            None => self.ids.draw(),
        };
        let code = Id(drawn).meeting_code();
        RoomName::new(&code).map_err(|error| ApiError::invalid(error.to_string()))
    }
}

/// The settings of a room that the vendor knows, kept as they came; whatever else there is, is
/// nobody's.
fn settings(fields: &Fields) -> Result<ConfigPatch, ApiError> {
    let mut kept = ConfigPatch::default();
    for (name, is_fine, expected) in SETTINGS {
        let Some(value) = fields.value(name) else {
            continue;
        };
        if !is_fine(value) {
            return Err(ApiError::invalid(format!("{name} has to be {expected}")));
        }
        kept.properties
            .insert((*name).to_owned(), value.to_string());
    }
    Ok(kept)
}

/// Names of settings, what each may be, and that in words.
type Setting = (&'static str, fn(&Value) -> bool, &'static str);

const SETTINGS: &[Setting] = &[
    ("geoFence", Value::is_string, "a string"),
    (
        "webhook",
        is_webhook,
        "{endPoint, events}: a string and a list of strings",
    ),
    (
        "autoCloseConfig",
        is_auto_close,
        "{type: session-ends or session-end-and-deactivate, duration: a number of minutes}",
    ),
    ("autoStartConfig", Value::is_object, "an object"),
    ("multiComposition", Value::is_object, "an object"),
    (ALLOWED, is_texts, "a list of strings"),
];

fn is_webhook(value: &Value) -> bool {
    value.get("endPoint").is_some_and(Value::is_string) && value.get("events").is_none_or(is_texts)
}

fn is_auto_close(value: &Value) -> bool {
    let kind = value.get("type").and_then(Value::as_str);
    let is_number = |duration: &Value| duration.is_null() || duration.is_u64();
    kind.is_some_and(|kind| ["session-ends", "session-end-and-deactivate"].contains(&kind))
        && value.get("duration").is_none_or(is_number)
}

fn is_texts(value: &Value) -> bool {
    let texts = value.as_array();
    texts.is_some_and(|texts| texts.iter().all(Value::is_string))
}

/// Whether that is the room's id of either kind.
fn is_named(entry: &RoomEntry, query: Option<&str>) -> bool {
    let ids = RoomIds::of(&entry.name, entry.id);
    query.is_none_or(|query| ids.room == query || ids.custom.as_deref() == Some(query))
}

fn own_user(asked: &Asked) -> String {
    user_id(&asked.token.key_id)
}

fn status(asked: &Asked) -> Result<bool, ApiError> {
    let fields = asked.fields()?;
    match fields.text("status")? {
        Some("enabled") => Ok(false),
        Some("disabled") => Ok(true),
        _ => Err(ApiError::invalid("status has to be enabled or disabled")),
    }
}

fn switch(room: &RoomName, disabled: bool) -> Request {
    let command = Command::UpdateRoom(UpdateRoom {
        config: ConfigPatch {
            disabled: Some(disabled),
            ..ConfigPatch::default()
        },
        ..UpdateRoom::default()
    });
    Request::new(room.clone(), command)
}

/// When the room's settings changed by a write, if they did.
fn changed_at(receipt: &Receipt) -> Option<Timestamp> {
    let mut records = receipt.records.iter().rev();
    let changed = records.find(|record| {
        matches!(
            record.event.event,
            Event::RoomConfigChanged(_) | Event::RoomCreated(_)
        )
    });
    changed.map(|record| record.command.recorded_at)
}

/// What this vendor says where others say 404.
fn payment(error: ApiError) -> ApiError {
    ApiError {
        status: StatusCode::PAYMENT_REQUIRED,
        ..error
    }
}
