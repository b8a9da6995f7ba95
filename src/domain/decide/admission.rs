//! Who may come in: one function for all dialects.
//!
//! Apart because the answer must name every failing reason with the event that is the reason. A
//! refused join never creates a room.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::draft::Draft;
use super::permissions::resolve_update;
use super::rooms::config_of;
use crate::domain::command::Join;
use crate::domain::event::{
    CloseCause, Closing, ConnectionActivated, ConnectionKind, ConnectionOpened, DuplicatePolicy,
    MovedFrom, OpenedBy, Profile, Reference, RoomConfig, Selector,
};
use crate::domain::id::{ConnectionNumber, Id, Identity};
use crate::domain::permission::Permission;
use crate::domain::personal::Personal;
use crate::domain::rejection::Rejection;
use crate::domain::state::{Revocation, Room, Session};

impl Draft<'_> {
    /// Lets somebody in, or tells every reason why not.
    pub(super) fn join(&mut self, it: &Join) -> Result<(), Rejection> {
        let id = self.mint(connection_taken);
        let identity = match &it.identity {
            Some(identity) => identity.clone(),
            None => Identity::new(&id.uuid().to_string()).map_err(|error| Rejection::Invalid {
                what: "identity".into(),
                problem: error.to_string(),
            })?,
        };
        let moved = it.moved_from.as_ref();
        let known = moved.and_then(|_| self.room.person_by_identity(&identity));
        self.require_free(it.alias.as_ref(), known.map(|(number, _)| number))?;
        self.admit(&identity, it)?;
        self.let_in(id, &identity, it)
    }

    /// Every failing reason, in the order of their weight.
    fn admit(&self, identity: &Identity, it: &Join) -> Result<(), Rejection> {
        let config = self.room.config().map_or_else(
            // What a join says of the session that it opens closes no door to it.
            || self.context.defaults.config.clone(),
            config_of,
        );
        let mut reasons = Vec::new();
        reasons.extend(self.banned(identity));
        self.revoked(identity, it, &mut reasons);
        reasons.extend(self.expired(identity, it));
        self.closed_room(&config, &mut reasons);
        reasons.extend(self.full(identity, it, &config));
        match (reasons.pop(), reasons.is_empty()) {
            (None, _) => Ok(()),
            (Some(only), true) => Err(only),
            (Some(last), false) => {
                reasons.push(last);
                Err(Rejection::Several(reasons))
            }
        }
    }

    fn banned(&self, identity: &Identity) -> Option<Rejection> {
        let (_, person) = self.room.person_by_identity(identity)?;
        let ban = person.ban?;
        if ban.until.is_some_and(|until| until <= self.context.now) {
            return None;
        }
        Some(Rejection::Banned {
            room: self.name(),
            identity: identity.as_str().to_owned(),
            until: ban.until,
            because: ban.set,
        })
    }

    /// While a revocation stands, a credential that does not say when it was issued is refused.
    fn revoked(&self, identity: &Identity, it: &Join, reasons: &mut Vec<Rejection>) {
        let own = self
            .room
            .person_by_identity(identity)
            .and_then(|(_, person)| person.revoked);
        let issued = it.credential.issued();
        let stands = |revocation: &Revocation| issued.is_none_or(|at| at < revocation.before);
        let standing = own.into_iter().chain(self.room.revoked_all).filter(stands);
        reasons.extend(standing.map(|found| Rejection::TokenRevoked {
            room: self.name(),
            identity: identity.as_str().to_owned(),
            before: found.before,
            issued,
            because: found.set,
        }));
    }

    fn expired(&self, identity: &Identity, it: &Join) -> Option<Rejection> {
        // Who is inside already is not asked again.
        let expired = it
            .credential
            .expires_at
            .filter(|_| it.moved_from.is_none())?;
        (expired.plus_seconds(LEEWAY_S) <= self.context.wall).then(|| Rejection::TokenExpired {
            room: self.name(),
            identity: identity.as_str().to_owned(),
            expired,
        })
    }

    fn closed_room(&self, config: &RoomConfig, reasons: &mut Vec<Rejection>) {
        let now = self.context.now;
        let room = self.name();
        let set = self.room.config_set();
        if config.disabled {
            reasons.push(Rejection::RoomDisabled {
                room: room.clone(),
                because: set.map(|set| set.disabled),
            });
        }
        if let Some(opens) = config.not_before.filter(|opens| *opens > now) {
            reasons.push(Rejection::RoomNotOpen {
                room: room.clone(),
                opens,
                because: set.map(|set| set.not_before),
            });
        }
        if let Some(expired) = config.expires_at.filter(|expired| *expired <= now) {
            reasons.push(Rejection::RoomExpired {
                room,
                expired,
                because: set.map(|set| set.expires_at),
            });
        }
    }

    fn full(&self, identity: &Identity, it: &Join, config: &RoomConfig) -> Option<Rejection> {
        if config.max_participants == 0 || is_dependent(it, config) {
            return None;
        }
        let replaced = match config.duplicate_identity {
            DuplicatePolicy::Replace => self.room.live_of(identity),
            DuplicatePolicy::Allow => Vec::new(),
        };
        let freed = replaced
            .iter()
            .filter(|connection| !connection.is_dependent())
            .count();
        let counted = self
            .room
            .open_session()
            .map_or(0, |session| session.counted);
        let staying = counted.saturating_sub(u32::try_from(freed).unwrap_or(u32::MAX));
        (staying >= config.max_participants).then(|| Rejection::RoomFull {
            room: self.name(),
            participants_max: config.max_participants,
            because: self.room.config_set().map(|set| set.max_participants),
        })
    }

    fn let_in(&mut self, id: Id, identity: &Identity, it: &Join) -> Result<(), Rejection> {
        let cause = it.moved_from.as_ref().map(|(room, _, version)| Reference {
            room: Some(room.clone()),
            version: *version,
        });
        self.ensure_room();
        let participant = self.register(identity);
        let mut unheeded = it.unheeded.clone();
        match self.room.open_session() {
            Some(session) => unheeded.extend(asked_in_vain(session, it)),
            None => self.open_session(OpenedBy::Join, &it.config, it.room_metadata.as_deref()),
        }
        let permission = self.initial_permission(it)?;
        let config = self.room.config().map(config_of);
        let number = self.room.next_connection;
        let replaces = self.replace_double(identity, config.as_ref());
        let now = self.context.now;
        let after = |seconds: Option<u32>| seconds.map(|after_s| now.plus_seconds(after_s));
        let eject_at = [
            it.eject_at,
            after(it.eject_after_s),
            after(config.as_ref().and_then(|config| config.eject_after_s)),
        ];
        let activation_s = config.map_or(0, |config| config.activation_timeout_s);
        let opened = ConnectionOpened {
            connection_id: id,
            number,
            participant,
            alias: it.alias.clone(),
            kind: it.kind,
            profile: Box::new(initial_profile(it)),
            permission: Arc::new(permission),
            credential: Arc::new(it.credential.clone()),
            reporter: it.reporter.clone(),
            eject_at: eject_at.into_iter().flatten().min(),
            activate_by: (!it.active).then(|| now.plus_seconds(activation_s)),
            replaces,
            moved_from: it
                .moved_from
                .as_ref()
                .map(|(room, connection, _)| MovedFrom {
                    room: room.clone(),
                    connection: *connection,
                }),
            unheeded: Personal::new(unheeded),
        };
        self.push_event(opened.into(), cause);
        if it.active {
            self.push(ConnectionActivated { connection: number });
        }
        Ok(())
    }

    /// Closes the live connections of the same identity, each caused by the one that follows.
    fn replace_double(
        &mut self,
        identity: &Identity,
        config: Option<&RoomConfig>,
    ) -> Option<ConnectionNumber> {
        if config.is_some_and(|config| config.duplicate_identity == DuplicatePolicy::Allow) {
            return None;
        }
        let old: Vec<_> = self
            .room
            .live_of(identity)
            .iter()
            .map(|connection| connection.number)
            .collect();
        let newest = old.last().copied()?;
        let closing = Closing {
            cause: CloseCause::Replaced,
            reported_reason: None,
            due_at: None,
        };
        self.close(Selector::Chosen, &old, closing, None);
        Some(newest)
    }

    fn initial_permission(&mut self, it: &Join) -> Result<Permission, Rejection> {
        let base = self
            .room
            .config()
            .and_then(|config| config.default_permission.clone())
            .unwrap_or_else(Permission::standard);
        match &it.permission {
            Some(update) => Ok(resolve_update(self, update)?.patch.apply(&base)),
            None => Ok(base),
        }
    }
}

