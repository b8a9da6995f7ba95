//! What media servers report. Apart because a report is about one connection and its tracks.

use std::collections::BTreeMap;

use super::choices::Draw;
use super::scene::{Scene, any_identity, connection_id};
use super::values::{SOURCES, profile, settings, source, text, update};
use crate::domain::command::{ConfigPatch, Join, PublishTrack};
use crate::domain::event::{ActivityItem, ConnectionKind, Credential, TrackKind, TrackShape};
use crate::domain::state::{Connection, ConnectionState, Session};
use crate::domain::{Alias, Command, Digest, Personal, Source, Version};

/// Somebody comes in: mostly somebody whom no ban keeps out, now and then somebody whom more than
/// one reason does.
pub(super) fn join(scene: &Scene<'_>, draw: &mut Draw, entropy: u128) -> Command {
    let mut identity = any_identity(draw);
    if scene.is_banned(&identity) && !draw.one_in(4) {
        identity = any_identity(draw);
    }
    let kept_out = scene.kept_out_twice();
    let kept_out = draw.pick(&kept_out).filter(|_| draw.one_in(6));
    let credential = match kept_out {
        Some(_) => Credential::default(),
        None => credential(scene, draw),
    };
    let identity = kept_out.cloned().unwrap_or(identity);
    Command::Join(Join {
        identity: (!draw.one_in(16)).then_some(identity),
        active: !draw.one_in(4),
        kind: kind(draw),
        alias: id_of_elsewhere(scene, draw)
            .or_else(|| id_of_before(scene, draw))
            .or_else(|| alias(draw, 'c', entropy)),
        profile: profile(draw),
        reporter: reporter(draw),
        credential,
        eject_at: draw.one_in(8).then(|| scene.at(50)),
        room_metadata: draw.one_in(6).then(|| text(draw)),
        unheeded: BTreeMap::new(),
        eject_after_s: None,
        permission: draw.flag().then(|| update(scene, draw)),
        config: if draw.one_in(6) {
            settings(scene, draw)
        } else {
            ConfigPatch::default()
        },
        moved_from: None,
    })
}

/// Mostly of a connection without media so far.
pub(super) fn activate(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    Command::Activate(scene.connection(draw, |one| !one.was_active))
}

pub(super) fn interrupt(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    Command::Interrupt(scene.connection(draw, |one| one.state == ConnectionState::Active))
}

pub(super) fn resume(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    Command::Resume(scene.connection(draw, |one| one.state == ConnectionState::Interrupted))
}

/// Of those who were closed too: the first leave after a removal confirms it.
pub(super) fn leave(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let connection = if draw.one_in(3) {
        scene.closed_connection(draw)
    } else {
        scene.connection(draw, |_| true)
    };
    let reason = draw.flag().then(|| "CLIENT_INITIATED".to_owned());
    Command::Leave { connection, reason }
}

pub(super) fn publish_track(scene: &Scene<'_>, draw: &mut Draw, entropy: u128) -> Command {
    let right = |one: &Connection| one.permission.data || sendable(one).next().is_some();
    let connection = scene.somebody(draw, right);
    let allowed: Vec<Source> = connection
        .into_iter()
        .flat_map(|one| sendable(one))
        .collect();
    let source = match draw.pick(&allowed) {
        Some(source) if !draw.one_in(8) => *source,
        _ => source(draw),
    };
    let id = connection.filter(|_| !draw.one_in(16));
    let id = id.map(|one| connection_id(one, draw));
    Command::PublishTrack(PublishTrack {
        connection: id.unwrap_or_else(|| scene.closed_connection(draw)),
        kind: track_kind(source, draw),
        source,
        alias: alias(draw, 't', entropy),
        name: text(draw),
        muted: draw.flag(),
        shape: shape(draw),
    })
}

pub(super) fn update_track(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let (owner, track) = scene.track(draw, |_| true);
    let muted = draw.change();
    let name = draw.flag().then(|| text(draw));
    Command::UpdateTrack {
        connection: id_of(scene, owner, draw),
        track,
        muted,
        name,
        shape: draw.flag().then(|| shape(draw)),
    }
}

pub(super) fn unpublish_track(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let (owner, track) = scene.track(draw, |_| true);
    Command::UnpublishTrack {
        connection: id_of(scene, owner, draw),
        track,
    }
}

pub(super) fn update_own_profile(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    Command::UpdateOwnProfile {
        connection: scene.connection(draw, |one| one.permission.update_own_metadata),
        profile: profile(draw),
    }
}

pub(super) fn report_activity(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let items = (0..=draw.below(2)).map(|_| {
        let item = ActivityItem {
            kind: "speaking".to_owned(),
            connection: None,
            occurred_at: draw.one_in(3).then(|| scene.at(-2)),
            detail: Personal::from("{}"),
        };
        let connection = draw.flag().then(|| scene.connection(draw, |_| true));
        (item, connection)
    });
    Command::ReportActivity {
        items: items.collect(),
    }
}

