//! Numbers and references of stored events as the words that readers know them by.
//!
//! Apart because every view uses the same words for the same things. What a damaged log does not
//! tell is shown as its bare number, never left out.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::domain::event::{Before, Selector, Who};
use crate::domain::{
    ConnectionNumber, ParticipantNumber, Ranges, Reference, RoomName, TrackNumber, Version,
};
use crate::replay::names::{ConnectionName, Directory, Names};
use crate::store::Position;

/// The words for the numbers of one stream.
pub(in crate::replay) struct Resolver<'a> {
    names: Option<&'a Names>,
    directory: &'a dyn Directory,
}

impl<'a> Resolver<'a> {
    pub(in crate::replay) fn new(directory: &'a dyn Directory, room: Option<&RoomName>) -> Self {
        Self {
            names: directory.names(room),
            directory,
        }
    }

    pub(in crate::replay) fn identity(&self, number: ParticipantNumber) -> String {
        let identity = self.names.and_then(|names| names.identity(number));
        identity.map_or_else(|| bare(number.0), ToString::to_string)
    }

    /// Whose connection it is.
    pub(super) fn identity_of(&self, number: ConnectionNumber) -> String {
        let name = self.name(number);
        name.map_or_else(|| bare(number.0), |name| self.identity(name.participant))
    }

    /// The id by which answers name the connection.
    pub(in crate::replay) fn connection_id(&self, number: ConnectionNumber) -> String {
        let name = self.name(number);
        name.map_or_else(|| bare(number.0), ConnectionName::name_id)
    }

    pub(super) fn connection_sid(&self, number: ConnectionNumber) -> String {
        let name = self.name(number);
        name.map_or_else(|| bare(number.0), ConnectionName::sid)
    }

    /// The session that was open at a version.
    pub(super) fn session(&self, version: Version) -> Option<String> {
        Some(self.names?.session_at(version)?.sid())
    }

    /// Where a version of this stream stands.
    pub(in crate::replay) fn position(&self, version: Version) -> Option<u64> {
        let position = self.names.and_then(|names| names.position(version));
        position.map(|Position(position)| position)
    }

    /// Where a referred event stands.
    pub(super) fn place(&self, reference: &Reference) -> Option<u64> {
        match &reference.room {
            None => self.position(reference.version),
            Some(room) => {
                let names = self.directory.names(Some(room))?;
                names.position(reference.version).map(|at| at.0)
            }
        }
    }

    /// The same words for another room.
    pub(super) fn abroad(&self, room: &RoomName) -> Resolver<'a> {
        Resolver::new(self.directory, Some(room))
    }

    /// A connection in the three words that every event has for it.
    pub(super) fn connection(&self, number: ConnectionNumber) -> Map<String, Value> {
        let mut shown = Map::new();
        shown.insert("identity".to_owned(), self.identity_of(number).into());
        shown.insert("connection".to_owned(), self.connection_id(number).into());
        shown.insert("sid".to_owned(), self.connection_sid(number).into());
        shown
    }

    /// The first of them; [`SHOWN_MAX`] at most.
    pub(super) fn connections(&self, numbers: &Ranges<ConnectionNumber>) -> Value {
        let shown = numbers.iter().take(SHOWN_MAX);
        shown.map(|number| self.connection(number)).collect()
    }

    pub(super) fn tracks(&self, numbers: &Ranges<TrackNumber>) -> Value {
        let shown = numbers.iter().take(SHOWN_MAX);
        shown
            .map(|number| Value::Object(self.track(number)))
            .collect()
    }

    /// A track as it was published.
    pub(super) fn track(&self, number: TrackNumber) -> Map<String, Value> {
        let mut shown = Map::new();
        let Some(track) = self.names.and_then(|names| names.track(number)) else {
            shown.insert("sid".to_owned(), bare(number.0).into());
            return shown;
        };
        shown.insert("sid".to_owned(), track.sid().into());
        shown.insert("source".to_owned(), json!(track.source));
        shown.insert("type".to_owned(), json!(track.kind));
        if !track.name.is_empty() {
            shown.insert("name".to_owned(), track.name.clone().into());
        }
        shown
    }

    /// Whom a command meant, as it was asked; nothing where nobody was named.
    pub(super) fn asked(&self, selector: &Selector) -> Option<String> {
        match selector {
            Selector::Everyone => Some("*".to_owned()),
            Selector::Participant(number) => Some(format!("identity:{}", self.identity(*number))),
            Selector::Connection(number) => {
                Some(format!("connection:{}", self.connection_id(*number)))
            }
            Selector::Chosen => None,
            Selector::Unknown(text) => Some(text.as_str().to_owned()),
        }
    }

    /// Puts down whom an event is about: `asked`, the connections under the word `list`, how many
    /// there are, and, where it is one person or one connection, that by itself.
    pub(super) fn who(&self, into: &mut Map<String, Value>, who: &Who, list: &str) {
        if let Some(asked) = self.asked(&who.asked) {
            into.insert("asked".to_owned(), asked.into());
        }
        into.insert(list.to_owned(), self.connections(&who.connections));
        into.insert("count".to_owned(), who.connections.len().into());
        if let Some(person) = self.only_person(who) {
            into.insert("identity".to_owned(), person.into());
        }
        let mut numbers = who.connections.iter();
        if let (Some(number), None) = (numbers.next(), numbers.next()) {
            into.append(&mut self.connection(number));
        }
    }

    /// The one person meant, if it is one.
    pub(super) fn only_person(&self, who: &Who) -> Option<String> {
        if let Selector::Participant(number) = &who.asked {
            return Some(self.identity(*number));
        }
        let few = who.connections.iter().take(SHOWN_MAX);
        let people: BTreeSet<String> = few.map(|number| self.identity_of(number)).collect();
        people
            .first()
            .filter(|_| people.len() == 1 && who.connections.len() <= SHOWN_MAX)
            .cloned()
    }

    /// What a value was before: who set it where, and its digest.
    pub(super) fn before(&self, before: &Before) -> Value {
        json!({
            "position": self.position(before.version),
            "digest": before.digest,
        })
    }

    /// The same for each connection.
    pub(super) fn befores(&self, befores: &[(ConnectionNumber, Before)]) -> Value {
        let shown = befores.iter().take(SHOWN_MAX).map(|(number, before)| {
            let mut shown = self.connection(*number);
            shown.insert("position".to_owned(), json!(self.position(before.version)));
            shown.insert("digest".to_owned(), json!(before.digest));
            shown
        });
        shown.collect()
    }

    fn name(&self, number: ConnectionNumber) -> Option<&'a ConnectionName> {
        self.names.and_then(|names| names.connection(number))
    }
}

/// A JSON text as JSON; what is none stays text.
pub(super) fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// A number that a damaged log does not explain.
fn bare(number: u32) -> String {
    format!("#{number}")
}

/// Members of one list in an event: its `count` tells how many there are. A command to everybody in
/// a room of 100,000 would else answer with tens of megabytes.
pub(super) const SHOWN_MAX: usize = 1_000;
