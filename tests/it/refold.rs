//! The state of a room from its events alone, as a reviewer has them: the JSON of `GET /events`.
//!
//! It follows docs/domain.md and knows nothing of the program: flat lists, no sharing, no rules.
//! What it cannot rebuild, no event tells. [`check`] compares it with the fold of the program.

mod connection;
mod law;
#[cfg(feature = "cli")]
mod recorded;

use std::collections::BTreeSet;

use roomledger::replay::view::RoomView;
use roomledger::replay::{Folded, NamesBook};
use roomledger::store::{EventStore, Position};
use serde_json::{Map, Value, json};

use connection::Connection;

/// One room, as far as its events were told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refold {
    room: String,
    version: u64,
    position: u64,
    recorded_at: Value,
    /// Where the events of this room stand.
    positions: BTreeSet<u64>,
    /// What `room_created` said, until the room is deleted.
    life: Option<Life>,
    generation: u64,
    people: Vec<Person>,
    revoked_all: Option<Value>,
    session: Option<Session>,
    /// Every connection of the kept session.
    connections: Vec<Connection>,
}

#[derive(Clone, Debug)]
struct Life {
    created_at: Value,
    aliases: Value,
    config: Value,
    metadata: Value,
}

#[derive(Clone, Debug)]
struct Person {
    identity: Value,
    ban: Option<Value>,
    revoked: Option<Value>,
}

#[derive(Clone, Debug)]
struct Session {
    sid: Value,
    by: Value,
    start: Value,
    config: Value,
    metadata: Option<Value>,
    data: Value,
    end: Value,
    end_reason: Value,
}

impl Refold {
    /// A room that nothing was told of.
    pub(crate) fn new(room: &str) -> Self {
        Self {
            room: room.to_owned(),
            ..Self::default()
        }
    }

    /// Takes in the next event of the room.
    pub(crate) fn absorb(&mut self, event: &Value) {
        let data = &event["data"];
        self.version = number(&event["version"]);
        self.position = number(&event["position"]);
        self.positions.insert(self.position);
        self.recorded_at = event["recorded_at"].clone();
        match event["kind"].as_str().expect("a kind") {
            "room_created" => self.created(event),
            "room_deleted" => self.deleted(),
            "room_config_changed" => self.config_changed(data),
            "room_metadata_changed" => self.metadata_changed(data),
            "session_opened" => self.session_opened(event),
            "session_ended" => {
                let session = self.session.as_mut().expect("a session");
                session.end = event["recorded_at"].clone();
                session.end_reason = data["reason"].clone();
            }
            "session_data_changed" => {
                let session = self.session.as_mut().expect("a session");
                session.data = data["data"]["after"].clone();
            }
            "participant_registered" => self.people.push(Person {
                identity: data["identity"].clone(),
                ban: None,
                revoked: None,
            }),
            "participant_banned" => {
                let ban = json!({ "until": data["until"], "position": event["position"] });
                self.person(&data["identity"]).ban = Some(ban);
            }
            "participant_unbanned" => self.person(&data["identity"]).ban = None,
            "tokens_revoked" => {
                let stands =
                    json!({ "before": data["revoke_before"], "position": event["position"] });
                match data.get("identity") {
                    Some(identity) => self.person(identity).revoked = Some(stands),
                    None => self.revoked_all = Some(stands),
                }
            }
            "revocation_lifted" => match data.get("identity") {
                Some(identity) => self.person(identity).revoked = None,
                None => self.revoked_all = None,
            },
            kind => self.connection_event(kind, event),
        }
    }

    fn created(&mut self, event: &Value) {
        let data = &event["data"];
        self.generation = number(&data["generation"]);
        self.life = Some(Life {
            created_at: event["recorded_at"].clone(),
            aliases: data["aliases"].clone(),
            config: data["config"].clone(),
            metadata: data["metadata"].clone(),
        });
    }

    fn deleted(&mut self) {
        self.life = None;
        self.revoked_all = None;
        for person in &mut self.people {
            person.ban = None;
            person.revoked = None;
        }
    }

    fn config_changed(&mut self, data: &Value) {
        let after = |scope: &str| match data.get(scope) {
            Some(own) => own["after"].clone(),
            None => data["after"].clone(),
        };
        if applies(data, "room") {
            self.life.as_mut().expect("a room").config = after("room");
        }
        if applies(data, "session") {
            self.session.as_mut().expect("a session").config = after("session");
        }
    }

