//! Rooms and sessions in each of the vendor's shapes, members in the vendor's order. Apart because
//! the same thing has another shape in almost every answer; what only a media server knows (region,
//! device, place, chat) is left out, or null where clients read it.

pub(super) mod room;
pub(super) mod session;

use chrono::SecondsFormat;
use serde::Serialize;

use crate::domain::{Digest, Id, RoomName, Timestamp};

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
            room: if is_room_id {
                name.to_owned()
            } else {
                id.meeting_code()
            },
            custom: (!is_room_id).then(|| name.to_owned()),
        }
    }
}

/// The account that a key belongs to: here each key is one.
pub(super) fn user_id(key_id: &str) -> String {
    let digest = Digest::of(key_id.as_bytes()).to_string();
    digest.chars().take(OBJECT_CHARS).collect()
}

/// A moment as the vendor writes it.
pub(super) fn time(at: Timestamp) -> String {
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

#[derive(Debug, Serialize)]
struct Links {
    get_room: String,
    get_session: String,
}

/// How many hexadecimal digits an id of the vendor has.
pub(super) const OBJECT_CHARS: usize = 24;
