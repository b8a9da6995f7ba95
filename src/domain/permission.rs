//! What a connection may do: the union of the three vendors' models, stored normalised.
//!
//! Apart because every dialect reads and writes it through a view of its own. It never expands
//! `*` and never knows who asks.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::id::{ConnectionNumber, ParticipantNumber};
use super::limits::IDENTITY_BYTES_MAX;

/// Where a track comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A camera.
    Camera,
    /// A microphone.
    Microphone,
    /// A shared screen's picture.
    ScreenShare,
    /// A shared screen's sound.
    ScreenShareAudio,
    /// Any other sound.
    CustomAudio,
    /// Any other picture.
    CustomVideo,
    /// Not told: as a right it stands for both custom sources.
    Unknown,
}

/// Which sources may be sent.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Allowed {
    /// Every source.
    All,
    /// These, in the order and with the duplicates they were written with.
    Listed(Vec<Source>),
}

/// The right to send media.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Send {
    /// Off beats every list.
    pub enabled: bool,
    /// Which sources, where it is on.
    pub allowed: Allowed,
}

impl Send {
    /// Whether a track of `source` may be published.
    pub fn allows(&self, source: Source) -> bool {
        self.enabled
            && match &self.allowed {
                Allowed::All => true,
                Allowed::Listed(sources) => sources
                    .iter()
                    .any(|listed| *listed == source || listed.covers(source)),
            }
    }
}

impl Send {
    /// The right as a view shows it that has no custom sources and no word for an empty list: an
    /// empty list is shown as off, with every source.
    #[must_use]
    pub fn coarse(&self) -> Self {
        Self {
            enabled: self.enabled && !self.allowed.is_nothing(),
            allowed: match &self.allowed {
                Allowed::Listed(sources) if !sources.is_empty() => {
                    Allowed::Listed(sources.iter().copied().map(Source::coarse).collect())
                }
                Allowed::All | Allowed::Listed(_) => Allowed::All,
            },
        }
    }
}

impl Allowed {
    /// Whether it is the empty list.
    pub fn is_nothing(&self) -> bool {
        matches!(self, Self::Listed(sources) if sources.is_empty())
    }
}

impl Source {
    /// The name in the log and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Camera => "camera",
            Self::Microphone => "microphone",
            Self::ScreenShare => "screen_share",
            Self::ScreenShareAudio => "screen_share_audio",
            Self::CustomAudio => "custom_audio",
            Self::CustomVideo => "custom_video",
            Self::Unknown => "unknown",
        }
    }

    /// `Unknown` and the two custom sources stand for each other: the one vendor that has no
    /// custom sources reports such tracks as unknown.
    fn covers(self, other: Self) -> bool {
        let custom = [Self::CustomAudio, Self::CustomVideo];
        self == Self::Unknown && custom.contains(&other)
            || other == Self::Unknown && custom.contains(&self)
    }

    /// The source as a view without custom sources shows it.
    #[must_use]
    pub fn coarse(self) -> Self {
        match self {
            Self::CustomAudio | Self::CustomVideo => Self::Unknown,
            Self::Camera
            | Self::Microphone
            | Self::ScreenShare
            | Self::ScreenShareAudio
            | Self::Unknown => self,
        }
    }
}

impl ReceiveRule {
    /// About how many bytes it takes as it is shown, at most.
    pub fn weight(&self) -> usize {
        let names = [&self.custom_video_by_name, &self.custom_audio_by_name];
        let names = names.into_iter().flatten().flat_map(BTreeMap::keys);
        let names: usize = names.map(|name| name.len() + NAME_BYTES).sum();
        RULE_BYTES + names
    }
}

/// What may be received of one sender; an absent field falls through to the next wider rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ReceiveRule {
    /// The camera.
    pub camera: Option<bool>,
    /// The microphone.
    pub microphone: Option<bool>,
    /// The shared screen's picture.
    pub screen_share: Option<bool>,
    /// The shared screen's sound.
    pub screen_share_audio: Option<bool>,
    /// Custom video tracks not named below.
    pub custom_video: Option<bool>,
    /// Custom audio tracks not named below.
    pub custom_audio: Option<bool>,
    /// Custom video tracks by name.
    pub custom_video_by_name: Option<BTreeMap<String, bool>>,
    /// Custom audio tracks by name.
    pub custom_audio_by_name: Option<BTreeMap<String, bool>>,
}

