//! Does one thing a number of times, so that its instructions can be counted: what a run of twice
//! as many takes more than another is the thing itself. Run it by `benches/instructions/run`.
#![expect(clippy::print_stdout, reason = "the script reads what went wrong")]

use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::sync::Arc;

use roomledger::domain::command::{
    Join, MuteTrack, ProfileUpdate, PublishTrack, UpdateParticipant,
};
use roomledger::domain::event::{TrackKind, TrackShape};
use roomledger::domain::{
    ActorKind, Alias, Command, Context, Defaults, Identity, NewEvent, Provenance, Request, Room,
    RoomName, Source, Target, Timestamp, decide, evolve,
};
use roomledger::engine::{Call, Engine, EngineConfig, ManualClock, Receipt, SeededIds, Status};
use roomledger::store::{
    CommandRecord, Commit, MemoryStore, NewRecord, Position, decode_commit, encode_commit,
};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let done = match words.as_slice() {
        [what, act, times] => times
            .parse()
            .map_err(Into::into)
            .and_then(|times| run(what, act, times)),
        _ => Err("arguments: decide|evolve|encode|decode join|mute|metadata TIMES".into()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("wrong: {error}");
            ExitCode::from(2)
        }
    }
}

fn run(what: &str, act: &str, times: u64) -> Fallible<()> {
    let (engine, room) = room_of_ten()?;
    let command = command(act)?;
    let events = events_of(&room, &command)?;
    let commit = commit_of(&engine.execute_blocking(call(command.clone())?)?)?;
    let bytes = encode_commit(&commit)?;
    let request = Request::new(room.name.clone(), command);
    for _ in 0..times {
        match what {
            "decide" => drop(black_box(decide(
                &room,
                black_box(&request),
                &context(&room),
            )?)),
            "evolve" => {
                let mut room = room.clone();
                for event in &events {
                    let version = room.version.next();
                    evolve(&mut room, version, MOMENT, black_box(event));
                }
                black_box(room);
            }
            "encode" => drop(black_box(encode_commit(black_box(&commit))?)),
            "decode" => drop(black_box(decode_commit(black_box(&bytes), Position(1))?)),
            _ => return Err(format!("nothing is called {what}").into()),
        }
    }
    Ok(())
}

/// Ten people with a microphone each.
fn room_of_ten() -> Fallible<(Engine, Room)> {
    let store = Arc::new(MemoryStore::new());
    let clock = Arc::new(ManualClock::new(MOMENT));
    let ids = Arc::new(SeededIds::new(1));
    let engine = Engine::open(store, EngineConfig::default(), clock, ids)?;
    for person in 0..10 {
        let join = Join {
            alias: Some(Alias::new(&format!("c{person}"))?),
            ..Join::new(Identity::new(&format!("p{person}"))?)
        };
        must(&engine.execute_blocking(call(Command::Join(join))?)?)?;
        let publish = PublishTrack {
            connection: format!("c{person}"),
            alias: Some(Alias::new(&format!("t{person}"))?),
            kind: TrackKind::Audio,
            source: Source::Microphone,
            name: String::new(),
            muted: false,
            shape: TrackShape::default(),
        };
        must(&engine.execute_blocking(call(Command::PublishTrack(publish))?)?)?;
    }
    let room = engine.live(&RoomName::new(ROOM)?).ok_or("no room")?;
    Ok((engine, Room::clone(&room)))
}

fn command(act: &str) -> Fallible<Command> {
    let target = Target::Identity(Identity::new("p5")?);
    Ok(match act {
        "join" => Command::Join(Join::new(Identity::new("late")?)),
        "mute" => Command::MuteTrack(MuteTrack {
            target,
            track: "t5".to_owned(),
            muted: true,
        }),
        "metadata" => Command::UpdateParticipant(UpdateParticipant {
            target,
            profile: ProfileUpdate {
                metadata: Some("{\"turn\":12345,\"hand\":\"raised\"}".to_owned()),
                ..ProfileUpdate::default()
            },
            permission: None,
        }),
        _ => return Err(format!("nobody does {act}").into()),
    })
}

fn events_of(room: &Room, command: &Command) -> Fallible<Vec<NewEvent>> {
    let request = Request::new(room.name.clone(), command.clone());
    Ok(decide(room, &request, &context(room))?.events)
}

fn commit_of(receipt: &Receipt) -> Fallible<Commit> {
    let first = receipt.records.first().ok_or("nothing came of it")?;
    let events = receipt.records.iter().map(|record| NewRecord {
        room: record.room.clone(),
        version: record.version,
        event: record.event.clone(),
    });
    let command = CommandRecord {
        header: Arc::clone(&first.command),
        events: events.collect(),
    };
    Ok(Commit {
        commands: vec![command],
    })
}

fn context(room: &Room) -> Context<'_> {
    Context {
        now: room.recorded_at,
        wall: room.recorded_at,
        defaults: &DEFAULTS,
        entropy: 7,
    }
}

fn must(receipt: &Receipt) -> Fallible<()> {
    if receipt.status == Status::Accepted {
        return Ok(());
    }
    Err(format!("{:?}", receipt.status).into())
}

fn call(command: Command) -> Fallible<Call> {
    let provenance = Provenance::of_engine(ActorKind::ApiKey, "devkey");
    Ok(Call::new(
        Request::new(RoomName::new(ROOM)?, command),
        provenance,
    ))
}

static DEFAULTS: std::sync::LazyLock<Defaults> = std::sync::LazyLock::new(Defaults::default);
const ROOM: &str = "town-hall";
/// Any moment, so that it is always the same.
const MOMENT: Timestamp = Timestamp::from_seconds(1_700_000_000);
