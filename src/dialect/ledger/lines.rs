//! The lines that followers were sent last. Apart from the stream, whose followers share them; it
//! never makes one.

use std::collections::BTreeMap;

use axum::body::Bytes;

use crate::store::Position;

/// The newest lines, so that each record is shown once however many follow.
#[derive(Debug, Default)]
pub(super) struct Lines {
    kept: BTreeMap<Position, Bytes>,
    bytes: usize,
}

impl Lines {
    /// The line of a record.
    pub(super) fn of(&self, position: Position) -> Option<Bytes> {
        self.kept.get(&position).cloned()
    }

    /// Keeps a line. The oldest go first, so that who reads the past pushes out nothing of the
    /// present.
    pub(super) fn keep(&mut self, position: Position, line: Bytes) {
        self.bytes += line.len();
        if let Some(before) = self.kept.insert(position, line) {
            self.bytes -= before.len();
        }
        while self.bytes > LINES_BYTES_MAX {
            let Some((_, gone)) = self.kept.pop_first() else {
                return;
            };
            self.bytes -= gone.len();
        }
    }
}

/// A few thousand events; those who follow are seldom that far apart.
const LINES_BYTES_MAX: usize = 2 << 20;
