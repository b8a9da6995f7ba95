//! The bound of every string that a command brings. Apart so that a new command, or a new field of
//! one, cannot be forgotten: each is taken apart in full, and its bounds stand in one table,
//! `domain::limits`. What a change adds up to with what was there is left to the rules.

use std::collections::BTreeMap;

use super::limits::{bytes, count, metadata, note, profile};
use crate::domain::command::{
    Command, ConfigPatch, CreateRoom, Join, NoteTarget, PermissionUpdate, PublishTrack, Request,
    SendData, Target, UpdateParticipant, UpdatePermissions, UpdateRoom,
};
use crate::domain::event::{ActivityItem, TrackShape};
use crate::domain::limits::{
    ACTIVITY_ITEMS_MAX, DATA_BYTES_MAX, MIME_TYPE_BYTES_MAX, PERMISSION_BYTES_MAX,
    RECEIVE_RULES_MAX, RECEIVE_RULES_OF_ALL_MAX, REFERENCE_BYTES_MAX, REPORTER_BYTES_MAX,
    ROOM_NAME_BYTES_MAX, RULE_NAMES_MAX, SESSION_DATA_BYTES_MAX, SOURCES_MAX, TARGETS_MAX,
    TOKEN_ID_BYTES_MAX,
};
use crate::domain::permission::{Allowed, Permission, ReceiveRule};
use crate::domain::rejection::Rejection;

/// Checks every string and list of a request that is not bounded by its own type.
pub(super) fn check(request: &Request) -> Result<(), Rejection> {
    optional(request.as_connection.as_deref(), |id| {
        reference("as_connection", id)
    })?;
    match &request.command {
        Command::CreateRoom(it) => create_room(it),
        Command::UpdateRoom(it) => update_room(it),
        Command::UpdateParticipant(it) => update_participant(it),
        Command::UpdatePermissions(it) => update_permissions(it),
        Command::MuteTrack(it) => both(target(&it.target), || reference("track", &it.track)),
        Command::Remove(it) => target(&it.target),
        Command::RemoveEach(all) => targets(all.iter().map(|it| &it.target)),
        Command::Move { target: whom, .. } => target(whom),
        Command::UpdateSubscriptions {
            target: whom,
            tracks,
            ..
        } => both(target(whom), || references("tracks", tracks)),
        Command::SendData(it) => send_data(it),
        Command::SetSessionData { delete_keys, .. } => keys(delete_keys),
        Command::AddNote { about, text } => both(note("text", text), || about_whom(about)),
        Command::Join(it) => join(it),
        Command::Activate(id) | Command::Interrupt(id) | Command::Resume(id) => connection(id),
        Command::Leave {
            connection: id,
            reason,
        } => both(connection(id), || {
            optional(reason.as_deref(), |reason| note("reason", reason))
        }),
        Command::PublishTrack(it) => publish(it),
        Command::UpdateTrack {
            connection: id,
            track,
            name,
            shape,
            ..
        } => {
            optional(name.as_deref(), |name| note("track name", name))?;
            optional(shape.as_ref(), mime_type)?;
            both(connection(id), || reference("track", track))
        }
        Command::UnpublishTrack {
            connection: id,
            track,
        } => both(connection(id), || reference("track", track)),
        Command::UpdateOwnProfile {
            connection: id,
            profile: update,
        } => both(connection(id), || profile(update)),
        Command::ReportActivity { items } => activity(items),
        Command::CloseLost {
            reporter: name,
            listed,
            ..
        } => both(reporter(name), || references("connections", listed)),
        Command::DeleteRoom
        | Command::EndSession
        | Command::EndSessionIfOpen
        | Command::Ban { .. }
        | Command::Unban { .. }
        | Command::RevokeTokens { .. }
        | Command::LiftRevocation { .. }
        | Command::Unread(_)
        | Command::Tick => Ok(()),
    }
}

fn create_room(it: &CreateRoom) -> Result<(), Rejection> {
    for alias in &it.aliases {
        bytes("alias", alias.len(), ROOM_NAME_BYTES_MAX)?;
    }
    both(config(&it.config), || {
        optional(it.metadata.as_deref(), metadata)
    })
}

fn update_room(it: &UpdateRoom) -> Result<(), Rejection> {
    both(config(&it.config), || {
        optional(it.metadata.as_deref(), metadata)
    })
}

fn update_participant(it: &UpdateParticipant) -> Result<(), Rejection> {
    profile(&it.profile)?;
    optional(it.permission.as_ref(), permission)?;
    target(&it.target)
}

fn update_permissions(it: &UpdatePermissions) -> Result<(), Rejection> {
    targets(it.targets.keys())?;
    let rules = it.targets.values().flat_map(rules_of).count();
    count(
        "receive rules of all targets",
        rules,
        RECEIVE_RULES_OF_ALL_MAX,
    )?;
    it.targets.values().try_for_each(permission)
}

fn send_data(it: &SendData) -> Result<(), Rejection> {
    let size = usize::try_from(it.bytes).unwrap_or(usize::MAX);
    bytes("data", size, DATA_BYTES_MAX)?;
    optional(it.topic.as_deref(), |topic| note("topic", topic))?;
    targets(it.targets.iter())
}

fn keys(keys: &[String]) -> Result<(), Rejection> {
    let mut keys = keys.iter();
    keys.try_for_each(|key| bytes("delete_keys", key.len(), SESSION_DATA_BYTES_MAX))
}

fn about_whom(about: &NoteTarget) -> Result<(), Rejection> {
    match about {
        NoteTarget::Target(whom) => target(whom),
        NoteTarget::Room | NoteTarget::Event(_) => Ok(()),
    }
}

