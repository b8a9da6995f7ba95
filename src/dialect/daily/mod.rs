//! Daily's REST API at `/daily/v1`. Apart from the rules: it asks the engine and answers in Daily's
//! words; it decides nothing.

pub mod permission;
