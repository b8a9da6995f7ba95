//! Reads both copies through, slowly, in the background, and heals or reports what went bad since
//! they were written (log.md rule 20). Apart because nobody waits for it: it takes the writer's
//! lock only where something is to be healed.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::store::StoreError;
use crate::store::caches::{LogCopy, Repaired};
use crate::store::journal::{
    Damage, Frame, FrameKind, FrameSource as _, Gap, JournalError, Mended,
};
use crate::store::record::Position;
use crate::store::sled::{CopyError, SledCopy, SledSource};

use super::convert::of_journal;
use super::heal::healed_frames;
use super::shared::{Shared, guard};

/// The thread, and what ends it.
pub(crate) struct Scrubber {
    rest: Arc<Rest>,
    thread: JoinHandle<()>,
}

/// What the thread waits on.
#[derive(Default)]
struct Rest {
    ended: Mutex<bool>,
    changed: Condvar,
}

impl Rest {
    /// Waits; `false` when the ledger is being closed.
    fn wait(&self, wait: Duration) -> bool {
        let ended = guard(&self.ended);
        let waited = self
            .changed
            .wait_timeout_while(ended, wait, |ended| !*ended);
        let (ended, _) = waited.unwrap_or_else(PoisonError::into_inner);
        !*ended
    }
}

/// Starts the thread; `None` when the options ask for none.
///
/// # Errors
/// `Io` when no thread can be started.
pub(crate) fn start(shared: &Arc<Shared>) -> Result<Option<Scrubber>, StoreError> {
    let bytes_per_s = shared.options.scrub_bytes_per_s;
    if bytes_per_s == 0 {
        return Ok(None);
    }
    let rest = Arc::new(Rest::default());
    let (here, resting) = (Arc::clone(shared), Arc::clone(&rest));
    let named = thread::Builder::new().name("ledger-scrub".to_owned());
    let started = named.spawn(move || {
        while resting.wait(here.options.scrub_pause) {
            let pace = |bytes: u64| resting.wait(time_of(bytes, bytes_per_s));
            if let Err(error) = pass(&here, &pace) {
                tracing::warn!(%error, "the scrub of the log stopped early");
            }
        }
    });
    let thread = started.map_err(|error| StoreError::Io {
        path: shared.dir.display().to_string(),
        operation: "start a thread for",
        source: Arc::new(error),
    })?;
    Ok(Some(Scrubber { rest, thread }))
}

impl Scrubber {
    pub(crate) fn stop(self) {
        *guard(&self.rest.ended) = true;
        self.rest.changed.notify_all();
        // A panic in it was told by the hook; nothing depends on it.
        let _ = self.thread.join();
    }
}

/// Reads everything once, past the cache; `pace` waits for what so many bytes may take, and says
/// whether to go on.
///
/// # Errors
/// `Closed`; `Io`. What is bad is healed or noted, and no error.
pub(crate) fn pass(shared: &Shared, pace: &dyn Fn(u64) -> bool) -> Result<(), StoreError> {
    let scan = shared.scan()?;
    scan.reader().forget_cache();
    let (mut since, mut next, mut healed) = (0, 1, None);
    let mut frames = scan.reader().frames_from(next).map_err(of_journal)?;
    while let Some(frame) = frames.next() {
        let frame = match frame {
            Ok(frame) => frame,
            Err(JournalError::Damaged(damage)) => {
                let from = Position(damage.first_position);
                let again = healed.replace(from) == Some(from);
                if !again && heal_now(shared, frames.hole(), &damage)? {
                    // The bytes it had in hand are those before the healing.
                    frames = scan.reader().frames_from(next).map_err(of_journal)?;
                }
                continue;
            }
            Err(error) => return Err(of_journal(error)),
        };
        compare(shared, &frame);
        next = next.max(frame.link().next_position);
        let bytes = u64::try_from(frame.bytes().len()).unwrap_or(u64::MAX);
        shared.scrubbed(|it| {
            it.frames += 1;
            it.bytes += bytes;
            it.position = Position(frame.last_position());
        });
        since += bytes;
        if since >= STEP_BYTES {
            if !pace(since) {
                return Ok(());
            }
            since = 0;
        }
    }
    shared.scrubbed(|it| it.passes += 1);
    Ok(())
}

