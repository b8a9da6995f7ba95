//! LiveKit's calls against the real service on a real engine, its log in memory.

mod join_token;
mod maps;
mod recordings;
mod semantics;
mod support;
