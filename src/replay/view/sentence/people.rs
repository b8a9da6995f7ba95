//! What people and their connections did, and what was done to them, in words.
//! Apart because all of them are named in the same way.

use super::clause::{Clause, counted};
use crate::domain::event::{
    ByWhom, CloseCause, ConnectionOpened, ConnectionsClosed, MoveRequested, ParticipantBanned,
    ParticipantRegistered, ParticipantUnbanned, ProfileChanged, RemovalRequested, RevocationLifted,
    Selector, TokensRevoked, Who,
};
use crate::domain::{ConnectionNumber, Version};
use crate::replay::view::resolve::Resolver;

/// A connection with whose it is.
pub(super) fn one(number: ConnectionNumber, resolver: &Resolver<'_>) -> String {
    format!(
        "{} ({})",
        resolver.identity_of(number),
        resolver.connection_id(number)
    )
}

pub(super) fn of_one(number: ConnectionNumber, what: &str, resolver: &Resolver<'_>) -> String {
    format!("{} {what}", one(number, resolver))
}

/// Whom an event is about: a name where it is one person, else how many.
pub(super) fn whom(who: &Who, resolver: &Resolver<'_>) -> String {
    let mut numbers = who.connections.iter();
    if let (Some(number), None) = (numbers.next(), numbers.next()) {
        return one(number, resolver);
    }
    let count = counted(who.connections.len(), "connection");
    if who.asked == Selector::Everyone {
        return format!("everybody ({count})");
    }
    match resolver
        .only_person(who)
        .or_else(|| resolver.asked(&who.asked))
    {
        Some(name) if who.connections.is_empty() => name,
        Some(name) => format!("{name} ({count})"),
        None => count,
    }
}

pub(super) fn registered(it: &ParticipantRegistered) -> String {
    format!(
        "{} was mentioned for the first time: participant {}",
        it.identity.value(),
        it.participant
    )
}

pub(super) fn banned(it: &ParticipantBanned, resolver: &Resolver<'_>) -> String {
    let until = it.until.map(|until| format!(" until {until}"));
    let former = it.former.map(|former| {
        let until = former
            .until
            .map_or_else(|| "for good".to_owned(), |until| format!("until {until}"));
        instead(former.set, &until, resolver)
    });
    format!(
        "banned {}{}{}",
        resolver.identity(it.participant),
        until.unwrap_or_default(),
        former.unwrap_or_default()
    )
}

pub(super) fn unbanned(it: &ParticipantUnbanned, resolver: &Resolver<'_>) -> String {
    format!("lifted the ban of {}", resolver.identity(it.participant))
}

pub(super) fn tokens_revoked(it: &TokensRevoked, resolver: &Resolver<'_>) -> String {
    let whose = it.participant.map(|number| resolver.identity(number));
    let former = it.former.map(|former| {
        let before = format!("before {}", former.before);
        instead(former.set, &before, resolver)
    });
    format!(
        "revoked the tokens of {} issued before {}{}",
        whose.as_deref().unwrap_or("everybody"),
        it.before,
        former.unwrap_or_default()
    )
}

pub(super) fn revocation_lifted(it: &RevocationLifted, resolver: &Resolver<'_>) -> String {
    let whose = it.participant.map(|number| resolver.identity(number));
    format!(
        "lifted the revocation of the tokens of {}",
        whose.as_deref().unwrap_or("everybody")
    )
}

/// What a ban or a revocation replaces.
fn instead(set: Version, what: &str, resolver: &Resolver<'_>) -> String {
    match resolver.position(set) {
        Some(position) => format!(", instead of {what} (see #{position})"),
        None => format!(", instead of {what}"),
    }
}

pub(super) fn opened(it: &ConnectionOpened, resolver: &Resolver<'_>) -> String {
    let who = one(it.number, resolver);
    if let Some(from) = &it.moved_from {
        return format!("{who} came over from room {}", from.room);
    }
    match it.replaces {
        Some(old) => format!("{who} joined, replacing {}", resolver.connection_id(old)),
        None => format!("{who} joined"),
    }
}

pub(super) fn removal(it: &RemovalRequested, resolver: &Resolver<'_>) -> String {
    let verb = if it.ban {
        "removed and banned"
    } else {
        "removed"
    };
    let tokens = it
        .revoke_before
        .map(|before| format!(", tokens issued before {before} revoked"));
    format!(
        "{verb} {}{}",
        whom(&it.who, resolver),
        tokens.unwrap_or_default()
    )
}

pub(super) fn closed(it: &ConnectionsClosed, resolver: &Resolver<'_>) -> String {
    let how = match it.closing.cause {
        CloseCause::Left => "left",
        CloseCause::Removed => "was removed",
        CloseCause::Replaced => "was replaced by a newer connection",
        CloseCause::Moved => "went over to another room",
        CloseCause::SessionEnded => "was closed with the session",
        CloseCause::RoomDeleted => "was closed with the room",
        CloseCause::NeverActive => "was closed, never having become active",
        CloseCause::Expired => "was closed, its time being up",
        CloseCause::RoomExpired => "was closed, the room having expired",
        CloseCause::ReporterLost => "was closed, its media server no longer listing it",
        CloseCause::ServerShutdown => "was closed, the server stopping for good",
        CloseCause::RoomClosed => "was closed, nobody who counts being left",
    };
    let reported = it.closing.reported_reason.as_ref();
    let reported = reported.map(|reason| format!(" ({reason})"));
    format!(
        "{} {how}{}",
        whom(&it.who, resolver),
        reported.unwrap_or_default()
    )
}

pub(super) fn moved(it: &MoveRequested, resolver: &Resolver<'_>) -> String {
    format!("moved {} to room {}", whom(&it.who, resolver), it.to_room)
}

pub(super) fn profile(it: &ProfileChanged, resolver: &Resolver<'_>) -> Clause {
    let name = it.name.as_ref();
    let name = name.map(|name| format!("name to {:?}", name.value.as_str()));
    let metadata = it.metadata.as_ref().map(|metadata| {
        let bytes = metadata.value.as_str().len();
        format!("metadata ({})", counted(bytes, "byte"))
    });
    let attributes = it.attributes.as_ref().map(|change| {
        let set = change.set.value().keys();
        let keys: Vec<&str> = set
            .chain(change.removed.value())
            .map(String::as_str)
            .collect();
        format!("attributes {}", keys.join(", "))
    });
    let what: Vec<String> = [name, metadata, attributes].into_iter().flatten().collect();
    let (what, whose) = (what.join(" and "), whom(&it.who, resolver));
    match it.by {
        ByWhom::Itself => Clause::Happened(format!("{whose} changed its own {what}")),
        ByWhom::Admin => Clause::Did(format!("changed {what} of {whose}")),
    }
}
