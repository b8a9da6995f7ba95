//! Holds the product against the model: the ids that it minted, and its rooms in the model's words.
//! Apart because only here the product's own state is looked at. No rule stands here: what follows
//! from a room is worked out by the model on one side and said by the product on the other.

use std::collections::BTreeMap;

use crate::domain::event::{Event, RoomConfig};
use crate::domain::state;
use crate::domain::{Identity, RoomName, Timestamp};
use crate::testing::facts::{
    Closed, Connection, Life, Minted, Named, Person, Room, Session, Track,
};

/// What a reader sees of a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// All that is stored of it.
    pub room: Room,
    /// The settings in force.
    pub config: Option<RoomConfig>,
    /// The metadata in force.
    pub metadata: Option<String>,
    /// Connections that count.
    pub participants: usize,
    /// Connections that count and publish or may.
    pub publishers: usize,
    /// The open connections of each person, oldest first.
    pub inside: BTreeMap<Identity, Vec<u32>>,
    /// When the next timer is due.
    pub due: Option<Timestamp>,
}

impl Minted {
    /// Learns the ids that an event of that room holds.
    pub fn learn(&mut self, room: &RoomName, event: &Event) {
        let key = |number: u32| (room.clone(), number);
        if let Event::SessionOpened(it) = event {
            self.sessions.insert(key(it.number.0), it.session_id);
        } else if let Event::ConnectionOpened(it) = event {
            self.connections.insert(key(it.number.0), it.connection_id);
        } else if let Event::TrackPublished(it) = event {
            self.tracks.insert(key(it.number.0), it.track_id);
        }
    }
}

/// A room of the model as a reader sees it.
pub fn expected(room: &Room) -> View {
    let mut inside: BTreeMap<Identity, Vec<u32>> = BTreeMap::new();
    for (number, connection) in room.live() {
        let identity = connection.identity.clone();
        inside.entry(identity).or_default().push(number);
    }
    let publishers = room.live().filter(|(_, it)| it.counts() && it.is_publisher);
    View {
        config: room.config().cloned(),
        metadata: room.metadata().cloned(),
        participants: room.counted(),
        publishers: publishers.count(),
        inside,
        due: room.due(),
        room: comparable(room.clone()),
    }
}

/// A room of the product as a reader sees it, in what the product says of itself.
pub fn seen(room: &state::Room) -> View {
    let open = room.open_session();
    let inside = room.people.iter().filter(|person| !person.live.is_empty());
    let inside = inside.map(|person| {
        let live = person.live.iter().map(|number| number.0).collect();
        (person.identity.clone(), live)
    });
    View {
        config: room.config().map(|config| (**config).clone()),
        metadata: room.metadata().map(|text| text.value.to_string()),
        participants: open.map_or(0, |it| it.counted as usize),
        publishers: open.map_or(0, |it| it.publishers as usize),
        inside: inside.collect(),
        due: room.next_due(),
        room: comparable(taken(room)),
    }
}

/// The first difference between two views, with the path to it; `None` where they are equal.
pub fn difference(expected: &View, actual: &View) -> Option<String> {
    if expected == actual {
        return None;
    }
    let (one, other) = (format!("{expected:#?}"), format!("{actual:#?}"));
    let mut path: Vec<(usize, &str)> = Vec::new();
    let mut lines = other.lines();
    for line in one.lines() {
        let depth = line.len() - line.trim_start().len();
        path.retain(|(above, _)| *above < depth);
        let there = lines.next().unwrap_or("nothing");
        if line != there {
            let above: Vec<&str> = path.iter().map(|(_, name)| *name).collect();
            let (line, there) = (line.trim(), there.trim());
            return Some(format!(
                "{}: the rules say `{line}`, it is `{there}`",
                above.join(" ")
            ));
        }
        path.push((depth, line.trim()));
    }
    Some("it has more than the rules say".to_owned())
}

/// Without what one of the two does not keep: metadata of the session is compared as the metadata
/// in force, the generation of a session is the model's alone, and a closed connection has no
/// transport.
fn comparable(mut room: Room) -> Room {
    if let Some(session) = &mut room.session {
        session.metadata = None;
        session.generation = 0;
    }
    for connection in room.connections.values_mut() {
        connection.interrupted &= connection.is_live();
    }
    room
}

