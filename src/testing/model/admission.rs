//! Who comes in. Apart because admission is one rule for joins and moves.

use std::collections::BTreeMap;

use super::facts::{Connection, Named};
use super::people::bounded_profile;
use super::rights::changed;
use super::{Ruling, Turn, bounded, refuse};
use crate::domain::command::{ConfigPatch, Join, ProfileUpdate};
use crate::domain::event::{
    CloseCause, ConnectionKind, Credential, DuplicatePolicy, Kind, OpenedBy, RoomConfig,
};
use crate::domain::limits::{METADATA_BYTES_MAX, NOTE_BYTES_MAX};
use crate::domain::{Code, Identity, Permission, Target, Timestamp};

/// Somebody at the door.
#[derive(Clone, Debug)]
pub(super) struct Newcomer {
    pub(super) identity: Identity,
    pub(super) alias: Option<String>,
    pub(super) active: bool,
    pub(super) kind: ConnectionKind,
    pub(super) name: String,
    pub(super) metadata: String,
    pub(super) attributes: BTreeMap<String, String>,
    pub(super) permission: Permission,
    pub(super) credential: Credential,
    pub(super) reporter: Option<String>,
    pub(super) eject_at: Option<Timestamp>,
    pub(super) moved_from: Option<(String, u32)>,
}

