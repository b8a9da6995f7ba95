//! What an admin does to people in a meeting: changes what they may do, sends them away. Apart from
//! what that does, which the rules tell.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::dialect::daily::asked::{Answer, Asked};
use crate::dialect::daily::error::Error;
use crate::dialect::daily::fields::{Fields, Wrong};
use crate::dialect::daily::form::written;
use crate::dialect::daily::permission::{parse_permissions_at, participant_id};
use crate::domain::command::{PermissionUpdate, Remove, UpdatePermissions};
use crate::domain::event::UpdateMode;
use crate::domain::{Command, Event, Identity, Target};
use crate::engine::Receipt;

/// `POST /rooms/:name/update-permissions`
///
/// # Errors
/// 404 where nobody meets, 400 that names what is wrong.
pub(super) async fn update_permissions(asked: &Asked) -> Result<Answer, Error> {
    let room = asked.room()?;
    let command = Command::UpdatePermissions(UpdatePermissions {
        mode: UpdateMode::Patch,
        targets: asked.read_about(&room, targets).await?,
        refuse_unknown: false,
    });
    let receipt = asked.execute(&room, command).await?;
    Ok(Answer::recorded(json!({"status": "sent"}), &receipt))
}

fn targets(fields: &mut Fields) -> Result<BTreeMap<Target, PermissionUpdate>, Wrong> {
    let data: Map<String, Value> = fields.required("data")?;
    let read = data.iter().map(|(id, value)| {
        let target = match id.as_str() {
            EVERYBODY => Target::Everyone,
            id => connection(fields, &format!("data.{}", cut(id)), id)?,
        };
        let said = parse_permissions_at(&format!("data.{id}"), value);
        let said = said.map_err(|wrong| fields.wrong(&wrong.field, wrong.problem))?;
        Ok((target, said.update()))
    });
    read.collect()
}

/// `POST /rooms/:name/eject`
///
/// # Errors
/// 404 without the room, 400 that names what is wrong.
pub(super) async fn eject(asked: &Asked) -> Result<Answer, Error> {
    let room = asked.room()?;
    let command = Command::RemoveEach(asked.read_about(&room, removals).await?);
    let receipt = asked.execute(&room, command).await?;
    let ejected = json!({"ejectedIds": ejected(&receipt)});
    Ok(Answer::recorded(ejected, &receipt))
}

/// Connections first, so that a person named both ways is kept out as well.
fn removals(fields: &mut Fields) -> Result<Vec<Remove>, Wrong> {
    let ids = listed(fields, "ids")?;
    let people = listed(fields, "user_ids")?;
    let ban = fields.optional("ban")?.unwrap_or_default();
    let connections = ids.iter().map(|id| {
        let target = connection(fields, "ids", id)?;
        Ok(Remove::new(target))
    });
    let people = people.iter().map(|id| {
        let identity = Identity::new(id).map_err(|error| fields.wrong("user_ids", error))?;
        let mut remove = Remove::new(Target::Identity(identity));
        remove.ban = ban;
        Ok(remove)
    });
    connections.chain(people).collect()
}

fn listed(fields: &mut Fields, name: &'static str) -> Result<Vec<String>, Wrong> {
    let ids: Vec<Value> = fields.optional(name)?.unwrap_or_default();
    if ids.len() > EJECTED_MAX {
        let count = ids.len();
        let problem = format!("lists {count} ids, at most {EJECTED_MAX} are taken");
        return Err(fields.wrong(name, problem));
    }
    let ids: Option<Vec<String>> = ids.iter().map(written).collect();
    ids.ok_or_else(|| fields.wrong(name, "has to be an array of strings or numbers"))
}

/// The connections that the call closed, in order.
fn ejected(receipt: &Receipt) -> Vec<String> {
    let Some(room) = &receipt.room else {
        return Vec::new();
    };
    let mut ids = Vec::new();
    for record in &receipt.records {
        if let Event::ConnectionsClosed(it) = &record.event.event {
            let closed = it.who.connections.iter();
            let closed = closed.filter_map(|number| room.connection(number));
            ids.extend(closed.map(|connection| connection.id.uuid().to_string()));
        }
    }
    ids
}

fn connection(fields: &Fields, name: &str, id: &str) -> Result<Target, Wrong> {
    match participant_id(id) {
        Ok(id) => Ok(Target::Connection(id.to_owned())),
        Err(problem) => Err(fields.wrong(name, problem)),
    }
}

/// As much of a caller's word as a sentence repeats.
fn cut(text: &str) -> String {
    text.chars().take(ECHO_CHARS_MAX).collect()
}

/// Everybody whom no other key names.
pub(super) const EVERYBODY: &str = "*";
/// Ids of one kind in one request (Daily's figure).
const EJECTED_MAX: usize = 100;
/// Longer words of a caller are cut before they are repeated.
const ECHO_CHARS_MAX: usize = 64;
