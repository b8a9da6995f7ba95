//! Rooms and sessions in each of the vendor's shapes, members in the vendor's order. Apart because
//! the same thing has another shape in almost every answer; what only a media server knows (region,
//! device, place, chat) is left out, or null where clients read it.

use std::sync::Arc;

use chrono::SecondsFormat;
use serde::Serialize;
use serde_json::Value;

use crate::dialect::videosdk::asked::Asked;
use crate::dialect::videosdk::stint::{Presence, Seen};
use crate::domain::event::RoomConfig;
use crate::domain::state::{Connection, Life};
use crate::domain::{Digest, Id, RoomName, Source, Timestamp};

/// The ids of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RoomIds {
    /// `id`: 24 hexadecimal digits.
    pub(super) object: String,
    /// `roomId`, in the older version `meetingId`: the name where it has that form.
    pub(super) room: String,
    /// `customRoomId`, in the older version `userMeetingId`: any other name.
    pub(super) custom: Option<String>,
}

impl RoomIds {
    pub(super) fn of(name: &RoomName, id: Id) -> Self {
        let name = name.as_str();
        let is_room_id = Id::parse_meeting_code(name).is_some();
        Self {
            object: id.object_id(),
            room: if is_room_id { name.to_owned() } else { id.meeting_code() },
            custom: (!is_room_id).then(|| name.to_owned()),
        }
    }
}

/// A room with what its shapes are made of.
pub(super) struct RoomShown {
    ids: RoomIds,
    user_id: String,
    key_id: String,
    base: String,
    config: Arc<RoomConfig>,
    created_at: String,
    updated_at: String,
}

impl RoomShown {
    /// A room of that life, last changed then.
    pub(super) fn of(asked: &Asked, name: &RoomName, life: &Life, updated_at: Timestamp) -> Self {
        Self {
            ids: RoomIds::of(name, life.id),
            user_id: user_id(&asked.token.key_id),
            key_id: asked.token.key_id.clone(),
            base: asked.base.clone(),
            config: Arc::clone(&life.config),
            created_at: time(life.created_at),
            updated_at: time(updated_at.max(life.created_at)),
        }
    }

    /// Version 1.
    pub(super) fn meeting(&self) -> Meeting<'_> {
        Meeting {
            meeting_id: &self.ids.room,
            user_meeting_id: self.ids.custom.as_deref(),
            user_id: &self.user_id,
            created_at: &self.created_at,
            updated_at: &self.updated_at,
            id: &self.ids.object,
        }
    }

    /// Version 2.
    pub(super) fn room(&self) -> RoomV2<'_> {
        RoomV2 {
            room_id: &self.ids.room,
            custom_room_id: self.ids.custom.as_deref(),
            user_id: &self.user_id,
            api_key: &self.key_id,
            disabled: self.config.disabled,
            geo_fence: self.kept("geoFence"),
            webhook: self.kept("webhook"),
            auto_close_config: self.kept("autoCloseConfig"),
            auto_start_config: self.kept("autoStartConfig"),
            multi_composition: self.kept("multiComposition"),
            allowed_participant_ids: self.kept(ALLOWED).unwrap_or(Value::Array(Vec::new())),
            created_at: &self.created_at,
            updated_at: &self.updated_at,
            id: &self.ids.object,
            links: self.links(),
        }
    }

    /// Version 2's answer to a new status.
    pub(super) fn status(&self) -> RoomStatus<'_> {
        RoomStatus {
            status: if self.config.disabled { "disabled" } else { "enabled" },
            room_id: &self.ids.room,
            custom_room_id: self.ids.custom.as_deref(),
            user_id: &self.user_id,
            created_at: &self.created_at,
            updated_at: &self.updated_at,
            id: &self.ids.object,
            links: self.links(),
        }
    }

    /// Version 2's answer to a deactivation, which is of the older shape.
    pub(super) fn deactivated(&self) -> Deactivated<'_> {
        Deactivated {
            webhook: self.kept("webhook"),
            disabled: self.config.disabled,
            meeting_id: &self.ids.room,
            user_meeting_id: self.ids.custom.as_deref(),
            user_id: &self.user_id,
            created_at: &self.created_at,
            updated_at: &self.updated_at,
            user: User {
                email: None,
                name: &self.key_id,
                discontinued_reason: None,
                id: &self.user_id,
            },
            id: &self.ids.object,
        }
    }

    fn links(&self) -> Links {
        links(&self.base, &self.ids.room, "")
    }

    fn kept(&self, name: &str) -> Option<Value> {
        let kept = self.config.properties.get(name)?;
        serde_json::from_str(kept).ok()
    }
}

