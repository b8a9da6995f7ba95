//! Rules for what people may do. Apart because they alone expand `*`, group equal transitions and
//! take tracks away; the event holds results only.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::draft::Draft;
use super::limits;
use super::target::text_of;
use crate::domain::command::{PermissionUpdate, Target, UpdatePermissions};
use crate::domain::event::{PermissionGroup, PermissionsChanged, UpdateMode, Who};
use crate::domain::id::ConnectionNumber;
use crate::domain::limits::TARGETS_MAX;
use crate::domain::patch::PermissionPatch;
use crate::domain::permission::Permission;
use crate::domain::personal::Personal;
use crate::domain::rejection::Rejection;
use crate::domain::state::Connection;

/// One target of an update, resolved.
struct Aimed {
    who: Who,
    patch: PermissionPatch,
}

impl Draft<'_> {
    pub(super) fn update_permissions(&mut self, it: &UpdatePermissions) -> Result<(), Rejection> {
        self.require_session()?;
        limits::count("targets", it.targets.len(), TARGETS_MAX)?;
        let mut aimed = Vec::new();
        let mut unknown = Vec::new();
        let named = self.named(&it.targets);
        for (target, update) in &it.targets {
            match self.resolve(target) {
                Ok(mut found) => {
                    if *target == Target::Everyone {
                        found.retain(|connection| !named.contains(&connection.number));
                    }
                    let who = self.who(target, &found);
                    aimed.push(Aimed {
                        who,
                        patch: resolve_update(self, update),
                    });
                }
                Err(rejection) if it.refuse_unknown => return Err(rejection),
                Err(_) => unknown.push(Personal::new(text_of(target))),
            }
        }
        if !self.change_permissions(it.mode, aimed, unknown) {
            self.no_effect(None, "the permissions were so already");
        }
        Ok(())
    }

    /// Changes the permission of one target; `false` when nothing changed.
    pub(super) fn change_permission(&mut self, who: Who, update: &PermissionUpdate) -> bool {
        let patch = resolve_update(self, update);
        // Whole replacements say every field, so that applying them as patches is the same.
        self.change_permissions(UpdateMode::Patch, vec![Aimed { who, patch }], Vec::new())
    }

    /// The connections that keys of their own name: `*` leaves them alone.
    fn named(&self, targets: &BTreeMap<Target, PermissionUpdate>) -> BTreeSet<ConnectionNumber> {
        let keys = targets.keys().filter(|target| **target != Target::Everyone);
        let found = keys
            .filter_map(|target| self.resolve(target).ok())
            .flatten();
        found.map(|connection| connection.number).collect()
    }

    fn change_permissions(
        &mut self,
        mode: UpdateMode,
        aimed: Vec<Aimed>,
        unknown_targets: Vec<Personal<String>>,
    ) -> bool {
        let groups = self.groups(mode, &aimed);
        if groups.is_empty() && unknown_targets.is_empty() {
            return false;
        }
        let touched: Vec<ConnectionNumber> = groups
            .iter()
            .flat_map(|group| group.connections.iter())
            .collect();
        let (who, request) = aimed.into_iter().map(|aim| (aim.who, aim.patch)).unzip();
        let changed = self.push(PermissionsChanged {
            who,
            mode,
            request,
            groups,
            unknown_targets,
        });
        for number in touched {
            self.unpublish_lost(number, changed);
        }
        true
    }

    /// Connections whose permission really changes, those that change alike together.
    fn groups(&self, mode: UpdateMode, aimed: &[Aimed]) -> Vec<PermissionGroup> {
        let mut planned: BTreeMap<ConnectionNumber, (&Connection, Permission)> = BTreeMap::new();
        for aim in aimed {
            for number in aim.who.connections.iter() {
                let Some(connection) = self.room.connection(number) else {
                    continue;
                };
                let after = match mode {
                    UpdateMode::Patch => aim.patch.apply(&connection.permission),
                    UpdateMode::Replace => aim.patch.apply(&Permission::none()),
                };
                planned.insert(number, (connection, after));
            }
        }
        let mut alike: BTreeMap<(&Permission, Permission), Vec<ConnectionNumber>> = BTreeMap::new();
        for (number, (connection, after)) in planned {
            if *connection.permission != after {
                alike
                    .entry((&connection.permission, after))
                    .or_default()
                    .push(number);
            }
        }
        let mut groups: Vec<PermissionGroup> = alike
            .into_iter()
            .map(|((before, after), numbers)| PermissionGroup {
                before: Arc::new(before.clone()),
                after: Arc::new(after),
                connections: numbers.into_iter().collect(),
            })
            .collect();
        groups.sort_by_key(|group| group.connections.pairs().first().copied());
        groups
    }
}

/// Identities and ids of an update as numbers; who was never mentioned is registered.
/// Connections that the room does not know can receive no rule and are left out.
pub(super) fn resolve_update(draft: &mut Draft<'_>, update: &PermissionUpdate) -> PermissionPatch {
    let mut patch = update.patch.clone();
    if let Some(rules) = &update.receive_by_identity {
        let by_number = rules
            .iter()
            .map(|(identity, rule)| (draft.register(identity), rule.clone()));
        patch.receive_by_participant = Some(by_number.collect());
    }
    if let Some(rules) = &update.receive_by_connection {
        let known = rules.iter().filter_map(|(id, rule)| {
            Some((draft.room.connection_by_ref(id)?.number, rule.clone()))
        });
        patch.receive_by_connection = Some(known.collect());
    }
    patch
}
