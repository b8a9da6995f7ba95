//! Rooms, sessions and timers. Apart because a room outlives its sessions.

use serde_json::Value;

use super::facts::{Life, Session, settings};
use super::{Ruling, Turn, bounded, refuse};
use crate::domain::command::{ConfigPatch, CreateRoom, SessionDataMerge, UpdateRoom};
use crate::domain::event::{CloseCause, EndReason, Kind, OpenedBy, RoomConfig};
use crate::domain::limits::{METADATA_BYTES_MAX, SESSION_DATA_BYTES_MAX};
use crate::domain::{Code, Id, Timestamp};

impl Turn<'_> {
    pub(super) fn create(&mut self, it: &CreateRoom) -> Ruling {
        bounded(it.metadata.as_deref(), METADATA_BYTES_MAX)?;
        let base = self.room.life.as_ref().map(|life| life.config.clone());
        let base = base.unwrap_or_else(|| self.defaults.clone());
        bounded_properties(&settings(&base, &it.config))?;
        let metadata = it.metadata.clone();
        if self.room.life.is_some() {
            let is_over = self.expired();
            if is_over && it.replaces_expired && self.room.live().next().is_none() {
                self.delete()?;
            } else if it.refuse_existing {
                return refuse(Code::Invalid);
            } else if is_over && it.replaces_expired {
                return refuse(Code::RoomExpired);
            } else if it.opens_session && !self.room.is_open() {
                self.open_session(OpenedBy::Create, &it.config, metadata);
                return Ok(());
            } else {
                return self.no_effect();
            }
        }
        // What a call that opens a session says holds for that session alone.
        if it.opens_session {
            self.make(
                self.defaults.clone(),
                String::new(),
                it.aliases.clone(),
                true,
            );
            self.open_session(OpenedBy::Create, &it.config, metadata);
        } else {
            let config = settings(self.defaults, &it.config);
            self.make(
                config,
                metadata.unwrap_or_default(),
                it.aliases.clone(),
                true,
            );
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
        let Some(life) = &self.room.life else {
            return;
        };
        self.room.sessions += 1;
        let number = self.room.sessions;
        let minted = self.minted.sessions.get(&(self.name.clone(), number));
        self.room.session = Some(Session {
            number,
            generation: self.room.generation,
            id: minted.copied().unwrap_or_default(),
            opened_at: self.now,
            by,
            config: settings(&life.config, change),
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
    pub(super) fn expired(&self) -> bool {
        let life = self.room.life.as_ref();
        let expires_at = life.and_then(|life| life.config.expires_at);
        expires_at.is_some_and(|at| at <= self.now)
    }

    pub(super) fn update_room(&mut self, it: &UpdateRoom) -> Ruling {
        self.exists()?;
        if it.refuse_expired && self.expired() {
            return refuse(Code::RoomExpired);
        }
        if it.session_only && !self.room.is_open() {
            return refuse(Code::NoOpenSession);
        }
        bounded(it.metadata.as_deref(), METADATA_BYTES_MAX)?;
        let before = (self.room.life.clone(), self.room.session.clone());
        // Settings are the room's and the open session's; metadata may be the session's alone.
        if let Some(life) = self.room.life.as_mut() {
            life.config = settings(&life.config, &it.config);
            bounded_properties(&life.config)?;
        }
        if let Some(session) = self.room.open_session() {
            session.config = settings(&session.config, &it.config);
        }
        let mut changed = before != (self.room.life.clone(), self.room.session.clone());
        if changed {
            self.record(Kind::RoomConfigChanged);
        }
        if let Some(metadata) = &it.metadata {
            let shown = self.room.metadata() != Some(metadata);
            let kept = |life: &Life| !it.session_only && life.metadata != *metadata;
            if shown || self.room.life.as_ref().is_some_and(kept) {
                if let Some(life) = self.room.life.as_mut().filter(|_| !it.session_only) {
                    life.metadata.clone_from(metadata);
                }
                if let Some(session) = self.room.open_session() {
                    session.metadata = Some(metadata.clone());
                }
                self.record(Kind::RoomMetadataChanged);
                changed = true;
            }
        }
        if changed { Ok(()) } else { self.no_effect() }
    }

    /// Bans and revocations last within a generation; numbers and ids are for ever.
    pub(super) fn delete(&mut self) -> Ruling {
        self.exists()?;
        if self.room.is_open() {
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
        Ok(())
    }

    pub(super) fn end(&mut self) -> Ruling {
        self.exists()?;
        if !self.room.is_open() {
            return refuse(Code::NoOpenSession);
        }
        self.record(Kind::SessionEndRequested);
        self.end_session(EndReason::Requested, CloseCause::SessionEnded);
        Ok(())
    }

    /// Nothing where the session that is meant is over; where there was none, that is another
    /// thing.
    pub(super) fn end_if_open(&mut self, meant: Option<Id>) -> Ruling {
        self.exists()?;
        let generation = self.room.generation;
        let latest = self.room.session.clone();
        match latest.filter(|session| session.generation == generation) {
            None => refuse(Code::NoOpenSession),
            Some(latest) if latest.ended.is_some() || meant.is_some_and(|id| id != latest.id) => {
                self.no_effect()
            }
            Some(_) => self.end(),
        }
    }

    pub(super) fn end_session(&mut self, reason: EndReason, cause: CloseCause) {
        let inside: Vec<u32> = self.room.live().map(|(number, _)| number).collect();
        self.close(&inside, cause, None);
        self.record(Kind::SessionEnded);
        let now = self.now;
        if let Some(session) = self.room.open_session() {
            session.ended = Some((now, reason));
        }
    }

    /// Lets every timer that is due fire: those of connections, then the room's expiry, then that
    /// of an idle session. What a timer starts counts from now.
    pub(super) fn tick(&mut self) {
        let due = |it: Option<Timestamp>, now| it.is_some_and(|at| at <= now);
        let live = self.room.live().filter(|(_, it)| due(it.due(), self.now));
        let mut closing: Vec<_> = live
            .map(|(number, it)| (it.due(), number, it.eject_at))
            .collect();
        closing.sort_unstable();
        for (due, number, eject_at) in closing {
            let cause = if eject_at == due {
                CloseCause::Expired
            } else {
                CloseCause::NeverActive
            };
            self.close(&[number], cause, None);
        }
        if due(self.room.expiry_due(), self.now) {
            self.end_session(EndReason::Expired, CloseCause::RoomExpired);
        } else if due(self.room.idle_due(), self.now) {
            let joined = self.room.session.as_ref().is_some_and(|it| it.joined_ever);
            let reason = if joined {
                EndReason::Departed
            } else {
                EndReason::Empty
            };
            self.end_session(reason, CloseCause::RoomClosed);
        }
    }

    pub(super) fn share(
        &mut self,
        data: &str,
        merge: SessionDataMerge,
        delete_keys: &[String],
    ) -> Ruling {
        self.exists()?;
        let Some(session) = self.room.open_session() else {
            return refuse(Code::NoOpenSession);
        };
        let Ok(mut given) = serde_json::from_str::<Value>(data) else {
            return refuse(Code::Invalid);
        };
        let before = session.data.as_deref().map(serde_json::from_str::<Value>);
        let before = before.and_then(Result::ok);
        // Keys are dropped of what a merge comes to; a whole new value is as it is given.
        if merge == SessionDataMerge::Shallow {
            let Value::Object(keys) = given else {
                return refuse(Code::Invalid);
            };
            let mut merged = match &before {
                None => serde_json::Map::new(),
                Some(Value::Object(before)) => before.clone(),
                Some(_) => return refuse(Code::Invalid),
            };
            merged.extend(keys);
            merged.retain(|key, _| !delete_keys.contains(key));
            given = Value::Object(merged);
        }
        let text = given.to_string();
        bounded(Some(&text), SESSION_DATA_BYTES_MAX)?;
        if before == Some(given) {
            return self.no_effect();
        }
        session.data = Some(text);
        self.record(Kind::SessionDataChanged);
        Ok(())
    }

    /// The end of an interval that starts now.
    pub(super) const fn after(&self, seconds: u32) -> Timestamp {
        self.now.plus_seconds(seconds)
    }
}

/// A room's own settings of a dialect share the bound of its metadata.
fn bounded_properties(config: &RoomConfig) -> Ruling {
    let properties = config.properties.iter();
    let bytes: usize = properties.map(|(key, value)| key.len() + value.len()).sum();
    if bytes > METADATA_BYTES_MAX {
        return refuse(Code::TooLarge);
    }
    Ok(())
}