/// A session with what its shapes are made of.
pub(super) struct SessionShown<'a> {
    seen: Seen<'a>,
    object: String,
    ids: RoomIds,
    user_id: String,
    key_id: String,
    base: String,
}

impl<'a> SessionShown<'a> {
    /// A session as of a version; `None` where its room was never made.
    pub(super) fn of(asked: &Asked, seen: Seen<'a>) -> Option<Self> {
        let room = seen.room();
        Some(Self {
            object: seen.session().id.object_id(),
            ids: RoomIds::of(&room.name, room.life.as_ref()?.id),
            user_id: user_id(&asked.token.key_id),
            key_id: asked.token.key_id.clone(),
            base: asked.base.clone(),
            seen,
        })
    }

    /// Version 1; with what only reading calls show, where asked.
    pub(super) fn meeting(&self, with_details: bool) -> SessionV1 {
        let details = with_details.then_some(None);
        SessionV1 {
            id: self.object.clone(),
            meeting_id: self.ids.room.clone(),
            chat_link: details,
            start: self.start(),
            end: self.end(),
            active_duration: with_details.then(|| self.active_duration()),
            participants: self.participants(false),
        }
    }

    /// Version 2, of one.
    pub(super) fn session(&self) -> SessionV2 {
        SessionV2 {
            id: self.object.clone(),
            user_id: self.user_id.clone(),
            room_id: self.ids.room.clone(),
            custom_room_id: self.ids.custom.clone(),
            start: self.start(),
            end: self.end(),
            participants: self.participants(true),
            active_duration: self.active_duration(),
            chat_link: None,
            status: self.status(),
            links: self.links(),
        }
    }

    /// Version 2, in a list.
    pub(super) fn listed(&self) -> ListedSession {
        ListedSession {
            id: self.object.clone(),
            room_id: self.ids.room.clone(),
            custom_room_id: self.ids.custom.clone(),
            start: self.start(),
            end: self.end(),
            participants: self.participants(false),
            status: self.status(),
            links: self.links(),
        }
    }

    /// Version 2's answer to a removal.
    pub(super) fn removal(&self) -> Removal {
        Removal {
            start: self.start(),
            end: self.end(),
            participants: self.participants(true),
            id: self.object.clone(),
            room_id: self.ids.room.clone(),
            status: self.status(),
            links: self.links(),
        }
    }

    /// Version 2's answer to an end, which is of the older shape.
    pub(super) fn ending(&self) -> Ending {
        Ending {
            start: self.start(),
            end: self.end(),
            participants: self.participants(true),
            id: self.object.clone(),
            meeting_id: self.ids.room.clone(),
            user_meeting_id: self.ids.custom.clone(),
        }
    }