    fn metadata_changed(&mut self, data: &Value) {
        let after = &data["metadata"]["after"];
        if applies(data, "room") {
            self.life.as_mut().expect("a room").metadata = after.clone();
        }
        if applies(data, "session") {
            self.session.as_mut().expect("a session").metadata = Some(after.clone());
        }
    }

    fn session_opened(&mut self, event: &Value) {
        let data = &event["data"];
        self.connections.clear();
        self.session = Some(Session {
            sid: data["session"].clone(),
            by: data["by"].clone(),
            start: event["recorded_at"].clone(),
            config: data["config"].clone(),
            metadata: data.get("metadata").cloned(),
            data: Value::Null,
            end: Value::Null,
            end_reason: Value::Null,
        });
    }

    fn connection_event(&mut self, kind: &str, event: &Value) {
        let data = &event["data"];
        match kind {
            "connection_opened" => self.connections.push(Connection::opened(event)),
            "connections_closed" => {
                // What another room caused has no reason here but itself.
                let cause = event["causation"].as_u64();
                let cause = cause.filter(|cause| self.positions.contains(cause));
                let because = cause.unwrap_or(self.position);
                for one in self.all_of(data) {
                    one.close(event, because);
                }
            }
            "profile_changed" => self.all_of(data).for_each(|one| one.profile(data)),
            "permissions_changed" => {
                let requests = list(&data["requests"]);
                let is_asked = requests.iter().any(|it| it.get("asked").is_some());
                for group in list(&data["groups"]) {
                    for one in self.all_of(group) {
                        one.permission(&group["after"], &event["position"], is_asked);
                    }
                }
            }
            "subscriptions_changed" => {
                for one in self.all_of(data).filter(|one| one.is_live()) {
                    one.subscribed(list(&data["tracks"]), &data["subscribe"]);
                }
            }
            _ => {
                if kind == "tracks_unpublished" {
                    let gone = spans(&data["numbers"]);
                    for one in &mut self.connections {
                        one.forget(&gone);
                    }
                }
                let number = data["number"].as_u64();
                let one = self.connections.iter_mut();
                let mut one = one.filter(|one| Some(one.number) == number);
                if let Some(one) = one.next() {
                    one.happened(kind, event);
                }
            }
        }
    }

    /// The connections that a list of numbers names.
    fn all_of(&mut self, data: &Value) -> impl Iterator<Item = &mut Connection> {
        let numbers = spans(&data["numbers"]);
        let all = self.connections.iter_mut();
        all.filter(move |one| numbers.iter().any(|span| span.contains(&one.number)))
    }

    fn person(&mut self, identity: &Value) -> &mut Person {
        let mut people = self.people.iter_mut();
        let found = people.find(|person| person.identity == *identity);
        found.expect("somebody registered")
    }

    /// The room as `GET /rooms/{room}` shows it.
    pub(crate) fn view(&self) -> Value {
        let session = self.session.as_ref();
        let open = session.filter(|session| session.end.is_null());
        let life = self.life.as_ref();
        let kept = |field: fn(&Session) -> &Value| session.map(field).cloned();
        let own = open.and_then(|open| open.metadata.clone());
        let metadata = own.or_else(|| life.map(|life| life.metadata.clone()));
        let config = open.map(|open| &open.config);
        let live = self.connections.iter().filter(|one| one.is_live());
        let live: Vec<&Connection> = live.filter(|_| open.is_some()).collect();
        let counted = |test: fn(&Connection) -> bool| live.iter().filter(|one| test(one)).count();
        json!({
            "room": self.room,
            "version": self.version,
            "position": self.position,
            "recorded_at": self.recorded_at,
            "generation": self.generation,
            "created_at": life.map(|life| &life.created_at),
            "session": kept(|session| &session.sid),
            "live": open.is_some(),
            "counts": {
                "participants": counted(Connection::counts),
                "connections": live.len(),
                "publishers": counted(Connection::publishes),
            },
            "config": config.or_else(|| life.map(|life| &life.config)),
            "metadata": metadata.unwrap_or_else(|| "".into()),
            "session_start": kept(|session| &session.start),
            "session_by": kept(|session| &session.by),
            "session_end": kept(|session| &session.end),
            "session_end_reason": kept(|session| &session.end_reason),
            "session_data": kept(|session| &session.data),
            "participants": self.participants(),
            "bans": self.bans(),
            "revocations": self.revocations(),
            "aliases": life.map_or_else(|| json!([]), |life| life.aliases.clone()),
        })
    }

