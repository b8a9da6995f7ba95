//! Random histories of two rooms: programs of steps that mostly make valid commands.
//!
//! A step is small numbers. Which command it stands for is worked out against the rooms that it
//! meets: a command is only chosen where the room makes it possible (a mute needs a track), its
//! targets are mostly live connections, open tracks and known identities, and every field of it has
//! a number of its own, so that no two values depend on each other. Zero is the simplest choice
//! everywhere, so that programs shrink to few, simple steps.
//!
//! Programs reach every kind of event that a room records, every kind of connection, both values
//! of every right and of every setting, and every code of refusal that the rules give; the tests of
//! this crate count it. Left out on purpose: objections of the edge and `Command::Unread`, which
//! are refused before any rule looks at the room; values beyond their limits, whose refusals depend
//! on nothing else; and the events of the ledger itself, which no room records.

mod admin;
mod choices;
mod choosing;
mod reports;
mod running;
mod scene;
mod step;
mod values;

pub use choices::Choices;
pub use running::{Arrival, ROOMS, Recorded, Taken, run, run_in};
pub use step::{Step, programs};
