//! Callers without a right: they learn nothing, change nothing, and leave little.

mod routes;
mod scene;
mod small;
