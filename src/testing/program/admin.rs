//! What administrators ask for. Apart because such a command can mean everybody, one identity or
//! one connection, and several of them at once.

use std::collections::BTreeMap;

use super::choices::Draw;
use super::scene::{Scene, any_identity, connection_id};
use super::values::{profile, settings, text, update};
use crate::domain::command::{
    CreateRoom, MuteTrack, NoteTarget, Remove, SendData, SessionDataMerge, UpdateParticipant,
    UpdatePermissions, UpdateRoom,
};
use crate::domain::event::UpdateMode;
use crate::domain::state::Connection;
use crate::domain::{Command, Digest, RoomName, Target, Version};

pub(super) fn create_room(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    Command::CreateRoom(CreateRoom {
        opens_session: draw.flag(),
        metadata: draw.flag().then(|| text(draw)),
        replaces_expired: draw.one_in(3),
        refuse_existing: draw.one_in(8),
        aliases: (0..draw.below(2))
            .map(|_| format!("lobby {}", scene.room.version))
            .collect(),
        config: settings(scene, draw),
    })
}

pub(super) fn update_room(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    Command::UpdateRoom(UpdateRoom {
        metadata: draw.flag().then(|| text(draw)),
        session_only: draw.one_in(4),
        refuse_expired: draw.one_in(6),
        config: settings(scene, draw),
    })
}

pub(super) fn update_participant(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    Command::UpdateParticipant(UpdateParticipant {
        target: scene.target(draw),
        profile: profile(draw),
        permission: draw.flag().then(|| update(scene, draw)),
    })
}

/// Up to four keys, of which several can mean the same connection.
pub(super) fn update_permissions(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let mode = if draw.one_in(4) {
        UpdateMode::Replace
    } else {
        UpdateMode::Patch
    };
    let refuse_unknown = draw.one_in(8);
    let mut targets = BTreeMap::new();
    match scene.somebody(draw, |_| true) {
        Some(connection) => {
            let keys = draw.below(8);
            let identity = Target::Identity(scene.identity_of(connection));
            if keys & 1 == 0 {
                targets.insert(identity, update(scene, draw));
            }
            if keys & 2 != 0 || keys == 1 {
                let id = Target::Connection(connection_id(connection, draw));
                targets.insert(id, update(scene, draw));
            }
        }
        None => {
            targets.insert(scene.target(draw), update(scene, draw));
        }
    }
    if draw.flag() {
        targets.insert(Target::Everyone, update(scene, draw));
    }
    if draw.one_in(4) {
        targets.insert(scene.target(draw), update(scene, draw));
    }
    Command::UpdatePermissions(UpdatePermissions {
        mode,
        targets,
        refuse_unknown,
    })
}

/// Mostly to the other value; an unmute needs a room that allows it.
pub(super) fn mute_track(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let may_unmute = scene
        .room
        .config()
        .is_some_and(|it| it.enable_remote_unmute);
    let muted = !draw.one_in(if may_unmute { 2 } else { 6 });
    let (owner, track) = scene.track(draw, |track| track.muted != muted);
    let target = match owner {
        Some(owner) if draw.flag() => Target::Connection(connection_id(owner, draw)),
        Some(owner) => Target::Identity(scene.identity_of(owner)),
        None => scene.target(draw),
    };
    Command::MuteTrack(MuteTrack {
        target,
        track,
        muted,
    })
}

pub(super) fn remove(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    Command::Remove(removal(scene, draw))
}

/// The same person may stand in it twice, under different names.
pub(super) fn remove_each(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let all = (0..=draw.below(3)).map(|_| removal(scene, draw));
    Command::RemoveEach(all.collect())
}

pub(super) fn ban(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let until = match draw.below(12) {
        0..=5 => Some(scene.at(60)),
        6..=10 => None,
        _ => Some(scene.at(-60)),
    };
    Command::Ban {
        identity: any_identity(draw),
        until,
    }
}

/// Mostly of somebody who is banned.
pub(super) fn unban(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let banned = scene.banned();
    let identity = match draw.pick(&banned) {
        Some(identity) if !draw.one_in(4) => identity.clone(),
        _ => any_identity(draw),
    };
    Command::Unban { identity }
}

