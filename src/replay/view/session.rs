//! One run of a room as our own API shows it: when, why it ended, who was there and how long.
//! Apart because earlier runs live in the log alone; this never shows rights or tracks.

use serde::{Deserialize, Serialize};

use crate::domain::event::{EndReason, OpenedBy};
use crate::domain::{Interval, Room, Timelog, Timestamp};
use crate::replay::names::Names;
use crate::replay::view::person::{StintView, people, stint};
use crate::replay::view::resolve::Resolver;

/// One run of a room.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Session")
)]
pub struct SessionView {
    /// Its id.
    pub session: String,
    /// The room.
    pub room: String,
    /// Its number in the room.
    pub number: u32,
    /// Whether it goes on.
    pub live: bool,
    /// What opened it.
    pub by: OpenedBy,
    /// When it began.
    pub start: Timestamp,
    /// When the reporter of the join that opened it says that it really began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_reported: Option<Timestamp>,
    /// When it ended.
    pub end: Option<Timestamp>,
    /// Why it ended.
    pub end_reason: Option<EndReason>,
    /// The position of the event that opened it.
    pub opened: Option<u64>,
    /// The position of the event that ended it.
    pub ended: Option<u64>,
    /// Its metadata, where it has its own.
    pub metadata: Option<String>,
    /// Everybody who was there, by number.
    pub participants: Vec<SessionParticipantView>,
}

/// Some runs of a room, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Sessions")
)]
pub struct SessionPage {
    /// In order.
    pub sessions: Vec<SessionView>,
    /// Where the next page begins; absent at the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<u32>,
}

/// Somebody who was in a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "SessionParticipant")
)]
pub struct SessionParticipantView {
    /// Who.
    pub identity: String,
    /// Their number in the room.
    pub participant: u32,
    /// The name that their newest connection showed.
    pub name: String,
    /// Whether a connection of theirs is open.
    pub live: bool,
    /// How long they were there, in microseconds; several connections at once count once, and one
    /// that is open counts up to the moment that is shown.
    pub presence_us: i64,
    /// Their presence, oldest first.
    pub timelog: Vec<StintView>,
}

impl SessionView {
    /// Shows the kept session of a room, the open one or the latest that ended, at the moment of
    /// the room's last event.
    pub fn of(room: &Room, names: &Names) -> Option<Self> {
        Self::at(room, names, room.recorded_at)
    }

    /// The same at a later moment, up to which nothing more was recorded in the room.
    pub fn at(room: &Room, names: &Names, now: Timestamp) -> Option<Self> {
        let resolver = Resolver::new(names, Some(&room.name));
        let session = room.session.as_ref()?;
        let metadata = session.metadata.as_ref();
        Some(Self {
            session: session.sid(),
            room: room.name.to_string(),
            number: session.number.0,
            live: session.is_open(),
            by: session.by,
            start: session.opened_at,
            start_reported: session.opened_reported_at,
            end: session.ended.map(|ended| ended.at),
            end_reason: session.ended.map(|ended| ended.reason),
            opened: resolver.position(session.opened),
            ended: session
                .ended
                .and_then(|ended| resolver.position(ended.version)),
            metadata: metadata.map(|text| text.value.to_string()),
            participants: participants(room, &resolver, now.max(room.recorded_at)),
        })
    }
}

fn participants(
    room: &Room,
    resolver: &Resolver<'_>,
    now: Timestamp,
) -> Vec<SessionParticipantView> {
    let mut found = Vec::new();
    for (number, person) in people(room) {
        let connections = room.connections_of(person);
        let Some(newest) = connections.first() else {
            continue;
        };
        let mut presence = Timelog::default();
        for one in &connections {
            presence.push(Interval {
                start: one.opened_at,
                end: one.closed.as_ref().map(|closed| closed.at),
                cause: None,
            });
        }
        found.push(SessionParticipantView {
            identity: person.identity.to_string(),
            participant: number.0,
            name: newest.name.value.to_string(),
            live: !person.live.is_empty(),
            presence_us: presence.presence_micros(now),
            timelog: connections
                .iter()
                .rev()
                .map(|one| stint(one, resolver))
                .collect(),
        });
    }
    found
}
