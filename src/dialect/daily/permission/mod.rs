//! Daily's view of a permission: what a request, a room or a token says of it, and what that means
//! to the domain. Apart from its two written forms; it never knows what anybody may do now.

mod form;
mod read;
mod render;

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::command::PermissionUpdate;
use crate::domain::{AdminRight, Allowed, Identity, PermissionPatch, ReceiveRule, Source};

pub(in crate::dialect::daily) use read::participant_id;
pub use read::{Wrong, parse_compact, parse_permissions, parse_permissions_at};
pub use render::{render_compact, render_long};

/// What is said of a permission; what is not said is absent.
///
/// Two writings that mean the same are equal here: a list of all is `true`, an empty one `false`,
/// and a rule that names no custom track is that of all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DailyPermissions {
    /// `hasPresence`: seen by the others.
    pub has_presence: Option<bool>,
    /// `canSend`: some of [`MEDIA`].
    pub can_send: Option<BTreeSet<Source>>,
    /// `canReceive`; nothing in it says nothing.
    pub can_receive: CanReceive,
    /// `canAdmin`.
    pub can_admin: Option<BTreeSet<AdminRight>>,
}

/// What is said of receiving: each part is whole, or absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CanReceive {
    /// `base`: of everybody, and of every medium.
    pub base: Option<ReceiveRule>,
    /// `byUserId`: of a person.
    pub by_user_id: Option<BTreeMap<Identity, ReceiveRule>>,
    /// `byParticipantId`: of a connection, by any of its ids.
    pub by_participant_id: Option<BTreeMap<String, ReceiveRule>>,
}

impl DailyPermissions {
    /// Everything, as an owner has it.
    pub fn everything() -> Self {
        Self {
            has_presence: Some(true),
            can_send: Some(MEDIA.into()),
            can_receive: CanReceive {
                base: Some(ReceiveRule::all(true)),
                ..CanReceive::default()
            },
            can_admin: Some(ADMIN.into()),
        }
    }

    /// Whether nothing is said at all.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Of each property what is said here, else what is said `below`: a token's over a room's over
    /// a domain's (Daily's own words: each property by itself).
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        let can_receive = if self.can_receive == CanReceive::default() {
            below.can_receive
        } else {
            self.can_receive
        };
        Self {
            has_presence: self.has_presence.or(below.has_presence),
            can_send: self.can_send.or(below.can_send),
            can_receive,
            can_admin: self.can_admin.or(below.can_admin),
        }
    }

    /// As a change of the fields that are given. The right to send data is none of Daily's.
    pub fn update(&self) -> PermissionUpdate {
        let send = self.can_send.as_ref();
        PermissionUpdate {
            patch: PermissionPatch {
                presence: self.has_presence,
                send_enabled: send.map(|media| !media.is_empty()),
                send_allowed: send.map(allowed),
                receive_base: self.can_receive.base.clone(),
                admin: self.can_admin.clone(),
                ..PermissionPatch::default()
            },
            receive_by_identity: self.can_receive.by_user_id.clone(),
            receive_by_connection: self.can_receive.by_participant_id.clone(),
        }
    }
}

/// The same rule in the one way it is kept: a map that names no custom track is none. Doing it
/// again changes nothing.
#[must_use]
pub fn normalised(mut rule: ReceiveRule) -> ReceiveRule {
    let named = |names: &BTreeMap<String, bool>| !names.is_empty();
    rule.custom_video_by_name = rule.custom_video_by_name.filter(named);
    rule.custom_audio_by_name = rule.custom_audio_by_name.filter(named);
    rule
}

/// `true` and `false` replace whatever list there was: neither leaves one behind.
fn allowed(media: &BTreeSet<Source>) -> Allowed {
    if media.is_empty() || media.len() == MEDIA.len() {
        return Allowed::All;
    }
    let listed = MEDIA.into_iter().filter(|source| media.contains(source));
    Allowed::Listed(listed.collect())
}

/// Daily's media types, in its order.
pub const MEDIA: [Source; 6] = [
    Source::Camera,
    Source::Microphone,
    Source::ScreenShare,
    Source::ScreenShareAudio,
    Source::CustomVideo,
    Source::CustomAudio,
];

/// Daily's admin tasks, in its order.
pub const ADMIN: [AdminRight; 3] = [
    AdminRight::Participants,
    AdminRight::Streaming,
    AdminRight::Transcription,
];
