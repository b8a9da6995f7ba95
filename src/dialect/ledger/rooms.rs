//! Reading rooms, their people and their sessions, now or as of a moment.
//! Apart from events: these are folds.

use std::borrow::Cow;
use std::collections::BTreeSet;

use axum::Json;
use axum::http::HeaderMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

use crate::dialect::auth::claims::{Claims, Right};
use crate::dialect::ledger::moments::no_room;
use crate::dialect::ledger::openapi::{Answer, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::query::Query;
use crate::dialect::ledger::rendered::Rendered;
use crate::dialect::ledger::state::{Ledger, State};
use crate::dialect::ledger::write::Named;
use crate::domain::{
    Code, Identity, ParticipantNumber, Room, RoomName, SessionNumber, Timestamp, Version,
};
use crate::engine::past;
use crate::replay::view::{ParticipantView, RoomSummary, RoomView, SessionView};
use crate::replay::{EarlierStints, Moment, Names, Runs, SessionPage};

/// `GET /rooms`
pub(super) async fn list(
    State(ledger): State<Ledger>,
    headers: HeaderMap,
    query: Query,
) -> Result<Json<Rooms>, Problem> {
    let claims = ledger.claims(&headers)?;
    if !claims.may(Right::RoomList) {
        ledger.reader(&headers)?;
    }
    let mut query = query;
    let Listing {
        prefix,
        live,
        cursor,
        limit,
    } = listing(&mut query)?;
    query.finish()?;
    let sees_all = claims.may(Right::RoomList) || claims.may(Right::Audit(None));
    let own = (!sees_all).then(|| own_rooms(&claims));
    if own.as_ref().is_some_and(Vec::is_empty) {
        let detail = "the list is of all rooms, and the key is for some alone";
        return Err(Problem::no_right(detail));
    }
    let mut after = cursor;
    let mut rooms: Vec<RoomSummary> = Vec::new();
    let mut more = None;
    'pages: loop {
        let names = match &own {
            Some(own) => own
                .iter()
                .filter(|name| after.as_ref() < Some(*name))
                .cloned()
                .collect(),
            None => names(&ledger, live, after.clone(), &prefix).await?,
        };
        let Some(last) = names.last().cloned() else {
            break;
        };
        for name in names {
            let is_past = !name.as_str().starts_with(&prefix) && name.as_str() > prefix.as_str();
            if is_past {
                break 'pages;
            }
            if !name.as_str().starts_with(&prefix) || !may_list(&claims, &name) {
                continue;
            }
            if rooms.len() == limit {
                more = rooms.last().map(|room| room.room.clone());
                break 'pages;
            }
            let room = ledger.engine.room(&name).await?;
            let summary = room.map(|room| RoomSummary::of(&room));
            rooms.extend(summary.filter(|room| live.is_none_or(|live| room.live == live)));
        }
        after = Some(last);
    }
    Ok(Json(Rooms {
        rooms,
        cursor: more,
    }))
}

struct Listing {
    prefix: String,
    live: Option<bool>,
    cursor: Option<RoomName>,
    limit: usize,
}

fn listing(query: &mut Query) -> Result<Listing, Problem> {
    let limit = |Limit(limit): Limit<ROOMS_MAX>| limit;
    Ok(Listing {
        prefix: query.text("prefix")?.unwrap_or_default(),
        live: query.parsed("live", str::parse::<bool>)?,
        cursor: query.parsed("cursor", RoomName::new)?,
        limit: query
            .parsed("limit", Limit::parse)?
            .map_or(ROOMS_DEFAULT, limit),
    })
}

/// A page of rooms.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Rooms {
    rooms: Vec<RoomSummary>,
    /// Where the next page begins; absent at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    cursor: Option<String>,
}

pub(super) const LIST: Operation = Operation::read(
    "rooms",
    "Pages of rooms.",
    |query| listing(query).map(drop),
    Answer::of::<Rooms>(200),
);
pub(super) const ROOM: Operation = Operation::read(
    "room",
    "The folded room.",
    |query| at(query).map(drop),
    Answer::of::<RoomView>(200),
)
.or(&[404]);
pub(super) const PARTICIPANT: Operation = Operation::read(
    "participant",
    "One participant of the folded room.",
    |query| at(query).map(drop),
    Answer::of::<ParticipantView>(200),
)
.or(&[404]);
pub(super) const SESSIONS: Operation = Operation::read(
    "sessions",
    "Pages of the sessions of a room, with who was there.",
    |query| {
        at(query)?;
        runs(query).map(drop)
    },
    Answer::of::<SessionPage>(200),
)
.or(&[404]);
pub(super) const SESSION: Operation = Operation::read(
    "session",
    "One session, with who was there.",
    |query| at(query).map(drop),
    Answer::of::<SessionView>(200),
)
.or(&[404]);

