//! The call that gives commands. Apart from their bodies; nothing here knows a rule.

use axum::http::StatusCode;
use axum::response::Response;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::dialect::ledger::command_body;
use crate::dialect::ledger::openapi::{Answer, Operation};
use crate::dialect::ledger::problem::Problem;
use crate::dialect::ledger::state::{Ledger, State};
use crate::dialect::ledger::write::{Asked, Named, Need, Write, answer};
use crate::domain::command::NoteTarget;
use crate::domain::{Code, Command, RoomName, Version};
use crate::replay::view::EventView;
use crate::store::Position;

/// `POST /rooms/{room}/commands`
pub(super) async fn command(
    State(ledger): State<Ledger>,
    Named(room): Named<String>,
    asked: Asked,
) -> Result<Response, Problem> {
    let write = Write::begin(&ledger, asked, &room, Need::Admin).await?;
    let write = write.of_route(COMMAND_ROUTE);
    let mut asked = write.read("command", command_body::read).await?;
    if let Command::Move { to_room, .. } = &mut asked.command {
        *to_room = write.destination(to_room).await?;
    }
    write.require(&asked.command).await?;
    if let (Some(position), Command::AddNote { about, .. }) =
        (asked.note_position, &mut asked.command)
    {
        let Some(version) = version_of(&ledger, write.room(), position).await? else {
            let detail = format!("position {position} is not an event of room {room:?}");
            let problem = Problem::not_found(Code::NoSuchVersion.as_str(), detail);
            return Err(write.unread("add_note", problem).await);
        };
        *about = NoteTarget::Event(version);
    }
    let mut request = write.request(asked.command);
    request.expected_version = asked.expected_version;
    request.as_connection = asked.as_connection;
    ledger.can_name(write.room()).await?;
    if let Command::Move { to_room, .. } = &request.command {
        ledger.can_name(to_room).await?;
    }
    let receipt = write.execute(request).await?;
    let events = ledger.views(&receipt).await?;
    let body = Commanded {
        position: receipt.position,
        version: receipt.version,
        events,
    };
    Ok(answer(StatusCode::OK, &receipt, &body))
}

/// What a command came to.
#[derive(Debug, Serialize, JsonSchema)]
struct Commanded {
    /// The last position that it made durable; the head, if it made none.
    position: Position,
    /// The room's version after it.
    version: Version,
    /// What it recorded.
    #[schemars(with = "Vec<EventView>")]
    events: Box<RawValue>,
}

pub(super) const COMMAND: Operation = Operation::command(
    "command",
    "Gives a command in a room.",
    command_body::forms,
    Answer::of::<Commanded>(200),
);

/// What an idempotency key is told apart by, whatever the command.
const COMMAND_ROUTE: &str = "command";

/// The version of the room's event at that place, if it is one of the room.
async fn version_of(
    ledger: &Ledger,
    room: &RoomName,
    position: u64,
) -> Result<Option<Version>, Problem> {
    let before = Position(position.saturating_sub(1));
    let records = ledger.engine.records(before, 1).await?;
    let found = records.first().filter(|record| {
        record.position == Position(position) && record.room.as_ref() == Some(room)
    });
    Ok(found.map(|record| record.version))
}
