//! Commands as our own API writes them: the table of api.md, read strictly.
//! Apart from the call that carries them; it decides nothing.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde_json::Value;

use crate::dialect::ledger::config_body::config;
use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::openapi::Body;
use crate::dialect::ledger::permission_body::AskedPermission;
use crate::dialect::ledger::profile::profile;
use crate::domain::command::{
    CreateRoom, MuteTrack, NoteTarget, PermissionUpdate, Remove, SendData, SessionDataMerge,
    UpdateParticipant, UpdatePermissions, UpdateRoom,
};
use crate::domain::event::UpdateMode;
use crate::domain::{
    Command, Digest, Identity, NameError, Permission, PermissionPatch, RoomName, Target, Version,
};
use crate::replay::view::PermissionPatchView;
use crate::store::Position;

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
    let Some(form) = COMMANDS.iter().find(|form| form.name == name) else {
        let names: Vec<&str> = COMMANDS.iter().map(|form| form.name).collect();
        let names = names.join(", ");
        return Err(fields.wrong("command", format!("is unknown here: known are {names}")));
    };
    let (command, note_position) = (form.read)(fields)?;
    Ok(AskedCommand {
        command,
        note_position,
        expected_version,
        as_connection,
    })
}

/// One command as it is written.
pub(super) struct Form {
    pub(super) name: &'static str,
    read: fn(&mut Fields) -> Result<Said, Wrong>,
    /// Its own members, in JSON.
    pub(super) example: &'static str,
}

/// A command; and the place that a note is about.
type Said = (Command, Option<u64>);

/// Every command with an example of it.
pub(super) fn forms() -> Vec<Body> {
    let forms = COMMANDS.iter().map(|form| Body {
        name: form.name,
        read: |fields| read(fields).map(drop),
        example: form.example,
    });
    forms.collect()
}

fn create_room(fields: &mut Fields) -> Result<Said, Wrong> {
    let command = Command::CreateRoom(CreateRoom {
        config: config(fields)?,
        metadata: fields.optional("metadata")?,
        opens_session: fields.optional("opens_session")?.unwrap_or_default(),
        ..CreateRoom::default()
    });
    Ok((command, None))
}

fn update_room(fields: &mut Fields) -> Result<Said, Wrong> {
    let command = Command::UpdateRoom(UpdateRoom {
        config: config(fields)?,
        metadata: fields.optional("metadata")?,
        ..UpdateRoom::default()
    });
    Ok((command, None))
}

fn update_participant(fields: &mut Fields) -> Result<Said, Wrong> {
    let permission: Option<AskedPermission> = fields.optional("permission")?;
    let permission = permission.map(|AskedPermission(given)| whole(fields, &given));
    let command = Command::UpdateParticipant(UpdateParticipant {
        target: target(fields)?,
        profile: profile(fields)?,
        permission: permission.transpose()?,
    });
    Ok((command, None))
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

fn update_permissions(fields: &mut Fields) -> Result<Said, Wrong> {
    let given: BTreeMap<TargetText, AskedPermission> = fields.required("targets")?;
    let mut targets = BTreeMap::new();
    for (TargetText(key), AskedPermission(permission)) in &given {
        let at = format!("targets.{key}");
        let target = target_of(key).map_err(|problem| fields.wrong(&at, problem))?;
        targets.insert(target, update(fields, &at, permission)?);
    }
    let command = Command::UpdatePermissions(UpdatePermissions {
        mode: fields.optional("mode")?.unwrap_or(UpdateMode::Patch),
        targets,
        refuse_unknown: fields.optional("refuse_unknown")?.unwrap_or_default(),
    });
    Ok((command, None))
}

fn update(
    fields: &Fields,
    at: &str,
    given: &PermissionPatchView,
) -> Result<PermissionUpdate, Wrong> {
    let wrong = |error: NameError| fields.wrong(&format!("{at}.receive.by_participant"), error);
    given.to_update().map_err(wrong)
}

fn mute_track(fields: &mut Fields) -> Result<Said, Wrong> {
    let command = Command::MuteTrack(MuteTrack {
        target: target(fields)?,
        track: fields.required("track")?,
        muted: fields.required("muted")?,
    });
    Ok((command, None))
}

fn remove(fields: &mut Fields) -> Result<Said, Wrong> {
    let command = Command::Remove(Remove {
        target: target(fields)?,
        ban: fields.optional("ban")?.unwrap_or_default(),
        revoke_before: fields.optional("revoke_before")?,
    });
    Ok((command, None))
}

fn ban(fields: &mut Fields) -> Result<Said, Wrong> {
    let command = Command::Ban {
        identity: fields.required_parsed("identity", Identity::new)?,
        until: fields.optional("until")?,
    };
    Ok((command, None))
}

fn unban(fields: &mut Fields) -> Result<Said, Wrong> {
    let command = Command::Unban {
        identity: fields.required_parsed("identity", Identity::new)?,
    };
    Ok((command, None))
}

fn revoke_tokens(fields: &mut Fields) -> Result<Said, Wrong> {
    let command = Command::RevokeTokens {
        identity: fields.parsed("identity", Identity::new)?,
        before: fields.required("before")?,
    };
    Ok((command, None))
}

fn lift_revocation(fields: &mut Fields) -> Result<Said, Wrong> {
    let command = Command::LiftRevocation {
        identity: fields.parsed("identity", Identity::new)?,
    };
    Ok((command, None))
}

fn move_to(fields: &mut Fields) -> Result<Said, Wrong> {
    let command = Command::Move {
        target: target(fields)?,
        to_room: fields.required_parsed("to_room", RoomName::new)?,
    };
    Ok((command, None))
}

fn update_subscriptions(fields: &mut Fields) -> Result<Said, Wrong> {
    let command = Command::UpdateSubscriptions {
        target: target(fields)?,
        tracks: fields.required("tracks")?,
        subscribe: fields.required("subscribe")?,
    };
    Ok((command, None))
}

fn send_data(fields: &mut Fields) -> Result<Said, Wrong> {
    let Base64(data) = fields.required_parsed("data", Base64::decode)?;
    let targets: Vec<TargetText> = fields.optional("targets")?.unwrap_or_default();
    let targets = targets.iter().map(|TargetText(target)| target_of(target));
    let targets: Result<Vec<Target>, _> = targets.collect();
    let command = Command::SendData(SendData {
        topic: fields.optional("topic")?,
        lossy: fields.optional("lossy")?.unwrap_or_default(),
        bytes: u64::try_from(data.len()).unwrap_or(u64::MAX),
        digest: Digest::of(&data),
        targets: targets.map_err(|problem| fields.wrong("targets", problem))?,
    });
    Ok((command, None))
}

fn set_session_data(fields: &mut Fields) -> Result<Said, Wrong> {
    let data: Value = fields.required("data")?;
    let merge = fields.parsed("merge", |text| match text {
        "replace" => Ok(SessionDataMerge::Replace),
        "shallow" => Ok(SessionDataMerge::Shallow),
        _ => Err("has to be replace or shallow"),
    })?;
    let command = Command::SetSessionData {
        data: data.to_string(),
        merge: merge.unwrap_or(SessionDataMerge::Replace),
        delete_keys: fields.optional("delete_keys")?.unwrap_or_default(),
    };
    Ok((command, None))
}

/// The place is left open where the note is about one.
fn add_note(fields: &mut Fields) -> Result<Said, Wrong> {
    let About(about) = fields.required("about")?;
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
    let TargetText(text) = fields.required("target")?;
    target_of(&text).map_err(|problem| fields.wrong("target", problem))
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

/// Whom a command is about, as it is written.
#[derive(Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct TargetText(String);

impl JsonSchema for TargetText {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Target")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A participant, a connection, or everybody.",
            "type": "string",
            "pattern": TARGET_PATTERN,
        })
    }
}

