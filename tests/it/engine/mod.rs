//! The engine on a memory store: what callers are promised, whatever the timing.

pub(crate) mod support;

mod batch;
mod clock;
mod execute;
mod failure;
#[cfg(feature = "sled")]
pub(crate) mod ledger;
mod refusals;
mod restart;
mod rules;
mod subscription;
mod timers;
mod turns;
