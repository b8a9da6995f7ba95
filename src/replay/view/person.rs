//! People, their connections and their tracks as our own API shows them.
//!
//! Apart from the room, since one person is also asked for alone. The top level shows the newest
//! connection.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::domain::event::{CloseCause, ConnectionKind, Credential, TrackKind};
use crate::domain::state::{Connection, ConnectionState, Person, Track};
use crate::domain::{Digest, Identity, ParticipantNumber, Room, Source, Timestamp};
use crate::replay::names::Names;
use crate::replay::view::permission::PermissionView;
use crate::replay::view::resolve::Resolver;

/// Somebody in a session, present or gone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Participant")
)]
pub struct ParticipantView {
    /// Who.
    pub identity: String,
    /// Their number in the room.
    pub participant: u32,
    /// Whether a connection of theirs is open.
    pub live: bool,
    /// The name shown, of the newest connection, as all down to `tracks`.
    pub name: String,
    /// Free text of the application.
    pub metadata: String,
    /// Keys and values of the application.
    pub attributes: BTreeMap<String, String>,
    /// What they may do; `None` for somebody who never joined this session.
    pub permission: Option<PermissionView>,
    /// Their open tracks.
    pub tracks: Vec<TrackView>,
    /// Their connections in the session, newest first.
    pub connections: Vec<ConnectionView>,
    /// Their presence, oldest first: of somebody who is asked for alone, in every session of the
    /// room, else in this one.
    pub timelog: Vec<StintView>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Connection")
)]
pub struct ConnectionView {
    /// The id that answers use: the caller's own, else the sid.
    pub connection: String,
    /// LiveKit's form of the id.
    pub sid: String,
    /// Whether it is open.
    pub live: bool,
    /// How far it has come.
    pub state: ConnectionState,
    /// What is at the other end.
    pub kind: ConnectionKind,
    /// The name shown.
    pub name: String,
    /// Free text of the application.
    pub metadata: String,
    /// Keys and values of the application.
    pub attributes: BTreeMap<String, String>,
    /// What it may do.
    pub permission: PermissionView,
    /// The position of the event that gave it that permission.
    pub permission_set: Option<u64>,
    /// Its open tracks, oldest first.
    pub tracks: Vec<TrackView>,
    /// Open tracks of others that an admin had it receive, or no longer receive, oldest first.
    pub subscriptions: Vec<SubscriptionView>,
    /// When it opened.
    pub start: Timestamp,
    /// When its reporter says that it opened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_reported: Option<Timestamp>,
    /// The position of the event that opened it.
    pub opened: Option<u64>,
    /// When media first flowed.
    pub activated_at: Option<Timestamp>,
    /// When its reporter says that media first flowed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activated_reported: Option<Timestamp>,
    /// Since when the transport is broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted_at: Option<Timestamp>,
    /// When its reporter says that the transport broke.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted_reported: Option<Timestamp>,
    /// When it closed.
    pub end: Option<Timestamp>,
    /// When its reporter says that it closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reported: Option<Timestamp>,
    /// How it closed.
    pub closed: Option<ClosedView>,
    /// What it joined with.
    pub credential: CredentialView,
    /// The media server that reported it.
    pub reporter: Option<String>,
    /// When a timer closes it.
    pub eject_at: Option<Timestamp>,
    /// Where it was moved from.
    pub moved_from: Option<MovedFromView>,
}

/// How a connection closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Closed")
)]
pub struct ClosedView {
    /// Why.
    pub cause: CloseCause,
    /// The position of the event that closed it.
    pub position: Option<u64>,
    /// The position of the event that brought that about: the request, where there was one.
    pub because: Option<u64>,
    /// The reason in the reporter's words.
    pub reported_reason: Option<String>,
    /// Whether a leave was reported after a removal.
    pub confirmed: bool,
}

/// Where a connection was moved from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "MovedFrom")
)]
pub struct MovedFromView {
    /// The room it left.
    pub room: String,
    /// Its number there.
    pub number: u32,
}

/// What somebody joined with: never the token itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Credential")
)]
pub struct CredentialView {
    /// `none`, or the dialect whose token it was.
    pub kind: String,
    /// The key that signed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// SHA-256 of the token as it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_digest: Option<Digest>,
    /// Valid from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// Issued at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// Valid until.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// The token's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_id: Option<String>,
}

/// One open track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Track")
)]
pub struct TrackView {
    /// The id that answers use: the caller's own, else LiveKit's form.
    pub sid: String,
    /// Where it comes from.
    pub source: Source,
    /// What it carries.
    #[serde(rename = "type")]
    pub kind: TrackKind,
    /// Its name.
    pub name: String,
    /// Whether it is muted.
    pub muted: bool,
    /// The codec.
    pub mime_type: String,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// When it was published.
    pub start: Timestamp,
    /// When its reporter says that it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_reported: Option<Timestamp>,
    /// The position of the event that published it.
    pub published: Option<u64>,
}

/// Whether a connection receives a track, where an admin said so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Subscription")
)]
pub struct SubscriptionView {
    /// The track's id that answers use: the caller's own, else LiveKit's form.
    pub track: String,
    /// Received, or not.
    pub subscribed: bool,
}

