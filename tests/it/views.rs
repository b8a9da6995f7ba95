//! What readers see: each kind of event, the questions of a review, permissions.

mod names;
mod questions;
mod stage;
mod tables;
