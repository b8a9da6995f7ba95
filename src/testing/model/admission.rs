//! Who comes in, by a join or by a move. Apart because admission is one rule for both.

use std::collections::BTreeMap;

use serde_json::json;

use super::people::bounded_profile;
use super::rights::{changed, forbid, given, mentions};
use super::{Ruling, Turn, bounded, known, require};
use crate::domain::command::{ConfigPatch, Join};
use crate::domain::event::{CloseCause, DuplicatePolicy, Kind, OpenedBy, RoomConfig};
use crate::domain::limits::{METADATA_BYTES_MAX, NOTE_BYTES_MAX};
use crate::domain::{
    Code, ConnectionNumber, Id, Identity, ParticipantNumber, Permission, ReceiveRule, Target,
    Timestamp,
};
use crate::testing::facts::{Connection, Named};

impl Turn<'_> {
    /// The settings that a join brings are those of the session that it opens; it meets those in
    /// force: the open session's, else the room's, else the server's.
    pub(super) fn join(&mut self, it: &Join) -> Ruling {
        bounded_profile(&it.profile)?;
        bounded(it.room_metadata.as_deref(), METADATA_BYTES_MAX)?;
        bounded(it.reporter.as_deref(), NOTE_BYTES_MAX)?;
        let id = self.minted_next();
        let config = self.config_in_force();
        let update = it.permission.clone().unwrap_or_default();
        let attributes = it.profile.attributes.clone().into_iter();
        let attributes = attributes.filter_map(|(key, value)| Some((key, value?)));
        let mut newcomer = Connection {
            identity: it.identity.clone().unwrap_or_else(|| named_by(id)),
            id,
            alias: it.alias.as_ref().map(|alias| alias.as_str().to_owned()),
            kind: it.kind,
            activated_at: it.active.then_some(self.now),
            interrupted: false,
            opened_at: self.now,
            opened: 0,
            closed: None,
            name: it.profile.name.clone().unwrap_or_default(),
            metadata: it.profile.metadata.clone().unwrap_or_default(),
            attributes: attributes.collect(),
            permission: changed(&default_permission(config), &given(&update.patch)),
            is_publisher: false,
            tracks: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            credential: it.credential.clone(),
            reporter: it.reporter.clone(),
            eject_at: it.eject_at,
            activate_by: None,
            moved_from: None,
        };
        self.may_take(newcomer.alias.as_deref(), None)?;
        self.let_in(&newcomer, true)?;
        self.prepare(&newcomer.identity, &it.config, it.room_metadata.clone());
        // Rules about people and connections need numbers, which are given behind the door.
        let (change, _) = self.said(&update)?;
        newcomer.permission = changed(&default_permission(self.config_in_force()), &change);
        self.open(newcomer);
        Ok(())
    }

    /// Closes here and opens there, under the destination's admission. Nobody presents a token
    /// anew, so an old one keeps nobody from being moved. What serves a room stays in it.
    pub(super) fn move_to(&mut self, there: &mut Self, target: &Target) -> Ruling {
        let numbers = self.meant(target)?;
        let moving = numbers.iter().map(|number| self.get(*number).clone());
        let moving: Vec<Connection> = moving.collect();
        require(moving.iter().all(Connection::counts), Code::NotMovable)?;
        if numbers.is_empty() {
            return Ok(());
        }
        self.record(Kind::MoveRequested);
        for connection in &moving {
            let of_tracks = connection.tracks.values().filter_map(|it| it.alias.clone());
            for id in connection.alias.clone().into_iter().chain(of_tracks) {
                self.room.moved_ids.insert(id, connection.identity.clone());
            }
        }
        self.close(&numbers, CloseCause::Moved, None);
        let first = there.room.connections_ever + 1;
        let numbers_there: BTreeMap<u32, u32> = numbers.iter().copied().zip(first..).collect();
        let mut returned = BTreeMap::new();
        for (mut connection, (number, number_there)) in moving.into_iter().zip(&numbers_there) {
            if let Some(before) = there.continued_by(&connection) {
                returned.insert(before, *number_there);
            }
            connection.moved_from = Some((self.name.as_str().to_owned(), *number));
            there.may_take(connection.alias.as_deref(), Some(&connection.identity))?;
            let by_person = self.take_rules(&mut connection, &numbers_there);
            there.let_in(&connection, false)?;
            there.prepare(&connection.identity, &ConfigPatch::default(), None);
            for (identity, rule) in by_person {
                let person = ParticipantNumber(there.register(&identity).number);
                let rules = &mut connection.permission.receive.by_participant;
                rules.insert(person, rule);
            }
            there.open(connection);
        }
        there.rename_in_rules(&returned);
        Ok(())
    }

    fn config_in_force(&self) -> &RoomConfig {
        self.room.config().unwrap_or(self.defaults)
    }

    /// Lets somebody in, or tells every reason why not, the weightiest first.
    fn let_in(&self, newcomer: &Connection, presents_token: bool) -> Ruling {
        let config = self.config_in_force();
        let person = self.room.people.get(&newcomer.identity);
        let credential = &newcomer.credential;
        // `iat` alone says when a token was issued; `nbf` only where there is no `iat`. A
        // credential that says neither is refused while a revocation stands.
        let issued = credential.issued_at.or(credential.not_before);
        let is_revoked = |before: Option<Timestamp>| {
            before.is_some_and(|before| issued.is_none_or(|issued| issued < before))
        };
        // Tokens expire by the wall clock. Clocks differ: a minute is let pass.
        let expires_at = credential.expires_at.filter(|_| presents_token);
        let is_expired = expires_at.is_some_and(|at| at.plus_seconds(60) <= self.wall);
        let replaced = self.replaced(&newcomer.identity);
        let live = self.room.live();
        let staying = live.filter(|(number, it)| it.counts() && !replaced.contains(number));
        let staying = u32::try_from(staying.count()).unwrap_or(u32::MAX);
        let is_full = config.max_participants > 0 && staying >= config.max_participants;
        let ban = person.and_then(|person| person.ban);
        let mut reasons = Vec::new();
        let mut refuse_if = |fails: bool, code| reasons.extend(fails.then_some(code));
        refuse_if(ban.is_some_and(|until| self.stands(until)), Code::Banned);
        refuse_if(
            is_revoked(person.and_then(|it| it.revoked)),
            Code::TokenRevoked,
        );
        refuse_if(is_revoked(self.room.revoked_all), Code::TokenRevoked);
        refuse_if(is_expired, Code::TokenExpired);
        refuse_if(config.disabled, Code::RoomDisabled);
        refuse_if(
            config.not_before.is_some_and(|at| at > self.now),
            Code::RoomNotOpen,
        );
        refuse_if(
            config.expires_at.is_some_and(|at| at <= self.now),
            Code::RoomExpired,
        );
        refuse_if(is_full && newcomer.counts(), Code::RoomFull);
        if reasons.is_empty() {
            return Ok(());
        }
        Err(reasons)
    }

    fn replaced(&self, identity: &Identity) -> Vec<u32> {
        match self.config_in_force().duplicate_identity {
            DuplicatePolicy::Allow => Vec::new(),
            DuplicatePolicy::Replace => self.inside(&Target::Identity(identity.clone())),
        }
    }

    /// Room, number and session of somebody who was let in.
    fn prepare(&mut self, identity: &Identity, config: &ConfigPatch, metadata: Option<String>) {
        if self.room.life.is_none() {
            self.make(self.defaults.clone(), String::new(), Vec::new(), false);
        }
        self.register(identity);
        if self.room.open().is_none() {
            self.open_session(OpenedBy::Join, config, metadata);
        }
    }

    /// Opens the connection of somebody who was let in; the one that it replaces closes before.
    fn open(&mut self, newcomer: Connection) {
        let replaced = self.replaced(&newcomer.identity);
        self.close(&replaced, CloseCause::Replaced, None);
        let config = self.config_in_force();
        let after = |seconds| self.now.plus_seconds(seconds);
        let limit = config.eject_after_s.map(after);
        let activate_by = after(config.activation_timeout_s);
        let is_active = newcomer.activated_at.is_some();
        let id = self.minted_next();
        self.room.connections_ever += 1;
        let number = self.room.connections_ever;
        self.take(newcomer.alias.clone(), Named::Connection(number));
        self.count(newcomer.counts(), false);
        self.record(Kind::ConnectionOpened);
        let connection = Connection {
            id,
            activated_at: newcomer.activated_at.map(|_| self.now),
            interrupted: false,
            opened_at: self.now,
            opened: self.room.version,
            is_publisher: false,
            tracks: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            eject_at: [newcomer.eject_at, limit].into_iter().flatten().min(),
            activate_by: (!is_active).then_some(activate_by),
            ..newcomer
        };
        self.room.connections.insert(number, connection);
        if is_active {
            self.record(Kind::ConnectionActivated);
        }
    }

    fn minted_next(&self) -> Id {
        let number = self.room.connections_ever + 1;
        let minted = self.minted.connections.get(&(self.name.clone(), number));
        minted.copied().unwrap_or_default()
    }

    /// An id is anybody's once: it comes back only with the person with whom it was moved away.
    pub(super) fn may_take(&self, id: Option<&str>, moved: Option<&Identity>) -> Ruling {
        let is_free = id.is_none_or(|id| {
            let room = &self.room;
            let is_known = room.connection_named(id).is_some() || room.track_named(id).is_some();
            let comes_back = moved.is_some() && room.moved_ids.get(id) == moved;
            comes_back || !(is_known || room.aliases.contains_key(id))
        });
        require(is_free, Code::IdReused)
    }

    /// From now on the id stands for that connection or track.
    pub(super) fn take(&mut self, id: Option<String>, named: Named) {
        if let Some(id) = id {
            self.room.moved_ids.remove(&id);
            self.room.aliases.insert(id, named);
        }
    }

    /// The connection here that a newcomer was before it was moved away.
    fn continued_by(&self, newcomer: &Connection) -> Option<u32> {
        let from = newcomer.moved_from.as_ref();
        if let Some((_, number)) = from.filter(|(room, _)| room == self.name.as_str()) {
            return Some(*number);
        }
        let id = newcomer.alias.as_ref()?;
        let is_away = self.room.moved_ids.contains_key(id);
        self.room.connection_named(id).filter(|_| is_away)
    }

    /// Takes the rules of a connection that leaves apart: those about people are returned by
    /// identity; those about connections that move too stay, under their new numbers. What is
    /// forbidden of any other connection is forbidden of its person.
    fn take_rules(
        &self,
        leaving: &mut Connection,
        numbers_there: &BTreeMap<u32, u32>,
    ) -> BTreeMap<Identity, ReceiveRule> {
        let receive = &mut leaving.permission.receive;
        let by_number = std::mem::take(&mut receive.by_participant);
        let people = self.room.people.iter().filter_map(|(identity, person)| {
            let rule = by_number.get(&ParticipantNumber(person.number))?;
            Some((identity.clone(), rule.clone()))
        });
        let mut by_person: BTreeMap<Identity, ReceiveRule> = people.collect();
        for (number, rule) in std::mem::take(&mut receive.by_connection) {
            if let Some(number) = numbers_there.get(&number.0) {
                let number = ConnectionNumber(*number);
                receive.by_connection.insert(number, rule);
            } else if let Some(other) = self.room.connections.get(&number.0)
                && mentions(false, &json!(rule))
            {
                let of_person = by_person.entry(other.identity.clone()).or_default();
                *of_person = forbid(of_person, &rule);
            }
        }
        by_person
    }

    /// Rules of those inside about a connection that comes back go on.
    fn rename_in_rules(&mut self, returned: &BTreeMap<u32, u32>) {
        let mut after = BTreeMap::new();
        for (number, connection) in self.room.live() {
            let mut permission = connection.permission.clone();
            let rules = std::mem::take(&mut permission.receive.by_connection).into_iter();
            let renamed = rules.map(|(ConnectionNumber(number), rule)| {
                let number = returned.get(&number).copied().unwrap_or(number);
                (ConnectionNumber(number), rule)
            });
            permission.receive.by_connection = renamed.collect();
            after.insert(number, permission);
        }
        // That is no update of rights, so it makes nobody a publisher.
        after.retain(|number, permission| self.get(*number).permission != *permission);
        if !after.is_empty() {
            self.record(Kind::PermissionsChanged);
        }
        for (number, permission) in after {
            self.edit(number).permission = permission;
        }
    }
}

/// Who says nothing of an identity is called after the connection.
fn named_by(id: Id) -> Identity {
    known(Identity::new(&id.uuid().to_string()).ok())
}

/// Credential over room over server: what a join gets that says nothing itself.
fn default_permission(config: &RoomConfig) -> Permission {
    let default = config.default_permission.clone();
    default.unwrap_or_else(Permission::standard)
}
