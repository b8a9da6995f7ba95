//! What reading costs: folds, replay, looking back, live rooms, opening, building the copy anew,
//! and one command in a room of many beside a room of few.
//!
//! One log is written through the engine: a room of a hundred people who mute, unmute and change
//! their metadata, and an arena that everybody else joins. Where the bare machine can do something
//! like it in the same run, its figure stands beside ours. Run it by `cargo bench --bench read`;
//! an argument is the number of events, else a million.
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use roomledger::domain::command::{
    Join, MuteTrack, ProfileUpdate, PublishTrack, UpdateParticipant,
};
use roomledger::domain::event::{TrackKind, TrackShape};
use roomledger::domain::{
    ActorKind, Alias, Command, Context, Defaults, Identity, NameError, Provenance, Request, Room,
    RoomName, Source, Target, Version, decide, evolve,
};
use roomledger::engine::{Call, Engine, EngineConfig};
use roomledger::replay::{Moment, fold};
use roomledger::store::ledger::LedgerReader;
use roomledger::store::{EventStore as _, Position};

/// As in the binary.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Fallible<()> {
    let given = std::env::args().find_map(|text| text.parse().ok());
    let events: u64 = given.unwrap_or(1_000_000);
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (data, killed) = (dir.path().join("data"), dir.path().join("killed"));
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;

    let (engine, _) = Engine::open_dir(&data, EngineConfig::default())?;
    let arena = (events / 10).min(100_000);
    runtime.block_on(write(&engine, events - arena, arena))?;
    let head = engine.head().0;
    println!("{head} events, {arena} people in the arena");
    copy(&data, &killed)?;
    live(&engine)?;
    runtime.block_on(look_back(&engine))?;
    engine.shutdown_blocking()?;

    opening("clean", &data)?;
    opening("after a kill", &killed)?;
    fs::remove_dir_all(data.join("db"))?;
    let took = opening("without db/", &data)?;
    rate("db/ built anew", "events/s", head, took);
    let rooms = replay(&data)?;
    folds(&data, head)?;
    sizes(&rooms)
}

