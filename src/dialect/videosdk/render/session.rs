//! Sessions and who was in them, in each of the vendor's shapes. Apart from rooms, which outlive
//! them.

use serde::Serialize;
use serde_json::Value;

use super::{Links, RoomIds, links, time, user_id};
use crate::dialect::videosdk::asked::Asked;
use crate::dialect::videosdk::modes::{ModeShown, Modes, mode};
use crate::dialect::videosdk::stint::{Presence, Seen};
use crate::domain::Source;
use crate::domain::state::Connection;

/// How a session is shown, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::dialect::videosdk) enum Shape {
    /// Version 1; with what only reading calls show, where asked.
    Meeting {
        /// Whether it is.
        with_details: bool,
    },
    /// Version 2, of one.
    Session,
    /// Version 2, in a list.
    Listed,
    /// Version 2's answer to a removal.
    Removal,
    /// Version 2's answer to an end, which is of the older shape.
    Ending,
}

impl Shape {
    /// Whether participants have ids of their own in it.
    pub(in crate::dialect::videosdk) const fn has_ids(self) -> bool {
        matches!(self, Self::Session | Self::Removal | Self::Ending)
    }
}

/// A session with what its shapes are made of.
pub(in crate::dialect::videosdk) struct SessionShown<'a> {
    seen: Seen<'a>,
    object: String,
    ids: RoomIds,
    user_id: String,
    key_id: String,
    base: String,
}

