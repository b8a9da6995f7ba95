//! From a log to a running engine. Apart because it happens once: fold everything, find the
//! outcomes of the last day, and record that the engine started.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::cache::Idle;
use super::error::EngineError;
use super::idempotency::{Bounds, Outcomes};
use super::shared::Shared;
use super::timers::Timers;
use crate::domain::event::{DefaultsChanged, EngineStarted, RoomConfig};
use crate::domain::{Event, RULESET, Room, RoomName, Timestamp, Version, evolve};
use crate::store::{EventStore, Position, Record, StoreError};

/// What the log says.
pub(crate) struct Restored {
    pub(crate) timers: Timers,
    pub(crate) idle: Idle,
    pub(crate) outcomes: Outcomes,
    pub(crate) system: Version,
    pub(crate) last: Timestamp,
    rooms: BTreeMap<RoomName, Room>,
    defaults: Option<Arc<RoomConfig>>,
    /// Whether the log ends where an engine closed it, or is new.
    clean: bool,
}

impl Restored {
    /// Folds the whole log, and publishes the rooms that stay in memory.
    pub(crate) fn read(shared: &Shared) -> Result<Self, EngineError> {
        let config = &shared.config;
        let mut restored = Self {
            timers: Timers::default(),
            idle: Idle::default(),
            outcomes: Outcomes::new(Bounds {
                at_most: config.outcomes_max,
                at_least: config.outcomes_min,
                for_s: config.outcomes_s,
            }),
            system: Version(0),
            last: Timestamp::EPOCH,
            rooms: BTreeMap::new(),
            defaults: None,
            clean: true,
        };
        let mut position = Position(0);
        loop {
            let page = read_when_open(&*shared.store, position)?;
            let Some(last) = page.last() else {
                break;
            };
            position = last.position;
            for record in &page {
                restored.fold(record);
            }
        }
        restored.publish(shared);
        Ok(restored)
    }

    /// The facts to be recorded at the start.
    pub(crate) fn facts(&self, shared: &Shared) -> Vec<Event> {
        let config = &shared.config;
        let started = EngineStarted {
            software: config.software.clone(),
            ruleset: RULESET,
            config_digest: config.config_digest,
            key_ids: config.key_ids.clone(),
            clean: self.clean,
        };
        let mut facts = vec![Event::from(started)];
        if self.defaults.as_deref() != Some(&config.defaults.config) {
            let config = Arc::new(config.defaults.config.clone());
            facts.push(Event::from(DefaultsChanged { config }));
        }
        facts.extend(config.history_repaired.iter().cloned().map(Event::from));
        facts
    }

    fn fold(&mut self, record: &Record) {
        let recorded_at = record.command.recorded_at;
        self.last = recorded_at;
        if let Some(name) = &record.room {
            if !self.rooms.contains_key(name) {
                self.rooms.insert(name.clone(), Room::new(name.clone()));
            }
            if let Some(room) = self.rooms.get_mut(name) {
                evolve(room, record.version, recorded_at, &record.event);
            }
        } else {
            self.system = record.version;
            if let Event::DefaultsChanged(changed) = &record.event.event {
                self.defaults = Some(Arc::clone(&changed.config));
            }
        }
        self.clean = matches!(record.event.event, Event::EngineStopped(_));
        let about = record.command.request.as_ref();
        let about = about.and_then(|request| self.rooms.get(request.key.room.as_ref()?));
        let version = about.map_or(Version(0), |room| room.version);
        self.outcomes.recall(record, version);
    }

    fn publish(&mut self, shared: &Shared) {
        let mut rooms: Vec<Room> = std::mem::take(&mut self.rooms).into_values().collect();
        rooms.sort_by_key(|room| room.recorded_at);
        for room in rooms {
            self.timers.set(&room.name, room.next_due());
            let gone = self.idle.touch(&room, shared.config.idle_rooms_max);
            shared.rooms.publish(Arc::new(room));
            for name in gone {
                shared.rooms.forget(&name);
            }
        }
    }
}

fn read_when_open(store: &dyn EventStore, after: Position) -> Result<Vec<Record>, EngineError> {
    loop {
        match store.read_all(after, PAGE) {
            Err(StoreError::Opening) => thread::sleep(OPENING_PAUSE),
            other => return Ok(other?),
        }
    }
}

/// Records folded at a time.
const PAGE: usize = 4_096;
/// Opening takes seconds at most: nobody notices this much more.
const OPENING_PAUSE: Duration = Duration::from_millis(10);
