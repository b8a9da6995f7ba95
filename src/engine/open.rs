//! From a log to a running engine. Apart because it happens once: fold what the last checkpoint
//! does not have, find the outcomes of the last day, and say what to record of the start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use super::batch::repair_fact;
use super::cache::Idle;
use super::checkpoint::Checkpoint;
use super::error::EngineError;
use super::history::room_at;
use super::idempotency::{Bounds, Outcomes};
use super::shared::Shared;
use super::timers::Timers;
use crate::domain::event::{DefaultsChanged, EngineStarted, RoomConfig};
use crate::domain::{Event, Kind, RULESET, Room, RoomName, Timestamp, Version};
use crate::replay::{Moment, fold};
use crate::store::{Position, Record, StoreError};

/// What the log says.
pub(crate) struct Restored {
    pub(crate) timers: Timers,
    pub(crate) idle: Idle,
    pub(crate) outcomes: Outcomes,
    pub(crate) system: Version,
    pub(crate) last: Timestamp,
    /// Whether the clock was held at the end of the log.
    pub(crate) held: bool,
    /// The defaults as last recorded.
    pub(crate) defaults: Option<Arc<RoomConfig>>,
    /// Where the checkpoint stands that it began with.
    pub(crate) checkpointed: Position,
    rooms: BTreeMap<RoomName, Arc<Room>>,
    /// Rooms that lost events, which an operator accepted.
    incomplete: BTreeSet<RoomName>,
    /// Whether the log ends where an engine closed it, or is new.
    clean: bool,
}

impl Restored {
    /// Folds the log from the last checkpoint on, and publishes the rooms that stay in memory.
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
            held: false,
            rooms: BTreeMap::new(),
            incomplete: BTreeSet::new(),
            defaults: None,
            checkpointed: Position(0),
            clean: true,
        };
        restored.begin(shared);
        for commit in shared.store.read_commits(restored.checkpointed)? {
            for record in commit?.into_records() {
                restored.fold(shared, &record)?;
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
            let before = self.defaults.clone();
            facts.push(Event::from(DefaultsChanged { before, config }));
        }
        facts.extend(config.repairs.iter().filter_map(repair_fact));
        facts
    }

    fn begin(&mut self, shared: &Shared) {
        let Some((checkpoint, link)) = shared.store.caches().and_then(Checkpoint::load) else {
            return;
        };
        self.checkpointed = link.position;
        self.system = checkpoint.system;
        self.last = checkpoint.last;
        self.held = checkpoint.held;
        self.clean = checkpoint.clean;
        self.defaults = checkpoint.defaults;
        shared.api_revocations.store(checkpoint.api_revocations);
        let named = |room: Arc<Room>| (room.name.clone(), room);
        self.rooms = checkpoint.rooms.into_iter().map(named).collect();
        for outcome in checkpoint.outcomes {
            self.outcomes.remember(outcome);
        }
    }

    fn fold(&mut self, shared: &Shared, record: &Record) -> Result<(), StoreError> {
        self.last = record.command.recorded_at;
        self.clean = matches!(record.event.event, Event::EngineStopped(_));
        if let Some(name) = &record.room {
            self.fold_room(shared, name, record)?;
        } else {
            self.system = record.version;
            shared.believe(&record.event.event);
            let kind = record.event.event.kind();
            if let Event::DefaultsChanged(changed) = &record.event.event {
                self.defaults = Some(Arc::clone(&changed.config));
            } else if kind == Kind::ClockHeld {
                self.held = true;
            } else if matches!(kind, Kind::ClockReleased | Kind::EngineStarted) {
                // A start that finds the clock wrong says so itself.
                self.held = false;
            }
        }
        let about = record.command.request.as_ref();
        let about = about.and_then(|request| self.rooms.get(request.key.room.as_ref()?));
        let version = about.map_or(Version(0), |room| room.version);
        self.outcomes.recall(record, version);
        Ok(())
    }

    /// A room that lacks events is not held: what it came to is not known, and whoever asks is
    /// told so.
    fn fold_room(
        &mut self,
        shared: &Shared,
        name: &RoomName,
        record: &Record,
    ) -> Result<(), StoreError> {
        if self.incomplete.contains(name) {
            return Ok(());
        }
        if !self.rooms.contains_key(name) {
            let before = Version(record.version.0.saturating_sub(1));
            match outside(shared, name, before) {
                Ok(room) => drop(self.rooms.insert(name.clone(), room)),
                Err(StoreError::Incomplete { .. }) => {
                    self.incomplete.insert(name.clone());
                }
                Err(error) => return Err(error),
            }
        }
        let before = self.rooms.get(name).map(|room| room.version);
        if before.is_some_and(|before| record.version > before.next()) {
            self.rooms.remove(name);
            self.incomplete.insert(name.clone());
        }
        if let Some(room) = self.rooms.get_mut(name) {
            fold(Arc::make_mut(room), record)?;
        }
        Ok(())
    }

    fn publish(&mut self, shared: &Shared) {
        let mut rooms: Vec<Arc<Room>> = std::mem::take(&mut self.rooms).into_values().collect();
        rooms.sort_by_key(|room| room.recorded_at);
        for room in rooms {
            self.timers.set(&room.name, room.next_due());
            let gone = self.idle.touch(&room, shared.config.idle_rooms_max);
            shared.rooms.publish(room);
            for name in gone {
                shared.rooms.forget(&name);
            }
        }
    }
}

/// A room that was not in memory at the checkpoint, or is new. It cannot be done without: timers
/// may run in it.
fn outside(shared: &Shared, name: &RoomName, at: Version) -> Result<Arc<Room>, StoreError> {
    loop {
        match room_at(&*shared.store, name, Moment::Version(at)) {
            Err(StoreError::Opening) => thread::sleep(OPENING_PAUSE),
            other => return other,
        }
    }
}

/// Opening takes seconds at most: nobody notices this much more.
const OPENING_PAUSE: Duration = Duration::from_millis(10);
