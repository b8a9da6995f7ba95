//! Moments in requests: which one a text means, and waiting for one that is yet to come.
//! Apart because every reading call takes one. It never folds.

use std::time::Duration;

use axum::http::StatusCode;

use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::Ledger;
use crate::domain::RoomName;
use crate::replay::position::{Frame, Pos, PositionError, Span};
use crate::replay::{Moment, session_span};
use crate::store::Position;

impl Ledger {
    /// The moment of a room's history that `at` means; now, when it is absent. Waits for a
    /// position that is about to be visible.
    pub(super) async fn moment(
        &self,
        room: &RoomName,
        at: Option<&str>,
    ) -> Result<Moment, Problem> {
        let Some(text) = at else {
            return Ok(Moment::Head);
        };
        let first = self.written(text, None)?;
        if let Pos::Position(position) = first {
            self.wait_for(Position(position)).await?;
        }
        let session = if needs_session(first, text) {
            let Some(now) = self.engine.room(room).await? else {
                // Whoever asks for nothing at any moment is told that there is no such room.
                return Ok(Moment::Head);
            };
            session_span(&now)
        } else {
            None
        };
        let written = self.written(text, session)?;
        Moment::of(written, self.engine.head(), session).map_err(unreadable)
    }

    /// A text as the grammar reads it, all in UTC.
    pub(super) fn written(&self, text: &str, session: Option<Span>) -> Result<Pos, Problem> {
        let frame = Frame {
            session,
            ..Frame::utc(self.engine.clock().wall().micros())
        };
        let read = Pos::parse(text, &frame);
        read.map_err(unreadable)
    }

    /// Waits until a position is visible, for as long as a reader of its own write may have to.
    pub(super) async fn wait_for(&self, position: Position) -> Result<(), Problem> {
        if position <= self.engine.head() {
            return Ok(());
        }
        let seen = tokio::time::timeout(WAIT_MAX, self.engine.wait_for(position)).await;
        if let Ok(seen) = seen {
            return Ok(seen?);
        }
        let head = self.engine.head();
        let detail = format!("position {position} is not visible yet, the head is {head}");
        let unavailable = StatusCode::SERVICE_UNAVAILABLE;
        Err(Problem::new(unavailable, "not-yet-visible", detail).retry_after(1))
    }
}

/// Whether a text is relative to a session: by its form, or as a bare time of day.
fn needs_session(written: Pos, text: &str) -> bool {
    let is_time_of_day = matches!(written, Pos::Time(_)) && !text.contains('-');
    written.needs_session() || is_time_of_day && text.contains(':')
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err takes")]
fn unreadable(error: PositionError) -> Problem {
    Problem::malformed(error.to_string())
}

/// As api.md promises of `?at=`.
const WAIT_MAX: Duration = Duration::from_secs(2);
