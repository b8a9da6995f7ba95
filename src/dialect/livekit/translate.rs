//! LiveKit's requests as commands. Apart from carrying them out; it never looks at a room, so what
//! depends on one is the domain's to refuse.
//!
//! A request with a fault becomes a command all the same, as far as it can be read, beside the
//! objection to it: so the attempt is recorded with whom it meant.

use crate::dialect::join_token::SessionSettings;
use crate::dialect::livekit::json::message;
use crate::dialect::livekit::json::schema::UnknownName;
use crate::dialect::livekit::permission;
use crate::dialect::livekit::proto::models::ParticipantPermission;
use crate::dialect::livekit::proto::service::{
    CreateRoomRequest, DataKind, MoveParticipantRequest, MuteRoomTrackRequest,
    RoomParticipantIdentity, SendDataRequest, UpdateParticipantRequest, UpdateRoomMetadataRequest,
    UpdateSubscriptionsRequest,
};
use crate::dialect::livekit::twirp::calls::Request;
use crate::domain::command::{
    Command, ConfigPatch, CreateRoom, MuteTrack, PermissionUpdate, ProfileUpdate, Remove, SendData,
    Target, UpdateParticipant, UpdateRoom,
};
use crate::domain::limits::{ATTRIBUTES_BYTES_MAX, METADATA_BYTES_MAX, PARTICIPANT_NAME_BYTES_MAX};
use crate::domain::{Digest, Identity, NameError, Rejection, RoomName, Timestamp};

/// What a request wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// The room.
    pub room: RoomName,
    /// The command, as far as the request can be read.
    pub command: Command,
    /// What is wrong with the request by itself.
    pub objection: Option<Rejection>,
}

/// What a request wants; `None` for those that change nothing, or that need a media server.
///
/// # Errors
/// [`NameError`] when the room has no name that a room can have: nothing can be recorded then.
pub fn wish(request: &Request, unknown_names: &[UnknownName]) -> Result<Option<Wish>, NameError> {
    let (room, (command, objection)) = match request {
        Request::CreateRoom(it) => (&it.name, create_room(it)),
        Request::DeleteRoom(it) => (&it.room, (Command::EndSession, None)),
        Request::RemoveParticipant(it) => (&it.room, remove(it)),
        Request::MutePublishedTrack(it) => (&it.room, mute_track(it)),
        Request::UpdateParticipant(it) => (&it.room, update_participant(it, unknown_names)),
        Request::UpdateSubscriptions(it) => (&it.room, update_subscriptions(it)),
        Request::SendData(it) => (&it.room, send_data(it)),
        Request::UpdateRoomMetadata(it) => (&it.room, update_metadata(it)),
        Request::MoveParticipant(it) => (&it.room, move_participant(it)?),
        Request::ListRooms(_)
        | Request::ListParticipants(_)
        | Request::GetParticipant(_)
        | Request::ForwardParticipant(_)
        | Request::PerformRpc(_) => return Ok(None),
    };
    Ok(Some(Wish {
        room: RoomName::new(room)?,
        command,
        objection,
    }))
}

/// What is too large in the two calls of which LiveKit checks that before the grant.
pub fn oversize(request: &Request) -> Option<Rejection> {
    let (name, metadata, attributes) = if let Request::UpdateParticipant(it) = request {
        let pairs = it.attributes.iter();
        let attributes = pairs.map(|(key, value)| key.len() + value.len()).sum();
        (it.name.len(), it.metadata.len(), attributes)
    } else if let Request::UpdateRoomMetadata(it) = request {
        (0, it.metadata.len(), 0)
    } else {
        return None;
    };
    let sizes = [
        ("name", name, PARTICIPANT_NAME_BYTES_MAX),
        ("metadata", metadata, METADATA_BYTES_MAX),
        ("attributes", attributes, ATTRIBUTES_BYTES_MAX),
    ];
    let over = sizes.into_iter().find(|(_, bytes, max)| bytes > max);
    over.map(|(what, bytes, bytes_max)| Rejection::TooLarge {
        what: what.into(),
        bytes,
        bytes_max,
    })
}

