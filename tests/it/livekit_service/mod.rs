//! LiveKit's calls against the real service on a real engine, its log in memory.

mod comparison;
mod coverage;
mod join_token;
mod maps;
mod recordings;
mod refusals;
mod semantics;
pub(crate) mod support;
mod webhooks;
