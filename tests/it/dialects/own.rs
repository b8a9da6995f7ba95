//! Requests in the words of our own API, after its contract (`docs/api.md`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use roomledger::domain::command::{
    ConfigPatch, CreateRoom, Join, NoteTarget, PermissionUpdate, ProfileUpdate, UpdateParticipant,
    UpdateRoom,
};
use roomledger::domain::event::{Credential, TrackShape, UpdateMode};
use roomledger::domain::{
    Alias, Allowed, Command, Identity, Permission, PermissionPatch, ReceiveRule, Request, Target,
};
use serde_json::{Map, Value, json};

use super::Said;
use crate::crossing::bearer;

/// The request, less what the API has no words for; `None` where it has none at all.
pub(super) fn say(request: &Request) -> Option<Said> {
    let (method, path, mut body, command) =
        report(&request.command).or_else(|| admin(&request.command))?;
    let mut meant = request.clone();
    meant.command = command;
    meant.session = None;
    if path == "commands" {
        meant.occurred_at = None;
        if let Some(id) = &request.as_connection {
            body["as"] = json!(id);
        }
        if let Some(version) = request.expected_version {
            body["expected_version"] = json!(version);
        }
    } else {
        meant.as_connection = None;
        meant.expected_version = None;
        if path == "activity" {
            meant.occurred_at = None;
        } else if let Some(at) = request.occurred_at {
            body["occurred_at"] = json!(at);
        }
    }
    Some(Said {
        token: bearer(&json!({"ledger": {"report": true, "admin": true, "audit": true}})),
        method,
        path: format!("/api/v1/rooms/{}/{path}", request.room),
        body,
        meant,
    })
}

