//! Rooms, sessions and timers. Apart because a room outlives its sessions.

use serde_json::{Map, Value};

use super::{Ruling, Turn, bounded, known, refuse, require};
use crate::domain::command::{ConfigPatch, CreateRoom, SessionDataMerge, UpdateRoom};
use crate::domain::event::{CloseCause, EndReason, Kind, OpenedBy, RoomConfig};
use crate::domain::limits::{METADATA_BYTES_MAX, SESSION_DATA_BYTES_MAX};
use crate::domain::{Code, Id, Timestamp};
use crate::testing::facts::{Life, Session};

impl Turn<'_> {
    pub(super) fn create(&mut self, it: &CreateRoom) -> Ruling {
        let opens = it.opens_session;
        bounded(it.metadata.as_deref(), METADATA_BYTES_MAX)?;
        let of_room = self.room.life.as_ref().map(|life| &life.config);
        bounded_properties(&settings(of_room.unwrap_or(self.defaults), &it.config))?;
        if self.room.life.is_some() {
            let is_over = it.replaces_expired && self.expired();
            if !is_over || self.room.live().next().is_some() {
                require(!it.refuse_existing, Code::Invalid)?;
                require(!is_over, Code::RoomExpired)?;
                if opens && self.room.open().is_none() {
                    self.open_session(OpenedBy::Create, &it.config, it.metadata.clone());
                }
                return Ok(());
            }
            self.delete();
        }
        // What a call that opens a session says holds for that session alone.
        let of_room = it.metadata.clone().filter(|_| !opens).unwrap_or_default();
        let config = if opens {
            self.defaults.clone()
        } else {
            settings(self.defaults, &it.config)
        };
        self.make(config, of_room, it.aliases.clone(), true);
        if opens {
            self.open_session(OpenedBy::Create, &it.config, it.metadata.clone());
        }
        Ok(())
    }

    pub(super) fn make(
        &mut self,
        config: RoomConfig,
        metadata: String,
        aliases: Vec<String>,
        explicit: bool,
    ) {
        self.room.generation += 1;
        self.room.life = Some(Life {
            created_at: self.now,
            explicit,
            aliases,
            config,
            metadata,
        });
        self.record(Kind::RoomCreated);
    }

    /// Nothing of one session leaks into the next.
    pub(super) fn open_session(
        &mut self,
        by: OpenedBy,
        change: &ConfigPatch,
        metadata: Option<String>,
    ) {
        self.room.sessions += 1;
        let number = self.room.sessions;
        let minted = self.minted.sessions.get(&(self.name.clone(), number));
        self.room.session = Some(Session {
            number,
            generation: self.room.generation,
            id: minted.copied().unwrap_or_default(),
            opened_at: self.now,
            by,
            config: settings(&known(self.room.life.as_ref()).config, change),
            metadata,
            data: None,
            ended: None,
            joined_ever: false,
            last_left_at: None,
        });
        self.room.connections.clear();
        self.record(Kind::SessionOpened);
    }

    /// Whether the room's time is over.
    fn expired(&self) -> bool {
        let life = self.room.life.as_ref();
        let expires_at = life.and_then(|life| life.config.expires_at);
        expires_at.is_some_and(|at| at <= self.now)
    }

    /// Settings are the room's and the open session's; metadata may be the session's alone.
    pub(super) fn update_room(&mut self, it: &UpdateRoom) -> Ruling {
        require(!it.refuse_expired || !self.expired(), Code::RoomExpired)?;
        let is_open = self.room.open().is_some();
        require(!it.session_only || is_open, Code::NoOpenSession)?;
        bounded(it.metadata.as_deref(), METADATA_BYTES_MAX)?;
        let before = self.room.clone();
        let life = known(self.room.life.as_mut());
        life.config = settings(&life.config, &it.config);
        bounded_properties(&life.config)?;
        if is_open {
            let session = known(self.room.session.as_mut());
            session.config = settings(&session.config, &it.config);
        }
        if self.room != before {
            self.record(Kind::RoomConfigChanged);
        }
        let Some(metadata) = &it.metadata else {
            return Ok(());
        };
        let is_shown = self.room.metadata() == Some(metadata);
        let life = known(self.room.life.as_mut());
        if is_shown && (it.session_only || life.metadata == *metadata) {
            return Ok(());
        }
        if !it.session_only {
            life.metadata.clone_from(metadata);
        }
        if is_open {
            known(self.room.session.as_mut()).metadata = Some(metadata.clone());
        }
        self.record(Kind::RoomMetadataChanged);
        Ok(())
    }

    /// Bans and revocations last within a generation; numbers and ids are for ever.
    pub(super) fn delete(&mut self) {
        if self.room.open().is_some() {
            self.record(Kind::SessionEndRequested);
            self.end_session(EndReason::RoomDeleted, CloseCause::RoomDeleted);
        }
        self.room.life = None;
        self.room.revoked_all = None;
        for person in self.room.people.values_mut() {
            person.ban = None;
            person.revoked = None;
        }
        self.record(Kind::RoomDeleted);
    }

    pub(super) fn end(&mut self) -> Ruling {
        require(self.room.open().is_some(), Code::NoOpenSession)?;
        self.record(Kind::SessionEndRequested);
        self.end_session(EndReason::Requested, CloseCause::SessionEnded);
        Ok(())
    }

    /// Nothing where the session that is meant is over. Where this generation had none, the request
    /// is refused.
    pub(super) fn end_if_open(&mut self, meant: Option<Id>) -> Ruling {
        let latest = self.room.session.as_ref();
        let latest = latest.filter(|it| it.generation == self.room.generation);
        match latest {
            None => refuse(Code::NoOpenSession),
            Some(it) if it.ended.is_some() || meant.is_some_and(|id| id != it.id) => Ok(()),
            Some(_) => self.end(),
        }
    }

    fn end_session(&mut self, reason: EndReason, cause: CloseCause) {
        let inside: Vec<u32> = self.room.live().map(|(number, _)| number).collect();
        self.close(&inside, cause, None);
        known(self.room.session.as_mut()).ended = Some((self.now, reason));
        self.record(Kind::SessionEnded);
    }

    /// Lets every timer that is due fire: those of connections, then the room's expiry, then that
    /// of an idle session. What a timer starts counts from now.
    pub(super) fn tick(&mut self) {
        let now = self.now;
        let is_due = |it: Option<Timestamp>| it.is_some_and(|at| at <= now);
        let over = self.room.live().filter(|(_, it)| is_due(it.due()));
        let mut over: Vec<_> = over
            .map(|(number, it)| (it.due(), number, it.eject_at))
            .collect();
        over.sort_unstable();
        for (due, number, eject_at) in over {
            let cause = if eject_at == due {
                CloseCause::Expired
            } else {
                CloseCause::NeverActive
            };
            self.close(&[number], cause, None);
        }
        if is_due(self.room.expiry_due()) {
            self.end_session(EndReason::Expired, CloseCause::RoomExpired);
        } else if is_due(self.room.idle_due()) {
            let reason = if self.session().joined_ever {
                EndReason::Departed
            } else {
                EndReason::Empty
            };
            self.end_session(reason, CloseCause::RoomClosed);
        }
    }

    /// Keys are dropped of what a merge comes to; a whole new value is as it is given.
    pub(super) fn share(
        &mut self,
        data: &str,
        merge: SessionDataMerge,
        delete_keys: &[String],
    ) -> Ruling {
        require(self.room.open().is_some(), Code::NoOpenSession)?;
        let read =
            |text: &str| serde_json::from_str::<Value>(text).or_else(|_| refuse(Code::Invalid));
        let session = known(self.room.session.as_mut());
        let before = session.data.as_deref().map(read).transpose()?;
        let mut after = read(data)?;
        if merge == SessionDataMerge::Shallow {
            let nothing = Value::Object(Map::new());
            let both = [before.as_ref().unwrap_or(&nothing), &after].map(Value::as_object);
            let [Some(before), Some(given)] = both else {
                return refuse(Code::Invalid);
            };
            let merged = before
                .iter()
                .chain(given)
                .map(|(key, it)| (key.clone(), it.clone()));
            let mut merged: Map<String, Value> = merged.collect();
            merged.retain(|key, _| !delete_keys.contains(key));
            after = Value::Object(merged);
        }
        let text = after.to_string();
        bounded(Some(&text), SESSION_DATA_BYTES_MAX)?;
        if before != Some(after) {
            session.data = Some(text);
            self.record(Kind::SessionDataChanged);
        }
        Ok(())
    }
}

/// Settings with a change: what the change does not say stays, and properties merge by key.
fn settings(base: &RoomConfig, change: &ConfigPatch) -> RoomConfig {
    let mut after = base.clone();
    macro_rules! take {
        ($($field:ident)*) => {
            $(if let Some(value) = &change.$field {
                after.$field.clone_from(value);
            })*
        };
    }
    take!(empty_timeout_s departure_timeout_s max_participants enable_remote_unmute
        duplicate_identity not_before expires_at eject_at_expiry eject_after_s disabled
        default_permission);
    after.properties.extend(change.properties.clone());
    after
}

/// A room's own settings of a dialect share the bound of its metadata.
fn bounded_properties(config: &RoomConfig) -> Ruling {
    let properties = config.properties.iter();
    let bytes: usize = properties.map(|(key, value)| key.len() + value.len()).sum();
    require(bytes <= METADATA_BYTES_MAX, Code::TooLarge)
}
