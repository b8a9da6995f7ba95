//! Commands as our own API writes them: the table of api.md, read strictly.
//! Apart from the call that carries them; it decides nothing.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::dialect::ledger::config_body::config;
use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::joins::profile;
use crate::domain::command::{
    CreateRoom, MuteTrack, NoteTarget, PermissionUpdate, Remove, SendData, SessionDataMerge,
    UpdateParticipant, UpdatePermissions, UpdateRoom,
};
use crate::domain::event::UpdateMode;
use crate::domain::{
    Command, Digest, Identity, NameError, Permission, PermissionPatch, RoomName, Target, Version,
};
use crate::replay::view::PermissionPatchView;

/// A command as asked. What a note is about may be a place that only the log knows the version of.
pub(super) struct AskedCommand {
    pub(super) command: Command,
    pub(super) note_position: Option<u64>,
    pub(super) expected_version: Option<Version>,
    pub(super) as_connection: Option<String>,
}

/// Reads a whole body.
pub(super) fn read(fields: &mut Fields) -> Result<AskedCommand, Wrong> {
    let name: String = fields.required("command")?;
    let expected_version = fields.optional("expected_version")?;
    let as_connection = fields.optional("as")?;
    let mut note_position = None;
    let command = match name.as_str() {
        "create_room" => create_room(fields)?,
        "update_room" => update_room(fields)?,
        "delete_room" => Command::DeleteRoom,
        "end_session" => Command::EndSession,
        "update_participant" => update_participant(fields)?,
        "update_permissions" => update_permissions(fields)?,
        "mute_track" => mute_track(fields)?,
        "remove" => remove(fields)?,
        "ban" => Command::Ban {
            identity: fields.required_parsed("identity", Identity::new)?,
            until: fields.optional("until")?,
        },
        "unban" => Command::Unban {
            identity: fields.required_parsed("identity", Identity::new)?,
        },
        "revoke_tokens" => Command::RevokeTokens {
            identity: fields.parsed("identity", Identity::new)?,
            before: fields.required("before")?,
        },
        "move" => Command::Move {
            target: target(fields)?,
            to_room: fields.required_parsed("to_room", RoomName::new)?,
        },
        "update_subscriptions" => Command::UpdateSubscriptions {
            target: target(fields)?,
            tracks: fields.required("tracks")?,
            subscribe: fields.required("subscribe")?,
        },
        "send_data" => send_data(fields)?,
        "set_session_data" => set_session_data(fields)?,
        "add_note" => {
            let (command, position) = add_note(fields)?;
            note_position = position;
            command
        }
        _ => return Err(fields.wrong("command", format!("is unknown here: known are {NAMES}"))),
    };
    Ok(AskedCommand {
        command,
        note_position,
        expected_version,
        as_connection,
    })
}

fn create_room(fields: &mut Fields) -> Result<Command, Wrong> {
    Ok(Command::CreateRoom(CreateRoom {
        config: config(fields)?,
        metadata: fields.optional("metadata")?,
        opens_session: fields.optional("opens_session")?.unwrap_or_default(),
        aliases: Vec::new(),
    }))
}

fn update_room(fields: &mut Fields) -> Result<Command, Wrong> {
    Ok(Command::UpdateRoom(UpdateRoom {
        config: config(fields)?,
        metadata: fields.optional("metadata")?,
        session_only: false,
    }))
}

fn update_participant(fields: &mut Fields) -> Result<Command, Wrong> {
    let permission: Option<PermissionPatchView> = fields.optional("permission")?;
    let permission = permission.as_ref().map(|given| whole(fields, given));
    Ok(Command::UpdateParticipant(UpdateParticipant {
        target: target(fields)?,
        profile: profile(fields)?,
        permission: permission.transpose()?,
    }))
}

/// A permission that replaces the one before: what it does not say is off.
fn whole(fields: &Fields, given: &PermissionPatchView) -> Result<PermissionUpdate, Wrong> {
    let said = update(fields, "permission", given)?;
    let whole = said.patch.apply(&Permission::none());
    Ok(PermissionUpdate {
        patch: PermissionPatch::replacing(whole),
        receive_by_identity: Some(said.receive_by_identity.unwrap_or_default()),
        receive_by_connection: Some(said.receive_by_connection.unwrap_or_default()),
    })
}

