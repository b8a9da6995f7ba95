//! Numbers and references of stored events as the words that readers know them by.
//!
//! Apart because every view uses the same words for the same things. What a damaged log does not
//! tell is shown as its bare number, never left out.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::domain::event::{AttributesBefore, Before, Selector, Who};
use crate::domain::{
    ConnectionNumber, Number, ParticipantNumber, Ranges, Reference, RoomName, TrackNumber, Version,
};
use crate::replay::former::Field;
use crate::replay::names::{ConnectionName, Directory, SessionName};
use crate::replay::view::refer::{
    AttributeBefore, AttributesBeforeReference, BeforeReference, ConnectionBefore,
    ConnectionReference, FormerValue, TargetsReference, TrackReference, WhoReference,
};
use crate::replay::window::Window;
use crate::store::Position;

/// The words for the numbers of one stream.
pub(in crate::replay) struct Resolver<'a> {
    room: Option<RoomName>,
    directory: &'a dyn Directory,
    /// Which connections the lists of this event name.
    window: Window,
}

impl<'a> Resolver<'a> {
    pub(in crate::replay) fn new(directory: &'a dyn Directory, room: Option<&RoomName>) -> Self {
        Self {
            room: room.cloned(),
            directory,
            window: Window::ALL,
        }
    }

    /// The same, with lists that name only some connections.
    pub(in crate::replay) fn within(self, window: Window) -> Self {
        Self { window, ..self }
    }

    pub(in crate::replay) fn identity(&self, number: ParticipantNumber) -> String {
        let identity = self.directory.identity(self.room.as_ref(), number);
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

    pub(in crate::replay) fn connection_sid(&self, number: ConnectionNumber) -> String {
        let name = self.name(number);
        name.map_or_else(|| bare(number.0), ConnectionName::sid)
    }

    /// The session that was open at a version.
    pub(super) fn session(&self, version: Version) -> Option<String> {
        let session = self.directory.session_at(self.room.as_ref(), version);
        session.map(SessionName::sid)
    }

    /// Where a version of this stream stands.
    pub(in crate::replay) fn position(&self, version: Version) -> Option<u64> {
        let position = self.directory.position(self.room.as_ref(), version);
        position.map(|Position(position)| position)
    }

    /// Where a referred event stands.
    pub(super) fn place(&self, reference: &Reference) -> Option<u64> {
        match &reference.room {
            None => self.position(reference.version),
            Some(room) => {
                let position = self.directory.position(Some(room), reference.version);
                position.map(|Position(position)| position)
            }
        }
    }

    /// The same words for another room.
    pub(super) fn abroad(&self, room: &RoomName) -> Resolver<'a> {
        Resolver::new(self.directory, Some(room))
    }

    /// A connection in the words that every event has for it.
    pub(super) fn connection(&self, number: ConnectionNumber) -> ConnectionReference {
        ConnectionReference {
            identity: self.identity_of(number),
            connection: self.connection_id(number),
            sid: self.connection_sid(number),
            number,
        }
    }

    /// Those of them that the event names.
    pub(super) fn connections(
        &self,
        numbers: &Ranges<ConnectionNumber>,
    ) -> Vec<ConnectionReference> {
        let shown = self.window.of_list(numbers);
        shown.map(|number| self.connection(number)).collect()
    }

    pub(super) fn tracks(&self, numbers: &Ranges<TrackNumber>) -> Vec<TrackReference> {
        numbers.iter().map(|number| self.track(number)).collect()
    }

