//! Rooms: made, read, listed, changed, deleted. Apart from what their properties mean.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::dialect::daily::asked::{Answer, Asked};
use crate::dialect::daily::error::Error;
use crate::dialect::daily::fields::{Fields, Wrong};
use crate::dialect::daily::page::Page;
use crate::dialect::daily::properties::{Given, privacy, render};
use crate::dialect::javascript;
use crate::dialect::recorded::Recorded;
use crate::domain::command::{Command, CreateRoom, UpdateRoom};
use crate::domain::{Digest, Id, Request, Room, RoomName, Timestamp, Version};
use crate::engine::Receipt;
use crate::replay::{Moment, RoomEntry};
use crate::store::Record;

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
    let new = match asked.read(NewRoom::read) {
        Ok(new) => new,
        Err(error) => {
            let name = asked.text_of_body("name");
            let name = name.and_then(|name| RoomName::new(&name).ok());
            return Err(match name {
                Some(name) => asked.refuse(&name, error).await,
                None => error,
            });
        }
    };
    let name = match &new.name {
        Some(name) => name.clone(),
        None => made_up(asked, 0)?,
    };
    let (receipt, shown) = make(asked, &name, &new.given).await?;
    Ok(Answer::recorded(shown, &receipt))
}

/// `GET /rooms/:name`
pub(super) async fn get(asked: &Asked) -> Result<Answer, Error> {
    let name = asked.room()?;
    let room = found(asked, &name).await?;
    let shown = room.and_then(|room| show(asked, &room));
    shown
        .map(Answer::read)
        .ok_or_else(|| no_such_room(name.as_str()))
}

/// `GET /rooms`
pub(super) async fn list(asked: &Asked) -> Result<Answer, Error> {
    let mut query = asked.query()?;
    let page = Page::read(&mut query)?;
    query.finish()?;
    let now = asked.daily.engine.clock().wall();
    let listed = asked.daily.catalogue.read(move |all| {
        let newest_first: Vec<&RoomEntry> = all.rooms().iter().rev().collect();
        let is_there = |room: &&RoomEntry| {
            room.deleted_at.is_none() && room.expires_at.is_none_or(|at| at > now)
        };
        let is_named = |room: &&RoomEntry, id: &str| room.id.uuid().to_string() == id;
        let count = newest_first.iter().filter(|room| is_there(room)).count();
        let part = page.of(&newest_first, is_named, is_there)?;
        let names: Vec<RoomName> = part.iter().map(|room| room.name.clone()).collect();
        Ok::<_, Error>((count, names))
    });
    let (count, names) = listed.await??;
    let mut data = Vec::with_capacity(names.len());
    for name in names {
        let room = asked.daily.engine.room(&name).await?;
        data.extend(room.and_then(|room| show(asked, &room)));
    }
    Ok(Answer::read(json!({"total_count": count, "data": data})))
}

/// `POST /rooms/:name`
pub(super) async fn update(asked: &Asked) -> Result<Answer, Error> {
    let name = asked.room()?;
    let given = asked.read_about(&name, Given::read).await?;
    // Rights are worked out from what was said of them before: one change at a time. An expected
    // version would fail at every join and mute meanwhile, and each failure would be a refusal on
    // record, and from then on the answer to its request id.
    let _one = if given.bears_on_rights() {
        Some(asked.daily.rights.lock().await)
    } else {
        None
    };
    let before = asked.daily.engine.room(&name).await?;
    let before = before.as_deref().and_then(Room::config);
    let command = Command::UpdateRoom(UpdateRoom {
        config: given.over(before.map(|config| &**config)),
        refuse_expired: true,
        ..UpdateRoom::default()
    });
    let receipt = asked.execute(&name, command).await?;
    let shown = receipt.room.as_deref().and_then(|room| show(asked, room));
    let shown = shown.ok_or_else(|| no_such_room(name.as_str()))?;
    Ok(Answer::recorded(shown, &receipt))
}

/// `DELETE /rooms/:name`
pub(super) async fn delete(asked: &Asked) -> Result<Answer, Error> {
    let name = asked.room()?;
    let receipt = asked.execute(&name, Command::DeleteRoom).await?;
    if let Some(first) = receipt.records.first()
        && let Some(over) = was_over(asked, &name, first).await?
    {
        return Err(over.recorded_by(Recorded::of(&receipt)));
    }
    let answer = json!({"deleted": true, "name": name.as_str()});
    Ok(Answer::recorded(answer, &receipt))
}

/// What is asked for of a room to be made.
pub(super) struct NewRoom {
    pub(super) name: Option<RoomName>,
    pub(super) given: Given,
}

