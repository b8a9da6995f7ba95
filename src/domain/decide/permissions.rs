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
use crate::domain::limits::PERMISSIONS_CHANGED_BYTES_MAX;
use crate::domain::patch::PermissionPatch;
use crate::domain::permission::{Permission, ReceiveRule};
use crate::domain::personal::Personal;
use crate::domain::rejection::Rejection;
use crate::domain::state::Connection;

/// One key of an update, resolved.
struct Aimed<'a> {
    key: Option<&'a Target>,
    who: Who,
    patch: PermissionPatch,
}

impl Draft<'_> {
    pub(super) fn update_permissions(&mut self, it: &UpdatePermissions) -> Result<(), Rejection> {
        self.require_session()?;
        let mut aimed = Vec::new();
        let mut unknown = Vec::new();
        let keys = it.targets.keys();
        let all: Vec<_> = keys.map(|target| self.find(target)).collect();
        let named = named(it.targets.keys().zip(&all));
        // In the order of `Target`: each key is more particular than those before it.
        for ((target, update), found) in it.targets.iter().zip(all) {
            let Some(found) = found else {
                if it.refuse_unknown {
                    return Err(self.nobody(target));
                }
                unknown.push(text_of(target));
                continue;
            };
            let mut found = self.without_own(target, found)?;
            if *target == Target::Everyone {
                found.retain(|connection| !named.contains(&connection.number));
            }
            let who = self.who(target, &found);
            let resolved = resolve_update(self, update)?;
            if let Some(id) = resolved.unknown.first().filter(|_| it.refuse_unknown) {
                return Err(self.no_such_connection(id));
            }
            unknown.extend(resolved.unknown);
            aimed.push(Aimed {
                key: Some(target),
                who,
                patch: resolved.patch,
            });
        }
        if !self.change_permissions(it.mode, aimed, unknown)? {
            self.no_effect(None, "the permissions were so already");
        }
        Ok(())
    }

    /// Changes the permission of one target; `false` when nothing changed.
    pub(super) fn change_permission(
        &mut self,
        who: Who,
        update: &PermissionUpdate,
    ) -> Result<bool, Rejection> {
        let Resolved { patch, unknown } = resolve_update(self, update)?;
        let aimed = Aimed {
            key: None,
            who,
            patch,
        };
        // Whole replacements say every field, so that applying them as patches is the same.
        self.change_permissions(UpdateMode::Patch, vec![aimed], unknown)
    }

    fn change_permissions(
        &mut self,
        mode: UpdateMode,
        aimed: Vec<Aimed<'_>>,
        unknown_targets: Vec<String>,
    ) -> Result<bool, Rejection> {
        let groups = self.groups(mode, &aimed)?;
        let weights = groups.iter().map(PermissionGroup::weight);
        limits::bytes(
            "all permissions before and after the change",
            weights.sum(),
            PERMISSIONS_CHANGED_BYTES_MAX,
        )?;
        if groups.is_empty() && unknown_targets.is_empty() {
            return Ok(false);
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
            unknown_targets: unknown_targets.into_iter().map(Personal::new).collect(),
        });
        for number in touched {
            self.unpublish_lost(number, changed);
        }
        Ok(true)
    }

    /// Connections whose permission really changes, those that change alike together.
    fn groups(
        &self,
        mode: UpdateMode,
        aimed: &[Aimed<'_>],
    ) -> Result<Vec<PermissionGroup>, Rejection> {
        let mut keys: BTreeMap<ConnectionNumber, Vec<usize>> = BTreeMap::new();
        for (index, aim) in aimed.iter().enumerate() {
            for number in aim.who.connections.iter() {
                keys.entry(number).or_default().push(index);
            }
        }
        // `*` means many with equal permissions: each different case is worked out once.
        let mut cases: BTreeMap<(&Permission, Vec<usize>), Vec<ConnectionNumber>> = BTreeMap::new();
        for (number, keys) in keys {
            if let Some(connection) = self.room.connection(number) {
                let case = (connection.permission.as_ref(), keys);
                cases.entry(case).or_default().push(number);
            }
        }
        let nothing = Permission::none();
        let mut alike: BTreeMap<(&Permission, Permission), Vec<ConnectionNumber>> = BTreeMap::new();
        for ((before, keys), numbers) in cases {
            let keys = keys.iter().filter_map(|index| aimed.get(*index));
            let patch = merged(keys)?;
            let after = match mode {
                UpdateMode::Patch => patch.apply(before),
                UpdateMode::Replace => patch.apply(&nothing),
            };
            if *before != after {
                alike.entry((before, after)).or_default().extend(numbers);
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
        Ok(groups)
    }
}

/// The connections that keys of their own name: `*` leaves them alone.
fn named<'a>(
    keys: impl Iterator<Item = (&'a Target, &'a Option<Vec<Arc<Connection>>>)>,
) -> BTreeSet<ConnectionNumber> {
    let keys = keys.filter(|(target, _)| **target != Target::Everyone);
    let found = keys.flat_map(|(_, found)| found.iter().flatten());
    found.map(|connection| connection.number).collect()
}

/// All that the keys of one connection say: of each field what the most particular key says. Two
/// ids of one connection are equally particular, so they must not differ.
fn merged<'a>(keys: impl Iterator<Item = &'a Aimed<'a>>) -> Result<PermissionPatch, Rejection> {
    let mut patch = PermissionPatch::default();
    let mut by_id: Option<(&str, PermissionPatch)> = None;
    for aim in keys {
        let Some(Target::Connection(id)) = aim.key else {
            patch = patch.overridden_by(&aim.patch);
            continue;
        };
        by_id = Some(match by_id {
            None => (id, aim.patch.clone()),
            Some((other, said)) => {
                if let Some(field) = said.conflict(&aim.patch) {
                    return Err(differ(other, id, field));
                }
                (other, said.overridden_by(&aim.patch))
            }
        });
    }
    Ok(match by_id {
        None => patch,
        Some((_, said)) => patch.overridden_by(&said),
    })
}

