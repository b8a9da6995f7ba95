//! A log read from a server: our own API, parsed into the views that it was rendered from. Apart,
//! because it alone knows the paths and parameters. Never folds.

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::cli::failure::{Exit, Failure};
use crate::cli::http::Client;
use crate::cli::read::reader::{EventDetail, Reader, RoomsPage, RoomsQuery, each_event};
use crate::replay::position::Pos;
use crate::replay::view::{EventView, RoomView, SessionView};
use crate::replay::{
    Ability, EventPage, EventQuery, Filter, Order, Presence, PresencePage, Removal, RemovalPage,
    SessionPage,
};
use crate::store::Position;

/// A server's log.
pub struct ServerReader<'a> {
    client: Client<'a>,
    base: String,
}

impl<'a> ServerReader<'a> {
    /// Asks the server at `base`.
    ///
    /// # Errors
    /// As [`Client::new`].
    pub fn new(
        base: &str,
        bearer: &'a dyn Fn() -> Result<String, Failure>,
    ) -> Result<Self, Failure> {
        Ok(ServerReader {
            client: Client::new(base, bearer)?,
            base: base.to_owned(),
        })
    }

    fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        parsed(self.client.get(path, query)?)
    }

    /// A page of a list of people of a room.
    fn people<T: DeserializeOwned>(
        &self,
        room: &str,
        list: &str,
        at: Pos,
        cursor: Option<u32>,
        more: Option<(&str, &str)>,
    ) -> Result<T, Failure> {
        let (at, limit) = (written(at), PEOPLE_MAX.to_string());
        let cursor = cursor.map(|cursor| cursor.to_string());
        let mut pairs = vec![("at", at.as_str()), ("limit", limit.as_str())];
        pairs.extend(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        pairs.extend(more);
        self.get(&["rooms", room, list], &pairs)
    }

    /// An event with every name in its lists, which a server gives in pieces.
    fn whole(&self, event: EventView) -> Result<EventView, Failure> {
        let mut event = event;
        while let Some(after) = event.names_next {
            let position = event.position.to_string();
            let after = after.to_string();
            let more: EventDetail = self.get(&["events", &position], &[("names_after", &after)])?;
            for (name, more) in more.event.data {
                if let Some(value) = event.data.get_mut(&name) {
                    append(&name, value, more);
                }
            }
            event.names_next = more.event.names_next;
        }
        Ok(event)
    }
}

/// Adds what more there is to the lists of connections in a value.
fn append(name: &str, value: &mut Value, more: Value) {
    match (value, more) {
        (Value::Array(items), Value::Array(more)) if LISTS.contains(&name) => items.extend(more),
        (Value::Array(items), Value::Array(more)) => {
            for (item, more) in items.iter_mut().zip(more) {
                append("", item, more);
            }
        }
        (Value::Object(members), Value::Object(more)) => {
            for (name, more) in more {
                if let Some(value) = members.get_mut(&name) {
                    append(&name, value, more);
                }
            }
        }
        _ => {}
    }
}