/// Of everybody more often where single people's stand already.
pub(super) fn revoke_tokens(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let of_all = draw.one_in(if scene.revoked().is_empty() { 4 } else { 2 });
    let identity = (!of_all).then(|| any_identity(draw));
    Command::RevokeTokens {
        identity,
        before: revocation(scene, draw),
    }
}

/// Mostly one that stands; of those that stand beside each other, as often the one for everybody.
pub(super) fn lift_revocation(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let revoked = scene.revoked();
    if scene.is_revoked_twice() && draw.flag() {
        return Command::LiftRevocation { identity: None };
    }
    let identity = match draw.pick(&revoked) {
        Some(identity) if !draw.one_in(4) => identity.clone(),
        _ => (!draw.one_in(4)).then(|| any_identity(draw)),
    };
    Command::LiftRevocation { identity }
}

/// Mostly of somebody who is like that.
pub(super) fn move_to_other(
    scene: &Scene<'_>,
    draw: &mut Draw,
    like: impl Fn(&Connection) -> bool,
) -> Command {
    let stays = draw.one_in(16);
    let to_room: &RoomName = if stays {
        &scene.room.name
    } else {
        &scene.other.name
    };
    let target = if draw.one_in(4) {
        scene.target(draw)
    } else {
        Target::Connection(scene.connection(draw, like))
    };
    Command::Move {
        target,
        to_room: to_room.clone(),
    }
}

/// Whether a move has more to carry than the connection: it came from another room, or there are
/// rules about connections that it has or that others have about it.
pub(super) fn is_tied(scene: &Scene<'_>, one: &Connection) -> bool {
    let has_rules = !one.permission.receive.by_connection.is_empty();
    one.moved_from.is_some() || has_rules || scene.is_ruled(one)
}

/// Up to three tracks, in any of their ids, some of them unknown.
pub(super) fn update_subscriptions(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let target = scene.target(draw);
    let tracks = (0..=draw.below(3)).map(|_| scene.track(draw, |_| true).1);
    Command::UpdateSubscriptions {
        target,
        tracks: tracks.collect(),
        subscribe: draw.flag(),
    }
}

pub(super) fn send_data(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let bytes = draw.number();
    Command::SendData(SendData {
        topic: draw.flag().then(|| text(draw)),
        lossy: draw.flag(),
        bytes: bytes.into(),
        digest: Digest::of(&[bytes]),
        targets: (0..draw.below(4)).map(|_| scene.target(draw)).collect(),
    })
}

/// Objects mostly, and now and then a value with which nothing can be merged.
pub(super) fn set_session_data(draw: &mut Draw) -> Command {
    let merge = if draw.flag() {
        SessionDataMerge::Shallow
    } else {
        SessionDataMerge::Replace
    };
    let data = if draw.one_in(12) {
        "[1]".to_owned()
    } else {
        format!("{{\"k{}\":{}}}", draw.below(3), draw.below(4))
    };
    let delete_keys = (0..draw.below(3)).map(|_| format!("k{}", draw.below(3)));
    Command::SetSessionData {
        data,
        merge,
        delete_keys: delete_keys.collect(),
    }
}

pub(super) fn add_note(scene: &Scene<'_>, draw: &mut Draw) -> Command {
    let head = scene.room.version.0;
    let about = match draw.below(4) {
        0 => NoteTarget::Room,
        1 => NoteTarget::Target(scene.target(draw)),
        _ => {
            let back = u64::from(draw.below(32));
            let ahead = u64::from(draw.one_in(16));
            NoteTarget::Event(Version(head.saturating_sub(back) + ahead))
        }
    };
    Command::AddNote {
        about,
        text: text(draw),
    }
}

fn removal(scene: &Scene<'_>, draw: &mut Draw) -> Remove {
    let target = match draw.below(4) {
        // Everybody seldom, so that rooms fill.
        0 => scene.target(draw),
        1 => Target::Connection(scene.connection(draw, |_| true)),
        _ => Target::Identity(scene.present_identity(draw)),
    };
    Remove {
        target,
        ban: draw.one_in(4),
        revoke_before: draw.one_in(4).then(|| revocation(scene, draw)),
    }
}

/// Now, a little earlier or later, and now and then later than is allowed.
fn revocation(scene: &Scene<'_>, draw: &mut Draw) -> crate::domain::Timestamp {
    let after_s = match draw.below(16) {
        0..=8 => 0,
        9..=11 => -20,
        12..=14 => 20,
        _ => 200_000,
    };
    scene.at(after_s)
}
