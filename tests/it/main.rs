//! The one test binary: a module per topic, linked once.
// Clippy lets helpers of tests panic, unwrap and index only under this attribute.
#![cfg(test)]

#[cfg(feature = "server")]
mod auth;
#[cfg(feature = "server")]
mod auth_grants;
#[cfg(feature = "server")]
mod auth_keys;
#[cfg(feature = "server")]
mod livekit_json;
#[cfg(feature = "server")]
mod livekit_wire;
