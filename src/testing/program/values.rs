//! Permissions, profiles and settings, field by field. Apart because joins, updates and rooms share
//! them.

use std::collections::{BTreeMap, BTreeSet};

use super::choices::Draw;
use super::scene::{Scene, any_identity};
use crate::domain::command::{ConfigPatch, PermissionUpdate, ProfileUpdate};
use crate::domain::event::DuplicatePolicy;
use crate::domain::{
    AdminRight, Allowed, Permission, PermissionPatch, ReceiveRule, Source, Timestamp,
};

/// Every source that a track can have.
pub(super) const SOURCES: [Source; 7] = [
    Source::Camera,
    Source::Microphone,
    Source::ScreenShare,
    Source::ScreenShareAudio,
    Source::CustomAudio,
    Source::CustomVideo,
    Source::Unknown,
];

/// A change of any rights, through a view that knows the finer rules or through one that does not:
/// no dialect has a word of both.
pub(super) fn update(scene: &Scene<'_>, draw: &mut Draw) -> PermissionUpdate {
    let is_coarse = draw.one_in(3);
    let patch = PermissionPatch {
        send_enabled: draw.change(),
        data: draw.change(),
        send_allowed: draw.one_in(3).then(|| allowed(draw, is_coarse)),
        send_is_coarse: is_coarse,
        presence: draw.change(),
        receive_any: (is_coarse && !draw.one_in(4)).then(|| draw.flag()),
        receive_base: (!is_coarse && draw.one_in(3)).then(|| rule(draw)),
        receive_by_participant: None,
        receive_by_connection: None,
        admin: draw.flag().then(|| admin_rights(draw)),
        update_own_metadata: draw.change(),
        subscribe_metrics: draw.change(),
        manage_agent_session: draw.change(),
        // A room of dependents alone ends soon, so that marks are rare.
        recorder: draw.one_in(6).then(|| draw.flag()),
        agent: draw.one_in(5).then(|| draw.flag()),
    };
    let receive_by_identity = (!is_coarse && draw.one_in(3)).then(|| {
        let rules = (0..draw.below(3)).map(|_| (any_identity(draw), rule(draw)));
        rules.collect()
    });
    let receive_by_connection = (!is_coarse && draw.one_in(3)).then(|| {
        let rules = (0..draw.below(3)).map(|_| (scene.connection(draw, |_| true), rule(draw)));
        rules.collect()
    });
    PermissionUpdate {
        patch,
        receive_by_identity,
        receive_by_connection,
    }
}

/// A change of name, metadata and attributes; none of them in one of eight cases.
pub(super) fn profile(draw: &mut Draw) -> ProfileUpdate {
    let name = draw.flag().then(|| text(draw));
    let metadata = draw.flag().then(|| text(draw));
    let attributes = (0..draw.below(3)).map(|_| {
        let key = format!("a{}", draw.below(3));
        let value = (!draw.one_in(3)).then(|| text(draw));
        (key, value)
    });
    ProfileUpdate {
        name,
        metadata,
        attributes: attributes.collect(),
    }
}

/// A change of any settings. Where the room lets nobody in, it mostly opens it again.
pub(super) fn settings(scene: &Scene<'_>, draw: &mut Draw) -> ConfigPatch {
    let opens = scene.is_shut() && !draw.one_in(4);
    let property = draw.one_in(4).then(|| {
        let key = format!("setting {}", draw.below(3));
        (key, draw.below(3).to_string())
    });
    let mut patch = ConfigPatch {
        max_participants: draw.one_in(3).then(|| draw.below(5)).map(u32::from),
        enable_remote_unmute: draw.change(),
        duplicate_identity: draw.one_in(3).then(|| duplicate_policy(draw)),
        empty_timeout_s: draw.one_in(4).then(|| u32::from(draw.number()) * 2),
        departure_timeout_s: draw.one_in(4).then(|| u32::from(draw.number())),
        not_before: draw.one_in(6).then(|| moment(scene, draw, [-20, 20, 60])),
        expires_at: draw.one_in(6).then(|| moment(scene, draw, [30, 120, -5])),
        eject_at_expiry: draw.change(),
        eject_after_s: draw
            .one_in(6)
            .then(|| draw.flag().then(|| 20 + u32::from(draw.below(100)))),
        disabled: draw.one_in(6).then(|| draw.flag()),
        default_permission: draw
            .one_in(6)
            .then(|| draw.flag().then(|| default_permission(scene, draw))),
        properties: property.into_iter().collect(),
    };
    if opens {
        patch.disabled = Some(false);
        patch.not_before = Some(None);
        patch.expires_at = Some(None);
    }
    patch
}

/// One of few texts, so that the same one is set again.
pub(super) fn text(draw: &mut Draw) -> String {
    format!("text {}", draw.below(4))
}

impl Scene<'_> {
    /// Whether the room's settings let nobody in.
    pub(super) fn is_shut(&self) -> bool {
        self.room.config().is_some_and(|config| {
            config.disabled
                || config.not_before.is_some_and(|at| at > self.now)
                || config.expires_at.is_some_and(|at| at <= self.now)
        })
    }
}

/// One of three moments, as seconds from now, or none.
fn moment(scene: &Scene<'_>, draw: &mut Draw, after_s: [i64; 3]) -> Option<Timestamp> {
    let after_s = draw.pick(&after_s).copied().unwrap_or_default();
    (!draw.one_in(4)).then(|| scene.at(after_s))
}

fn duplicate_policy(draw: &mut Draw) -> DuplicatePolicy {
    if draw.flag() {
        DuplicatePolicy::Allow
    } else {
        DuplicatePolicy::Replace
    }
}

/// What joins get by default: no rules about single others, since nobody is inside yet.
fn default_permission(scene: &Scene<'_>, draw: &mut Draw) -> Permission {
    update(scene, draw).patch.apply(&Permission::standard())
}

fn allowed(draw: &mut Draw, is_coarse: bool) -> Allowed {
    if draw.flag() {
        return Allowed::All;
    }
    let sources = (0..draw.below(4)).map(|_| source(draw));
    let sources = sources.map(|source| if is_coarse { source.coarse() } else { source });
    Allowed::Listed(sources.collect())
}

/// Any source.
pub(super) fn source(draw: &mut Draw) -> Source {
    draw.pick(&SOURCES).copied().unwrap_or(Source::Camera)
}

fn admin_rights(draw: &mut Draw) -> BTreeSet<AdminRight> {
    let bits = draw.below(8);
    let all = [
        AdminRight::Participants,
        AdminRight::Streaming,
        AdminRight::Transcription,
    ];
    let chosen = all.into_iter().zip([1, 2, 4]);
    let chosen = chosen.filter(|(_, bit)| bits & bit != 0);
    chosen.map(|(right, _)| right).collect()
}

fn rule(draw: &mut Draw) -> ReceiveRule {
    match draw.below(4) {
        0 => ReceiveRule::all(false),
        1 => ReceiveRule::all(true),
        _ => ReceiveRule {
            camera: draw.change(),
            microphone: draw.change(),
            custom_video: draw.change(),
            custom_audio_by_name: draw
                .one_in(2)
                .then(|| BTreeMap::from([(text(draw), draw.flag())])),
            custom_video_by_name: draw
                .one_in(3)
                .then(|| BTreeMap::from([(text(draw), draw.flag())])),
            ..ReceiveRule::all(draw.flag())
        },
    }
}
