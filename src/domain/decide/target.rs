//! Whom a command means. Apart because every admin command resolves its targets the same way:
//! identities to all their live connections, ids in any form, `*` to everybody not named.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use super::draft::Draft;
use crate::domain::command::Target;
use crate::domain::event::{Selector, Who};
use crate::domain::id::{ConnectionNumber, Version};
use crate::domain::limits::REFERENCE_BYTES_MAX;
use crate::domain::personal::Personal;
use crate::domain::rejection::Rejection;
use crate::domain::state::{Connection, Room, Session};
use crate::domain::words;

impl Draft<'_> {
    /// The live connections that a target means: at least one, but for `*`.
    pub(super) fn resolve(&self, target: &Target) -> Result<Vec<Arc<Connection>>, Rejection> {
        self.find(target).ok_or_else(|| self.nobody(target))
    }

    /// The same; `None` where the target means nobody. A list may name 100,000 strangers, and a
    /// refusal for each of them would take longer than all the rest.
    pub(super) fn find(&self, target: &Target) -> Option<Vec<Arc<Connection>>> {
        let found = live_in(&self.room, target);
        (!found.is_empty() || *target == Target::Everyone).then_some(found)
    }

    /// The refusal for a target that [`Self::find`] does not find.
    pub(super) fn nobody(&self, target: &Target) -> Rejection {
        if let Target::Connection(id) = target
            && let Err(rejection) = self.open_connection(id)
        {
            return rejection;
        }
        self.no_such_participant(target)
    }

    /// The refusal for a target that means nobody.
    pub(super) fn no_such_participant(&self, target: &Target) -> Rejection {
        Rejection::NoSuchParticipant {
            room: self.name(),
            participant: text_of(target),
            because: self.gone(target),
        }
    }

    /// What closed the latest connection of somebody who is not inside.
    pub(super) fn gone(&self, target: &Target) -> Option<Version> {
        let Target::Identity(identity) = target else {
            return None;
        };
        let (_, person) = self.room.person_by_identity(identity)?;
        person.left.filter(|_| person.live.is_empty())
    }

    /// The target as asked beside the connections it came to.
    pub(super) fn who(&self, target: &Target, found: &[Arc<Connection>]) -> Who {
        Who {
            asked: selector(&self.room, target),
            connections: numbers(found).into_iter().collect(),
        }
    }
}

/// The members of a list as a set, in the order in which each comes first: what is named again is
/// meant once, so that work and answers grow with what there is and not with repeats.
///
/// Hashes are sorted instead of members, since texts lie far apart in memory. Members are compared
/// where hashes are the same: repeats, and texts that are made to collide.
pub(super) fn each_once<T: Ord + Hash>(all: &[T]) -> impl Iterator<Item = &T> {
    let hashes = all.iter().map(hash_of);
    let mut sorted: Vec<(u64, usize)> = hashes.zip(0..).collect();
    sorted.sort_unstable();
    let mut is_repeat = vec![false; all.len()];
    for alike in sorted.chunk_by(|(one, _), (other, _)| one == other) {
        if alike.len() == 1 {
            continue;
        }
        let members = alike
            .iter()
            .filter_map(|(_, place)| Some((all.get(*place)?, *place)));
        let mut members: Vec<(&T, usize)> = members.collect();
        members.sort_unstable();
        for same in members.chunk_by(|(one, _), (other, _)| one == other) {
            for (_, place) in same.iter().skip(1) {
                if let Some(is_repeat) = is_repeat.get_mut(*place) {
                    *is_repeat = true;
                }
            }
        }
    }
    let all = all.iter().zip(is_repeat);
    all.filter_map(|(it, is_repeat)| (!is_repeat).then_some(it))
}

/// The same in every process: nothing that is decided may depend on a seed.
fn hash_of(it: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    it.hash(&mut hasher);
    hasher.finish()
}

/// The live connections that a target means in a room: none where it means nobody.
pub(super) fn live_in(room: &Room, target: &Target) -> Vec<Arc<Connection>> {
    match target {
        Target::Everyone => room
            .open_session()
            .into_iter()
            .flat_map(Session::live)
            .cloned()
            .collect(),
        Target::Identity(identity) => room.live_of(identity).into_iter().cloned().collect(),
        Target::Connection(id) => room
            .connection_by_ref(id)
            .filter(|connection| connection.is_live())
            .cloned()
            .into_iter()
            .collect(),
    }
}

/// The target as it is kept in events: by number where the room knows it.
pub(super) fn selector(room: &Room, target: &Target) -> Selector {
    let known = match target {
        Target::Everyone => Some(Selector::Everyone),
        Target::Identity(identity) => room
            .by_identity
            .get(identity)
            .map(|number| Selector::Participant(*number)),
        Target::Connection(id) => room
            .connection_by_ref(id)
            .map(|connection| Selector::Connection(connection.number)),
    };
    known.unwrap_or_else(|| unknown(target))
}

/// A target that means nobody, as it was written.
pub(super) fn unknown(target: &Target) -> Selector {
    Selector::Unknown(Personal::new(kept(target)))
}

/// As much of a target as is kept of it: no id and no identity is longer.
pub(super) fn kept(target: &Target) -> String {
    let mut text = text_of(target);
    words::cut(&mut text, REFERENCE_BYTES_MAX);
    text
}

/// The numbers of connections.
pub(super) fn numbers(connections: &[Arc<Connection>]) -> Vec<ConnectionNumber> {
    connections
        .iter()
        .map(|connection| connection.number)
        .collect()
}

/// The target as it was written.
pub(super) fn text_of(target: &Target) -> String {
    match target {
        Target::Everyone => "*".to_owned(),
        Target::Identity(identity) => identity.as_str().to_owned(),
        Target::Connection(id) => id.clone(),
    }
}
