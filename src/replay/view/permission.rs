//! A permission as our own API writes and reads it, whole and as a change.
//!
//! Apart because it is a contract in both directions. It names people and connections by their
//! outside names and never decides what a change comes to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Error as _, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::command::PermissionUpdate;
use crate::domain::{
    AdminRight, Allowed, Identity, NameError, Permission, PermissionPatch, ReceiveRule, Source,
};
use crate::replay::view::resolve::Resolver;

/// All that one connection may do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Permission")
)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the contract has each of these rights"
)]
pub struct PermissionView {
    /// Seen by the others; off means hidden.
    pub presence: bool,
    /// Publish tracks.
    pub send: SendView,
    /// Send data messages.
    pub data: bool,
    /// Receive tracks.
    pub receive: ReceiveView,
    /// Administer the room from inside.
    pub admin: BTreeSet<AdminRight>,
    /// Change the own name, metadata and attributes.
    pub update_own_metadata: bool,
    /// Subscribe to metrics.
    pub subscribe_metrics: bool,
    /// Manage agent sessions.
    pub manage_agent_session: bool,
    /// Marked as a recorder.
    pub recorder: bool,
    /// Marked as an agent.
    pub agent: bool,
}

/// The right to send media.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Send")
)]
pub struct SendView {
    /// Off beats every list.
    pub enabled: bool,
    /// Which sources, where it is on.
    pub allowed: AllowedView,
}

/// `"all"`, or a list of sources as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedView {
    /// Every source.
    All,
    /// These.
    Listed(Vec<Source>),
}

/// What may be received, from whom; the more particular rule first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Receive")
)]
pub struct ReceiveView {
    /// Of everybody.
    pub base: ReceiveRuleView,
    /// By identity.
    pub by_participant: BTreeMap<String, ReceiveRuleView>,
    /// By connection.
    pub by_connection: BTreeMap<String, ReceiveRuleView>,
}

/// What may be received of one sender; what is absent falls through to the next wider rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "ReceiveRule")
)]
#[serde(deny_unknown_fields)]
pub struct ReceiveRuleView {
    /// The camera.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub camera: Option<bool>,
    /// The microphone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub microphone: Option<bool>,
    /// The shared screen's picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen_share: Option<bool>,
    /// The shared screen's sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub screen_share_audio: Option<bool>,
    /// Custom video tracks not named below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_video: Option<bool>,
    /// Custom audio tracks not named below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_audio: Option<bool>,
    /// Custom video tracks by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_video_by_name: Option<BTreeMap<String, bool>>,
    /// Custom audio tracks by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_audio_by_name: Option<BTreeMap<String, bool>>,
}

/// A change to a permission; what is absent stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "PermissionPatch")
)]
#[serde(default, deny_unknown_fields)]
pub struct PermissionPatchView {
    /// See [`PermissionView`], for this and all below.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence: Option<bool>,
    /// Publish tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send: Option<SendPatchView>,
    /// Send data messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<bool>,
    /// Receive tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receive: Option<ReceivePatchView>,
    /// Administer: the whole set.
    #[serde(skip_serializing_if = "Option::is_none")]
    // What is said twice is taken once.
    #[cfg_attr(feature = "server", schemars(with = "Option<Vec<AdminRight>>"))]
    pub admin: Option<BTreeSet<AdminRight>>,
    /// Change the own profile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub update_own_metadata: Option<bool>,
    /// Subscribe to metrics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subscribe_metrics: Option<bool>,
    /// Manage agent sessions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manage_agent_session: Option<bool>,
    /// The recorder mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorder: Option<bool>,
    /// The agent mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<bool>,
}

/// A change to the right to send.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "SendPatch")
)]
#[serde(default, deny_unknown_fields)]
pub struct SendPatchView {
    /// On or off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Which sources: the whole list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<AllowedView>,
}

/// A change to what may be received.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "ReceivePatch")
)]
#[serde(default, deny_unknown_fields)]
pub struct ReceivePatchView {
    /// Shown where a vendor's view knows only "anything" or "nothing"; cannot be asked for here.
    #[serde(skip_serializing_if = "Option::is_none", skip_deserializing)]
    pub any: Option<bool>,
    /// Of everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<ReceiveRuleView>,
    /// By identity: the whole map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_participant: Option<BTreeMap<String, ReceiveRuleView>>,
    /// By connection: the whole map.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by_connection: Option<BTreeMap<String, ReceiveRuleView>>,
}

impl PermissionView {
    pub(in crate::replay) fn of(permission: &Permission, resolver: &Resolver<'_>) -> Self {
        let receive = &permission.receive;
        Self {
            presence: permission.presence,
            send: SendView {
                enabled: permission.send.enabled,
                allowed: AllowedView::from(&permission.send.allowed),
            },
            data: permission.data,
            receive: ReceiveView {
                base: ReceiveRuleView::from(&receive.base),
                by_participant: keyed(&receive.by_participant, |number| resolver.identity(number)),
                by_connection: keyed(&receive.by_connection, |number| {
                    resolver.connection_id(number)
                }),
            },
            admin: permission.admin.clone(),
            update_own_metadata: permission.update_own_metadata,
            subscribe_metrics: permission.subscribe_metrics,
            manage_agent_session: permission.manage_agent_session,
            recorder: permission.recorder,
            agent: permission.agent,
        }
    }
}

