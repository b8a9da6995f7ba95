//! Reading events: pages of them, and one with its place in the chain.
//! Apart from the stream, which never ends.

use axum::http::HeaderMap;
use schemars::JsonSchema;
use serde::Serialize;

use crate::dialect::auth::claims::{Claims, Right};
use crate::dialect::ledger::openapi::{Answer, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::query::Query;
use crate::dialect::ledger::rendered::Rendered;
use crate::dialect::ledger::rooms::Limit;
use crate::dialect::ledger::state::{Ledger, State};
use crate::dialect::ledger::write::Named;
use crate::domain::{ConnectionNumber, Digest, Kind, RoomName, Timestamp};
use crate::replay::position::{Pos, Span};
use crate::replay::view::EventView;
use crate::replay::{EventPage, EventQuery, Filter, Order, SessionEntry, read_page};
use crate::store::{Position, Record};

/// `GET /events`
pub(super) async fn list(
    State(ledger): State<Ledger>,
    headers: HeaderMap,
    query: Query,
) -> Result<Rendered, Problem> {
    let claims = ledger.reader(&headers)?;
    let asked = found(&ledger, &claims, query).await?;
    let past = ledger.past.of(asked.room.as_ref());
    let page = ledger
        .engine
        .read(move |store| {
            let page = read_page(store, &mut past.lock(), &asked)?;
            let EventPage { events, next } = page;
            Ok(Rendered::of(&Events { events, next }))
        })
        .await?;
    Ok(page)
}

/// A page of events.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Events {
    events: Vec<EventView>,
    /// Where the next page begins, as `after` or `before` of the same order; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
}

pub(super) const LIST: Operation = Operation::read(
    "events",
    "Pages of events.",
    |query| read(query).map(drop),
    Answer::of::<Events>(200),
)
.or(&[404, 410]);
pub(super) const ONE: Operation = Operation::read(
    "event",
    "One event with its place in the chain.",
    |query| names_after(query).map(drop),
    Answer::of::<EventInChain>(200),
)
.or(&[404]);

struct Asked {
    plain: EventQuery,
    session: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

fn read(query: &mut Query) -> Result<Asked, Problem> {
    let plain = EventQuery {
        room: query.parsed("room", RoomName::new)?,
        after: query.parsed("after", position)?,
        before: query.parsed("before", position)?,
        filter: Filter {
            kinds: kinds(&query.repeated::<Kind>("kind")?)?,
            actor: query.text("actor")?,
            target: query.text("target")?,
            refused: query.parsed("refused", str::parse::<bool>)?,
        },
        order: query.parsed("order", order)?.unwrap_or_default(),
        limit: query
            .parsed("limit", Limit::<EVENTS_MAX>::parse)?
            .map_or(EVENTS_DEFAULT, |Limit(limit)| limit),
        ..EventQuery::default()
    };
    Ok(Asked {
        plain,
        session: query.text("session")?,
        since: query.text("since")?,
        until: query.text("until")?,
    })
}

/// What is asked for, by names. Where a session is named, its room has to be one that the caller
/// may read: a session of any other is answered as one that is not there.
async fn found(ledger: &Ledger, claims: &Claims, query: Query) -> Result<EventQuery, Problem> {
    let mut query = query;
    let Asked {
        plain: mut asked,
        session,
        since,
        until,
    } = read(&mut query)?;
    query.finish()?;
    if asked.room.is_some() || session.is_none() {
        let room = asked.room.as_ref().map(RoomName::as_str);
        asked.room = ledger.readable(claims, room).await?;
    }
    let mut span = None;
    if let Some(session) = session {
        let place = ledger.session_place(claims, &session).await?;
        let place = place.filter(|place| asked.room.as_ref().is_none_or(|it| *it == place.room));
        let Some(place) = place else {
            let detail = format!("there is no session {session:?} here");
            return Err(Problem::not_found("no-such-session", detail));
        };
        span = Some(Span {
            start_us: place.opened_at.micros(),
            end_us: place.ended.map_or(Span::OPEN_US, |(at, _)| at.micros()),
        });
        asked.room = Some(place.room);
        asked.session = Some(place.number);
    }
    let (since, until) = (since.as_deref(), until.as_deref());
    let is_of_session = [since, until].into_iter().flatten().any(Pos::is_of_session);
    if let (None, Some(room), true) = (span, &asked.room, is_of_session) {
        span = ledger.session_of(room).await?;
    }
    let now_us = ledger.engine.now().micros();
    let range = ledger.range(since, until, span.map(|span| span.until_now(now_us)))?;
    // Up to and with the head, a page of `before` begins right behind it.
    let before = asked
        .before
        .map(|before| Position(before.0.saturating_sub(1)));
    for bound in [asked.after, before].into_iter().flatten() {
        ledger.reached(bound)?;
    }
    match range.from.map(|from| ledger.place(from)).transpose()? {
        Some(At::Position(at)) => {
            ledger.reached(at)?;
            let before = Position(at.0.saturating_sub(1));
            asked.after = asked.after.max(Some(before));
        }
        Some(At::Time(at)) => asked.since = Some(at),
        None => {}
    }
    match range.to.map(|to| ledger.place(to)).transpose()? {
        Some(At::Position(at)) => {
            ledger.reached(at)?;
            let beyond = at.next();
            asked.before = Some(asked.before.map_or(beyond, |before| before.min(beyond)));
        }
        Some(At::Time(at)) => asked.until = Some(at),
        None => {}
    }
    Ok(asked)
}

/// `GET /events/{position}`
pub(super) async fn one(
    State(ledger): State<Ledger>,
    headers: HeaderMap,
    Named(position): Named<String>,
    query: Query,
) -> Result<Rendered, Problem> {
    let claims = ledger.reader(&headers)?;
    let mut query = query;
    let names_after = names_after(&mut query)?;
    query.finish()?;
    let written = ledger.written(&position, None)?;
    let position = match ledger.place(written)? {
        At::Position(position) => position,
        At::Time(_) => {
            return Err(Problem::malformed(
                "name an event by its position, such as 412",
            ));
        }
    };
    let before = Position(position.0.saturating_sub(1));
    let mut records = ledger.engine.records(before, 1).await?;
    let is_readable = |record: &Record| {
        let room = record.room.as_ref();
        let room = room.or_else(|| record.event.event.refused_room());
        record.position == position && claims.may(Right::Audit(room.map(RoomName::as_str)))
    };
    let record = records.pop().filter(is_readable).ok_or_else(|| {
        let detail = format!("there is no event at position {position} that the token may read");
        Problem::not_found("no-such-position", detail)
    })?;
    let past = ledger.past.of(record.room.as_ref());
    let shown = ledger.engine.read(move |store| {
        let link = store.commit_of(record.position)?;
        let event = past.lock().show_after(store, &record, names_after)?;
        Ok(Rendered::of(&EventInChain {
            event,
            command: record.command_first,
            commit: link.position,
            chain: link.chain,
        }))
    });
    Ok(shown.await?)
}

/// An event with its place in the chain.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EventInChain {
    #[serde(flatten)]
    event: EventView,
    /// The first position of its command: what it brought about may stand before it, not before
    /// that.
    command: Position,
    /// The last position of its commit.
    commit: Position,
    /// The chain hash there.
    chain: Digest,
}