    /// Version 2's participants, of which these are the page: one object.
    pub(super) fn with_participants(&self, page: &[Presence<'_>]) -> WithParticipants {
        WithParticipants {
            id: self.object.clone(),
            room_id: self.ids.room.clone(),
            custom_room_id: self.ids.custom.clone(),
            participants: page.iter().map(|it| self.participant(it, false)).collect(),
            links: self.links(),
        }
    }

    /// Version 2's participants who are there now, of which these are the page: a list of one.
    pub(super) fn with_active(&self, page: &[Presence<'_>]) -> [WithActive; 1] {
        [WithActive {
            object_id: self.object.clone(),
            api_key: self.key_id.clone(),
            start: self.start(),
            end: self.end(),
            participants: page.iter().filter_map(|it| self.active(it)).collect(),
            region: None,
            hls_log: [],
            room_id: self.ids.room.clone(),
            status: self.status(),
            links: ActiveLinks {
                get_session: format!("{}/sessions/{}", self.base, self.object),
                get_all_participants: format!("{}/sessions/{}/participants", self.base, self.object),
            },
        }]
    }

    /// One participant.
    pub(super) fn participant(&self, presence: &Presence<'_>, with_id: bool) -> Participant {
        let first = presence.stints.first().filter(|_| with_id);
        let stints = presence.stints.iter();
        Participant {
            object_id: first.map(|connection| connection.id.object_id()),
            participant_id: presence.identity.clone(),
            name: name(presence),
            timelog: stints.map(|connection| self.stint(connection)).collect(),
        }
    }

    fn participants(&self, with_id: bool) -> Vec<Participant> {
        let everybody = self.seen.everybody();
        everybody.iter().map(|it| self.participant(it, with_id)).collect()
    }

    fn active(&self, presence: &Presence<'_>) -> Option<ActiveParticipant> {
        let newest = presence.stints.last()?;
        let stints = presence.stints.iter();
        Some(ActiveParticipant {
            participant_id: presence.identity.clone(),
            name: name(presence),
            events: Events::of(newest),
            timelog: stints.map(|connection| self.stint(connection)).collect(),
            change_mode_history: [],
            mode: mode(newest),
            object_id: presence.stints.first()?.id.object_id(),
        })
    }

    fn stint(&self, connection: &Connection) -> Stint {
        Stint {
            start: time(connection.activated_at.unwrap_or(connection.opened_at)),
            end: self.seen.left(connection).map(time),
        }
    }

    fn start(&self) -> String {
        time(self.seen.start())
    }

    fn end(&self) -> Option<String> {
        self.seen.end().map(time)
    }

    fn status(&self) -> &'static str {
        if self.seen.end().is_none() { "ongoing" } else { "ended" }
    }

    /// In whole seconds; 0 while it goes on.
    fn active_duration(&self) -> i64 {
        let end = self.seen.end().unwrap_or(self.seen.start());
        end.seconds().saturating_sub(self.seen.start().seconds())
    }

    fn links(&self) -> Links {
        links(&self.base, &self.ids.room, &self.object)
    }
}

/// The account that a key belongs to: here each key is one.
pub(super) fn user_id(key_id: &str) -> String {
    let digest = Digest::of(key_id.as_bytes()).to_string();
    digest.chars().take(OBJECT_CHARS).collect()
}

/// A moment as the vendor writes it.
fn time(at: Timestamp) -> String {
    at.to_chrono().map_or_else(
        || at.to_string(),
        |at| at.to_rfc3339_opts(SecondsFormat::Millis, true),
    )
}

fn links(base: &str, room: &str, session: &str) -> Links {
    Links {
        get_room: format!("{base}/rooms/{room}"),
        get_session: format!("{base}/sessions/{session}"),
    }
}

fn name(presence: &Presence<'_>) -> String {
    let newest = presence.stints.last();
    newest.map_or_else(String::new, |newest| newest.name.value.to_string())
}

/// Who may send takes part; who may only receive watches.
fn mode(connection: &Connection) -> &'static str {
    if connection.permission.send.enabled {
        "CONFERENCE"
    } else {
        "VIEWER"
    }
}

/// A meeting, version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Meeting<'a> {
    meeting_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_meeting_id: Option<&'a str>,
    user_id: &'a str,
    created_at: &'a str,
    updated_at: &'a str,
    id: &'a str,
}

/// A room, version 2.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoomV2<'a> {
    room_id: &'a str,
    custom_room_id: Option<&'a str>,
    user_id: &'a str,
    api_key: &'a str,
    disabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    geo_fence: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_close_config: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    auto_start_config: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    multi_composition: Option<Value>,
    allowed_participant_ids: Value,
    created_at: &'a str,
    updated_at: &'a str,
    id: &'a str,
    links: Links,
}

