//! Threads that read the log for async callers. Apart because stores block and an async caller must
//! not; the engine spawns no task of anybody's runtime.
//!
//! What answers a command has threads of its own, so that no command waits for somebody's reading,
//! and those that read give way where the processor is scarce.
//! On either kind of thread callers take turns: first the keys, then the callers of a key. No
//! caller has all threads at a time, and work that nobody waits for any more ends at its next look
//! at the log.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

use super::clock::Clock;
use super::config::EngineConfig;
use super::error::EngineError;
use super::priority::give_way;
use super::turns::{Reader, Turns, Work};
use super::watched::Patience;

/// Which threads do the work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lane {
    /// Those that answer commands.
    Answers,
    /// Those for everything else.
    Reads,
}

/// A handle to the threads; they end with the last of these.
#[derive(Clone)]
pub(crate) struct Readers {
    answers: Arc<Pool>,
    reads: Arc<Pool>,
    clock: Arc<dyn Clock>,
    reader: Reader,
}

impl Readers {
    pub(crate) fn start(
        config: &EngineConfig,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, EngineError> {
        let max = config.reads_max;
        Ok(Self {
            answers: Pool::start(Lane::Answers, config.answer_threads, max)?,
            reads: Pool::start(Lane::Reads, config.reader_threads, max)?,
            clock: Arc::clone(clock),
            reader: Reader::default(),
        })
    }

    /// The same threads for another caller.
    pub(crate) fn reading_as(&self, reader: Reader) -> Self {
        Self {
            reader,
            ..self.clone()
        }
    }

    /// Runs blocking work on one of the threads. Dropping the future abandons the answer, and the
    /// work where it asks its [`Patience`].
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        lane: Lane,
        work: impl FnOnce(&Patience) -> T + Send + 'static,
    ) -> Result<T, EngineError> {
        let (answer, answered) = oneshot::channel();
        let left = Left::default();
        let (gone, clock) = (Arc::clone(&left.0), Arc::clone(&self.clock));
        let work: Work = Box::new(move || {
            if !answer.is_closed() {
                let patience = Patience::new(gone, clock, WORK_MAX);
                let _nobody_waits = answer.send(work(&patience));
            }
        });
        let pool = match lane {
            Lane::Answers => &self.answers,
            Lane::Reads => &self.reads,
        };
        pool.push(&self.reader, work)?;
        // The sender is gone only if the work panicked.
        answered.await.map_err(|_| EngineError::Closed)
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers")
            .field("reader", &self.reader)
            .finish_non_exhaustive()
    }
}

/// Tells the work that its caller is gone.
#[derive(Default)]
struct Left(Arc<AtomicBool>);

impl Drop for Left {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Threads of one kind, and what waits for them. The threads hold the queue alone, and end once no
/// handle is left.
struct Pool {
    queue: Arc<Queue>,
}

struct Queue {
    turns: Mutex<Turns>,
    changed: Condvar,
}

impl Pool {
    fn start(lane: Lane, threads: usize, waiting_max: usize) -> Result<Arc<Self>, EngineError> {
        let threads = threads.max(1);
        let queue = Arc::new(Queue {
            turns: Mutex::new(Turns::new(threads, waiting_max)),
            changed: Condvar::new(),
        });
        let pool = Arc::new(Self {
            queue: Arc::clone(&queue),
        });
        for number in 1..=threads {
            let queue = Arc::clone(&queue);
            let kind = match lane {
                Lane::Answers => "answer",
                Lane::Reads => "read",
            };
            let named = thread::Builder::new().name(format!("roomledger-{kind}-{number}"));
            let spawned = named.spawn(move || {
                if lane == Lane::Reads {
                    give_way();
                }
                queue.serve();
            });
            spawned.map_err(|error| EngineError::Start {
                problem: error.to_string(),
            })?;
        }
        Ok(pool)
    }

    fn push(&self, reader: &Reader, work: Work) -> Result<(), EngineError> {
        self.queue.turns().push(reader, work)?;
        self.queue.changed.notify_one();
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.turns().end();
        self.queue.changed.notify_all();
    }
}

impl Queue {
    /// Does what waits, until no handle is left and nothing waits.
    fn serve(&self) {
        let mut turns = self.turns();
        loop {
            if let Some((reader, work)) = turns.next() {
                drop(turns);
                // A damaged log may panic in a decoder; the thread lives on, the caller hears it.
                let _told_by_the_dropped_answer =
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
                turns = self.turns();
                turns.done(&reader);
                // The caller's next work may have waited for this to end.
                self.changed.notify_one();
            } else if turns.is_over() {
                return;
            } else {
                let changed = self.changed.wait(turns);
                turns = changed.unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    fn turns(&self) -> MutexGuard<'_, Turns> {
        // Nothing panics while it is held: work runs without it.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Half of what an answer over HTTP may take to begin: whoever asks for less gets it.
const WORK_MAX: Duration = Duration::from_secs(30);
