//! The reference model: the log folded record by record, with every command decided again by the
//! pure rules on the room as it stood before. Apart because it never looks at the engine.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::{
    Command, Context, Defaults, Kind, Request, Room, RoomName, Version, decide, decide_move, evolve,
};
use crate::store::{CommandRecord, Outcome, Position, Record, StoredCommit};
use crate::testing::invariants::broken;

/// What the log comes to.
#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) rooms: BTreeMap<RoomName, Room>,
    pub(super) head: Position,
    /// Each room now and then, to look back at.
    pub(super) past: Vec<Room>,
    /// Requests by their id, as they were asked.
    asked: BTreeMap<String, Request>,
    /// Where the command with that request id stands.
    recorded: BTreeMap<String, (Position, usize)>,
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
            self.decide_again(command)?;
            let records: Vec<Record> = records.by_ref().take(command.events.len()).collect();
            self.count_once(command, &records)?;
            for record in &records {
                self.fold(record)?;
            }
        }
        if let Some(room) = self.rooms.values().next_back() {
            self.past.push(room.clone());
            let over = self.past.len().saturating_sub(PAST_MAX);
            self.past.drain(..over);
        }
        Ok(())
    }

    fn decide_again(&self, command: &CommandRecord) -> Result<(), String> {
        let key = command.header.request.as_ref().map(|request| &request.key);
        let Some(request) = key.and_then(|key| self.asked.get(&key.request_id)) else {
            return Ok(());
        };
        let defaults = Defaults::default();
        let context = Context {
            now: command.header.recorded_at,
            wall: command.header.wall_at,
            defaults: &defaults,
            entropy: 0,
        };
        let room = self.room(&request.room);
        let decided = if let Command::Move { to_room, .. } = &request.command {
            let moved = decide_move(&room, &self.room(to_room), request, &context);
            moved.map(|moved| [moved.from.events, moved.to.events].concat())
        } else {
            decide(&room, request, &context).and_then(|decision| match decision.refused {
                None => Ok(decision.events),
                Some(no) => Err(no),
            })
        };
        let recorded = kinds(command.events.iter().map(|record| &record.event.event));
        let (same, expected) = match &decided {
            Ok(events) => {
                let expected = kinds(events.iter().map(|event| &event.event));
                let refused = matches!(command.header.outcome, Outcome::Refused(_));
                (!refused && expected == recorded, format!("{expected:?}"))
            }
            Err(rejection) => {
                let codes = rejection.reasons().iter();
                let codes = codes
                    .map(|reason| reason.code().as_str().to_owned())
                    .collect();
                let expected = Outcome::Refused(codes);
                (expected == command.header.outcome, format!("{expected:?}"))
            }
        };
        if same {
            return Ok(());
        }
        let outcome = &command.header.outcome;
        Err(format!(
            "{request:?} came to {outcome:?} with {recorded:?}, the rules alone say {expected}"
        ))
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

fn kinds<'a>(events: impl Iterator<Item = &'a crate::domain::Event>) -> Vec<Kind> {
    events.map(crate::domain::Event::kind).collect()
}

/// Rooms of the past that are kept to look back at.
const PAST_MAX: usize = 64;
