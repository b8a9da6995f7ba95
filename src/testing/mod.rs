//! What test authors get: faults and, beside them, strategies and contracts for harnesses; apart
//! so that no build carries it unasked. It never runs in a server.

#[cfg(feature = "sled")]
pub mod faults;
