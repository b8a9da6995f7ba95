//! What connections may do. Apart because a change says whom it means by keys, and what by fields:
//! it is a map from the names of fields to their values here, as JSON.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Ruling, Turn, refuse, require};
use crate::domain::command::{
    PermissionUpdate, ProfileUpdate, Remove, UpdateParticipant, UpdatePermissions,
};
use crate::domain::event::{Kind, TrackKind, UpdateMode};
use crate::domain::limits::TARGETS_MAX;
use crate::domain::{
    AdminRight, Allowed, Code, Command, Identity, Permission, PermissionPatch, ReceiveRule, Send,
    Source, Target,
};
use crate::testing::facts::Track;

/// What a change says, by field; what it does not say stays.
pub(super) type Said = Map<String, Value>;

impl Turn<'_> {
    /// The people that a target means; those who are named may have left.
    pub(super) fn whom(&self, target: &Target) -> BTreeSet<Identity> {
        let named = |id: &String| self.room.connection_named(id).map(|it| self.get(it));
        let people = match target {
            Target::Identity(identity) => return BTreeSet::from([identity.clone()]),
            Target::Everyone => self.room.live().map(|(_, it)| it).collect(),
            Target::Connection(id) => Vec::from_iter(named(id)),
        };
        people.into_iter().map(|it| it.identity.clone()).collect()
    }

    /// The open connections that a target means.
    pub(super) fn inside(&self, target: &Target) -> Vec<u32> {
        let live = self.room.live().map(|(number, _)| number);
        live.filter(|number| match target {
            Target::Everyone => true,
            Target::Identity(identity) => self.get(*number).identity == *identity,
            Target::Connection(id) => self.room.connection_named(id) == Some(*number),
        })
        .collect()
    }

    /// The open connections of a target. Somebody must be there, unless everybody is meant.
    pub(super) fn meant(&self, target: &Target) -> Ruling<Vec<u32>> {
        let inside = self.inside(target);
        match target {
            Target::Identity(_) if inside.is_empty() => refuse(Code::NoSuchParticipant),
            Target::Connection(id) => self.connection_live(id).map(|number| vec![number]),
            Target::Everyone | Target::Identity(_) => Ok(inside),
        }
    }

    /// The same of a change of permissions: `*` given as a connection means the others.
    fn meant_others(&self, target: &Target) -> Ruling<Vec<u32>> {
        let mut meant = self.meant(target)?;
        if let (Target::Everyone, Some(acting)) = (target, &self.acting) {
            meant.retain(|number| self.get(*number).identity != *acting);
        }
        Ok(meant)
    }

    /// A command given as a connection needs the admin right for that very command: `participants`
    /// is to remove, to mute and to change the permissions of others, and nothing of the room.
    pub(super) fn may_administer(&self, number: u32, command: &Command) -> Ruling {
        let acting = self.get(number);
        let only_removes = |it: &Remove| !it.ban && it.revoke_before.is_none();
        let of_others = |target: &Target| {
            *target == Target::Everyone || !self.whom(target).contains(&acting.identity)
        };
        let is_covered = if let Command::Remove(it) = command {
            only_removes(it)
        } else if let Command::RemoveEach(all) = command {
            all.iter().all(only_removes)
        } else if let Command::UpdatePermissions(it) = command {
            it.targets.keys().all(of_others)
        } else if let Command::UpdateParticipant(it) = command {
            let changes_rights = it.permission.is_some() && it.profile == ProfileUpdate::default();
            changes_rights && of_others(&it.target)
        } else {
            matches!(command, Command::MuteTrack(_))
        };
        let has_right = acting.permission.admin.contains(&AdminRight::Participants);
        require(is_covered && has_right, Code::NoRight)
    }

    /// Every key that means a connection is carried out: of each field the more particular key
    /// wins, connection over identity; `*` means those that no other key names.
    pub(super) fn update_permissions(&mut self, it: &UpdatePermissions) -> Ruling {
        require(self.room.open().is_some(), Code::NoOpenSession)?;
        require(it.targets.len() <= TARGETS_MAX, Code::TooMany)?;
        let named = it.targets.keys().filter(|it| **it != Target::Everyone);
        let named: BTreeSet<u32> = named.flat_map(|it| self.inside(it)).collect();
        let mut is_unknown = false;
        let mut by_id: BTreeMap<u32, Said> = BTreeMap::new();
        let mut asked: BTreeMap<u32, Said> = BTreeMap::new();
        // In the order of targets: everybody, identities, connections.
        for (target, update) in &it.targets {
            let mut numbers = match self.meant_others(target) {
                Ok(numbers) => numbers,
                Err(codes) if it.refuse_unknown => return Err(codes),
                Err(_) => {
                    is_unknown = true;
                    continue;
                }
            };
            numbers.retain(|it| *target != Target::Everyone || !named.contains(it));
            let (change, is_strange) = self.said(update)?;
            require(!(is_strange && it.refuse_unknown), Code::NoSuchConnection)?;
            is_unknown |= is_strange;
            for number in numbers {
                if matches!(target, Target::Connection(_)) {
                    // Two ids of one connection are equally particular: they must not differ.
                    let other = by_id.entry(number).or_default();
                    require(!differ(other, &change), Code::Invalid)?;
                    override_by(other, &change);
                }
                override_by(asked.entry(number).or_default(), &change);
            }
        }
        let after = asked.into_iter().map(|(number, change)| {
            let before = match it.mode {
                UpdateMode::Patch => self.get(number).permission.clone(),
                UpdateMode::Replace => Permission::none(),
            };
            (number, changed(&before, &change))
        });
        let after = after.collect();
        self.set_permissions(after, is_unknown);
        Ok(())
    }

    /// What an update says, with people and connections by number. People are registered; whether
    /// it names a connection that the room does not have, which gets no rule.
    pub(super) fn said(&mut self, update: &PermissionUpdate) -> Ruling<(Said, bool)> {
        let mut change = given(&update.patch);
        if let Some(rules) = &update.receive_by_identity {
            let rules = rules.iter().map(|(identity, rule)| {
                let number = self.register(identity).number;
                (number.to_string(), json!(rule))
            });
            let rules: Said = rules.collect();
            change.insert("receive_by_participant".to_owned(), rules.into());
        }
        let mut is_strange = false;
        if let Some(rules) = &update.receive_by_connection {
            let mut by_number = Said::new();
            for (id, rule) in rules {
                let Some(number) = self.room.connection_named(id) else {
                    is_strange = true;
                    continue;
                };
                // Two ids may give one connection rules that do not contradict each other.
                let number = number.to_string();
                let other = by_number.remove(&number).unwrap_or_default();
                by_number.insert(number, union(&other, &json!(rule))?);
            }
            change.insert("receive_by_connection".to_owned(), by_number.into());
        }
        Ok((change, is_strange))
    }

    /// Gives connections new permissions, and takes the tracks that they may no longer send. A
    /// change that names somebody unknown is on record though nothing changes.
    pub(super) fn set_permissions(
        &mut self,
        mut after: BTreeMap<u32, Permission>,
        is_unknown: bool,
    ) {
        after.retain(|number, permission| self.get(*number).permission != *permission);
        if after.is_empty() && !is_unknown {
            return;
        }
        self.record(Kind::PermissionsChanged);
        for (number, permission) in &after {
            let connection = self.edit(*number);
            let counted = connection.counts();
            connection.is_publisher = permission.send.enabled;
            connection.permission = permission.clone();
            let counts = connection.counts();
            self.count(counts, counted && !counts);
        }
        for number in after.keys() {
            let connection = self.get(*number);
            let tracks = connection.tracks.iter();
            let lost = tracks.filter(|(_, track)| !may_send(&connection.permission, track));
            let lost: Vec<u32> = lost.map(|(track, _)| *track).collect();
            self.take_tracks(*number, &lost);
        }
    }

    pub(super) fn update_participant(&mut self, it: &UpdateParticipant) -> Ruling {
        let numbers = self.meant_others(&it.target)?;
        self.set_profile(&numbers, &it.profile)?;
        if let Some(update) = &it.permission {
            let (change, is_strange) = self.said(update)?;
            let before = numbers.iter().map(|number| (*number, self.get(*number)));
            let after = before.map(|(number, it)| (number, changed(&it.permission, &change)));
            let after = after.collect();
            self.set_permissions(after, is_strange);
        }
        Ok(())
    }
}

