//! Moments in requests: which one a text means, and waiting for one that is yet to come.
//! Apart because every reading call takes one. It never folds.

use std::time::Duration;

use axum::http::StatusCode;

use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::Ledger;
use crate::domain::{Code, Room, RoomName};
use crate::replay::position::{Frame, Pos, PosRange, PositionError, Span};
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
        let session = if Pos::is_of_session(text) {
            let Some(known) = self.engine.room(room).await? else {
                return Err(no_room(room));
            };
            self.span_of(&known)
        } else {
            None
        };
        let written = self.written(text, session)?;
        let written = session.map_or(written, |session| written.anchored(session));
        match written {
            Pos::Position(position) => self.wait_for(Position(position)).await?,
            Pos::Time(at_us) => self.passed(text, at_us)?,
            Pos::Head { .. } | Pos::StartPlus(_) | Pos::EndMinus(_) => {}
        }
        Moment::of(written, self.engine.head(), session).map_err(unreadable)
    }

    /// From when to when the latest session of a room ran; up to the present, while it is open.
    pub(super) async fn session_of(&self, room: &RoomName) -> Result<Option<Span>, Problem> {
        let room = self.engine.room(room).await?;
        Ok(room.and_then(|room| self.span_of(&room)))
    }

    fn span_of(&self, room: &Room) -> Option<Span> {
        let now = self.engine.now().max(room.recorded_at);
        session_span(room).map(|span| span.until_now(now.micros()))
    }

    /// A text as the grammar reads it, all in UTC.
    pub(super) fn written(&self, text: &str, session: Option<Span>) -> Result<Pos, Problem> {
        Pos::parse(text, &self.frame(session)).map_err(unreadable)
    }

    /// The ends of a range, in the same way; what is relative to a session is taken in it.
    pub(super) fn range(
        &self,
        since: Option<&str>,
        until: Option<&str>,
        session: Option<Span>,
    ) -> Result<PosRange, Problem> {
        let range = PosRange::of(since, until, &self.frame(session)).map_err(unreadable)?;
        let anchored = |at: Pos| session.map_or(at, |session| at.anchored(session));
        Ok(PosRange {
            from: range.from.map(anchored),
            to: range.to.map(anchored),
        })
    }

    fn frame(&self, session: Option<Span>) -> Frame<'static> {
        Frame {
            session,
            ..Frame::utc(self.engine.clock().wall().micros())
        }
    }

    /// Refuses a place that the log has not reached: the caller read it in another history, such as
    /// that of before a restore.
    pub(super) fn reached(&self, position: Position) -> Result<(), Problem> {
        let head = self.engine.head();
        if position <= head {
            return Ok(());
        }
        Err(other_history(position, head))
    }

    /// Refuses a moment that is yet to come: nothing is known of it, and the present is no answer.
    fn passed(&self, text: &str, at_us: i64) -> Result<(), Problem> {
        let now = self.engine.now().max(self.engine.clock().wall());
        if at_us <= now.plus_seconds(AHEAD_MAX_S).micros() {
            return Ok(());
        }
        let detail = format!(
            "{:?} is yet to come, it is {now} here: leave `at` out to read the present",
            text.trim()
        );
        Err(Problem::malformed(detail))
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

/// Nothing had happened in a room at the moment that is read.
pub(super) fn no_room(room: &RoomName) -> Problem {
    let detail = format!("nothing had happened in room {room:?} then");
    Problem::not_found(Code::NoSuchRoom.as_str(), detail)
}

/// A place that is not of this log.
pub(super) fn other_history(position: Position, head: Position) -> Problem {
    let detail = format!(
        "position {position} is not of this history, whose head is {head}: name one up to it, or \
         read anew from after=0"
    );
    Problem::new(StatusCode::GONE, "other-history", detail)
}

#[expect(clippy::needless_pass_by_value, reason = "what map_err takes")]
fn unreadable(error: PositionError) -> Problem {
    Problem::malformed(error.to_string())
}

/// As far ahead as a caller's clock may be: a moment that it calls the present is the present.
const AHEAD_MAX_S: u32 = 60;
/// As api.md promises of `?at=`.
const WAIT_MAX: Duration = Duration::from_secs(2);