fn update_permissions(fields: &mut Fields) -> Result<Command, Wrong> {
    let given: BTreeMap<String, PermissionPatchView> = fields.required("targets")?;
    let mut targets = BTreeMap::new();
    for (key, permission) in &given {
        let at = format!("targets.{key}");
        let target = target_of(key).map_err(|problem| fields.wrong(&at, problem))?;
        targets.insert(target, update(fields, &at, permission)?);
    }
    Ok(Command::UpdatePermissions(UpdatePermissions {
        mode: fields.optional("mode")?.unwrap_or(UpdateMode::Patch),
        targets,
        refuse_unknown: fields.optional("refuse_unknown")?.unwrap_or_default(),
    }))
}

fn update(
    fields: &Fields,
    at: &str,
    given: &PermissionPatchView,
) -> Result<PermissionUpdate, Wrong> {
    let wrong = |error: NameError| fields.wrong(&format!("{at}.receive.by_participant"), error);
    given.to_update().map_err(wrong)
}

fn mute_track(fields: &mut Fields) -> Result<Command, Wrong> {
    Ok(Command::MuteTrack(MuteTrack {
        target: target(fields)?,
        track: fields.required("track")?,
        muted: fields.required("muted")?,
    }))
}

fn remove(fields: &mut Fields) -> Result<Command, Wrong> {
    Ok(Command::Remove(Remove {
        target: target(fields)?,
        ban: fields.optional("ban")?.unwrap_or_default(),
        revoke_before: fields.optional("revoke_before")?,
    }))
}

fn send_data(fields: &mut Fields) -> Result<Command, Wrong> {
    let data = fields.required_parsed("data", |text| STANDARD.decode(text))?;
    let targets: Vec<String> = fields.optional("targets")?.unwrap_or_default();
    let targets = targets.iter().map(|target| target_of(target));
    let targets: Result<Vec<Target>, _> = targets.collect();
    Ok(Command::SendData(SendData {
        topic: fields.optional("topic")?,
        lossy: fields.optional("lossy")?.unwrap_or_default(),
        bytes: u64::try_from(data.len()).unwrap_or(u64::MAX),
        digest: Digest::of(&data),
        targets: targets.map_err(|problem| fields.wrong("targets", problem))?,
    }))
}

fn set_session_data(fields: &mut Fields) -> Result<Command, Wrong> {
    let data: Value = fields.required("data")?;
    let merge = fields.parsed("merge", |text| match text {
        "replace" => Ok(SessionDataMerge::Replace),
        "shallow" => Ok(SessionDataMerge::Shallow),
        _ => Err("has to be replace or shallow"),
    })?;
    Ok(Command::SetSessionData {
        data: data.to_string(),
        merge: merge.unwrap_or(SessionDataMerge::Replace),
        delete_keys: fields.optional("delete_keys")?.unwrap_or_default(),
    })
}

/// The place is left open where the note is about one.
fn add_note(fields: &mut Fields) -> Result<(Command, Option<u64>), Wrong> {
    let about: Value = fields.required("about")?;
    let (target, position) = match (about.as_u64(), about.as_str()) {
        (Some(position), _) => (NoteTarget::Room, Some(position)),
        (None, Some("room")) => (NoteTarget::Room, None),
        (None, Some(text)) => {
            let target = target_of(text).map_err(|problem| fields.wrong("about", problem))?;
            (NoteTarget::Target(target), None)
        }
        (None, None) => {
            return Err(fields.wrong("about", "has to be a position, a target or \"room\""));
        }
    };
    let text = fields.required("text")?;
    let command = Command::AddNote {
        about: target,
        text,
    };
    Ok((command, position))
}

fn target(fields: &mut Fields) -> Result<Target, Wrong> {
    fields.required_parsed("target", target_of)
}

/// `identity:...`, `connection:...` or `*`.
fn target_of(text: &str) -> Result<Target, String> {
    if text == "*" {
        return Ok(Target::Everyone);
    }
    if let Some(identity) = text.strip_prefix("identity:") {
        let identity = Identity::new(identity).map_err(|error| error.to_string())?;
        return Ok(Target::Identity(identity));
    }
    match text.strip_prefix("connection:") {
        Some(id) if !id.is_empty() => Ok(Target::Connection(id.to_owned())),
        Some(_) | None => Err("has to be \"identity:...\", \"connection:...\" or \"*\"".to_owned()),
    }
}

const NAMES: &str = "create_room, update_room, delete_room, end_session, update_participant, \
                     update_permissions, mute_track, remove, ban, unban, revoke_tokens, move, \
                     update_subscriptions, send_data, set_session_data, add_note";
