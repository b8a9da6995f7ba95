//! Moves: one decision for two rooms, both or neither. Apart because no other command has two.

use std::collections::BTreeMap;

use super::admission::Newcomer;
use super::facts::Connection;
use super::{Ruling, Turn, refuse};
use crate::domain::command::ConfigPatch;
use crate::domain::event::{CloseCause, ConnectionKind, Kind};
use crate::domain::{Code, ConnectionNumber, Identity, ParticipantNumber, ReceiveRule, Target};

impl Turn<'_> {
    /// Closes here and opens there, under the destination's admission. Nobody presents a token
    /// anew, so an old one keeps nobody from being moved.
    pub(super) fn move_to(&mut self, there: &mut Self, target: &Target) -> Ruling {
        self.exists()?;
        let numbers = self.meant(target)?;
        if numbers.is_empty() {
            return self.no_effect();
        }
        let mut moving = Vec::new();
        for number in &numbers {
            let Some(connection) = self.room.connections.get(number) else {
                continue;
            };
            let serves = matches!(
                connection.kind,
                ConnectionKind::Agent | ConnectionKind::Egress
            );
            if serves || connection.permission.agent || connection.permission.recorder {
                return refuse(Code::NotMovable);
            }
            moving.push((*number, connection.clone()));
        }
        let identities: BTreeMap<u32, Identity> = self
            .room
            .people
            .iter()
            .map(|(identity, person)| (person.number, identity.clone()))
            .collect();
        self.record(Kind::MoveRequested);
        self.take_ids_along(&numbers);
        self.close(&numbers, CloseCause::Moved, None);
        let first = there.room.connections_ever + 1;
        let numbers_there: BTreeMap<u32, u32> = numbers.iter().copied().zip(first..).collect();
        let mut returned = BTreeMap::new();
        for (number, mut connection) in moving {
            if let (Some(old), Some(new)) =
                (there.continued_by(&connection), numbers_there.get(&number))
            {
                returned.insert(old, *new);
            }
            let config = there.config_at_the_door();
            let person = Some(&connection.identity);
            let alias = connection.alias.clone();
            let free = |id: &str| !there.is_taken(id) || there.comes_back(id, person);
            if !alias.as_deref().is_none_or(free) {
                return refuse(Code::IdReused);
            }
            let rules = self.rules_of(&mut connection, &identities, &numbers_there);
            let mut newcomer = Newcomer {
                identity: connection.identity,
                alias,
                active: connection.activated_at.is_some(),
                kind: connection.kind,
                name: connection.name,
                metadata: connection.metadata,
                attributes: connection.attributes,
                permission: connection.permission,
                credential: connection.credential,
                reporter: connection.reporter,
                eject_at: connection.eject_at,
                moved_from: Some((self.name.as_str().to_owned(), number)),
            };
            there.let_in(&newcomer, &config, false)?;
            there.prepare(&newcomer.identity, &ConfigPatch::default(), None);
            for (identity, rule) in rules {
                let person = ParticipantNumber(there.register(&identity));
                let receive = &mut newcomer.permission.receive;
                receive.by_participant.insert(person, rule);
            }
            there.open(newcomer);
        }
        there.rename_in_rules(&returned);
        Ok(())
    }

    /// The ids of those who are moved, and of their tracks, may come back with them.
    fn take_ids_along(&mut self, numbers: &[u32]) {
        for number in numbers {
            let Some(connection) = self.room.connections.get(number) else {
                continue;
            };
            let tracks = connection.tracks.values().filter_map(|it| it.alias.clone());
            let ids: Vec<String> = connection.alias.clone().into_iter().chain(tracks).collect();
            let identity = connection.identity.clone();
            for id in ids {
                self.room.moved_ids.insert(id, identity.clone());
            }
        }
    }

    /// The connection here that a newcomer was before it was moved away.
    fn continued_by(&self, connection: &Connection) -> Option<u32> {
        let from = connection.moved_from.as_ref();
        if let Some((_, number)) = from.filter(|(room, _)| room == self.name.as_str()) {
            return Some(*number);
        }
        let alias = connection.alias.as_deref()?;
        let is_away = self.room.moved_ids.contains_key(alias);
        self.room.connection_named(alias).filter(|_| is_away)
    }

    /// Takes the rules of a connection apart: those about persons, by identity, are returned; those
    /// about connections that move too stay, under their new numbers. What is forbidden of any
    /// other connection is forbidden of its person.
    fn rules_of(
        &self,
        connection: &mut Connection,
        identities: &BTreeMap<u32, Identity>,
        numbers_there: &BTreeMap<u32, u32>,
    ) -> BTreeMap<Identity, ReceiveRule> {
        let receive = &mut connection.permission.receive;
        let mut by_person = BTreeMap::new();
        for (person, rule) in std::mem::take(&mut receive.by_participant) {
            if let Some(identity) = identities.get(&person.0) {
                by_person.insert(identity.clone(), rule);
            }
        }
        for (number, rule) in std::mem::take(&mut receive.by_connection) {
            if let Some(number) = numbers_there.get(&number.0) {
                receive
                    .by_connection
                    .insert(ConnectionNumber(*number), rule);
            } else if let Some(other) = self.room.connections.get(&number.0)
                && forbids(&rule)
            {
                forbid(by_person.entry(other.identity.clone()).or_default(), &rule);
            }
        }
        by_person
    }

    fn rename_in_rules(&mut self, returned: &BTreeMap<u32, u32>) {
        let mut is_changed = false;
        for connection in self.room.connections.values_mut() {
            let rules = &mut connection.permission.receive.by_connection;
            if connection.closed.is_some() || !rules.keys().any(|it| returned.contains_key(&it.0)) {
                continue;
            }
            let renamed = std::mem::take(rules).into_iter().map(|(number, rule)| {
                let number = returned.get(&number.0).copied().unwrap_or(number.0);
                (ConnectionNumber(number), rule)
            });
            *rules = renamed.collect();
            is_changed = true;
        }
        if is_changed {
            self.record(Kind::PermissionsChanged);
        }
    }
}

/// Whether a rule forbids anything.
fn forbids(rule: &ReceiveRule) -> bool {
    let mut nothing = ReceiveRule::default();
    forbid(&mut nothing, rule);
    nothing != ReceiveRule::default()
}

/// Forbids what another rule forbids. Nothing else changes, except that a medium that is forbidden
/// as a whole is forbidden under every name.
fn forbid(rule: &mut ReceiveRule, by: &ReceiveRule) {
    let media = [
        (&mut rule.camera, by.camera),
        (&mut rule.microphone, by.microphone),
        (&mut rule.screen_share, by.screen_share),
        (&mut rule.screen_share_audio, by.screen_share_audio),
        (&mut rule.custom_video, by.custom_video),
        (&mut rule.custom_audio, by.custom_audio),
    ];
    for (allowed, by) in media {
        if by == Some(false) {
            *allowed = by;
        }
    }
    let named = [
        (
            &mut rule.custom_video_by_name,
            by.custom_video,
            &by.custom_video_by_name,
        ),
        (
            &mut rule.custom_audio_by_name,
            by.custom_audio,
            &by.custom_audio_by_name,
        ),
    ];
    for (allowed, all, by) in named {
        if all == Some(false) {
            *allowed = None;
        }
        for (name, _) in by.iter().flatten().filter(|(_, allowed)| !**allowed) {
            allowed.get_or_insert_default().insert(name.clone(), false);
        }
    }
}