/// A place that is not relative to a session.
enum At {
    Position(Position),
    Time(Timestamp),
}

impl Ledger {
    fn place(&self, at: Pos) -> Result<At, Problem> {
        match at {
            Pos::Position(position) => Ok(At::Position(Position(position))),
            Pos::Head { back } => {
                let head = self.engine.head();
                Ok(At::Position(Position(head.0.saturating_sub(back))))
            }
            Pos::Time(at_us) => Ok(At::Time(Timestamp::from_micros(at_us))),
            Pos::StartPlus(_) | Pos::EndMinus(_) => Err(Problem::malformed(
                "start and end need a session: name a room that had one, or a session",
            )),
        }
    }

    /// Where a session is, by its id in any form, if the caller may read its room.
    pub(super) async fn session_place(
        &self,
        claims: &Claims,
        id: &str,
    ) -> Result<Option<SessionEntry>, Problem> {
        let id = id.to_owned();
        let found = self.catalogue.read(move |all| all.session(&id).cloned());
        let may = |place: &SessionEntry| claims.may(Right::Audit(Some(place.room.as_str())));
        Ok(found.await?.filter(may))
    }
}

fn names_after(query: &mut Query) -> Result<ConnectionNumber, Problem> {
    let number = |text: &str| text.parse().map(ConnectionNumber);
    let number = query.parsed("names_after", number)?;
    Ok(number.unwrap_or(ConnectionNumber(0)))
}

fn position(text: &str) -> Result<Position, &'static str> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let read = digits.parse().map(Position);
    read.map_err(|_| "has to be a position, such as 412")
}

fn order(text: &str) -> Result<Order, &'static str> {
    match text {
        "asc" => Ok(Order::Ascending),
        "desc" => Ok(Order::Descending),
        _ => Err("has to be asc or desc"),
    }
}

fn kinds(given: &[String]) -> Result<Vec<Kind>, Problem> {
    let names = given.iter().flat_map(|several| several.split(','));
    names
        .map(|name| {
            Kind::from_name(name.trim())
                .ok_or_else(|| Problem::malformed(format!("there is no kind of event {name:?}")))
        })
        .collect()
}

const EVENTS_DEFAULT: usize = 100;
const EVENTS_MAX: usize = 1_000;
