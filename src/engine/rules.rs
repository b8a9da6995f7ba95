//! The three functions by which the domain decides, as values. Apart so that a test can put a
//! decision that panics in their place; nothing else does.

use crate::domain::{
    Context, Decision, Digest, MoveDecision, Rejection, Request, Room, decide, decide_move, refusal,
};

/// Decides any request but a move.
pub type Decide = fn(&Room, &Request, &Context<'_>) -> Result<Decision, Rejection>;
/// Decides a move over both rooms.
pub type DecideMove = fn(&Room, &Room, &Request, &Context<'_>) -> Result<MoveDecision, Rejection>;
/// Words a refusal for the log, with digest and size of the request.
pub type Refuse = fn(&Room, &Request, &Rejection, &Context<'_>, (Digest, u64)) -> Decision;

/// The rules that an engine decides by.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// See [`decide`].
    pub decide: Decide,
    /// See [`decide_move`].
    pub decide_move: DecideMove,
    /// See [`refusal`].
    pub refuse: Refuse,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            decide,
            decide_move,
            refuse: refusal,
        }
    }
}
