//! Webhooks on their way out: receivers good and bad, restarts, kills, cursors.

mod bad;
mod cursor;
mod delivery;
mod hook;
mod kill;
mod stage;
