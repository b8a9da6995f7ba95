//! LiveKit's calls against the real service on a real engine, its log in memory.

mod recordings;
mod semantics;
mod support;