fn join(it: &Join) -> Result<(), Rejection> {
    profile(&it.profile)?;
    optional(it.room_metadata.as_deref(), metadata)?;
    optional(it.permission.as_ref(), permission)?;
    optional(it.reporter.as_deref(), reporter)?;
    optional(it.credential.token_id.as_ref(), |id| {
        bytes("token id", id.as_str().len(), TOKEN_ID_BYTES_MAX)
    })?;
    config(&it.config)
}

fn publish(it: &PublishTrack) -> Result<(), Rejection> {
    note("track name", &it.name)?;
    mime_type(&it.shape)?;
    connection(&it.connection)
}

fn mime_type(shape: &TrackShape) -> Result<(), Rejection> {
    bytes("mime_type", shape.mime_type.len(), MIME_TYPE_BYTES_MAX)
}

fn reporter(name: &str) -> Result<(), Rejection> {
    bytes("reporter", name.len(), REPORTER_BYTES_MAX)
}

fn activity(items: &[(ActivityItem, Option<String>)]) -> Result<(), Rejection> {
    count("items", items.len(), ACTIVITY_ITEMS_MAX)?;
    for (item, id) in items {
        note("kind", &item.kind)?;
        note("item", item.detail.as_str())?;
        optional(id.as_deref(), connection)?;
    }
    Ok(())
}

/// Properties are counted with those that stay, so they are left to the rules.
fn config(patch: &ConfigPatch) -> Result<(), Rejection> {
    let Some(Some(permission)) = &patch.default_permission else {
        return Ok(());
    };
    whole(permission)
}

fn whole(it: &Permission) -> Result<(), Rejection> {
    sources(&it.send.allowed)?;
    rule(&it.receive.base)?;
    rules(it.receive.by_participant.values())?;
    rules(it.receive.by_connection.values())?;
    bytes("the permission", it.weight(), PERMISSION_BYTES_MAX)
}

fn permission(update: &PermissionUpdate) -> Result<(), Rejection> {
    let patch = &update.patch;
    optional(patch.send_allowed.as_ref(), sources)?;
    optional(patch.receive_base.as_ref(), rule)?;
    if let Some(by_number) = &patch.receive_by_participant {
        rules(by_number.values())?;
    }
    if let Some(by_number) = &patch.receive_by_connection {
        rules(by_number.values())?;
    }
    if let Some(by_identity) = &update.receive_by_identity {
        rules(by_identity.values())?;
    }
    if let Some(by_id) = &update.receive_by_connection {
        rules(by_id.values())?;
        let mut ids = by_id.keys();
        ids.try_for_each(|id| reference("receive.by_connection", id))?;
    }
    let weight = rules_of(update).map(ReceiveRule::weight).sum();
    bytes("the permission", weight, PERMISSION_BYTES_MAX)
}

fn rules_of(update: &PermissionUpdate) -> impl Iterator<Item = &ReceiveRule> {
    let patch = &update.patch;
    let base = patch.receive_base.iter();
    let by_number = patch
        .receive_by_participant
        .iter()
        .flat_map(BTreeMap::values);
    let by_connection = patch
        .receive_by_connection
        .iter()
        .flat_map(BTreeMap::values);
    let by_identity = update.receive_by_identity.iter().flat_map(BTreeMap::values);
    let by_id = update
        .receive_by_connection
        .iter()
        .flat_map(BTreeMap::values);
    let named = by_number
        .chain(by_connection)
        .chain(by_identity)
        .chain(by_id);
    base.chain(named)
}

fn sources(allowed: &Allowed) -> Result<(), Rejection> {
    match allowed {
        Allowed::All => Ok(()),
        Allowed::Listed(sources) => count("sources", sources.len(), SOURCES_MAX),
    }
}

fn rules<'a>(rules: impl ExactSizeIterator<Item = &'a ReceiveRule>) -> Result<(), Rejection> {
    count("receive rules", rules.len(), RECEIVE_RULES_MAX)?;
    let mut rules = rules;
    rules.try_for_each(rule)
}

fn rule(rule: &ReceiveRule) -> Result<(), Rejection> {
    let maps = [&rule.custom_video_by_name, &rule.custom_audio_by_name];
    for names in maps.into_iter().flatten() {
        count("custom tracks of a rule", names.len(), RULE_NAMES_MAX)?;
        for name in names.keys() {
            note("track name", name)?;
        }
    }
    Ok(())
}

fn target(target: &Target) -> Result<(), Rejection> {
    match target {
        Target::Everyone | Target::Identity(_) => Ok(()),
        Target::Connection(id) => reference("target", id),
    }
}

fn targets<'a>(all: impl ExactSizeIterator<Item = &'a Target>) -> Result<(), Rejection> {
    count("targets", all.len(), TARGETS_MAX)?;
    let mut all = all;
    all.try_for_each(target)
}

fn connection(id: &str) -> Result<(), Rejection> {
    reference("connection", id)
}

fn references(what: &'static str, ids: &[String]) -> Result<(), Rejection> {
    count(what, ids.len(), TARGETS_MAX)?;
    ids.iter().try_for_each(|id| reference(what, id))
}

fn reference(what: &'static str, id: &str) -> Result<(), Rejection> {
    bytes(what, id.len(), REFERENCE_BYTES_MAX)
}

fn both(
    first: Result<(), Rejection>,
    second: impl FnOnce() -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    first.and_then(|()| second())
}

fn optional<T>(
    given: Option<T>,
    check: impl FnOnce(T) -> Result<(), Rejection>,
) -> Result<(), Rejection> {
    given.map_or(Ok(()), check)
}
