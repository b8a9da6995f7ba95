//! Durable commits a second, beside what the bare disk does with the same bytes in the same groups.
//!
//! Three runners take turns, round by round, so that other load on the machine meets all of them:
//! the engine with N callers; a loop that appends what N commands weigh and calls fdatasync; the
//! same loop on a file that was zeroed ahead. Printed are medians and their ratios. Run it by
//! `cargo bench --bench commit`; with arguments, only the given numbers of callers.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::{Duration, Instant};

use roomledger::domain::command::{Join, ProfileUpdate, UpdateParticipant};
use roomledger::domain::{
    ActorKind, Command, Identity, Provenance, Request, RoomName, Target, Version,
};
use roomledger::engine::{Call, Engine, EngineConfig, EngineError, Status};
use roomledger::store::{CommandRecord, Commit, NewRecord, encode_commit};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Fallible<()> {
    let given: Vec<usize> = std::env::args()
        .filter_map(|text| text.parse().ok())
        .collect();
    let callers = if given.is_empty() {
        vec![1, 16, 1_024]
    } else {
        given
    };
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let (engine, _) = Engine::open_dir(&dir.path().join("ledger"), EngineConfig::default())?;
    engine.execute_blocking(call(Command::Join(Join::new(Identity::new("alice")?))))?;
    let bytes = command_bytes(&engine)?;
    println!("{bytes} bytes a command, {ROUNDS} rounds, medians in commands a second");
    println!("callers  engine     append     zeroed     engine/append  engine/zeroed");
    for callers in callers {
        let mut rates = [Vec::new(), Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            let groups = groups_of(callers);
            let total = groups * callers;
            let engine_took = runtime.block_on(engine_round(&engine, callers, groups))?;
            let append_took =
                loop_round(&dir.path().join("append"), false, groups, callers * bytes)?;
            let zeroed_took =
                loop_round(&dir.path().join("zeroed"), true, groups, callers * bytes)?;
            for (rates, took) in rates
                .iter_mut()
                .zip([engine_took, append_took, zeroed_took])
            {
                rates.push(rate(total, took));
            }
        }
        let [engine, append, zeroed] = rates.map(median);
        println!(
            "{callers:7}  {engine:9.0}  {append:9.0}  {zeroed:9.0}  {:13.2}  {:13.2}",
            engine / append,
            engine / zeroed
        );
    }
    engine.shutdown_blocking()?;
    Ok(())
}

/// Each caller gives its commands one after the other.
async fn engine_round(engine: &Engine, callers: usize, each: usize) -> Fallible<Duration> {
    let started = now();
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for turn in 0..each {
                    one(&engine, caller, turn).await?;
                }
                Ok::<_, EngineError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(started.elapsed())
}

async fn one(engine: &Engine, caller: usize, turn: usize) -> Result<(), EngineError> {
    let receipt = engine.execute(update(caller, turn)).await?;
    assert_eq!(
        receipt.status,
        Status::Accepted,
        "the bench must measure commits"
    );
    Ok(())
}

/// Writes and syncs `groups` times `bytes`.
fn loop_round(path: &Path, zeroed: bool, groups: usize, bytes: usize) -> Fallible<Duration> {
    let group = vec![0xa5_u8; bytes];
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .open(path)?;
    if zeroed {
        zero(&mut file, groups * bytes)?;
    }
    let started = now();
    for _ in 0..groups {
        file.write_all(&group)?;
        file.sync_data()?;
    }
    let took = started.elapsed();
    std::fs::remove_file(path)?;
    Ok(took)
}

fn zero(file: &mut File, bytes: usize) -> Fallible<()> {
    let block = vec![0_u8; 1 << 20];
    for _ in 0..bytes.div_ceil(block.len()) {
        file.write_all(&block)?;
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    Ok(())
}

/// LiveKit's `UpdateParticipant` with new metadata, which differs from command to command.
fn update(caller: usize, turn: usize) -> Call {
    let metadata = format!("{{\"caller\":{caller},\"turn\":{turn},\"hand\":\"raised\"}}");
    let profile = ProfileUpdate {
        metadata: Some(metadata),
        ..ProfileUpdate::default()
    };
    let target = Identity::new("alice").map(Target::Identity);
    call(Command::UpdateParticipant(UpdateParticipant {
        target: target.unwrap_or(Target::Everyone),
        profile,
        permission: None,
    }))
}

fn call(command: Command) -> Call {
    let mut provenance = Provenance::of_engine(ActorKind::ApiKey, "devkey");
    command.name().clone_into(&mut provenance.via.call);
    let room = RoomName::new("town-hall");
    let room = room.unwrap_or_else(|error| unreachable!("{error}"));
    Call::new(Request::new(room, command), provenance)
}

/// What one command of the bench weighs in the log, in a commit of its own.
fn command_bytes(engine: &Engine) -> Fallible<usize> {
    let receipt = engine.execute_blocking(update(usize::MAX, 0))?;
    let header = receipt.records.first().map(|record| record.command.clone());
    let events = receipt.records.iter().map(|record| NewRecord {
        room: record.room.clone(),
        version: Version(record.version.0),
        event: record.event.clone(),
    });
    let command = CommandRecord {
        header: header.ok_or("no record")?,
        events: events.collect(),
    };
    Ok(encode_commit(&Commit {
        commands: vec![command],
    })?
    .len())
}

/// Less than a tenth of a second on a disk that syncs 5,000 times a second: turns are short, so
/// that whatever else the disk does meets all three.
const fn groups_of(callers: usize) -> usize {
    match callers {
        0..=4 => 300,
        5..=64 => 200,
        _ => 15,
    }
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::cast_precision_loss, reason = "three digits are printed")]
fn rate(commands: usize, took: Duration) -> f64 {
    commands as f64 / took.as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates.get(rates.len() / 2).copied().unwrap_or_default()
}

/// Odd, so that the median is one of them.
const ROUNDS: usize = 15;
