//! Which webhooks an event of the log comes to, with what in them. Apart from signing. Muting,
//! permissions, metadata and the like come to none, as recorded of a real server.

use crate::dialect::livekit::proto::models::{ParticipantInfo, Room as RoomInfo};
use crate::dialect::livekit::proto::webhook::WebhookEvent;
use crate::dialect::livekit::render;
use crate::domain::state::{Connection, Session};
use crate::domain::{ConnectionNumber, Digest, Event, Id, Kind, Room};
use crate::outbox::Told;

/// Whether events of this kind come to webhooks.
pub(super) const fn concerns(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::SessionOpened
            | Kind::SessionEnded
            | Kind::ConnectionActivated
            | Kind::ConnectionsClosed
            | Kind::TrackPublished
            | Kind::TracksUnpublished
    )
}

/// The webhook of that number, from 0, that an event comes to.
pub(super) fn notice(told: &Told<'_>, number: u32) -> Option<WebhookEvent> {
    let event = if let Event::ConnectionsClosed(it) = told.event {
        left(told.after, it.who.connections.nth(number)?)
    } else if let Event::TracksUnpublished(it) = told.event {
        let track = it.tracks.nth(number)?;
        let connection = told.before.connection(it.connection)?;
        let mut tracks = connection.tracks.iter();
        let track = tracks.find(|open| open.number == track)?;
        Some(WebhookEvent {
            track: Some(render::track(track)),
            ..about_track("track_unpublished", told.before, connection)
        })
    } else if number > 0 {
        None
    } else if let Event::SessionOpened(_) = told.event {
        Some(about_room("room_started", told.after))
    } else if let Event::SessionEnded(_) = told.event {
        Some(about_room("room_finished", told.before))
    } else if let Event::ConnectionActivated(it) = told.event {
        let connection = told.after.connection(it.connection)?;
        Some(about_participant(
            "participant_joined",
            told.after,
            connection,
        ))
    } else if let Event::TrackPublished(it) = told.event {
        let connection = told.after.connection(it.connection)?;
        let mut tracks = connection.tracks.iter();
        let track = tracks.find(|open| open.number == it.number)?;
        Some(WebhookEvent {
            track: Some(render::track(track)),
            ..about_track("track_published", told.after, connection)
        })
    } else {
        None
    };
    Some(WebhookEvent {
        id: id(told, number),
        created_at: told.recorded_at.seconds(),
        ..event?
    })
}

/// Who never became active has not joined to LiveKit, and so cannot leave.
fn left(room: &Room, number: ConnectionNumber) -> Option<WebhookEvent> {
    let connection = room.connection(number)?;
    let event = if connection.was_active {
        "participant_left"
    } else {
        "participant_connection_aborted"
    };
    Some(about_participant(event, room, connection))
}

fn about_room(event: &str, room: &Room) -> WebhookEvent {
    WebhookEvent {
        event: event.to_owned(),
        room: render::room(room),
        ..WebhookEvent::default()
    }
}

fn about_participant(event: &str, room: &Room, connection: &Connection) -> WebhookEvent {
    WebhookEvent {
        participant: Some(render::participant(room, connection)),
        ..about_room(event, room)
    }
}

/// Of a track's room and participant LiveKit tells only who they are.
fn about_track(event: &str, room: &Room, connection: &Connection) -> WebhookEvent {
    let session = room.open_session();
    let person = room.person(connection.participant);
    WebhookEvent {
        event: event.to_owned(),
        room: Some(RoomInfo {
            sid: session.map_or_else(String::new, Session::sid),
            name: room.name.to_string(),
            ..RoomInfo::default()
        }),
        participant: Some(ParticipantInfo {
            sid: connection.sid(),
            identity: person.map_or_else(String::new, |person| person.identity.to_string()),
            ..ParticipantInfo::default()
        }),
        ..WebhookEvent::default()
    }
}

/// The same for the same event, whenever and however often it is sent; another in another log.
fn id(told: &Told<'_>, number: u32) -> String {
    let mut place = told.chain.0.to_vec();
    place.extend(told.position.0.to_be_bytes());
    place.extend(number.to_be_bytes());
    let digest = Digest::of(&place);
    let bits = digest
        .0
        .first_chunk()
        .map_or(0, |bits| u128::from_be_bytes(*bits));
    format!("EV_{}", Id(bits).short())
}
