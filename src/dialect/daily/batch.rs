//! Many rooms made or deleted at once. Apart because all are looked at before the first is touched:
//! what is wrong with one leaves all as they were.

use serde_json::{Map, Value, json};

use crate::dialect::daily::asked::{Answer, Asked};
use crate::dialect::daily::error::Error;
use crate::dialect::daily::fields::{Fields, Wrong};
use crate::dialect::daily::rooms::{self, NewRoom};
use crate::domain::command::Command;
use crate::domain::{Rejection, RoomName};

/// `POST /batch/rooms`
pub(super) async fn create(asked: &Asked) -> Result<Answer, Error> {
    let all = asked.read(read_new)?;
    let mut named = Vec::with_capacity(all.len());
    let is_first = asked.said.request_id.is_none();
    for (index, new) in all.into_iter().enumerate() {
        let name = match new.name {
            Some(name) => name,
            None => rooms::made_up(asked, index)?,
        };
        if is_first && let Some(objection) = objection(asked, &name).await? {
            return Err(asked.object(&name, objection).await);
        }
        named.push((name, new.given));
    }
    asked.of_several(&named);
    let mut shown = Vec::with_capacity(named.len());
    let mut last = None;
    for (name, given) in &named {
        let (receipt, room) = rooms::make(asked, name, given).await?;
        shown.push(room);
        last = Some(receipt);
    }
    let shown = Value::Array(shown);
    Ok(match last {
        Some(receipt) => Answer::recorded(shown, &receipt),
        None => Answer::read(shown),
    })
}

/// `DELETE /batch/rooms`
pub(super) async fn delete(asked: &Asked) -> Result<Answer, Error> {
    let names = asked.read(read_names)?;
    asked.of_several(&names);
    for name in &names {
        if rooms::found(asked, name).await?.is_none() && asked.said.request_id.is_none() {
            let objection = Rejection::NoSuchRoom {
                room: name.to_string(),
                because: None,
            };
            return Err(asked.object(name, objection).await);
        }
    }
    let mut last = None;
    for name in &names {
        last = Some(asked.execute(name, Command::DeleteRoom).await?);
    }
    let answer = json!({"deleted_count": names.len()});
    Ok(match last {
        Some(receipt) => Answer::recorded(answer, &receipt),
        None => Answer::read(answer),
    })
}

fn read_new(fields: &mut Fields) -> Result<Vec<NewRoom>, Wrong> {
    let all: Vec<Map<String, Value>> = fields.required("rooms")?;
    check_count(fields, all.len())?;
    let all = all.into_iter().enumerate().map(|(index, members)| {
        let mut one = Fields::of(format!("rooms[{index}]."), members);
        let new = NewRoom::read(&mut one)?;
        one.finish().map(|()| new)
    });
    let all: Vec<NewRoom> = all.collect::<Result<_, _>>()?;
    let mut names: Vec<&RoomName> = all.iter().filter_map(|new| new.name.as_ref()).collect();
    names.sort_unstable();
    if names.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(fields.wrong("rooms", "names a room twice"));
    }
    Ok(all)
}

fn read_names(fields: &mut Fields) -> Result<Vec<RoomName>, Wrong> {
    let names: Vec<String> = fields.required("rooms")?;
    check_count(fields, names.len())?;
    let names = names.iter().map(|name| RoomName::new(name));
    let mut names: Vec<RoomName> = names
        .collect::<Result<_, _>>()
        .map_err(|error| fields.wrong("rooms", error))?;
    names.sort_unstable();
    names.dedup();
    Ok(names)
}

fn check_count(fields: &Fields, count: usize) -> Result<(), Wrong> {
    if count > ROOMS_MAX {
        let problem = format!("lists {count} rooms, at most {ROOMS_MAX} at once");
        return Err(fields.wrong("rooms", problem));
    }
    Ok(())
}

/// Why no room can be made of that name, if so.
async fn objection(asked: &Asked, name: &RoomName) -> Result<Option<Rejection>, Error> {
    let room = asked.daily.engine.room(name).await?;
    let now = asked.daily.engine.clock().wall();
    let standing = room.filter(|room| !room.is_over(now));
    if let Some(life) = standing.as_ref().and_then(|room| room.life.as_ref()) {
        return Ok(Some(Rejection::name_taken(name, Some(life.created))));
    }
    Ok(asked.daily.catalogue.objection(name).await?)
}

/// Daily's own bound.
const ROOMS_MAX: usize = 1_000;
