//! LiveKit's JSON, in and out, for any message that describes its fields. Apart from serde's own
//! derives, because protobuf's JSON follows other rules, and clients depend on them (recorded in
//! tests/data/livekit); it never guesses: what LiveKit calls malformed is malformed.
//!
//! In: names in snake or camel case, numbers as strings, `null` as absent; unknown fields and enum
//! names are dropped (the names reported: [`Decoded`](message::Decoded)); a field given twice is
//! malformed; anything after the object is ignored. Out: snake case, every default shown, `null`
//! for absent messages, 64-bit integers as strings.

pub mod codec;
pub mod lean;
pub mod message;
mod scalar;
pub mod schema;
