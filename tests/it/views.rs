//! What readers see: each kind of event, the questions of a review, permissions.

mod questions;
mod stage;
mod tables;