impl<'a> SessionShown<'a> {
    /// A session as of a version; `None` where its room was never made.
    pub(in crate::dialect::videosdk) fn of(asked: &Asked, seen: Seen<'a>) -> Option<Self> {
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

    /// A session in one of its shapes, as JSON with an empty list of `participants`.
    pub(in crate::dialect::videosdk) fn without_people(&self, shape: Shape) -> String {
        let written = match shape {
            Shape::Meeting { with_details } => serde_json::to_string(&self.meeting(with_details)),
            Shape::Session => serde_json::to_string(&self.session()),
            Shape::Listed => serde_json::to_string(&self.listed()),
            Shape::Removal => serde_json::to_string(&self.removal()),
            Shape::Ending => serde_json::to_string(&self.ending()),
        };
        written.unwrap_or_default()
    }

    fn meeting(&self, with_details: bool) -> SessionV1 {
        let chat_link = with_details.then_some(Value::Null);
        SessionV1 {
            id: self.object.clone(),
            meeting_id: self.ids.room.clone(),
            chat_link,
            start: self.start(),
            end: self.end(),
            active_duration: with_details.then(|| self.active_duration()),
            participants: [],
        }
    }

    fn session(&self) -> SessionV2 {
        SessionV2 {
            id: self.object.clone(),
            user_id: self.user_id.clone(),
            room_id: self.ids.room.clone(),
            custom_room_id: self.ids.custom.clone(),
            start: self.start(),
            end: self.end(),
            participants: [],
            active_duration: self.active_duration(),
            chat_link: None,
            status: self.status(),
            links: self.links(),
        }
    }

    fn listed(&self) -> ListedSession {
        ListedSession {
            id: self.object.clone(),
            room_id: self.ids.room.clone(),
            custom_room_id: self.ids.custom.clone(),
            start: self.start(),
            end: self.end(),
            participants: [],
            status: self.status(),
            links: self.links(),
        }
    }

    fn removal(&self) -> Removal {
        Removal {
            start: self.start(),
            end: self.end(),
            participants: [],
            id: self.object.clone(),
            room_id: self.ids.room.clone(),
            status: self.status(),
            links: self.links(),
        }
    }

    fn ending(&self) -> Ending {
        Ending {
            start: self.start(),
            end: self.end(),
            participants: [],
            id: self.object.clone(),
            meeting_id: self.ids.room.clone(),
            user_meeting_id: self.ids.custom.clone(),
        }
    }

    /// Version 2's participants, of which these are the page: one object.
    pub(in crate::dialect::videosdk) fn with_participants(
        &self,
        page: &[Presence<'_>],
    ) -> WithParticipants {
        WithParticipants {
            id: self.object.clone(),
            room_id: self.ids.room.clone(),
            custom_room_id: self.ids.custom.clone(),
            participants: page.iter().map(|it| self.participant(it, false)).collect(),
            links: self.links(),
        }
    }

    /// Version 2's participants who are there now, of which these are the page: a list of one.
    pub(in crate::dialect::videosdk) fn with_active(
        &self,
        page: &[Presence<'_>],
        modes: &Modes,
    ) -> [WithActive; 1] {
        [WithActive {
            object_id: self.object.clone(),
            api_key: self.key_id.clone(),
            start: self.start(),
            end: self.end(),
            participants: page
                .iter()
                .filter_map(|it| self.active(it, modes))
                .collect(),
            region: None,
            hls_log: [],
            room_id: self.ids.room.clone(),
            status: self.status(),
            links: ActiveLinks {
                get_session: format!("{}/sessions/{}", self.base, self.object),
                get_all_participants: format!(
                    "{}/sessions/{}/participants",
                    self.base, self.object
                ),
            },
        }]
    }

    /// The session that is shown.
    pub(in crate::dialect::videosdk) const fn seen(&self) -> Seen<'a> {
        self.seen
    }

    /// One participant.
    pub(in crate::dialect::videosdk) fn participant(
        &self,
        presence: &Presence<'_>,
        with_id: bool,
    ) -> Participant {
        let first = presence.stints.first().filter(|_| with_id);
        let stints = presence.stints.iter();
        Participant {
            object_id: first.map(|connection| connection.id.object_id()),
            participant_id: presence.identity.clone(),
            name: name(presence),
            timelog: stints.map(|connection| self.stint(connection)).collect(),
        }
    }

    fn active(&self, presence: &Presence<'_>, modes: &Modes) -> Option<ActiveParticipant> {
        let newest = presence.stints.last()?;
        let stints = presence.stints.iter();
        Some(ActiveParticipant {
            participant_id: presence.identity.clone(),
            name: name(presence),
            events: Events::of(newest),
            timelog: stints.map(|connection| self.stint(connection)).collect(),
            change_mode_history: modes.of(presence),
            mode: mode(&newest.permission),
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
        if self.seen.end().is_none() {
            "ongoing"
        } else {
            "ended"
        }
    }

    /// In whole seconds; up to now, while it goes on.
    fn active_duration(&self) -> i64 {
        let end = self.seen.end().unwrap_or(self.seen.now());
        end.seconds().saturating_sub(self.seen.start().seconds())
    }

    fn links(&self) -> Links {
        links(&self.base, &self.ids.room, &self.object)
    }
}

fn name(presence: &Presence<'_>) -> String {
    let newest = presence.stints.last();
    newest.map_or_else(String::new, |newest| newest.name.value.to_string())
}

/// A session, version 1.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionV1 {
    id: String,
    meeting_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    chat_link: Option<Value>,
    start: String,
    end: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    active_duration: Option<i64>,
    participants: [(); 0],
}

/// A session, version 2.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct SessionV2 {
    id: String,
    user_id: String,
    room_id: String,
    custom_room_id: Option<String>,
    start: String,
    end: Option<String>,
    participants: [(); 0],
    active_duration: i64,
    chat_link: Option<String>,
    status: &'static str,
    links: Links,
}

/// A session in a list, version 2.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ListedSession {
    id: String,
    room_id: String,
    custom_room_id: Option<String>,
    start: String,
    end: Option<String>,
    participants: [(); 0],
    status: &'static str,
    links: Links,
}

/// A session at the moment of a removal, version 2.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Removal {
    start: String,
    end: Option<String>,
    participants: [(); 0],
    id: String,
    room_id: String,
    status: &'static str,
    links: Links,
}

/// A session at the moment that its end was asked for, version 2.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Ending {
    start: String,
    end: Option<String>,
    participants: [(); 0],
    id: String,
    meeting_id: String,
    user_meeting_id: Option<String>,
}

/// A session around a page of its participants.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect::videosdk) struct WithParticipants {
    id: String,
    room_id: String,
    custom_room_id: Option<String>,
    participants: Vec<Participant>,
    links: Links,
}

/// A session around a page of those who are there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect::videosdk) struct WithActive {
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
#[expect(clippy::struct_field_names, reason = "the vendor's names")]
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::dialect::videosdk) struct Participant {
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
    change_mode_history: Vec<ModeShown>,
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
            let tracks = connection
                .tracks
                .iter()
                .filter(move |track| track.source == source);
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
