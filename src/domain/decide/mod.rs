//! The only place that says no.
//!
//! A decision looks at a room, a request and a context, and gives events or a [`Rejection`]. It
//! reads nothing else and changes nothing.

use super::command::Request;
use super::digest::Digest;
use super::event::NewEvent;
use super::rejection::Rejection;
use super::state::{Defaults, Room};
use super::time::Timestamp;

/// What a decision may know beside the room and the request.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The ledger's time.
    pub now: Timestamp,
    /// The server's own settings.
    pub defaults: &'a Defaults,
    /// 128 random bits, of which every id that the decision mints is made.
    pub entropy: u128,
}

/// What a decision about one room came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The events, in order; none when a report told nothing new.
    pub events: Vec<NewEvent>,
}

/// What a decision about a move came to: both or neither.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MoveDecision {
    /// The events of the room that is left.
    pub from: Vec<NewEvent>,
    /// The events of the room that is joined.
    pub to: Vec<NewEvent>,
}

/// Decides any request but a move.
///
/// # Errors
/// [`Rejection`] is the answer no; record it with [`refusal`].
pub fn decide(_: &Room, _: &Request, _: &Context<'_>) -> Result<Decision, Rejection> {
    Ok(Decision::default())
}

/// Decides a move: the source room must not be the destination.
///
/// # Errors
/// [`Rejection`] of either room; nothing happens in either then.
pub fn decide_move(
    _: &Room,
    _: &Room,
    _: &Request,
    _: &Context<'_>,
) -> Result<MoveDecision, Rejection> {
    Ok(MoveDecision::default())
}

/// The events that record a refusal. They belong into the room when it exists
/// (`room.life.is_some()`), else into the system stream; reports of ticks are never refused.
pub fn refusal(_: &Room, _: &Request, _: &Rejection, _: Digest, _: u64) -> Vec<NewEvent> {
    Vec::new()
}

/// The number of these rules, recorded with every command.
pub const RULESET: u16 = 1;
