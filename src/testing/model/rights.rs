//! Permissions and profiles. Apart because a change says whom it means by keys, and what by fields.

use std::collections::BTreeMap;

use super::people::bounded_profile;
use super::{Ruling, Turn, refuse};
use crate::domain::command::{
    PermissionUpdate, ProfileUpdate, Remove, UpdateParticipant, UpdatePermissions,
};
use crate::domain::event::{Kind, TrackKind, UpdateMode};
use crate::domain::limits::{METADATA_BYTES_MAX, TARGETS_MAX};
use crate::domain::{
    AdminRight, Allowed, Code, Command, ConnectionNumber, ParticipantNumber, Permission,
    PermissionPatch, Receive, ReceiveRule, Send, Source, Target,
};

use super::facts::Track;

impl Turn<'_> {
    /// The open connections that a target means.
    pub(super) fn inside(&self, target: &Target) -> Vec<u32> {
        let named = match target {
            Target::Connection(id) => self.room.connection_named(id),
            Target::Everyone | Target::Identity(_) => None,
        };
        let is_meant = |number: u32, identity: &crate::domain::Identity| match target {
            Target::Everyone => true,
            Target::Identity(meant) => meant == identity,
            Target::Connection(_) => named == Some(number),
        };
        let live = self.room.live();
        live.filter(|(number, it)| is_meant(*number, &it.identity))
            .map(|(number, _)| number)
            .collect()
    }

    /// The same where somebody must be there, unless everybody is meant.
    pub(super) fn meant(&self, target: &Target) -> Ruling<Vec<u32>> {
        let inside = self.inside(target);
        match target {
            Target::Identity(_) if inside.is_empty() => refuse(Code::NoSuchParticipant),
            Target::Connection(id) => self.connection_live(id).map(|number| vec![number]),
            Target::Everyone | Target::Identity(_) => Ok(inside),
        }
    }

    /// The same of a change of permissions, which `*` given as a connection asks of others only.
    fn meant_others(&self, target: &Target) -> Ruling<Vec<u32>> {
        let mut meant = self.meant(target)?;
        if *target == Target::Everyone && self.acting.is_some() {
            let identity = |number: &u32| Some(&self.room.connections.get(number)?.identity);
            meant.retain(|number| identity(number) != self.acting.as_ref());
        }
        Ok(meant)
    }

    /// Every key that means a connection is carried out: of each field the more particular key
    /// wins, connection over identity; `*` means those that no other key names.
    pub(super) fn update_permissions(&mut self, it: &UpdatePermissions) -> Ruling {
        self.exists()?;
        if !self.room.is_open() {
            return refuse(Code::NoOpenSession);
        }
        if it.targets.len() > TARGETS_MAX {
            return refuse(Code::TooMany);
        }
        let mut unknown = false;
        let mut asked: BTreeMap<u32, PermissionPatch> = BTreeMap::new();
        let mut by_id: BTreeMap<u32, PermissionPatch> = BTreeMap::new();
        // In the order of targets: everybody, identities, connections.
        for (target, update) in &it.targets {
            let numbers = match self.meant_others(target) {
                Ok(numbers) => numbers,
                Err(codes) if it.refuse_unknown => return Err(codes),
                Err(_) => {
                    unknown = true;
                    continue;
                }
            };
            let own = |number: &u32| {
                let named = |key: &Target| self.inside(key).contains(number);
                let mut keys = it.targets.keys();
                keys.any(|key| *key != Target::Everyone && named(key))
            };
            let all = *target == Target::Everyone;
            let numbers: Vec<u32> = numbers.into_iter().filter(|it| !(all && own(it))).collect();
            let (update, strange) = self.resolved(update)?;
            if strange && it.refuse_unknown {
                return refuse(Code::NoSuchConnection);
            }
            unknown |= strange;
            for number in numbers {
                if matches!(target, Target::Connection(_)) {
                    // Two ids of one connection are equally particular: they must not differ.
                    let said = by_id.entry(number).or_default();
                    if differ(said, &update) {
                        return refuse(Code::Invalid);
                    }
                    *said = over(&update, said);
                } else {
                    let said = asked.entry(number).or_default();
                    *said = over(&update, said);
                }
            }
        }
        for (number, update) in by_id {
            let said = asked.entry(number).or_default();
            *said = over(&update, said);
        }
        let mut after = BTreeMap::new();
        for (number, update) in asked {
            let connection = self.room.connections.get(&number);
            let before = connection.map(|it| it.permission.clone());
            let start = before.filter(|_| it.mode == UpdateMode::Patch);
            let start = start.unwrap_or_else(Permission::none);
            after.insert(number, changed(&start, &update));
        }
        if !self.set_permissions(after, unknown) {
            return self.no_effect();
        }
        Ok(())
    }

    /// A change with people and connections by number. People are registered; whether it names a
    /// connection that the room does not have, which gets no rule.
    pub(super) fn resolved(
        &mut self,
        update: &PermissionUpdate,
    ) -> Ruling<(PermissionPatch, bool)> {
        let mut patch = update.patch.clone();
        let mut strange = false;
        if let Some(rules) = &update.receive_by_identity {
            let mut by_number = BTreeMap::new();
            for (identity, rule) in rules {
                by_number.insert(ParticipantNumber(self.register(identity)), rule.clone());
            }
            patch.receive_by_participant = Some(by_number);
        }
        if let Some(rules) = &update.receive_by_connection {
            let mut by_number: BTreeMap<ConnectionNumber, ReceiveRule> = BTreeMap::new();
            for (id, rule) in rules {
                let Some(number) = self.room.connection_named(id) else {
                    strange = true;
                    continue;
                };
                let said = by_number
                    .remove(&ConnectionNumber(number))
                    .unwrap_or_default();
                by_number.insert(ConnectionNumber(number), union(said, rule)?);
            }
            patch.receive_by_connection = Some(by_number);
        }
        Ok((patch, strange))
    }

    /// Gives connections new permissions and takes the tracks that they may send no longer.
    fn set_permissions(&mut self, after: BTreeMap<u32, Permission>, record: bool) -> bool {
        let changes = after.into_iter().filter(|(number, permission)| {
            let connection = self.room.connections.get(number);
            connection.is_some_and(|it| it.permission != *permission)
        });
        let changes: BTreeMap<u32, Permission> = changes.collect();
        if changes.is_empty() && !record {
            return false;
        }
        self.record(Kind::PermissionsChanged);
        let now = self.now;
        let mut lost: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (number, permission) in changes {
            let Some(connection) = self.room.connections.get_mut(&number) else {
                continue;
            };
            let counted = connection.counts();
            connection.is_publisher = permission.send.enabled;
            connection.permission = permission;
            let tracks = connection.tracks.iter();
            let gone = tracks.filter(|(_, track)| !may_send(&connection.permission, track));
            let gone: Vec<u32> = gone.map(|(number, _)| *number).collect();
            connection.tracks.retain(|number, _| !gone.contains(number));
            if !gone.is_empty() {
                lost.insert(number, gone);
            }
            let counts = connection.counts();
            if let Some(session) = self.room.open_session() {
                session.joined_ever |= counts;
                if counted && !counts {
                    session.last_left_at = Some(now);
                }
            }
        }
        for gone in lost.values() {
            self.forget_tracks(gone);
            self.record(Kind::TracksUnpublished);
        }
        true
    }

    /// A command given as a connection needs the admin right for that very command: `participants`
    /// is to remove, to mute and to change the permissions of others, and nothing of the room.
    pub(super) fn may_administer(&self, id: &str, command: &Command) -> Ruling {
        let acting = self.connection_live(id)?;
        let Some(connection) = self.room.connections.get(&acting) else {
            return refuse(Code::NoSuchConnection);
        };
        let only_removes = |it: &Remove| !it.ban && it.revoke_before.is_none();
        let changes_self = |target: &Target| match target {
            Target::Everyone => false,
            Target::Identity(identity) => *identity == connection.identity,
            Target::Connection(id) => {
                let meant = self.room.connection_named(id);
                let meant = meant.and_then(|number| self.room.connections.get(&number));
                meant.is_some_and(|it| it.identity == connection.identity)
            }
        };
        let covered = if let Command::Remove(it) = command {
            only_removes(it)
        } else if let Command::RemoveEach(all) = command {
            all.iter().all(only_removes)
        } else if let Command::UpdatePermissions(it) = command {
            !it.targets.keys().any(changes_self)
        } else if let Command::UpdateParticipant(it) = command {
            let only_rights = it.permission.is_some() && it.profile == ProfileUpdate::default();
            only_rights && !changes_self(&it.target)
        } else {
            matches!(command, Command::MuteTrack(_))
        };
        let rights = &connection.permission.admin;
        if covered && rights.contains(&AdminRight::Participants) {
            Ok(())
        } else {
            refuse(Code::NoRight)
        }
    }

    /// No subscription to a track outlives it.
    pub(super) fn forget_tracks(&mut self, gone: &[u32]) {
        for connection in self.room.connections.values_mut() {
            connection
                .subscriptions
                .retain(|track, _| !gone.contains(track));
        }
    }

    pub(super) fn update_participant(&mut self, it: &UpdateParticipant) -> Ruling {
        self.exists()?;
        bounded_profile(&it.profile)?;
        let numbers = self.meant_others(&it.target)?;
        let profile = self.set_profile(&numbers, &it.profile)?;
        let mut permission = false;
        if let Some(update) = &it.permission {
            let (update, strange) = self.resolved(update)?;
            let mut after = BTreeMap::new();
            for number in numbers {
                if let Some(connection) = self.room.connections.get(&number) {
                    after.insert(number, changed(&connection.permission, &update));
                }
            }
            permission = self.set_permissions(after, strange);
        }
        if profile || permission {
            Ok(())
        } else {
            self.no_effect()
        }
    }

    pub(super) fn update_own_profile(&mut self, id: &str, profile: &ProfileUpdate) -> Ruling {
        let number = self.connection_live(id)?;
        let connection = self.room.connections.get(&number);
        if connection.is_none_or(|it| !it.permission.update_own_metadata) {
            return refuse(Code::NoRight);
        }
        bounded_profile(profile)?;
        self.set_profile(&[number], profile)?;
        Ok(())
    }

    fn set_profile(&mut self, numbers: &[u32], profile: &ProfileUpdate) -> Ruling<bool> {
        let mut any = false;
        for number in numbers {
            let Some(connection) = self.room.connections.get_mut(number) else {
                continue;
            };
            let before = connection.clone();
            if let Some(name) = &profile.name {
                connection.name.clone_from(name);
            }
            if let Some(metadata) = &profile.metadata {
                connection.metadata.clone_from(metadata);
            }
            for (key, value) in &profile.attributes {
                match value {
                    Some(value) => connection.attributes.insert(key.clone(), value.clone()),
                    None => connection.attributes.remove(key),
                };
            }
            let attributes = connection.attributes.iter();
            let bytes: usize = attributes.map(|(key, value)| key.len() + value.len()).sum();
            // All that a participant gathers is bounded as metadata is.
            if bytes > METADATA_BYTES_MAX && connection.attributes != before.attributes {
                return refuse(Code::TooLarge);
            }
            any |= *connection != before;
        }
        if any {
            self.record(Kind::ProfileChanged);
        }
        Ok(any)
    }
}

