//! The latest events as the lines of a stream: a thousand readers who follow see the same event,
//! and it is shown once. Apart from the stream, because it is what readers share; it knows none of
//! them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::body::Bytes;

use crate::store::Position;

/// The latest lines, by position.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    kept: Arc<Mutex<Kept>>,
    /// Held by who shows the next event: the others wait, and find it.
    turn: Arc<tokio::sync::Mutex<()>>,
}

#[derive(Debug, Default)]
struct Kept {
    by_position: BTreeMap<Position, Bytes>,
    bytes: usize,
}

impl Lines {
    /// Whether readers of a position are likely to be many: whoever catches up reads what nobody
    /// else does now.
    pub(super) const fn are_shared(position: Position, head: Position) -> bool {
        head.0.saturating_sub(position.0) <= RECENT
    }

    /// The lines of a position, if they are at hand.
    pub(super) fn at_hand(&self, position: Position) -> Option<Bytes> {
        self.lock().by_position.get(&position).cloned()
    }

    /// Waits until nobody else shows events: what it showed is at hand then.
    pub(super) async fn turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Keeps the lines of a position in place of those of the first ones.
    pub(super) fn keep(&self, position: Position, lines: Bytes) {
        self.lock().keep(position, lines);
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        // Nothing here panics half way.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn keep(&mut self, position: Position, lines: Bytes) {
        self.bytes += lines.len();
        if let Some(former) = self.by_position.insert(position, lines) {
            self.bytes -= former.len();
        }
        while self.bytes > BYTES_MAX {
            let Some((_, gone)) = self.by_position.pop_first() else {
                break;
            };
            self.bytes -= gone.len();
        }
    }
}

/// Positions behind the head that several readers are likely to be at together.
const RECENT: u64 = 4_096;
/// What the latest lines may take together.
const BYTES_MAX: usize = 8 * 1024 * 1024;
