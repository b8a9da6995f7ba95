//! The rules: pure, synchronous, and the only place that knows what a room is.
//!
//! `Command` -> [`decide`] -> `Event` -> [`evolve`] -> `Room`. It never reads a clock, draws an
//! id, touches a disk or spawns anything: time and entropy are arguments, so that replaying the
//! same events always gives the same rooms.
//!
//! # Laws
//! Each is a property test of the same number in `tests/it/laws.rs`.
//!
//! 1. Folding is deterministic, and the room that a decision gives is the fold of its events.
//! 2. A snapshot at any cut, folded on, equals the fold from the start.
//! 3. The events of a decision keep the invariants of the state.
//! 4. A command whose effect holds already changes nothing but the record.
//! 5. As of version *v* is the fold of the first *v* events.
//! 6. Stints are ordered, disjoint, at most one open, and inside their session.
//! 7. Losing the right to send a source unpublishes exactly its tracks, in the same commit.
//! 8. A banned identity opens no stint.
//! 9. Counts are folds.
//! 10. Decoding what was encoded gives the same event, and hostile bytes never panic.
//! 11. Any changed bit, and any swapped, dropped or inserted record, is found by `verify`.
//! 12. All stores agree.
//! 13. Batching is invisible.
//! 14. A subscription sees every position once, in order.

mod api_tokens;
mod code;
pub mod command;
mod decide;
mod digest;
pub mod event;
mod evolve;
mod id;
mod json;
pub mod limits;
mod patch;
mod permission;
mod personal;
mod provenance;
mod ranges;
mod rejection;
pub mod state;
mod time;
mod timelog;
mod words;

pub use api_tokens::{ApiRevocations, RevokedTokens};
pub use code::Code;
pub use command::{Command, Request, Target};
pub use decide::{
    Context, Decision, MoveDecision, RULESET, decide, decide_move, is_of_room, refusal,
    target_text, with_refusal,
};
pub use digest::Digest;
pub use event::{Event, Kind, NewEvent, Reference};
pub use evolve::evolve;
pub use id::{
    Alias, ConnectionNumber, Id, Identity, NameError, ParticipantNumber, RoomName, SessionNumber,
    TrackNumber, Version,
};
pub use patch::PermissionPatch;
pub use permission::{AdminRight, Allowed, Differ, Permission, Receive, ReceiveRule, Send, Source};
pub use personal::Personal;
pub use provenance::{Actor, ActorKind, Provenance, Trace, Via};
pub use ranges::{Number, Ranges};
pub use rejection::Rejection;
pub use state::{Defaults, Room};
pub use time::Timestamp;
pub use timelog::{Interval, Timelog};
