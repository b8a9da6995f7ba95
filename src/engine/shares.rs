//! Request keys by caller, with a bound for each caller and one for all. Apart because fairness
//! among callers is the same whatever is remembered under the keys.

use std::sync::Arc;

use rpds::{QueueSync, RedBlackTreeMapSync, RedBlackTreeSetSync};

use crate::domain::Personal;
use crate::store::RequestKey;

/// The keys of each caller, oldest first. A clone costs nothing.
#[derive(Clone, Debug)]
pub(crate) struct Shares {
    by_caller: RedBlackTreeMapSync<Arc<Caller>, QueueSync<Arc<RequestKey>>>,
    /// Every caller after how many keys it has.
    by_count: RedBlackTreeSetSync<(usize, Arc<Caller>)>,
    count: usize,
    each_max: usize,
    all_max: usize,
}

/// The id of the key, and whom the token names.
type Caller = (String, Personal<String>);

impl Shares {
    /// At most `each_max` keys of one caller, at least one, and `all_max` of all.
    pub(crate) fn new(each_max: usize, all_max: usize) -> Self {
        Self {
            by_caller: RedBlackTreeMapSync::new_sync(),
            by_count: RedBlackTreeSetSync::new_sync(),
            count: 0,
            each_max: each_max.max(1),
            all_max,
        }
    }

    /// Adds a key, and gives the one that has to go for it: the oldest of the caller that has the
    /// most, so that a flood takes the place of its own.
    pub(crate) fn add(&mut self, key: Arc<RequestKey>) -> Option<Arc<RequestKey>> {
        let caller = caller_of(&key);
        let mut keys = self.keys_of(&caller);
        keys.enqueue_mut(key);
        let is_beyond = keys.len() > self.each_max;
        self.put(&caller, keys);
        if is_beyond {
            return self.take(&caller);
        }
        if self.count <= self.all_max {
            return None;
        }
        let (_, largest) = self.by_count.last()?.clone();
        self.take(&largest)
    }

    /// Drops the oldest keys of a caller while they are old, but none of the last `at_least` of all
    /// callers; gives what was dropped.
    pub(crate) fn drop_old(
        &mut self,
        like: &RequestKey,
        at_least: usize,
        is_old: impl Fn(&RequestKey) -> bool,
    ) -> Vec<Arc<RequestKey>> {
        let caller = caller_of(like);
        let mut gone = Vec::new();
        while self.count > at_least {
            let oldest = self.by_caller.get(&caller).and_then(QueueSync::peek);
            if !oldest.is_some_and(|key| is_old(key)) {
                break;
            }
            gone.extend(self.take(&caller));
        }
        gone
    }

    /// All of them, of each caller the oldest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<RequestKey>> {
        self.by_caller.values().flat_map(QueueSync::iter)
    }

    fn take(&mut self, caller: &Arc<Caller>) -> Option<Arc<RequestKey>> {
        let mut keys = self.keys_of(caller);
        let oldest = keys.peek().map(Arc::clone)?;
        keys.dequeue_mut();
        self.put(caller, keys);
        Some(oldest)
    }

    fn keys_of(&self, caller: &Arc<Caller>) -> QueueSync<Arc<RequestKey>> {
        let known = self.by_caller.get(caller).cloned();
        known.unwrap_or_else(QueueSync::new_sync)
    }

    fn put(&mut self, caller: &Arc<Caller>, keys: QueueSync<Arc<RequestKey>>) {
        let before = self.by_caller.get(caller).map_or(0, QueueSync::len);
        self.by_count.remove_mut(&(before, Arc::clone(caller)));
        self.count = self.count + keys.len() - before;
        if keys.is_empty() {
            self.by_caller.remove_mut(caller);
            return;
        }
        self.by_count.insert_mut((keys.len(), Arc::clone(caller)));
        self.by_caller.insert_mut(Arc::clone(caller), keys);
    }
}

fn caller_of(key: &RequestKey) -> Arc<Caller> {
    Arc::new((key.key_id.clone(), key.caller.clone()))
}