impl PermissionPatchView {
    pub(in crate::replay) fn of(patch: &PermissionPatch, resolver: &Resolver<'_>) -> Self {
        let send = SendPatchView {
            enabled: patch.send_enabled,
            allowed: patch.send_allowed.as_ref().map(AllowedView::from),
        };
        let by_participant = patch.receive_by_participant.as_ref();
        let by_connection = patch.receive_by_connection.as_ref();
        let receive = ReceivePatchView {
            any: patch.receive_any,
            base: patch.receive_base.as_ref().map(ReceiveRuleView::from),
            by_participant: by_participant
                .map(|rules| keyed(rules, |number| resolver.identity(number))),
            by_connection: by_connection
                .map(|rules| keyed(rules, |number| resolver.connection_id(number))),
        };
        Self {
            presence: patch.presence,
            send: Some(send).filter(|send| *send != SendPatchView::default()),
            data: patch.data,
            receive: Some(receive).filter(|receive| *receive != ReceivePatchView::default()),
            admin: patch.admin.clone(),
            update_own_metadata: patch.update_own_metadata,
            subscribe_metrics: patch.subscribe_metrics,
            manage_agent_session: patch.manage_agent_session,
            recorder: patch.recorder,
            agent: patch.agent,
        }
    }

    /// The change as a command takes it.
    ///
    /// # Errors
    /// [`NameError`] of a key of `by_participant` that is no identity.
    pub fn to_update(&self) -> Result<PermissionUpdate, NameError> {
        let send = self.send.clone().unwrap_or_default();
        let receive = self.receive.clone().unwrap_or_default();
        let receive_by_identity = receive.by_participant.map(|rules| {
            let rules = rules.iter();
            rules
                .map(|(identity, rule)| Ok((Identity::new(identity)?, ReceiveRule::from(rule))))
                .collect::<Result<BTreeMap<_, _>, NameError>>()
        });
        let receive_by_connection = receive.by_connection.map(|rules| {
            let rules = rules.iter();
            rules
                .map(|(id, rule)| (id.clone(), ReceiveRule::from(rule)))
                .collect()
        });
        Ok(PermissionUpdate {
            patch: PermissionPatch {
                presence: self.presence,
                send_enabled: send.enabled,
                send_allowed: send.allowed.map(Allowed::from),
                send_is_coarse: false,
                data: self.data,
                receive_any: None,
                receive_base: receive.base.as_ref().map(ReceiveRule::from),
                receive_by_participant: None,
                receive_by_connection: None,
                admin: self.admin.clone(),
                update_own_metadata: self.update_own_metadata,
                subscribe_metrics: self.subscribe_metrics,
                manage_agent_session: self.manage_agent_session,
                recorder: self.recorder,
                agent: self.agent,
            },
            receive_by_identity: receive_by_identity.transpose()?,
            receive_by_connection,
        })
    }
}

impl From<&Allowed> for AllowedView {
    fn from(allowed: &Allowed) -> Self {
        match allowed {
            Allowed::All => Self::All,
            Allowed::Listed(sources) => Self::Listed(sources.clone()),
        }
    }
}

impl From<AllowedView> for Allowed {
    fn from(allowed: AllowedView) -> Self {
        match allowed {
            AllowedView::All => Self::All,
            AllowedView::Listed(sources) => Self::Listed(sources),
        }
    }
}

impl From<&ReceiveRule> for ReceiveRuleView {
    fn from(rule: &ReceiveRule) -> Self {
        Self {
            camera: rule.camera,
            microphone: rule.microphone,
            screen_share: rule.screen_share,
            screen_share_audio: rule.screen_share_audio,
            custom_video: rule.custom_video,
            custom_audio: rule.custom_audio,
            custom_video_by_name: rule.custom_video_by_name.clone(),
            custom_audio_by_name: rule.custom_audio_by_name.clone(),
        }
    }
}

impl From<&ReceiveRuleView> for ReceiveRule {
    fn from(rule: &ReceiveRuleView) -> Self {
        Self {
            camera: rule.camera,
            microphone: rule.microphone,
            screen_share: rule.screen_share,
            screen_share_audio: rule.screen_share_audio,
            custom_video: rule.custom_video,
            custom_audio: rule.custom_audio,
            custom_video_by_name: rule.custom_video_by_name.clone(),
            custom_audio_by_name: rule.custom_audio_by_name.clone(),
        }
    }
}

impl Serialize for AllowedView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::All => serializer.serialize_str(ALL),
            Self::Listed(sources) => sources.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for AllowedView {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AllowedVisitor)
    }
}

/// By hand, since serde's choice between forms says nothing of what was wrong.
struct AllowedVisitor;

impl<'de> Visitor<'de> for AllowedVisitor {
    type Value = AllowedView;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("\"all\" or an array of sources")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<AllowedView, E> {
        if text == ALL {
            Ok(AllowedView::All)
        } else {
            Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, sources: A) -> Result<AllowedView, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(sources))
            .map(AllowedView::Listed)
            .map_err(A::Error::custom)
    }
}

fn keyed<N: Copy + Ord>(
    rules: &BTreeMap<N, ReceiveRule>,
    name: impl Fn(N) -> String,
) -> BTreeMap<String, ReceiveRuleView> {
    let rules = rules.iter();
    rules
        .map(|(number, rule)| (name(*number), ReceiveRuleView::from(rule)))
        .collect()
}

const ALL: &str = "all";
