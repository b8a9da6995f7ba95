//! The effective settings of a room or a session, in the words of our own API.
//!
//! Apart because events and state show them alike. Every value is said; nothing is a default here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::Timestamp;
use crate::domain::event::{DuplicatePolicy, RoomConfig};
use crate::replay::view::permission::PermissionView;
use crate::replay::view::resolve::Resolver;

/// Settings; see [`RoomConfig`] for what each does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(
    feature = "server",
    derive(schemars::JsonSchema),
    schemars(rename = "Config")
)]
pub struct ConfigView {
    /// Seconds until a session ends that nobody joined.
    pub empty_timeout_s: u32,
    /// Seconds until a session ends that the last one left.
    pub departure_timeout_s: u32,
    /// Seconds until a connection is closed that never became active.
    pub activation_timeout_s: u32,
    /// How many may be inside; 0 for no bound.
    pub max_participants: u32,
    /// Whether admins may unmute others.
    pub enable_remote_unmute: bool,
    /// One connection an identity, or several.
    pub duplicate_identity: DuplicatePolicy,
    /// No joins before.
    pub not_before: Option<Timestamp>,
    /// No joins from then on.
    pub expires_at: Option<Timestamp>,
    /// Whether everybody is closed then.
    pub eject_at_expiry: bool,
    /// Seconds after which every connection is closed.
    pub eject_after_s: Option<u32>,
    /// No joins at all.
    pub disabled: bool,
    /// What a join gets whose credential says nothing.
    pub default_permission: Option<PermissionView>,
    /// One dialect's own settings.
    pub properties: BTreeMap<String, String>,
}

impl ConfigView {
    pub(super) fn of(config: &RoomConfig, resolver: &Resolver<'_>) -> Self {
        let permission = config.default_permission.as_ref();
        Self {
            empty_timeout_s: config.empty_timeout_s,
            departure_timeout_s: config.departure_timeout_s,
            activation_timeout_s: config.activation_timeout_s,
            max_participants: config.max_participants,
            enable_remote_unmute: config.enable_remote_unmute,
            duplicate_identity: config.duplicate_identity,
            not_before: config.not_before,
            expires_at: config.expires_at,
            eject_at_expiry: config.eject_at_expiry,
            eject_after_s: config.eject_after_s,
            disabled: config.disabled,
            default_permission: permission
                .map(|permission| PermissionView::of(permission, resolver)),
            properties: config.properties.clone(),
        }
    }
}
