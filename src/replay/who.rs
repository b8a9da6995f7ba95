//! Who was there, who could send, who had been removed: the questions of a review.
//!
//! Apart because they are asked of a room as shown, wherever it came from: a server's answer or a
//! fold of a data directory. Each answer names the event that is its reason.

use serde::{Deserialize, Serialize};

use crate::domain::event::CloseCause;
use crate::domain::{Allowed, Send, Source, Timestamp};
use crate::replay::view::{ConnectionView, ParticipantView, PermissionView, RoomView};

/// Something that a permission may allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ability {
    /// Publish tracks: of this source, or of any.
    Publish(Option<Source>),
    /// Send data messages.
    SendData,
}

impl Ability {
    /// Whether a permission allows it.
    pub fn is_in(self, permission: &PermissionView) -> bool {
        let send = Send {
            enabled: permission.send.enabled,
            allowed: Allowed::from(permission.send.allowed.clone()),
        };
        match self {
            Self::Publish(Some(source)) => send.allows(source),
            Self::Publish(None) => send.enabled && send.allowed != Allowed::Listed(Vec::new()),
            Self::SendData => permission.data,
        }
    }
}

/// Somebody who was there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    /// Who.
    pub identity: String,
    /// The name shown.
    pub name: String,
    /// Their connection.
    pub connection: String,
    /// LiveKit's form of its id.
    pub sid: String,
    /// Since when the connection is open.
    pub since: Timestamp,
    /// The position of the event that is the reason: who joined, or what gave the right.
    pub because: Option<u64>,
}

/// Somebody who had been removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Removal {
    /// Who.
    pub identity: String,
    /// The name that was shown.
    pub name: String,
    /// The connection that was closed.
    pub connection: String,
    /// LiveKit's form of its id.
    pub sid: String,
    /// When.
    pub at: Timestamp,
    /// The position of the request, which tells by whom and why.
    pub because: Option<u64>,
    /// Whether they are in the room again.
    pub is_back: bool,
}

/// Every open connection, by person.
pub fn present(room: &RoomView) -> Vec<Presence> {
    live(room)
        .map(|(person, one)| presence(person, one, one.opened))
        .collect()
}

/// Every open connection whose permission allows it, with the event that set the permission.
pub fn able(room: &RoomView, ability: Ability) -> Vec<Presence> {
    live(room)
        .filter(|(_, one)| ability.is_in(&one.permission))
        .map(|(person, one)| presence(person, one, one.permission_set))
        .collect()
}

/// Every removal in the session, oldest first.
pub fn removed(room: &RoomView) -> Vec<Removal> {
    let mut found: Vec<Removal> = connections(room)
        .filter_map(|(person, one)| {
            let closed = one.closed.as_ref()?;
            (closed.cause == CloseCause::Removed).then(|| Removal {
                identity: person.identity.clone(),
                name: one.name.clone(),
                connection: one.connection.clone(),
                sid: one.sid.clone(),
                at: one.end.unwrap_or(one.start),
                because: closed.because,
                is_back: person.live,
            })
        })
        .collect();
    found.sort_by_key(|removal| removal.at);
    found
}

fn live(room: &RoomView) -> impl Iterator<Item = (&ParticipantView, &ConnectionView)> {
    connections(room).filter(|(_, one)| one.live)
}

fn connections(room: &RoomView) -> impl Iterator<Item = (&ParticipantView, &ConnectionView)> {
    let people = room.participants.iter();
    people.flat_map(|person| person.connections.iter().map(move |one| (person, one)))
}

fn presence(person: &ParticipantView, one: &ConnectionView, because: Option<u64>) -> Presence {
    Presence {
        identity: person.identity.clone(),
        name: one.name.clone(),
        connection: one.connection.clone(),
        sid: one.sid.clone(),
        since: one.start,
        because,
    }
}
