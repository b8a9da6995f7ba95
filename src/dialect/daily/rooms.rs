//! Rooms: made, read, changed, deleted. Apart from what their properties mean.

use serde_json::{Value, json};

use crate::dialect::daily::asked::{Answer, Asked};
use crate::dialect::daily::error::Error;
use crate::dialect::javascript;
use crate::domain::command::{Command, CreateRoom};
use crate::domain::{Room, RoomName};
use crate::engine::Status;

/// `GET /`
pub(super) fn domain() -> Answer {
    Answer::read(json!({
        "domain_name": DOMAIN_NAME,
        "domain_id": DOMAIN_ID,
        "config": {},
    }))
}

/// `POST /rooms`
pub(super) async fn create(asked: &Asked) -> Result<Answer, Error> {
    let name = asked.read(|fields| fields.required::<String>("name"))?;
    let name = RoomName::new(&name).map_err(|error| Error::invalid(error.to_string()))?;
    let command = Command::CreateRoom(CreateRoom::default());
    let receipt = asked.execute(&name, command).await?;
    if receipt.status == Status::NoEffect {
        return Err(Error::invalid(format!(
            "a room named {name} already exists"
        )));
    }
    let shown = receipt.room.as_deref().and_then(|room| show(asked, room));
    let shown = shown.ok_or_else(|| no_such_room(&name))?;
    Ok(Answer::recorded(shown, &receipt))
}

/// `GET /rooms/:name`
pub(super) async fn get(asked: &Asked) -> Result<Answer, Error> {
    let name = asked.room()?;
    let room = asked.daily.engine.room(&name).await?;
    let shown = room.and_then(|room| show(asked, &room));
    shown.map(Answer::read).ok_or_else(|| no_such_room(&name))
}

/// `DELETE /rooms/:name`
pub(super) async fn delete(asked: &Asked) -> Result<Answer, Error> {
    let name = asked.room()?;
    let receipt = asked.execute(&name, Command::DeleteRoom).await?;
    let answer = json!({"deleted": true, "name": name.as_str()});
    Ok(Answer::recorded(answer, &receipt))
}

fn show(asked: &Asked, room: &Room) -> Option<Value> {
    let life = room.life.as_ref()?;
    Some(json!({
        "id": life.id.uuid().to_string(),
        "name": room.name.as_str(),
        "api_created": life.explicit,
        "privacy": "public",
        "url": format!("{}/{}", asked.origin(), room.name),
        "created_at": javascript::iso(life.created_at),
        "config": {},
    }))
}

fn no_such_room(name: &RoomName) -> Error {
    Error::not_found(format!("there is no room named {name}"))
}

const DOMAIN_NAME: &str = "roomledger";
const DOMAIN_ID: &str = "6d1f1c6e-0a3b-5c4d-8e2f-726f6f6d6c67";