type Faulty = (Command, Option<Rejection>);

/// Zero, empty and false are LiveKit's defaults, so they say nothing.
fn create_room(it: &CreateRoomRequest) -> Faulty {
    let settings = SessionSettings {
        empty_timeout_s: it.empty_timeout,
        departure_timeout_s: it.departure_timeout,
        max_participants: it.max_participants,
        min_playout_delay_ms: it.min_playout_delay,
        max_playout_delay_ms: it.max_playout_delay,
        sync_streams: it.sync_streams,
        tags: it.tags.clone(),
        agents: it.agents.iter().map(message::encode).collect(),
    };
    let config: ConfigPatch = settings.patch();
    let objection = if !it.room_preset.is_empty() {
        let problem = "unknown room configuration in create room request";
        Some(invalid("room_preset", problem))
    } else if it.egress.is_some() {
        let problem = "this server records no media: leave egress out, and start it elsewhere";
        Some(invalid("egress", problem))
    } else {
        None
    };
    let command = Command::CreateRoom(CreateRoom {
        config,
        metadata: Some(it.metadata.clone()).filter(|metadata| !metadata.is_empty()),
        opens_session: true,
        ..CreateRoom::default()
    });
    (command, objection)
}

fn remove(it: &RoomParticipantIdentity) -> Faulty {
    let (target, objection) = target(&it.room, &it.identity);
    let (revoke_before, too_early) = revoke_moment(it.revoke_token_ts);
    let command = Command::Remove(Remove {
        target,
        ban: false,
        revoke_before,
    });
    (command, objection.or(too_early))
}

/// LiveKit says seconds, its Rust client says milliseconds; seconds of that size are year 5138.
fn revoke_moment(revoke_token_ts: i64) -> (Option<Timestamp>, Option<Rejection>) {
    match revoke_token_ts {
        0 => (None, None),
        ..0 => {
            let problem = "it lies before 1970: give seconds since then, or 0 to revoke nothing";
            (None, Some(invalid("revoke_token_ts", problem)))
        }
        seconds @ 1..=REVOKE_SECONDS_MAX => (Some(Timestamp::from_seconds(seconds)), None),
        millis @ ..=REVOKE_MILLIS_MAX => (Some(Timestamp::from_millis(millis)), None),
        _ => {
            let problem = "it is neither seconds nor milliseconds since 1970: micro- and \
                           nanoseconds are not read";
            (None, Some(invalid("revoke_token_ts", problem)))
        }
    }
}

fn mute_track(it: &MuteRoomTrackRequest) -> Faulty {
    let (target, objection) = target(&it.room, &it.identity);
    let command = Command::MuteTrack(MuteTrack {
        target,
        track: it.track_sid.clone(),
        muted: it.muted,
    });
    (command, objection)
}

/// An empty name or metadata is not given; an empty attribute deletes.
fn update_participant(it: &UpdateParticipantRequest, unknown_names: &[UnknownName]) -> Faulty {
    let (target, objection) = target(&it.room, &it.identity);
    let given = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let attributes = it.attributes.iter();
    let (permission, fault) = it.permission.as_ref().map_or((None, None), |permission| {
        permission_update(permission, unknown_names)
    });
    let command = Command::UpdateParticipant(UpdateParticipant {
        target,
        profile: ProfileUpdate {
            name: given(&it.name),
            metadata: given(&it.metadata),
            attributes: attributes
                .map(|(key, value)| (key.clone(), given(value)))
                .collect(),
        },
        permission,
    });
    (command, objection.or(fault))
}

