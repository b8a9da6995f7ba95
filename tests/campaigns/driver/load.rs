//! Gives commands until told to stop, and writes down what was acknowledged. Apart from checking,
//! which must not trust it.
//!
//! Prints `ready` once open, `closing` when its input ends or its commands are through, `closed` at
//! the end; each kind of error once.

use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use roomledger::engine::{Engine, EngineError, Status};
use roomledger::store::{Position, StoreError};

use super::Fallible;
use super::acks::{self, Acks, Turn};
use super::options::Options;

pub(crate) fn run(options: &Options) -> Fallible<u8> {
    let before = acks::read(&options.acks, u64::MAX)?;
    let (engine, report) = match options.open() {
        Ok(opened) => opened,
        Err(error) => {
            println!("refused: {error}");
            return Ok(3);
        }
    };
    for repair in &report.repairs {
        println!("repaired: {repair:?}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    let load = Arc::new(Load {
        engine,
        acks: Acks::open(&options.acks)?,
        options: options.clone(),
        started: now(),
        written_bytes: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
        is_stopped: AtomicBool::new(false),
        is_refused: AtomicBool::new(false),
        unmeasured: AtomicU64::new(0),
    });
    println!("ready");
    let outcome = runtime.block_on(work(&load, &before));
    if let Err(error) = outcome {
        println!("broken: {error}");
        return Ok(9);
    }
    if load.is_stopped.load(Ordering::SeqCst) {
        // Reads go on after a failed write.
        let read = load.engine.store().read_all(Position(0), 10);
        println!("still reads: {}", read.is_ok());
    }
    println!("closing");
    if let Err(error) = load.engine.shutdown_blocking() {
        println!("stopped: {error}");
        return Ok(4);
    }
    println!("closed");
    Ok(0)
}

struct Load {
    engine: Engine,
    acks: Acks,
    options: Options,
    started: Instant,
    written_bytes: AtomicU64,
    is_over: AtomicBool,
    /// Whether somebody was told that the engine stopped itself.
    is_stopped: AtomicBool,
    is_refused: AtomicBool,
    /// How often free space could not be told.
    unmeasured: AtomicU64,
}

async fn work(load: &Arc<Load>, before: &acks::Acknowledged) -> Fallible<()> {
    for call in acks::rooms()? {
        if let Err(error) = load.engine.execute(call).await {
            load.stop(&error);
            return Ok(());
        }
    }
    if load.options.commands == u64::MAX {
        let load = Arc::clone(load);
        std::thread::spawn(move || {
            let _until_its_end = std::io::stdin().read_to_end(&mut Vec::new());
            load.is_over.store(true, Ordering::SeqCst);
        });
    }
    let first = load.options.first_caller;
    let callers = (first..first + load.options.callers).map(|caller| {
        // What was not answered in an earlier life is given again, under the same request id.
        let turns = before.get(&caller).and_then(|turns| turns.keys().last());
        let next = turns.map_or(0, |last| last + 1);
        tokio::spawn(give(Arc::clone(load), caller, next))
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await??;
    }
    Ok(())
}

/// One caller, command after command.
async fn give(load: Arc<Load>, caller: u64, first: u64) -> Fallible<()> {
    let mut number = first;
    while number - first < load.options.commands && !load.is_over.load(Ordering::SeqCst) {
        load.pace().await;
        let turn = Turn {
            caller,
            number,
            bytes: load.options.bytes,
        };
        let was_stopped = load.is_stopped.load(Ordering::SeqCst);
        match load.engine.execute(turn.call()?).await {
            Ok(_) if was_stopped => {
                let what = format!("{turn:?} was acknowledged after the engine had stopped");
                return Err(what.into());
            }
            Ok(receipt) if receipt.status == Status::Accepted => {
                load.acks.write(turn, receipt.position.0)?;
                let bytes = u64::try_from(turn.bytes)?;
                load.written_bytes.fetch_add(bytes, Ordering::Relaxed);
                number += 1;
            }
            Ok(receipt) => return Err(format!("{turn:?}: {:?}", receipt.status).into()),
            Err(error) if load.comes_again(&error) => tokio::time::sleep(PAUSE).await,
            // Once more, to see that nothing is acknowledged.
            Err(error) if !was_stopped => load.stop(&error),
            Err(_) => return Ok(()),
        }
    }
    Ok(())
}

impl Load {
    /// Whether nothing is broken, and a caller is to try again.
    fn comes_again(&self, error: &EngineError) -> bool {
        let is_full = matches!(error, EngineError::Store(StoreError::Full { .. }));
        if is_full && !self.is_refused.swap(true, Ordering::SeqCst) {
            println!("full: {error}");
        }
        let is_early = matches!(
            error,
            EngineError::Overloaded { .. }
                | EngineError::Opening
                | EngineError::Store(StoreError::Behind { .. })
        );
        let is_unmeasured = matches!(error, EngineError::Store(StoreError::Unmeasured { .. }));
        // Where it never can be told, the load ends as if the engine had stopped.
        let may_pass = || self.unmeasured.fetch_add(1, Ordering::SeqCst) < UNMEASURED_MAX;
        is_full || is_early || (is_unmeasured && may_pass())
    }

    fn stop(&self, error: &EngineError) {
        if !self.is_stopped.swap(true, Ordering::SeqCst) {
            println!("error: {error}");
        }
    }

    /// Keeps all callers together below the rate.
    async fn pace(&self) {
        let written = self.written_bytes.load(Ordering::Relaxed);
        let rate = self.options.rate_kib.saturating_mul(1024);
        let due = Duration::from_micros(written.saturating_mul(1_000_000) / rate);
        let early = due.saturating_sub(self.started.elapsed());
        if !early.is_zero() {
            tokio::time::sleep(early).await;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a load is paced by the clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// Far more than one fault can cause.
const UNMEASURED_MAX: u64 = 100;
/// Long enough that a refused caller does not spin.
const PAUSE: Duration = Duration::from_millis(5);