/// One interval of presence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Stint")
)]
pub struct StintView {
    /// When it began.
    pub start: Timestamp,
    /// When it ended; `None` while it lasts.
    pub end: Option<Timestamp>,
    /// When the reporter says that it really began: a report may come late.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_reported: Option<Timestamp>,
    /// When the reporter says that it really ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end_reported: Option<Timestamp>,
    /// The position of the event that caused the end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// The connection.
    pub connection: String,
    /// The session.
    pub session: String,
}

impl ParticipantView {
    /// Shows one person of a room, also one who never joined its session; `None` when the room
    /// does not know them.
    pub fn of(room: &Room, identity: &Identity, names: &Names) -> Option<Self> {
        let (number, person) = room.person_by_identity(identity)?;
        let resolver = Resolver::new(names, Some(&room.name));
        Some(participant(room, number, person, &resolver))
    }
}

impl CredentialView {
    pub(super) fn of(credential: &Credential) -> Self {
        Self {
            kind: credential.kind.clone(),
            key_id: credential.key_id.clone(),
            token_digest: credential.token_digest,
            not_before: credential.not_before,
            issued_at: credential.issued_at,
            expires_at: credential.expires_at,
            token_id: credential
                .token_id
                .as_ref()
                .map(|id| id.as_str().to_owned()),
        }
    }
}

pub(super) fn participant(
    room: &Room,
    number: ParticipantNumber,
    person: &Person,
    resolver: &Resolver<'_>,
) -> ParticipantView {
    let connections: Vec<ConnectionView> = room
        .connections_of(person)
        .into_iter()
        .map(|one| connection(one, resolver))
        .collect();
    let timelog = room.connections_of(person);
    let newest = connections.first();
    ParticipantView {
        identity: person.identity.to_string(),
        participant: number.0,
        live: !person.live.is_empty(),
        name: newest.map(|one| one.name.clone()).unwrap_or_default(),
        metadata: newest.map(|one| one.metadata.clone()).unwrap_or_default(),
        attributes: newest.map(|one| one.attributes.clone()).unwrap_or_default(),
        permission: newest.map(|one| one.permission.clone()),
        tracks: newest.map(|one| one.tracks.clone()).unwrap_or_default(),
        timelog: timelog
            .into_iter()
            .rev()
            .map(|one| stint(one, resolver))
            .collect(),
        connections,
    }
}

fn connection(one: &Arc<Connection>, resolver: &Resolver<'_>) -> ConnectionView {
    let closed = one.closed.as_ref();
    ConnectionView {
        connection: one.name_id(),
        sid: one.sid(),
        live: one.is_live(),
        state: one.state,
        kind: one.kind,
        name: one.name.value.to_string(),
        metadata: one.metadata.value.to_string(),
        attributes: one.attributes.as_ref().clone(),
        permission: PermissionView::of(&one.permission, resolver),
        permission_set: resolver.position(one.permission_set),
        tracks: one
            .tracks
            .iter()
            .map(|track| track_view(track, resolver))
            .collect(),
        subscriptions: one
            .subscriptions
            .iter()
            .map(|(track, subscribed)| SubscriptionView {
                track: resolver.track(*track).sid,
                subscribed: *subscribed,
            })
            .collect(),
        start: one.opened_at,
        start_reported: one.opened_reported_at,
        opened: resolver.position(one.opened),
        activated_at: one.activated_at,
        activated_reported: one.activated_reported_at,
        interrupted_at: one.interrupted.map(|since| since.at),
        interrupted_reported: one.interrupted.and_then(|since| since.reported_at),
        end: closed.map(|closed| closed.at),
        end_reported: closed.and_then(|closed| closed.reported_at),
        closed: closed.map(|closed| ClosedView {
            cause: closed.cause,
            position: resolver.position(closed.version),
            because: resolver.position(closed.because),
            reported_reason: closed.reported_reason.as_ref().map(ToString::to_string),
            confirmed: closed.confirmed,
        }),
        credential: CredentialView::of(&one.credential),
        reporter: one.reporter.as_ref().map(ToString::to_string),
        eject_at: one.eject_at,
        moved_from: one.moved_from.as_ref().map(|from| MovedFromView {
            room: from.room.to_string(),
            number: from.connection.0,
        }),
    }
}

/// One interval of presence: that of one connection.
pub(super) fn stint(one: &Arc<Connection>, resolver: &Resolver<'_>) -> StintView {
    let closed = one.closed.as_ref();
    StintView {
        start: one.opened_at,
        end: closed.map(|closed| closed.at),
        start_reported: one.opened_reported_at,
        end_reported: closed.and_then(|closed| closed.reported_at),
        cause: closed.and_then(|closed| resolver.position(closed.because)),
        connection: one.name_id(),
        session: resolver.session(one.opened).unwrap_or_default(),
    }
}

fn track_view(track: &Track, resolver: &Resolver<'_>) -> TrackView {
    TrackView {
        sid: track.sid(),
        source: track.source,
        kind: track.kind,
        name: track.name.to_string(),
        muted: track.muted,
        mime_type: track.shape.mime_type.clone(),
        width: track.shape.width,
        height: track.shape.height,
        start: track.published_at,
        start_reported: track.published_reported_at,
        published: resolver.position(track.published),
    }
}

/// Everybody that the room knows, with their numbers.
pub(super) fn people(room: &Room) -> impl Iterator<Item = (ParticipantNumber, &Person)> {
    (1_u32..).map(ParticipantNumber).zip(room.people.iter())
}
