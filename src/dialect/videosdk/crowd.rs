//! Sessions with everybody who was in them, written as they are made. Apart because nothing bounds
//! how many that are, and the vendor's shapes have all of them on one page.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::Body;

use crate::dialect::videosdk::asked::Asked;
use crate::dialect::videosdk::render::session::{SessionShown, Shape};
use crate::dialect::videosdk::stint::Seen;
use crate::dialect::written::{Pen, around, written};
use crate::domain::{Room, Timestamp, Version};

/// A session that a room keeps, at a moment.
#[derive(Clone)]
pub(super) struct Crowd {
    pub(super) room: Arc<Room>,
    /// What came later is not there yet.
    pub(super) until: Version,
    /// The present; that of the room's last event where none is said.
    pub(super) now: Option<Timestamp>,
}

impl Crowd {
    /// The session as it is now.
    pub(super) const fn now(room: Arc<Room>, now: Timestamp) -> Self {
        Self {
            room,
            until: Version(u64::MAX),
            now: Some(now),
        }
    }

    /// The session as it is shown; `None` where the room keeps none, or was never made.
    pub(super) fn shown(&self, asked: &Asked) -> Option<SessionShown<'_>> {
        let seen = Seen::of(&self.room, self.until)?;
        SessionShown::of(asked, self.now.map_or(seen, |now| seen.at(now)))
    }

    /// A body of the session alone; `None` as there.
    pub(super) async fn body(self, asked: &Asked, shape: Shape) -> Option<Body> {
        self.shown(asked)?;
        let asked = asked.clone();
        let body = written(move |mut pen| async move {
            self.write(&mut pen, &asked, shape, &mut true).await;
            Ok::<_, Infallible>(pen)
        });
        let Ok(body) = body.await;
        Some(body)
    }

    /// Writes the session as a member of a list, unless it cannot be shown.
    pub(super) async fn write(
        &self,
        pen: &mut Pen,
        asked: &Asked,
        shape: Shape,
        is_first: &mut bool,
    ) {
        let Some(shown) = self.shown(asked) else {
            return;
        };
        let (begin, end) = around(&shown.without_people(shape), "participants");
        pen.item(is_first, begin).await;
        let mut is_first = true;
        for presence in shown.seen().everybody() {
            let one = shown.participant(&presence, shape.has_ids());
            let one = serde_json::to_vec(&one).unwrap_or_default();
            pen.item(&mut is_first, one).await;
        }
        pen.write(end).await;
    }
}