/// What a note is about, as it is written.
#[derive(Deserialize)]
struct About(Value);

impl JsonSchema for About {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("About")
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let position = generator.subschema_for::<Position>();
        let target = generator.subschema_for::<TargetText>();
        json_schema!({
            "description": "The position of an event of the room, a target, or the room itself.",
            "anyOf": [position, target, { "const": "room" }],
        })
    }
}

/// Bytes in a text.
struct Base64(Vec<u8>);

impl Base64 {
    fn decode(text: &str) -> Result<Self, base64::DecodeError> {
        STANDARD.decode(text).map(Self)
    }
}

impl JsonSchema for Base64 {
    fn schema_name() -> Cow<'static, str> {
        Cow::Borrowed("Base64")
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "contentEncoding": "base64", "pattern": BASE64_PATTERN })
    }
}

const TARGET_PATTERN: &str = "^(\\*|(identity|connection):[^\\u0000-\\u001f\\u007f-\\u009f]+)$";
const BASE64_PATTERN: &str = "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{2}==)?$";

macro_rules! commands {
    ($($name:literal, $read:expr, $example:literal;)*) => {
        /// All that are known.
        pub(super) const COMMANDS: &[Form] = &[$(Form {
            name: $name,
            read: $read,
            example: concat!(r#"{"command":""#, $name, "\"", $example, "}"),
        },)*];
    };
}

commands! {
    "create_room", create_room, r#","config":{"max_participants":50},"metadata":"a town hall""#;
    "update_room", update_room, r#","config":{"empty_timeout_s":600}"#;
    "delete_room", |_| Ok((Command::DeleteRoom, None)), "";
    "end_session", |_| Ok((Command::EndSession, None)), "";
    "update_participant", update_participant, r#","target":"identity:alice","name":"Alice""#;
    "update_permissions", update_permissions,
        r#","mode":"patch","targets":{"*":{"send":{"enabled":false}}}"#;
    "mute_track", mute_track, r#","target":"identity:alice","track":"TR_AM1","muted":true"#;
    "remove", remove, r#","target":"identity:alice","ban":true"#;
    "ban", ban, r#","identity":"alice","until":"2026-11-22T14:03:00Z""#;
    "unban", unban, r#","identity":"alice""#;
    "revoke_tokens", revoke_tokens, r#","before":"2026-11-22T14:03:00Z""#;
    "lift_revocation", lift_revocation, "";
    "move", move_to, r#","target":"identity:alice","to_room":"village""#;
    "update_subscriptions", update_subscriptions,
        r#","target":"identity:alice","tracks":["TR_AM1"],"subscribe":false"#;
    "send_data", send_data, r#","data":"aGVsbG8=","topic":"chat""#;
    "set_session_data", set_session_data, r#","data":{"slide":3},"merge":"shallow""#;
    "add_note", add_note, r#","about":412,"text":"seen by the moderators""#;
}