impl ReceiveRule {
    /// Everything, or nothing, of a sender.
    pub const fn all(allowed: bool) -> Self {
        Self {
            camera: Some(allowed),
            microphone: Some(allowed),
            screen_share: Some(allowed),
            screen_share_audio: Some(allowed),
            custom_video: Some(allowed),
            custom_audio: Some(allowed),
            custom_video_by_name: None,
            custom_audio_by_name: None,
        }
    }

    /// Both rules in one.
    ///
    /// # Errors
    /// [`Differ`] where they give one medium different values.
    pub fn union(self, other: Self) -> Result<Self, Differ> {
        Ok(Self {
            camera: same(self.camera, other.camera)?,
            microphone: same(self.microphone, other.microphone)?,
            screen_share: same(self.screen_share, other.screen_share)?,
            screen_share_audio: same(self.screen_share_audio, other.screen_share_audio)?,
            custom_video: same(self.custom_video, other.custom_video)?,
            custom_audio: same(self.custom_audio, other.custom_audio)?,
            custom_video_by_name: names(self.custom_video_by_name, other.custom_video_by_name)?,
            custom_audio_by_name: names(self.custom_audio_by_name, other.custom_audio_by_name)?,
        })
    }

    /// What the rule forbids, without what it allows.
    #[must_use]
    pub fn prohibitions(&self) -> Self {
        let forbidden = |field: Option<bool>| field.filter(|allowed| !allowed);
        let named = |names: &Names| {
            let names = names.iter().flatten().filter(|(_, allowed)| !**allowed);
            let names: BTreeMap<String, bool> = names
                .map(|(name, allowed)| (name.clone(), *allowed))
                .collect();
            Some(names).filter(|names| !names.is_empty())
        };
        Self {
            camera: forbidden(self.camera),
            microphone: forbidden(self.microphone),
            screen_share: forbidden(self.screen_share),
            screen_share_audio: forbidden(self.screen_share_audio),
            custom_video: forbidden(self.custom_video),
            custom_audio: forbidden(self.custom_audio),
            custom_video_by_name: named(&self.custom_video_by_name),
            custom_audio_by_name: named(&self.custom_audio_by_name),
        }
    }

    /// This rule below a more particular one: what that says of a medium holds.
    #[must_use]
    pub fn overridden_by(self, other: Self) -> Self {
        let names = |own: Names, all: Option<bool>, other: Names| match (own, other) {
            (Some(own), Some(other)) if all.is_none() => {
                Some(own.into_iter().chain(other).collect())
            }
            (own, other) => other.or_else(|| own.filter(|_| all.is_none())),
        };
        Self {
            camera: other.camera.or(self.camera),
            microphone: other.microphone.or(self.microphone),
            screen_share: other.screen_share.or(self.screen_share),
            screen_share_audio: other.screen_share_audio.or(self.screen_share_audio),
            custom_video_by_name: names(
                self.custom_video_by_name,
                other.custom_video,
                other.custom_video_by_name,
            ),
            custom_audio_by_name: names(
                self.custom_audio_by_name,
                other.custom_audio,
                other.custom_audio_by_name,
            ),
            custom_video: other.custom_video.or(self.custom_video),
            custom_audio: other.custom_audio.or(self.custom_audio),
        }
    }

    /// Whether the rule lets anything through.
    pub fn any(&self) -> bool {
        let named = |names: &Option<BTreeMap<String, bool>>| {
            names
                .as_ref()
                .is_some_and(|names| names.values().any(|allowed| *allowed))
        };
        [
            self.camera,
            self.microphone,
            self.screen_share,
            self.screen_share_audio,
            self.custom_video,
            self.custom_audio,
        ]
        .contains(&Some(true))
            || named(&self.custom_video_by_name)
            || named(&self.custom_audio_by_name)
    }
}