/// Settings that a join asks for, and that differ in a session which is open already.
fn asked_in_vain(session: &Session, it: &Join) -> BTreeMap<String, String> {
    let (has, asked) = (&session.config, &it.config);
    let numbers = [
        (
            "empty_timeout_s",
            asked.empty_timeout_s,
            has.empty_timeout_s,
        ),
        (
            "departure_timeout_s",
            asked.departure_timeout_s,
            has.departure_timeout_s,
        ),
        (
            "max_participants",
            asked.max_participants,
            has.max_participants,
        ),
    ];
    let numbers = numbers.into_iter().filter_map(|(name, asked, has)| {
        let asked = asked.filter(|asked| *asked != has)?;
        Some((name.to_owned(), asked.to_string()))
    });
    let properties = asked.properties.iter();
    let properties = properties.filter(|(name, value)| has.properties.get(*name) != Some(value));
    let metadata = it.room_metadata.as_ref();
    let is_so = |asked: &String| {
        session
            .metadata
            .as_ref()
            .is_some_and(|it| *it.value == **asked)
    };
    let metadata = metadata.filter(|asked| !is_so(asked));
    numbers
        .chain(properties.map(|(name, value)| (name.clone(), value.clone())))
        .chain(metadata.map(|asked| ("metadata".to_owned(), asked.clone())))
        .collect()
}

fn connection_taken(room: &Room, key: u128) -> bool {
    room.session
        .as_ref()
        .is_some_and(|session| session.by_short_id.contains_key(&key))
}

/// As far as the credential and the room's default tell, before any connection exists.
fn is_dependent(it: &Join, config: &RoomConfig) -> bool {
    let patch = it.permission.as_ref().map(|update| &update.patch);
    let default = config.default_permission.as_ref();
    let agent = patch.and_then(|patch| patch.agent);
    let recorder = patch.and_then(|patch| patch.recorder);
    let marked = agent.unwrap_or(default.is_some_and(|default| default.agent))
        || recorder.unwrap_or(default.is_some_and(|default| default.recorder));
    marked || matches!(it.kind, ConnectionKind::Agent | ConnectionKind::Egress)
}

fn initial_profile(it: &Join) -> Profile {
    let attributes = it.profile.attributes.iter();
    Profile {
        name: Personal::new(it.profile.name.clone().unwrap_or_default()),
        metadata: Personal::new(it.profile.metadata.clone().unwrap_or_default()),
        attributes: Personal::new(
            attributes
                .filter_map(|(key, value)| Some((key.clone(), value.clone()?)))
                .collect(),
        ),
    }
}

/// The leeway that LiveKit grants on a token's times.
const LEEWAY_S: u32 = 60;
