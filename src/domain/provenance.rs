//! Who did something, through what and why: recorded once per command.
//!
//! Apart because "metadata" means something else to every vendor. It never holds a secret, a
//! token or a body.

use serde::{Deserialize, Serialize};

use super::id::ConnectionNumber;
use super::personal::Personal;

/// What kind of actor gave a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A server with an API key; its id is the key id.
    ApiKey,
    /// Somebody in the room; the id is the connection's number, resolved when read.
    Participant,
    /// The engine itself.
    System,
    /// A rule that fired without anybody asking: a timer.
    Policy,
}

/// Who gave a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// Which kind.
    pub kind: ActorKind,
    /// The key id, or the name of the rule.
    pub id: String,
    /// The connection in whose name the command was given.
    pub connection: Option<ConnectionNumber>,
    /// The person behind the call, as the caller says (`X-Audit-Actor`).
    pub on_behalf_of: Option<Personal<String>>,
}

/// Which interface a command came through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Via {
    /// The dialect, such as `ledger`.
    pub dialect: String,
    /// The call in that dialect's own words.
    pub call: String,
}

/// All that is known of where a command came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Who.
    pub actor: Actor,
    /// Through what.
    pub via: Via,
    /// The caller's idempotency key.
    pub request_id: Option<String>,
    /// Why, in the caller's words (`X-Audit-Reason`).
    pub reason: Option<Personal<String>>,
    /// Why, as a code of the caller.
    pub reason_code: Option<String>,
    /// The caller's address, when known.
    pub source_ip: Option<Personal<String>>,
    /// The caller's software, when known.
    pub user_agent: Option<Personal<String>>,
    /// The caller's own id of what belongs together (`X-Correlation-Id`).
    pub correlation: Option<String>,
}

impl Provenance {
    /// The engine itself, or one of its rules, acting through no interface.
    pub fn of_engine(kind: ActorKind, id: &str) -> Self {
        Self {
            actor: Actor {
                kind,
                id: id.to_owned(),
                connection: None,
                on_behalf_of: None,
            },
            via: Via {
                dialect: "engine".to_owned(),
                call: id.to_owned(),
            },
            request_id: None,
            reason: None,
            reason_code: None,
            source_ip: None,
            user_agent: None,
            correlation: None,
        }
    }
}