/// A room of the product as the model would keep it.
fn taken(room: &state::Room) -> Room {
    let life = room.life.as_ref().map(|life| Life {
        created_at: life.created_at,
        explicit: life.explicit,
        aliases: life.aliases.clone(),
        config: (*life.config).clone(),
        metadata: life.metadata.value.to_string(),
    });
    let people = room.people.iter().zip(1..).map(|(person, number)| {
        let shown = Person {
            number,
            ban: person.ban.map(|ban| ban.until),
            revoked: person.revoked.map(|it| it.before),
        };
        (person.identity.clone(), shown)
    });
    let aliases = room.aliases.iter().map(|(id, taken)| {
        let named = match taken.by {
            state::Aliased::Connection(number) => Named::Connection(number.0),
            state::Aliased::Track(number, _) => Named::Track(number.0),
        };
        (id.to_string(), named)
    });
    let moved_ids = room
        .moved_aliases
        .iter()
        .filter_map(|(id, number)| Some((id.to_string(), room.person(*number)?.identity.clone())));
    let connections = room.session.iter().flat_map(|it| it.connections.iter());
    let connections = connections.map(|it| (it.number.0, connection(room, it)));
    Room {
        version: room.version.0,
        changed: room.changed.0,
        generation: room.generation,
        life,
        revoked_all: room.revoked_all.map(|it| it.before),
        people: people.collect(),
        session: room.session.as_ref().map(session),
        sessions: room.next_session.0 - 1,
        connections: connections.collect(),
        connections_ever: room.next_connection.0 - 1,
        tracks_ever: room.next_track.0 - 1,
        aliases: aliases.collect(),
        moved_ids: moved_ids.collect(),
    }
}

fn session(it: &state::Session) -> Session {
    Session {
        number: it.number.0,
        generation: 0,
        id: it.id,
        opened_at: it.opened_at,
        by: it.by,
        config: (*it.config).clone(),
        metadata: None,
        data: it.data.as_ref().map(|text| text.value.to_string()),
        ended: it.ended.map(|ended| (ended.at, ended.reason)),
        joined_ever: it.joined_ever,
        last_left_at: it.last_left_at,
    }
}

fn connection(room: &state::Room, it: &state::Connection) -> Connection {
    let identity = room.person(it.participant).map(|it| it.identity.clone());
    let tracks = it.tracks.iter().map(|it| (it.number.0, track(it)));
    let subscriptions = it.subscriptions.iter();
    Connection {
        identity: identity.unwrap_or_else(nobody),
        id: it.id,
        alias: it.alias.as_ref().map(|it| it.as_str().to_owned()),
        kind: it.kind,
        activated_at: it.activated_at,
        interrupted: it.state == state::ConnectionState::Interrupted,
        opened_at: it.opened_at,
        opened: it.opened.0,
        closed: it.closed.as_ref().map(|it| Closed {
            at: it.at,
            cause: it.cause,
            reason: it.reported_reason.as_ref().map(ToString::to_string),
            confirmed: it.confirmed,
        }),
        name: it.name.value.to_string(),
        metadata: it.metadata.value.to_string(),
        attributes: (*it.attributes).clone(),
        permission: (*it.permission).clone(),
        is_publisher: it.is_publisher,
        tracks: tracks.collect(),
        subscriptions: subscriptions.map(|(track, on)| (track.0, *on)).collect(),
        credential: (*it.credential).clone(),
        reporter: it.reporter.as_ref().map(ToString::to_string),
        eject_at: it.eject_at,
        activate_by: it.activate_by,
        moved_from: it
            .moved_from
            .as_ref()
            .map(|from| (from.room.as_str().to_owned(), from.connection.0)),
    }
}

fn track(it: &state::Track) -> Track {
    Track {
        id: it.id,
        alias: it.alias.as_ref().map(|it| it.as_str().to_owned()),
        kind: it.kind,
        source: it.source,
        name: it.name.to_string(),
        muted: it.muted,
        shape: it.shape.clone(),
        published_at: it.published_at,
    }
}

/// A connection of a person that its room does not know, which no room has.
fn nobody() -> Identity {
    Identity::new("nobody that the room knows").unwrap_or_else(|error| panic!("{error}"))
}