/// A room after its status was set.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoomStatus<'a> {
    status: &'static str,
    room_id: &'a str,
    custom_room_id: Option<&'a str>,
    user_id: &'a str,
    created_at: &'a str,
    updated_at: &'a str,
    id: &'a str,
    links: Links,
}

/// A room after it was deactivated.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Deactivated<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook: Option<Value>,
    disabled: bool,
    meeting_id: &'a str,
    user_meeting_id: Option<&'a str>,
    user_id: &'a str,
    created_at: &'a str,
    updated_at: &'a str,
    user: User<'a>,
    id: &'a str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct User<'a> {
    email: Option<&'a str>,
    name: &'a str,
    discontinued_reason: Option<&'a str>,
    id: &'a str,
}

#[derive(Debug, Serialize)]
struct Links {
    get_room: String,
    get_session: String,
}

/// A session, version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionV1 {
    id: String,
    meeting_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_link: Option<Option<String>>,
    start: String,
    end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_duration: Option<i64>,
    participants: Vec<Participant>,
}

/// A session, version 2.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionV2 {
    id: String,
    user_id: String,
    room_id: String,
    custom_room_id: Option<String>,
    start: String,
    end: Option<String>,
    participants: Vec<Participant>,
    active_duration: i64,
    chat_link: Option<String>,
    status: &'static str,
    links: Links,
}

/// A session in a list, version 2.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ListedSession {
    id: String,
    room_id: String,
    custom_room_id: Option<String>,
    start: String,
    end: Option<String>,
    participants: Vec<Participant>,
    status: &'static str,
    links: Links,
}

/// A session at the moment of a removal, version 2.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Removal {
    start: String,
    end: Option<String>,
    participants: Vec<Participant>,
    id: String,
    room_id: String,
    status: &'static str,
    links: Links,
}

/// A session at the moment that its end was asked for, version 2.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Ending {
    start: String,
    end: Option<String>,
    participants: Vec<Participant>,
    id: String,
    meeting_id: String,
    user_meeting_id: Option<String>,
}

/// A session around a page of its participants.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WithParticipants {
    id: String,
    room_id: String,
    custom_room_id: Option<String>,
    participants: Vec<Participant>,
    links: Links,
}

/// A session around a page of those who are there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct WithActive {
    #[serde(rename = "_id")]
    object_id: String,
    api_key: String,
    start: String,
    end: Option<String>,
    participants: Vec<ActiveParticipant>,
    region: Option<String>,
    hls_log: [(); 0],
    room_id: String,
    status: &'static str,
    links: ActiveLinks,
}

#[derive(Debug, Serialize)]
struct ActiveLinks {
    get_session: String,
    get_all_participants: String,
}

/// Somebody who was there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Participant {
    #[serde(rename = "_id", skip_serializing_if = "Option::is_none")]
    object_id: Option<String>,
    participant_id: String,
    name: String,
    timelog: Vec<Stint>,
}

/// Somebody who is there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ActiveParticipant {
    participant_id: String,
    name: String,
    events: Events,
    timelog: Vec<Stint>,
    change_mode_history: [(); 0],
    mode: &'static str,
    #[serde(rename = "_id")]
    object_id: String,
}

/// Since when each kind of media is sent.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Events {
    mic: Vec<Stint>,
    webcam: Vec<Stint>,
    screen_share: Vec<Stint>,
    screen_share_audio: Vec<Stint>,
}

impl Events {
    fn of(connection: &Connection) -> Self {
        let open = |source| {
            let tracks = connection.tracks.iter().filter(move |track| track.source == source);
            let since = |at| Stint {
                start: time(at),
                end: None,
            };
            tracks.map(|track| since(track.published_at)).collect()
        };
        Self {
            mic: open(Source::Microphone),
            webcam: open(Source::Camera),
            screen_share: open(Source::ScreenShare),
            screen_share_audio: open(Source::ScreenShareAudio),
        }
    }
}

#[derive(Debug, Serialize)]
struct Stint {
    start: String,
    end: Option<String>,
}

/// The setting that says who may join with a token of this vendor's.
pub(super) const ALLOWED: &str = "allowedParticipantIds";
const OBJECT_CHARS: usize = 24;