/// Whether a permission lets a track be sent: off beats every list, and data is a right apart.
/// Unknown and the two custom sources stand for each other.
pub(super) fn may_send(permission: &Permission, track: &Track) -> bool {
    if track.kind == TrackKind::Data {
        return permission.data;
    }
    let stands_for = |listed: Source, sent: Source| {
        listed == sent
            || (listed == Source::Unknown && is_custom(sent))
            || (is_custom(listed) && sent == Source::Unknown)
    };
    let is_listed = match &permission.send.allowed {
        Allowed::All => true,
        Allowed::Listed(sources) => sources.iter().any(|it| stands_for(*it, track.source)),
    };
    permission.send.enabled && is_listed
}

const fn is_custom(source: Source) -> bool {
    matches!(source, Source::CustomAudio | Source::CustomVideo)
}

/// A permission with a change, field by field; maps, sets and lists are given whole.
pub(super) fn changed(before: &Permission, change: &Said) -> Permission {
    let mut change = change.clone();
    if change.remove("send_is_coarse") == Some(json!(true)) {
        keep_what_is_finer(&before.send, &mut change);
    }
    let receives_any = json!(mentions(true, &json!(before.receive)));
    let any = change
        .remove("receive_any")
        .filter(|any| *any != receives_any);
    if let Some(any) = any {
        let base = json!(ReceiveRule::all(any == json!(true)));
        change.entry("receive_base").or_insert(base);
        for rules in ["receive_by_participant", "receive_by_connection"] {
            change.entry(rules).or_insert_with(|| json!({}));
        }
    }
    let mut after = fields(before);
    for (field, value) in change {
        let (group, part) = field.split_once('_').unwrap_or_default();
        match after.get_mut(group).and_then(Value::as_object_mut) {
            Some(parts) => parts.insert(part.to_owned(), value),
            None => after.insert(field, value),
        };
    }
    serde_json::from_value(after.into()).unwrap_or_else(|error| panic!("no permission: {error}"))
}