    /// A track as it was published.
    pub(super) fn track(&self, number: TrackNumber) -> TrackReference {
        let Some(track) = self.directory.track(self.room.as_ref(), number) else {
            return TrackReference {
                sid: bare(number.0),
                number,
                source: None,
                kind: None,
                name: None,
            };
        };
        TrackReference {
            sid: track.sid(),
            number,
            source: Some(track.source),
            kind: Some(track.kind),
            name: Some(track.name.clone()).filter(|name| !name.is_empty()),
        }
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

    /// Whom an event is about: as asked, how many there are, and, where it is one person or one
    /// connection, that by itself.
    pub(super) fn who(&self, who: &Who) -> WhoReference {
        let mut shown = WhoReference {
            asked: self.asked(&who.asked),
            count: who.connections.len(),
            numbers: spans(&who.connections),
            identity: self.only_person(who),
            ..WhoReference::default()
        };
        let mut numbers = who.connections.iter();
        if let (Some(number), None) = (numbers.next(), numbers.next()) {
            let only = self.connection(number);
            shown.identity = Some(only.identity);
            shown.connection = Some(only.connection);
            shown.sid = Some(only.sid);
        }
        shown
    }

    /// The same with the connections.
    pub(super) fn targets(&self, who: &Who) -> TargetsReference {
        TargetsReference {
            who: self.who(who),
            targets: self.connections(&who.connections),
        }
    }

    /// The one person meant, if it is one.
    pub(super) fn only_person(&self, who: &Who) -> Option<String> {
        match &who.asked {
            Selector::Participant(number) => return Some(self.identity(*number)),
            // Asked for by a connection that was closed already, say.
            Selector::Connection(number) => return Some(self.identity_of(*number)),
            Selector::Everyone | Selector::Chosen | Selector::Unknown(_) => {}
        }
        let few = who.connections.iter().take(ONE_PERSON_MAX);
        let people: BTreeSet<String> = few.map(|number| self.identity_of(number)).collect();
        people
            .first()
            .filter(|_| people.len() == 1 && who.connections.len() <= ONE_PERSON_MAX)
            .cloned()
    }

    /// What a value was before: who set it where, its digest, and the value itself.
    pub(super) fn before(&self, before: &Before, field: &Field) -> BeforeReference {
        BeforeReference {
            position: self.position(before.version),
            digest: before.digest,
            value: self.former(before.version, field),
        }
    }

    /// The same for each connection.
    pub(super) fn befores(
        &self,
        befores: &[(ConnectionNumber, Before)],
        field: &Field,
    ) -> Vec<ConnectionBefore> {
        let shown = self.shown(befores);
        shown
            .map(|(number, before)| ConnectionBefore {
                connection: self.connection(*number),
                before: self.before(before, field),
            })
            .collect()
    }

    /// What the attributes of each connection were.
    pub(super) fn attributes_before(
        &self,
        befores: &[(ConnectionNumber, AttributesBefore)],
    ) -> Vec<AttributesBeforeReference> {
        let key = |(key, version): (&String, &Version)| {
            let before = AttributeBefore {
                position: self.position(*version),
                value: self.former(*version, &Field::Attribute(key.clone())),
            };
            (key.clone(), before)
        };
        let shown = self.shown(befores);
        shown
            .map(|(number, before)| AttributesBeforeReference {
                connection: self.connection(*number),
                position: self.position(before.all.version),
                digest: before.all.digest,
                keys: before.set.value().iter().map(key).collect(),
            })
            .collect()
    }

    fn shown<'b, T>(
        &self,
        befores: &'b [(ConnectionNumber, T)],
    ) -> impl Iterator<Item = &'b (ConnectionNumber, T)> + use<'b, T> {
        let window = self.window;
        befores
            .iter()
            .filter(move |(number, _)| window.holds(*number))
    }

    fn former(&self, version: Version, field: &Field) -> FormerValue {
        if version == Version(0) {
            let never_set = if *field == Field::SessionData {
                Value::Null
            } else {
                Value::from("")
            };
            return FormerValue {
                value: Some(never_set),
                ..FormerValue::default()
            };
        }
        let former = self.directory.former(self.room.as_ref(), version, field);
        match former {
            None => FormerValue::default(),
            Some(former) if former.is_whole() => FormerValue {
                value: Some(if *field == Field::SessionData {
                    json_of(&former.start)
                } else {
                    Value::from(former.start.as_str())
                }),
                ..FormerValue::default()
            },
            Some(former) => FormerValue {
                value: None,
                start: Some(former.start.clone()),
                bytes: Some(former.bytes),
            },
        }
    }

    fn name(&self, number: ConnectionNumber) -> Option<&'a ConnectionName> {
        self.directory.connection(self.room.as_ref(), number)
    }
}

/// A JSON text as JSON; what is none stays text.
pub(super) fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| text.into())
}

/// A set of numbers as pairs of a first and a last one: whole however many they are.
pub(super) fn spans<N: Number>(numbers: &Ranges<N>) -> Vec<(u32, u32)> {
    let pairs = numbers.pairs().iter();
    pairs
        .map(|&(first, length)| (first, first.saturating_add(length.saturating_sub(1))))
        .collect()
}

/// A number that a damaged log does not explain.
fn bare(number: u32) -> String {
    format!("#{number}")
}

/// Connections that are looked through for whether they are of one person: nobody has more.
const ONE_PERSON_MAX: usize = 1_000;
