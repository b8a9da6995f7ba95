//! What events of people and their connections say: the admin actions that reviewers ask about.
//!
//! Apart because all of them tell whom they were about in the same words.

use serde_json::{Map, Value, json};

use super::json::{object, put};
use crate::domain::event::{
    AttributesChange, CloseConfirmed, ConnectionOpened, ConnectionsClosed, MoveRequested,
    MovedFrom, ParticipantBanned, ParticipantRegistered, ParticipantUnbanned, PermissionGroup,
    PermissionsChanged, ProfileChanged, RemovalRequested, SubscriptionsChanged, TextChange,
    TokensRevoked, Who,
};
use crate::domain::{Personal, Version};
use crate::replay::view::permission::{PermissionPatchView, PermissionView};
use crate::replay::view::person::CredentialView;
use crate::replay::view::resolve::Resolver;

pub(super) fn registered(it: &ParticipantRegistered) -> Map<String, Value> {
    object(json!({
        "identity": it.identity.value().as_str(),
        "participant": it.participant,
    }))
}

pub(super) fn banned(it: &ParticipantBanned, resolver: &Resolver<'_>) -> Map<String, Value> {
    object(json!({
        "identity": resolver.identity(it.participant),
        "until": it.until,
    }))
}

pub(super) fn unbanned(it: &ParticipantUnbanned, resolver: &Resolver<'_>) -> Map<String, Value> {
    object(json!({ "identity": resolver.identity(it.participant) }))
}

pub(super) fn tokens_revoked(it: &TokensRevoked, resolver: &Resolver<'_>) -> Map<String, Value> {
    let mut data = object(json!({
        "everyone": it.participant.is_none(),
        "revoke_before": it.before,
    }));
    let identity = it.participant.map(|number| resolver.identity(number));
    put(&mut data, "identity", identity);
    data
}

pub(super) fn opened(
    it: &ConnectionOpened,
    at: Version,
    resolver: &Resolver<'_>,
) -> Map<String, Value> {
    let mut data = resolver.connection(it.number);
    data.append(&mut object(json!({
        "participant": it.participant,
        "kind": it.kind,
        "name": it.profile.name.as_str(),
        "metadata": it.profile.metadata.as_str(),
        "attributes": it.profile.attributes.value(),
        "permission": PermissionView::of(&it.permission, resolver),
        "credential": CredentialView::of(&it.credential),
    })));
    put(&mut data, "session", resolver.session(at));
    put(&mut data, "reporter", it.reporter.clone());
    put(&mut data, "eject_at", it.eject_at.map(|at| json!(at)));
    put(&mut data, "activate_by", it.activate_by.map(|at| json!(at)));
    let replaces = it.replaces.map(|number| resolver.connection(number));
    put(&mut data, "replaces", replaces);
    let moved_from = it.moved_from.as_ref();
    put(
        &mut data,
        "moved_from",
        moved_from.map(|from| place(from, resolver)),
    );
    data
}

fn place(from: &MovedFrom, resolver: &Resolver<'_>) -> Map<String, Value> {
    let mut shown = resolver.abroad(&from.room).connection(from.connection);
    shown.insert("room".to_owned(), from.room.as_str().into());
    shown
}

pub(super) fn removal_requested(
    it: &RemovalRequested,
    resolver: &Resolver<'_>,
) -> Map<String, Value> {
    let mut data = targets(&it.who, resolver);
    data.insert("ban".to_owned(), it.ban.into());
    put(
        &mut data,
        "revoke_before",
        it.revoke_before.map(|at| json!(at)),
    );
    data
}

pub(super) fn closed(it: &ConnectionsClosed, resolver: &Resolver<'_>) -> Map<String, Value> {
    let mut data = Map::new();
    resolver.who(&mut data, &it.who, "connections");
    data.insert("cause".to_owned(), it.closing.cause.as_str().into());
    put(
        &mut data,
        "reported_reason",
        it.closing.reported_reason.clone(),
    );
    put(&mut data, "due_at", it.closing.due_at.map(|at| json!(at)));
    data
}

pub(super) fn close_confirmed(it: &CloseConfirmed, resolver: &Resolver<'_>) -> Map<String, Value> {
    let mut data = resolver.connection(it.connection);
    put(&mut data, "reported_reason", it.reported_reason.clone());
    data
}

pub(super) fn move_requested(it: &MoveRequested, resolver: &Resolver<'_>) -> Map<String, Value> {
    let mut data = targets(&it.who, resolver);
    data.insert("to_room".to_owned(), it.to_room.as_str().into());
    data
}

pub(super) fn profile_changed(it: &ProfileChanged, resolver: &Resolver<'_>) -> Map<String, Value> {
    let mut data = targets(&it.who, resolver);
    data.insert("by".to_owned(), json!(it.by));
    put(
        &mut data,
        "name",
        it.name.as_ref().map(|name| text(name, resolver)),
    );
    let metadata = it.metadata.as_ref();
    put(
        &mut data,
        "metadata",
        metadata.map(|metadata| text(metadata, resolver)),
    );
    let attributes = it.attributes.as_ref();
    put(
        &mut data,
        "attributes",
        attributes.map(|change| attributes_change(change, resolver)),
    );
    data
}

fn text(change: &TextChange, resolver: &Resolver<'_>) -> Value {
    json!({
        "after": change.value.as_str(),
        "before": resolver.befores(&change.before),
    })
}

fn attributes_change(change: &AttributesChange, resolver: &Resolver<'_>) -> Value {
    json!({
        "set": change.set.value(),
        "removed": change.removed.value(),
        "before": resolver.befores(&change.before),
    })
}

pub(super) fn permissions_changed(
    it: &PermissionsChanged,
    resolver: &Resolver<'_>,
) -> Map<String, Value> {
    let requests = it.who.iter().zip(&it.request).map(|(who, request)| {
        let mut shown = targets(who, resolver);
        let permission = PermissionPatchView::of(request, resolver);
        shown.insert("permission".to_owned(), json!(permission));
        shown
    });
    let unknown = it.unknown_targets.iter().map(Personal::as_str);
    let mut data = object(json!({
        "mode": it.mode,
        "requests": requests.collect::<Value>(),
        "groups": it.groups.iter().map(|each| group(each, resolver)).collect::<Value>(),
        "unknown_targets": unknown.collect::<Value>(),
    }));
    if let [who] = it.who.as_slice() {
        put(&mut data, "asked", resolver.asked(&who.asked));
        put(&mut data, "identity", resolver.only_person(who));
    }
    data
}

fn group(group: &PermissionGroup, resolver: &Resolver<'_>) -> Value {
    json!({
        "before": PermissionView::of(&group.before, resolver),
        "after": PermissionView::of(&group.after, resolver),
        "targets": resolver.connections(&group.connections),
        "count": group.connections.len(),
    })
}

pub(super) fn subscriptions_changed(
    it: &SubscriptionsChanged,
    resolver: &Resolver<'_>,
) -> Map<String, Value> {
    let mut data = targets(&it.who, resolver);
    let unknown = it.unknown_tracks.iter().map(Personal::as_str);
    data.append(&mut object(json!({
        "tracks": resolver.tracks(&it.tracks),
        "unknown_tracks": unknown.collect::<Value>(),
        "subscribe": it.subscribe,
    })));
    data
}

fn targets(who: &Who, resolver: &Resolver<'_>) -> Map<String, Value> {
    let mut shown = Map::new();
    resolver.who(&mut shown, who, "targets");
    shown
}
