//! The report of all that a media server still has: what it lost is closed. Apart because it is the
//! one report about many rooms.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use schemars::JsonSchema;
use serde::Serialize;

use crate::dialect::auth::claims::{ALL_ROOMS, Right};
use crate::dialect::ledger::fields::{Fields, Wrong};
use crate::dialect::ledger::openapi::{Answer, Body, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::{Ledger, State};
use crate::dialect::ledger::write::{Asked, EVERY_ROOM, Named, Need, Write, answer};
use crate::domain::event::MovedFrom;
use crate::domain::state::{Connection, Session};
use crate::domain::{Command, ConnectionNumber, Event, Room, RoomName, Version};
use crate::engine::Receipt;
use crate::replay::Moment;
use crate::store::Position;

/// `POST /reporters/{reporter}/sync`
pub(super) async fn sync(
    State(ledger): State<Ledger>,
    Named(reporter): Named<String>,
    asked: Asked,
) -> Result<Response, Problem> {
    if !asked.claims().may(Right::Report(ALL_ROOMS)) {
        let detail = "a media server syncs all its rooms: its token must not be for one room";
        let problem = Problem::no_right(detail);
        let write = Write::begin(&ledger, asked, EVERY_ROOM, Need::Report).await?;
        return Err(write.not_granted("close_lost", problem).await);
    }
    // The body is about no one room, so what is wrong with it is recorded in none.
    let mut asked = asked;
    let listing = asked.read_alone(read).await?;
    let listed_in = rooms_meant(&ledger, listing.rooms).await?;
    check_as_of(&ledger, &reporter, listing.as_of, &listed_in)?;
    let write = Write::begin(&ledger, asked, EVERY_ROOM, Need::Report).await?;
    let write = write.of_several(&(&reporter, listing.as_of, &listed_in));
    let close = |as_of: Version, listed: Vec<String>| Command::CloseLost {
        reporter: reporter.clone(),
        as_of,
        listed,
    };
    // A repeat asks the rooms of the first call first: they answer as they did then, or tell that
    // the id belongs to another body before anything is closed for this one.
    let mut rooms = write.earlier_rooms(close(Version(0), Vec::new())).await?;
    let live = ledger.engine.live_rooms();
    let concerned = live.iter().filter(|room| has_any(room, &reporter));
    let concerned: Vec<RoomName> = concerned.map(|room| room.name.clone()).collect();
    let earlier: BTreeSet<RoomName> = rooms.iter().cloned().collect();
    rooms.extend(concerned.into_iter().filter(|it| !earlier.contains(it)));
    let mut closed = Vec::new();
    let mut last: Option<Receipt> = None;
    let carried = ledger.carried(&rooms, &listed_in).await?;
    for room in rooms {
        let moment = Moment::Position(listing.as_of);
        let as_of = ledger.engine.version_at(&room, moment).await?;
        let listed = [&listed_in, &carried].map(|all| all.get(&room).cloned().unwrap_or_default());
        let listed = listed.concat();
        let write = write.in_room(&room);
        let receipt = write.execute(write.request(close(as_of, listed))).await?;
        closed.extend(closed_by(&receipt));
        last = last
            .into_iter()
            .chain([receipt])
            .max_by_key(|it| (!it.records.is_empty(), it.position));
    }
    let body = Lost { closed };
    Ok(match last {
        Some(receipt) => answer(StatusCode::OK, &receipt, &body),
        None => Json(body).into_response(),
    })
}

/// What the media server no longer has.
#[derive(Debug, Serialize, JsonSchema)]
struct Lost {
    closed: Vec<Closed>,
}

/// A connection that was closed for that.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "LostConnection")]
struct Closed {
    room: String,
    connection: String,
    sid: String,
    /// Where that is recorded.
    position: Position,
}

pub(super) const SYNC: Operation = Operation::report(
    "sync",
    "All that a media server still has: its other connections are closed.",
    || {
        vec![Body {
            name: "sync",
            read: |fields| read(fields).map(drop),
            example: r#"{"as_of":412,"connections":[{"room":"town","connection":"c1"}]}"#,
        }]
    },
    Answer::of::<Lost>(200),
)
.or(&[410]);

/// What a media server still had then.
struct Listing {
    as_of: Position,
    rooms: Listed,
}

type Listed = BTreeMap<RoomName, Vec<String>>;

/// The same by the rooms' names: it may know them by their ids.
async fn rooms_meant(ledger: &Ledger, rooms: Listed) -> Result<Listed, Problem> {
    let mut meant = Listed::new();
    for (room, connections) in rooms {
        // The caller may report of all rooms.
        let room = ledger.meant(room.clone(), |_| true).await?.unwrap_or(room);
        meant.entry(room).or_default().extend(connections);
    }
    Ok(meant)
}

fn read(fields: &mut Fields) -> Result<Listing, Wrong> {
    let as_of = fields.required("as_of")?;
    let mut rooms = Listed::new();
    for mut item in fields.objects("connections")? {
        let room = item.required_parsed("room", RoomName::new)?;
        let connection = item.required("connection")?;
        item.finish()?;
        rooms.entry(room).or_default().push(connection);
    }
    Ok(Listing { as_of, rooms })
}

/// Refuses a listing of a moment that the log has not reached, where it would close anybody: the
/// media server knows another history, and so does not know whom it would close.
fn check_as_of(
    ledger: &Ledger,
    reporter: &str,
    as_of: Position,
    listed_in: &Listed,
) -> Result<(), Problem> {
    let live = ledger.engine.live_rooms();
    let loses = |room: &Arc<Room>| {
        let listed = listed_in.get(&room.name).into_iter().flatten();
        let listed = listed.filter_map(|id| room.connection_by_ref(id));
        let kept: BTreeSet<ConnectionNumber> = listed.map(|it| it.number).collect();
        let mut live = room.open_session().into_iter().flat_map(Session::live);
        live.any(|it| it.reporter.as_deref() == Some(reporter) && !kept.contains(&it.number))
    };
    if live.iter().any(loses) {
        return ledger.reached(as_of);
    }
    Ok(())
}

impl Ledger {
    /// The connections that are listed under a room from which they were moved since: the media
    /// server still has them, by their ids in the rooms where they are.
    async fn carried(&self, rooms: &[RoomName], listed_in: &Listed) -> Result<Listed, Problem> {
        let mut carried = Listed::new();
        for name in rooms {
            let Some(room) = self.engine.live(name) else {
                continue;
            };
            let live = room.open_session().into_iter().flat_map(Session::live);
            for connection in live {
                if self.is_listed_before(connection, listed_in).await? {
                    let ids = carried.entry(name.clone()).or_default();
                    ids.push(connection.sid());
                }
            }
        }
        Ok(carried)
    }

    /// Whether a connection is listed where it was before it was moved.
    async fn is_listed_before(&self, it: &Connection, listed_in: &Listed) -> Result<bool, Problem> {
        let mut from = it.moved_from.clone();
        for _ in 0..MOVES_MAX {
            let Some(MovedFrom { room, connection }) = from else {
                break;
            };
            let Some(known) = self.engine.room(&room).await? else {
                break;
            };
            let mut listed = listed_in.get(&room).into_iter().flatten();
            let is_it = |id: &String| {
                let found = known.connection_by_ref(id);
                found.is_some_and(|found| found.number == connection)
            };
            if listed.any(is_it) {
                return Ok(true);
            }
            from = known
                .connection(connection)
                .and_then(|it| it.moved_from.clone());
        }
        Ok(false)
    }
}

fn has_any(room: &Arc<Room>, reporter: &str) -> bool {
    let session = room.open_session();
    let mut live = session.into_iter().flat_map(Session::live);
    live.any(|connection| connection.reporter.as_deref() == Some(reporter))
}

fn closed_by(receipt: &Receipt) -> Vec<Closed> {
    let Some(room) = &receipt.room else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for record in &receipt.records {
        let Event::ConnectionsClosed(closed) = &record.event.event else {
            continue;
        };
        let connections = closed.who.connections.iter();
        found.extend(
            connections
                .filter_map(|number| room.connection(number))
                .map(|connection| Closed {
                    room: room.name.to_string(),
                    connection: connection.name_id(),
                    sid: connection.sid(),
                    position: record.position,
                }),
        );
    }
    found
}

/// Moves of a connection that are followed back.
const MOVES_MAX: usize = 16;