impl NewRoom {
    /// Reads name, privacy and properties.
    pub(super) fn read(fields: &mut Fields) -> Result<Self, Wrong> {
        let name = match fields.optional::<String>("name")? {
            Some(name) => Some(check(&name).map_err(|problem| fields.wrong("name", problem))?),
            None => None,
        };
        let given = Given::read(fields)?;
        Ok(Self { name, given })
    }
}

/// Makes a room, and shows it.
///
/// # Errors
/// 400 when there is one of that name.
pub(super) async fn make(
    asked: &Asked,
    name: &RoomName,
    given: &Given,
) -> Result<(Receipt, Value), Error> {
    let command = Command::CreateRoom(CreateRoom {
        config: given.of_new(),
        replaces_expired: true,
        refuse_existing: true,
        ..CreateRoom::default()
    });
    let mut request = Request::new(name.clone(), command);
    request.objection = asked.daily.catalogue.objection(name).await?;
    let receipt = asked.settle(request).await?;
    let shown = receipt.room.as_deref().and_then(|room| show(asked, room));
    let shown = shown.ok_or_else(|| no_such_room(name.as_str()))?;
    Ok((receipt, shown))
}

/// There is none.
pub(super) fn no_such_room(name: &str) -> Error {
    Error::not_found(format!("there is no room named {name:?}"))
}

/// A name for a room that was given none: of chance, but for a repeated request the same again.
///
/// # Errors
/// None that can be met: such a name is one.
pub(super) fn made_up(asked: &Asked, index: usize) -> Result<RoomName, Error> {
    let id = match &asked.said.request_id {
        None => Id(asked.daily.ids.draw()),
        Some(request_id) => {
            let whole = format!("{} {request_id} {index}", asked.key.key_id);
            let bytes = Digest::of(whole.as_bytes()).0;
            let bits = bytes.iter().take(16);
            Id(bits.fold(0, |bits, byte| bits << 8 | u128::from(*byte)))
        }
    };
    RoomName::new(&id.short()).map_err(|error| Error::invalid(error.to_string()))
}

/// The room of that name, if there is one.
pub(super) async fn found(asked: &Asked, name: &RoomName) -> Result<Option<Arc<Room>>, Error> {
    let room = asked.daily.engine.room(name).await?;
    let now = asked.daily.engine.clock().wall();
    Ok(room.filter(|room| is_there(room, now)))
}

/// Whether there is the room: one whose time is over counts as deleted, even while somebody is
/// inside (Daily's page on `DELETE /rooms/:name`).
pub(super) fn is_there(room: &Room, now: Timestamp) -> bool {
    room.life.is_some() && room.expired(now).is_none()
}

/// A room as Daily shows it; `None` where it was deleted.
pub(super) fn show(asked: &Asked, room: &Room) -> Option<Value> {
    let life = room.life.as_ref()?;
    let config = room.config()?;
    Some(json!({
        "id": life.id.uuid().to_string(),
        "name": room.name.as_str(),
        "api_created": life.explicit,
        "privacy": privacy(config),
        "url": format!("{}/{}", asked.origin(), escaped(room.name.as_str())),
        "created_at": javascript::iso(life.created_at),
        "config": render(config),
    }))
}

/// What a deletion is answered with where the room's time was over; `first` is its first event.
pub(super) async fn was_over(
    asked: &Asked,
    name: &RoomName,
    first: &Record,
) -> Result<Option<Error>, Error> {
    let before = Moment::Version(Version(first.version.0.saturating_sub(1)));
    let room = asked.daily.engine.as_of(name, before).await?;
    let is_over = room.is_some_and(|room| room.expired(first.command.recorded_at).is_some());
    let over = || Error::not_found(format!("the time of room {name} was over")).deleted();
    Ok(is_over.then(over))
}

/// A name that Daily takes: one segment of a path as it is.
fn check(name: &str) -> Result<RoomName, String> {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_plain) {
        return Err(format!(
            "has to be 1 to {NAME_BYTES_MAX} of A-Z, a-z, 0-9, - and _"
        ));
    }
    RoomName::new(name).map_err(|error| error.to_string())
}

/// A name as one segment of a path: those that other dialects make may hold anything.
fn escaped(name: &str) -> String {
    let escape = |byte: u8| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            char::from(byte).to_string()
        } else {
            format!("%{byte:02X}")
        }
    };
    name.bytes().map(escape).collect()
}

/// Daily's own bound.
const NAME_BYTES_MAX: usize = 128;
/// There is one domain, and it is this server.
const DOMAIN_NAME: &str = "roomledger";
/// Any would do; one that never changes, since tokens that applications sign repeat it.
pub(super) const DOMAIN_ID: &str = "6d1f1c6e-0a3b-4c4d-8e2f-726f6f6d6c67";
