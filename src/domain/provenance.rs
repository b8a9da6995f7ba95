//! Who did something, through what and why: recorded once per command.
//!
//! Apart because "metadata" means something else to every vendor. It never holds a secret, a
//! token or a body.

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::id::ConnectionNumber;
use super::personal::Personal;
use super::words::cut;

/// What kind of actor gave a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// A caller with an API key, or with a token that one signed.
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
    /// The verified subject of the caller's token; the key id where the token names nobody; the
    /// name of the rule.
    pub id: Personal<String>,
    /// The id of the key that the call came with; `None` for the engine and its rules.
    pub key: Option<String>,
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

/// Ids of a request that other systems gave it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The id that proxies and frameworks pass along (`X-Request-Id`).
    pub request_id: Option<String>,
    /// The span that the call is part of (W3C Trace Context's `traceparent`).
    pub traceparent: Option<String>,
}

/// All that is known of where a command came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Who.
    pub actor: Actor,
    /// SHA-256 of the token with which the caller came; `None` without one.
    pub token_sha256: Option<Digest>,
    /// Through what.
    pub via: Via,
    /// The caller's idempotency key.
    pub request_id: Option<String>,
    /// By what the request is followed through other systems; it decides nothing.
    pub trace: Option<Trace>,
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

impl Actor {
    /// A caller with an API key, whose token names `subject` or nobody.
    pub fn of_key(key: &str, subject: Option<&str>) -> Self {
        Self {
            kind: ActorKind::ApiKey,
            id: Personal::new(subject.unwrap_or(key).to_owned()),
            key: Some(key.to_owned()),
            connection: None,
            on_behalf_of: None,
        }
    }

    /// Whom the caller's token names; `None` where it names nobody.
    pub fn subject(&self) -> Option<&str> {
        let key = self.key.as_deref()?;
        Some(self.id.as_str()).filter(|id| *id != key)
    }
}

impl Provenance {
    /// Cuts what the caller says of itself and of the call. The actor, the address and the names of
    /// dialect and call stay whole: others chose them, and they have bounds.
    pub fn shorten(&mut self, bytes_max: usize) {
        let trace = self.trace.iter_mut();
        let ids = trace.flat_map(|trace| [&mut trace.request_id, &mut trace.traceparent]);
        let plain = [
            &mut self.request_id,
            &mut self.reason_code,
            &mut self.correlation,
        ];
        let personal = [
            &mut self.actor.on_behalf_of,
            &mut self.reason,
            &mut self.user_agent,
        ];
        for text in ids.chain(plain).flatten() {
            cut(text, bytes_max);
        }
        for text in personal.into_iter().flatten() {
            cut(text.value_mut(), bytes_max);
        }
    }

    /// The engine itself, or one of its rules, acting through no interface.
    pub fn of_engine(kind: ActorKind, id: &str) -> Self {
        Self {
            actor: Actor {
                kind,
                id: id.into(),
                key: None,
                connection: None,
                on_behalf_of: None,
            },
            token_sha256: None,
            via: Via {
                dialect: "engine".to_owned(),
                call: id.to_owned(),
            },
            request_id: None,
            trace: None,
            reason: None,
            reason_code: None,
            source_ip: None,
            user_agent: None,
            correlation: None,
        }
    }
}
