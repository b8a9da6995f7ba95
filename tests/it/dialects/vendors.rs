//! Requests in the vendors' words, and what these mean by the vendors' own pages. A request that a
//! vendor has no words for is said by another.

use roomledger::domain::command::{
    ConfigPatch, CreateRoom, MuteTrack, PermissionUpdate, ProfileUpdate, Remove, SessionDataMerge,
    UpdateParticipant, UpdatePermissions, UpdateRoom,
};
use roomledger::domain::event::UpdateMode;
use roomledger::domain::{
    AdminRight, Allowed, Command, Identity, PermissionPatch, ReceiveRule, Request, Room, Source,
    Target, Timestamp,
};
use serde_json::{Map, Value, json};

use super::Said;
use super::own::said;
use crate::crossing::bearer;
use crate::videosdk::support::application;

/// Daily's key is the secret itself.
pub(super) const DAILY: &str = "Bearer secret";

pub(super) fn livekit(request: &Request, room: &Room) -> Option<Said> {
    let name = request.room.as_str();
    let (call, body, command) = match &request.command {
        Command::CreateRoom(it) => livekit_creates(name, it)?,
        Command::EndSession | Command::EndSessionIfOpen => {
            ("DeleteRoom", json!({ "room": name }), Command::EndSession)
        }
        Command::UpdateRoom(it) => {
            let metadata = it.metadata.clone()?;
            let body = json!({"room": name, "metadata": metadata});
            // A room of LiveKit's is one session.
            let meant = UpdateRoom {
                metadata: Some(metadata),
                session_only: true,
                ..UpdateRoom::default()
            };
            ("UpdateRoomMetadata", body, Command::UpdateRoom(meant))
        }
        Command::Remove(it) => {
            let identity = identity_of(&it.target, room)?;
            let body = json!({"room": name, "identity": identity.as_str()});
            let meant = Remove::new(Target::Identity(identity));
            ("RemoveParticipant", body, Command::Remove(meant))
        }
        Command::MuteTrack(it) => {
            let identity = identity_of(&it.target, room)?;
            let body = json!({"room": name, "identity": identity.as_str(),
                "track_sid": it.track, "muted": it.muted});
            let meant = MuteTrack {
                target: Target::Identity(identity),
                ..it.clone()
            };
            ("MutePublishedTrack", body, Command::MuteTrack(meant))
        }
        Command::UpdateParticipant(it) => livekit_updates(name, it, room)?,
        Command::UpdateSubscriptions {
            target,
            tracks,
            subscribe,
        } => {
            let identity = identity_of(target, room)?;
            let body = json!({"room": name, "identity": identity.as_str(),
                "track_sids": tracks, "subscribe": subscribe});
            let meant = Command::UpdateSubscriptions {
                target: Target::Identity(identity),
                tracks: tracks.clone(),
                subscribe: *subscribe,
            };
            ("UpdateSubscriptions", body, meant)
        }
        _ => return None,
    };
    let grants = json!({"video": {"roomAdmin": true, "room": name, "roomCreate": true}});
    Some(Said {
        token: bearer(&grants),
        method: "POST",
        path: format!("/twirp/livekit.RoomService/{call}"),
        body,
        meant: Request::new(request.room.clone(), command),
    })
}

