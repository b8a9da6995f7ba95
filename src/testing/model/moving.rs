//! Moves: one decision for two rooms, both or neither. Apart because no other command has two.

use std::collections::BTreeMap;

use super::admission::Newcomer;
use super::{Ruling, Turn, refuse};
use crate::domain::command::ConfigPatch;
use crate::domain::event::{CloseCause, ConnectionKind, Kind};
use crate::domain::{Code, ConnectionNumber, Identity, ParticipantNumber, Target};

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
            if matches!(
                connection.kind,
                ConnectionKind::Agent | ConnectionKind::Egress
            ) {
                return refuse(Code::Invalid);
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
        self.close(&numbers, CloseCause::Moved, None);
        let mut numbers_there: BTreeMap<u32, u32> = BTreeMap::new();
        for (number, connection) in moving {
            let config = there.config_at_the_door();
            let alias = connection.alias.filter(|alias| !there.is_taken(alias));
            let newcomer = Newcomer {
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
            let opened = there.open(newcomer);
            numbers_there.insert(number, opened);
        }
        there.carry_rules(&identities, &numbers_there);
        Ok(())
    }

    /// Rules about persons hold for the same identities there; rules about connections go with
    /// those that are moved along.
    fn carry_rules(
        &mut self,
        identities: &BTreeMap<u32, Identity>,
        numbers_there: &BTreeMap<u32, u32>,
    ) {
        for number in numbers_there.values() {
            let Some(connection) = self.room.connections.get(number).cloned() else {
                continue;
            };
            let receive = &connection.permission.receive;
            let mut by_participant = BTreeMap::new();
            for (person, rule) in &receive.by_participant {
                if let Some(identity) = identities.get(&person.0) {
                    let number = self.register(identity);
                    by_participant.insert(ParticipantNumber(number), rule.clone());
                }
            }
            let by_connection = receive.by_connection.iter().filter_map(|(number, rule)| {
                let number = numbers_there.get(&number.0)?;
                Some((ConnectionNumber(*number), rule.clone()))
            });
            let by_connection = by_connection.collect();
            if let Some(connection) = self.room.connections.get_mut(number) {
                connection.permission.receive.by_participant = by_participant;
                connection.permission.receive.by_connection = by_connection;
            }
        }
    }
}