type Words = (&'static str, String, Value, Command);

fn report(command: &Command) -> Option<Words> {
    let at = |id: &str, what: &str| format!("connections/{id}{what}");
    let simple = |id: &str, what: &str| {
        let path = at(id, what);
        Some(("POST", path, json!({}), command.clone()))
    };
    match command {
        Command::Join(it) => join(it),
        Command::Activate(id) => simple(id, "/activate"),
        Command::Interrupt(id) => simple(id, "/interrupt"),
        Command::Resume(id) => simple(id, "/resume"),
        Command::Leave { connection, .. } => {
            let reason = Some("CLIENT_INITIATED".to_owned());
            let connection = connection.clone();
            let path = at(&connection, "/leave");
            let said = json!({ "reason": reason });
            Some(("POST", path, said, Command::Leave { connection, reason }))
        }
        Command::PublishTrack(it) => {
            let body = said([
                ("sid", json!(it.alias.as_ref().map(Alias::as_str))),
                ("type", json!(it.kind)),
                ("source", json!(it.source)),
                ("name", json!(it.name)),
                ("muted", json!(it.muted)),
            ]);
            let body = with_shape(body, Some(&it.shape));
            Some(("POST", at(&it.connection, "/tracks"), body, command.clone()))
        }
        Command::UpdateTrack {
            connection,
            track,
            muted,
            name,
            shape,
        } => {
            let body = said([("muted", json!(muted)), ("name", json!(name))]);
            let body = with_shape(body, shape.as_ref());
            let path = at(connection, &format!("/tracks/{track}"));
            Some(("PATCH", path, body, command.clone()))
        }
        Command::UnpublishTrack { connection, track } => {
            let path = at(connection, &format!("/tracks/{track}"));
            Some(("DELETE", path, json!({}), command.clone()))
        }
        Command::UpdateOwnProfile {
            connection,
            profile,
        } => {
            let body = said(named(profile));
            Some(("PATCH", at(connection, ""), body, command.clone()))
        }
        Command::ReportActivity { items } => {
            let items = items.iter().map(|(item, connection)| {
                said([
                    ("kind", json!(item.kind)),
                    ("connection", json!(connection)),
                    ("occurred_at", json!(item.occurred_at)),
                ])
            });
            let items: Vec<Value> = items.collect();
            let body = json!({ "items": items });
            Some(("POST", "activity".to_owned(), body, command.clone()))
        }
        _ => None,
    }
}

fn join(it: &Join) -> Option<Words> {
    let identity = it.identity.as_ref()?;
    let permission = it.permission.as_ref().map(fine);
    let body = said([
        ("identity", json!(identity.as_str())),
        ("connection", json!(it.alias.as_ref().map(Alias::as_str))),
        ("active", json!(it.active)),
        ("kind", json!(it.kind)),
        ("issued_at", json!(it.credential.issued_at)),
        ("reporter", json!(it.reporter)),
        ("eject_at", json!(it.eject_at)),
        ("permission", json!(permission.as_ref().map(rights))),
    ]);
    let body = merged(body, said(named(&it.profile)));
    let credential = Credential {
        kind: "none".to_owned(),
        issued_at: it.credential.issued_at,
        ..Credential::default()
    };
    let meant = Join {
        permission,
        credential,
        config: ConfigPatch::default(),
        room_metadata: None,
        ..it.clone()
    };
    Some(("POST", "joins".to_owned(), body, Command::Join(meant)))
}

fn admin(command: &Command) -> Option<Words> {
    let (body, meant) = match command {
        Command::RemoveEach(all) => {
            let first = Command::Remove(all.first()?.clone());
            (plain(&first)?, first)
        }
        Command::EndSessionIfOpen => (json!({}), Command::EndSession),
        Command::CreateRoom(it) => create_room(it),
        Command::UpdateRoom(it) => update_room(it),
        Command::UpdateParticipant(it) => update_participant(it),
        Command::UpdatePermissions(it) => {
            let mut meant = it.clone();
            for update in meant.targets.values_mut() {
                *update = fine(update);
            }
            let targets = meant.targets.iter();
            let targets = targets.map(|(key, update)| (text(key), rights(update)));
            let targets: Map<String, Value> = targets.collect();
            let mode = match it.mode {
                UpdateMode::Patch => "patch",
                UpdateMode::Replace => "replace",
            };
            let body = json!({"mode": mode, "targets": targets,
                "refuse_unknown": it.refuse_unknown});
            (body, Command::UpdatePermissions(meant))
        }
        Command::AddNote { about, text: note } => {
            let (about, key) = match about {
                NoteTarget::Target(target) => (about.clone(), text(target)),
                NoteTarget::Room | NoteTarget::Event(_) => (NoteTarget::Room, "room".to_owned()),
            };
            let text = note.clone();
            (
                json!({"about": key, "text": text}),
                Command::AddNote { about, text },
            )
        }
        _ => (plain(command)?, command.clone()),
    };
    let body = merged(body, json!({ "command": meant.name() }));
    Some(("POST", "commands".to_owned(), body, meant))
}

/// Commands that the API says field by field.
fn plain(command: &Command) -> Option<Value> {
    Some(match command {
        Command::DeleteRoom | Command::EndSession => json!({}),
        Command::MuteTrack(it) => {
            json!({"target": text(&it.target), "track": it.track, "muted": it.muted})
        }
        Command::Remove(it) => {
            let before = ("revoke_before", json!(it.revoke_before));
            said([
                ("target", json!(text(&it.target))),
                ("ban", json!(it.ban)),
                before,
            ])
        }
        Command::Ban { identity, until } => said([
            ("identity", json!(identity.as_str())),
            ("until", json!(until)),
        ]),
        Command::Unban { identity } => json!({"identity": identity.as_str()}),
        Command::RevokeTokens { identity, before } => {
            let identity = json!(identity.as_ref().map(Identity::as_str));
            said([("identity", identity), ("before", json!(before))])
        }
        Command::LiftRevocation { identity } => {
            let identity = json!(identity.as_ref().map(Identity::as_str));
            said([("identity", identity)])
        }
        Command::Move { target, to_room } => {
            json!({"target": text(target), "to_room": to_room.as_str()})
        }
        Command::UpdateSubscriptions {
            target,
            tracks,
            subscribe,
        } => json!({"target": text(target), "tracks": tracks, "subscribe": subscribe}),
        Command::SendData(it) => {
            let data = vec![7; usize::try_from(it.bytes).unwrap()];
            let targets: Vec<String> = it.targets.iter().map(text).collect();
            said([
                ("data", json!(STANDARD.encode(data))),
                ("topic", json!(it.topic)),
                ("lossy", json!(it.lossy)),
                ("targets", json!(targets)),
            ])
        }
        Command::SetSessionData {
            data,
            merge,
            delete_keys,
        } => {
            let data: Value = serde_json::from_str(data).unwrap();
            let merge = format!("{merge:?}").to_lowercase();
            json!({"data": data, "merge": merge, "delete_keys": delete_keys})
        }
        _ => return None,
    })
}

fn create_room(it: &CreateRoom) -> (Value, Command) {
    let meant = CreateRoom {
        config: fine_config(&it.config),
        metadata: it.metadata.clone(),
        opens_session: it.opens_session,
        ..CreateRoom::default()
    };
    let body = said([
        ("config", config(&it.config)),
        ("metadata", json!(it.metadata)),
        ("opens_session", json!(it.opens_session)),
    ]);
    (body, Command::CreateRoom(meant))
}

fn update_room(it: &UpdateRoom) -> (Value, Command) {
    let meant = UpdateRoom {
        config: fine_config(&it.config),
        metadata: it.metadata.clone(),
        ..UpdateRoom::default()
    };
    let body = said([
        ("config", config(&it.config)),
        ("metadata", json!(it.metadata)),
    ]);
    (body, Command::UpdateRoom(meant))
}

/// A permission is given whole here.
fn update_participant(it: &UpdateParticipant) -> (Value, Command) {
    let permission = it.permission.as_ref().map(|update| whole(&fine(update)));
    let target = ("target", json!(text(&it.target)));
    let body = said([
        target,
        ("permission", json!(permission.as_ref().map(rights))),
    ]);
    let body = merged(body, said(named(&it.profile)));
    let meant = UpdateParticipant {
        permission,
        ..it.clone()
    };
    (body, Command::UpdateParticipant(meant))
}

/// The update in finer words alone.
fn fine(update: &PermissionUpdate) -> PermissionUpdate {
    let mut update = update.clone();
    update.patch.send_is_coarse = false;
    update.patch.receive_any = None;
    let of_identities = update.receive_by_identity.iter_mut().flatten();
    let of_connections = update.receive_by_connection.iter_mut().flatten();
    let rules = of_identities.map(|(_, rule)| rule);
    let rules = rules.chain(of_connections.map(|(_, rule)| rule));
    for rule in rules.chain(update.patch.receive_base.iter_mut()) {
        forget_names(rule);
    }
    update
}

fn fine_config(config: &ConfigPatch) -> ConfigPatch {
    let mut config = config.clone();
    if let Some(Some(permission)) = &mut config.default_permission {
        forget_names(&mut permission.receive.base);
    }
    config
}

/// Custom tracks have no names in our API.
fn forget_names(rule: &mut ReceiveRule) {
    rule.custom_audio_by_name = None;
    rule.custom_video_by_name = None;
}

/// The update with every field said.
fn whole(update: &PermissionUpdate) -> PermissionUpdate {
    let mut update = update.clone();
    let patch = &mut update.patch;
    patch.presence.get_or_insert(true);
    patch.send_enabled.get_or_insert(false);
    patch.send_allowed.get_or_insert(Allowed::All);
    patch.data.get_or_insert(false);
    patch.receive_base.get_or_insert(ReceiveRule::all(true));
    patch.admin.get_or_insert_default();
    patch.update_own_metadata.get_or_insert(false);
    patch.subscribe_metrics.get_or_insert(false);
    patch.manage_agent_session.get_or_insert(false);
    patch.recorder.get_or_insert(false);
    patch.agent.get_or_insert(false);
    update.receive_by_identity.get_or_insert_default();
    update.receive_by_connection.get_or_insert_default();
    update
}

fn rights(update: &PermissionUpdate) -> Value {
    let patch = &update.patch;
    let allowed = patch.send_allowed.as_ref().map(|allowed| match allowed {
        Allowed::All => json!("all"),
        Allowed::Listed(sources) => json!(sources),
    });
    let send = said([
        ("enabled", json!(patch.send_enabled)),
        ("allowed", json!(allowed)),
    ]);
    let by_participant = update.receive_by_identity.as_ref().map(|rules| {
        let rules = rules
            .iter()
            .map(|(who, it)| (who.as_str().to_owned(), rule(it)));
        rules.collect::<Map<String, Value>>()
    });
    let by_connection = update.receive_by_connection.as_ref().map(|rules| {
        let rules = rules.iter().map(|(id, it)| (id.clone(), rule(it)));
        rules.collect::<Map<String, Value>>()
    });
    let receive = said([
        ("base", json!(patch.receive_base.as_ref().map(rule))),
        ("by_participant", json!(by_participant)),
        ("by_connection", json!(by_connection)),
    ]);
    said([
        ("presence", json!(patch.presence)),
        ("send", send),
        ("data", json!(patch.data)),
        ("receive", receive),
        ("admin", json!(patch.admin)),
        ("update_own_metadata", json!(patch.update_own_metadata)),
        ("subscribe_metrics", json!(patch.subscribe_metrics)),
        ("manage_agent_session", json!(patch.manage_agent_session)),
        ("recorder", json!(patch.recorder)),
        ("agent", json!(patch.agent)),
    ])
}

fn rule(rule: &ReceiveRule) -> Value {
    said([
        ("camera", json!(rule.camera)),
        ("microphone", json!(rule.microphone)),
        ("screen_share", json!(rule.screen_share)),
        ("screen_share_audio", json!(rule.screen_share_audio)),
        ("custom_video", json!(rule.custom_video)),
        ("custom_audio", json!(rule.custom_audio)),
    ])
}

fn config(patch: &ConfigPatch) -> Value {
    let mut body = said([
        ("empty_timeout_s", json!(patch.empty_timeout_s)),
        ("departure_timeout_s", json!(patch.departure_timeout_s)),
        ("max_participants", json!(patch.max_participants)),
        ("enable_remote_unmute", json!(patch.enable_remote_unmute)),
        ("duplicate_identity", json!(patch.duplicate_identity)),
        ("eject_at_expiry", json!(patch.eject_at_expiry)),
        ("disabled", json!(patch.disabled)),
        ("properties", json!(patch.properties)),
    ]);
    // Here `null` says that there is none from now on.
    let default = patch
        .default_permission
        .as_ref()
        .map(|it| it.as_ref().map(standing));
    let clearable = [
        ("not_before", patch.not_before.map(|it| json!(it))),
        ("expires_at", patch.expires_at.map(|it| json!(it))),
        ("eject_after_s", patch.eject_after_s.map(|it| json!(it))),
        ("default_permission", default.map(|it| json!(it))),
    ];
    for (name, value) in clearable {
        if let Some(value) = value {
            body[name] = value;
        }
    }
    body
}

fn standing(permission: &Permission) -> Value {
    let update = PermissionUpdate {
        patch: PermissionPatch::replacing(permission.clone()),
        ..PermissionUpdate::default()
    };
    rights(&update)
}

fn named(profile: &ProfileUpdate) -> [(&'static str, Value); 3] {
    [
        ("name", json!(profile.name)),
        ("metadata", json!(profile.metadata)),
        ("attributes", json!(profile.attributes)),
    ]
}

fn with_shape(body: Value, shape: Option<&TrackShape>) -> Value {
    let Some(shape) = shape else { return body };
    let shape = json!({"mime_type": shape.mime_type, "width": shape.width,
        "height": shape.height});
    merged(body, shape)
}

/// A target as a key.
fn text(target: &Target) -> String {
    match target {
        Target::Everyone => "*".to_owned(),
        Target::Identity(identity) => format!("identity:{identity}"),
        Target::Connection(id) => format!("connection:{id}"),
    }
}

/// An object of what is there: what is absent is not said.
pub(super) fn said<const N: usize>(fields: [(&str, Value); N]) -> Value {
    let fields = fields.into_iter().filter(|(_, value)| !value.is_null());
    let fields = fields.map(|(name, value)| (name.to_owned(), value));
    Value::Object(fields.collect())
}

fn merged(mut one: Value, other: Value) -> Value {
    let (Some(all), Value::Object(more)) = (one.as_object_mut(), other) else {
        return one;
    };
    all.extend(more);
    one
}