impl Turn<'_> {
    pub(super) fn join(&mut self, it: &Join) -> Ruling {
        bounded_profile(&it.profile)?;
        bounded(it.room_metadata.as_deref(), METADATA_BYTES_MAX)?;
        bounded(it.reporter.as_deref(), NOTE_BYTES_MAX)?;
        let number = self.room.connections_ever + 1;
        let own_uuid = self.minted_connection(number).uuid().to_string();
        let identity = it
            .identity
            .clone()
            .or_else(|| Identity::new(&own_uuid).ok());
        let Some(identity) = identity else {
            return refuse(Code::Invalid);
        };
        let alias = it.alias.as_ref().map(|alias| alias.as_str().to_owned());
        if alias.as_deref().is_some_and(|alias| self.is_taken(alias)) {
            return refuse(Code::IdReused);
        }
        let config = self.config_at_the_door();
        let update = it.permission.clone().unwrap_or_default();
        let default = default_permission(&config);
        let mut newcomer = Newcomer {
            identity,
            alias,
            active: it.active,
            kind: it.kind,
            name: it.profile.name.clone().unwrap_or_default(),
            metadata: it.profile.metadata.clone().unwrap_or_default(),
            attributes: given(&it.profile),
            permission: changed(&default, &update.patch),
            credential: it.credential.clone(),
            reporter: it.reporter.clone(),
            eject_at: it.eject_at,
            moved_from: None,
        };
        self.let_in(&newcomer, &config, true)?;
        self.prepare(&newcomer.identity, &it.config, it.room_metadata.as_ref());
        // Rules about people and connections need numbers, which only who came in gives them.
        let default = default_permission(&self.config_at_the_door());
        let (patch, _) = self.resolved(&update)?;
        newcomer.permission = changed(&default, &patch);
        self.open(newcomer);
        Ok(())
    }

    /// The settings that somebody meets who comes in now: those that a join brings for the session
    /// that it opens are not among them.
    pub(super) fn config_at_the_door(&self) -> RoomConfig {
        let known = self.room.config().cloned();
        known.unwrap_or_else(|| self.defaults.clone())
    }

    /// Lets somebody in, or tells every reason why not, the weightiest first.
    pub(super) fn let_in(
        &self,
        newcomer: &Newcomer,
        config: &RoomConfig,
        presents_token: bool,
    ) -> Ruling {
        let person = self.room.people.get(&newcomer.identity);
        let ban = person.and_then(|person| person.ban);
        let issued = issued(&newcomer.credential);
        // A credential that does not say when it was issued is refused while a revocation stands.
        let is_revoked = |before: Option<Timestamp>| {
            before.is_some_and(|before| issued.is_none_or(|issued| issued < before))
        };
        // Tokens expire by the wall clock, with a minute of leeway.
        let expires = newcomer.credential.expires_at.filter(|_| presents_token);
        let is_expired = expires.is_some_and(|at| at.plus_seconds(TOKEN_LEEWAY_S) <= self.wall);
        let replaced = self.replaced(&newcomer.identity, config);
        let stay = self
            .room
            .live()
            .filter(|(number, _)| !replaced.contains(number));
        let counted = stay.filter(|(_, it)| it.counts()).count();
        let max = usize::try_from(config.max_participants).unwrap_or(usize::MAX);
        let reasons = [
            (ban.is_some_and(|until| self.stands(until)), Code::Banned),
            (
                is_revoked(person.and_then(|it| it.revoked)),
                Code::TokenRevoked,
            ),
            (is_revoked(self.room.revoked_all), Code::TokenRevoked),
            (is_expired, Code::TokenExpired),
            (config.disabled, Code::RoomDisabled),
            (
                config.not_before.is_some_and(|at| at > self.now),
                Code::RoomNotOpen,
            ),
            (
                config.expires_at.is_some_and(|at| at <= self.now),
                Code::RoomExpired,
            ),
            (
                max > 0 && counted >= max && counts(newcomer),
                Code::RoomFull,
            ),
        ];
        let failing: Vec<Code> = reasons
            .into_iter()
            .filter_map(|(fails, code)| fails.then_some(code))
            .collect();
        if failing.is_empty() {
            Ok(())
        } else {
            Err(failing)
        }
    }

    pub(super) fn stands(&self, until: Option<Timestamp>) -> bool {
        until.is_none_or(|until| until > self.now)
    }

    fn replaced(&self, identity: &Identity, config: &RoomConfig) -> Vec<u32> {
        match config.duplicate_identity {
            DuplicatePolicy::Allow => Vec::new(),
            DuplicatePolicy::Replace => self.inside(&Target::Identity(identity.clone())),
        }
    }

    /// Room, number and session of somebody who was let in.
    pub(super) fn prepare(
        &mut self,
        identity: &Identity,
        config: &ConfigPatch,
        metadata: Option<&String>,
    ) {
        if self.room.life.is_none() {
            self.make(self.defaults.clone(), String::new(), Vec::new(), false);
        }
        self.register(identity);
        if !self.room.is_open() {
            self.open_session(OpenedBy::Join, config, metadata.cloned());
        }
    }

    /// Opens the connection of somebody who was let in; the one that it replaces closes before.
    pub(super) fn open(&mut self, newcomer: Newcomer) -> u32 {
        let Some(config) = self.room.config().cloned() else {
            return 0;
        };
        let replaced = self.replaced(&newcomer.identity, &config);
        self.close(&replaced, CloseCause::Replaced, None);
        self.room.connections_ever += 1;
        let number = self.room.connections_ever;
        let limit = config.eject_after_s.map(|after_s| self.after(after_s));
        let activate_by = (!newcomer.active).then(|| self.after(config.activation_timeout_s));
        if let Some(alias) = &newcomer.alias {
            let named = Named::Connection(number);
            self.room.moved_ids.remove(alias);
            self.room.aliases.insert(alias.clone(), named);
        }
        self.record(Kind::ConnectionOpened);
        let connection = Connection {
            id: self.minted_connection(number),
            activated_at: None,
            interrupted: false,
            opened_at: self.now,
            opened: self.room.version,
            closed: None,
            is_publisher: false,
            tracks: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            eject_at: [newcomer.eject_at, limit].into_iter().flatten().min(),
            activate_by,
            identity: newcomer.identity,
            alias: newcomer.alias,
            kind: newcomer.kind,
            name: newcomer.name,
            metadata: newcomer.metadata,
            attributes: newcomer.attributes,
            permission: newcomer.permission,
            credential: newcomer.credential,
            reporter: newcomer.reporter,
            moved_from: newcomer.moved_from,
        };
        if let Some(session) = self.room.open_session() {
            session.joined_ever |= connection.counts();
        }
        self.room.connections.insert(number, connection);
        if newcomer.active {
            let now = self.now;
            if let Some(connection) = self.room.connections.get_mut(&number) {
                connection.activated_at = Some(now);
            }
            self.record(Kind::ConnectionActivated);
        }
        number
    }
}

/// Credential over room over server: what a join gets that says nothing itself.
fn default_permission(config: &RoomConfig) -> Permission {
    let default = config.default_permission.clone();
    default.unwrap_or_else(Permission::standard)
}

fn counts(newcomer: &Newcomer) -> bool {
    let dependent = matches!(
        newcomer.kind,
        ConnectionKind::Agent | ConnectionKind::Egress
    );
    !(dependent || newcomer.permission.agent || newcomer.permission.recorder)
}

/// `iat` alone says when a token was issued; `nbf` only where there is no `iat`.
fn issued(credential: &Credential) -> Option<Timestamp> {
    credential.issued_at.or(credential.not_before)
}

/// The attributes that a profile sets.
fn given(profile: &ProfileUpdate) -> BTreeMap<String, String> {
    let attributes = profile.attributes.iter();
    attributes
        .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
        .collect()
}

/// Clocks differ, and a token is let in for this long after its end.
const TOKEN_LEEWAY_S: u32 = 60;