type Words = (&'static str, Value, Command);

/// Settings that are zero are not said, and they hold for the session that the call opens.
fn livekit_creates(name: &str, it: &CreateRoom) -> Option<Words> {
    let metadata = it.metadata.clone()?;
    let positive = |value: Option<u32>| value.filter(|value| *value > 0);
    let config = ConfigPatch {
        empty_timeout_s: positive(it.config.empty_timeout_s),
        departure_timeout_s: positive(it.config.departure_timeout_s),
        max_participants: positive(it.config.max_participants),
        ..ConfigPatch::default()
    };
    let body = said([
        ("name", json!(name)),
        ("empty_timeout", json!(config.empty_timeout_s)),
        ("departure_timeout", json!(config.departure_timeout_s)),
        ("max_participants", json!(config.max_participants)),
        ("metadata", json!(metadata)),
    ]);
    let meant = CreateRoom {
        config,
        metadata: Some(metadata),
        opens_session: true,
        ..CreateRoom::default()
    };
    Some(("CreateRoom", body, Command::CreateRoom(meant)))
}

/// The permission replaces all that LiveKit knows; an attribute without a value goes.
fn livekit_updates(name: &str, it: &UpdateParticipant, room: &Room) -> Option<Words> {
    let identity = identity_of(&it.target, room)?;
    let attributes = it.profile.attributes.iter();
    let attributes =
        attributes.map(|(key, value)| (key.clone(), json!(value.clone().unwrap_or_default())));
    let attributes: Map<String, Value> = attributes.collect();
    let patch = it
        .permission
        .as_ref()
        .map(|update| livekit_patch(&update.patch));
    let permission = patch.as_ref().map(|patch| {
        json!({
            "can_publish": patch.send_enabled, "can_subscribe": patch.receive_any,
            "can_publish_data": patch.data, "can_publish_sources": sources(patch),
            "hidden": patch.presence == Some(false), "recorder": patch.recorder,
            "can_update_metadata": patch.update_own_metadata, "agent": patch.agent,
            "can_subscribe_metrics": patch.subscribe_metrics,
            "can_manage_agent_session": patch.manage_agent_session,
        })
    });
    let body = said([
        ("room", json!(name)),
        ("identity", json!(identity.as_str())),
        ("name", json!(it.profile.name)),
        ("metadata", json!(it.profile.metadata)),
        ("attributes", Value::Object(attributes)),
        ("permission", json!(permission)),
    ]);
    let meant = UpdateParticipant {
        target: Target::Identity(identity),
        profile: ProfileUpdate::clone(&it.profile),
        permission: patch.map(|patch| PermissionUpdate {
            patch,
            ..PermissionUpdate::default()
        }),
    };
    Some(("UpdateParticipant", body, Command::UpdateParticipant(meant)))
}

fn livekit_patch(patch: &PermissionPatch) -> PermissionPatch {
    let or_no = |value: Option<bool>| Some(value.unwrap_or_default());
    // No source at all stands for every source.
    let allowed = match &patch.send_allowed {
        Some(Allowed::Listed(all)) if !all.is_empty() => {
            Allowed::Listed(all.iter().map(|source| source.coarse()).collect())
        }
        _ => Allowed::All,
    };
    PermissionPatch {
        presence: Some(patch.presence.unwrap_or(true)),
        send_enabled: or_no(patch.send_enabled),
        send_allowed: Some(allowed),
        send_is_coarse: true,
        data: or_no(patch.data),
        receive_any: Some(patch.receive_any.unwrap_or(true)),
        update_own_metadata: or_no(patch.update_own_metadata),
        subscribe_metrics: or_no(patch.subscribe_metrics),
        manage_agent_session: or_no(patch.manage_agent_session),
        recorder: or_no(patch.recorder),
        agent: or_no(patch.agent),
        ..PermissionPatch::default()
    }
}

fn sources(patch: &PermissionPatch) -> Vec<&'static str> {
    let Some(Allowed::Listed(all)) = &patch.send_allowed else {
        return Vec::new();
    };
    let names = all.iter().map(|source| match source {
        Source::Camera => "CAMERA",
        Source::Microphone => "MICROPHONE",
        Source::ScreenShare => "SCREEN_SHARE",
        Source::ScreenShareAudio => "SCREEN_SHARE_AUDIO",
        Source::CustomAudio | Source::CustomVideo | Source::Unknown => "UNKNOWN",
    });
    names.collect()
}

