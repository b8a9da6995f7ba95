//! LiveKit's protobuf messages, declared by hand: only those that `RoomService` and its webhooks
//! carry, with the field numbers of livekit/protocol 1.52 (tests/clients compares them with
//! LiveKit's own types). Apart from the domain's types, which they never enter; no generated code,
//! no protoc.

pub mod models;
pub mod service;
pub mod webhook;
