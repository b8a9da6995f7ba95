//! Opens a ledger on disk, lets somebody in, removes her, and reads the trail.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::error::Error;

use roomledger::domain::command::{Join, Remove};
use roomledger::domain::{ActorKind, Command, Identity, Personal, Provenance, Request, RoomName};
use roomledger::domain::{Target, Version};
use roomledger::engine::{Call, Engine, EngineConfig};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = std::env::temp_dir().join(format!("roomledger-embed-{}", std::process::id()));
    let (engine, _report) = Engine::open_dir(&dir, EngineConfig::default())?;
    let (room, alice) = (RoomName::new("town-hall")?, Identity::new("alice")?);

    let ask = |command, reason: &str| {
        let mut provenance = Provenance::of_engine(ActorKind::ApiKey, "my-backend");
        provenance.reason = Some(Personal::from(reason));
        engine.execute_blocking(Call::new(Request::new(room.clone(), command), provenance))
    };
    ask(Command::Join(Join::new(alice.clone())), "came in")?;
    let remove = Remove::new(Target::Identity(alice));
    let receipt = ask(Command::Remove(remove), "shouted")?;
    println!("{:?} at position {}", receipt.status, receipt.position);

    // What is answered is durable, and what is durable can be read.
    for record in engine.store().read_room(Some(&room), Version(0), 100)? {
        let who = &record.command.provenance;
        let why = who.reason.as_ref().map_or("", |reason| reason.as_str());
        let kind = record.event.event.kind().as_str();
        println!(
            "#{} {kind} by {}: {why}",
            record.position,
            who.actor.id.as_str()
        );
    }
    engine.shutdown_blocking()?;
    Ok(std::fs::remove_dir_all(dir)?)
}
