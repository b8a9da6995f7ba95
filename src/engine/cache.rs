//! The rooms in memory. Apart because readers and the writer meet here and nowhere else: a read is
//! two pointer loads and never waits for a writer. It never decides what a room is.

use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Bound;
use std::sync::Arc;

use arc_swap::ArcSwap;
use rpds::RedBlackTreeMapSync;

use crate::domain::{Room, RoomName};

/// Every room with an open session, and the last written of the others.
pub(crate) struct Rooms {
    shards: Vec<ArcSwap<Shard>>,
}

type Shard = RedBlackTreeMapSync<RoomName, Arc<ArcSwap<Room>>>;

impl Rooms {
    pub(crate) fn new() -> Self {
        let shards = std::iter::repeat_with(|| ArcSwap::from_pointee(Shard::new_sync()));
        Self {
            shards: shards.take(SHARDS).collect(),
        }
    }

    /// The room, if it is in memory.
    pub(crate) fn get(&self, name: &RoomName) -> Option<Arc<Room>> {
        let shard = self.shard(name)?.load();
        shard.get(name).map(|slot| slot.load_full())
    }

    /// Puts the room in place of its former self. The writer alone does this.
    pub(crate) fn publish(&self, room: Arc<Room>) {
        let Some(shard) = self.shard(&room.name) else {
            return;
        };
        let rooms = shard.load();
        if let Some(slot) = rooms.get(&room.name) {
            slot.store(room);
        } else {
            let name = room.name.clone();
            shard.store(Arc::new(rooms.insert(name, Arc::new(ArcSwap::new(room)))));
        }
    }

    /// Lets go of the room. The writer alone does this.
    pub(crate) fn forget(&self, name: &RoomName) {
        if let Some(shard) = self.shard(name) {
            let rooms = shard.load();
            shard.store(Arc::new(rooms.remove(name)));
        }
    }

    /// Every room in memory, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Room>> {
        let mut found = self.unsorted();
        found.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        found
    }

    /// Every room in memory, in no order: what the writer can do while commands wait.
    pub(crate) fn unsorted(&self) -> Vec<Arc<Room>> {
        let mut found: Vec<Arc<Room>> = Vec::new();
        for shard in &self.shards {
            found.extend(shard.load().values().map(|slot| slot.load_full()));
        }
        found
    }

    /// Up to `limit` rooms with an open session after a name, in order.
    pub(crate) fn live_after(&self, after: Option<&RoomName>, limit: usize) -> Vec<Arc<Room>> {
        let shards: Vec<_> = self.shards.iter().map(ArcSwap::load_full).collect();
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest: Vec<_> = shards
            .iter()
            .map(|shard| shard.range::<RoomName, _>((start, Bound::Unbounded)))
            .collect();
        // The next room of each shard.
        let mut next = BinaryHeap::new();
        let mut found = Vec::new();
        let mut go_on = |next: &mut BinaryHeap<_>, shard: usize| {
            let rooms = rest.get_mut(shard).into_iter().flatten();
            let mut rooms = rooms.map(|(_, slot)| slot.load_full());
            if let Some(room) = rooms.find(|room| room.open_session().is_some()) {
                next.push(Reverse((ByName(room), shard)));
            }
        };
        for shard in 0..shards.len() {
            go_on(&mut next, shard);
        }
        while found.len() < limit {
            let Some(Reverse((ByName(room), shard))) = next.pop() else {
                break;
            };
            found.push(room);
            go_on(&mut next, shard);
        }
        found
    }

    fn shard(&self, name: &RoomName) -> Option<&ArcSwap<Shard>> {
        // FNV-1a: names are short, and who chooses them badly only slows down their own shard.
        let hash = name.as_str().bytes().fold(FNV_BASIS, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(FNV_PRIME)
        });
        let index = usize::try_from(hash >> 32).unwrap_or_default() % SHARDS;
        self.shards.get(index)
    }
}

/// A room beside its name, which alone is compared.
struct ByName(Arc<Room>);

impl PartialEq for ByName {
    fn eq(&self, other: &Self) -> bool {
        self.0.name == other.0.name
    }
}

impl Eq for ByName {}

impl PartialOrd for ByName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.name.cmp(&other.0.name)
    }
}

/// The order in which rooms without an open session leave memory: the longest unwritten first.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    written: u64,
    by_age: BTreeMap<u64, RoomName>,
    ages: BTreeMap<RoomName, u64>,
}

impl Idle {
    /// Notes a write; gives the rooms that have to go.
    pub(crate) fn touch(&mut self, room: &Room, idle_rooms_max: usize) -> Vec<RoomName> {
        if let Some(age) = self.ages.remove(&room.name) {
            self.by_age.remove(&age);
        }
        if room.open_session().is_none() {
            self.written += 1;
            self.by_age.insert(self.written, room.name.clone());
            self.ages.insert(room.name.clone(), self.written);
        }
        let mut gone = Vec::new();
        while self.ages.len() > idle_rooms_max {
            let Some((_, name)) = self.by_age.pop_first() else {
                break;
            };
            self.ages.remove(&name);
            gone.push(name);
        }
        gone
    }
}

/// Enough that 100,000 rooms leave a hundred to a shard.
const SHARDS: usize = 1024;
const FNV_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
const FNV_PRIME: u64 = 0x0100_0000_01b3;
