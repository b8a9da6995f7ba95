//! What events of profiles, permissions and subscriptions say, with what was before: the admin
//! actions that reviewers ask about. Apart because all of them are changes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::domain::event::{
    AttributesChange, ByWhom, PermissionGroup, PermissionsChanged, ProfileChanged,
    SubscriptionsChanged, TextChange, UpdateMode,
};
use crate::domain::{Personal, Ranges, TrackNumber};
use crate::replay::former::Field;
use crate::replay::view::permission::{PermissionPatchView, PermissionView};
use crate::replay::view::refer::{
    AttributesBeforeReference, ConnectionBefore, ConnectionReference, TargetsReference,
    TrackReference,
};
use crate::replay::view::resolve::{Resolver, spans};

/// Name, metadata or attributes changed.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Profile<'a> {
    #[serde(flatten)]
    whom: TargetsReference,
    by: ByWhom,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<Text<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<Attributes<'a>>,
}

/// A text that changed.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "TextChange"))]
struct Text<'a> {
    after: &'a str,
    /// What it was, by connection.
    before: Vec<ConnectionBefore>,
}

/// Attributes that changed.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "AttributesChange"))]
struct Attributes<'a> {
    set: &'a BTreeMap<String, String>,
    removed: &'a BTreeSet<String>,
    /// What they were, by connection.
    before: Vec<AttributesBeforeReference>,
}

pub(super) fn profile_changed<'a>(it: &'a ProfileChanged, resolver: &Resolver<'_>) -> Profile<'a> {
    let text = |change: &'a TextChange, field: &Field| Text {
        after: change.value.as_str(),
        before: resolver.befores(&change.before, field),
    };
    let attributes = |change: &'a AttributesChange| Attributes {
        set: change.set.value(),
        removed: change.removed.value(),
        before: resolver.attributes_before(&change.before),
    };
    Profile {
        whom: resolver.targets(&it.who),
        by: it.by,
        name: it.name.as_ref().map(|change| text(change, &Field::Name)),
        metadata: it
            .metadata
            .as_ref()
            .map(|change| text(change, &Field::Metadata)),
        attributes: it.attributes.as_ref().map(attributes),
    }
}

/// What people may do changed.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Permissions<'a> {
    mode: UpdateMode,
    /// What was asked, by target.
    requests: Vec<Request>,
    /// What came of it: connections whose permission changed in the same way.
    groups: Vec<Group>,
    /// Targets that the room does not know.
    unknown_targets: Vec<&'a str>,
    /// The target as it was asked, where it was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    asked: Option<String>,
    /// Who, where it is one person.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
}

/// What was asked for one target.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "PermissionRequest"))]
struct Request {
    #[serde(flatten)]
    whom: TargetsReference,
    permission: PermissionPatchView,
}

/// Connections whose permission changed in the same way.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "PermissionGroup"))]
struct Group {
    before: PermissionView,
    after: PermissionView,
    /// The first of them, by name; `numbers` has all of them.
    targets: Vec<ConnectionReference>,
    /// How many there are.
    count: usize,
    /// All of them, as pairs of a first and a last number.
    numbers: Vec<(u32, u32)>,
}

pub(super) fn permissions_changed<'a>(
    it: &'a PermissionsChanged,
    resolver: &Resolver<'_>,
) -> Permissions<'a> {
    let requests = it
        .who
        .iter()
        .zip(&it.request)
        .map(|(who, request)| Request {
            whom: resolver.targets(who),
            permission: PermissionPatchView::of(request, resolver),
        });
    let only = match it.who.as_slice() {
        [who] => Some(who),
        _ => None,
    };
    Permissions {
        mode: it.mode,
        requests: requests.collect(),
        groups: it.groups.iter().map(|each| group(each, resolver)).collect(),
        unknown_targets: it.unknown_targets.iter().map(Personal::as_str).collect(),
        asked: only.and_then(|who| resolver.asked(&who.asked)),
        identity: only.and_then(|who| resolver.only_person(who)),
    }
}

fn group(group: &PermissionGroup, resolver: &Resolver<'_>) -> Group {
    Group {
        before: PermissionView::of(&group.before, resolver),
        after: PermissionView::of(&group.after, resolver),
        targets: resolver.connections(&group.connections),
        count: group.connections.len(),
        numbers: spans(&group.connections),
    }
}

/// What somebody receives was changed by an admin.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Subscriptions<'a> {
    #[serde(flatten)]
    whom: TargetsReference,
    tracks: Vec<TrackReference>,
    /// Tracks that the room does not know, as written.
    unknown_tracks: Vec<&'a str>,
    /// Received from now on, or no longer.
    subscribe: bool,
    /// What an admin had said of these tracks before, by connection; nothing of those that are not
    /// listed.
    before: Vec<SubscriptionsBefore>,
}

/// What an admin had said of tracks to a connection.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "SubscriptionsBefore"))]
struct SubscriptionsBefore {
    #[serde(flatten)]
    connection: ConnectionReference,
    /// The tracks that it was to receive.
    subscribed: Vec<String>,
    /// The tracks that it was not to receive.
    unsubscribed: Vec<String>,
}

pub(super) fn subscriptions_changed<'a>(
    it: &'a SubscriptionsChanged,
    resolver: &Resolver<'_>,
) -> Subscriptions<'a> {
    let ids = |tracks: &Ranges<TrackNumber>| -> Vec<String> {
        let tracks = resolver.tracks(tracks).into_iter();
        tracks.map(|track| track.sid).collect()
    };
    let before = it.before.iter().flat_map(|group| {
        let connections = resolver.connections(&group.connections).into_iter();
        connections.map(|connection| SubscriptionsBefore {
            connection,
            subscribed: ids(&group.subscribed),
            unsubscribed: ids(&group.unsubscribed),
        })
    });
    Subscriptions {
        whom: resolver.targets(&it.who),
        tracks: resolver.tracks(&it.tracks),
        unknown_tracks: it.unknown_tracks.iter().map(Personal::as_str).collect(),
        subscribe: it.subscribe,
        before: before.collect(),
    }
}
