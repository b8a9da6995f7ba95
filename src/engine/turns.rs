//! Whose work is next. Apart from the threads, so that the order is a value that tests can look at:
//! keys take turns, and the callers of a key.

use std::collections::VecDeque;
use std::sync::Arc;

use super::error::EngineError;

/// Blocking work of a caller.
pub(crate) type Work = Box<dyn FnOnce() + Send>;

/// For whom the log is read: what one of them asks for waits behind nothing of another's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reader {
    /// The API key, or a word for the server's own reading.
    pub key: Arc<str>,
    /// Who of those that have tokens of the key.
    pub caller: Arc<str>,
}

/// What waits and what runs, by caller.
pub(crate) struct Turns {
    keys: VecDeque<Key>,
    waiting: usize,
    waiting_max: usize,
    /// Of one caller at a time, so that a thread is left for others.
    running_max: usize,
    is_open: bool,
}

struct Key {
    name: Arc<str>,
    callers: VecDeque<Caller>,
}

struct Caller {
    name: Arc<str>,
    work: VecDeque<Work>,
    running: usize,
}

impl Turns {
    /// For so many threads; one caller has all but one of them at the most.
    pub(crate) const fn new(threads: usize, waiting_max: usize) -> Self {
        Self {
            keys: VecDeque::new(),
            waiting: 0,
            waiting_max,
            running_max: if threads > 1 { threads - 1 } else { 1 },
            is_open: true,
        }
    }

    /// Takes work in, unless too much waits: in all, or of this caller.
    pub(crate) fn push(&mut self, reader: &Reader, work: Work) -> Result<(), EngineError> {
        let waiting_max = self.waiting_max;
        let overloaded = |waiting_max| EngineError::Overloaded {
            what: "reads",
            waiting_max,
        };
        if self.waiting >= waiting_max {
            return Err(overloaded(waiting_max));
        }
        let of_one_max = waiting_max.div_ceil(SHARES);
        let caller = self.caller(reader);
        if caller.work.len() >= of_one_max {
            return Err(overloaded(of_one_max));
        }
        caller.work.push_back(work);
        self.waiting += 1;
        Ok(())
    }

    /// The next work whose caller has not as many threads as it may have.
    pub(crate) fn next(&mut self) -> Option<(Reader, Work)> {
        let running_max = self.running_max;
        for key in 0..self.keys.len() {
            let Some(work) = self.keys.get_mut(key)?.next(running_max) else {
                continue;
            };
            // Its turn is over: the others come first.
            let key = self.keys.remove(key)?;
            self.keys.push_back(key);
            self.waiting -= 1;
            return Some(work);
        }
        None
    }

    /// Counts work of a caller as done.
    pub(crate) fn done(&mut self, reader: &Reader) {
        let caller = self.caller(reader);
        caller.running = caller.running.saturating_sub(1);
        if caller.running == 0 && caller.work.is_empty() {
            self.forget(reader);
        }
    }

    /// Nothing more will come.
    pub(crate) const fn end(&mut self) {
        self.is_open = false;
    }

    /// Whether nothing more will come and nothing waits.
    pub(crate) const fn is_over(&self) -> bool {
        !self.is_open && self.waiting == 0
    }

    fn caller(&mut self, reader: &Reader) -> &mut Caller {
        let key = found(
            &mut self.keys,
            |key| key.name == reader.key,
            || Key {
                name: Arc::clone(&reader.key),
                callers: VecDeque::new(),
            },
        );
        found(
            &mut key.callers,
            |caller| caller.name == reader.caller,
            || Caller {
                name: Arc::clone(&reader.caller),
                work: VecDeque::new(),
                running: 0,
            },
        )
    }

    fn forget(&mut self, reader: &Reader) {
        for key in &mut self.keys {
            if key.name == reader.key {
                key.callers.retain(|caller| caller.name != reader.caller);
            }
        }
        self.keys.retain(|key| !key.callers.is_empty());
    }
}

impl Key {
    fn next(&mut self, running_max: usize) -> Option<(Reader, Work)> {
        let is_next = |caller: &Caller| caller.running < running_max && !caller.work.is_empty();
        let place = self.callers.iter().position(is_next)?;
        let mut caller = self.callers.remove(place)?;
        let work = caller.work.pop_front();
        caller.running += 1;
        let reader = Reader {
            key: Arc::clone(&self.name),
            caller: Arc::clone(&caller.name),
        };
        self.callers.push_back(caller);
        Some((reader, work?))
    }
}

/// The member that is meant, put in at the end where it is not there.
fn found<T>(
    all: &mut VecDeque<T>,
    is_meant: impl Fn(&T) -> bool,
    new: impl FnOnce() -> T,
) -> &mut T {
    let place = all.iter().position(is_meant).unwrap_or_else(|| {
        all.push_back(new());
        all.len().saturating_sub(1)
    });
    // The place was found or made just now.
    &mut all[place]
}

/// One caller may fill one of so many parts of a queue.
const SHARES: usize = 4;