/// LiveKit drops a source that it does not know, and an empty list then means every source: a typo
/// would widen the right.
fn permission_update(
    it: &ParticipantPermission,
    unknown_names: &[UnknownName],
) -> (Option<PermissionUpdate>, Option<Rejection>) {
    let dropped = unknown_names
        .iter()
        .find(|unknown| unknown.field == "can_publish_sources")
        .map(|unknown| format!("{:?}", cut(&unknown.name)));
    let unknown = match (dropped, permission::replacement(it)) {
        (None, Ok(patch)) => {
            let update = PermissionUpdate {
                patch,
                ..PermissionUpdate::default()
            };
            return (Some(update), None);
        }
        (Some(name), _) => name,
        (None, Err(number)) => number.to_string(),
    };
    let problem = format!(
        "{unknown} is no track source: use CAMERA, MICROPHONE, SCREEN_SHARE, SCREEN_SHARE_AUDIO \
         or UNKNOWN"
    );
    (None, Some(invalid("can_publish_sources", &problem)))
}

fn update_subscriptions(it: &UpdateSubscriptionsRequest) -> Faulty {
    let (target, objection) = target(&it.room, &it.identity);
    let of_participants = it.participant_tracks.iter().flat_map(|it| &it.track_sids);
    let command = Command::UpdateSubscriptions {
        target,
        tracks: it
            .track_sids
            .iter()
            .chain(of_participants)
            .cloned()
            .collect(),
        subscribe: it.subscribe,
    };
    (command, objection)
}

fn send_data(it: &SendDataRequest) -> Faulty {
    let connections = it.destination_sids.iter().cloned().map(Target::Connection);
    let identities = it.destination_identities.iter();
    let command = Command::SendData(SendData {
        topic: it.topic.clone(),
        lossy: it.kind == i32::from(DataKind::Lossy),
        bytes: u64::try_from(it.data.len()).unwrap_or(u64::MAX),
        digest: Digest::of(&it.data),
        targets: connections
            .chain(identities.map(|identity| target(&it.room, identity).0))
            .collect(),
    });
    let objection = (![0, NONCE_BYTES].contains(&it.nonce.len())).then(|| {
        let bytes = it.nonce.len();
        let problem = format!("should be {NONCE_BYTES}-bytes or not present, got: {bytes} bytes");
        invalid("nonce", &problem)
    });
    (command, objection)
}

/// Empty clears it, unlike everywhere else.
fn update_metadata(it: &UpdateRoomMetadataRequest) -> Faulty {
    let command = Command::UpdateRoom(UpdateRoom {
        metadata: Some(it.metadata.clone()),
        session_only: true,
        ..UpdateRoom::default()
    });
    (command, None)
}

fn move_participant(it: &MoveParticipantRequest) -> Result<Faulty, NameError> {
    let (target, objection) = target(&it.room, &it.identity);
    let to_room = RoomName::new(&it.destination_room)?;
    Ok((Command::Move { target, to_room }, objection))
}

/// Nobody is called nothing, so that is nobody; what could never be an identity is a fault.
fn target(room: &str, identity: &str) -> (Target, Option<Rejection>) {
    let problem = match Identity::new(identity) {
        Ok(identity) => return (Target::Identity(identity), None),
        Err(NameError::Empty { .. }) => Rejection::NoSuchParticipant {
            room: room.to_owned(),
            participant: String::new(),
            because: None,
        },
        Err(error) => invalid("identity", &error.to_string()),
    };
    (Target::Connection(cut(identity)), Some(problem))
}

fn invalid(what: &'static str, problem: &str) -> Rejection {
    Rejection::Invalid {
        what: what.into(),
        problem: problem.to_owned(),
    }
}

/// As much of a caller's word as a message repeats.
fn cut(text: &str) -> String {
    text.chars().take(ECHO_CHARS_MAX).collect()
}

/// The largest `revoke_token_ts` that is taken for seconds.
const REVOKE_SECONDS_MAX: i64 = 100_000_000_000;
/// The largest that is taken for milliseconds, also in year 5138.
const REVOKE_MILLIS_MAX: i64 = 100_000_000_000_000;
/// LiveKit's nonces are UUIDs.
const NONCE_BYTES: usize = 16;
/// Longer words of a caller are cut before they are repeated or recorded.
const ECHO_CHARS_MAX: usize = 64;
