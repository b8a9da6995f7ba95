//! Rules that fire without anybody asking: never active, expired, empty, departed.
//! Apart because replay needs no clock: a tick carries the moment, the events carry `due_at`.

use super::draft::Draft;
use crate::domain::event::{CloseCause, Closing, EndReason, Selector};
use crate::domain::id::ConnectionNumber;
use crate::domain::time::Timestamp;

impl Draft<'_> {
    /// Fires all that is due: single connections first, then the room's expiry, then idleness.
    pub(super) fn tick(&mut self) {
        for (due_at, number) in self.due_connections() {
            self.close_due(due_at, number);
        }
        let now = self.context.now;
        let Some(session) = self.room.open_session() else {
            return;
        };
        let expiry = session
            .config
            .expires_at
            .filter(|_| session.config.eject_at_expiry);
        if let Some(due_at) = expiry.filter(|at| *at <= now) {
            self.end_by_timer(CloseCause::RoomExpired, EndReason::Expired, due_at);
            return;
        }
        let reason = if session.joined_ever {
            EndReason::Departed
        } else {
            EndReason::Empty
        };
        if let Some(due_at) = session.idle_deadline().filter(|at| *at <= now) {
            self.end_by_timer(CloseCause::RoomClosed, reason, due_at);
        }
    }

    fn due_connections(&self) -> Vec<(Timestamp, ConnectionNumber)> {
        let now = self.context.now;
        let deadlines = self
            .room
            .open_session()
            .into_iter()
            .flat_map(|open| open.deadlines.iter());
        deadlines
            .take_while(|(at, _)| *at <= now)
            .copied()
            .collect()
    }

    fn close_due(&mut self, due_at: Timestamp, number: ConnectionNumber) {
        let Some(connection) = self.room.connection(number) else {
            return;
        };
        let cause = if connection.eject_at == Some(due_at) {
            CloseCause::Expired
        } else {
            CloseCause::NeverActive
        };
        let closing = Closing {
            cause,
            reported_reason: None,
            due_at: Some(due_at),
        };
        self.close(Selector::Chosen, &[number], closing, None);
    }
}
