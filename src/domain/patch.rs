//! A change to a permission: field by field, as any vendor may ask for it.
//!
//! Apart because requests are kept beside results. Applying one never looks at anything but the
//! permission before; a whole replacement is a patch that says every field.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::id::{ConnectionNumber, ParticipantNumber};
use super::permission::{AdminRight, Allowed, Permission, Receive, ReceiveRule, Send};

/// Every field of a change that is given or not, with its name in the API.
macro_rules! fields {
    ($act:ident) => {
        $act! {
            presence "presence",
            send_enabled "send.enabled",
            send_allowed "send.allowed",
            data "data",
            receive_any "receive",
            receive_base "receive.base",
            receive_by_participant "receive.by_participant",
            receive_by_connection "receive.by_connection",
            admin "admin",
            update_own_metadata "update_own_metadata",
            subscribe_metrics "subscribe_metrics",
            manage_agent_session "manage_agent_session",
            recorder "recorder",
            agent "agent",
        }
    };
}

/// What to change; an absent field stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionPatch {
    /// Seen by the others.
    pub presence: Option<bool>,
    /// Send at all.
    pub send_enabled: Option<bool>,
    /// Which sources.
    pub send_allowed: Option<Allowed>,
    /// Whether the right to send comes from a view that knows no custom sources and no empty list:
    /// what equals that view's rendering of today's right leaves the finer value alone.
    pub send_is_coarse: bool,
    /// Send data.
    pub data: Option<bool>,
    /// Receive anything at all, from a view that knows no finer rules: where it equals today's
    /// rendering the rules stay, else the base becomes all or nothing and both maps go.
    pub receive_any: Option<bool>,
    /// Of everybody.
    pub receive_base: Option<ReceiveRule>,
    /// By person: the whole map.
    pub receive_by_participant: Option<BTreeMap<ParticipantNumber, ReceiveRule>>,
    /// By connection: the whole map.
    pub receive_by_connection: Option<BTreeMap<ConnectionNumber, ReceiveRule>>,
    /// Administer: the whole set.
    pub admin: Option<BTreeSet<AdminRight>>,
    /// Change the own profile.
    pub update_own_metadata: Option<bool>,
    /// Subscribe to metrics.
    pub subscribe_metrics: Option<bool>,
    /// Manage agent sessions.
    pub manage_agent_session: Option<bool>,
    /// The recorder mark.
    pub recorder: Option<bool>,
    /// The agent mark.
    pub agent: Option<bool>,
}

impl PermissionPatch {
    /// Says every field as `permission` has it: a whole replacement.
    pub fn replacing(permission: Permission) -> Self {
        Self {
            presence: Some(permission.presence),
            send_enabled: Some(permission.send.enabled),
            send_allowed: Some(permission.send.allowed),
            send_is_coarse: false,
            data: Some(permission.data),
            receive_any: None,
            receive_base: Some(permission.receive.base),
            receive_by_participant: Some(permission.receive.by_participant),
            receive_by_connection: Some(permission.receive.by_connection),
            admin: Some(permission.admin),
            update_own_metadata: Some(permission.update_own_metadata),
            subscribe_metrics: Some(permission.subscribe_metrics),
            manage_agent_session: Some(permission.manage_agent_session),
            recorder: Some(permission.recorder),
            agent: Some(permission.agent),
        }
    }

    /// `before` with this change.
    pub fn apply(&self, before: &Permission) -> Permission {
        let mut after = before.clone();
        set(&mut after.presence, self.presence);
        after.send = self.send(&before.send);
        set(&mut after.data, self.data);
        if let Some(any) = self.receive_any
            && any != before.receive.any()
        {
            after.receive = Receive::all(any);
        }
        set_whole(&mut after.receive.base, self.receive_base.as_ref());
        set_whole(
            &mut after.receive.by_participant,
            self.receive_by_participant.as_ref(),
        );
        set_whole(
            &mut after.receive.by_connection,
            self.receive_by_connection.as_ref(),
        );
        set_whole(&mut after.admin, self.admin.as_ref());
        set(&mut after.update_own_metadata, self.update_own_metadata);
        set(&mut after.subscribe_metrics, self.subscribe_metrics);
        set(&mut after.manage_agent_session, self.manage_agent_session);
        set(&mut after.recorder, self.recorder);
        set(&mut after.agent, self.agent);
        after
    }

    /// This change, and in each field that `narrower` gives, what `narrower` says.
    #[must_use]
    pub fn overridden_by(mut self, narrower: &Self) -> Self {
        if narrower.receive_any.is_some() {
            // It is said of the whole right to receive, rules about single senders included.
            self.receive_base = None;
            self.receive_by_participant = None;
            self.receive_by_connection = None;
        }
        if narrower.send_allowed.is_some() || narrower.send_enabled.is_some() {
            self.send_is_coarse = narrower.send_is_coarse;
        }
        macro_rules! take {
            ($($field:ident $name:literal,)*) => {
                $(if narrower.$field.is_some() {
                    self.$field.clone_from(&narrower.$field);
                })*
            };
        }
        fields!(take);
        self
    }

    /// The first field for which both changes give different values, by its name in the API.
    pub fn conflict(&self, other: &Self) -> Option<&'static str> {
        macro_rules! compare {
            ($($field:ident $name:literal,)*) => {
                $(if self.$field.is_some()
                    && other.$field.is_some()
                    && self.$field != other.$field
                {
                    return Some($name);
                })*
            };
        }
        fields!(compare);
        None
    }

    fn send(&self, before: &Send) -> Send {
        let mut after = before.clone();
        set(&mut after.enabled, self.send_enabled);
        set_whole(&mut after.allowed, self.send_allowed.as_ref());
        if !self.send_is_coarse {
            return after;
        }
        let shown = before.coarse();
        if self.send_allowed.as_ref() == Some(&shown.allowed) {
            after.allowed.clone_from(&before.allowed);
        }
        if self.send_enabled == Some(shown.enabled) && after.allowed == before.allowed {
            after.enabled = before.enabled;
        }
        if self.send_enabled == Some(true) && after.allowed.is_nothing() {
            // To such a view an empty list means every source, and sending was just turned on.
            after.allowed = Allowed::All;
        }
        after
    }
}

fn set(field: &mut bool, value: Option<bool>) {
    *field = value.unwrap_or(*field);
}

fn set_whole<T: Clone>(field: &mut T, value: Option<&T>) {
    if let Some(value) = value {
        field.clone_from(value);
    }
}