pub(super) fn daily(request: &Request, room: &Room) -> Option<Said> {
    let name = request.room.as_str();
    let at = |call: &str| format!("/daily/v1/rooms/{name}{call}");
    let (method, path, body, command) = match &request.command {
        Command::DeleteRoom => ("DELETE", at(""), json!({}), Command::DeleteRoom),
        Command::UpdatePermissions(it) => {
            let (body, meant) = daily_permissions(it, room)?;
            let meant = Command::UpdatePermissions(meant);
            ("POST", at("/update-permissions"), body, meant)
        }
        Command::RemoveEach(all) => {
            let (body, meant) = daily_ejects(all, room)?;
            ("POST", at("/eject"), body, Command::RemoveEach(meant))
        }
        Command::SetSessionData {
            data,
            merge,
            delete_keys,
        } => {
            let data: Value = serde_json::from_str(data).unwrap();
            data.as_object()?;
            let strategy = match merge {
                SessionDataMerge::Replace => "replace",
                SessionDataMerge::Shallow => "shallow-merge",
            };
            let body = json!({"data": data, "mergeStrategy": strategy,
                "keysToDelete": delete_keys});
            (
                "POST",
                at("/set-session-data"),
                body,
                request.command.clone(),
            )
        }
        _ => return None,
    };
    // To Daily a room is gone once its time is over.
    let now = request_time(room)?;
    if room.expired(now).is_some() {
        return None;
    }
    Some(Said {
        token: DAILY.to_owned(),
        method,
        path,
        body,
        meant: Request::new(request.room.clone(), command),
    })
}

/// A moment before which no room of a program ends, where a room may end at all.
fn request_time(room: &Room) -> Option<Timestamp> {
    let ends = room
        .life
        .as_ref()
        .is_some_and(|life| life.config.expires_at.is_some());
    (!ends).then_some(Timestamp::EPOCH)
}

/// Each key is the id of a session, or `*`; unknown ones are no error.
fn daily_permissions(it: &UpdatePermissions, room: &Room) -> Option<(Value, UpdatePermissions)> {
    let mut data = Map::new();
    let mut meant = UpdatePermissions {
        mode: UpdateMode::Patch,
        targets: std::collections::BTreeMap::new(),
        refuse_unknown: false,
    };
    for (target, update) in &it.targets {
        let (key, target) = match target {
            Target::Everyone => ("*".to_owned(), Target::Everyone),
            // Of a user the first session stands for all: only ids of sessions are keys here.
            Target::Identity(identity) => {
                let live = room.live_of(identity);
                let uuid = live.first()?.id.uuid().to_string();
                (uuid.clone(), Target::Connection(uuid))
            }
            Target::Connection(id) => {
                let uuid = room.connection_by_ref(id)?.id.uuid().to_string();
                (uuid.clone(), Target::Connection(uuid))
            }
        };
        let (said, patch) = daily_patch(&update.patch);
        data.insert(key, said);
        let update = PermissionUpdate {
            patch,
            ..PermissionUpdate::default()
        };
        meant.targets.insert(target, update);
    }
    Some((json!({ "data": data }), meant))
}

fn daily_patch(patch: &PermissionPatch) -> (Value, PermissionPatch) {
    let listed = match &patch.send_allowed {
        Some(Allowed::Listed(all)) if !all.is_empty() && !all.contains(&Source::Unknown) => {
            Some(all.clone())
        }
        _ => None,
    };
    let (can_send, enabled, allowed) = match (patch.send_enabled, listed) {
        (Some(false), _) => (json!(false), Some(false), Some(Allowed::All)),
        (_, Some(all)) => {
            let words = all.iter().filter_map(|source| {
                let mut words = DAILY_MEDIA.iter();
                words.find(|(word, _)| word == source).map(|(_, word)| word)
            });
            let words: Vec<_> = words.collect();
            // A set: neither the order nor a repetition says anything.
            let set = DAILY_MEDIA.iter().map(|(source, _)| *source);
            let set = set.filter(|source| all.contains(source)).collect();
            (json!(words), Some(true), Some(Allowed::Listed(set)))
        }
        (Some(true), None) => (json!(true), Some(true), Some(Allowed::All)),
        (None, None) => (Value::Null, None, None),
    };
    let can_admin = patch.admin.as_ref().map(|rights| {
        let names = rights.iter().map(|right| match right {
            AdminRight::Participants => "participants",
            AdminRight::Streaming => "streaming",
            AdminRight::Transcription => "transcription",
        });
        names.collect::<Vec<_>>()
    });
    let base = patch.receive_any;
    let said = said([
        ("hasPresence", json!(patch.presence)),
        ("canSend", can_send),
        ("canAdmin", json!(can_admin)),
        (
            "canReceive",
            base.map_or(Value::Null, |base| json!({ "base": base })),
        ),
    ]);
    let patch = PermissionPatch {
        presence: patch.presence,
        send_enabled: enabled,
        send_allowed: allowed,
        receive_base: base.map(ReceiveRule::all),
        admin: patch.admin.clone(),
        ..PermissionPatch::default()
    };
    (said, patch)
}

