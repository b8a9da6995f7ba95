//! All runs of a room. Apart because a room keeps only its latest run: the others are folded from
//! its history. It never looks at another room.

use crate::domain::{Event, Room, RoomName, SessionNumber, Timestamp, Version};
use crate::replay::fold::{Folded, Moment, each_record, instant_of};
use crate::replay::names::Names;
use crate::replay::page::{PAGE_BYTES, json_len};
use crate::replay::view::{SessionPage, SessionView};
use crate::store::{EventStore, StoreError};

/// Every run of a room up to a moment, oldest first; one that is open goes on up to then, where the
/// present is `now`.
///
/// # Errors
/// As [`EventStore::read_room`].
pub fn session_views(
    store: &dyn EventStore,
    room: &RoomName,
    moment: Moment,
    now: Timestamp,
) -> Result<Vec<SessionView>, StoreError> {
    let mut folded = Folded::new(room.clone());
    let mut views = Vec::new();
    each_record(store, room, moment, |record| {
        if matches!(record.event.event, Event::SessionOpened(_)) {
            views.extend(SessionView::of(&folded.room, &folded.names));
        }
        folded.absorb(record)
    })?;
    let now = instant_of(store, moment, now)?;
    views.extend(SessionView::at(&folded.room, &folded.names, now));
    Ok(views)
}

/// Which runs of a room are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Only those after this one.
    pub after: SessionNumber,
    /// At most so many.
    pub limit: usize,
}

impl Runs {
    /// One of them.
    pub const fn only(number: SessionNumber) -> Self {
        Self {
            after: SessionNumber(number.0.saturating_sub(1)),
            limit: 1,
        }
    }
}

impl SessionPage {
    /// The runs that are asked for, of all.
    pub fn of(all: Vec<SessionView>, runs: Runs) -> Self {
        let mut page = Self::default();
        let mut bytes = 0;
        for view in all.into_iter().skip_while(|it| it.number <= runs.after.0) {
            if page.is_full(runs, bytes) {
                break;
            }
            bytes += weight_of(&view);
            page.sessions.push(view);
        }
        page
    }

    /// Whether the page ends before another run, which the cursor then tells. It ends early where
    /// its runs come to some megabytes.
    fn is_full(&mut self, runs: Runs, bytes: usize) -> bool {
        let is_full = self.sessions.len() >= runs.limit || bytes >= PAGE_BYTES;
        if is_full {
            let last = self.sessions.last().map(|last| last.number);
            self.cursor = Some(last.unwrap_or(runs.after.0));
        }
        is_full
    }
}

/// A page of the runs of a room up to a version, where a directory says when each began: `fold_to`
/// gives the state at a version, from an earlier one on or in a shorter way. A run that is open at
/// the version goes on up to `now`.
///
/// # Errors
/// Those of `fold_to`.
pub fn sessions_by(
    names: &Names,
    (room, version): (Room, Version),
    now: Timestamp,
    runs: Runs,
    mut fold_to: impl FnMut(Room, Version) -> Result<Room, StoreError>,
) -> Result<SessionPage, StoreError> {
    let begun = names.sessions().iter().map(|session| session.opened);
    let mut begun = begun.take_while(|opened| *opened <= version).peekable();
    let (mut room, mut page, mut number) = (room, SessionPage::default(), SessionNumber(0));
    let mut bytes = 0;
    while begun.next().is_some() {
        number.0 = number.0.saturating_add(1);
        if number <= runs.after {
            continue;
        }
        if page.is_full(runs, bytes) {
            break;
        }
        // A run is kept until the next one begins: what is said of it meanwhile is part of it.
        let next = begun.peek();
        let last = next.map_or(version, |next| Version(next.0.saturating_sub(1)));
        room = fold_to(room, last)?;
        let view = match next {
            Some(_) => SessionView::of(&room, names),
            None => SessionView::at(&room, names, now),
        };
        bytes += view.as_ref().map_or(0, weight_of);
        page.sessions.extend(view);
    }
    Ok(page)
}

/// About how many bytes a run takes as JSON.
fn weight_of(view: &SessionView) -> usize {
    const ENVELOPE_BYTES: usize = 512;
    const PERSON_BYTES: usize = 128;
    const STINT_BYTES: usize = 128;
    let people = view.participants.iter().map(|one| {
        let texts = json_len(&one.identity) + json_len(&one.name);
        PERSON_BYTES + texts + one.timelog.len() * STINT_BYTES
    });
    let metadata = view.metadata.as_deref().map_or(0, json_len);
    ENVELOPE_BYTES + metadata + people.sum::<usize>()
}
