//! What the read commands ask of a log, and how they walk through pages of it. Apart from both
//! sources, so that neither command nor test can tell them apart. Never prints.

use serde::{Deserialize, Serialize};

use crate::cli::failure::Failure;
use crate::replay::position::Pos;
use crate::replay::view::{EventView, RoomSummary, RoomView, SessionView};
use crate::replay::{Ability, EventPage, EventQuery, Order, Presence, Removal};
use crate::store::Position;

/// What the read commands ask.
pub trait Reader {
    /// The source, in words that an error can end with.
    fn place(&self) -> String;

    /// The last position of the log; 0 when it is empty.
    ///
    /// # Errors
    /// `Refused` or `Damaged`, as the source says; so for all below.
    fn head(&self) -> Result<u64, Failure>;

    /// A page of rooms by name, after the page that gave `cursor`.
    ///
    /// # Errors
    /// As [`Reader::head`].
    fn rooms(&self, query: &RoomsQuery) -> Result<RoomsPage, Failure>;

    /// A room at a moment, or now.
    ///
    /// # Errors
    /// `NotFound` when nothing had happened in it; as [`Reader::head`].
    fn room(&self, room: &str, at: Option<Pos>) -> Result<RoomView, Failure>;

    /// The sessions of a room, oldest first.
    ///
    /// # Errors
    /// As [`Reader::room`].
    fn sessions(&self, room: &str) -> Result<Vec<SessionView>, Failure>;

    /// Who was in a room at a moment, all or those who could do something.
    ///
    /// # Errors
    /// As [`Reader::room`].
    fn present(
        &self,
        room: &str,
        at: Pos,
        ability: Option<Ability>,
    ) -> Result<Vec<Presence>, Failure>;

    /// Who had been removed in any session of a room up to a moment.
    ///
    /// # Errors
    /// As [`Reader::room`].
    fn removals(&self, room: &str, at: Pos) -> Result<Vec<Removal>, Failure>;

    /// A page of events.
    ///
    /// # Errors
    /// As [`Reader::head`].
    fn page(&self, query: &EventQuery) -> Result<EventPage, Failure>;

    /// One event, with its commit.
    ///
    /// # Errors
    /// `NotFound` when there is no such position; as [`Reader::head`].
    fn event(&self, position: u64) -> Result<EventDetail, Failure>;

    /// Gives each event that the query wants, from its `after` on, as it comes; until `each` or
    /// the source fails. `lost` is told when the source is gone for a while.
    fn follow(
        &self,
        query: &EventQuery,
        each: &mut dyn FnMut(EventView) -> Result<(), Failure>,
        lost: &mut dyn FnMut(&str),
    ) -> Failure;
}

/// Which rooms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoomsQuery {
    /// Whose name begins so.
    pub prefix: Option<String>,
    /// Only those with an open session.
    pub live: bool,
    /// Where the page before ended.
    pub cursor: Option<String>,
}

/// Some rooms.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct RoomsPage {
    /// By name.
    pub rooms: Vec<RoomSummary>,
    /// Where the next page begins, when there may be one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// One event with its place in the chain.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventDetail {
    /// The event.
    #[serde(flatten)]
    pub event: EventView,
    /// The first position of its command, before which nothing of it lies.
    pub command: u64,
    /// The last position of its commit.
    pub commit: u64,
    /// The chain hash there, in hex.
    pub chain: String,
}

/// Gives every event that the query wants to `each`, page after page; `limit` is a page's.
///
/// # Errors
/// As [`Reader::page`], and those of `each`.
pub fn each_event(
    reader: &dyn Reader,
    query: &EventQuery,
    each: &mut dyn FnMut(EventView) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut query = query.clone();
    loop {
        let page = reader.page(&query)?;
        for event in page.events {
            each(event)?;
        }
        match page.next {
            Some(next) => turn(&mut query, next),
            None => return Ok(()),
        }
    }
}

/// Gives every room that is wanted to `each`.
///
/// # Errors
/// As [`Reader::rooms`], and those of `each`.
pub fn each_room(
    reader: &dyn Reader,
    query: RoomsQuery,
    each: &mut dyn FnMut(RoomSummary) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut query = query;
    loop {
        let page = reader.rooms(&query)?;
        for room in page.rooms {
            each(room)?;
        }
        if page.cursor.is_none() {
            return Ok(());
        }
        query.cursor = page.cursor;
    }
}

/// Moves a query on to the page after the one that ended with `next`.
fn turn(query: &mut EventQuery, next: u64) {
    match query.order {
        Order::Ascending => query.after = Some(Position(next)),
        Order::Descending => query.before = Some(Position(next)),
    }
}