impl Reader for ServerReader<'_> {
    fn place(&self) -> String {
        self.base.clone()
    }

    fn head(&self) -> Result<u64, Failure> {
        let newest = EventQuery {
            order: Order::Descending,
            limit: 1,
            ..EventQuery::default()
        };
        let page = self.page(&newest)?;
        Ok(page.events.first().map_or(0, |event| event.position))
    }

    fn rooms(&self, query: &RoomsQuery) -> Result<RoomsPage, Failure> {
        let mut pairs = Vec::new();
        if let Some(prefix) = &query.prefix {
            pairs.push(("prefix", prefix.as_str()));
        }
        if query.live {
            pairs.push(("live", "true"));
        }
        if let Some(cursor) = &query.cursor {
            pairs.push(("cursor", cursor.as_str()));
        }
        self.get(&["rooms"], &pairs)
    }

    fn room(&self, room: &str, at: Option<Pos>) -> Result<RoomView, Failure> {
        match at {
            None => self.get(&["rooms", room], &[]),
            Some(at) => self.get(&["rooms", room], &[("at", &written(at))]),
        }
    }

    fn sessions(&self, room: &str) -> Result<Vec<SessionView>, Failure> {
        let mut found = Vec::new();
        let mut cursor: Option<u32> = None;
        loop {
            let after = cursor.map(|cursor| cursor.to_string());
            let pairs = after.as_deref().map(|after| ("cursor", after));
            let pairs: Vec<(&str, &str)> = pairs.into_iter().collect();
            let page: SessionPage = self.get(&["rooms", room, "sessions"], &pairs)?;
            found.extend(page.sessions);
            if page.cursor.is_none() {
                return Ok(found);
            }
            cursor = page.cursor;
        }
    }

    fn present(
        &self,
        room: &str,
        at: Pos,
        ability: Option<Ability>,
    ) -> Result<Vec<Presence>, Failure> {
        let can = ability.map(|ability| ability.to_string());
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let more = can.as_deref().map(|can| ("can", can));
            let page: PresencePage = self.people(room, "present", at, cursor, more)?;
            found.extend(page.present);
            if page.cursor.is_none() {
                return Ok(found);
            }
            cursor = page.cursor;
        }
    }

    fn removals(&self, room: &str, at: Pos) -> Result<Vec<Removal>, Failure> {
        let mut found = Vec::new();
        let mut cursor = None;
        loop {
            let page: RemovalPage = self.people(room, "removals", at, cursor, None)?;
            found.extend(page.removals);
            if page.cursor.is_none() {
                return Ok(found);
            }
            cursor = page.cursor;
        }
    }

    fn page(&self, query: &EventQuery) -> Result<EventPage, Failure> {
        let pairs = pairs_of(query);
        let pairs: Vec<(&str, &str)> = pairs
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let answer: Page = self.get(&["events"], &pairs)?;
        let events = answer.events.into_iter();
        let events = events.map(|event| self.whole(event));
        Ok(EventPage {
            events: events.collect::<Result<_, _>>()?,
            next: answer.next,
        })
    }

    fn event(&self, position: u64) -> Result<EventDetail, Failure> {
        let mut detail: EventDetail = self.get(&["events", &position.to_string()], &[])?;
        detail.event = self.whole(detail.event)?;
        Ok(detail)
    }

    fn follow(
        &self,
        query: &EventQuery,
        each: &mut dyn FnMut(EventView) -> Result<(), Failure>,
        lost: &mut dyn FnMut(&str),
    ) -> Failure {
        let after = query.after.unwrap_or_default();
        let start = after.0.to_string();
        let mut pairs = vec![("after", start.as_str())];
        if let Some(room) = &query.room {
            pairs.push(("room", room.as_str()));
        }
        let mut seen = after;
        self.client.follow(
            &pairs,
            &mut |message| {
                let event: EventView = serde_json::from_str(&message.data).map_err(unreadable)?;
                let position = Position(event.position);
                let event = self.whole(event)?;
                let taken = if query.filter == Filter::default() {
                    each(event)
                } else {
                    // The stream has no filters: the event is asked for again, with them.
                    let only = EventQuery {
                        after: Some(seen),
                        before: Some(position.next()),
                        ..query.clone()
                    };
                    each_event(self, &only, each)
                };
                seen = position;
                taken
            },
            lost,
        )
    }
}

#[derive(serde::Deserialize)]
struct Page {
    events: Vec<EventView>,
    next: Option<u64>,
}

/// A moment as the API reads it: canonical, and a position as a bare number.
fn written(at: Pos) -> String {
    match at {
        Pos::Position(position) => position.to_string(),
        Pos::Head { .. } | Pos::Time(_) | Pos::StartPlus(_) | Pos::EndMinus(_) => at.to_string(),
    }
}

fn pairs_of(query: &EventQuery) -> Vec<(&'static str, String)> {
    let mut pairs = vec![("limit", query.limit.min(EVENTS_MAX).to_string())];
    let mut put = |name, value: Option<String>| pairs.extend(value.map(|value| (name, value)));
    put("room", query.room.as_ref().map(ToString::to_string));
    put("after", query.after.map(|after| after.0.to_string()));
    put("before", query.before.map(|before| before.0.to_string()));
    put("since", query.since.map(|since| since.to_string()));
    put("until", query.until.map(|until| until.to_string()));
    put("actor", query.filter.actor.clone());
    put("target", query.filter.target.clone());
    put(
        "refused",
        query.filter.refused.map(|refused| refused.to_string()),
    );
    let kinds: Vec<&str> = query
        .filter
        .kinds
        .iter()
        .map(|kind| kind.as_str())
        .collect();
    put(
        "kind",
        Some(kinds.join(",")).filter(|kinds| !kinds.is_empty()),
    );
    if query.order == Order::Descending {
        put("order", Some("desc".to_owned()));
    }
    pairs
}

fn parsed<T: DeserializeOwned>(answer: Value) -> Result<T, Failure> {
    serde_json::from_value(answer).map_err(unreadable)
}

fn unreadable(error: serde_json::Error) -> Failure {
    Failure::new(
        Exit::Refused,
        "the server answered something else than was asked for",
    )
    .because(error)
    .hint("is it a roomledger of this version?")
}

/// The most people that one answer gives.
const PEOPLE_MAX: usize = 10_000;
/// The most events that one answer gives.
const EVENTS_MAX: usize = 1_000;

/// The lists that an event cuts where it is about very many connections.
const LISTS: &[&str] = &["targets", "connections", "before"];
