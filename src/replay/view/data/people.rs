//! What events of people and their connections say. Apart because all of them tell whom they were
//! about in the same words.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::domain::event::{
    CloseCause, CloseConfirmed, ConnectionKind, ConnectionOpened, ConnectionsClosed, FormerBan,
    FormerRevocation, MoveRequested, MovedFrom, ParticipantBanned, ParticipantRegistered,
    ParticipantUnbanned, RemovalRequested, RevocationLifted, TokensRevoked,
};
use crate::domain::{ParticipantNumber, Timestamp, Version};
use crate::replay::view::permission::PermissionView;
use crate::replay::view::person::CredentialView;
use crate::replay::view::refer::{ConnectionReference, TargetsReference, WhoReference};
use crate::replay::view::resolve::Resolver;

/// Somebody was mentioned for the first time.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Registered<'a> {
    identity: &'a str,
    /// Their number in the room.
    participant: ParticipantNumber,
}

pub(super) fn registered(it: &ParticipantRegistered) -> Registered<'_> {
    Registered {
        identity: it.identity.value().as_str(),
        participant: it.participant,
    }
}

/// Somebody is kept out.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Banned {
    identity: String,
    /// Until when; `null` for good.
    until: Option<Timestamp>,
    /// The ban that stood until now and that this one replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    former: Option<FormerBanView>,
}

/// A ban that stood until now.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "FormerBan"))]
struct FormerBanView {
    /// Until when; `null` for good.
    until: Option<Timestamp>,
    /// The position of the event that had set it.
    position: Option<u64>,
}

impl FormerBanView {
    fn of(former: FormerBan, resolver: &Resolver<'_>) -> Self {
        Self {
            until: former.until,
            position: resolver.position(former.set),
        }
    }
}

pub(super) fn banned(it: &ParticipantBanned, resolver: &Resolver<'_>) -> Banned {
    Banned {
        identity: resolver.identity(it.participant),
        until: it.until,
        former: it.former.map(|former| FormerBanView::of(former, resolver)),
    }
}

/// Somebody is no longer kept out.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Unbanned {
    identity: String,
    /// The ban that stood until now.
    former: FormerBanView,
}

pub(super) fn unbanned(it: &ParticipantUnbanned, resolver: &Resolver<'_>) -> Unbanned {
    Unbanned {
        identity: resolver.identity(it.participant),
        former: FormerBanView::of(it.former, resolver),
    }
}

/// Tokens issued before a moment are refused.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Revoked {
    /// Whether everybody's.
    everyone: bool,
    revoke_before: Timestamp,
    /// Whose, where not everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    /// The revocation that stood until now and that this one replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    former: Option<FormerRevocationView>,
}

/// A revocation that stood until now.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "FormerRevocation"))]
struct FormerRevocationView {
    /// Tokens issued before this moment were refused.
    revoke_before: Timestamp,
    /// The position of the event that had set it.
    position: Option<u64>,
}

impl FormerRevocationView {
    fn of(former: FormerRevocation, resolver: &Resolver<'_>) -> Self {
        Self {
            revoke_before: former.before,
            position: resolver.position(former.set),
        }
    }
}

pub(super) fn tokens_revoked(it: &TokensRevoked, resolver: &Resolver<'_>) -> Revoked {
    Revoked {
        everyone: it.participant.is_none(),
        revoke_before: it.before,
        identity: it.participant.map(|number| resolver.identity(number)),
        former: it
            .former
            .map(|former| FormerRevocationView::of(former, resolver)),
    }
}

/// A revocation no longer stands.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Lifted {
    /// Whether it was the one for everybody.
    everyone: bool,
    /// Whose, where not everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    /// The revocation that stood until now.
    former: FormerRevocationView,
}

pub(super) fn revocation_lifted(it: &RevocationLifted, resolver: &Resolver<'_>) -> Lifted {
    Lifted {
        everyone: it.participant.is_none(),
        identity: it.participant.map(|number| resolver.identity(number)),
        former: FormerRevocationView::of(it.former, resolver),
    }
}