/// An update with its identities and ids as numbers.
pub(super) struct Resolved {
    pub(super) patch: PermissionPatch,
    /// Ids of `by_connection` that mean no connection of the room: they can receive no rule.
    pub(super) unknown: Vec<String>,
}

/// Identities and ids of an update as numbers; an identity without a number is registered.
pub(super) fn resolve_update(
    draft: &mut Draft<'_>,
    update: &PermissionUpdate,
) -> Result<Resolved, Rejection> {
    let mut patch = update.patch.clone();
    let mut unknown = Vec::new();
    if let Some(rules) = &update.receive_by_identity {
        let by_number = rules
            .iter()
            .map(|(identity, rule)| (draft.register(identity), rule.clone()));
        patch.receive_by_participant = Some(by_number.collect());
    }
    if let Some(rules) = &update.receive_by_connection {
        let mut known: BTreeMap<ConnectionNumber, (&str, ReceiveRule)> = BTreeMap::new();
        for (id, rule) in rules {
            let Some(connection) = draft.room.connection_by_ref(id) else {
                unknown.push(id.clone());
                continue;
            };
            let number = connection.number;
            let rule = match known.remove(&number) {
                None => rule.clone(),
                Some((other, said)) => said
                    .union(rule.clone())
                    .map_err(|_| differ(other, id, "receive.by_connection"))?,
            };
            known.insert(number, (id, rule));
        }
        let known = known.into_iter();
        let by_number = known.map(|(number, (_, rule))| (number, rule));
        patch.receive_by_connection = Some(by_number.collect());
    }
    Ok(Resolved { patch, unknown })
}

fn differ(one: &str, other: &str, field: &str) -> Rejection {
    Rejection::Invalid {
        what: "targets".into(),
        problem: format!(
            "{one:?} and {other:?} are ids of one connection and differ in {field}: \
             give one of them, or the same value twice"
        ),
    }
}
