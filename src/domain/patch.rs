//! A change to a permission: field by field, as any vendor may ask for it.
//!
//! Apart because requests are kept beside results. Applying one never looks at anything but the
//! permission before; a whole replacement is a patch that says every field.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::id::{ConnectionNumber, ParticipantNumber};
use super::permission::{AdminRight, Allowed, Permission, Receive, ReceiveRule, Source};

/// What to change; an absent field stays.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionPatch {
    /// Seen by the others.
    pub presence: Option<bool>,
    /// Send at all.
    pub send_enabled: Option<bool>,
    /// Which sources.
    pub send_allowed: Option<Allowed>,
    /// Whether `send_allowed` comes from a view that cannot tell custom sources apart: where it
    /// equals that view's rendering of today's list, the finer list stays.
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
        set(&mut after.send.enabled, self.send_enabled);
        if let Some(allowed) = &self.send_allowed {
            let same_seen_coarsely =
                self.send_is_coarse && coarse(&before.send.allowed) == *allowed;
            if !same_seen_coarsely {
                after.send.allowed = allowed.clone();
            }
        }
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
}

fn coarse(allowed: &Allowed) -> Allowed {
    match allowed {
        Allowed::All => Allowed::All,
        Allowed::Listed(sources) => {
            Allowed::Listed(sources.iter().copied().map(Source::coarse).collect())
        }
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
