//! What a meeting shares: the data of its session, and messages to who is inside. Apart, because
//! the log keeps the one whole, and of the other only size and digest.

use serde_json::{Map, Value, json};

use crate::dialect::daily::asked::{Answer, Asked};
use crate::dialect::daily::error::Error;
use crate::dialect::daily::fields::{Fields, Wrong};
use crate::dialect::daily::people::EVERYBODY;
use crate::dialect::daily::permission::participant_id;
use crate::dialect::javascript;
use crate::domain::command::{SendData, SessionDataMerge};
use crate::domain::{Command, Digest, Target};

/// `GET /rooms/:name/get-session-data`
///
/// # Errors
/// 404 where nobody meets: the data is gone with its session.
pub(super) async fn get_session_data(asked: &Asked) -> Result<Answer, Error> {
    let name = asked.room()?;
    let room = asked.daily.engine.room(&name).await?;
    let session = room.as_ref().and_then(|room| room.open_session());
    let session =
        session.ok_or_else(|| Error::not_found(format!("nobody meets in a room named {name}")))?;
    let data = session.data.as_ref();
    let data = data.and_then(|text| serde_json::from_str::<Value>(&text.value).ok());
    let data = data.unwrap_or_else(|| Value::Object(Map::new()));
    Ok(Answer::read(json!({"data": data})))
}

/// `POST /rooms/:name/set-session-data`
///
/// # Errors
/// 404 where nobody meets, 400 that names what is wrong, 413 for more than 100 KiB.
pub(super) async fn set_session_data(asked: &Asked) -> Result<Answer, Error> {
    let room = asked.room()?;
    let command = asked.read_about(&room, session_data).await?;
    let receipt = asked.execute(&room, command).await?;
    Ok(Answer::recorded(sent(), &receipt))
}

/// Keys to delete mean something in a merge alone: whoever replaces deletes all.
fn session_data(fields: &mut Fields) -> Result<Command, Wrong> {
    let data: Option<Map<String, Value>> = fields.optional("data")?;
    let strategy: Option<String> = fields.optional("mergeStrategy")?;
    let delete_keys: Option<Vec<String>> = fields.optional("keysToDelete")?;
    let merge = match strategy.as_deref() {
        None | Some("replace") => SessionDataMerge::Replace,
        Some("shallow-merge") => SessionDataMerge::Shallow,
        Some(_) => {
            let problem = "has to be replace or shallow-merge";
            return Err(fields.wrong("mergeStrategy", problem));
        }
    };
    Ok(Command::SetSessionData {
        data: javascript::json(&Value::Object(data.unwrap_or_default())),
        merge,
        delete_keys: delete_keys.unwrap_or_default(),
    })
}

/// `POST /rooms/:name/send-app-message`
///
/// # Errors
/// 404 where nobody meets, 400 that names what is wrong.
pub(super) async fn send_app_message(asked: &Asked) -> Result<Answer, Error> {
    let room = asked.room()?;
    let command = asked.read_about(&room, app_message).await?;
    let receipt = asked.execute(&room, command).await?;
    Ok(Answer::recorded(sent(), &receipt))
}

fn app_message(fields: &mut Fields) -> Result<Command, Wrong> {
    let data: Map<String, Value> = fields.required("data")?;
    let recipient: Option<String> = fields.optional("recipient")?;
    let data = javascript::json(&Value::Object(data));
    if data.len() > MESSAGE_BYTES_MAX {
        let bytes = data.len();
        let problem = format!("is {bytes} bytes of JSON, at most {MESSAGE_BYTES_MAX} are sent");
        return Err(fields.wrong("data", problem));
    }
    let targets = match recipient.as_deref() {
        None | Some(EVERYBODY) => Vec::new(),
        Some(id) => {
            let id = participant_id(id).map_err(|problem| fields.wrong("recipient", problem))?;
            vec![Target::Connection(id.to_owned())]
        }
    };
    Ok(Command::SendData(SendData {
        topic: None,
        lossy: false,
        bytes: u64::try_from(data.len()).unwrap_or(u64::MAX),
        digest: Digest::of(data.as_bytes()),
        targets,
    }))
}

/// Daily says it in a string.
fn sent() -> Value {
    json!({"sent": "true"})
}

/// Daily's 4 kB.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;