/// A page of names after one, in order: from memory where only open sessions are asked for.
async fn names(
    ledger: &Ledger,
    live: Option<bool>,
    after: Option<RoomName>,
    prefix: &str,
) -> Result<Vec<RoomName>, Problem> {
    let is_live = live == Some(true);
    let start = RoomName::new(prefix).ok().filter(|_| after.is_none());
    let after = after.or_else(|| start.clone());
    let mut names: Vec<RoomName> = if is_live {
        let rooms = ledger.engine.live_rooms_after(after).take(PAGE);
        rooms.map(|room| room.name.clone()).collect()
    } else {
        ledger.engine.rooms(after, PAGE).await?
    };
    // Names after the prefix leave out the room of just that name.
    if let Some(start) = start {
        let whole = start.clone();
        let exists = if is_live {
            ledger.engine.live(&start).is_some()
        } else {
            let head = ledger
                .engine
                .read(move |store| store.room_head(Some(&whole)));
            head.await? > Version(0)
        };
        if exists {
            names.insert(0, start);
        }
    }
    Ok(names)
}

/// The rooms that a token names, in order: a reader of these must not wait for the others.
fn own_rooms(claims: &Claims) -> Vec<RoomName> {
    let named = claims.rooms().filter_map(|room| RoomName::new(room).ok());
    let named: BTreeSet<RoomName> = named.collect();
    named.into_iter().collect()
}

fn may_list(claims: &Claims, room: &RoomName) -> bool {
    claims.may(Right::RoomList) || claims.may(Right::Audit(Some(room.as_str())))
}

/// `GET /rooms/{room}`
pub(super) async fn room(
    State(ledger): State<Ledger>,
    headers: HeaderMap,
    Named(room): Named<String>,
    query: Query,
) -> Result<Rendered, Problem> {
    let (room, moment) = asked(&ledger, &headers, &room, query).await?;
    let view = ledger.folded(&room, moment, |room, names, now| {
        Some(Rendered::of_room(room, || RoomView::at(room, names, now)))
    });
    view.await?.ok_or_else(|| no_room(&room))
}

/// `GET /rooms/{room}/participants/{identity}`
pub(super) async fn participant(
    State(ledger): State<Ledger>,
    headers: HeaderMap,
    Named((room, identity)): Named<(String, String)>,
    query: Query,
) -> Result<Rendered, Problem> {
    let (room, moment) = asked(&ledger, &headers, &room, query).await?;
    let identity =
        Identity::new(&identity).map_err(|error| Problem::malformed(error.to_string()))?;
    let wanted = identity.clone();
    let view = ledger.folded(&room, moment, move |room, names, _| {
        let view = ParticipantView::of(room, &wanted, names)?;
        let number = ParticipantNumber(view.participant);
        Some((view, EarlierStints::of(room, number)))
    });
    let (mut view, earlier) = view.await?.ok_or_else(|| {
        let detail = format!("nobody called {identity:?} was mentioned in room {room:?} then");
        Problem::not_found(Code::NoSuchParticipant.as_str(), detail)
    })?;
    let rendered = ledger.engine.read(move |store| {
        if let Some(earlier) = earlier {
            let mut stints = earlier.read(store)?;
            stints.append(&mut view.timelog);
            view.timelog = stints;
        }
        Ok(Rendered::of(&view))
    });
    Ok(rendered.await?)
}

/// `GET /rooms/{room}/sessions`
pub(super) async fn sessions(
    State(ledger): State<Ledger>,
    headers: HeaderMap,
    Named(room): Named<String>,
    query: Query,
) -> Result<Rendered, Problem> {
    let (room, moment, runs) = asked_more(&ledger, &headers, &room, query, runs).await?;
    let sessions = ledger.sessions_at(&room, moment, runs, |page| Rendered::of(&page));
    let sessions = sessions.await?;
    let known = ledger.engine.room(&room).await?;
    if known.is_none() {
        return Err(no_room(&room));
    }
    Ok(sessions)
}

