//! What authors of property-based harnesses need: strategies, programs, invariants, faults,
//! contracts.
//!
//! Exported under the feature `testing`, apart from the engine so that nothing of it is ever in a
//! server. It may panic: a failed check is a failed test.
#![expect(
    clippy::panic,
    reason = "a failed check is a failed test of the caller"
)]

pub mod arbitrary;
pub mod comparison;
pub mod facts;
#[cfg(feature = "sled")]
pub mod faults;
pub mod front;
pub mod fuzz;
#[cfg(feature = "sled")]
pub mod fuzz_log;
pub mod invariants;
pub mod model;
pub mod program;
pub mod random;
pub mod scenario;
#[cfg(feature = "engine")]
pub mod simulation;
pub mod store_contract;
#[cfg(feature = "engine")]
pub mod virtual_time;
