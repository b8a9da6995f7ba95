//! The engine on a memory store: what callers are promised, whatever the timing.

mod support;

mod execute;