    fn participants(&self) -> Vec<Value> {
        let mut found = Vec::new();
        for (number, person) in (1_u64..).zip(&self.people) {
            let own = self.connections.iter();
            let own: Vec<&Connection> = own.filter(|one| one.participant == number).collect();
            let Some(newest) = own.last() else { continue };
            let newest = newest.view();
            let connections: Vec<Value> = own.iter().rev().map(|one| one.view()).collect();
            let stints: Vec<Value> = own.iter().map(|one| one.stint()).collect();
            found.push(json!({
                "identity": person.identity,
                "participant": number,
                "live": own.iter().any(|one| one.is_live()),
                "name": newest["name"],
                "metadata": newest["metadata"],
                "attributes": newest["attributes"],
                "permission": newest["permission"],
                "tracks": newest["tracks"],
                "connections": connections,
                "timelog": stints,
            }));
        }
        found
    }

    fn bans(&self) -> Vec<Value> {
        let bans = self.people.iter().filter_map(|person| {
            let ban = person.ban.as_ref()?;
            let until = ban["until"].as_str();
            // A ban that is over does not stand. The times have one format and one length.
            if until.is_some_and(|until| Some(until) <= self.recorded_at.as_str()) {
                return None;
            }
            Some(with(ban, "identity", &person.identity))
        });
        bans.collect()
    }

    fn revocations(&self) -> Vec<Value> {
        let all = self.revoked_all.iter();
        let all = all.map(|stands| with(stands, "identity", &Value::Null));
        let single = self.people.iter().filter_map(|person| {
            let stands = person.revoked.as_ref()?;
            Some(with(stands, "identity", &person.identity))
        });
        all.chain(single).collect()
    }
}

/// Compares every room of a log, after each of its events, with the fold of the program.
///
/// # Errors
/// The first difference: the room, the version, and both views.
pub(crate) fn check(store: &dyn EventStore) -> Result<(), String> {
    let mut book = NamesBook::default();
    let mut rooms: Vec<(Refold, Folded)> = Vec::new();
    for record in store.read_all(Position(0), usize::MAX).unwrap() {
        let Some(name) = &record.room else { continue };
        let event = serde_json::to_value(book.show(store, &record).unwrap()).unwrap();
        let known = rooms
            .iter()
            .position(|(_, folded)| folded.room.name == *name);
        let at = known.unwrap_or_else(|| {
            rooms.push((Refold::new(name.as_str()), Folded::new(name.clone())));
            rooms.len() - 1
        });
        let (refold, folded) = &mut rooms[at];
        refold.absorb(&event);
        folded.absorb(&record).expect("folds");
        let shown = serde_json::to_value(RoomView::of(&folded.room, &folded.names)).unwrap();
        let rebuilt = refold.view();
        if shown != rebuilt {
            let differs = differs("", &shown, &rebuilt);
            return Err(format!("{name} after {event:#}\n{differs}"));
        }
    }
    Ok(())
}

/// Where two values part.
fn differs(path: &str, shown: &Value, rebuilt: &Value) -> String {
    match (shown, rebuilt) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
            let parts = keys.into_iter().map(|key| {
                let [left, right] = [left, right].map(|all| all.get(key).unwrap_or(&Value::Null));
                differs(&format!("{path}/{key}"), left, right)
            });
            parts.collect()
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            let both = left.iter().zip(right).enumerate();
            both.map(|(at, (left, right))| differs(&format!("{path}/{at}"), left, right))
                .collect()
        }
        _ if shown == rebuilt => String::new(),
        _ => format!("{path}: shown {shown}, from the events {rebuilt}\n"),
    }
}

fn applies(data: &Value, scope: &str) -> bool {
    list(&data["applies_to"]).iter().any(|it| it == scope)
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn number(value: &Value) -> u64 {
    value.as_u64().expect("a number")
}

/// Pairs of a first and a last number.
fn spans(value: &Value) -> Vec<std::ops::RangeInclusive<u64>> {
    let pairs = list(value).iter();
    pairs
        .map(|pair| number(&pair[0])..=number(&pair[1]))
        .collect()
}

fn with(members: &Value, name: &str, value: &Value) -> Value {
    let mut members: Map<String, Value> = members.as_object().cloned().expect("members");
    members.insert(name.to_owned(), value.clone());
    Value::Object(members)
}