/// A media server lists some of those inside, as it saw them now or a few events ago.
pub(super) fn close_lost(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let reporter = reporter(draw).unwrap_or_else(|| "sfu-0".to_owned());
    let head = scene.room.version.0;
    let as_of = if draw.one_in(3) {
        Version(head.saturating_sub(draw.below(16).into()))
    } else {
        Version(head)
    };
    let mut listed = Vec::new();
    for connection in &scene.live {
        if draw.flag() {
            listed.push(connection_id(connection, draw));
        }
    }
    Command::CloseLost {
        reporter,
        as_of,
        listed,
    }
}

/// The connection itself, mostly; else another, which then has no such track.
fn id_of(scene: &Scene<'_>, owner: Option<&std::sync::Arc<Connection>>, draw: &mut Draw) -> String {
    match owner.filter(|_| !draw.one_in(16)) {
        Some(owner) => connection_id(owner, draw),
        None => scene.connection(draw, |_| true),
    }
}

fn sendable(connection: &Connection) -> impl Iterator<Item = Source> {
    let send = &connection.permission.send;
    SOURCES.into_iter().filter(|source| send.allows(*source))
}

fn track_kind(source: Source, draw: &mut Draw) -> TrackKind {
    match source {
        Source::Camera | Source::ScreenShare | Source::CustomVideo => TrackKind::Video,
        Source::Microphone | Source::ScreenShareAudio | Source::CustomAudio => TrackKind::Audio,
        Source::Unknown => {
            let kinds = [TrackKind::Data, TrackKind::Audio, TrackKind::Video];
            draw.pick(&kinds).copied().unwrap_or(TrackKind::Data)
        }
    }
}

fn shape(draw: &mut Draw) -> TrackShape {
    match draw.below(3) {
        0 => TrackShape::default(),
        size => TrackShape {
            mime_type: "video/VP8".to_owned(),
            width: u32::from(size) * 640,
            height: u32::from(size) * 360,
        },
    }
}

fn kind(draw: &mut Draw) -> ConnectionKind {
    match draw.below(16) {
        10 => ConnectionKind::Sip,
        11 => ConnectionKind::Agent,
        12 => ConnectionKind::Egress,
        13 => ConnectionKind::Ingress,
        14 => ConnectionKind::Connector,
        15 => ConnectionKind::Bridge,
        _ => ConnectionKind::Standard,
    }
}

/// An id of the caller's own, in half of the cases; seldom one that was used before.
fn alias(draw: &mut Draw, letter: char, entropy: u128) -> Option<Alias> {
    let name = if draw.one_in(16) {
        format!("{letter}{}", draw.below(2))
    } else {
        format!("{letter}{}", entropy % 4_096)
    };
    draw.flag().then(|| Alias::new(&name).ok()).flatten()
}

/// Seldom the id of a connection in the other room, which cannot come here with it then.
fn id_of_elsewhere(scene: &Scene<'_>, draw: &mut Draw) -> Option<Alias> {
    let live = scene
        .other
        .open_session()
        .into_iter()
        .flat_map(Session::live);
    let ids: Vec<_> = live.filter_map(|one| one.alias.clone()).collect();
    draw.pick(&ids).filter(|_| draw.one_in(8)).cloned()
}

/// In half of the cases the id of a closed connection about which those inside have rules, where
/// there is one: a new join does not bring it back.
fn id_of_before(scene: &Scene<'_>, draw: &mut Draw) -> Option<Alias> {
    let kept = scene.room.session.iter().flat_map(|it| &it.connections);
    let ruled = kept.filter(|one| !one.is_live() && scene.is_ruled(one));
    let ids: Vec<_> = ruled.filter_map(|one| one.alias.clone()).collect();
    draw.pick(&ids).filter(|_| draw.flag()).cloned()
}

fn reporter(draw: &mut Draw) -> Option<String> {
    match draw.below(3) {
        0 => None,
        number => Some(format!("sfu-{}", number - 1)),
    }
}

/// Mostly one of now; some lie before a revocation, some are over, some do not say.
fn credential(scene: &Scene<'_>, draw: &mut Draw) -> Credential {
    let issued_at = match draw.below(12) {
        9 => None,
        10 => Some(scene.at(-30)),
        11 => Some(scene.at(30)),
        _ => Some(scene.now),
    };
    let not_before = match draw.below(6) {
        4 => Some(scene.at(-40)),
        5 => Some(scene.at(40)),
        _ => None,
    };
    let expires_at = match draw.below(12) {
        9 => Some(scene.at(-100)),
        10 => Some(scene.at(-50)),
        11 => Some(scene.at(100)),
        _ => None,
    };
    let has_token = draw.one_in(3);
    Credential {
        kind: if has_token { "token" } else { "none" }.to_owned(),
        key_id: has_token.then(|| "key".to_owned()),
        token_digest: has_token.then(|| Digest::of(b"token")),
        not_before,
        issued_at,
        expires_at,
        token_id: has_token.then(|| Personal::from("token 1")),
    }
}
