//! Our own API through its router, on an engine in virtual time: what is answered and recorded.

mod amplified;
mod batch;
mod clock;
mod commands;
mod contract;
mod ending;
mod following;
#[cfg(feature = "sled")]
mod long_room;
pub(crate) mod metrics;
mod moved;
mod named;
mod pages;
#[cfg(feature = "sled")]
mod past;
mod people;
mod reading;
mod reasons;
mod refusals;
mod reports;
pub(crate) mod support;
mod sync;
mod telling;
