//! The reference: the log folded record by record, with every command held against the rules as
//! [`crate::testing::model`] tells them. Apart because it never looks at the engine.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::{Command, Defaults, Kind, Request, Room, RoomName, Version, evolve};
use crate::store::{CommandRecord, Outcome, Position, Record, StoredCommit};
use crate::testing::comparison::{difference, expected, seen};
use crate::testing::facts::{Minted, Verdict};
use crate::testing::invariants::broken;
use crate::testing::model::Model as Rules;

/// What the log comes to.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) rooms: BTreeMap<RoomName, Room>,
    pub(super) head: Position,
    /// Each room now and then, to look back at.
    pub(super) past: Vec<Room>,
    /// Requests by their id, as they were asked.
    asked: BTreeMap<String, Request>,
    /// Where the command with that request id stands.
    recorded: BTreeMap<String, (Position, usize)>,
    rules: Rules,
    minted: Minted,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            rooms: BTreeMap::new(),
            head: Position::default(),
            past: Vec::new(),
            asked: BTreeMap::new(),
            recorded: BTreeMap::new(),
            rules: Rules::new(Defaults::default().config),
            minted: Minted::default(),
        }
    }
}

impl Model {
    pub(super) fn ask(&mut self, request_id: &str, request: &Request) {
        self.asked.insert(request_id.to_owned(), request.clone());
    }

    pub(super) fn room(&self, name: &RoomName) -> Room {
        let known = self.rooms.get(name).cloned();
        known.unwrap_or_else(|| Room::new(name.clone()))
    }

    /// First position and count of the records of a request, if it left any.
    pub(super) fn records_of(&self, request_id: &str) -> Option<(Position, usize)> {
        self.recorded.get(request_id).copied()
    }

    /// Takes the next commit of the log.
    ///
    /// # Errors
    /// What the engine should not have recorded.
    pub(super) fn take(&mut self, stored: &StoredCommit) -> Result<(), String> {
        let mut records = stored.records();
        for command in &stored.commit.commands {
            self.obey(command)?;
            let records: Vec<Record> = records.by_ref().take(command.events.len()).collect();
            self.count_once(command, &records)?;
            for record in &records {
                self.fold(record)?;
            }
            self.compare(command)?;
        }
        if let Some(room) = self.rooms.values().next_back() {
            self.past.push(room.clone());
            let over = self.past.len().saturating_sub(PAST_MAX);
            self.past.drain(..over);
        }
        Ok(())
    }

    /// The rules, told a second time, come to the same.
    fn obey(&mut self, command: &CommandRecord) -> Result<(), String> {
        let key = command.header.request.as_ref().map(|request| &request.key);
        let asked = key.and_then(|key| self.asked.get(&key.request_id));
        let recorded = |name: &RoomName| -> Vec<Kind> {
            let own = command
                .events
                .iter()
                .filter(|it| it.room.as_ref() == Some(name));
            own.map(|it| it.event.event.kind()).collect()
        };
        for record in &command.events {
            if let Some(name) = &record.room {
                self.minted.learn(name, &record.event.event);
            }
        }
        let request = match (asked, command.events.iter().find_map(|it| it.room.as_ref())) {
            (Some(request), _) => request.clone(),
            // Nobody asked: a timer fired.
            (None, Some(room)) => Request::new(room.clone(), Command::Tick),
            // What the ledger records of itself.
            (None, None) => return Ok(()),
        };
        let header = &command.header;
        let (now, wall) = (header.recorded_at, header.wall_at);
        let expected = self.rules.apply(&request, now, wall, &self.minted);
        let outcome = match &expected.verdict {
            Verdict::Refused(codes) => {
                Outcome::Refused(codes.iter().map(|it| it.as_str().to_owned()).collect())
            }
            Verdict::NoEffect => Outcome::NoEffect,
            Verdict::Accepted | Verdict::Unchanged => Outcome::Accepted,
        };
        let here = recorded(&request.room);
        let mut there = Vec::new();
        if let Command::Move { to_room, .. } = &request.command
            && *to_room != request.room
        {
            there = recorded(to_room);
        }
        if outcome == header.outcome && expected.here == here && expected.there == there {
            return Ok(());
        }
        let came = &header.outcome;
        Err(format!(
            "{request:?} came to {came:?} with {here:?} and {there:?}, the rules say {expected:?}"
        ))
    }

    /// The rooms of a command are as the rules have them.
    fn compare(&self, command: &CommandRecord) -> Result<(), String> {
        let touched: BTreeSet<_> = command
            .events
            .iter()
            .filter_map(|it| it.room.as_ref())
            .collect();
        for name in touched {
            let seen = seen(&self.room(name));
            if let Some(difference) = difference(&expected(&self.rules.room(name)), &seen) {
                return Err(format!("{name}: {difference}"));
            }
        }
        Ok(())
    }

    fn count_once(&mut self, command: &CommandRecord, records: &[Record]) -> Result<(), String> {
        let (Some(request), Some(first)) = (&command.header.request, records.first()) else {
            return Ok(());
        };
        let id = &request.key.request_id;
        let place = (first.position, records.len());
        match self.recorded.insert(id.clone(), place) {
            None => Ok(()),
            Some((before, _)) => Err(format!(
                "{id} stands at {before} and again at {}: {:?}",
                first.position,
                self.asked.get(id)
            )),
        }
    }

    fn fold(&mut self, record: &Record) -> Result<(), String> {
        if record.position != self.head.next() {
            return Err(format!("{} follows {}", record.position, self.head));
        }
        self.head = record.position;
        let Some(name) = &record.room else {
            return Ok(());
        };
        let room = self.rooms.entry(name.clone());
        let room = room.or_insert_with(|| Room::new(name.clone()));
        if record.version != room.version.next() {
            return Err(format!(
                "{name}: {} follows {}",
                record.version, room.version
            ));
        }
        let at = record.command.recorded_at;
        evolve(room, record.version, at, &record.event);
        match broken(room).first() {
            None => Ok(()),
            Some(what) => Err(format!("{name} at {}: {what}", record.version)),
        }
    }

    /// Compares a room that the engine shows.
    pub(super) fn check(&self, name: &RoomName, shown: Option<&Arc<Room>>) -> Result<(), String> {
        let expected = self
            .rooms
            .get(name)
            .filter(|room| room.version > Version(0));
        if shown.map(AsRef::as_ref) == expected {
            return Ok(());
        }
        Err(format!(
            "{name} is shown as {shown:?}, its log says {expected:?}"
        ))
    }
}

/// Rooms of the past that are kept to look back at.
const PAST_MAX: usize = 64;