/// A permission with a change, field by field; a whole map or set where one is given.
pub(super) fn changed(before: &Permission, patch: &PermissionPatch) -> Permission {
    let mut after = before.clone();
    after.send = changed_send(&before.send, patch);
    if let Some(any) = patch.receive_any
        && any != receives_anything(&before.receive)
    {
        after.receive = Receive::all(any);
    }
    if let Some(base) = &patch.receive_base {
        after.receive.base = base.clone();
    }
    if let Some(rules) = &patch.receive_by_participant {
        after.receive.by_participant.clone_from(rules);
    }
    if let Some(rules) = &patch.receive_by_connection {
        after.receive.by_connection.clone_from(rules);
    }
    if let Some(admin) = &patch.admin {
        after.admin.clone_from(admin);
    }
    let flags = [
        (&mut after.presence, patch.presence),
        (&mut after.data, patch.data),
        (&mut after.update_own_metadata, patch.update_own_metadata),
        (&mut after.subscribe_metrics, patch.subscribe_metrics),
        (&mut after.manage_agent_session, patch.manage_agent_session),
        (&mut after.recorder, patch.recorder),
        (&mut after.agent, patch.agent),
    ];
    for (flag, value) in flags {
        *flag = value.unwrap_or(*flag);
    }
    after
}