/// Heals a hole from the indexed copy; `false` when that has not got it either. The writer waits
/// meanwhile: as little as can be is done under its lock, and nothing once nothing can be.
fn heal_now(shared: &Shared, hole: Option<Gap>, damage: &Damage) -> Result<bool, StoreError> {
    let from = Position(damage.first_position);
    // Told once: the next passes meet it again.
    if shared.lost.has(from) {
        return Ok(false);
    }
    let copy = match shared.copy() {
        // The next pass asks it.
        Err(StoreError::Opening) => return Ok(false),
        other => other?,
    };
    let to = damage.last_position.map_or(from, Position);
    if let Some(copy) = &copy {
        if !has_taken(shared, copy, to) {
            return Ok(false);
        }
        if heal(shared, copy, hole, from)? {
            return Ok(true);
        }
    }
    if shared.lost.insert(from) {
        let why = match copy {
            Some(_) => "db/ does not have them either",
            None => "db/ cannot be asked",
        };
        shared.scrubbed(|it| it.unhealed += 1);
        shared.note(Repaired {
            from,
            to,
            copy: LogCopy::Journal,
            restored: false,
            problem: format!("{damage}; {why}"),
        });
    }
    Ok(false)
}

/// Whether the copy has been given everything up to behind `last`; if not, it is asked later.
fn has_taken(shared: &Shared, copy: &SledCopy, last: Position) -> bool {
    copy.mark().position() > last.0 || shared.recent().tail.is_empty()
}

/// Heals the hole, or where that is not enough to look at, all that is known to be damaged; whether
/// the hole is none any more.
fn heal(
    shared: &Shared,
    copy: &SledCopy,
    hole: Option<Gap>,
    from: Position,
) -> Result<bool, StoreError> {
    let source = SledSource::new(copy);
    let mut writer = shared.writer();
    let journal = writer.as_mut().ok_or(StoreError::Closed)?;
    let mended = hole.map_or(Ok(Mended::Wider), |hole| journal.heal_hole(&hole, &source));
    let (repairs, is_healed) = match mended.map_err(of_journal)? {
        Mended::Healed(repair) => (vec![repair], true),
        Mended::Gone => (Vec::new(), true),
        Mended::Lacking => (Vec::new(), false),
        Mended::Wider => {
            let healed = journal.heal(&source).map_err(of_journal)?;
            let is_bad = |damage: &Damage| damage.first_position == from.0;
            (healed.repairs, !healed.damage.iter().any(is_bad))
        }
    };
    drop(writer);
    for repair in repairs.iter().filter_map(healed_frames) {
        shared.scrubbed(|it| it.healed += 1);
        shared.note(repair);
    }
    Ok(is_healed)
}

/// A frame of the journal beside the indexed copy's.
fn compare(shared: &Shared, frame: &Frame) {
    let Some(copy) = shared.copy_now() else {
        return;
    };
    let (end, mark) = (frame.link(), copy.mark());
    let is_seal = frame.kind() == FrameKind::Seal;
    let is_behind = end.next_position >= mark.next_position;
    if end.next_position > mark.next_position || (is_behind && is_seal) {
        return;
    }
    let found = SledSource::new(&copy).frames_at(frame.first_position());
    if found.iter().any(|bytes| bytes == frame.bytes()) {
        return;
    }
    let (from, to) = (frame.first_position(), frame.last_position());
    let what = format!("its positions {from} to {to} are not what the journal has");
    shared.scrubbed(|it| it.sled_faults += 1);
    shared.distrust(&copy, from, to, &CopyError::Damaged(what));
}

fn time_of(bytes: u64, bytes_per_s: u64) -> Duration {
    let micros = bytes.saturating_mul(1_000_000) / bytes_per_s.max(1);
    Duration::from_micros(micros)
}

/// What is read at once: little beside what a disk does in a tenth of a second.
const STEP_BYTES: u64 = 256 << 10;