/// `GET /sessions/{session}`
pub(super) async fn session(
    State(ledger): State<Ledger>,
    headers: HeaderMap,
    Named(session): Named<String>,
    query: Query,
) -> Result<Rendered, Problem> {
    let claims = ledger.reader(&headers)?;
    let unknown = || {
        let detail = format!("there is no session {session:?} that the token may read");
        Problem::not_found("no-such-session", detail)
    };
    let place = ledger.session_place(&claims, &session).await?;
    let place = place.ok_or_else(unknown)?;
    let (room, moment) = asked(&ledger, &headers, place.room.as_str(), query).await?;
    let found = ledger.sessions_at(&room, moment, Runs::only(place.number), |mut found| {
        let session = found.sessions.pop();
        session.map(|session| Rendered::of(&session))
    });
    found.await?.ok_or_else(unknown)
}

/// The room and moment that a reader who may read it asks for.
async fn asked(
    ledger: &Ledger,
    headers: &HeaderMap,
    room: &str,
    query: Query,
) -> Result<(RoomName, Moment), Problem> {
    let (room, moment, ()) = asked_more(ledger, headers, room, query, |_| Ok(())).await?;
    Ok((room, moment))
}

/// The same, with what else the query says.
pub(super) async fn asked_more<T>(
    ledger: &Ledger,
    headers: &HeaderMap,
    room: &str,
    query: Query,
    more: impl FnOnce(&mut Query) -> Result<T, Problem>,
) -> Result<(RoomName, Moment, T), Problem> {
    let claims = ledger.reader(headers)?;
    let room = ledger.readable_room(&claims, room).await?;
    let mut query = query;
    let (at, more) = (at(&mut query)?, more(&mut query)?);
    query.finish()?;
    let moment = ledger.moment(&room, at.as_deref()).await?;
    Ok((room, moment, more))
}

/// Which page of sessions.
fn runs(query: &mut Query) -> Result<Runs, Problem> {
    let after = query.parsed("cursor", str::parse::<u32>)?;
    let limit = query.parsed("limit", Limit::<SESSIONS_MAX>::parse)?;
    Ok(Runs {
        after: SessionNumber(after.unwrap_or_default()),
        limit: limit.map_or(SESSIONS_DEFAULT, |Limit(limit)| limit),
    })
}

pub(super) fn at(query: &mut Query) -> Result<Option<String>, Problem> {
    query.text("at")
}

impl Ledger {
    /// Shows a room as of a moment, with the instant that it is shown at; `None` when nothing had
    /// happened in it. What is asked of now comes from memory.
    pub(super) async fn folded<T: Send + 'static>(
        &self,
        room: &RoomName,
        moment: Moment,
        show: impl Fn(&Room, &Names, Timestamp) -> Option<T> + Send + 'static,
    ) -> Result<Option<T>, Problem> {
        let now = self.engine.now();
        if moment == Moment::Head
            && let Some(room) = self.engine.live(room)
        {
            let past = self.past.of(Some(&room.name));
            let shown = self.engine.read(move |store| {
                let mut book = past.lock();
                let names = book.up_to(store, Some(&room.name), room.version)?;
                Ok(show(&room, names, now))
            });
            return Ok(shown.await?);
        }
        let book = self.past.of(Some(room));
        let room = room.clone();
        let shown = self
            .engine
            .read(move |store| past::room(store, || book.lock(), (&room, moment, now), show));
        Ok(shown.await?)
    }

    /// Shows some sessions of a room up to a moment.
    async fn sessions_at<T: Send + 'static>(
        &self,
        room: &RoomName,
        moment: Moment,
        runs: Runs,
        show: impl FnOnce(SessionPage) -> T + Send + 'static,
    ) -> Result<T, Problem> {
        let now = self.engine.now();
        let book = self.past.of(Some(room));
        let room = room.clone();
        let shown = self.engine.read(move |store| {
            let sessions = past::sessions(store, || book.lock(), (&room, moment, now), runs)?;
            Ok(show(sessions))
        });
        Ok(shown.await?)
    }
}

/// A number of entries, at most so many.
pub(super) struct Limit<const MAX: usize>(pub(super) usize);

impl<const MAX: usize> Limit<MAX> {
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(limit) if (1..=MAX).contains(&limit) => Ok(Self(limit)),
            Ok(_) | Err(_) => Err(format!("has to be a number from 1 to {MAX}")),
        }
    }
}

impl<const MAX: usize> JsonSchema for Limit<MAX> {
    fn schema_name() -> Cow<'static, str> {
        Cow::Owned(format!("Limit{MAX}"))
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "minimum": 1, "maximum": MAX })
    }
}

const ROOMS_DEFAULT: usize = 100;
const ROOMS_MAX: usize = 1_000;
const SESSIONS_DEFAULT: usize = 100;
/// A page ends earlier where its sessions come to some megabytes.
const SESSIONS_MAX: usize = 1_000;
/// Names read at a time: enough for a page of the default length with some left out.
const PAGE: usize = 256;