/// A connection began.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Opened<'a> {
    #[serde(flatten)]
    one: ConnectionReference,
    /// The number of whose it is.
    participant: ParticipantNumber,
    kind: ConnectionKind,
    name: &'a str,
    metadata: &'a str,
    attributes: &'a BTreeMap<String, String>,
    permission: PermissionView,
    credential: CredentialView,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    /// The media server that reported it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reporter: Option<&'a str>,
    /// When a timer closes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    eject_at: Option<Timestamp>,
    /// When a timer closes it unless it is active by then.
    #[serde(skip_serializing_if = "Option::is_none")]
    activate_by: Option<Timestamp>,
    /// The connection that it took the place of.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaces: Option<ConnectionReference>,
    #[serde(skip_serializing_if = "Option::is_none")]
    moved_from: Option<Place>,
    /// What its token asked of the room in vain, by name: the session was open already with other
    /// settings, or this server does not do it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    unheeded: &'a BTreeMap<String, String>,
}

/// A connection of another room.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "server", schemars(rename = "RoomConnection"))]
struct Place {
    #[serde(flatten)]
    one: ConnectionReference,
    room: String,
}

pub(super) fn opened<'a>(
    it: &'a ConnectionOpened,
    at: Version,
    resolver: &Resolver<'_>,
) -> Opened<'a> {
    Opened {
        one: resolver.connection(it.number),
        participant: it.participant,
        kind: it.kind,
        name: it.profile.name.as_str(),
        metadata: it.profile.metadata.as_str(),
        attributes: it.profile.attributes.value(),
        permission: PermissionView::of(&it.permission, resolver),
        credential: CredentialView::of(&it.credential),
        session: resolver.session(at),
        reporter: it.reporter.as_deref(),
        eject_at: it.eject_at,
        activate_by: it.activate_by,
        replaces: it.replaces.map(|number| resolver.connection(number)),
        moved_from: it.moved_from.as_ref().map(|from| place(from, resolver)),
        unheeded: it.unheeded.value(),
    }
}

fn place(from: &MovedFrom, resolver: &Resolver<'_>) -> Place {
    Place {
        one: resolver.abroad(&from.room).connection(from.connection),
        room: from.room.to_string(),
    }
}

/// An admin asked for a removal.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Removal {
    #[serde(flatten)]
    whom: TargetsReference,
    /// Whether they are banned as well.
    ban: bool,
    /// Tokens issued before this moment are refused as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    revoke_before: Option<Timestamp>,
}

pub(super) fn removal_requested(it: &RemovalRequested, resolver: &Resolver<'_>) -> Removal {
    Removal {
        whom: resolver.targets(&it.who),
        ban: it.ban,
        revoke_before: it.revoke_before,
    }
}

/// Connections ended.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Closed<'a> {
    #[serde(flatten)]
    who: WhoReference,
    /// The first of them, by name; `numbers` has all of them.
    connections: Vec<ConnectionReference>,
    cause: CloseCause,
    /// The reason in the reporter's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reported_reason: Option<&'a str>,
    /// When the timer that closed them was due.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<Timestamp>,
}

pub(super) fn closed<'a>(it: &'a ConnectionsClosed, resolver: &Resolver<'_>) -> Closed<'a> {
    Closed {
        who: resolver.who(&it.who),
        connections: resolver.connections(&it.who.connections),
        cause: it.closing.cause,
        reported_reason: it.closing.reported_reason.as_deref(),
        due_at: it.closing.due_at,
    }
}

/// A leave was reported after a removal.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Confirmed<'a> {
    #[serde(flatten)]
    one: ConnectionReference,
    /// The reason in the reporter's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    reported_reason: Option<&'a str>,
}

pub(super) fn close_confirmed<'a>(
    it: &'a CloseConfirmed,
    resolver: &Resolver<'_>,
) -> Confirmed<'a> {
    Confirmed {
        one: resolver.connection(it.connection),
        reported_reason: it.reported_reason.as_deref(),
    }
}

/// An admin asked for a move.
#[derive(Serialize)]
#[cfg_attr(feature = "server", derive(schemars::JsonSchema))]
pub(super) struct Move<'a> {
    #[serde(flatten)]
    whom: TargetsReference,
    to_room: &'a str,
}

pub(super) fn move_requested<'a>(it: &'a MoveRequested, resolver: &Resolver<'_>) -> Move<'a> {
    Move {
        whom: resolver.targets(&it.who),
        to_room: it.to_room.as_str(),
    }
}