/// Whether a permission lets a track be sent: off beats every list, and data is a right apart.
pub(super) fn may_send(permission: &Permission, track: &Track) -> bool {
    if track.kind == TrackKind::Data {
        return permission.data;
    }
    let listed = match &permission.send.allowed {
        Allowed::All => true,
        Allowed::Listed(sources) => sources.iter().any(|it| stands_for(*it, track.source)),
    };
    permission.send.enabled && listed
}

/// Unknown and the two custom sources stand for each other.
fn stands_for(listed: Source, sent: Source) -> bool {
    let custom = |source| matches!(source, Source::CustomAudio | Source::CustomVideo);
    listed == sent
        || (listed == Source::Unknown && custom(sent))
        || (custom(listed) && sent == Source::Unknown)
}

/// The right to send with a change. What a view without custom sources, in which an empty list is
/// the right to nothing, was shown and gives back leaves the finer value alone.
fn changed_send(before: &Send, patch: &PermissionPatch) -> Send {
    let mut after = before.clone();
    let nothing = Allowed::Listed(Vec::new());
    let was_nothing = before.allowed == nothing;
    if let Some(allowed) = &patch.send_allowed
        && !(patch.send_is_coarse && *allowed == coarse(&before.allowed))
    {
        after.allowed = allowed.clone();
    }
    if let Some(enabled) = patch.send_enabled {
        let shown = before.enabled && !was_nothing;
        let same = patch.send_is_coarse && enabled == shown && after.allowed == before.allowed;
        after.enabled = if same { before.enabled } else { enabled };
        // To such a view no list means every source, and sending was just turned on.
        if patch.send_is_coarse && enabled && after.allowed == nothing {
            after.allowed = Allowed::All;
        }
    }
    after
}

