//! Directories of names by the room whose events are shown. Apart because each has a lock of its
//! own: a long read in one room keeps nobody from another. It holds no state but names, which any
//! read gives again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::RoomName;
use crate::replay::NamesBook;

/// The books at hand, the least used of which are forgotten; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Books {
    kept: Arc<Mutex<Kept>>,
    names_max: Option<usize>,
}

#[derive(Debug, Default)]
struct Kept {
    by_room: BTreeMap<Option<RoomName>, (Book, u64)>,
    /// Counts uses, so that the least recent is known.
    uses: u64,
}

/// One room's book, with the directories of the rooms that its events refer to.
#[derive(Clone, Debug)]
pub(super) struct Book(Arc<Mutex<NamesBook>>);

impl Books {
    /// Books that show as many names of an event as they can.
    pub(super) fn whole() -> Self {
        Self {
            kept: Arc::default(),
            names_max: None,
        }
    }

    /// Books that show at most so many names of an event.
    pub(super) fn naming(names_max: usize) -> Self {
        Self {
            kept: Arc::default(),
            names_max: Some(names_max),
        }
    }

    /// The book of a room, or for the events of all of them.
    pub(super) fn of(&self, room: Option<&RoomName>) -> Book {
        let mut kept = locked(&self.kept);
        kept.uses = kept.uses.saturating_add(1);
        let (uses, room) = (kept.uses, room.cloned());
        if !kept.by_room.contains_key(&room) && kept.by_room.len() >= ROOMS_MAX {
            kept.forget_one();
        }
        let new = || {
            let rooms_max = if room.is_some() {
                BESIDE_MAX
            } else {
                ROOMS_MAX
            };
            let book = NamesBook::new(rooms_max);
            let book = match self.names_max {
                Some(names_max) => book.naming(names_max),
                None => book,
            };
            (Book(Arc::new(Mutex::new(book))), uses)
        };
        let (book, used) = kept.by_room.entry(room.clone()).or_insert_with(new);
        *used = uses;
        book.clone()
    }
}

impl Kept {
    fn forget_one(&mut self) {
        let least = self.by_room.iter().min_by_key(|(_, (_, used))| *used);
        if let Some(room) = least.map(|(room, _)| room.clone()) {
            self.by_room.remove(&room);
        }
    }
}

impl Book {
    /// The book for as long as it is needed: only for a thread that may block.
    pub(super) fn lock(&self) -> MutexGuard<'_, NamesBook> {
        locked(&self.0)
    }
}

/// Whoever broke while holding it left it whole: a book is read on record by record.
fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Rooms with a book at hand, which has 2 MiB of names at most where it reads no whole directory.
const ROOMS_MAX: usize = 256;
/// Rooms that the events of one room refer to: where somebody came from, and whose refusals stand
/// in the system stream.
const BESIDE_MAX: usize = 8;
