//! An event-sourced room state engine for real-time rooms.
//!
//! Every admin action, and every join, leave and track change, becomes an append-only event; a pure
//! reducer folds the events into rooms, sessions and participants with timelogs. So any state, at
//! any past moment, can be replayed and explained.
//!
//! The core never reads a clock, draws an id, touches a disk or spawns a task: time, ids and
//! entropy are arguments. The library owns a few threads and no runtime.
//!
//! # Layout
//! | module | what lives there |
//! |---|---|
//! | [`domain`] | commands, events, state; `decide` says no, `evolve` folds |
//! | [`audit`] | the hash chain |
//! | [`store`] | the log: its contract, its bytes, memory, and the ledger on disk |
//! | [`replay`] | folds over records: as of, views, who, sessions, verify |
//! | `engine` | the shell: one writer thread, live rooms, idempotency, subscriptions, timers |
//! | `outbox` | tells receivers what happened, at least once, from a cursor in the log |
//! | `dialect` | the vendors' admin APIs and our own, over HTTP |
//! | `server` | the composition root of `serve` |
//! | `testing` | programs, scenarios, invariants, faults, virtual time, the store's contract |
//! | `cli` | the commands |
//!
//! A module imports only modules above it; the table is a test.
//!
//! # Guarantees
//! - *Durable before visible*: a reply, a subscription and a live room see an event only after it
//!   is synced.
//! - *One order*: positions are dense over the whole log, versions dense in each room.
//! - *All or nothing*: what a command does to any number of people and rooms is one commit.
//! - *Deterministic*: the same events fold to the same rooms, on every machine.
//! - *Cancel-safe*: dropping a future of the engine never half-applies; the command may still be
//!   carried out.

pub mod audit;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "server")]
pub mod dialect;
pub mod domain;
#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "server")]
pub mod outbox;
pub mod replay;
#[cfg(feature = "server")]
pub mod server;
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

/// The README's example is compiled and run, so that it cannot go stale.
#[cfg(all(doctest, feature = "engine"))]
#[doc = include_str!("../README.md")]
struct Readme;