/// What a wider key says, and in each field that the narrower gives, what the narrower says.
fn over(narrow: &PermissionPatch, wide: &PermissionPatch) -> PermissionPatch {
    let mut both = wide.clone();
    if narrow.receive_any.is_some() {
        // Anything at all, or nothing, is said of the whole right to receive.
        both.receive_base = None;
        both.receive_by_participant = None;
        both.receive_by_connection = None;
    }
    if narrow.send_allowed.is_some() || narrow.send_enabled.is_some() {
        both.send_is_coarse = narrow.send_is_coarse;
    }
    macro_rules! take {
        ($($field:ident)*) => {
            $(if narrow.$field.is_some() {
                both.$field.clone_from(&narrow.$field);
            })*
        };
    }
    take!(presence send_enabled send_allowed data receive_any receive_base
        receive_by_participant receive_by_connection admin update_own_metadata subscribe_metrics
        manage_agent_session recorder agent);
    both
}

/// Whether two changes give one field different values.
fn differ(one: &PermissionPatch, other: &PermissionPatch) -> bool {
    macro_rules! any_of {
        ($($field:ident)*) => {
            $((one.$field.is_some() && other.$field.is_some() && one.$field != other.$field))||*
        };
    }
    any_of!(presence send_enabled send_allowed data receive_any receive_base
        receive_by_participant receive_by_connection admin update_own_metadata subscribe_metrics
        manage_agent_session recorder agent)
}

/// Rules that two ids give one connection: both, and they must not differ.
fn union(mut one: ReceiveRule, other: &ReceiveRule) -> Ruling<ReceiveRule> {
    let media = [
        (&mut one.camera, other.camera),
        (&mut one.microphone, other.microphone),
        (&mut one.screen_share, other.screen_share),
        (&mut one.screen_share_audio, other.screen_share_audio),
        (&mut one.custom_video, other.custom_video),
        (&mut one.custom_audio, other.custom_audio),
    ];
    for (said, more) in media {
        if said.is_some() && more.is_some() && *said != more {
            return refuse(Code::Invalid);
        }
        *said = said.or(more);
    }
    let named = [
        (&mut one.custom_video_by_name, &other.custom_video_by_name),
        (&mut one.custom_audio_by_name, &other.custom_audio_by_name),
    ];
    for (said, more) in named {
        for (name, allowed) in more.iter().flatten() {
            let known = said.get_or_insert_default().insert(name.clone(), *allowed);
            if known.is_some_and(|known| known != *allowed) {
                return refuse(Code::Invalid);
            }
        }
        if more.is_some() {
            said.get_or_insert_default();
        }
    }
    Ok(one)
}

fn coarse(allowed: &Allowed) -> Allowed {
    let Allowed::Listed(sources) = allowed else {
        return Allowed::All;
    };
    if sources.is_empty() {
        return Allowed::All;
    }
    let sources = sources.iter().map(|source| match source {
        Source::CustomAudio | Source::CustomVideo => Source::Unknown,
        Source::Camera
        | Source::Microphone
        | Source::ScreenShare
        | Source::ScreenShareAudio
        | Source::Unknown => *source,
    });
    Allowed::Listed(sources.collect())
}

/// Whether anything of anybody can be received.
fn receives_anything(receive: &Receive) -> bool {
    let rules = std::iter::once(&receive.base)
        .chain(receive.by_participant.values())
        .chain(receive.by_connection.values());
    rules.into_iter().any(lets_through)
}

fn lets_through(rule: &ReceiveRule) -> bool {
    let fields = [
        rule.camera,
        rule.microphone,
        rule.screen_share,
        rule.screen_share_audio,
        rule.custom_video,
        rule.custom_audio,
    ];
    let named = [&rule.custom_video_by_name, &rule.custom_audio_by_name];
    let mut named = named.into_iter().flatten().flat_map(BTreeMap::values);
    fields.contains(&Some(true)) || named.any(|allowed| *allowed)
}