/// What may be received, from whom: `by_connection` over `by_participant` over `base`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Receive {
    /// Of everybody.
    pub base: ReceiveRule,
    /// Of one person, whatever the connection.
    pub by_participant: BTreeMap<ParticipantNumber, ReceiveRule>,
    /// Of one connection.
    pub by_connection: BTreeMap<ConnectionNumber, ReceiveRule>,
}

impl Receive {
    /// Everything of everybody, or nothing of anybody.
    pub fn all(allowed: bool) -> Self {
        Self {
            base: ReceiveRule::all(allowed),
            ..Self::default()
        }
    }

    /// Whether anything at all can be received.
    pub fn any(&self) -> bool {
        self.base.any()
            || self.by_participant.values().any(ReceiveRule::any)
            || self.by_connection.values().any(ReceiveRule::any)
    }
}

/// A kind of administration that a participant may do from inside the room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AdminRight {
    /// Remove, mute and change the permissions of others.
    Participants,
    /// Start and stop streams and recordings.
    Streaming,
    /// Start and stop transcription.
    Transcription,
}

/// All that one connection may do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a right of its own, as the vendors have"
)]
pub struct Permission {
    /// Seen by the others; off means hidden.
    pub presence: bool,
    /// Publish tracks.
    pub send: Send,
    /// Send data messages.
    pub data: bool,
    /// Receive tracks.
    pub receive: Receive,
    /// Administer the room from inside.
    pub admin: BTreeSet<AdminRight>,
    /// Change the own name, metadata and attributes.
    pub update_own_metadata: bool,
    /// Subscribe to metrics.
    pub subscribe_metrics: bool,
    /// Manage agent sessions.
    pub manage_agent_session: bool,
    /// Marked as a recorder: dependent.
    pub recorder: bool,
    /// Marked as an agent: dependent.
    pub agent: bool,
}

impl Permission {
    /// What somebody may do when nothing else was said: be seen, send, receive and send data
    /// (LiveKit's defaults of an empty grant).
    pub fn standard() -> Self {
        Self {
            send: Send {
                enabled: true,
                allowed: Allowed::All,
            },
            data: true,
            receive: Receive::all(true),
            ..Self::none()
        }
    }

    /// Nothing at all, but being seen.
    pub fn none() -> Self {
        Self {
            presence: true,
            send: Send {
                enabled: false,
                allowed: Allowed::All,
            },
            data: false,
            receive: Receive::all(false),
            admin: BTreeSet::new(),
            update_own_metadata: false,
            subscribe_metrics: false,
            manage_agent_session: false,
            recorder: false,
            agent: false,
        }
    }

    /// About how many bytes it takes as it is shown, at most.
    pub fn weight(&self) -> usize {
        let receive = &self.receive;
        let rules = receive.by_participant.values();
        let rules = rules.chain(receive.by_connection.values());
        let rules = rules.chain([&receive.base]).map(ReceiveRule::weight);
        PERMISSION_BYTES + rules.sum::<usize>()
    }
}

type Names = Option<BTreeMap<String, bool>>;

/// What either gives; `Err` where both give different values.
fn same(one: Option<bool>, other: Option<bool>) -> Result<Option<bool>, Differ> {
    if one.is_some() && other.is_some() && one != other {
        return Err(Differ);
    }
    Ok(one.or(other))
}

fn names(one: Names, other: Names) -> Result<Names, Differ> {
    let (mut one, other) = match (one, other) {
        (Some(one), Some(other)) => (one, other),
        (one, other) => return Ok(one.or(other)),
    };
    for (name, allowed) in other {
        if *one.entry(name).or_insert(allowed) != allowed {
            return Err(Differ);
        }
    }
    Ok(Some(one))
}

/// Two rules give one medium different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the two rules give one medium different values")]
pub struct Differ;

/// A permission as it is shown, without its rules.
const PERMISSION_BYTES: usize = 512;
/// A rule as it is shown, without the names in it, and the identity or id that it is about.
const RULE_BYTES: usize = 128 + IDENTITY_BYTES_MAX;
/// What stands around a name in a rule.
const NAME_BYTES: usize = 8;
