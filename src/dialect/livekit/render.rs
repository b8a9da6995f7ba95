//! Rooms, participants and tracks as LiveKit shows them. Apart because answers and webhooks show
//! the same; it never decides anything, and what only a media server knows is left at its default.

use std::ops::Bound;
use std::sync::Arc;

use crate::dialect::livekit::json::codec::EnumNames;
use crate::dialect::livekit::permission;
use crate::dialect::livekit::proto::models::{
    BackupCodecPolicy, Codec, DisconnectReason, ParticipantInfo, ParticipantKind, Room as RoomInfo,
    State, TimedVersion, TrackInfo, TrackType,
};
use crate::domain::event::{CloseCause, ConnectionKind, TrackKind};
use crate::domain::state::{Closed, Connection, ConnectionState, Session, Track};
use crate::domain::{Digest, Identity, Room, Source};

/// The room's open session, which is LiveKit's room; `None` while there is none.
pub fn room(room: &Room) -> Option<RoomInfo> {
    let session = room.open_session()?;
    let metadata = room.metadata().map(|text| text.value.to_string());
    Some(RoomInfo {
        sid: session.sid(),
        name: room.name.to_string(),
        empty_timeout: session.config.empty_timeout_s,
        departure_timeout: session.config.departure_timeout_s,
        max_participants: session.config.max_participants,
        creation_time: session.opened_at.seconds(),
        creation_time_ms: session.opened_at.millis(),
        turn_password: turn_password(session),
        enabled_codecs: ENABLED_CODECS.iter().map(|mime| codec(mime)).collect(),
        metadata: metadata.unwrap_or_default(),
        num_participants: session.counted,
        num_publishers: session.publishers,
        active_recording: is_recorded(session),
        version: None,
    })
}

/// Everybody inside, hidden people too: one entry for each live connection, oldest first, made when
/// it is asked for.
pub fn participants(room: Arc<Room>) -> impl Iterator<Item = ParticipantInfo> + Send + 'static {
    let mut after = Bound::Unbounded;
    let numbers = std::iter::from_fn(move || {
        let live = &room.open_session()?.live;
        let number = *live.range((after, Bound::Unbounded)).next()?;
        after = Bound::Excluded(number);
        let connection = room.connection(number);
        Some(connection.map(|connection| participant(&room, connection)))
    });
    numbers.flatten()
}

/// The newest live connection of that identity.
pub fn participant_of(room: &Room, identity: &Identity) -> Option<ParticipantInfo> {
    let live = room.live_of(identity);
    live.last().map(|connection| participant(room, connection))
}

/// One connection.
pub fn participant(room: &Room, connection: &Connection) -> ParticipantInfo {
    let person = room.person(connection.participant);
    let reason = connection
        .closed
        .as_ref()
        .map_or(DisconnectReason::UnknownReason, disconnect_reason);
    ParticipantInfo {
        sid: connection.sid(),
        identity: person.map_or_else(String::new, |person| person.identity.to_string()),
        state: state(connection.state).into(),
        tracks: connection.tracks.iter().map(|it| track(it)).collect(),
        metadata: connection.metadata.value.to_string(),
        joined_at: connection.opened_at.seconds(),
        joined_at_ms: connection.opened_at.millis(),
        name: connection.name.value.to_string(),
        version: connection.changes,
        permission: Some(permission::rendered(&connection.permission)),
        region: String::new(),
        is_publisher: connection.is_publisher,
        kind: participant_kind(connection.kind).into(),
        attributes: connection.attributes.as_ref().clone(),
        disconnect_reason: reason.into(),
        kind_details: Vec::new(),
        data_tracks: Vec::new(),
        client_protocol: 0,
        capabilities: Vec::new(),
    }
}

