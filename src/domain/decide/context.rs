//! What goes into a decision beside room and request, and what comes out of it.
//! Apart so that every rule can name both without knowing who calls it.

use crate::domain::event::NewEvent;
use crate::domain::rejection::Rejection;
use crate::domain::state::{Defaults, Room};
use crate::domain::time::Timestamp;

/// What a decision may know beside the room and the request.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The ledger's time.
    pub now: Timestamp,
    /// What the wall clock says: credentials expire by it (log.md rule 21).
    pub wall: Timestamp,
    /// The server's own settings.
    pub defaults: &'a Defaults,
    /// 128 random bits, of which every id that the decision mints is made.
    pub entropy: u128,
}

/// What a decision about one room came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The events, in order; none when a report told nothing new.
    pub events: Vec<NewEvent>,
    /// The room with these events folded in, so that nobody need fold them again (law 1).
    pub room: Room,
    /// The answer no where something was done all the same: a removal that finds nobody inside can
    /// still keep them out. Record it after the events, with [`refusal`](super::refusal).
    pub refused: Option<Rejection>,
}

/// What a decision about a move came to: both or neither.
#[derive(Clone, Debug, PartialEq)]
pub struct MoveDecision {
    /// Of the room that is left.
    pub from: Decision,
    /// Of the room that is joined.
    pub to: Decision,
}