/// A hundred people in one room, each with commands one after the other; then the arena fills.
async fn write(engine: &Engine, hall: u64, arena: u64) -> Fallible<()> {
    let turns = hall / PEOPLE;
    let talk = move |engine: Engine, who: u64| async move {
        for turn in 0..turns {
            engine.execute(of_hall(who, turn)?).await?;
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(())
    };
    let come = move |engine: Engine, who: u64| async move {
        for nth in 0..arena / PEOPLE {
            let join = Command::Join(Join::new(identity(who + nth * PEOPLE)?));
            engine.execute(call("arena", join)?).await?;
        }
        Ok::<_, Box<dyn Error + Send + Sync>>(())
    };
    let talking = (0..PEOPLE).map(|who| tokio::spawn(talk(engine.clone(), who)));
    for task in talking.collect::<Vec<_>>() {
        task.await??;
    }
    let coming = (0..PEOPLE).map(|who| tokio::spawn(come(engine.clone(), who)));
    for task in coming.collect::<Vec<_>>() {
        task.await??;
    }
    Ok(())
}

fn of_hall(who: u64, turn: u64) -> Result<Call, NameError> {
    let target = Target::Identity(identity(who)?);
    let track = format!("mic{who}");
    call(
        "hall",
        match turn {
            0 => Command::Join(Join {
                alias: Some(Alias::new(&format!("c{who}"))?),
                ..Join::new(identity(who)?)
            }),
            1 => Command::PublishTrack(PublishTrack {
                connection: format!("c{who}"),
                alias: Some(Alias::new(&track)?),
                kind: TrackKind::Audio,
                source: Source::Microphone,
                name: String::new(),
                muted: false,
                shape: TrackShape::default(),
            }),
            _ if turn.is_multiple_of(2) => Command::MuteTrack(MuteTrack {
                target,
                track,
                muted: turn.is_multiple_of(4),
            }),
            _ => updated(target, turn),
        },
    )
}

fn updated(target: Target, turn: u64) -> Command {
    let profile = ProfileUpdate {
        metadata: Some(format!("{{\"turn\":{turn},\"hand\":\"raised\"}}")),
        ..ProfileUpdate::default()
    };
    Command::UpdateParticipant(UpdateParticipant {
        target,
        profile,
        permission: None,
    })
}

/// One thread asks for the room as fast as it can.
fn live(engine: &Engine) -> Fallible<()> {
    let hall = RoomName::new("hall")?;
    let took = timed(|| {
        for _ in 0..LIVE_READS {
            black_box(engine.live(black_box(&hall)));
        }
        Ok(())
    })?;
    rate("live room, one thread", "reads/s", LIVE_READS, took);
    Ok(())
}

/// Any version of the hall, one after the other, from sled's snapshots on.
async fn look_back(engine: &Engine) -> Fallible<()> {
    let hall = RoomName::new("hall")?;
    let last = engine.live(&hall).ok_or("no hall")?.version.0;
    let mut took = Vec::new();
    for turn in 0..LOOKS_BACK {
        // A multiplicative walk meets all stretches of the history, in no order.
        let version = Version(1 + (turn.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 11) % last);
        let began = now();
        let room = engine.as_of(&hall, Moment::Version(version)).await?;
        took.push(began.elapsed());
        assert_eq!(room.map(|room| room.version), Some(version));
    }
    took.sort();
    for (name, part) in [("median", 50), ("p99", 99), ("p99.9", 999)] {
        let of = if part > 100 { 1_000 } else { 100 };
        let took = took
            .get(took.len() * part / of)
            .copied()
            .unwrap_or_default();
        println!(
            "as of any of {last} versions, {name}: {} us",
            took.as_micros()
        );
    }
    Ok(())
}

/// Until commands are taken, and until the indexed copy has everything.
fn opening(how: &str, data: &Path) -> Fallible<Duration> {
    let began = now();
    let (engine, _) = Engine::open_dir(data, EngineConfig::default())?;
    engine.execute_blocking(call("new", Command::Join(Join::new(identity(0)?)))?)?;
    println!(
        "open {how}: commands after {} ms",
        began.elapsed().as_millis()
    );
    while engine.copy_behind() != Some(0) {
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = began.elapsed();
    println!("open {how}: history after {} ms", took.as_millis());
    engine.shutdown_blocking()?;
    Ok(took)
}

/// Every room from the journal, one thread; beside it, the same files read and nothing more.
fn replay(data: &Path) -> Fallible<BTreeMap<RoomName, Room>> {
    let mut bytes = 0;
    let bare = timed(|| {
        for entry in fs::read_dir(data.join("journal"))? {
            bytes += black_box(fs::read(entry?.path())?).len() as u64;
        }
        Ok(())
    })?;
    let reader = LedgerReader::open(data)?;
    let mut rooms: BTreeMap<RoomName, Room> = BTreeMap::new();
    let mut events = 0;
    let took = timed(|| {
        for commit in reader.read_commits(Position(0))? {
            for record in commit?.into_records() {
                events += 1;
                let Some(name) = &record.room else { continue };
                if !rooms.contains_key(name) {
                    rooms.insert(name.clone(), Room::new(name.clone()));
                }
                if let Some(room) = rooms.get_mut(name) {
                    fold(room, &record)?;
                }
            }
        }
        Ok(())
    })?;
    rate("replay from disk, one thread", "events/s", events, took);
    let ratio = bare.as_secs_f64() / took.as_secs_f64();
    println!("  of {} MiB, {ratio:.2} of reading the files", bytes >> 20);
    Ok(rooms)
}

/// Records that are in memory already, folded into their room.
fn folds(data: &Path, head: u64) -> Fallible<()> {
    let reader = LedgerReader::open(data)?;
    let hall = RoomName::new("hall")?;
    let mut records = Vec::new();
    for commit in reader.read_commits(Position(0))? {
        records.extend(
            commit?
                .into_records()
                .filter(|record| record.room.as_ref() == Some(&hall)),
        );
        if records.len() as u64 >= FOLDED.min(head / 2) {
            break;
        }
    }
    let mut room = Room::new(hall);
    let took = timed(|| {
        for record in &records {
            fold(&mut room, record)?;
        }
        Ok(())
    })?;
    assert_eq!(room.version.0, records.len() as u64, "all of them");
    rate(
        "fold in memory, one thread",
        "events/s",
        records.len() as u64,
        took,
    );
    Ok(())
}

/// A command decided and folded in a room of ten, and in the arena.
fn sizes(rooms: &BTreeMap<RoomName, Room>) -> Fallible<()> {
    let defaults = Defaults::default();
    let arena = rooms.get(&RoomName::new("arena")?).ok_or("no arena")?;
    let few = few()?;
    let mut took = [&few, arena].map(|room| (room.clone(), Duration::ZERO));
    for turn in 0..COMMANDS {
        for (room, took) in &mut took {
            let request = Request::new(
                room.name.clone(),
                updated(Target::Identity(identity(turn % 10)?), turn),
            );
            let context = Context {
                now: room.recorded_at,
                wall: room.recorded_at,
                defaults: &defaults,
                entropy: u128::from(turn),
            };
            let began = now();
            let decision = decide(room, &request, &context)?;
            for event in &decision.events {
                evolve(room, room.version.next(), context.now, event);
            }
            *took += began.elapsed();
        }
    }
    let [(_, in_few), (_, in_many)] = took;
    rate("a command in a room of 10", "commands/s", COMMANDS, in_few);
    rate("and in the arena", "commands/s", COMMANDS, in_many);
    let ratio = in_many.as_secs_f64() / in_few.as_secs_f64();
    println!("  {ratio:.2} of the time");
    Ok(())
}

fn few() -> Fallible<Room> {
    let defaults = Defaults::default();
    let mut room = Room::new(RoomName::new("few")?);
    for who in 0..10 {
        let join = Request::new(room.name.clone(), Command::Join(Join::new(identity(who)?)));
        let context = Context {
            now: room.recorded_at,
            wall: room.recorded_at,
            defaults: &defaults,
            entropy: u128::from(who + 1),
        };
        for event in &decide(&room, &join, &context)?.events {
            let version = room.version.next();
            evolve(&mut room, version, context.now, event);
        }
    }
    Ok(room)
}

fn call(room: &str, command: Command) -> Result<Call, NameError> {
    let provenance = Provenance::of_engine(ActorKind::ApiKey, "devkey");
    Ok(Call::new(
        Request::new(RoomName::new(room)?, command),
        provenance,
    ))
}

fn identity(who: u64) -> Result<Identity, NameError> {
    Identity::new(&format!("p{who}"))
}

/// The files as they are now, as a kill would leave them.
fn copy(from: &Path, to: &Path) -> Fallible<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

fn timed(work: impl FnOnce() -> Fallible<()>) -> Fallible<Duration> {
    let began = now();
    work()?;
    Ok(began.elapsed())
}

#[expect(clippy::cast_precision_loss, reason = "three digits are printed")]
fn rate(what: &str, unit: &str, count: u64, took: Duration) {
    println!("{what}: {:.0} {unit}", count as f64 / took.as_secs_f64());
}

#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn now() -> Instant {
    Instant::now()
}

const PEOPLE: u64 = 100;
const LIVE_READS: u64 = 10_000_000;
const LOOKS_BACK: u64 = 5_000;
const FOLDED: u64 = 500_000;
const COMMANDS: u64 = 100_000;