/// One track. Stream and backup policy are LiveKit's defaults for its kind and source.
pub fn track(track: &Track) -> TrackInfo {
    let (kind, backup) = match track.kind {
        TrackKind::Audio => (TrackType::Audio, BackupCodecPolicy::Simulcast),
        TrackKind::Video => (TrackType::Video, BackupCodecPolicy::PreferRegression),
        TrackKind::Data => (TrackType::Data, BackupCodecPolicy::PreferRegression),
    };
    let stream = match track.source {
        Source::Camera | Source::Microphone => "camera",
        Source::ScreenShare | Source::ScreenShareAudio => "screen",
        Source::CustomAudio | Source::CustomVideo | Source::Unknown => "",
    };
    TrackInfo {
        sid: track.sid(),
        r#type: kind.into(),
        name: track.name.to_string(),
        muted: track.muted,
        width: track.shape.width,
        height: track.shape.height,
        source: permission::wire(track.source).into(),
        mime_type: track.shape.mime_type.clone(),
        stream: stream.to_owned(),
        version: Some(TimedVersion {
            unix_micro: track.published_at.micros(),
            ticks: 0,
        }),
        backup_codec_policy: backup.into(),
        ..TrackInfo::default()
    }
}

/// Why a connection closed: in the reporter's words where they are LiveKit's, else by the cause.
pub fn disconnect_reason(closed: &Closed) -> DisconnectReason {
    let reported = closed.reported_reason.as_deref().and_then(reason_named);
    match (closed.cause, reported) {
        (CloseCause::Left, Some(reported)) => reported,
        (cause, _) => reason_of(cause),
    }
}

/// LiveKit's reason for a cause.
pub const fn reason_of(cause: CloseCause) -> DisconnectReason {
    match cause {
        CloseCause::Left => DisconnectReason::ClientInitiated,
        // LiveKit ejects nobody by time; to a client it is a removal that nobody asked for.
        CloseCause::Removed | CloseCause::Expired => DisconnectReason::ParticipantRemoved,
        CloseCause::Replaced => DisconnectReason::DuplicateIdentity,
        CloseCause::Moved => DisconnectReason::Migration,
        // LiveKit's DeleteRoom ends what we call a session.
        CloseCause::SessionEnded | CloseCause::RoomDeleted => DisconnectReason::RoomDeleted,
        CloseCause::NeverActive => DisconnectReason::JoinFailure,
        CloseCause::RoomExpired | CloseCause::RoomClosed => DisconnectReason::RoomClosed,
        CloseCause::ReporterLost => DisconnectReason::ConnectionTimeout,
        CloseCause::ServerShutdown => DisconnectReason::ServerShutdown,
    }
}

fn reason_named(name: &str) -> Option<DisconnectReason> {
    let mut names = DisconnectReason::NAMES.iter();
    let (_, number) = names.find(|(known, _)| *known == name)?;
    DisconnectReason::try_from(*number).ok()
}

const fn state(state: ConnectionState) -> State {
    match state {
        ConnectionState::Joining => State::Joining,
        // A client that comes back was never away to LiveKit.
        ConnectionState::Active | ConnectionState::Interrupted => State::Active,
        ConnectionState::Closed => State::Disconnected,
    }
}

const fn participant_kind(kind: ConnectionKind) -> ParticipantKind {
    match kind {
        ConnectionKind::Standard => ParticipantKind::Standard,
        ConnectionKind::Ingress => ParticipantKind::Ingress,
        ConnectionKind::Egress => ParticipantKind::Egress,
        ConnectionKind::Sip => ParticipantKind::Sip,
        ConnectionKind::Agent => ParticipantKind::Agent,
        ConnectionKind::Connector => ParticipantKind::Connector,
        ConnectionKind::Bridge => ParticipantKind::Bridge,
    }
}

/// Recorders are dependent, so only a room with dependents is searched for one.
fn is_recorded(session: &Session) -> bool {
    let counted = usize::try_from(session.counted).unwrap_or(usize::MAX);
    session.live.size() > counted && session.live().any(|it| it.permission.recorder)
}

/// Clients expect one, and nothing here is guarded by it: there is no TURN server.
fn turn_password(session: &Session) -> String {
    Digest::of(format!("turn password of {}", session.id.uuid()).as_bytes()).to_string()
}

fn codec(mime: &str) -> Codec {
    Codec {
        mime: mime.to_owned(),
        fmtp_line: String::new(),
    }
}

/// What livekit-server 1.13.4 enables by default, as recorded.
const ENABLED_CODECS: [&str; 10] = [
    "audio/PCMU",
    "audio/PCMA",
    "audio/opus",
    "audio/red",
    "video/VP8",
    "video/H264",
    "video/VP9",
    "video/AV1",
    "video/H265",
    "video/rtx",
];