/// Sessions by their ids, then users by theirs. A ban holds for the users alone: Daily's page says
/// that it affects only the given `user_ids`.
fn daily_ejects(all: &[Remove], room: &Room) -> Option<(Value, Vec<Remove>)> {
    let ban = all.first()?.ban;
    let (mut ids, mut users) = (Vec::new(), Vec::new());
    for one in all {
        match &one.target {
            Target::Everyone => return None,
            Target::Identity(identity) => users.push(identity.clone()),
            Target::Connection(id) => ids.push(room.connection_by_ref(id)?.id.uuid().to_string()),
        }
    }
    let names: Vec<&str> = users.iter().map(Identity::as_str).collect();
    let mut body = json!({ "ban": ban });
    if !ids.is_empty() {
        body["ids"] = json!(ids);
    }
    if !names.is_empty() {
        body["user_ids"] = json!(names);
    }
    let ids = ids.into_iter().map(Target::Connection).map(Remove::new);
    let users = users.into_iter().map(|identity| Remove {
        ban,
        ..Remove::new(Target::Identity(identity))
    });
    Some((body, ids.chain(users).collect()))
}

/// A session begins for VideoSDK when media first flows in it.
pub(super) fn videosdk(request: &Request, room: &Room) -> Option<Said> {
    let session = room.open_session()?;
    let was_active = session.connections.iter().any(|one| one.was_active);
    was_active.then_some(())?;
    let name = request.room.as_str();
    let (path, body, command) = match &request.command {
        Command::EndSession | Command::EndSessionIfOpen => {
            let path = "/videosdk/v2/sessions/end".to_owned();
            (path, json!({ "roomId": name }), Command::EndSession)
        }
        Command::Remove(it) => {
            let identity = identity_of(&it.target, room)?;
            let session = session.id.object_id();
            let path = format!("/videosdk/v1/meeting-sessions/{session}/remove-participant");
            let body = json!({"participantId": identity.as_str()});
            let meant = Remove::new(Target::Identity(identity));
            (path, body, Command::Remove(meant))
        }
        _ => return None,
    };
    let mut meant = Request::new(request.room.clone(), command);
    meant.session = Some(session.id);
    Some(Said {
        token: application(),
        method: "POST",
        path,
        body,
        meant,
    })
}

/// Whose a target is: two of the vendors name people only.
fn identity_of(target: &Target, room: &Room) -> Option<Identity> {
    match target {
        Target::Everyone => None,
        Target::Identity(identity) => Some(identity.clone()),
        Target::Connection(id) => {
            let connection = room.connection_by_ref(id)?;
            let person = room.person(connection.participant)?;
            Some(person.identity.clone())
        }
    }
}

/// Daily's media types, in the order of its page.
const DAILY_MEDIA: [(Source, &str); 6] = [
    (Source::Camera, "video"),
    (Source::Microphone, "audio"),
    (Source::ScreenShare, "screenVideo"),
    (Source::ScreenShareAudio, "screenAudio"),
    (Source::CustomVideo, "customVideo"),
    (Source::CustomAudio, "customAudio"),
];