/// A view without custom sources, in which an empty list is the right to nothing, gives back what
/// it was shown: that leaves the finer value alone.
fn keep_what_is_finer(before: &Send, change: &mut Said) {
    let [all, nothing] = [Allowed::All, Allowed::Listed(Vec::new())];
    let coarse = |source: &Source| {
        if is_custom(*source) {
            Source::Unknown
        } else {
            *source
        }
    };
    let shown = match &before.allowed {
        Allowed::Listed(sources) if !sources.is_empty() => {
            Allowed::Listed(sources.iter().map(coarse).collect())
        }
        Allowed::All | Allowed::Listed(_) => all.clone(),
    };
    if change.get("send_allowed") == Some(&json!(shown)) {
        change.remove("send_allowed");
    }
    let allowed = change.get("send_allowed").cloned();
    let allowed = allowed.unwrap_or_else(|| json!(before.allowed));
    let enabled = change.get("send_enabled").cloned();
    let shown = json!(before.enabled && before.allowed != nothing);
    if enabled == Some(shown) && allowed == json!(before.allowed) {
        change.remove("send_enabled");
    }
    // To such a view no list means every source, and sending was just turned on.
    if enabled == Some(json!(true)) && allowed == json!(nothing) {
        change.insert("send_allowed".to_owned(), json!(all));
    }
}

/// The fields that a change gives, by name; how the right to send is seen goes with that right.
pub(super) fn given(patch: &PermissionPatch) -> Said {
    let mut change = fields(patch);
    change.retain(|_, value| !value.is_null());
    if !(change.contains_key("send_enabled") || change.contains_key("send_allowed")) {
        change.remove("send_is_coarse");
    }
    change
}

/// In each field that the narrower key gives, what it says.
fn override_by(wide: &mut Said, narrow: &Said) {
    // Anything at all, or nothing, is said of the whole right to receive.
    if narrow.contains_key("receive_any") {
        wide.retain(|field, _| !field.starts_with("receive_"));
    }
    wide.extend(narrow.clone());
}

/// Whether two changes give one field different values.
fn differ(one: &Said, other: &Said) -> bool {
    let mut values = one.iter().filter(|(field, _)| *field != "send_is_coarse");
    values.any(|(field, value)| other.get(field).is_some_and(|it| it != value))
}

/// All that either of two rules says; they must not contradict each other.
fn union(one: &Value, other: &Value) -> Ruling<Value> {
    match (one, other) {
        (Value::Null, said) | (said, Value::Null) => Ok(said.clone()),
        (Value::Object(one), Value::Object(other)) => {
            let mut both = one.clone();
            for (name, said) in other {
                let known = both.remove(name).unwrap_or_default();
                both.insert(name.clone(), union(&known, said)?);
            }
            Ok(both.into())
        }
        (one, other) if one == other => Ok(one.clone()),
        _ => refuse(Code::Invalid),
    }
}

/// Forbids what another rule forbids. Nothing else changes, except that a medium that is forbidden
/// as a whole is forbidden under every name.
pub(super) fn forbid(rule: &ReceiveRule, by: &ReceiveRule) -> ReceiveRule {
    let mut after = fields(rule);
    // By name, a medium comes before the names of its tracks.
    let by: BTreeMap<String, Value> = fields(by).into_iter().collect();
    for (medium, said) in by {
        if said == json!(false) {
            after.remove(&format!("{medium}_by_name"));
            after.insert(medium, said);
        } else if mentions(false, &said) {
            let known = after.remove(&medium).unwrap_or_default();
            let mut names = fields(&said);
            names.retain(|_, allowed| *allowed == json!(false));
            let all = known.as_object().cloned().unwrap_or_default();
            after.insert(medium, all.into_iter().chain(names).collect());
        }
    }
    serde_json::from_value(after.into()).unwrap_or_else(|error| panic!("no rule: {error}"))
}

/// Whether rules of receiving allow (or forbid) anything.
pub(super) fn mentions(allowed: bool, rules: &Value) -> bool {
    let mut below = rules.as_object().into_iter().flat_map(Map::values);
    *rules == json!(allowed) || below.any(|rule| mentions(allowed, rule))
}

/// The members of a value, by name.
pub(super) fn fields(it: &impl Serialize) -> Said {
    let members = json!(it).as_object().cloned();
    members.unwrap_or_else(|| panic!("what has no members is no map of fields"))
}
