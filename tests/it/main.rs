//! The one test binary: a module per topic, linked once.
// Clippy lets helpers of tests panic, unwrap and index only under this attribute.
#![cfg(test)]
#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the variants that it is about"
)]

#[cfg(feature = "server")]
mod any_request;
#[cfg(feature = "server")]
mod auth;
#[cfg(feature = "server")]
mod auth_grants;
#[cfg(feature = "server")]
mod auth_keys;
#[cfg(feature = "server")]
mod auth_limits;
mod bounds;
#[cfg(feature = "server")]
mod callers;
#[cfg(feature = "cli")]
mod cli_demo;
#[cfg(feature = "cli")]
mod cli_http;
#[cfg(feature = "cli")]
mod cli_output;
mod cli_position;
#[cfg(feature = "cli")]
mod cli_read;
#[cfg(feature = "cli")]
mod cli_repair;
#[cfg(feature = "cli")]
mod cli_run;
#[cfg(feature = "cli")]
mod cli_served;
#[cfg(feature = "cli")]
mod cli_show;
#[cfg(feature = "server")]
mod coverage;
#[cfg(feature = "server")]
mod crossing;
#[cfg(feature = "server")]
mod daily_people;
#[cfg(feature = "server")]
mod daily_rooms;
mod decide;
#[cfg(feature = "server")]
mod dialects;
mod documents;
#[cfg(feature = "engine")]
mod engine;
mod fuzz_corpus;
#[cfg(feature = "server")]
mod golden_calls;
mod golden_format;
#[cfg(feature = "server")]
mod headers;
#[cfg(feature = "cli")]
mod hostile;
#[cfg(feature = "server")]
mod hs256;
#[cfg(feature = "server")]
mod join_tokens;
#[cfg(feature = "sled")]
mod journal;
mod laws;
#[cfg(feature = "sled")]
mod ledger;
#[cfg(feature = "server")]
mod ledger_api;
#[cfg(feature = "server")]
mod livekit_json;
#[cfg(feature = "server")]
mod livekit_service;
#[cfg(feature = "server")]
mod livekit_wire;
mod model;
mod moves;
#[cfg(feature = "server")]
mod no_outcome;
#[cfg(feature = "cli")]
mod origins;
mod permission;
mod programs;
#[cfg(feature = "server")]
mod queries;
#[cfg(feature = "server")]
mod rate_limit;
mod readme;
mod refold;
mod replay;
#[cfg(feature = "server")]
mod revocations;
#[cfg(feature = "server")]
mod rights;
#[cfg(feature = "server")]
mod router_fuzz;
mod rules;
mod scenario;
#[cfg(feature = "cli")]
mod served;
#[cfg(feature = "cli")]
mod server_bad_input;
#[cfg(feature = "cli")]
mod server_bodies;
#[cfg(feature = "cli")]
mod server_door;
#[cfg(feature = "cli")]
mod server_early;
#[cfg(feature = "cli")]
mod server_keys;
#[cfg(feature = "cli")]
mod server_kill;
#[cfg(feature = "cli")]
mod server_protection;
#[cfg(feature = "cli")]
mod server_secrets;
#[cfg(feature = "cli")]
mod server_slow;
#[cfg(feature = "cli")]
mod server_tls;
#[cfg(feature = "engine")]
mod simulation;
#[cfg(feature = "sled")]
mod sled_copy;
mod store_contract;
#[cfg(feature = "cli")]
mod stream_many;
mod supply_chain;
mod tidy;
mod timelog;
mod timestamp;
#[cfg(feature = "server")]
mod told;
mod two_keys;
#[cfg(feature = "server")]
mod vendor_rooms;
#[cfg(feature = "server")]
mod videosdk;
mod views;
#[cfg(feature = "cli")]
mod webhooks;
#[cfg(feature = "server")]
mod written;
