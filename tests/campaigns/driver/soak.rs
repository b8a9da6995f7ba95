//! Rooms that open, fill, change and empty for a long time, and what the process weighs meanwhile.
//! Apart because nothing is cut here. It judges nothing: it prints one line of JSON a sample.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use roomledger::domain::command::{CreateRoom, Join, Remove, UpdateRoom};
use roomledger::domain::{Command, Identity, Target};
use roomledger::engine::{Engine, EngineError, Status};
use serde_json::json;

use super::Fallible;
use super::acks::call;
use super::load::now;
use super::options::Options;

pub(crate) fn run(options: &Options) -> Fallible<u8> {
    let (engine, _) = options.open()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()?;
    let done = runtime.block_on(soak(&engine, options));
    engine.shutdown_blocking()?;
    println!("{}", sample("closed", 0, 0)?);
    done.map(|()| 0)
}

async fn soak(engine: &Engine, options: &Options) -> Fallible<()> {
    let (started, commands) = (now(), Arc::new(AtomicU64::new(0)));
    let length = Duration::from_secs(options.seconds);
    let callers: Vec<_> = (0..options.callers)
        .map(|caller| {
            let (engine, commands) = (engine.clone(), Arc::clone(&commands));
            let (rooms, callers) = (options.rooms, options.callers);
            let per_second = options.commands_per_second;
            tokio::spawn(async move {
                let mut round = 0;
                while started.elapsed() < length {
                    let given = commands.load(Ordering::Relaxed);
                    let due = Duration::from_millis(given.saturating_mul(1_000) / per_second);
                    tokio::time::sleep(due.saturating_sub(started.elapsed())).await;
                    let room = (caller + round * callers) % rooms;
                    visit(&engine, room, round, &commands).await?;
                    round += 1;
                }
                Fallible::Ok(())
            })
        })
        .collect();
    let every = (length / SAMPLES).max(Duration::from_millis(100));
    while started.elapsed() < length {
        tokio::time::sleep(every).await;
        let done = commands.load(Ordering::Relaxed);
        println!("{}", sample("running", started.elapsed().as_secs(), done)?);
    }
    for caller in callers {
        caller.await??;
    }
    Ok(())
}

/// Two people come, the room changes, one goes and one is removed.
async fn visit(engine: &Engine, room: u64, round: u64, commands: &AtomicU64) -> Fallible<()> {
    let somebody = |number: u64| Identity::new(&format!("guest-{}", (round + number) % GUESTS));
    let steps = [
        Command::CreateRoom(CreateRoom {
            opens_session: true,
            ..CreateRoom::default()
        }),
        Command::Join(Join::new(somebody(0)?)),
        Command::Join(Join::new(somebody(1)?)),
        Command::UpdateRoom(UpdateRoom {
            metadata: Some(format!("round {round}")),
            ..UpdateRoom::default()
        }),
        Command::Remove(Remove::new(Target::Identity(somebody(0)?))),
        Command::EndSession,
    ];
    for (step, command) in steps.into_iter().enumerate() {
        let request = call(room, &format!("{room}/{round}/{step}"), command)?;
        loop {
            match engine.execute(request.clone()).await {
                Ok(receipt) => {
                    if matches!(receipt.status, Status::Refused(_)) {
                        return Err(format!("{:?}", receipt.status).into());
                    }
                    break;
                }
                Err(EngineError::Store(_) | EngineError::Overloaded { .. })
                    if engine.stopped().is_none() =>
                {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        commands.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// What the system says of this process.
fn sample(phase: &str, seconds: u64, commands: u64) -> Fallible<serde_json::Value> {
    let status = fs::read_to_string("/proc/self/status")?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    Ok(json!({
        "phase": phase,
        "seconds": seconds,
        "commands": commands,
        "resident_kib": field("VmRSS:"),
        "threads": field("Threads:"),
        "files": fs::read_dir("/proc/self/fd")?.count(),
    }))
}

/// Samples in a run.
const SAMPLES: u32 = 60;
/// Different people in one room: all come in the first round, and it grows no more.
const GUESTS: u64 = 2;
